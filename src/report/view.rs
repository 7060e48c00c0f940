//! The tables that every renderer shows, as plain text. Metrics are rows and variants are columns; each variant except
//! the baseline also has a column with its ratio to the baseline.

use super::compared;
use super::number::{number, ratio};
use crate::compare::{self, metrics};
use crate::metric::Figure;
use crate::record::model::{Machine, PhaseRecord, Run, VariantRecord, Verdict};

/// One table. Its texts are as recorded; each renderer escapes them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Its heading.
    pub(crate) title: String,
    /// The column headings.
    pub(crate) head: Vec<String>,
    /// The rows; each has as many cells as the head.
    pub(crate) rows: Vec<Vec<String>>,
    /// Remarks below the table.
    pub(crate) notes: Vec<String>,
    /// Whether it holds texts rather than numbers.
    pub(crate) prose: bool,
}

/// Explains the star behind a thin percentile.
pub(crate) const STAR: &str = "* a thin percentile: fewer than ten values lie beyond it";

/// The topology's table, then one a measured phase.
pub(crate) fn tables(run: &Run) -> Vec<Table> {
    let columns = Columns::new(run);
    if run.variants.is_empty() {
        return Vec::new();
    }
    let mut all = vec![topology(&columns)];
    let phases = measured(run).into_iter();
    all.extend(phases.map(|name| phase(&columns, name)));
    all.extend(compared::judged(run));
    all.extend(run.decompositions.iter().map(compared::breakdown));
    all.extend(run.same_text.iter().filter_map(compared::answers));
    all
}

/// Names of the measured phases of all variants, each once, in their order.
pub(crate) fn measured(run: &Run) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for phase in run.variants.iter().flat_map(|v| &v.phases) {
        if phase.measured() && !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    names
}

/// The lines of the error. The summary is its first line, unless another program wrote the record.
pub(crate) fn error(run: &Run) -> impl Iterator<Item = &str> {
    let text = run.error.as_deref().unwrap_or_default();
    let repeated = usize::from(text.lines().next() == Some(run.summary.as_str()));
    text.lines().skip(repeated)
}

/// The machine's GPUs in one line.
pub(crate) fn gpus(machine: &Machine) -> String {
    if machine.gpus.is_empty() {
        "no GPU".to_owned()
    } else {
        machine.gpus.join(", ")
    }
}

/// The label of a metric, with its unit.
pub(crate) fn label(key: &str) -> String {
    Figure::of_key(key).map_or_else(|| key.to_owned(), Figure::label)
}

/// Start and end of the run in UTC: `2026-01-01 00:00:00 to 00:04:10`.
pub(crate) fn time(run: &Run) -> String {
    let parts = |at: &str| {
        let at = at.split('.').next().unwrap_or(at).trim_end_matches('Z');
        let (day, time) = at.split_once('T').unwrap_or((at, ""));
        (day.to_owned(), time.to_owned())
    };
    let (day, began) = parts(&run.started);
    match run.finished.as_deref().map(parts) {
        None => format!("{day} {began}, not finished"),
        Some((same, ended)) if same == day => format!("{day} {began} to {ended}"),
        Some((other, ended)) => format!("{day} {began} to {other} {ended}"),
    }
}

/// The first 12 digits of a hash.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Up to this many checks that held are listed one by one.
pub(crate) const FEW: usize = 8;

/// Whether any cell is marked with a star.
pub(crate) fn starred(tables: &[Table]) -> bool {
    tables
        .iter()
        .flat_map(|t| t.rows.iter().flatten())
        .any(|cell| cell.ends_with('*'))
}

/// The word for a verdict.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Invalid => "invalid",
        Verdict::Skipped => "skipped",
        Verdict::Partial => "partial",
        Verdict::Error => "error",
    }
}

/// The variants in their order, and which of them is the baseline.
struct Columns<'a> {
    variants: &'a [VariantRecord],
    baseline: usize,
}

impl<'a> Columns<'a> {
    fn new(run: &'a Run) -> Self {
        let name = compare::baseline(run).map(|variant| &variant.name);
        let baseline = run
            .variants
            .iter()
            .position(|variant| Some(&variant.name) == name);
        Self {
            variants: &run.variants,
            baseline: baseline.unwrap_or(0),
        }
    }

