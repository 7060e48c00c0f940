//! Conversations under way in one phase: what was said, and whose turn is next. The client asks before it sends; whoever
//! assesses answers, on a thread of its own, says what was answered.

use crate::measure::answer::Answer;
use crate::measure::clock;
use crate::measure::exchange::{Exchange, Nanos};
use crate::plan::prompts::{ConversationSpec, Source};
use crate::plan::{Label, Purpose, Requests, Shape};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The conversations of one phase.
pub(crate) struct Conversations<'a> {
    requests: &'a Requests,
    spec: &'a ConversationSpec,
    purpose: Purpose,
    /// Requests of the phase before these; no more conversations were begun by them.
    begin: u64,
    /// Conversations open at once; more only wait for one to end.
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Conversations begun.
    begun: u64,
    /// Conversations that are not over.
    open: usize,
    /// Those whose user speaks next, in the order of their answers.
    waiting: VecDeque<Conversation>,
    /// Those that await an answer, by the request's index.
    asked: HashMap<u64, Conversation>,
}

struct Conversation {
    id: u64,
    turn: u32,
    /// All messages so far.
    said: Vec<Value>,
    /// When the user speaks next.
    at: Nanos,
}

impl<'a> Conversations<'a> {
    /// Those of a phase, if its requests are conversations.
    pub(crate) fn of(
        requests: &'a Requests,
        purpose: Purpose,
        shape: &Shape,
        begin: u64,
    ) -> Option<Self> {
        let Source::Conversations(spec) = &requests.prompts.source else {
            return None;
        };
        let most = match shape {
            Shape::Open { .. } => usize::MAX,
            _ => shape.most_in_flight(),
        };
        Some(Self {
            requests,
            spec,
            purpose,
            begin,
            most,
            state: Mutex::default(),
        })
    }

    /// Whether anybody has something to say: a request that is due waits until its conversation was answered.
    pub(crate) fn ready(&self) -> bool {
        let state = self.state();
        state.open < self.most || state.next_at().is_some_and(|at| at <= clock::now())
    }

    /// The body of request `index`: the next turn of the conversation that waits longest, or the first of a new one.
    pub(crate) fn body(&self, model: &str, index: u64) -> Vec<u8> {
        let mut state = self.state();
        let mut conversation = state.take(clock::now());
        let (id, turn) = (conversation.id, conversation.turn);
        let entry = self.spec.turn(id, turn);
        if turn == 0 {
            let system = self.requests.opening(self.purpose, id);
            conversation.said.extend(system);
        }
        let user = self.requests.says(self.purpose, id, &entry);
        conversation.said.push(user);
        let label = Label {
            purpose: self.purpose,
            index,
            conversation: self.begin + id,
        };
        let said = &conversation.said;
        let body = self.requests.chat(model, entry.output_tokens, said, &label);
        state.asked.insert(index, conversation);
        body
    }

    /// What tells request `index`, whose body was given, from others.
    pub(crate) fn label(&self, index: u64) -> Label {
        let state = self.state();
        let id = state.asked.get(&index).map_or(0, |asked| asked.id);
        Label {
            purpose: self.purpose,
            index,
            conversation: self.begin + id,
        }
    }

    /// Takes an answer; a conversation that got none is over. Returns which conversation and turn it was.
    pub(crate) fn answered(
        &self,
        exchange: &Exchange,
        answer: Option<&Answer>,
    ) -> Option<(u64, u32)> {
        let mut state = self.state();
        let mut conversation = state.asked.remove(&exchange.id.index)?;
        let was = (conversation.id, conversation.turn);
        conversation.turn += 1;
        let goes_on = conversation.turn < self.spec.turns(conversation.id);
        match answer.filter(|_| goes_on) {
            Some(answer) => {
                let message = &answer.body["choices"][0]["message"];
                let text = message["content"].as_str().unwrap_or_default();
                conversation
                    .said
                    .push(json!({"role": "assistant", "content": text}));
                let think = u64::try_from(self.spec.think_time.as_nanos()).unwrap_or(u64::MAX);
                conversation.at = exchange.ended.saturating_add(think);
                state.waiting.push_back(conversation);
            }
            None => state.open -= 1,
        }
        Some(was)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_at(&self) -> Option<Nanos> {
        self.waiting.front().map(|conversation| conversation.at)
    }

    /// The conversation that waits longest, or a new one.
    fn take(&mut self, now: Nanos) -> Conversation {
        if self.next_at().is_some_and(|at| at <= now)
            && let Some(waiting) = self.waiting.pop_front()
        {
            return waiting;
        }
        let id = self.begun;
        self.begun += 1;
        self.open += 1;
        Conversation {
            id,
            turn: 0,
            said: Vec::new(),
            at: 0,
        }
    }
}
