//! The timing model step by step, without a clock: exact.

use super::{Batch, Job, Timing, Token};
use crate::sim::tests::options;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// 10 prompt tokens each, received when the engine's clock stood at `received`.
fn job(length: u32, received: Instant) -> (Job, UnboundedReceiver<Token>) {
    let (tokens, receiver) = unbounded_channel();
    let job = Job {
        choice: 0,
        prompt_tokens: 10,
        length,
        front: Duration::ZERO,
        received,
        tokens,
    };
    (job, receiver)
}

fn timing(tokens: &mut UnboundedReceiver<Token>) -> Timing {
    let last = std::iter::from_fn(|| tokens.try_recv().ok()).last();
    last.and_then(|token| token.timing)
        .expect("a complete sequence")
}

fn batch(args: &str) -> Batch {
    let pace = "--prefill-tokens-per-s 1000 --step 5ms --step-per-sequence 1ms";
    Batch::new(
        &options(&format!("{pace} {args}")),
        std::sync::Arc::default(),
    )
}

fn steps(batch: &mut Batch, n: usize) {
    for _ in 0..n {
        let end = batch.begin_step();
        batch.end_step(end);
    }
}

#[test]
fn sequences_share_steps() {
    let mut batch = batch("");
    let start = batch.clock;
    let ((first, mut one), (second, mut two)) = (job(3, start), job(1, start + ms(1)));
    batch.waiting.extend([first, second]);
    // 10 + 5 + 1 alone; 10 + 5 + 2 once the second has joined; 5 + 1 alone again.
    steps(&mut batch, 3);
    assert_eq!(
        timing(&mut one),
        Timing {
            front: Duration::ZERO,
            wait: ms(0),
            prefill: ms(16),
            total: ms(39)
        }
    );
    assert_eq!(
        timing(&mut two),
        Timing {
            front: Duration::ZERO,
            wait: ms(15),
            prefill: ms(17),
            total: ms(32)
        }
    );
    assert_eq!(batch.clock, start + ms(39));
}

#[test]
fn a_queue_can_be_made_to_wait() {
    let mut batch = batch("--queue-delay 40ms");
    let start = batch.clock;
    let ((first, mut one), (second, mut two)) = (job(2, start), job(2, start + ms(10)));
    batch.waiting.extend([first, second]);
    // Admitted 40 ms after it came, and the other with the first step that begins 40 ms after that one came.
    steps(&mut batch, 4);
    assert_eq!(
        (timing(&mut one).wait, timing(&mut two).wait),
        (ms(40), ms(46))
    );
}

#[test]
fn a_full_batch_makes_others_wait() {
    let mut batch = batch("--slots 1");
    let start = batch.clock;
    let ((first, _one), (second, mut two)) = (job(2, start), job(1, start));
    batch.waiting.extend([first, second]);
    steps(&mut batch, 3);
    assert_eq!(
        timing(&mut two),
        Timing {
            front: Duration::ZERO,
            wait: ms(22),
            prefill: ms(16),
            total: ms(38)
        }
    );
}

#[test]
fn who_leaves_is_not_waited_for() {
    let mut batch = batch("--slots 1");
    let start = batch.clock;
    let ((first, one), (second, two), (third, mut three)) =
        (job(9, start), job(9, start), job(1, start));
    batch.waiting.extend([first, second, third]);
    steps(&mut batch, 1);
    drop((one, two));
    steps(&mut batch, 2);
    assert_eq!(timing(&mut three).wait, ms(22));
    assert!(batch.running.is_empty() && batch.waiting.is_empty());
}
