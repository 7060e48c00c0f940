use super::*;

const ALL: [ApiEndpoint; 4] = [
    ApiEndpoint::Completions,
    ApiEndpoint::Chat,
    ApiEndpoint::Responses,
    ApiEndpoint::Embeddings,
];

#[test]
fn no_field_is_listed_twice() {
    for endpoint in ALL {
        for shape in of(endpoint).descendants() {
            let Map(fields) = shape else { continue };
            let mut names: Vec<&str> = fields.names().collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{names:?}");
        }
    }
}

#[test]
fn a_count_is_a_whole_number_from_zero() {
    for (value, holds) in [
        ("3", true),
        ("3.0", true),
        ("0", true),
        ("-1", false),
        ("1.5", false),
        ("\"3\"", false),
        ("null", true),
    ] {
        let value: Value = serde_json::from_str(value).unwrap();
        assert_eq!(Count.accepts(&value), holds, "{value}");
    }
    assert!(
        Count.can_be(JsonType::Integer)
            && Count.can_be(JsonType::Null)
            && !Count.can_be(JsonType::String)
    );
}
