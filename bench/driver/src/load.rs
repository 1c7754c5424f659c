//! Other load on the machine. Under load, messages accumulate between two turns of the browser's event loop; without load, they
//! mostly do not.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Two busy loops. They end when this is dropped.
pub struct Load {
    is_over: Arc<AtomicBool>,
}

impl Load {
    pub fn start() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop()
                }
            });
        }
        Self { is_over }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
