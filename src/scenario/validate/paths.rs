//! Checks of paths into answers. Reports a rule whose path leads nowhere, or whose condition can never hold there,
//! before an engine is started.

use super::answers::{self, Fields, Lookup, Origin, Shape};
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

/// Similarity of two names (1 is equal) from which one is suggested for the other.
const SIMILAR: f64 = 0.8;

/// The shapes that a path leads to, and a warning about it.
#[derive(Default)]
struct Found {
    shapes: Vec<&'static Shape>,
    warning: Option<Mistake>,
}

/// Follows a rule's path through the answers of an endpoint.
struct Walk<'a> {
    at: &'a str,
    endpoint: ApiEndpoint,
    /// Whether the rule requires that the value is absent.
    absent: bool,
    /// Engines that the rule applies to.
    engines: Vec<&'a Engine>,
}

impl Checker<'_> {
    /// Reports a path that leads nowhere, and a condition that can never hold there.
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
        // Messages name the path, which must not be shown if it came from the environment.
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
                if let Some(warning) = &found.warning {
                    self.warn(&path.key("at"), warning);
                }
                self.fits(path, at, rule, &found.shapes);
            }
        }
    }

    fn fits(&mut self, path: &Path, at: &str, rule: &Assertion, shapes: &[&Shape]) {
        let accepted = |value: &Value| shapes.iter().any(|shape| shape.accepts(value));
        let text = || accepted(&Value::from(""));
        let wrong = match rule {
            _ if rule.between.is_some_and(|range| !in_range(shapes, range)) => Some("between"),
            _ if rule.matches.is_some() && !text() => Some("matches"),
            _ if rule.contains.is_some() && !text() => Some("contains"),
            Assertion {
                json_type: Some(wanted),
                ..
            } if !shapes.iter().any(|shape| shape.can_be(*wanted)) => Some("type"),
            _ if rule.equals.as_ref().is_some_and(|value| !accepted(value)) => Some("equals"),
            _ if rule
                .one_of
                .as_ref()
                .is_some_and(|all| !all.iter().all(accepted)) =>
            {
                Some("one_of")
            }
            _ => None,
        };
        if let (Some(key), Some(first)) = (wrong, shapes.first()) {
            let message = format!("`{at}` is {}, so this can never hold", first.description());
            let help = format!("write a condition on {}", first.description());
            self.wrong(&path.key(key), message, &help);
        }
    }
}

fn at_request() -> Path {
    super::at("request")
}

/// Whether one of the shapes accepts a number in this range.
fn in_range(shapes: &[&Shape], range: Range) -> bool {
    shapes.iter().any(|shape| match shape {
        Shape::Any | Shape::Number => true,
        Shape::Count => range.low.max(0.0).ceil() <= range.high,
        Shape::Text | Shape::List(_) | Shape::Map(_) => false,
    })
}

