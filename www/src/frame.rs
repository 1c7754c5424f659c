//! Animation frames, and the browser's clock.

use std::cell::Cell;

/// Returns the milliseconds since the page was opened.
pub fn now() -> f64 {
    gloo_utils::window().performance().map_or_else(js_sys::Date::now, |performance| performance.now())
}

/// Resolves at the next animation frame. Never resolves while the page is hidden.
pub async fn next_frame() {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        gloo_utils::window().request_animation_frame(&resolve).expect("the argument is a function");
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.expect("nothing rejects the promise");
}

/// Resolves after this many milliseconds.
pub async fn sleep(milliseconds: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let window = gloo_utils::window();
        window
            .set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds)
            .expect("the argument is a function");
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.expect("nothing rejects the promise");
}

/// Limits how often a value is shown: more often than one can read would only cost time.
#[derive(Default)]
pub struct Pace(Cell<f64>);

impl Pace {
    const MILLISECONDS: f64 = 100.0;

    /// Returns whether it is time to show the value again.
    pub fn is_due(&self) -> bool {
        let is_due = now() - self.0.get() >= Self::MILLISECONDS;
        if is_due {
            self.0.set(now());
        }
        is_due
    }
}
