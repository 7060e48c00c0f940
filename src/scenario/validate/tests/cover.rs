use super::*;

#[test]
fn expressions_that_are_found_in_every_text() {
    for pattern in [
        "",
        ".*",
        "a*",
        "(?s).*",
        "^",
        "$",
        "x?",
        "|",
        "(a|)",
        "(?:)",
        "^.*",
        ".*$",
        "^a*",
        "a*$",
        r"\A",
        r"\z",
        "(?s)^.*$",
        r"^[\s\S]*$",
        "(?m)^.*$",
        "(?m)^",
        "(?m)$",
        "a{0}",
        "a{0,3}",
        "(a*)*",
        "^|x",
        r"\w*",
        r"\W*|\d",
        "(?s).|^$",
        r"(?s)\A.*\z",
        ".*?",
        "(?i)x*",
        "[^a]*a?",
        r".|\n|^$",
        "(?:a|b)?",
        "(?x) ",
        r"\b|",
        r"\b|\B",
        r"(\bfoo\b)?",
        r"(?:\b\w+\b)*",
    ] {
        assert_eq!(cover(pattern, Texts::All), Cover::Every, "{pattern:?}");
        assert!(
            regex::Regex::new(pattern).unwrap().is_match("\u{1f600}\n"),
            "{pattern:?}"
        );
    }
}

#[test]
fn expressions_that_can_fail() {
    for pattern in [
        "^$",
        "^a*$",
        "^.*$",
        ".",
        ".+",
        "(?s).",
        "(?s).+",
        "a",
        "a+",
        "^a",
        "a$",
        r"\w",
        r"\d*x",
        "^.{0,100}$",
        r"^\S*$",
        "(?m)^$",
        r"\bword\b",
        "[^a]",
        r"^[\x00-\x7f]*$",
        "(?i)ok",
        r"\p{L}",
        "a|b",
        r"^(?s:.){0,50}$",
        "Traceback",
        "x{1000}",
    ] {
        assert_eq!(cover(pattern, Texts::All), Cover::Some, "{pattern:?}");
    }
    assert_eq!(cover("(", Texts::All), Cover::Some);
}

#[test]
fn a_line_has_no_line_end() {
    for (pattern, all, lines) in [
        ("^.*$", Cover::Some, Cover::Every),
        ("Traceback\n", Cover::Some, Cover::None),
        ("(?s)a.b", Cover::Some, Cover::Some),
        (r"\n", Cover::Some, Cover::None),
        (".|^$", Cover::Some, Cover::Every),
    ] {
        assert_eq!(cover(pattern, Texts::All), all, "{pattern:?}");
        assert_eq!(cover(pattern, Texts::Lines), lines, "{pattern:?}");
    }
}

/// A check must not hang on an expression, however large.
#[test]
fn large_expressions_are_left_undecided() {
    for pattern in [
        r"(\w{1,20}){1,20}x",
        r"(a|aa|aaa){1,500}b",
        r"^(\pL|\d){0,200}$",
    ] {
        assert_eq!(cover(pattern, Texts::All), Cover::Some, "{pattern:?}");
    }
}

#[test]
fn expressions_that_are_found_in_no_text() {
    for pattern in ["a^b", "$a", r"[^\s\S]", r"a\Ab", r"x\zy", "[a&&b]"] {
        assert_eq!(cover(pattern, Texts::All), Cover::None, "{pattern:?}");
    }
}
