//! Tells whoever wants to know what a connection is doing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::State;

/// The states of a [`Reconnecting`](crate::Reconnecting), as they follow each other: what
/// [`states`](crate::Reconnecting::states) gives.
///
/// It begins with the state at the time of the call. It ends after [`State::Closed`], or when all handles are dropped, and
/// keeps no connection open. Of those that nobody takes the last 256 are kept.
#[derive(Debug)]
#[must_use = "it does nothing unless it is polled"]
pub struct States(Rc<RefCell<Told>>);

#[derive(Debug, Default)]
struct Told {
    states: VecDeque<State>,
    is_over: bool,
    reader: Option<Waker>,
}

/// Who wants to know.
#[derive(Debug)]
pub(crate) struct Announcer {
    state: State,
    listening: Vec<Weak<RefCell<Told>>>,
}

const MOST_KEPT: usize = 256;

impl Announcer {
    pub fn new(state: State) -> Self {
        Self { state, listening: Vec::new() }
    }

    /// The state that is now.
    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn listen(&mut self) -> States {
        let is_over = matches!(self.state, State::Closed { .. });
        let told = Told { states: [self.state.clone()].into(), is_over, reader: None };
        let told = Rc::new(RefCell::new(told));
        self.listening.retain(|told| told.strong_count() > 0);
        self.listening.push(Rc::downgrade(&told));
        States(told)
    }

    /// Tells a state. Gives whom to wake when no borrow is held.
    #[must_use = "they wait until they are woken"]
    pub fn tell(&mut self, state: State) -> Vec<Waker> {
        let is_over = matches!(state, State::Closed { .. });
        if state == self.state {
            return Vec::new();
        }
        if !matches!(state, State::InDoubt { .. }) {
            self.state = state.clone();
        }
        self.each(|told| {
            if told.states.len() == MOST_KEPT {
                told.states.pop_front();
            }
            told.states.push_back(state.clone());
            told.is_over = is_over;
        })
    }

    /// There will be no more.
    #[must_use = "they wait until they are woken"]
    pub fn end(&mut self) -> Vec<Waker> {
        self.each(|told| told.is_over = true)
    }

    /// How many places are kept, for those who listen or have gone.
    #[cfg(test)]
    pub fn places(&self) -> usize {
        self.listening.len()
    }

    fn each(&mut self, mut change: impl FnMut(&mut Told)) -> Vec<Waker> {
        let listening = self.listening.iter().filter_map(Weak::upgrade);
        let wakers = listening.filter_map(|told| {
            let mut told = told.borrow_mut();
            change(&mut told);
            told.reader.take()
        });
        wakers.collect()
    }
}

impl Stream for States {
    type Item = State;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        let mut told = self.0.borrow_mut();
        if let Some(state) = told.states.pop_front() {
            return Poll::Ready(Some(state));
        }
        if told.is_over {
            return Poll::Ready(None);
        }
        let last = told.reader.replace(context.waker().clone());
        drop(told);
        drop(last);
        Poll::Pending
    }
}

// It is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for States {}
impl RefUnwindSafe for States {}
