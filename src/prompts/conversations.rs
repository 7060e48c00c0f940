//! The running conversations of one phase: their messages, and which of them continues next. The client takes requests
//! from here. The assessor, which runs on another thread, adds the answers.

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
    /// Number of earlier requests of the phase. It makes the numbers of conversations unique within the phase.
    begin: u64,
    /// Largest number of open conversations. Further ones wait until one ends.
    max_open: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Number of conversations that were started.
    started: u64,
    /// Number of conversations that have not ended.
    open: usize,
    /// Conversations whose next message comes from the user, in the order of their answers.
    waiting: VecDeque<Conversation>,
    /// Conversations that wait for an answer, by the index of the request.
    in_flight: HashMap<u64, Conversation>,
}

struct Conversation {
    id: u64,
    turn: u32,
    /// All messages so far.
    messages: Vec<Value>,
    /// Time of the user's next message.
    at: Nanos,
}

impl<'a> Conversations<'a> {
    /// The conversations of a phase. `None` if its requests are not conversations.
    pub(crate) fn of(
        requests: &'a Requests,
        purpose: Purpose,
        shape: &Shape,
        begin: u64,
    ) -> Option<Self> {
        let Source::Conversations(spec) = &requests.prompts.source else {
            return None;
        };
        let max_open = match shape {
            Shape::Open { .. } => usize::MAX,
            _ => shape.most_in_flight(),
        };
        Some(Self {
            requests,
            spec,
            purpose,
            begin,
            max_open,
            state: Mutex::default(),
        })
    }

    /// Whether a message can be sent: that of a new conversation, or of one whose think time is over.
    pub(crate) fn ready(&self) -> bool {
        let state = self.state();
        state.open < self.max_open || state.next_at().is_some_and(|at| at <= clock::now())
    }

    /// The body of request `index`: the next turn of the conversation that has waited longest, or the first of a new
    /// one.
    pub(crate) fn body(&self, model: &str, index: u64) -> Vec<u8> {
        let mut state = self.state();
        let mut conversation = state.take(clock::now());
        let (id, turn) = (conversation.id, conversation.turn);
        let entry = self.spec.turn(id, turn);
        if turn == 0 {
            let system = self.requests.opening(self.purpose, id);
            conversation.messages.extend(system);
        }
        let user = self.requests.user_message(self.purpose, id, &entry);
        conversation.messages.push(user);
        let label = Label {
            purpose: self.purpose,
            index,
            conversation: self.begin + id,
        };
        let messages = &conversation.messages;
        let body = self
            .requests
            .chat(model, entry.output_tokens, messages, &label);
        state.in_flight.insert(index, conversation);
        body
    }

    /// The values for the ids of request `index`, whose body was taken before.
    pub(crate) fn label(&self, index: u64) -> Label {
        let state = self.state();
        let id = state
            .in_flight
            .get(&index)
            .map_or(0, |conversation| conversation.id);
        Label {
            purpose: self.purpose,
            index,
            conversation: self.begin + id,
        }
    }

    /// Adds an answer. A conversation without one ends. Returns the numbers of the conversation and the turn.
    pub(crate) fn answered(
        &self,
        exchange: &Exchange,
        answer: Option<&Answer>,
    ) -> Option<(u64, u32)> {
        let mut state = self.state();
        let mut conversation = state.in_flight.remove(&exchange.id.index)?;
        let was = (conversation.id, conversation.turn);
        conversation.turn += 1;
        let goes_on = conversation.turn < self.spec.turns(conversation.id);
        match answer.filter(|_| goes_on) {
            Some(answer) => {
                let message = &answer.body["choices"][0]["message"];
                let text = message["content"].as_str().unwrap_or_default();
                conversation
                    .messages
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

    /// The conversation that has waited longest, or a new one.
    fn take(&mut self, now: Nanos) -> Conversation {
        if self.next_at().is_some_and(|at| at <= now)
            && let Some(waiting) = self.waiting.pop_front()
        {
            return waiting;
        }
        let id = self.started;
        self.started += 1;
        self.open += 1;
        Conversation {
            id,
            turn: 0,
            messages: Vec::new(),
            at: 0,
        }
    }
}
