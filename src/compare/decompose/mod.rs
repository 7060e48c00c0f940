//! Where the difference between two variants comes from. A request's time is split along its way by what client and server
//! say of it; means are used, because they add up.
//!
//! From due to first text: `client` (the request left late), `connect`, `frontend` (the client's TTFT less the engine's),
//! `hand-over` (the engine's TTFT less queue and prefill: tokenising, passing to its core), `queue`, `prefill`. From
//! there to the last byte: `decode`, and `delivery` (the rest). Two variants are split by the most that both tell.

use crate::metric::{Statistic, Timing};
use crate::record::model::{
    BreakdownPart, Decomposition, PhaseRecord, Run, ServerWindow, Split, VariantRecord,
};

/// Share of the baseline below which a difference is nobody's, and has no shares: they would be of noise.
const MATTERS: f64 = 0.05;
/// Share of a difference from which one part is named.
const MOST: f64 = 0.5;
/// Share by which the server's count of requests may be off the client's: a warm-up hands over with requests in flight.
const OFF: f64 = 0.1;
/// Share of answers without any text from which the time to the first text is too much of other requests than the server's.
const TEXTLESS: f64 = 0.01;

/// What the server's part of a time is read from; the first that both sides have is taken.
const SOURCES: [Source; 3] = [
    Source {
        name: "the engine's histograms",
        ttft: "engine_ttft",
        inside: Some(["queue", "prefill"]),
        decode: Decode::Known("decode"),
        whole: "engine_e2e",
    },
    Source {
        name: "nvext.timing",
        ttft: "nvext_ttft",
        inside: Some(["nvext_wait", "nvext_prefill"]),
        decode: Decode::Rest,
        whole: "nvext_total",
    },
    Source {
        name: "the frontend's histograms",
        ttft: "frontend_ttft",
        inside: None,
        decode: Decode::Rest,
        whole: "frontend_e2e",
    },
];

/// Names of the times that split a request, in a [`ServerWindow`].
struct Source {
    name: &'static str,
    ttft: &'static str,
    inside: Option<[&'static str; 2]>,
    decode: Decode,
    whole: &'static str,
}

/// How the time after the first token is known.
enum Decode {
    Known(&'static str),
    /// The whole less the TTFT.
    Rest,
}

/// Splits the difference of every variant to the baseline, measured phase by measured phase.
#[must_use]
pub(crate) fn decompose(run: &Run) -> Vec<Decomposition> {
    let Some(baseline) = super::baseline(run) else {
        return Vec::new();
    };
    let others = run.variants.iter().filter(|v| v.name != baseline.name);
    others
        .flat_map(|variant| of_variants(baseline, variant))
        .collect()
}

fn of_variants(baseline: &VariantRecord, variant: &VariantRecord) -> Vec<Decomposition> {
    let phases = variant.phases.iter().filter(|phase| phase.measured());
    let split = |phase: &PhaseRecord| {
        let (a, b) = (
            in_rounds(baseline, &phase.name),
            in_rounds(variant, &phase.name),
        );
        let (splits, notes) = of_phases((&baseline.name, &a), (&variant.name, &b))?;
        Some(Decomposition {
            phase: phase.name.clone(),
            baseline: baseline.name.clone(),
            variant: variant.name.clone(),
            splits,
            notes,
        })
    };
    phases.filter_map(split).collect()
}

/// A phase as each round had it.
fn in_rounds<'a>(variant: &'a VariantRecord, phase: &str) -> Vec<&'a PhaseRecord> {
    let named = |p: &&PhaseRecord| p.name == phase;
    match variant.rounds.as_slice() {
        [] => variant.phases.iter().filter(named).collect(),
        rounds => rounds
            .iter()
            .flat_map(|round| &round.phases)
            .filter(named)
            .collect(),
    }
}

