//! The browser's drawing of the page, and its clock.

use std::cell::Cell;

/// Milliseconds since the page was opened.
pub fn now() -> f64 {
    gloo_utils::window().performance().map_or_else(js_sys::Date::now, |performance| performance.now())
}

/// Resolves when the browser is about to draw, and never while the page is hidden.
pub async fn next_frame() {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        gloo_utils::window().request_animation_frame(&resolve).expect("the argument is a function");
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.expect("nobody rejects it");
}

/// Resolves after so many milliseconds.
pub async fn sleep(milliseconds: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let window = gloo_utils::window();
        window
            .set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds)
            .expect("the argument is a function");
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.expect("nobody rejects it");
}

/// A limit to how often something is shown: nobody reads faster, and showing it takes the page's time.
#[derive(Default)]
pub struct Pace(Cell<f64>);

impl Pace {
    const MILLISECONDS: f64 = 100.0;

    /// Whether it is time to show it again.
    pub fn is_due(&self) -> bool {
        let is_due = now() - self.0.get() >= Self::MILLISECONDS;
        if is_due {
            self.0.set(now());
        }
        is_due
    }
}
