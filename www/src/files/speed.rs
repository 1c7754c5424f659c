//! The speed of a file.

/// A speed, smoothed so that one can read it.
#[derive(Default)]
pub struct Speed {
    last: Option<(f64, u64)>,
    bytes_per_second: f64,
}

impl Speed {
    /// Ignores the time until now.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Returns the speed in bytes per second. `bytes` is the total that was sent by `time`, in milliseconds.
    pub fn at(&mut self, time: f64, bytes: u64) -> f64 {
        const WEIGHT: f64 = 0.3;
        if let Some((last_time, last_bytes)) = self.last.replace((time, bytes)) {
            let latest = bytes.saturating_sub(last_bytes) as f64 / (time - last_time).max(1.0) * 1e3;
            let is_first = self.bytes_per_second == 0.0;
            self.bytes_per_second += (latest - self.bytes_per_second) * if is_first { 1.0 } else { WEIGHT };
        }
        self.bytes_per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_follows_what_was_sent_last() {
        let mut speed = Speed::default();
        assert_eq!(speed.at(0.0, 0), 0.0);
        assert_eq!(speed.at(100.0, 1_000), 10_000.0);
        assert_eq!(speed.at(200.0, 1_000), 7_000.0);
        speed.restart();
        assert_eq!(speed.at(300.0, 1_000), 0.0);
    }
}
