//! Paths into answers that are known. A rule whose path leads nowhere, or whose condition can never hold where it leads, is a
//! mistake that is better told before an engine is started.

use super::answers::{self, Fields, Leads, Origin, Shape};
use super::steps::{Segment, Select, segments};
use super::{Checker, Path};
use crate::scenario::effective::Effective;
use crate::scenario::mistake::{Mistake, list, nearest, quote};
use crate::scenario::model::{ApiEndpoint, Assertion, Engine};
use crate::scenario::units::Range;
use serde_json::Value;

const ENDPOINTS: [(ApiEndpoint, &str); 4] = [
    (ApiEndpoint::Completions, "completions"),
    (ApiEndpoint::Chat, "chat"),
    (ApiEndpoint::Responses, "responses"),
    (ApiEndpoint::Embeddings, "embeddings"),
];

/// How alike two names are (1 is the same) of which one is taken for the other anywhere in an answer.
const ALMOST: f64 = 0.8;

/// What a path leads to.
#[derive(Default)]
struct Found {
    shapes: Vec<&'static Shape>,
    doubt: Option<Mistake>,
}

/// A rule's path on its way through the answers of an endpoint.
struct Walk<'a> {
    at: &'a str,
    endpoint: ApiEndpoint,
    /// Whether the rule is that nothing is there.
    absent: bool,
    /// The engines that are asked.
    engines: Vec<&'a Engine>,
}

impl Checker<'_> {
    /// Notes a path that leads nowhere, and a condition that can never hold where it leads.
    pub(super) fn known_path(
        &mut self,
        path: &Path,
        rule: &Assertion,
        variants: &[&Effective<'_>],
    ) {
        let request = at_request();
        if !self.intact(&request.key("endpoint")) || !self.intact(&request) {
            return;
        }
        let Some(at) = rule.at.as_deref() else { return };
        // Messages on its condition name the path, which may not be shown if it came from the environment.
        if self.is_secret(&path.key("at")) {
            return;
        }
        let Some(segments) = segments(at) else { return };
        let walk = Walk {
            at,
            endpoint: self.scenario.request.endpoint,
            absent: rule.absent == Some(true),
            engines: variants.iter().map(|variant| variant.engine).collect(),
        };
        match walk.follow(vec![answers::of(walk.endpoint)], &segments) {
            Err(mistake) => self.mistake(&path.key("at"), &mistake),
            Ok(found) => {
                if let Some(mistake) = walk.never_sent(&segments) {
                    return self.mistake(&path.key("at"), &mistake);
                }
                if let Some(doubt) = &found.doubt {
                    self.doubt(&path.key("at"), doubt);
                }
                self.fits(path, at, rule, &found.shapes);
            }
        }
    }

    fn fits(&mut self, path: &Path, at: &str, rule: &Assertion, shapes: &[&Shape]) {
        let holds = |value: &Value| shapes.iter().any(|shape| shape.holds(value));
        let text = || holds(&Value::from(""));
        let wrong = match rule {
            _ if rule.between.is_some_and(|range| !in_range(shapes, range)) => Some("between"),
            _ if rule.matches.is_some() && !text() => Some("matches"),
            _ if rule.contains.is_some() && !text() => Some("contains"),
            Assertion {
                json_type: Some(wanted),
                ..
            } if !shapes.iter().any(|shape| shape.has(*wanted)) => Some("type"),
            _ if rule.equals.as_ref().is_some_and(|value| !holds(value)) => Some("equals"),
            _ if rule
                .one_of
                .as_ref()
                .is_some_and(|all| !all.iter().all(holds)) =>
            {
                Some("one_of")
            }
            _ => None,
        };
        if let (Some(key), Some(first)) = (wrong, shapes.first()) {
            let message = format!("`{at}` is {}, so this can never hold", first.says());
            let help = format!("write a condition on {}", first.says());
            self.wrong(&path.key(key), message, &help);
        }
    }
}

fn at_request() -> Path {
    super::at("request")
}

/// Whether a number in this range can stand there.
fn in_range(shapes: &[&Shape], range: Range) -> bool {
    shapes.iter().any(|shape| match shape {
        Shape::Any | Shape::Number => true,
        Shape::Count => range.low.max(0.0).ceil() <= range.high,
        Shape::Text | Shape::List(_) | Shape::Map(_) => false,
    })
}

