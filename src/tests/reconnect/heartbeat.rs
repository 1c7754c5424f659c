use std::time::Duration;

use super::{ms, seconds, test};
use crate::reconnect::heartbeat::{Beat, Flow, Pulse, Timing};

const TIMING: Timing = Timing { interval: Duration::from_secs(25), timeout: Duration::from_secs(10), repeats: 0 };
const START: Duration = Duration::from_secs(1_800_000_000);
const IDLE: Flow = Flow { handed: 100, unsent: 0 };

fn pulse() -> Pulse {
    Pulse::new(TIMING, 0, START)
}

/// Looks at the clock at these seconds. Returns the seconds of pings, and the second at which the peer counted as dead.
fn beats(pulse: &mut Pulse, looks: impl IntoIterator<Item = u64>) -> (Vec<u64>, Option<u64>) {
    let mut pings = Vec::new();
    for at in looks {
        let now = START + seconds(at);
        let _ = pulse.deadline(now);
        match pulse.look(now, IDLE) {
            Beat::Nothing => {}
            Beat::Ping => pings.push(at),
            Beat::Dead => return (pings, Some(at)),
        }
    }
    (pings, None)
}

/// Looks at the clock at this second, and sends the ping at once.
fn look(pulse: &mut Pulse, at: u64, flow: Flow) -> Beat {
    let now = START + seconds(at);
    let _ = pulse.deadline(now);
    let beat = pulse.look(now, flow);
    if beat == Beat::Ping {
        pulse.note_bytes_before(flow);
    }
    beat
}

#[test]
fn a_silent_peer_is_dead_after_one_ping() {
    assert_eq!(beats(&mut pulse(), 1..100), (vec![25], Some(35)));
}

#[test]
fn any_message_shows_that_the_peer_is_alive() {
    let pulse = &mut pulse();
    assert_eq!(beats(pulse, 1..35), (vec![25], None));
    pulse.received();
    assert_eq!(beats(pulse, 35..100), (vec![50], Some(60)));
}

// L13
#[test]
fn late_timers_make_it_ping_again() {
    let pulse = &mut pulse();
    // In a hidden page timers fire once a minute. The peer answers each time.
    for minute in (60..600).step_by(60) {
        assert_eq!(beats(pulse, [minute]), (vec![minute], None));
        pulse.received();
    }
    // The peer does not answer any more.
    assert_eq!(beats(pulse, (600..2000).step_by(60)), (vec![600, 660, 720], Some(780)));
}

// L12
#[test]
fn after_sleep_one_ping_is_enough() {
    let pulse = &mut pulse();
    assert_eq!(beats(pulse, 1..30), (vec![25], None));
    // After ten minutes of sleep the timeout is over, but no message could be received meanwhile.
    assert_eq!(beats(pulse, 630..700), (vec![630], Some(640)));
}

#[test]
fn a_timer_that_is_late_by_half_a_second_is_no_proof() {
    // The timers for the last part of the timeout, and for its end.
    for late in [[34_500], [35_500]] {
        let pulse = &mut pulse();
        assert_eq!(beats(pulse, if late == [34_500] { 25..26 } else { 25..35 }), (vec![25], None));
        assert_eq!(pulse.look(START + ms(late[0]), IDLE), Beat::Ping);
    }
}

// After a freeze, browsers may fire a timer before they deliver an answer that arrived in time.
#[test]
fn a_page_that_was_frozen_until_the_timeout_has_time_to_read_the_answer() {
    let pulse = &mut pulse();
    assert_eq!(beats(pulse, [25]), (vec![25], None));
    assert_eq!(pulse.look(START + ms(34_499), IDLE), Beat::Nothing);
    assert_eq!(pulse.look(START + ms(35_498), IDLE), Beat::Nothing);
    assert_eq!(pulse.look(START + ms(35_499), IDLE), Beat::Dead);
}

#[test]
fn a_wake_up_pings_again_before_the_peer_counts_as_dead() {
    let pulse = &mut pulse();
    assert_eq!(beats(pulse, [25]), (vec![25], None));
    // The page was frozen since then, and is shown just after the deadline: an answer may be unread.
    assert_eq!(pulse.probe(START + seconds(36)), Beat::Ping);
    // The same just before the deadline.
    assert_eq!(pulse.look(START + seconds(45), IDLE), Beat::Nothing);
    assert_eq!(pulse.probe(START + ms(45_999)), Beat::Ping);
    assert_eq!(pulse.look(START + seconds(46), IDLE), Beat::Nothing);
    assert_eq!(pulse.look(START + seconds(55), IDLE), Beat::Nothing);
    assert_eq!(pulse.look(START + seconds(56), IDLE), Beat::Dead);
}

