use super::*;
use proptest::prelude::*;
use serde_json::json;

/// The Base64 that others write, as an oracle.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let n = three.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = (n >> (18 - 6 * i)) & 63;
            let used = i <= three.len();
            out.push(if used {
                char::from(DIGITS[digit as usize])
            } else {
                '='
            });
        }
    }
    out
}

fn redactor() -> Redactor {
    Redactor::new([
        ("HF_TOKEN", "hf_canary/1+2"),
        ("SHORT", "abc"),
        ("PASSWORD", "p\"w d\n"),
    ])
}

#[test]
fn a_canary_is_found_in_every_form() {
    let r = redactor();
    assert_eq!(r.apply("x hf_canary/1+2 y"), "x <redacted:HF_TOKEN> y");
    assert_eq!(
        r.apply("?t=hf_canary%2F1%2B2&a"),
        "?t=<redacted:HF_TOKEN>&a"
    );
    assert_eq!(r.apply("?t=hf_canary%2f1%2b2"), "?t=<redacted:HF_TOKEN>");
    assert_eq!(
        r.apply(r#"{"k":"p\"w d"}"#),
        r#"{"k":"<redacted:PASSWORD>"}"#
    );
    assert_eq!(r.apply("p%22w+d"), "<redacted:PASSWORD>");
    let basic = base64(b"someone:hf_canary/1+2");
    assert!(r.apply(&basic).contains("<redacted:HF_TOKEN>"), "{basic}");
    assert_eq!(r.apply("abc"), "abc", "too short to look for");
}

/// A server's message is cut before it comes here: what is left of a secret there is one still.
#[test]
fn the_beginning_of_a_secret_goes_where_a_text_was_cut() {
    let r = redactor();
    for (told, shown) in [
        (
            "no such key hf_canary/1...",
            "no such key <redacted:HF_TOKEN>...",
        ),
        (
            "key hf_canary... (7 more)",
            "key <redacted:HF_TOKEN>... (7 more)",
        ),
        ("?t=hf_canary%2F1%2...", "?t=<redacted:HF_TOKEN>..."),
        ("hf_ca...", "hf_ca..."),
        ("hf_canary", "hf_canary"),
        ("well... hf_canary/1+2...", "well... <redacted:HF_TOKEN>..."),
    ] {
        assert_eq!(r.apply(told), shown);
        assert_eq!(r.finds(told), told != shown, "{told}");
    }
    assert_eq!(Redactor::default().apply("hf_canary..."), "hf_canary...");
}

#[test]
fn of_a_bearer_the_token_alone_is_found_too() {
    let r = Redactor::new([("KEY", "Bearer s3cr<e>t&\"q\\z'9")]);
    let marked = "<redacted:KEY>";
    for told in [
        "Bearer s3cr<e>t&\"q\\z'9",
        "s3cr<e>t&\"q\\z'9",
        "s3cr&lt;e&gt;t&amp;&quot;q\\z&#x27;9",
        "s3cr&lt;e&gt;t&amp;&#34;q\\z&#39;9",
        r#"s3cr\u003ce\u003et\u0026\"q\\z'9"#,
        r#"s3cr<e>t&"q\\z\'9"#,
    ] {
        assert_eq!(
            r.apply(&format!("[{told}]")),
            format!("[{marked}]"),
            "{told}"
        );
    }
    let sentence = Redactor::new([("KEY", "no1 word")]);
    assert_eq!(sentence.apply("a word"), "a word", "not a scheme");
}

#[test]
fn the_longer_of_two_secrets_leaves_no_rest() {
    let r = Redactor::new([("A", "secret"), ("B", "secret-and-more")]);
    assert_eq!(
        r.apply("secret-and-more secret"),
        "<redacted:B> <redacted:A>"
    );
    assert!(!format!("{r:?}").contains("secret"));
}

#[test]
fn no_secrets_change_nothing() {
    let none = Redactor::default();
    assert_eq!(none.apply("abc"), "abc");
    assert!(!none.finds("") && !Redactor::new([("A", "  ")]).finds(""));
}

#[test]
fn json_keeps_its_shape_and_the_tools_own_words() {
    let r = Redactor::new([("API_KEY", "pass")]);
    let mut run =
        json!({"verdict": "pass", "name": "pass", "resolved": {"pass": ["a pass"]}, "n": 1});
    r.json(&mut run, &["verdict"]);
    let want = json!({
        "verdict": "pass", "name": "<redacted:API_KEY>",
        "resolved": {"<redacted:API_KEY>": ["a <redacted:API_KEY>"]}, "n": 1
    });
    assert_eq!(run, want);
}

#[test]
fn token_variables_are_known() {
    for name in [
        "HF_TOKEN",
        "OPENAI_API_KEY",
        "db_password",
        "AWS_SECRET_ACCESS_KEY",
        "X_SECRET",
    ] {
        assert!(names_a_secret(name), "{name}");
    }
    for name in ["TOKENIZERS_PARALLELISM", "MAX_TOKENS", "PATH"] {
        assert!(!names_a_secret(name), "{name}");
    }
}

proptest! {
    /// Whatever stands around a secret, in whatever form, it does not come through.
    #[test]
    fn no_secret_survives(secret in "[a-zA-Z0-9/+_=-]{12,40}", before in "[ -~]{0,5}", after in "[ -~]{0,5}") {
        let r = Redactor::new([("X", &secret)]);
        let line = format!("{before}{secret}{after}");
        prop_assert!(!r.apply(&line).contains(&secret));
        let encoded = base64(line.as_bytes());
        let clean = r.apply(&encoded);
        prop_assert!(clean.contains("<redacted:X>"), "{} in {}", secret, encoded);
        // At most the digits that share bits with a neighbour are left.
        prop_assert!(clean.len() <= "<redacted:X>".len() + (before.len() + after.len()) * 4 / 3 + 8);
        let url = encoded.replace('+', "-").replace('/', "_");
        prop_assert!(r.apply(&url).contains("<redacted:X>"));
    }
}