/// Splits the difference between two sides of one phase, each given once or in several rounds, which weigh by their
/// requests, under its variant's name. `None` where nothing succeeded.
#[must_use]
pub(crate) fn of_phases(
    baseline: (&str, &[&PhaseRecord]),
    variant: (&str, &[&PhaseRecord]),
) -> Option<(Vec<Split>, Vec<String>)> {
    let sides = [baseline, variant].map(|(name, rounds)| Side { name, rounds });
    let mut notes = Vec::new();
    let tells = |source: &&Source| sides.iter().all(|side| side.time(source.ttft).is_some());
    let source = SOURCES.iter().find(tells);
    match source {
        Some(source) if source.name != SOURCES[0].name => notes.push(format!(
            "the server's part is read from {}, the most that both tell",
            source.name
        )),
        Some(_) => {}
        None => notes.push(
            "the two servers tell nothing that can be held against each other; all of it is unexplained".to_owned(),
        ),
    }
    notes.extend(sides.iter().filter_map(|side| side.miscounted(source)));
    let textless = sides.iter().any(Side::has_textless);
    if textless {
        notes.push(
            "some answers have no text: the first chunk of every answer stands for its first token"
                .to_owned(),
        );
    }
    let first = match textless {
        true => Timing::FirstChunk,
        false => Timing::Ttft,
    };
    let ways = [sides[0].way(source, first)?, sides[1].way(source, first)?];
    let splits = ways[0].iter().zip(&ways[1]).map(|(a, b)| split(a, b));
    Some((splits.collect(), notes))
}

/// One time of one side: its name, the whole, and the parts by name.
struct Way {
    name: &'static str,
    whole: f64,
    parts: Vec<(&'static str, Option<f64>)>,
}

/// One variant's phase, in one or several rounds.
struct Side<'a> {
    name: &'a str,
    rounds: &'a [&'a PhaseRecord],
}

impl Side<'_> {
    /// The mean of a figure over all rounds, weighed by its counts.
    fn pooled(&self, get: impl Fn(&PhaseRecord) -> Option<(u64, f64)>) -> Option<f64> {
        let (n, sum) = self
            .rounds
            .iter()
            .filter_map(|phase| get(phase))
            .fold((0, 0.0), |(n, sum), (count, mean)| {
                (n + count, sum + mean * count as f64)
            });
        (n > 0).then(|| sum / n as f64)
    }

    fn client(&self, timing: Timing) -> Option<f64> {
        self.pooled(|phase| {
            let found = phase.metrics.times[timing].as_ref()?;
            Some((found.count, found[Statistic::Mean]))
        })
    }

    fn time(&self, name: &str) -> Option<f64> {
        let of = |server: &ServerWindow| server.times.get(name).map(|t| (t.count, t.mean));
        self.pooled(|phase| phase.server.as_ref().and_then(of))
    }

    /// Connecting, spread over all requests: most reuse a connection.
    fn connect(&self) -> f64 {
        let (mut spent, mut sent) = (0.0, 0);
        for phase in self.rounds {
            let connect = phase.metrics.times[Timing::Connect].as_ref();
            spent += connect.map_or(0.0, |d| d[Statistic::Mean] * d.count as f64);
            sent += phase.counts.sent;
        }
        if sent == 0 { 0.0 } else { spent / sent as f64 }
    }

    /// Whether answers came in chunks, and more than a few of them without text: a model may end at once.
    fn has_textless(&self) -> bool {
        let count = |timing: Timing| -> u64 {
            let all = self.rounds.iter();
            let all = all.filter_map(|phase| phase.metrics.times[timing].as_ref());
            all.map(|times| times.count).sum()
        };
        let texts = count(Timing::Ttft);
        let chunks = count(Timing::FirstChunk);
        texts > 0 && chunks as f64 > texts as f64 * (1.0 + TEXTLESS)
    }

    fn way(&self, source: Option<&Source>, first: Timing) -> Option<Vec<Way>> {
        let e2e = self.client(Timing::E2e)?;
        let from_due = self.client(Timing::E2eFromDue).unwrap_or(e2e);
        let connect = self.connect();
        let before = [
            ("client", Some(from_due - e2e - connect)),
            ("connect", Some(connect)),
        ];
        let told = |name: &str| source.and(self.time(name));
        let inside = source.and_then(|s| s.inside);
        let [queue, prefill] = inside.map_or([None; 2], |names| names.map(told));
        let server = source.and_then(|s| told(s.ttft));
        let decode = source.and_then(|s| match s.decode {
            Decode::Known(name) => told(name),
            Decode::Rest => Some(told(s.whole)? - server?),
        });
        let Some(ttft) = self.client(first) else {
            let whole = source.and_then(|s| told(s.whole));
            let mut parts = before.to_vec();
            parts.extend(through(
                e2e,
                whole,
                &[("queue", queue), ("prefill", prefill), ("decode", decode)],
            ));
            return Some(vec![Way {
                name: "answer",
                whole: from_due,
                parts,
            }]);
        };
        let mut parts = before.to_vec();
        parts.extend(through(
            ttft,
            server,
            &[("queue", queue), ("prefill", prefill)],
        ));
        Some(vec![
            Way {
                name: "first token",
                whole: from_due - e2e + ttft,
                parts,
            },
            Way {
                name: "stream",
                whole: e2e - ttft,
                parts: vec![
                    ("decode", decode),
                    ("delivery", decode.map(|decode| e2e - ttft - decode)),
                ],
            },
        ])
    }

    /// What to say where the server counted other requests than the client.
    fn miscounted(&self, source: Option<&Source>) -> Option<String> {
        let name = source?.ttft;
        let (mut seen, mut answered) = (0, 0);
        for phase in self.rounds {
            let server = phase.server.as_ref().and_then(|s| s.times.get(name));
            seen += server.map_or(0, |time| time.count);
            answered += phase.counts.succeeded;
        }
        let off = seen.abs_diff(answered) as f64 > OFF * answered as f64;
        off.then(|| {
            format!("{}: the server's means are of {seen} requests, the client's of {answered}: failures, several prompts a request, or someone else's requests", self.name)
        })
    }
}

