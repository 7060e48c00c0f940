use super::*;

#[test]
fn expressions_that_match_every_text_are_recognised() {
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
        assert_eq!(
            matched_texts(pattern, Texts::All),
            Matches::Every,
            "{pattern:?}"
        );
        assert!(
            regex::Regex::new(pattern).unwrap().is_match("\u{1f600}\n"),
            "{pattern:?}"
        );
    }
}

#[test]
fn expressions_that_can_miss_are_recognised() {
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
        assert_eq!(
            matched_texts(pattern, Texts::All),
            Matches::Some,
            "{pattern:?}"
        );
    }
    assert_eq!(matched_texts("(", Texts::All), Matches::Some);
}

#[test]
fn lines_contain_no_line_break() {
    for (pattern, all, lines) in [
        ("^.*$", Matches::Some, Matches::Every),
        ("Traceback\n", Matches::Some, Matches::None),
        ("(?s)a.b", Matches::Some, Matches::Some),
        (r"\n", Matches::Some, Matches::None),
        (".|^$", Matches::Some, Matches::Every),
    ] {
        assert_eq!(matched_texts(pattern, Texts::All), all, "{pattern:?}");
        assert_eq!(matched_texts(pattern, Texts::Lines), lines, "{pattern:?}");
    }
}

/// The check must end, however large the expression is.
#[test]
fn large_expressions_are_left_undecided() {
    for pattern in [
        r"(\w{1,20}){1,20}x",
        r"(a|aa|aaa){1,500}b",
        r"^(\pL|\d){0,200}$",
    ] {
        assert_eq!(
            matched_texts(pattern, Texts::All),
            Matches::Some,
            "{pattern:?}"
        );
    }
}

#[test]
fn expressions_that_match_no_text_are_recognised() {
    for pattern in ["a^b", "$a", r"[^\s\S]", r"a\Ab", r"x\zy", "[a&&b]"] {
        assert_eq!(
            matched_texts(pattern, Texts::All),
            Matches::None,
            "{pattern:?}"
        );
    }
}