    fn head(&self, first: &str) -> Vec<String> {
        let mut head = vec![first.to_owned()];
        for (i, variant) in self.variants.iter().enumerate() {
            head.push(variant.name.clone());
            if i != self.baseline {
                head.push(format!("/ {}", self.variants[self.baseline].name));
            }
        }
        head
    }

    /// A row of numbers, a star behind each thin one.
    fn numbers(&self, label: &str, values: &[(Option<f64>, bool)]) -> Vec<String> {
        let mut row = vec![label.to_owned()];
        for (i, (value, thin)) in values.iter().enumerate() {
            row.push(number(*value) + if *thin { "*" } else { "" });
            if i != self.baseline {
                row.push(ratio(compare::ratio(values[self.baseline].0, *value)));
            }
        }
        row
    }

    /// A row of words, which have no ratio.
    fn words(&self, label: &str, of: impl Fn(&VariantRecord) -> String) -> Vec<String> {
        let mut row = vec![label.to_owned()];
        for (i, variant) in self.variants.iter().enumerate() {
            row.push(of(variant));
            if i != self.baseline {
                row.push(String::new());
            }
        }
        row
    }
}

fn topology(columns: &Columns<'_>) -> Table {
    let row = |figure: Figure| {
        let variants = columns.variants.iter();
        let values = variants.map(|variant| (metrics::of_topology(figure, variant), false));
        columns.numbers(&figure.label(), &values.collect::<Vec<_>>())
    };
    let mut rows = vec![
        columns.words("engine", |variant| variant.engine.kind.clone()),
        columns.words("versions", versions),
    ];
    rows.extend(Figure::of_topologies().map(row));
    Table {
        title: "topology".to_owned(),
        head: columns.head(""),
        rows,
        notes: Vec::new(),
        prose: false,
    }
}

/// Versions by package, in one line.
pub(crate) fn versions(variant: &VariantRecord) -> String {
    let all: Vec<_> = variant
        .engine
        .versions
        .iter()
        .map(|(name, v)| format!("{name} {v}"))
        .collect();
    if all.is_empty() {
        "-".to_owned()
    } else {
        all.join(", ")
    }
}

fn phase(columns: &Columns<'_>, name: &str) -> Table {
    let of: Vec<_> = columns.variants.iter().map(|v| find(v, name)).collect();
    let sent = |phase: &PhaseRecord| format!("{} of {}", phase.counts.succeeded, phase.counts.sent);
    let mut rows = vec![columns.words("succeeded (requests)", |v| {
        find(v, name).map_or("-".to_owned(), sent)
    })];
    for figure in Figure::of_phases() {
        let value = |phase: &Option<&PhaseRecord>| {
            (
                phase.and_then(|p| metrics::of_phase(figure, p)),
                phase.is_some_and(|p| metrics::is_thin(figure, p)),
            )
        };
        let values: Vec<_> = of.iter().map(value).collect();
        if values.iter().any(|(value, _)| value.is_some()) || figure.is_expected() {
            rows.push(columns.numbers(&figure.label(), &values));
        }
    }
    let mut classes: Vec<&String> = Vec::new();
    for class in of.iter().flatten().flat_map(|phase| phase.errors.keys()) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    for class in classes {
        let count = |v: &VariantRecord| {
            find(v, name).map_or("-".to_owned(), |phase| {
                phase.errors.get(class).unwrap_or(&0).to_string()
            })
        };
        rows.push(columns.words(&format!("failed: {class} (requests)"), count));
    }
    let first = of.iter().flatten().next();
    let kind = first.map_or("", |phase| phase.kind.word());
    let title = if kind == name {
        format!("phase {name}")
    } else {
        format!("phase {name} ({kind})")
    };
    Table {
        title,
        head: columns.head("metric"),
        rows,
        notes: Vec::new(),
        prose: false,
    }
}

fn find<'a>(variant: &'a VariantRecord, phase: &str) -> Option<&'a PhaseRecord> {
    variant.phases.iter().find(|found| found.name == phase)
}
