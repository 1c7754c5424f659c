//! Makes senders wait while too much of what was sent is still with the browser.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::sys::{RawSocket, Timer};
use crate::{Error, Options, ReadyState};

const SHORTEST_DELAY: Duration = Duration::from_millis(4);
const LONGEST_DELAY: Duration = Duration::from_millis(50);

/// One sender's wait.
///
/// No event tells that `bufferedAmount` has fallen, so it is looked at again after 4, 8, 16, 32 and then every 50 ms,
/// starting over whenever it has fallen.
#[derive(Default)]
pub(crate) struct Backpressure {
    wait: Option<Wait>,
}

struct Wait {
    timer: Timer,
    delay: Duration,
    amount: u64,
}

impl Backpressure {
    /// Resolves when there is room: at the high water mark at once, above it only at the low one.
    pub fn poll_room(
        &mut self,
        context: &mut Context<'_>,
        socket: &RawSocket,
        options: &Options,
    ) -> Poll<Result<(), Error>> {
        let low = options.low_water_mark.min(options.high_water_mark);
        let mark = if self.wait.is_some() { low } else { options.high_water_mark };
        self.poll_below(context, socket, mark)
    }

    /// Resolves when everything has gone to the network.
    pub fn poll_empty(&mut self, context: &mut Context<'_>, socket: &RawSocket) -> Poll<Result<(), Error>> {
        // Of a closed socket too: what it could not send, it counts for ever.
        if socket.buffered_amount() == 0 { Poll::Ready(Ok(())) } else { self.poll_below(context, socket, 0) }
    }

    /// Resolves when no more than `mark` bytes are unsent, or with an error when the socket is not open.
    fn poll_below(&mut self, context: &mut Context<'_>, socket: &RawSocket, mark: u64) -> Poll<Result<(), Error>> {
        loop {
            let (state, amount) = (socket.ready_state(), socket.buffered_amount());
            // First the state: once it is closed, `bufferedAmount` never falls again.
            if state != ReadyState::Open {
                self.wait = None;
                return Poll::Ready(Err(Error::NotOpen(state)));
            }
            if amount <= mark {
                self.wait = None;
                return Poll::Ready(Ok(()));
            }
            let wait = self.wait.get_or_insert_with(|| Wait::new(SHORTEST_DELAY, amount));
            ready!(Pin::new(&mut wait.timer).poll(context));
            let delay = if amount < wait.amount { SHORTEST_DELAY } else { wait.delay * 2 };
            *wait = Wait::new(delay.min(LONGEST_DELAY), amount);
        }
    }
}

impl Wait {
    fn new(delay: Duration, amount: u64) -> Self {
        Self { timer: Timer::new(delay), delay, amount }
    }
}
