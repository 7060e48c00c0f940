//! A baseline against itself, and the noise floors that this leaves for later runs, in `$XDG_STATE_HOME/bench/floors.json`.

use super::Failure;
use crate::compare::floor::{Floor, floors, machine, too_fine};
use crate::plan::Plan;
use crate::record::model::Run;
use crate::scenario::Loaded;
use crate::scenario::model::{Compare, Order, Rounds, Variant};
use crate::topology::registry;
use serde_json::json;
use std::fs;
use std::io;
use std::path::PathBuf;

/// Rounds where the scenario names none.
const ROUNDS: u32 = 10;

/// Makes a scenario one in which its baseline runs against itself.
pub fn against_itself(loaded: &mut Loaded) {
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
    let rounds = compare.rounds.unwrap_or(Rounds {
        min: ROUNDS,
        max: None,
        order: Order::Abba,
        restart: true,
    });
    // All of them, whatever the first look says: what is wanted is the spread, that from start to start too.
    let rounds = Rounds {
        min: rounds.max.unwrap_or(rounds.min).max(rounds.min),
        max: None,
        order: Order::Abba,
        restart: true,
    };
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
    loaded.resolved["against_itself"] = json!(true);
}

/// The file of the floors, in the state directory.
const FILE: &str = "floors.json";

fn kept() -> Vec<Floor> {
    // What can't be read says nothing.
    let text = registry::read_state(FILE);
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Keeps what a run of a baseline against itself found, in place of what was known of the same; says what, and where.
///
/// # Errors
/// When there is no place for it that is this user's alone, or it can't be written.
pub fn keep_floors(run: &Run) -> io::Result<(Vec<Floor>, PathBuf)> {
    let place = registry::state_directory()?.join(FILE);
    let found = floors(run);
    let mut all = kept();
    all.retain(|known| !found.iter().any(|floor| floor.same(known)));
    all.extend(found.iter().cloned());
    let beside = place.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, serde_json::to_string_pretty(&all)? + "\n")?;
    fs::rename(&beside, &place)?;
    Ok((found, place))
}

/// Refuses margins finer than what this machine can tell from noise, where that is known.
///
/// # Errors
/// The metric, its floor, and what to write instead.
pub(super) fn admit(plan: &Plan, run: &Run) -> Result<(), Failure> {
    let measures_it = run.scenario.resolved.get("against_itself").is_some();
    let Some(comparing) = plan.comparing.as_ref().filter(|_| !measures_it) else {
        return Ok(());
    };
    let here = machine(&run.machine);
    let phases = plan.variants.first().map_or(0, |variant| {
        variant.phases.iter().filter(|phase| phase.measured).count()
    });
    let cells = comparing.judged.len() * phases * plan.variants.len().saturating_sub(1);
    let all = kept();
    for variant in &plan.variants {
        let of = |floor: &&Floor| {
            floor.machine == here
                && floor.engine == variant.engine
                && floor.model == variant.endpoint.model
        };
        let own: Vec<Floor> = all.iter().filter(of).cloned().collect();
        let Some((metric, margin, finest, floor)) = too_fine(comparing, cells, &own) else {
            continue;
        };
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        return Err(Failure::Input(format!(
            "compare.equivalence: {metric} is to be judged at {}, and {} rounds on this machine tell only {} from none: so far {} came apart from itself in {}; write a wider margin or more rounds, or measure the floor of this load anew: bench compare --aa FILE",
            percent(margin),
            comparing.max,
            percent(finest),
            floor.engine,
            floor.run
        )));
    }
    Ok(())
}
