use super::answers_for;

#[test]
fn a_date_a_version_or_a_lost_owner_is_the_same_model() {
    for (found, wanted) in [
        ("m", "m"),
        ("GPT-4o", "gpt-4o"),
        ("m-2024-08-06", "m"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo"),
        ("gemini-1.5-flash-002", "gemini-1.5-flash"),
        ("claude-3-opus@20240229", "claude-3-opus"),
        ("Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("Qwen/Qwen3-0.6B", "Qwen3-0.6B"),
        ("/models/Qwen/Qwen3-0.6B/", "Qwen/Qwen3-0.6B"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("qwen3:latest", "qwen3"),
    ] {
        assert!(answers_for(found, wanted), "{found} for {wanted}");
    }
}

#[test]
fn another_model_is_another_model() {
    for (found, wanted) in [
        ("gpt2", "m"),
        ("gemma", "m"),
        ("gpt-4o-mini", "gpt-4o"),
        ("gpt-4o", "gpt-4o-mini"),
        ("llama-3-70b", "llama-3"),
        ("llama-3", "llama-3-70b"),
        ("qwen-2-5", "qwen-2"),
        ("Evil/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("m2", "m"),
        ("m-", "m"),
        ("", "m"),
        ("/", "m"),
    ] {
        assert!(!answers_for(found, wanted), "{found} for {wanted}");
    }
}
