use super::*;

fn filled(text: &str) -> String {
    let pattern = Pattern::parse(text).unwrap_or_else(|mistake| panic!("{mistake}"));
    pattern.fill(|placeholder| format!("<{placeholder:?}>"))
}

#[test]
fn placeholders_are_filled_and_other_braces_kept() {
    let cases = [
        ("", ""),
        ("plain", "plain"),
        ("{conversation}", "<Conversation>"),
        ("bench-{run}-{request}!", "bench-<Run>-<Request>!"),
        ("{{request}}", "{request}"),
        ("{{other}} {request}", "{other} <Request>"),
        ("{{{request}}}", "{{request}}"),
        (
            "[a-z]{3} {1,2} {} { { request }",
            "[a-z]{3} {1,2} {} { { request }",
        ),
        ("{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 1}}"),
        ("\\p{L}+ \\u{41} \\begin{x}", "\\p{L}+ \\u{41} \\begin{x}"),
        ("é{request}é", "é<Request>é"),
        ("{request", "{request"),
        ("request}", "request}"),
    ];
    for (text, expected) in cases {
        assert_eq!(filled(text), expected, "{text}");
    }
    assert_eq!(Pattern::parse("a{{run}}").unwrap().plain(), Some("a{run}"));
    assert!(Pattern::parse("{run}").unwrap().plain().is_none());
}

#[test]
fn an_unknown_name_is_a_mistake_that_suggests_the_nearest() {
    let said = |text: &str| {
        let mistake = Pattern::parse(text).unwrap_err();
        (
            mistake.message,
            mistake.part,
            mistake.help.unwrap_or_default(),
        )
    };
    let (message, part, help) = said("a-{conversaton}");
    assert_eq!(message, "`{conversaton}` is not a placeholder");
    assert_eq!(part, Some(2..15));
    assert_eq!(
        help,
        "did you mean `{conversation}`? to send it as it is, write `{{conversaton}}`"
    );
    assert!(said("{Request}").2.starts_with("did you mean `{request}`?"));
    assert!(
        said("{request-id}")
            .2
            .starts_with("did you mean `{request}`?")
    );
    assert!(
        said("{x}")
            .2
            .starts_with("placeholders are `conversation`, ")
    );
}
