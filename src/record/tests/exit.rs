use super::ExitCode;

#[test]
fn every_code_is_documented() {
    let page = include_str!("../../../docs/exit-codes.md");
    for code in ExitCode::ALL {
        assert_eq!(ExitCode::from_u8(code.into()), Some(code));
        let row = format!("\n| {} | ", u8::from(code));
        assert!(page.contains(&row), "no row for {code:?}");
    }
}
