//! Events that suggest that connecting may succeed now, or that a connection may be lost.

use std::rc::Rc;

use super::page::{Page, PageEvent, current};

/// Calls a closure until it is dropped:
///
/// - when the network comes back
/// - when the page is shown
/// - when the page comes back from the browser's cache
#[must_use = "nothing is called when this is dropped"]
pub struct WakeUps(Option<(Rc<Page>, [u64; 3])>);

impl WakeUps {
    pub fn new(wake: impl Fn() + Clone + 'static) -> Self {
        let Some(page) = current() else { return Self(None) };
        let ids = [PageEvent::Online, PageEvent::Restored, PageEvent::Shown].map(|event| {
            let id = page.next_id();
            page.listeners.borrow_mut().push((id, event, Rc::new(wake.clone())));
            id
        });
        Self(Some((page, ids)))
    }
}

impl Drop for WakeUps {
    fn drop(&mut self) {
        let Some((page, ids)) = &self.0 else { return };
        let (removed, kept) = page.listeners.take().into_iter().partition::<Vec<_>, _>(|(id, ..)| ids.contains(id));
        page.listeners.replace(kept);
        drop(removed);
    }
}
