//! The models, and their checks.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model as _};

use super::properties::*;
use super::reached::Reached;
use super::*;

/// Explores all schedules, and fails with the schedule that breaks a property. Returns the number of states.
fn check(name: &str, model: Model) -> usize {
    let started = Instant::now();
    let checker = model.checker().spawn_dfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}: {states} states, up to {depth} steps, {:.1} s", started.elapsed().as_secs_f32());
    for (property, path) in checker.discoveries() {
        assert_eq!(property, ARRIVES, "{name}: {:#?}", path.into_actions());
    }
    assert!(checker.discovery(ARRIVES).is_some(), "{name}: nothing ever arrives");
    states
}

/// Explores schedules with up to `losses` lost connections, by partial order reduction.
fn check_reduced(name: &str, model: &Model, losses: u8) {
    let states = (0..=losses).map(|lost| check(&format!("{name}, {lost} losses"), model.losing(lost)));
    println!("{name}, up to {losses} losses: {} states", states.sum::<usize>());
}

fn model() -> Model {
    Model::default()
}

#[test]
fn sessions_survive_lost_connections() {
    check(
        "2 and 2 messages, 1 loss",
        Model { client: vec![1; 2], server: vec![1; 2], losses: 1, eager: true, ..model() },
    );
    check_reduced("2 and 2", &Model { client: vec![1; 2], server: vec![1; 2], eager: true, ..model() }, 2);
    check("1 and 1, END, 1 loss, slow applications", Model { losses: 1, ends: true, ..model() });
    check("1 and 1, 2 losses, late frames", Model { losses: 2, late: true, eager: true, ..model() });
    check("1 and 0, END, 2 losses", Model { server: vec![], ends: true, losses: 2, eager: true, ..model() });
}

#[test]
fn credit_neither_deadlocks_nor_overflows() {
    check("a window of one message", Model { client: vec![20; 3], server: vec![], limits: small(), ..model() });
    check(
        "messages beyond the window",
        Model { client: vec![90, 1], server: vec![90], limits: small(), losses: 1, eager: true, ..model() },
    );
}

#[test]
fn sessions_survive_crashes_with_a_store() {
    check("the server crashes", Model { crashes: 1, ..model() });
    check("the server crashes, END", Model { crashes: 1, ends: true, eager: true, ..model() });
    check("the client crashes", Model { client_crashes: 1, ..model() });
    check("both crash", Model { crashes: 1, client_crashes: 1, eager: true, ..model() });
}

#[test]
fn a_crash_without_a_store_is_reported_once() {
    check("the server forgets", Model { crashes: 1, store: Store::Empty, ..model() });
    check("the server forgets, 1 loss", Model { crashes: 1, store: Store::Empty, losses: 1, eager: true, ..model() });
    check("the server forgets, END", Model { crashes: 1, store: Store::Empty, ends: true, eager: true, ..model() });
    check("the client is gone", Model { client_crashes: 1, client_store: Store::Empty, ..model() });
    check("the store is stale", Model { crashes: 1, store: Store::Stale, client: vec![1; 2], eager: true, ..model() });
}

#[test]
fn two_tabs_with_one_session_end_in_one() {
    check("a copy", Model { duplicates: 1, eager: true, ..model() });
    check("a copy, 1 loss", Model { duplicates: 1, server: vec![], losses: 1, eager: true, ..model() });
}

fn small() -> Limits {
    Limits { window: 40, max: 100, replay: 1000, journal: true }
}

/// Returns for each rule a property that breaks without the rule, and a model in which it breaks.
fn needs() -> Vec<(Rule, &'static str, Model)> {
    let one_loss = || Model { losses: 1, ..model() };
    let two_losses = || Model { losses: 2, server: vec![], eager: true, ..model() };
    let crash = |store| Model { crashes: 1, store, eager: true, ..model() };
    let only_ends = || Model { ends: true, client: vec![], server: vec![], ..one_loss() };
    let copy = || Model { duplicates: 1, eager: true, ..model() };
    vec![
        (Rule::WaitForWelcome, NO_SUPERSEDING, Model { client: vec![1; 2], ..one_loss() }),
        (Rule::FreshCounts, ENDS, Model { server: vec![1; 2], ..crash(Store::Empty) }),
        (Rule::Attempt, NO_SUPERSEDING, two_losses()),
        (Rule::NewToken, TOKENS, one_loss()),
        (Rule::KnownToken, TOKENS, model()),
        (Rule::LastToken, NO_SUPERSEDING, one_loss()),
        (Rule::DropLastToken, TOKENS, one_loss()),
        (Rule::AckWelcome, ENDS, Model { client: vec![], server: vec![], ..model() }),
        (Rule::StaysFresh, SERVER_ORDER, Model { losses: 1, ..crash(Store::Empty) }),
        (Rule::OldClient, ENDS, copy()),
        (Rule::OldServer, HONEST, Model { eager: false, server: vec![1; 2], ..crash(Store::Stale) }),
        (Rule::IgnoreSuperseded, SERVER_ORDER, Model { client: vec![1; 2], ..one_loss() }),
        (Rule::IgnoreLeft, CLIENT_ORDER, Model { late: true, ..one_loss() }),
        (Rule::SupersededIsFinal, CONNECTS, copy()),
        (Rule::CountOn, CLIENT_ORDER, one_loss()),
        (Rule::Keep, NOTHING_VANISHES, one_loss()),
        (Rule::FromReceived, CLIENT_ORDER, one_loss()),
        (Rule::AckProcessed, NOTHING_VANISHES, Model { eager: false, ..crash(Store::Durable) }),
        (Rule::AckInTime, ENDS, Model { client: vec![1; 2], ..model() }),
        (Rule::KeepToCredit, HONEST, Model { client: vec![20; 3], server: vec![], limits: small(), ..model() }),
        (Rule::Exempt, ENDS, Model { client: vec![90], server: vec![], limits: small(), ..model() }),
        (Rule::KeepEnd, ENDS, Model { eager: true, server: vec![], ends: true, ..one_loss() }),
        (Rule::KeepComplete, NO_LOSS, only_ends()),
        (Rule::FinishComplete, ENDS, only_ends()),
        (Rule::ReportLost, NOTHING_VANISHES, crash(Store::Empty)),
        (Rule::DropLost, NO_LOSS, crash(Store::Empty)),
        (Rule::CheckWelcome, HONEST, Model { client: vec![1; 2], ..crash(Store::Stale) }),
        (Rule::ReportDropped, NOTHING_VANISHES, Model { client_crashes: 1, client_store: Store::Empty, ..model() }),
        (Rule::StoreMessage, NOTHING_VANISHES, crash(Store::Durable)),
        (Rule::StoreProcessed, SERVER_ORDER, crash(Store::Durable)),
        (Rule::StoreServer, NO_SUPERSEDING, Model { losses: 1, ..crash(Store::Durable) }),
        (Rule::StoreClient, NO_SUPERSEDING, Model { client_crashes: 1, ..model() }),
    ]
}

