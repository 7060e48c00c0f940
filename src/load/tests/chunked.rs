use super::*;

fn decode(pieces: &[&[u8]]) -> Result<(String, bool, usize), String> {
    let (mut chunked, mut body, mut used) = (Chunked::new(), Vec::new(), 0);
    for piece in pieces {
        used += chunked.feed(piece, &mut body)?;
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok((body, chunked.is_done(), used))
}

#[test]
fn chunks_are_joined_at_any_split() {
    let coded = b"3\r\nabc\r\n0A ;x=\"y\"\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\nrest";
    let whole = decode(&[coded]);
    assert_eq!(whole, Ok(("abc0123456789".into(), true, coded.len() - 4)));
    for at in 0..coded.len() {
        let (a, b) = coded.split_at(at);
        assert_eq!(decode(&[a, b]), whole, "split at {at}");
    }
}

#[test]
fn an_unfinished_body_is_not_done() {
    for coded in [
        "3\r\nab",
        "3\r\nabc\r\n",
        "3\r\nabc\r\n0\r\n",
        "0\r\nA: b\r\n",
    ] {
        let done = decode(&[coded.as_bytes()]).map(|d| d.1);
        assert_eq!(done, Ok(false), "{coded:?}");
    }
}

#[test]
fn wrong_framing_is_refused() {
    for coded in [
        "\r\n",
        "x\r\n",
        "3x\r\n",
        "-1\r\n",
        "3\r\nabcd",
        "3\r\nabc3\r\n",
    ] {
        assert!(decode(&[coded.as_bytes()]).is_err(), "{coded:?}");
    }
    assert!(decode(&[b"fffffffffffffffff\r\n"]).is_err());
    let endless = format!("3;{}", "x".repeat(LONGEST_LINE));
    assert!(decode(&[endless.as_bytes()]).is_err());
    let endless = format!("0\r\n{}", "a: b\r\n".repeat(LONGEST_LINE / 4));
    assert!(decode(&[endless.as_bytes()]).is_err());
}
