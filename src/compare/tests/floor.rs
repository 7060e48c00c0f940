use super::*;
use crate::record::fixture;
use crate::record::model::Judged;

#[test]
fn a_run_against_itself_gives_the_floor() {
    let mut run = fixture::rounds(8, 1.0);
    run.comparisons = super::super::side_by_side(&run);
    let all = floors(&run);
    let metrics: Vec<&str> = all.iter().map(|floor| floor.metric.as_str()).collect();
    assert_eq!(metrics.len(), 3, "{metrics:?}");
    let ttft = &all[0];
    assert_eq!((ttft.engine.as_str(), ttft.rounds), ("vllm", 8));
    assert!(ttft.spread > 0.001 && ttft.spread < 0.05, "{ttft:?}");
    assert!(
        ttft.same(&Floor {
            spread: 1.0,
            ..ttft.clone()
        }) && !ttft.same(&all[1])
    );
}

#[test]
fn a_margin_below_the_floor_is_too_fine_until_there_are_rounds_enough() {
    let floor = Floor {
        machine: String::new(),
        engine: String::new(),
        model: String::new(),
        metric: "ttft_ms.p50".to_owned(),
        spread: 0.04,
        rounds: 10,
        run: String::new(),
    };
    // t(0.99, 8) = 2.8965, t(0.9, 8) = 1.3968: 4.2933 * 0.04 / sqrt(10).
    let finest = floor.finest(10, 0.01);
    assert!(
        (finest.ln_1p() - 4.2933 * 0.04 / 10_f64.sqrt()).abs() < 1e-5,
        "{finest}"
    );
    let comparing = |max, margin| Comparing {
        min: max,
        max,
        until_decided: false,
        alternate: true,
        restart: true,
        judged: vec![Judged {
            metric: floor.metric.clone(),
            margin,
        }],
    };
    let floors = [floor.clone()];
    let refused = |max, margin| too_fine(&comparing(max, margin), 1, &floors).is_some();
    assert!(refused(10, 0.05) && !refused(10, 0.06) && !refused(20, 0.05));
    assert!(too_fine(&comparing(10, 0.01), 1, &[]).is_none());
}
