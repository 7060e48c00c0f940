use super::*;
use proptest::prelude::*;

#[test]
fn names_with_colons_labels_and_what_follows_a_value() {
    let page = "# TYPE vllm:x counter\n\nvllm:x{engine=\"0\",model_name=\"a}\\\"b\\\\\\n\"} 3.0 1700000000000\n\
            plain 1e3\n up{} +Inf\nbad{x=\"1\" 5\n9bad 1\nnone\nvllm:h_bucket{le=\"+Inf\"} 7 # {id=\"x\"} 0.5\nn NaN";
    let all: Vec<_> = lines(page).collect();
    let names: Vec<_> = all.iter().map(|line| line.name).collect();
    assert_eq!(names, ["vllm:x", "plain", "up", "vllm:h_bucket", "n"]);
    assert_eq!(
        all[0].labels(),
        [
            ("engine", Cow::Borrowed("0")),
            ("model_name", Cow::Owned("a}\"b\\\n".to_owned()))
        ]
    );
    assert_eq!((all[0].value, all[1].value), (3.0, 1_000.0));
    assert!(all[2].value.is_infinite() && all[4].value.is_nan());
    assert_eq!(all[3].labels(), [("le", Cow::Borrowed("+Inf"))]);
}

proptest! {
    #[test]
    fn any_text_is_read(page in ".*", labels in "[a-z=\",\\\\ {}]*") {
        for line in lines(&page) {
            let _ = line.labels();
        }
        for line in lines(&format!("x{{{labels}}} 1")) {
            let _ = line.labels();
        }
    }
}
