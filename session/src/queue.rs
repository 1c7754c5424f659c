//! Queues that are empty most of the time.

use std::collections::VecDeque;

/// The number of entries for which an empty queue keeps memory.
const KEPT: usize = 64;

/// Frees the memory of a queue that is empty after many entries: the next backlog may come hours later, or never. A page has few
/// sessions, and downloads its code, so it keeps the memory.
pub(crate) fn release<T>(queue: &mut VecDeque<T>) {
    let is_page = cfg!(target_arch = "wasm32");
    if !is_page && queue.is_empty() && queue.capacity() > KEPT {
        *queue = VecDeque::new();
    }
}