impl Walk<'_> {
    /// What the segments lead to from any of `shapes`; where they lead nowhere, why.
    fn follow(&self, shapes: Vec<&'static Shape>, segments: &[Segment]) -> Result<Found, Mistake> {
        let mut found = Found {
            shapes,
            doubt: None,
        };
        for (index, segment) in segments.iter().enumerate() {
            let base = match segment.deep {
                true => found.shapes.iter().flat_map(|s| s.descendants()).collect(),
                false => found.shapes,
            };
            found.shapes = Vec::new();
            for select in &segment.selects {
                let next = self.select(&base, segment, select, &segments[..index])?;
                found.shapes.extend(next.shapes);
                found.doubt = found.doubt.or(next.doubt);
            }
        }
        Ok(found)
    }

    fn select(
        &self,
        base: &[&'static Shape],
        segment: &Segment,
        select: &Select,
        before: &[Segment],
    ) -> Result<Found, Mistake> {
        let children = || -> Vec<_> { base.iter().flat_map(|shape| shape.children()).collect() };
        let shapes = match select {
            Select::Name(name, place) => {
                let placed = |mistake: Mistake| mistake.at(place.clone());
                let mut named = self
                    .named(base, segment.deep, name, before)
                    .map_err(placed)?;
                named.doubt = named.doubt.map(placed);
                return Ok(named);
            }
            Select::All => children(),
            Select::Nothing => {
                let message = "these brackets select no element, whatever the answer";
                return Err(Mistake::new(message)
                    .help("write `[0]`, `[*]`, or the smaller end first: `[0:2]`"));
            }
            Select::Filter(paths) => {
                for path in paths {
                    self.follow(children(), path)?;
                }
                children()
            }
            Select::Item => {
                let element = |shape: &&'static Shape| match shape {
                    Shape::List(element) => Some(*element),
                    Shape::Any => Some(&Shape::Any),
                    _ => None,
                };
                let elements: Vec<_> = base.iter().filter_map(element).collect();
                if let (true, Some(first)) = (elements.is_empty(), base.first()) {
                    let message = format!("{} has no elements", first.says());
                    return Err(Mistake::new(message).help("leave the brackets out"));
                }
                elements
            }
        };
        Ok(Found {
            shapes,
            doubt: None,
        })
    }

    fn named(
        &self,
        base: &[&'static Shape],
        deep: bool,
        name: &str,
        before: &[Segment],
    ) -> Result<Found, Mistake> {
        let (mut found, mut maps) = (Found::default(), Vec::new());
        for shape in base {
            match shape {
                // Of what may stand anywhere beneath, nothing is known: only names that are speak for a path.
                Shape::Any if !deep => found.shapes.push(&Shape::Any),
                Shape::Map(fields) => match fields.find(name) {
                    Leads::To(shape) => found.shapes.push(shape),
                    Leads::Extra(origin) => {
                        found.shapes.push(&Shape::Any);
                        found.doubt = found.doubt.or_else(|| self.not_everywhere(name, origin));
                    }
                    Leads::Nowhere => maps.push(*fields),
                },
                Shape::Any | Shape::Text | Shape::Number | Shape::Count | Shape::List(_) => {}
            }
        }
        if !found.shapes.is_empty() {
            return Ok(found);
        }
        match base.first() {
            Some(first) if maps.is_empty() => {
                let message = format!("{} has no field {}", first.says(), quote(name));
                let help = match first {
                    Shape::List(_) => "name an element: `choices[0]`, or all: `choices[*]`",
                    _ => "end the path before it",
                };
                Err(Mistake::new(message).help(help))
            }
            _ => self.unknown(name, &maps, before),
        }
    }

    /// A name that none of `maps` has.
    fn unknown(
        &self,
        name: &str,
        maps: &[&'static Fields],
        before: &[Segment],
    ) -> Result<Found, Mistake> {
        let there = Mistake::new(format!("answers have no {} there", quote(name)));
        let misplaced = self.misplaced(name);
        let only_here = misplaced.is_some() && before.is_empty();
        if let Some(elsewhere) = self.elsewhere(name, before).filter(|_| !only_here) {
            return Err(elsewhere);
        }
        let names = || maps.iter().flat_map(|fields| fields.names());
        if let Some(near) = nearest(name, names()) {
            return Err(there.help(format!("did you mean `{near}`?")));
        }
        if let Some(place) = misplaced {
            return Err(there.help(format!("did you mean `{place}`?")));
        }
        if maps.iter().all(|fields| fields.closed) && !maps.is_empty() {
            return Err(there.help(format!("there are {}", list(names()))));
        }
        let started = |engine: &&Engine| engine.facts().started;
        if self.absent && self.engines.iter().all(started) {
            let message = format!("answers have no {} there, so this cannot fail", quote(name));
            let help = format!("leave the rule out; known are {}", list(names().take(12)));
            return Err(Mistake::new(message).help(help));
        }
        let may = match self.absent {
            true => "this may never fail",
            false => "this may never hold",
        };
        let message = format!("no known server sends {} there: {may}", quote(name));
        let help = format!("known are {}", list(names().take(12)));
        Ok(Found {
            shapes: vec![&Shape::Any],
            doubt: Some(Mistake::new(message).help(help)),
        })
    }

    /// Where in the endpoint's answers a name stands, or one that is almost the same.
    fn misplaced(&self, name: &str) -> Option<String> {
        let all = answers::of(self.endpoint).places();
        let likeness = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
        let exact = all.iter().find(|(_, known)| *known == name);
        let almost = || all.iter().find(|(_, known)| likeness(known) >= ALMOST);
        let (place, _) = exact.or_else(almost)?;
        Some(place.trim_start_matches('.').to_owned())
    }

    /// A name that stands there in the answers of another endpoint only.
    fn elsewhere(&self, name: &str, before: &[Segment]) -> Option<Mistake> {
        let own = ENDPOINTS
            .iter()
            .find(|(known, _)| *known == self.endpoint)?;
        let message = format!("answers of `{}` have no {} there", own.1, quote(name));
        if name == "delta" && !before.is_empty() {
            let whole = match self.endpoint {
                ApiEndpoint::Chat => "message",
                _ => "text",
            };
            let help = format!("streams are assembled before they are looked at: write `{whole}`");
            return Some(Mistake::new(message).help(help));
        }
        let others = ENDPOINTS
            .iter()
            .filter(|(other, _)| *other != self.endpoint);
        let has = |(other, _): &&(ApiEndpoint, &str)| {
            let mut shapes = vec![answers::of(*other)];
            for segment in before {
                shapes = match segment.deep {
                    true => shapes.iter().flat_map(|s| s.descendants()).collect(),
                    false => shapes,
                };
                let selects = segment.selects.iter();
                shapes = selects.flat_map(|one| reached(&shapes, one)).collect();
            }
            let leads = |shape: &&Shape| matches!(shape, Shape::Map(fields) if matches!(fields.find(name), Leads::To(_)));
            shapes.iter().any(leads)
        };
        let others: Vec<&str> = others.filter(has).map(|(_, name)| *name).collect();
        others.first()?;
        let help = match (self.endpoint, name) {
            (ApiEndpoint::Chat, "text") => {
                "write `message.content`: only `completions` have `text`".to_owned()
            }
            (ApiEndpoint::Completions, "message") => {
                "write `text`: only `chat` has `message`".to_owned()
            }
            _ => format!(
                "only those of {} have it: see `request: {{endpoint: ...}}`",
                list(others.iter().copied())
            ),
        };
        Some(Mistake::new(message).help(help))
    }

    /// A field that not every server sends.
    fn not_everywhere(&self, name: &str, origin: Origin) -> Option<Mistake> {
        let vllm = |engine: &&Engine| engine.facts().sends_vllm_fields;
        let whose = match origin {
            Origin::OpenAi => {
                "OpenAI documents it, other servers often leave it out or send `null`"
            }
            Origin::Vllm if self.engines.iter().all(vllm) => return None,
            Origin::Vllm => "vLLM sends it",
            Origin::Other(who) => {
                let message = format!("{} is not in every answer: {who} may send it", quote(name));
                return Some(Mistake::new(message).help(self.advice()));
            }
        };
        let message = format!("{} is not in every answer: {whose}", quote(name));
        Some(Mistake::new(message).help(self.advice()))
    }

    fn advice(&self) -> &'static str {
        match self.absent {
            true => "the rule can only fail on a server that sends it",
            false => "the rule can only hold on a server that sends it",
        }
    }

    /// `nvext` asked of an engine that never sends it.
    fn never_sent(&self, segments: &[Segment]) -> Option<Mistake> {
        let first = segments.first()?;
        let [Select::Name(name, place)] = &first.selects[..] else {
            return None;
        };
        let native = |engine: &&Engine| !engine.sends_nvext();
        if name != "nvext" || self.absent || !self.engines.iter().any(native) {
            return None;
        }
        let message = format!(
            "{} never holds: native vLLM sends no `nvext`",
            quote(self.at)
        );
        let help = "ask it of the variant that runs Dynamo, in that variant's own `verify`";
        Some(Mistake::new(message).help(help).at(place.clone()))
    }
}

/// What one selector leads to, names that lead nowhere left out.
fn reached(shapes: &[&'static Shape], select: &Select) -> Vec<&'static Shape> {
    let one = |shape: &&'static Shape| match (*shape, select) {
        (Shape::Map(fields), Select::Name(name, _)) => match fields.find(name) {
            Leads::To(shape) => vec![shape],
            Leads::Extra(_) | Leads::Nowhere => Vec::new(),
        },
        (Shape::List(element), Select::Item) => vec![*element],
        (shape, Select::All | Select::Filter(_)) => shape.children(),
        (_, Select::Name(..) | Select::Item | Select::Nothing) => Vec::new(),
    };
    shapes.iter().flat_map(one).collect()
}
