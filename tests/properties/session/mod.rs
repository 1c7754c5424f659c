//! Sessions: connections that are lost at any moment, pages that are frozen, and servers that forget.
//!
//! The application of the server processes the messages that the application of the client has sent, exactly once and in order,
//! and the other way round. Otherwise the client gets one report of a loss, or, after the server's end, an error of `close`.

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
    check_up(&book, &host, &plan);
    check_down(&book, &host, &plan);
    // A complete session waits for up to this time for a server that does not answer its last ACK.
    world.page.sleep(milliseconds(30_000)).await;
    world.nothing_is_left().await;
}

/// Checks the messages that the client has sent.
fn check_up(book: &Book, host: &Host, plan: &Plan) {
    let logs = host.logs.borrow();
    let processed: Vec<u32> = logs.iter().flat_map(|log| log.processed.borrow().clone()).collect();
    assert!(processed.is_sorted_by(|a, b| a < b), "twice, or out of order: {processed:?}");
    let lost = book.lost.borrow();
    assert!(lost.is_sorted_by(|a, b| a.0 < b.0), "lost twice: {lost:?}");
    let (processed, receipts) = (BTreeSet::from_iter(processed), book.receipts.borrow());
    let closed = book.closed.borrow().clone().expect("it has closed");
    // The stream has ended, so only `close` and the receipts tell a later loss.
    let may_hide = closed.is_err() && book.is_ended_by_peer.get();
    for number in 1..=book.sent.get() {
        let loss = lost.iter().find(|(lost, ..)| *lost == number);
        let (is_processed, receipt) = (processed.contains(&number), receipts[&number]);
        assert!(receipt != Some(true) || is_processed && loss.is_none(), "{number} is not processed: {loss:?}");
        match loss {
            None if may_hide => assert!(is_processed || plan.ends_first, "{number} is neither processed nor lost"),
            None => assert!(is_processed && receipt != Some(false), "{number} is not reported as lost: {receipt:?}"),
            Some((_, false, _)) => assert!(!is_processed, "{number} is processed, and was not transmitted"),
            Some((_, true, _)) => {}
        }
    }
    for (missing, losses) in book.acknowledged.borrow().iter() {
        for number in missing {
            let is_told = lost.iter().any(|(lost, _, in_loss)| lost == number && in_loss <= losses);
            assert!(is_told, "{number} is acknowledged, and neither processed nor reported as lost");
        }
    }
    assert!(processed.iter().all(|number| *number <= book.sent.get()), "a message that was refused is processed");
    let used = logs.iter().filter(|log| log.has_ended.get() || !log.processed.borrow().is_empty()).count();
    assert!(used <= book.losses.get() as usize + 1, "a session has begun whose messages nobody takes");
    let is_lost_at_the_end = logs.last().is_none_or(|log| !log.has_ended.get());
    // The server may have processed the end and forgotten the session before it reported this.
    assert!(closed.is_err() || !is_lost_at_the_end || logs.iter().any(|log| log.has_ended.get()), "{closed:?}");
    assert!(closed.is_ok() || book.losses.get() > 0 || may_hide, "{closed:?} without a loss");
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
