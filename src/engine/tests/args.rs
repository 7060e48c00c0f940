use super::*;

#[test]
fn user_arguments_override_defaults_by_key_and_null_is_a_bare_flag() {
    let flags = Flags::new([
        ("discovery-backend", ArgValue::Text("etcd".into())),
        ("no-router-kv-events", ArgValue::Bare),
        ("event-plane", ArgValue::Text("zmq".into())),
    ])
    .override_with(&Args::from([
        ("discovery_backend".into(), ArgValue::Text("file".into())),
        ("no-router-kv-events".into(), ArgValue::Switch(false)),
        ("ports".into(), ArgValue::List(vec!["1".into(), "2".into()])),
        ("rate".into(), ArgValue::Number(0.72)),
    ]));
    let mut argv = Vec::new();
    flags.append(&mut argv);
    assert_eq!(
        argv.join(" ".as_ref()),
        "--discovery-backend file --event-plane zmq --ports 1 2 --rate 0.72"
    );
}
