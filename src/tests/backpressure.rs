use super::test;
use crate::send::backpressure::Pace;

/// Returns the factor after `looks`: by how many milliseconds each was late, and how many unsent bytes it found.
fn factor(looks: &[(f64, u64)]) -> u64 {
    let mut pace = Pace::default();
    for &(late_by, amount) in looks {
        // Each wait begins with a look without a timer, which is never late.
        pace.learn(0, 0.0, amount, true);
        pace.learn(4, late_by, amount, true);
    }
    pace.factor()
}

#[test]
fn the_mark_is_raised_while_looks_come_late_and_find_nothing() {
    assert_eq!(factor(&[]), 1);
    assert_eq!(factor(&[(1000.0, 0)]), 2);
    assert_eq!(factor(&[(1000.0, 0); 3]), 8);
    assert_eq!(factor(&[(60_000.0, 0); 100]), 64);
}

#[test]
fn the_mark_is_not_raised_while_bytes_are_unsent() {
    assert_eq!(factor(&[(1000.0, 0), (1000.0, 5)]), 2);
}

#[test]
fn a_look_in_time_lowers_the_mark_again() {
    assert_eq!(factor(&[(1000.0, 0), (1000.0, 0), (2.0, 0)]), 1);
    // Timers of a busy page are also late, but by less.
    assert_eq!(factor(&[(499.0, 0)]), 1);
    assert_eq!(factor(&[(500.0, 0)]), 2);
}

#[test]
fn a_look_without_a_waiting_sender_lowers_the_mark_and_never_raises_it() {
    let mut pace = Pace::default();
    pace.learn(4, 1000.0, 0, false);
    assert_eq!(pace.factor(), 1);
    pace.learn(4, 1000.0, 0, true);
    pace.learn(4, 1000.0, 0, false);
    assert_eq!(pace.factor(), 2);
    pace.learn(4, 2.0, 0, false);
    assert_eq!(pace.factor(), 1);
}
