//! Tests of the pure stages, on the host and in browsers.

#[cfg(not(target_arch = "wasm32"))]
use core::prelude::v1::test;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod backpressure;
mod close;
#[cfg(not(target_arch = "wasm32"))]
mod codec;
mod end;
#[cfg(not(target_arch = "wasm32"))]
mod ending;
mod error;
mod notify;
#[cfg(not(target_arch = "wasm32"))]
mod outside;
mod protocol;
mod queue;
mod reconnect;
mod redact;
#[cfg(not(target_arch = "wasm32"))]
mod sending;
#[cfg(not(target_arch = "wasm32"))]
mod session;
#[cfg(not(target_arch = "wasm32"))]
mod simulation;
mod texts;
#[cfg(not(target_arch = "wasm32"))]
mod trace;
mod unwind;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Runs a test in simulated pages of both engines, with several seeds.
#[cfg(not(target_arch = "wasm32"))]
fn in_pages(test: impl AsyncFn(&crate::testing::Page)) {
    use crate::testing::{Engine, Page};
    for engine in [Engine::Chromium, Engine::Firefox] {
        for seed in 0..10 {
            let page = Page::with_seed(seed).engine(engine);
            page.run(test(&page));
        }
    }
}

/// A waker that counts its wakes.
#[derive(Default)]
struct Count(std::sync::atomic::AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl std::task::Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}
