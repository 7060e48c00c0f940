use super::*;

fn pattern(data: &str) -> Option<Pattern> {
    Pattern::of(data.as_bytes(), &serde_json::from_str(data).expect("JSON"))
}

#[test]
fn a_chunk_that_differs_in_its_text_alone_is_known() {
    let first = r#"{"id":"a","object":"text_completion","choices":[{"index":3,"text" : " \"one\\","logprobs":null,"finish_reason":null}],"usage":null}"#;
    let known = pattern(first).expect("a plain chunk");
    assert_eq!((known.field, known.index), (Field::Text, 3));
    let other = |text: &str| first.replace(r#" \"one\\"#, text);
    let text = |data: &str| known.text(data.as_bytes()).map(str::to_owned);
    assert_eq!(text(&other(" zwölf")).as_deref(), Some(" zwölf"));
    assert_eq!(text(&other("")).as_deref(), Some(""));
    assert_eq!(text(&other("a\\nb")), None, "to be unescaped");
    assert_eq!(text(&other("a\nb")), None, "no JSON");
    assert_eq!(text(&other("x\",\"text\":\"y")), None, "another field");
    assert_eq!(text(&first.replace("null}]", "\"stop\"}]")), None);
    assert_eq!(text(&first.replace("\"a\"", "\"b\"")), None);
    assert_eq!(text(&first[..first.len() - 1]), None);
    let cut = first.find(" \\\"one").unwrap_or(0);
    assert_eq!(text(&first[..cut]), None, "shorter than both ends");
}

#[test]
fn a_chat_is_known_by_its_content() {
    let chat = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"hi","refusal":null},"finish_reason":null}]}"#;
    let known = pattern(chat).expect("a plain chunk");
    assert_eq!(known.field, Field::Content);
    let next = chat.replace("hi", " you");
    assert_eq!(known.text(next.as_bytes()), Some(" you"));
}

#[test]
fn what_adds_up_is_always_parsed() {
    for choice in [
        r#"{"index":0,"text":"a","finish_reason":"stop"}"#,
        r#"{"index":0,"text":"a","token_ids":[1]}"#,
        r#"{"index":0,"text":"a","logprobs":{"tokens":["a"]}}"#,
        r#"{"text":"a"}"#,
        r#"{"index":0,"text":null}"#,
        r#"{"index":0,"text":"a","delta":{"content":"b"}}"#,
        r#"{"index":0,"delta":{"content":"a","reasoning":"b"}}"#,
        r#"{"index":0,"delta":{"content":"a","tool_calls":[{"index":0}]}}"#,
        r#"{"index":0,"delta":{"role":"assistant"}}"#,
    ] {
        assert!(
            pattern(&format!("{{\"choices\":[{choice}]}}")).is_none(),
            "{choice}"
        );
    }
    let plain = r#"{"index":0,"text":"a"}"#;
    for chunk in [
        format!("{{\"choices\":[{plain},{plain}]}}"),
        format!("{{\"choices\":[{plain}],\"text\":\"b\"}}"),
        "{\"choices\":[]}".into(),
        "{\"text\":\"a\"}".into(),
    ] {
        assert!(pattern(&chunk).is_none(), "{chunk}");
    }
}
