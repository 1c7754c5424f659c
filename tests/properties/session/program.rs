//! The application of the client, and its account.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture, poll_immediate, ready};
use futures_util::{SinkExt, StreamExt};
use wasm_websocket::reconnect::Backoff;
use wasm_websocket::session::{LostCause, Session, SessionOptions, SessionSender};
use wasm_websocket::{Error, Message, Options};

use super::plan::{Plan, Way};
use super::server::{Host, URL};
use crate::dialect::{Dialect, read};
use crate::plan::milliseconds;
use crate::seeds::note;
use crate::world::World;

/// The account of the client.
#[derive(Default)]
pub struct Book {
    /// The numbers of the messages that were taken from each session, oldest session first.
    pub taken: RefCell<Vec<Vec<u32>>>,
    /// The numbers of the lost messages, in order, with whether they were transmitted, and in which loss they are.
    pub lost: RefCell<Vec<(u32, bool, u32)>>,
    pub losses: Cell<u32>,
    /// For each number, whether its receipt says that the message was processed; `None` for a message without a receipt, some of which
    /// is lost.
    pub receipts: RefCell<BTreeMap<u32, Option<bool>>>,
    /// When the session said that everything was acknowledged: the numbers that were not processed then, and the losses until then.
    pub acknowledged: RefCell<Vec<(Vec<u32>, u32)>>,
    /// Whether the stream has ended because the server has ended its direction.
    pub is_ended_by_peer: Cell<bool>,
    pub sent: Cell<u32>,
    pub refused: RefCell<Vec<u32>>,
    pub closed: RefCell<Option<Result<(), Error>>>,
    pub has_ended: Cell<bool>,
}

impl Book {
    /// Notes that everything up to a number is acknowledged.
    fn acknowledge(&self, host: &Host, last: u32) {
        let (logs, mut missing) = (host.logs.borrow(), Vec::from_iter(1..=last));
        missing.retain(|number| logs.iter().all(|log| !log.processed.borrow().contains(number)));
        self.acknowledged.borrow_mut().push((missing, self.losses.get()));
    }
}

pub async fn run(world: &Rc<World>, plan: &Rc<Plan>, host: &Rc<Host>) -> Rc<Book> {
    let book = Rc::<Book>::default();
    book.taken.borrow_mut().push(Vec::new());
    let session = Session::new(options(plan), async || Ok(URL));
    let sender = session.sender();
    let (sending, reading) = (Rc::clone(&book), Rc::clone(&book));
    let (sends, reads) = (Rc::clone(plan), Rc::clone(plan));
    let (sending_in, reading_in, counts) = (Rc::clone(world), Rc::clone(world), sender.clone());
    let sending_to = Rc::clone(host);
    world.spawn(async move { send_all(&sending_in, &sends, &sending, &sending_to, sender).await });
    world.spawn(async move { read_all(&reading_in, &reads, &reading, session).await });
    let is_done = || book.has_ended.get() && book.closed.borrow().is_some();
    // One round for each connection that only the heartbeat detects as dead.
    for _ in 0..=plan.faults.len() {
        if world.in_calm(is_done).await {
            break;
        }
    }
    assert!(is_done(), "it waits for ever, after {} connections: {counts:?}", host.connections.get());
    let settled = world.in_calm(|| book.receipts.borrow().len() == book.sent.get() as usize).await;
    assert!(settled, "a receipt waits for ever");
    check_counts(&book, &counts);
    book
}

fn options(plan: &Plan) -> SessionOptions {
    let backoff = Backoff::new().base(milliseconds(10)).cap(milliseconds(200)).floor(milliseconds(1));
    let connection = Options::from(&plan.connection).connect_timeout(milliseconds(10_000));
    let options = SessionOptions::new()
        .connection(connection)
        .backoff(backoff)
        .heartbeat(milliseconds(3000), milliseconds(1500))
        .window(plan.client.window)
        .replay(plan.client.replay);
    if plan.is_explicit { options.explicit() } else { options }
}

