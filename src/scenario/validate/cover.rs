//! Whether a regular expression is found in every text, or in none: a rule on it then says nothing. Decided exactly, by
//! following the expression's automaton through every text; where that takes too long, it counts as undecided.

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use std::collections::HashSet;

/// How much is followed at most: transitions times the expression's own states, which is what one may cost.
const WORK: usize = 4_000_000;
/// Memory for them, in bytes.
const MEMORY: usize = 16 << 20;

/// What a text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// Any.
    All,
    /// Those without a line end: lines of a log, values of headers.
    Lines,
}

/// In which texts an expression is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    Every,
    None,
    /// In some, or it can't be told.
    Some,
}

/// In which texts `pattern` is found; of one that is no expression nothing can be told.
pub(super) fn cover(pattern: &str, texts: Texts) -> Cover {
    let Some(dfa) = build(pattern) else {
        return Cover::Some;
    };
    let mut cache = dfa.create_cache();
    let mut search = Search {
        dfa: &dfa,
        texts,
        found: false,
        missed: false,
    };
    match search.run(&mut cache) {
        Some(()) if !search.missed => Cover::Every,
        Some(()) if !search.found => Cover::None,
        _ => Cover::Some,
    }
}

fn build(pattern: &str) -> Option<DFA> {
    let config = Config::new()
        .match_kind(MatchKind::All)
        .unicode_word_boundary(true)
        .cache_capacity(MEMORY)
        .skip_cache_capacity_check(true)
        // A state's number is kept, so that it must never be given to another.
        .minimum_cache_clear_count(Some(0));
    DFA::builder()
        .configure(config)
        .thompson(thompson::Config::new().nfa_size_limit(Some(MEMORY)))
        .build(pattern)
        .ok()
}

/// A state of the search: that of the automaton, and the bytes that complete the current character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SearchState {
    state: LazyStateID,
    rest: Rest,
}

/// The bytes that the character which has begun still lacks, as UTF-8 has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Rest {
    Nothing,
    /// The first of them from these bounds, and more behind it.
    Bytes(u8, u8, u8),
}

impl Rest {
    /// Behind one more byte; `None` where no text goes on like that.
    fn after(self, byte: u8) -> Option<Self> {
        match self {
            Self::Nothing => match byte {
                0x00..=0x7f => Some(Self::Nothing),
                0xc2..=0xdf => Some(Self::Bytes(0x80, 0xbf, 0)),
                0xe0 => Some(Self::Bytes(0xa0, 0xbf, 1)),
                0xed => Some(Self::Bytes(0x80, 0x9f, 1)),
                0xe1..=0xef => Some(Self::Bytes(0x80, 0xbf, 1)),
                0xf0 => Some(Self::Bytes(0x90, 0xbf, 2)),
                0xf1..=0xf3 => Some(Self::Bytes(0x80, 0xbf, 2)),
                0xf4 => Some(Self::Bytes(0x80, 0x8f, 2)),
                _ => None,
            },
            Self::Bytes(low, high, more) => {
                let fits = (low..=high).contains(&byte);
                fits.then_some(match more {
                    0 => Self::Nothing,
                    more => Self::Bytes(0x80, 0xbf, more - 1),
                })
            }
        }
    }
}

struct Search<'a> {
    dfa: &'a DFA,
    texts: Texts,
    /// Whether there is a text in which it is found.
    found: bool,
    /// Whether there is one in which it is not.
    missed: bool,
}

impl Search<'_> {
    /// Follows every text until it is known that there are some of both kinds; `None` where that can't be told.
    fn run(&mut self, cache: &mut Cache) -> Option<()> {
        let begin = start::Config::new().anchored(Anchored::No);
        let first = SearchState {
            state: self.dfa.start_state(cache, &begin).ok()?,
            rest: Rest::Nothing,
        };
        let classes = self.dfa.byte_classes();
        let mut left = WORK / self.dfa.get_nfa().states().len().max(1);
        let (mut seen, mut todo) = (HashSet::from([first]), vec![first]);
        let mut unsure = false;
        while let Some(reached) = todo.pop() {
            if reached.rest == Rest::Nothing {
                let end = self.dfa.next_eoi_state(cache, reached.state).ok()?;
                let matched = end.is_match();
                self.found |= matched;
                self.missed |= !matched;
            }
            if self.found && self.missed {
                return Some(());
            }
            let mut tried = HashSet::new();
            for byte in 0..=u8::MAX {
                let newline = byte == b'\n' && self.texts == Texts::Lines;
                let Some(rest) = reached.rest.after(byte).filter(|_| !newline) else {
                    continue;
                };
                // Bytes of one class lead to the same state.
                if !tried.insert((classes.get(byte), rest)) {
                    continue;
                }
                left = left.checked_sub(1)?;
                let state = self.dfa.next_state(cache, reached.state, byte).ok()?;
                if state.is_quit() {
                    let (word, blank) = (b'a', b' ');
                    let mut ends = |next| -> Option<bool> {
                        let state = self.dfa.next_state(cache, reached.state, next).ok()?;
                        Some(state.is_match())
                    };
                    // A word boundary beside a character beyond ASCII: what ends here whether or not a word goes on
                    // is found; of anything else nothing is known.
                    if ends(word)? && ends(blank)? {
                        self.found = true;
                    } else {
                        unsure = true;
                    }
                    continue;
                }
                if state.is_match() {
                    // However the text goes on, it is found in it.
                    self.found = true;
                    continue;
                }
                let next = SearchState { state, rest };
                if seen.insert(next) {
                    todo.push(next);
                }
            }
        }
        (!unsure).then_some(())
    }
}

#[cfg(test)]
#[path = "tests/cover.rs"]
mod tests;