/// The parts of a time that is spent in the server and on the way to it; `inside` are those that the server splits its own
/// time into.
fn through(
    seen: f64,
    server: Option<f64>,
    inside: &[(&'static str, Option<f64>)],
) -> Vec<(&'static str, Option<f64>)> {
    let mut parts = vec![("frontend", server.map(|server| seen - server))];
    let known: Option<f64> = inside.iter().map(|(_, ms)| *ms).sum();
    match (server, known) {
        (Some(server), Some(known)) => {
            parts.push(("hand-over", Some(server - known)));
            parts.extend(inside);
        }
        _ => parts.push(("server", server)),
    }
    parts
}

fn split(a: &Way, b: &Way) -> Split {
    let (whole, other) = (nanos(a.whole), nanos(b.whole));
    let difference = nanos(other - whole);
    let matters = difference.abs() > MATTERS * a.whole;
    let part = |(name, ms): &(&'static str, Option<f64>)| {
        let same = b.parts.iter().find(|(other, _)| other == name);
        let baseline_ms = ms.map(nanos);
        let variant_ms = same.and_then(|(_, ms)| *ms).map(nanos);
        let by = baseline_ms.zip(variant_ms).map(|(a, b)| nanos(b - a));
        BreakdownPart {
            name: (*name).to_owned(),
            baseline_ms,
            variant_ms,
            difference_ms: by,
            share: by.filter(|_| matters).map(|by| by / difference + 0.0),
        }
    };
    let parts: Vec<BreakdownPart> = a.parts.iter().map(part).collect();
    let explained: f64 = parts.iter().filter_map(|part| part.difference_ms).sum();
    let most = parts
        .iter()
        .filter(|part| part.share.is_some_and(|share| share >= MOST))
        .max_by(|x, y| {
            x.share
                .partial_cmp(&y.share)
                .unwrap_or(std::cmp::Ordering::Equal)
        });
    Split {
        name: a.name.to_owned(),
        baseline_ms: whole,
        variant_ms: other,
        difference_ms: difference,
        blamed: most.map(|part| part.name.clone()),
        unexplained_ms: nanos(difference - explained),
        parts,
    }
}

/// To the nanosecond, in milliseconds: what is finer is of the arithmetic.
fn nanos(ms: f64) -> f64 {
    (ms * 1e6).round() / 1e6 + 0.0
}

#[cfg(test)]
mod tests;
