use std::time::Duration;

use super::{ms, seconds, test};
use crate::Backoff;
use crate::reconnect::backoff::{Retries, random_from};

fn delays(backoff: Backoff, random: f64, count: usize) -> Vec<u128> {
    let mut retries = Retries::new(backoff);
    (0..count).map_while(|_| retries.next_delay(random)).map(|delay| delay.as_millis()).collect()
}

#[test]
fn delays_double_up_to_the_cap() {
    assert_eq!(delays(Backoff::new(), 1.0, 8), [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
    assert_eq!(delays(Backoff::new(), 1.0, 100)[99], 30000);
}

#[test]
fn the_jitter_is_full_and_holds_at_the_cap() {
    assert_eq!(delays(Backoff::new(), 0.5, 8), [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
    assert_eq!(delays(Backoff::new(), 0.01, 8), [100, 100, 100, 100, 160, 300, 300, 300]);
}

#[test]
fn no_delay_is_shorter_than_the_floor() {
    assert_eq!(delays(Backoff::new(), 0.0, 3), [100; 3]);
    assert_eq!(delays(Backoff::new().cap(ms(10)), 1.0, 2), [100; 2]);
}

// A page may have replaced `Math.random`.
#[test]
fn a_delay_stays_within_its_bounds_whatever_the_random_number() {
    for random in [0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
        let longest = Retries::new(Backoff::new().base(Duration::MAX).cap(Duration::MAX)).next_delay(random);
        assert!(longest.is_some_and(|delay| delay >= ms(100)), "{random}");
        let usual = Retries::new(Backoff::new()).next_delay(random);
        assert!(usual.is_some_and(|delay| (ms(100)..=ms(1000)).contains(&delay)), "{random}");
    }
}

#[test]
fn it_gives_up_after_max_attempts() {
    let mut retries = Retries::new(Backoff::new().max_attempts(2));
    assert_eq!(retries.attempt(), 1);
    assert!(retries.next_delay(0.5).is_some());
    assert_eq!(retries.attempt(), 2);
    assert_eq!(retries.next_delay(0.5), None);
    retries.reset();
    assert_eq!(retries.attempt(), 1);
    assert_eq!(retries.next_delay(1.0), Some(seconds(1)));
}

#[test]
fn it_gives_up_after_max_elapsed() {
    let mut retries = Retries::new(Backoff::new().max_elapsed(seconds(10)));
    assert_eq!(retries.next_delay(1.0), Some(seconds(1)));
    retries.took(seconds(5));
    assert_eq!(retries.next_delay(1.0), Some(seconds(2)));
    retries.took(seconds(2));
    assert_eq!(retries.next_delay(1.0), None);
}

#[test]
fn random_numbers_are_those_of_splitmix64() {
    let expected = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f_u64];
    let mut random = random_from(0.0);
    expected.iter().for_each(|bits| assert_eq!(random(), (bits >> 11) as f64 / 2_f64.powi(53)));
    assert_ne!(random_from(0.5)(), random_from(0.25)());
}
