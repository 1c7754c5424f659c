//! Connections that come back: senders and their clones, commands, heartbeats, preambles, and the reader.
//!
//! ```text
//! plan ─▶ setup ─▶ program ─▶ book:  checks the state of each message against what the peers have received
//!                          └▶ story: checks the reported states against what has happened
//! ```

mod book;
mod plan;
mod program;
mod reading;
mod setup;
mod story;

use std::rc::Rc;

use crate::seeds::hold;
use crate::world::World;
use plan::Plan;

#[test]
fn a_connection_that_comes_back_keeps_its_promises() {
    hold(|plan: &Plan| World::run(&plan.world, |world| run(world, Rc::new(plan.clone()))));
}

async fn run(world: Rc<World>, plan: Rc<Plan>) {
    let setup = setup::Setup::new(&world, &plan);
    program::run(&setup).await;
    world.end();
    assert!(world.settle().await, "the peers do not come to an end");
    setup.book.check_received();
    world.nothing_is_left().await;
}