#[test]
fn each_rule_left_out_has_a_counterexample() {
    for (rule, property, model) in needs() {
        if model.is_reducible() {
            breaks_without(rule, property, model.losing(model.losses));
        }
        breaks_without(rule, property, model);
    }
}

fn breaks_without(rule: Rule, property: &'static str, model: Model) {
    let kept = model.clone().checker().spawn_dfs().join();
    assert!(kept.discovery(property).is_none(), "{rule:?}: {property} breaks with the rule, too");
    let model = Model { without: Some(rule), ..model };
    let checker = model.checker().finish_when(HasDiscoveries::AllOf([property].into())).spawn_bfs().join();
    let path = checker.discovery(property).unwrap_or_else(|| panic!("{property} holds without {rule:?}"));
    let actions: Vec<_> = path.into_actions().iter().map(|action| format!("{action:?}")).collect();
    println!("without {rule:?}, {property} breaks: {}", actions.join(", "));
}

/// Checks that all schedules and the reduced ones reach the same states.
fn compare(name: &str, model: Model) {
    let all = Reached::by([model.clone()]);
    let reduced = Reached::by((0..=model.losses).map(|lost| model.losing(lost)));
    println!("{name}: {} clients, {} servers, {} final states", all.clients.len(), all.servers.len(), all.last.len());
    assert!(all.clients == reduced.clients, "{name}: a client has other states");
    assert!(all.servers == reduced.servers, "{name}: a server has other states");
    assert!(all.last == reduced.last, "{name}: there are other final states");
}

#[test]
fn schedules_in_one_order_reach_the_same_states() {
    let two = || Model { client: vec![1; 2], server: vec![1; 2], eager: true, losses: 1, ..model() };
    compare("2 and 2, 1 loss", two());
    compare("1 and 1, 2 losses", Model { losses: 2, eager: true, ..model() });
    compare("1 and 0, END, 1 loss, slow applications", Model { losses: 1, ends: true, server: vec![], ..model() });
    compare("beyond the window", Model { limits: small(), client: vec![90, 1], server: vec![90], ..two() });
}

// `cargo test -p websocket-session -- --ignored --nocapture model`
mod all_schedules {
    use super::*;

    fn four() -> Model {
        Model { client: vec![1; 4], server: vec![1; 4], eager: true, ..model() }
    }

    #[test]
    #[ignore = "takes 7 minutes"]
    fn of_4_messages_each_way_and_3_reconnections() {
        check_reduced("4 and 4", &four(), 3);
        check_reduced("4 and 4, END", &Model { ends: true, ..four() }, 3);
        check_reduced("4 and 4, slow applications", &Model { eager: false, ..four() }, 3);
    }

    #[test]
    #[ignore = "takes 30 minutes"]
    fn of_4_messages_each_way_with_end_and_slow_applications() {
        check_reduced("4 and 4, END, slow applications", &Model { ends: true, eager: false, ..four() }, 3);
    }

    #[test]
    #[ignore = "takes 2 minutes"]
    fn of_messages_and_acks_at_any_time() {
        check("4 and 4, 1 loss", Model { losses: 1, ..four() });
        check("3 and 3, 2 losses", Model { losses: 2, client: vec![1; 3], server: vec![1; 3], ..four() });
        check("2 and 2, 2 losses", Model { losses: 2, client: vec![1; 2], server: vec![1; 2], ..four() });
        check("1 and 1, 3 losses", Model { losses: 3, client: vec![1], server: vec![1], ..four() });
        check(
            "2 and 2, END, 1 loss, slow",
            Model { client: vec![1; 2], server: vec![1; 2], losses: 1, ends: true, ..model() },
        );
    }

    #[test]
    #[ignore = "takes 2 minutes"]
    fn in_one_order_reach_the_same_states() {
        compare("3 and 3, 2 losses", Model { losses: 2, client: vec![1; 3], server: vec![1; 3], ..four() });
        compare("1 and 1, 3 losses", Model { losses: 3, client: vec![1], server: vec![1], ..four() });
        compare("1 and 1, END, 2 losses, slow applications", Model { losses: 2, ends: true, ..model() });
    }

    #[test]
    #[ignore = "takes a minute"]
    fn of_losses_and_a_crash_with_a_store() {
        let two = Model { client: vec![1; 2], server: vec![1; 2], burst: true, acks: Acks::Last, ..four() };
        check("2 and 2, 2 losses, late, a crash", Model { losses: 2, late: true, crashes: 1, ..two });
    }
}
