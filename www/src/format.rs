//! Formats numbers for people.

use std::time::Duration;

/// Formats a size in bytes.
pub fn size(bytes: u64) -> String {
    let number = bytes as f64;
    match bytes {
        1 => "1 byte".into(),
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

/// Formats a number of bytes per second.
pub fn rate(bytes: f64) -> String {
    format!("{}/s", size(bytes as u64))
}

/// Formats a number with separated thousands.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Formats a number and a noun, whose plural is formed with an `s`.
pub fn count(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {what}{ending}", number(count))
}

/// Formats a time in seconds, to a tenth.
pub fn seconds_to_a_tenth(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Formats a time, rounded up to the second.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.ceil() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let sizes = [0, 1, 999, 1_000, 576_000, 999_999_999, 1_000_000_000].map(size);
        assert_eq!(sizes, ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "576.0 kB", "1000.0 MB", "1.00 GB"]);
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([count(1, "message"), count(2_000, "message")], ["1 message", "2,000 messages"]);
    }

    #[test]
    fn times_are_rounded_up() {
        assert_eq!([0.1, 59.0, 59.5, 3_599.9].map(seconds), ["1 s", "59 s", "1 min 0 s", "1 h 0 min"]);
    }
}