impl Walk<'_> {
    /// The shapes that the segments lead to from any of `shapes`, or the mistake where they lead nowhere.
    fn follow(&self, shapes: Vec<&'static Shape>, segments: &[Segment]) -> Result<Found, Mistake> {
        let mut found = Found {
            shapes,
            warning: None,
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
                found.warning = found.warning.or(next.warning);
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
                named.warning = named.warning.map(placed);
                return Ok(named);
            }
            Select::All => children(),
            Select::Nothing => {
                let message = "these brackets never select an element";
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
                    let message = format!("{} has no elements", first.description());
                    return Err(Mistake::new(message).help("leave the brackets out"));
                }
                elements
            }
        };
        Ok(Found {
            shapes,
            warning: None,
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
                // With `..`, an unknown shape could contain any name. Only known names count as a match.
                Shape::Any if !deep => found.shapes.push(&Shape::Any),
                Shape::Map(fields) => match fields.find(name) {
                    Lookup::Known(shape) => found.shapes.push(shape),
                    Lookup::Extra(origin) => {
                        found.shapes.push(&Shape::Any);
                        found.warning = found.warning.or_else(|| self.not_everywhere(name, origin));
                    }
                    Lookup::Unknown => maps.push(*fields),
                },
                Shape::Any | Shape::Text | Shape::Number | Shape::Count | Shape::List(_) => {}
            }
        }
        if !found.shapes.is_empty() {
            return Ok(found);
        }
        match base.first() {
            Some(first) if maps.is_empty() => {
                let message = format!("{} has no field {}", first.description(), quote(name));
                let help = match first {
                    Shape::List(_) => "name an element: `choices[0]`, or all: `choices[*]`",
                    _ => "end the path before it",
                };
                Err(Mistake::new(message).help(help))
            }
            _ => self.unknown(name, &maps, before),
        }
    }

    /// The result for a name that none of `maps` has.
    fn unknown(
        &self,
        name: &str,
        maps: &[&'static Fields],
        before: &[Segment],
    ) -> Result<Found, Mistake> {
        let mistake = Mistake::new(format!("answers have no {} there", quote(name)));
        let misplaced = self.misplaced(name);
        let only_here = misplaced.is_some() && before.is_empty();
        if let Some(elsewhere) = self.elsewhere(name, before).filter(|_| !only_here) {
            return Err(elsewhere);
        }
        let names = || maps.iter().flat_map(|fields| fields.names());
        if let Some(near) = nearest(name, names()) {
            return Err(mistake.help(format!("did you mean `{near}`?")));
        }
        if let Some(place) = misplaced {
            return Err(mistake.help(format!("did you mean `{place}`?")));
        }
        if maps.iter().all(|fields| fields.closed) && !maps.is_empty() {
            return Err(mistake.help(format!("the fields are {}", list(names()))));
        }
        let started = |engine: &&Engine| engine.facts().started;
        if self.absent && self.engines.iter().all(started) {
            let message = format!("answers have no {} there, so this cannot fail", quote(name));
            let help = format!(
                "leave the rule out; known fields are {}",
                list(names().take(12))
            );
            return Err(Mistake::new(message).help(help));
        }
        let may = match self.absent {
            true => "the rule may never fail",
            false => "the rule may never hold",
        };
        let message = format!("no known server sends {} there: {may}", quote(name));
        let help = format!("known fields are {}", list(names().take(12)));
        Ok(Found {
            shapes: vec![&Shape::Any],
            warning: Some(Mistake::new(message).help(help)),
        })
    }

    /// The path of a name in the endpoint's answers, or of a similar name.
    fn misplaced(&self, name: &str) -> Option<String> {
        let all = answers::of(self.endpoint).field_paths();
        let similarity = |known: &str| strsim::normalized_damerau_levenshtein(name, known);
        let exact = all.iter().find(|(_, known)| *known == name);
        let almost = || all.iter().find(|(_, known)| similarity(known) >= SIMILAR);
        let (place, _) = exact.or_else(almost)?;
        Some(place.trim_start_matches('.').to_owned())
    }

    /// The mistake for a name that only answers of other endpoints have at this path.
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
            let help = format!("rules examine the assembled answer of a stream: write `{whole}`");
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
            let leads = |shape: &&Shape| matches!(shape, Shape::Map(fields) if matches!(fields.find(name), Lookup::Known(_)));
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
                "only answers of {} have it: see `request: {{endpoint: ...}}`",
                list(others.iter().copied())
            ),
        };
        Some(Mistake::new(message).help(help))
    }

    /// The warning for a field that not every server sends.
    fn not_everywhere(&self, name: &str, origin: Origin) -> Option<Mistake> {
        let vllm = |engine: &&Engine| engine.facts().sends_vllm_fields;
        let whose = match origin {
            Origin::OpenAi => "OpenAI documents it, other servers often omit it or send `null`",
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

    /// The mistake for a rule on `nvext` that applies to an engine which never sends it.
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
        let help = "move the rule to the `verify` of the variant that runs Dynamo";
        Some(Mistake::new(message).help(help).at(place.clone()))
    }
}

/// The shapes that one selector leads to. Unknown names lead to none.
fn reached(shapes: &[&'static Shape], select: &Select) -> Vec<&'static Shape> {
    let one = |shape: &&'static Shape| match (*shape, select) {
        (Shape::Map(fields), Select::Name(name, _)) => match fields.find(name) {
            Lookup::Known(shape) => vec![shape],
            Lookup::Extra(_) | Lookup::Unknown => Vec::new(),
        },
        (Shape::List(element), Select::Item) => vec![*element],
        (shape, Select::All | Select::Filter(_)) => shape.children(),
        (_, Select::Name(..) | Select::Item | Select::Nothing) => Vec::new(),
    };
    shapes.iter().flat_map(one).collect()
}
