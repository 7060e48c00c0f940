//! What a variant or one of its rounds measured, figure by figure: one place, so that reports and comparisons say the same.

use crate::measure::sources::Sources;
use crate::metric::{Figure, Scope};
use crate::record::model::{PhaseRecord, RoundRecord, Startup, Teardown, VariantRecord};

/// The phase under which start-up and teardown are compared.
pub(crate) const TOPOLOGY: &str = "topology";

/// A figure of a phase as reports give it, shares in percent; `None` where it does not apply, and where an importer was not
/// told.
#[must_use]
pub(crate) fn of_phase(figure: Figure, phase: &PhaseRecord) -> Option<f64> {
    reported(figure, &phase.sources())
}

/// Whether it is a percentile with fewer than ten values beyond it.
#[must_use]
pub(crate) fn is_thin(figure: Figure, phase: &PhaseRecord) -> bool {
    phase.sources().is_thin(figure)
}

/// A figure of a variant's topology.
#[must_use]
pub(crate) fn of_topology(figure: Figure, variant: &VariantRecord) -> Option<f64> {
    Measured::from(variant).figure(figure, TOPOLOGY)
}

fn reported(figure: Figure, sources: &Sources<'_>) -> Option<f64> {
    let found = sources
        .figure(figure)
        .filter(|_| sources.is_printed(figure))?;
    Some(figure.row().unit.reported(found)).filter(|found| found.is_finite())
}

/// What a variant or one round of it measured.
pub(super) struct Measured<'a> {
    startup: Option<&'a Startup>,
    phases: &'a [PhaseRecord],
    teardown: Option<&'a Teardown>,
}

impl<'a> From<&'a VariantRecord> for Measured<'a> {
    fn from(variant: &'a VariantRecord) -> Self {
        Self {
            startup: variant.startup.as_ref(),
            phases: &variant.phases,
            teardown: variant.teardown.as_ref(),
        }
    }
}

impl<'a> From<&'a RoundRecord> for Measured<'a> {
    fn from(round: &'a RoundRecord) -> Self {
        Self {
            startup: round.startup.as_ref(),
            phases: &round.phases,
            teardown: round.teardown.as_ref(),
        }
    }
}

impl Measured<'_> {
    /// Its figure: of the phase of this name, or of the topology.
    pub(super) fn figure(&self, figure: Figure, phase: &str) -> Option<f64> {
        if figure.row().scope == Scope::Topology {
            let sources = Sources {
                ready_ms: self.startup.map(|startup| startup.ready_ms),
                teardown_ms: self.teardown.map(|teardown| teardown.ms),
                ..Sources::default()
            };
            return reported(figure, &sources);
        }
        let mut phases = self.phases.iter();
        of_phase(figure, phases.find(|own| own.name == phase)?)
    }
}

/// Whether more of a metric of records is better.
#[must_use]
pub(crate) fn more_is_better(key: &str) -> bool {
    Figure::of_key(key).is_some_and(Figure::more_is_better)
}