async fn send_all(world: &Rc<World>, plan: &Plan, book: &Rc<Book>, host: &Rc<Host>, sender: SessionSender) {
    for (index, (delay, (letter, way))) in plan.up.iter().enumerate() {
        world.pause(*delay).await;
        let number = index as u32 + 1;
        let message = Dialect::Plain.message(number, *letter);
        match send(&sender, *way, message).await {
            Ok(receipt) => {
                book.sent.set(book.sent.get() + 1);
                let (book, host, page, way) = (Rc::clone(book), Rc::clone(host), world.clone(), *way);
                world.spawn(async move {
                    let outcome = receipt.await;
                    assert!(matches!(outcome, Ok(()) | Err(Error::SessionLost)), "{outcome:?}");
                    note(&page.page, || format!("page: the receipt of {number}: {outcome:?}"));
                    let is_receipt = matches!(way, Way::Method);
                    if outcome.is_ok() && !is_receipt {
                        book.acknowledge(&host, number);
                    }
                    book.receipts
                        .borrow_mut()
                        .insert(number, (is_receipt || outcome.is_ok()).then_some(outcome.is_ok()));
                    page.changed();
                });
            }
            Err(unsent) => {
                if let Some(message) = unsent {
                    let back = Dialect::Plain.number_of(&read(message).await);
                    assert_eq!(back, number, "another message is handed back");
                }
                book.refused.borrow_mut().push(number);
            }
        }
    }
    let closed = sender.close_with(3000, "done").await;
    note(&world.page, || format!("page: closed: {closed:?}"));
    if closed.is_ok() {
        book.acknowledge(host, book.sent.get());
    }
    book.closed.replace(Some(closed));
    world.changed();
}

/// Sends a message, and returns a future that resolves when the message is processed. The error returns the message.
async fn send(
    sender: &SessionSender,
    way: Way,
    message: Message,
) -> Result<LocalBoxFuture<'static, Result<(), Error>>, Option<Message>> {
    match way {
        Way::Method => match sender.send(message).await {
            Ok(receipt) => Ok(receipt.boxed_local()),
            Err(unsent) => Err(Some(unsent.message)),
        },
        Way::Sink => {
            let mut handle = sender.clone();
            handle.feed(message).await.map_err(|_| None)?;
            drop(handle);
            let sender = sender.clone();
            let mut acknowledged = async move { sender.acknowledged().await }.boxed_local();
            // Polled now, while this message is the last one.
            Ok(match poll_immediate(&mut acknowledged).await {
                Some(result) => ready(result).boxed_local(),
                None => acknowledged,
            })
        }
    }
}

async fn read_all(world: &Rc<World>, plan: &Plan, book: &Book, mut session: Session) {
    while let Some(item) = session.next().await {
        match item {
            Ok(message) => {
                let number = Dialect::Plain.number_of(&read(message).await);
                note(&world.page, || format!("page: takes {number}"));
                book.taken.borrow_mut().last_mut().expect("there is a session").push(number);
            }
            Err(lost) => {
                note(&world.page, || format!("page: {lost}"));
                assert_eq!(lost.cause, LostCause::Forgotten);
                book.losses.set(book.losses.get() + 1);
                for lost in lost.unacknowledged {
                    let number = Dialect::Plain.number_of(&read(lost.message).await);
                    book.lost.borrow_mut().push((number, lost.transmitted, book.losses.get()));
                }
                book.taken.borrow_mut().push(Vec::new());
            }
        }
        world.pause(plan.client.pace.min(50)).await;
        session.processed();
    }
    session.processed();
    assert_eq!(session.next().await, None, "it ends twice");
    book.is_ended_by_peer.set(session.peer_end().is_some());
    book.has_ended.set(true);
    world.changed();
    // Dropping the session sends the last ACK.
}

fn check_counts(book: &Book, sender: &SessionSender) {
    let (counts, receipts) = (sender.counts(), book.receipts.borrow());
    let those = |wanted| receipts.values().filter(|receipt| **receipt == wanted).count() as u64;
    assert!(counts.acknowledged >= those(Some(true)) && counts.lost >= those(Some(false)), "{counts:?}");
    assert_eq!(counts.acknowledged + counts.lost, u64::from(book.sent.get()), "{counts:?}");
    assert_eq!((counts.unacknowledged, counts.unacknowledged_bytes), (0, 0));
    assert_eq!(counts.taken, book.taken.borrow().iter().map(Vec::len).sum::<usize>() as u64);
}
