use super::*;

fn asked<T>(answers: &str, ask: impl Fn(&mut Asker<&[u8], &mut Vec<u8>>) -> T) -> (T, String) {
    let mut said = Vec::new();
    let answer = ask(&mut Asker::new(answers.as_bytes(), &mut said));
    (answer, String::from_utf8(said).expect("text"))
}

#[test]
fn an_empty_line_is_the_default_and_no_line_is_no_answer() {
    let model = |asker: &mut Asker<&[u8], &mut Vec<u8>>| asker.ask("Model?", "demo");
    assert_eq!(
        asked("\n", model),
        (Some("demo".to_owned()), "Model? [demo] ".to_owned())
    );
    assert_eq!(asked(" mine \n", model).0.as_deref(), Some("mine"));
    assert_eq!(asked("", model).0, None);
}

#[test]
fn a_choice_is_a_name_or_a_number_and_asked_until_it_is_one() {
    let choices = ["sim", "vllm"].map(|name| (name.to_owned(), String::new()));
    let choose = |asker: &mut Asker<&[u8], &mut Vec<u8>>| asker.choose("Which?", &choices);
    for (answers, chosen) in [("\n", 0), ("2\n", 1), ("vllm\n", 1), ("0\n9\nx\nsim\n", 0)] {
        assert_eq!(asked(answers, choose).0, Some(chosen), "{answers:?}");
    }
    assert_eq!(asked("7\n", choose).0, None);
}
