//! Sessions: connections that are lost at any moment, pages that are frozen, and servers that forget.
//!
//! The application of the server processes the messages that the application of the client has sent, exactly once and in order,
//! and the other way round. Otherwise the client gets one report of a loss.

mod plan;
mod program;
mod server;

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::plan::milliseconds;
use crate::seeds::hold;
use crate::world::World;
use plan::Plan;
use program::Book;
use server::Host;

#[test]
fn a_session_loses_no_message_and_has_none_twice() {
    hold(|plan: &Plan| World::run(&plan.world, |world| run(world, Rc::new(plan.clone()))));
}

async fn run(world: Rc<World>, plan: Rc<Plan>) {
    let host = Host::serve(&world, &plan);
    let book = program::run(&world, &plan, &host).await;
    // The last ACK may need one more connection.
    world.in_calm(|| host.logs.borrow().iter().any(|log| log.is_complete.get() || log.is_forgotten.get())).await;
    world.end();
    assert!(world.settle().await, "the peers do not come to an end");
    check_up(&book, &host);
    check_down(&book, &host, &plan);
    // A complete session waits for up to this time for a server that does not answer its last ACK.
    world.page.sleep(milliseconds(30_000)).await;
    world.nothing_is_left().await;
}

/// Checks the messages that the client has sent.
fn check_up(book: &Book, host: &Host) {
    let logs = host.logs.borrow();
    let processed: Vec<u32> = logs.iter().flat_map(|log| log.processed.borrow().clone()).collect();
    assert!(processed.is_sorted_by(|a, b| a < b), "twice, or out of order: {processed:?}");
    let lost = book.lost.borrow();
    assert!(lost.is_sorted_by(|a, b| a.0 < b.0), "lost twice: {lost:?}");
    let (processed, receipts) = (BTreeSet::from_iter(processed), book.receipts.borrow());
    for number in 1..=book.sent.get() {
        let loss = lost.iter().find(|(lost, _)| *lost == number);
        let is_processed = processed.contains(&number);
        match loss {
            None => assert!(is_processed, "{number} is neither processed nor reported as lost"),
            Some((_, false)) => assert!(!is_processed, "{number} is processed, and was not transmitted"),
            Some((_, true)) => {}
        }
        assert_eq!(receipts.get(&number), Some(&loss.is_none()), "the receipt of {number} is wrong");
    }
    assert!(processed.iter().all(|number| *number <= book.sent.get()), "a message that was refused is processed");
    let is_lost_at_the_end = logs.last().is_none_or(|log| !log.has_ended.get());
    let closed = book.closed.borrow().clone().expect("it has closed");
    // The server may have processed the end and forgotten the session before it reported this.
    assert!(closed.is_err() || !is_lost_at_the_end || logs.iter().any(|log| log.has_ended.get()), "{closed:?}");
    assert!(closed.is_ok() || book.losses.get() > 0, "{closed:?} without a loss");
}

/// Checks the messages that the server has sent.
fn check_down(book: &Book, host: &Host, plan: &Plan) {
    for taken in book.taken.borrow().iter() {
        let all: Vec<_> = (1..=taken.len() as u32).collect();
        assert_eq!(*taken, all, "lost, twice, or out of order");
    }
    let logs = host.logs.borrow();
    let Some(last) = logs.last() else { return };
    if book.losses.get() == 0 && !logs.iter().any(|log| log.is_forgotten.get()) {
        assert_eq!(logs.len(), 1, "there is more than one session");
        assert_eq!(book.taken.borrow()[0].len(), plan.down.len(), "not everything was taken");
        assert!(last.is_complete.get(), "the server's session is not complete");
        assert_eq!(last.acknowledged.get(), plan.down.len() as u64 + 1);
        assert!(!last.is_lost.get());
    }
}
