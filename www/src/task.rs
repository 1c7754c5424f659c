//! Tasks that can be ended.

use std::future::Future;

use futures_util::future::{AbortHandle, abortable};
use wasm_bindgen_futures::spawn_local;

/// A task that ends when this is dropped. Its values are dropped with it, for instance its connection.
#[must_use = "the task ends when this is dropped"]
#[derive(Debug)]
pub struct Task(AbortHandle);

impl Task {
    pub fn spawn(future: impl Future<Output = ()> + 'static) -> Self {
        let (future, handle) = abortable(future);
        spawn_local(async {
            let _ = future.await;
        });
        Self(handle)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
