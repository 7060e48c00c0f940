use super::Prompt;

#[test]
fn a_prompt_decides_its_answer() {
    let words = |text| {
        (0..40)
            .map(|i| Prompt::from_text(text).word(i))
            .collect::<String>()
    };
    assert_eq!(
        words("The capital of France is"),
        words("The capital of France is")
    );
    assert_ne!(
        words("The capital of France is"),
        words("The capital of Spain is")
    );
    assert_ne!(Prompt::from_ids(&[1, 2]), Prompt::from_ids(&[2, 1]));
}

#[test]
fn words_and_marks_are_tokens() {
    for (text, tokens) in [
        ("", 0),
        ("  ", 0),
        ("one", 1),
        ("The future, of AI is?", 7),
        ("a-b", 3),
    ] {
        assert_eq!(Prompt::from_text(text).tokens, tokens, "{text}");
    }
    assert_eq!(Prompt::from_ids(&[5, 6, 7]).tokens, 3);
}
