use super::*;

#[test]
fn a_server_that_is_not_ready_is_told_from_one_that_refuses() {
    for status in [404, 408, 425, 429, 500, 502, 503, 504, 529] {
        assert!(!lasts(status), "{status}");
    }
    for status in [301, 307, 400, 401, 403, 405, 413, 415, 422, 501] {
        assert!(lasts(status), "{status}");
    }
}
