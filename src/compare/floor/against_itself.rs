//! A scenario made one in which its baseline runs against itself: whatever comes apart is noise.

use crate::record::resolved::AGAINST_ITSELF;
use crate::scenario::Loaded;
use crate::scenario::model::{Compare, Order, Rounds, Variant};
use serde_json::json;

/// Rounds where the scenario names none.
const ROUNDS: u32 = 10;

/// Makes a scenario one in which its baseline runs against itself.
pub(crate) fn against_itself(loaded: &mut Loaded) {
    let scenario = &mut loaded.scenario;
    let compare = scenario.compare.take().unwrap_or(Compare {
        baseline: None,
        same_text: false,
        same_text_share: None,
        rounds: None,
        equivalence: Default::default(),
    });
    let named = compare.baseline.as_ref();
    let found = named.and_then(|name| scenario.variants.get_key_value(name));
    let found = found.or_else(|| scenario.variants.first());
    let (name, variant) = match found {
        Some((name, variant)) => (name.clone(), variant.clone()),
        None => {
            let bare = Variant {
                engine: None,
                runtime: None,
                verify: Default::default(),
            };
            ("first".to_owned(), bare)
        }
    };
    let again = format!("{name}-again");
    let whole = &mut scenario.verify.gates;
    whole.retain(|gate| gate.variants().next().is_none());
    let mut both = [variant.clone(), variant];
    for variant in &mut both {
        variant
            .verify
            .gates
            .retain(|gate| gate.variants().next().is_none());
    }
    let rounds = all_of(compare.rounds);
    scenario.variants = [name.clone(), again.clone()]
        .into_iter()
        .zip(both)
        .collect();
    scenario.compare = Some(Compare {
        baseline: Some(name.clone()),
        rounds: Some(rounds),
        ..compare
    });
    let written = loaded
        .resolved
        .pointer(&format!("/variants/{name}"))
        .cloned()
        .unwrap_or_else(|| json!({}));
    loaded.resolved["variants"] = json!({&name: written, again: written});
    loaded.resolved["compare"] = json!(scenario.compare);
    loaded.resolved[AGAINST_ITSELF] = json!(true);
}

/// The rounds of a run that looks for the noise.
fn all_of(wanted: Option<Rounds>) -> Rounds {
    let rounds = wanted.unwrap_or(Rounds {
        until: None,
        min: ROUNDS,
        max: None,
        order: Order::Abba,
        restart: true,
    });
    // There is one look, after all rounds: the spread is wanted, with that between starts.
    Rounds {
        until: None,
        min: match rounds.until {
            // Planned looks could end the run early, when the spread is known least.
            Some(_) => rounds.min.max(ROUNDS),
            None => rounds.most(),
        },
        max: None,
        order: Order::Abba,
        restart: true,
    }
}
