use super::*;

fn shown(at: &str) -> Option<String> {
    fn path(segments: &[Segment]) -> String {
        let one = |segment: &Segment| {
            let selects: Vec<String> = segment.selects.iter().map(select).collect();
            format!(
                "{}{}",
                if segment.deep { "**" } else { "" },
                selects.join("|")
            )
        };
        segments.iter().map(one).collect::<Vec<_>>().join("/")
    }
    fn select(select: &Select) -> String {
        match select {
            Select::Name(name, _) => name.clone(),
            Select::Item => "#".to_owned(),
            Select::Nothing => "0".to_owned(),
            Select::All => "*".to_owned(),
            Select::Filter(paths) => {
                let paths: Vec<String> = paths.iter().map(|one| path(one)).collect();
                format!("?({})", paths.join(" "))
            }
        }
    }
    segments(at).map(|all| path(&all))
}

#[test]
fn paths_are_parsed_in_every_notation() {
    for (at, steps) in [
        ("usage", "usage"),
        ("$", ""),
        ("choices[0].text", "choices/#/text"),
        ("$.choices[*].message.content", "choices/*/message/content"),
        ("choices[-1]", "choices/#"),
        ("choices[0:2].text", "choices/#/text"),
        ("choices[1:1]", "choices/0"),
        ("choices[2:1].text", "choices/0/text"),
        ("choices[:0]", "choices/0"),
        ("choices[-1:-3]", "choices/0"),
        ("choices[1:-1]", "choices/#"),
        ("choices[::2]", "choices/#"),
        ("choices[3:0:-1]", "choices/#"),
        ("choices[::0]", "choices/0"),
        ("$['choices'][0][\"text\"]", "choices/#/text"),
        ("['a b']", "a b"),
        ("['it\\'s']", "it's"),
        ("$..nvext", "**nvext"),
        ("choices..['text']", "choices/**text"),
        ("usage['a', 'b']", "usage/a|b"),
        ("usage.*", "usage/*"),
        (
            "choices[?@.finish_reason == 'a]b'].text",
            "choices/?(finish_reason)/text",
        ),
        (
            "choices[?(@.index > 0 && length(@['text']) > 1)]",
            "choices/?(index text)",
        ),
    ] {
        assert_eq!(shown(at).as_deref(), Some(steps), "{at}");
    }
    for at in ["", "a..", "a[", "a[]", "a[x]", "a b", "a['\\u0041']"] {
        assert_eq!(shown(at), None, "{at}");
    }
}

#[test]
fn names_are_returned_with_their_position() {
    for (at, name) in [("choices[0].text", "text"), ("$['choices']", "choices")] {
        let all = segments(at).unwrap();
        let Select::Name(found, range) = &all.last().unwrap().selects[0] else {
            panic!()
        };
        assert_eq!((found.as_str(), &at[range.clone()]), (name, name));
    }
}
