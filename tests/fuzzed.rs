//! The fuzz targets on their corpus and on seeded mutations of it, without libFuzzer: a short run of each in every test run.
//! `BENCH_FUZZ_EXECUTIONS` makes it longer, `BENCH_FUZZ_SEED` another one.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use crate::support::root;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Mutated inputs of each target, unless told otherwise.
const EXECUTIONS: u64 = 4_000;
/// Longest input, in bytes.
const LONGEST: usize = 1 << 14;

/// SplitMix64: the same inputs everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % (n.max(1) as u64)).unwrap()
    }
}

/// Changes an input a little, or joins it with another.
fn mutate(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() + 1);
        let piece = {
            let from = chance.below(other.len() + 1);
            &other[from..(from + chance.below(24)).min(other.len())]
        };
        match chance.below(7) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(8),
            1 if at < input.len() => input[at] = chance.next() as u8,
            2 => input.truncate(at),
            3 => drop(input.splice(at..at, piece.iter().copied())),
            4 => {
                let end = (at + chance.below(16)).min(input.len());
                input.drain(at..end);
            }
            5 => {
                let end = (at + piece.len()).min(input.len());
                input.splice(at..end, piece.iter().copied());
            }
            _ => {
                let end = (at + chance.below(40)).min(input.len());
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
        }
    }
    input.truncate(LONGEST);
}

fn told(name: &str, otherwise: u64) -> u64 {
    let told = std::env::var(name).ok();
    told.map_or(otherwise, |text| text.parse().unwrap())
}

fn fuzz(target: &str, body: fn(&[u8])) {
    let folder = root().join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut pool: Vec<Vec<u8>> = files
        .iter()
        .map(|file| std::fs::read(file.path()).unwrap())
        .collect();
    assert!(!pool.is_empty());
    pool.iter().for_each(|input| body(input));
    let mut chance = Chance(told("BENCH_FUZZ_SEED", 1));
    let kept = pool.len() + 256;
    for number in 0..told("BENCH_FUZZ_EXECUTIONS", EXECUTIONS) {
        let mut input = pool[chance.below(pool.len())].clone();
        let other = pool[chance.below(pool.len())].clone();
        mutate(&mut input, &other, &mut chance);
        if catch_unwind(AssertUnwindSafe(|| body(&input))).is_err() {
            panic!("input {number} of {target}: {}", input.escape_ascii());
        }
        // A mutation of mutations now and then, so that inputs drift away from the corpus.
        if chance.below(64) == 0 {
            if pool.len() < kept {
                pool.push(input);
            } else {
                let place = files.len() + chance.below(pool.len() - files.len());
                pool[place] = input;
            }
        }
    }
}

#[test]
fn scenarios() {
    fuzz("scenario", bodies::scenario);
}

#[test]
fn events() {
    fuzz("sse", bodies::sse);
}

#[test]
fn answers() {
    fuzz("http", bodies::http);
}

#[test]
fn journals() {
    fuzz("journal", bodies::journal);
}
