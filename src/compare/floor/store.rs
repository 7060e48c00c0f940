//! The noise floors that are known on this machine, kept in a file of the state directory for later runs.

use super::{Floor, floors, machine, too_fine};
use crate::plan::Plan;
use crate::record::model::{Origin, Run};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file of the floors, in the state directory.
pub(crate) const FILE: &str = "floors.json";

/// The floors in the text of [`FILE`]. What can't be read says nothing.
fn known(text: Option<&str>) -> Vec<Floor> {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Keeps what a run of a baseline against itself found, in place of what was known of the same; says what, and where. `text`
/// is what [`FILE`] in `directory` holds.
///
/// # Errors
/// When it can't be written.
pub(crate) fn keep(
    run: &Run,
    directory: &Path,
    text: Option<&str>,
) -> io::Result<(Vec<Floor>, PathBuf)> {
    let place = directory.join(FILE);
    let found = floors(run);
    let mut all = known(text);
    all.retain(|known| !found.iter().any(|floor| floor.same(known)));
    all.extend(found.iter().cloned());
    // Another run reads the old file or the new one, never half of it.
    let beside = place.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, serde_json::to_string_pretty(&all)? + "\n")?;
    fs::rename(&beside, &place)?;
    Ok((found, place))
}

/// A margin finer than what this machine can tell from noise.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "compare.equivalence: {metric} is to be judged at {}, and {rounds} rounds on this machine tell only {} from none: so far {engine} came apart from itself in {run}; write a wider margin or more rounds, or measure the floor of this load anew: bench compare --aa FILE",
    percent(*margin), percent(*finest)
)]
pub(crate) struct TooFine {
    /// The judged metric.
    metric: String,
    /// Its margin, 0.05 being 5%.
    margin: f64,
    /// The smallest difference that is told from none, likewise.
    finest: f64,
    /// After so many rounds.
    rounds: u32,
    /// The engine whose floor it is.
    engine: String,
    /// The run that found the floor.
    run: String,
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// Refuses margins finer than what this machine can tell from noise, where that is known. `text` is what [`FILE`] holds.
///
/// # Errors
/// The metric, its floor, and what to write instead.
pub(crate) fn admit(plan: &Plan, run: &Run, text: Option<&str>) -> Result<(), TooFine> {
    let measures_it = run.scenario.settings().origin == Origin::AgainstItself;
    let Some(comparing) = plan.comparing.as_ref().filter(|_| !measures_it) else {
        return Ok(());
    };
    let here = machine(&run.machine);
    let phases = plan.variants.first().map_or(0, |variant| {
        variant.phases.iter().filter(|phase| phase.measured).count()
    });
    let cells = comparing.judged.len() * phases * plan.variants.len().saturating_sub(1);
    let all = known(text);
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
        return Err(TooFine {
            metric: metric.to_owned(),
            margin,
            finest,
            rounds: comparing.max,
            engine: floor.engine.clone(),
            run: floor.run.clone(),
        });
    }
    Ok(())
}
