use super::*;

fn target(url: &str) -> Result<Target, String> {
    Target::resolve(url, &[]).map_err(|e| e.to_string())
}

#[test]
fn urls_are_taken_apart() {
    let seen = |url| target(url).map(|t| (t.host, t.prefix, t.addresses[0].port()));
    let is = |host: &str, prefix: &str, port| Ok((host.to_owned(), prefix.to_owned(), port));
    assert_eq!(
        seen("http://127.0.0.1:8000"),
        is("127.0.0.1:8000", "", 8000)
    );
    assert_eq!(seen("http://127.0.0.1/"), is("127.0.0.1", "", 80));
    assert_eq!(
        seen("HTTP://127.0.0.1:1/a/b/"),
        is("127.0.0.1:1", "/a/b", 1)
    );
    assert_eq!(seen("http://[::1]:8000/x"), is("[::1]:8000", "/x", 8000));
    assert_eq!(seen("http://[::1]"), is("[::1]", "", 80));
}

#[test]
fn urls_that_can_t_be_driven_say_why() {
    let why = |url| target(url).err().unwrap_or_default();
    assert!(why("127.0.0.1:8000").contains("http://host:port"));
    assert!(why("ftp://h").contains("not http or https"));
    assert!(why("http://").contains("no host"));
    assert!(why("http://h:0").contains("port"));
    assert!(why("http://h:70000").contains("port"));
    assert!(why("http://h/?a=b").contains("query"));
    assert!(why("http://u:p@h").contains("authorization"));
    assert!(why("http://127.0.0.1/a\r\nb: c").contains("control"));
}

#[test]
fn headers_can_t_be_smuggled() {
    let with = |name: &str, value: &str| {
        let headers = [(name.to_owned(), value.to_owned())];
        Target::resolve("http://127.0.0.1:1", &headers).map_err(|e| e.to_string())
    };
    assert!(with("Authorization", "Bearer é").is_ok());
    for (name, value) in [
        ("a", "b\r\nc: d"),
        ("a\n", "b"),
        ("", "b"),
        ("a b", "c"),
        ("a", "\0"),
    ] {
        assert!(with(name, value).is_err(), "{name:?} {value:?}");
    }
    let own = with("Content-Length", "0").err().unwrap_or_default();
    assert_eq!(
        own,
        "the header `Content-Length` can't be sent: bench sets it itself"
    );
}
