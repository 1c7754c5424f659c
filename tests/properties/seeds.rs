//! Runs a property for a range of seeds, and shrinks the first program for which it fails.

use std::cell::{Cell, RefCell};
use std::env;
use std::fmt::Debug;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;
use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use wasm_websocket::testing::Page;

/// The number of seeds that `cargo test` runs for each property. `cargo xtask properties` runs more.
const SEEDS: u64 = 100;

/// Checks a property of random plans, one for each seed.
///
/// # Panics
///
/// Panics if the property does not hold, with the seed, the smallest plan that fails, and what happened in it.
pub fn hold<P: Arbitrary>(check: impl Fn(&P) + Copy) {
    let (first, count) = (number("PROPERTIES_SEED").unwrap_or(0), number("PROPERTIES_SEEDS").unwrap_or(SEEDS));
    assert!(count > 0, "PROPERTIES_SEEDS chooses none");
    let began = Instant::now();
    for seed in first..first.saturating_add(count) {
        if let Err((plan, reason)) = run(seed, check) {
            panic!("{}", report(seed, &plan, &reason, check));
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{}: {count} seeds in {seconds:.1} s, {:.0} a second", property(), count as f64 / seconds);
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is {value:?}, which is no number")))
}

/// Returns the name of the property, which is the name of its test.
fn property() -> String {
    thread::current().name().unwrap_or("main").to_owned()
}

/// Runs the plan of a seed. If it fails, returns the smallest plan that fails.
fn run<P: Arbitrary>(seed: u64, check: impl Fn(&P) + Copy) -> Result<(), (P, String)> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { failure_persistence: None, max_shrink_iters: 100_000, max_shrink_time: 60_000, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let plan = any::<P>().new_tree(&mut runner).expect("plans have no filters");
    quietly(|| {
        let outcome = runner.run_one(plan, |plan| {
            check(&plan);
            Ok(())
        });
        match outcome {
            Ok(_) => Ok(()),
            Err(TestError::Fail(reason, plan)) => Err((plan, reason.message().to_owned())),
            Err(TestError::Abort(reason)) => panic!("{reason}"),
        }
    })
}

fn report<P: Debug>(seed: u64, plan: &P, reason: &str, check: impl Fn(&P) + Copy) -> String {
    NOTES.replace(Some(Vec::new()));
    let _ = quietly(|| panic::catch_unwind(AssertUnwindSafe(|| check(plan))));
    let notes = NOTES.take().unwrap_or_default().join("\n");
    format!(
        "it fails for seed {seed}: {reason}\n\nthe smallest plan that fails:\n{plan:#?}\n\nwhat happens:\n{notes}\n\n\
         run it again: cargo xtask properties --seed {seed} --seeds 1 {}\n",
        property()
    )
}

/// The largest number of notes in a report. Later notes are left out.
const MOST_NOTES: usize = 500;

thread_local! {
    static NOTES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Notes what happens, for the report of a failure.
pub fn note(page: &Page, what: impl FnOnce() -> String) {
    NOTES.with_borrow_mut(|notes| {
        if let Some(notes) = notes.as_mut().filter(|notes| notes.len() < MOST_NOTES) {
            notes.push(format!("{:>12?} {}", page.elapsed(), what()));
        }
    });
}

/// Runs a closure without printing its panics, which are caught.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                hook(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let output = run();
    IS_QUIET.set(false);
    output
}