#[test]
fn several_events_of_one_wake_up_ping_once() {
    let pulse = &mut pulse();
    assert_eq!(pulse.probe(START + ms(5)), Beat::Ping);
    assert_eq!(pulse.probe(START + ms(6)), Beat::Nothing);
    assert_eq!(pulse.probe(START + ms(1004)), Beat::Nothing);
    assert_eq!(pulse.probe(START + ms(1005)), Beat::Ping);
}

// L21
#[test]
fn a_clock_that_is_set_does_not_postpone_pings_and_timeouts() {
    // The clock is set an hour ahead: it pings, and waits for the answer on the new clock.
    let ahead = &mut pulse();
    assert_eq!(beats(ahead, 1..30), (vec![25], None));
    assert_eq!(beats(ahead, 3630..3700), (vec![3630], Some(3640)));
    // The clock is set an hour back: it waits one more interval, not an hour.
    let back = &mut Pulse::new(TIMING, 0, START + seconds(3600));
    assert_eq!(beats(back, 1..100), (vec![26], Some(36)));
}

#[test]
fn the_timeout_starts_over_while_bytes_before_the_ping_leave() {
    let pulse = &mut pulse();
    let mut look = |at, unsent| look(pulse, at, Flow { handed: 1000, unsent });
    assert_eq!(look(25, 900), Beat::Ping);
    assert_eq!(look(34, 900), Beat::Nothing);
    assert_eq!(look(35, 500), Beat::Nothing);
    assert_eq!(look(44, 1), Beat::Nothing);
    assert_eq!(look(52, 0), Beat::Nothing);
    // Now the ping has left, and the usual timeout begins.
    assert_eq!(look(53, 0), Beat::Nothing);
    assert_eq!(look(62, 0), Beat::Nothing);
    assert_eq!(look(63, 0), Beat::Dead);
}

#[test]
fn a_peer_is_dead_if_no_bytes_leave() {
    let pulse = &mut pulse();
    let flow = Flow { handed: 1000, unsent: 900 };
    assert_eq!(look(pulse, 25, flow), Beat::Ping);
    assert_eq!(look(pulse, 34, flow), Beat::Nothing);
    assert_eq!(look(pulse, 35, flow), Beat::Dead);
}

#[test]
fn bytes_that_follow_the_ping_do_not_extend_its_timeout() {
    for unsent in [900, 0] {
        let pulse = &mut pulse();
        let mut look = |at, handed, unsent| look(pulse, at, Flow { handed, unsent });
        assert_eq!(look(25, 1000, unsent), Beat::Ping);
        // Now exactly the bytes before the ping have left, and then bytes that followed it.
        let sent = if unsent > 0 { 34 } else { 25 };
        assert_eq!(look(sent, 3000, 2000), Beat::Nothing);
        assert_eq!(look(sent + 9, 3000, 1000), Beat::Nothing);
        assert_eq!(look(sent + 10, 3000, 0), Beat::Dead);
    }
}

#[test]
fn a_ping_is_repeated_on_a_slow_line() {
    let pulse = &mut Pulse::new(TIMING, 2, START);
    assert_eq!(beats(pulse, 1..50), (vec![25, 35, 45], None));
    pulse.received();
    assert_eq!(beats(pulse, 50..100), (vec![70, 80, 90], None));
    assert_eq!(beats(pulse, 100..200), (vec![], Some(100)));
}

#[test]
fn an_answer_to_a_first_ping_ends_the_repetitions() {
    let pulse = &mut Pulse::new(TIMING, 2, START);
    assert_eq!(beats(pulse, 1..30), (vec![25], None));
    pulse.received();
    assert_eq!(beats(pulse, 30..100), (vec![50], Some(60)));
}

#[test]
fn no_ping_is_repeated_after_a_wake_up() {
    let pulse = &mut Pulse::new(TIMING, 2, START);
    assert_eq!(pulse.probe(START + seconds(5)), Beat::Ping);
    assert_eq!(beats(pulse, 6..100), (vec![], Some(15)));
    assert_eq!(pulse.next_repeats(2), 2);
}

#[test]
fn half_of_a_short_timeout_is_its_last_part() {
    let pulse = &mut Pulse::new(Timing { timeout: seconds(1), ..TIMING }, 0, START);
    assert_eq!(beats(pulse, [25]), (vec![25], None));
    assert_eq!(pulse.deadline(START + seconds(25)).remaining(START + seconds(25)), ms(500));
}
