use super::*;
use unicode_width::UnicodeWidthStr as _;

#[test]
fn a_mark_stands_below_its_text_behind_wide_characters() {
    for before in ["model: m", "日本語: モデル", "id: 🚀🚀 ", "cafe\u{301}: "] {
        let source = Arc::new(Source {
            rank: 0,
            name: "bench.yaml".to_owned(),
            text: format!("{before}X\n"),
        });
        let span = Span::new(&source, before.len()..before.len() + 1);
        let shown = Diagnostic::new("odd", "this is odd")
            .label(span, "here")
            .render(false);
        let column = |mark: &str| {
            let mut parts = shown.lines().filter_map(|line| line.split_once(mark));
            parts.next().map(|(before, _)| before.width())
        };
        assert!(column("X").is_some(), "{shown}");
        assert_eq!(column("^ here"), column("X"), "{shown}");
    }
}
