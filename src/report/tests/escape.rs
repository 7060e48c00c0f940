use super::*;
use proptest::prelude::*;

#[test]
fn markdown_stays_text() {
    assert_eq!(
        markdown("a|b\n<img src=x> `c` *d* @me"),
        "a&#124;b &lt;img src=x&gt; \\`c\\` \\*d\\* &#64;me"
    );
    assert_eq!(markdown("http://x www.y"), "http&#58;//x www&#46;y");
    assert_eq!(code("a`b"), "``a`b``");
    assert_eq!(code("`"), "`` ` ``");
    assert_eq!(code("\n"), "(empty)");
    assert_eq!(block("a\n```\nb"), "````text\na\n```\nb\n````\n");
}

proptest! {
    #[test]
    fn nothing_steers(text in any::<String>()) {
        let obeyed = line(&[" ::", &text, " ##[", &text].concat());
        prop_assert!(!obeyed.trim_start().starts_with("::") && !obeyed.contains("##["), "{}", obeyed);
        prop_assert!(!line(&text).chars().any(|c| steers(c) || c.is_control()));
        prop_assert!(!xml(&text).chars().any(|c| c.is_control() && c != '\n'));
        let cell = markdown(&text);
        prop_assert!(!cell.contains(['|', '<', '>', '\n', '@']), "{}", cell);
        let span = code(&text);
        prop_assert!(!span.contains('\n'));
        let fence = span.chars().take_while(|c| *c == '`').count();
        prop_assert!(fence == 0 || longest_run(&span[fence..span.len() - fence]) < fence);
    }
}
