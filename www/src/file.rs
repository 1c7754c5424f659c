//! The file to send.

use std::cell::RefCell;
use std::rc::Rc;

use sha2::{Digest, Sha256};
use wasm_websocket::{Blob, Error, Message};
use web_sys::{DragEvent, Element, Event, File, HtmlInputElement, HtmlProgressElement};

use crate::page;

/// The file that was chosen last.
pub type Chosen = Rc<RefCell<Option<File>>>;

/// Lets the user choose a file, or drop one.
pub fn start() -> Chosen {
    let chosen = Chosen::default();
    let input = page::element::<HtmlInputElement>("file");
    page::on(&input.clone(), "change", {
        let chosen = chosen.clone();
        move |_: Event| choose(&chosen, input.files().and_then(|files| files.get(0)))
    });
    // Wherever on the page it is dropped: the browser would leave the page for a file that nobody takes.
    for (name, is_over) in [("dragover", true), ("dragleave", false), ("drop", false)] {
        let (chosen, class) = (chosen.clone(), page::element::<Element>("drop").class_list());
        page::on(&page::document(), name, move |event: DragEvent| {
            event.prevent_default();
            let _ = class.toggle_with_force("over", is_over);
            let files = event.data_transfer().filter(|_| event.type_() == "drop").and_then(|drop| drop.files());
            choose(&chosen, files.and_then(|files| files.get(0)));
        });
    }
    chosen
}

fn choose(chosen: &Chosen, file: Option<File>) {
    // Without a file the user has cancelled, and wants the one before.
    let Some(file) = file else { return };
    page::show("file-name", &format!("{} ({})", file.name(), page::size(file.size() as u64)));
    for id in ["file-sent", "file-hash", "echo-hash"] {
        page::show(id, "–");
    }
    page::show_verdict("file-verdict", "", None);
    show_progress(0, 1);
    chosen.replace(Some(file));
}

/// Shows how much of the file the browser has handed to the network.
pub fn show_progress(sent: u64, total: u64) {
    let progress = page::element::<HtmlProgressElement>("progress");
    progress.set_max(total.max(1) as f64);
    progress.set_value(sent as f64);
    if sent > 0 {
        page::show("file-sent", &format!("{} of {}", page::size(sent), page::size(total)));
    }
}

/// The SHA-256 of a message's bytes, in hexadecimal.
pub async fn sha256(message: &Message) -> Result<String, Error> {
    match message {
        Message::Text(text) => Ok(hex(Sha256::new_with_prefix(text))),
        Message::Binary(bytes) => Ok(hex(Sha256::new_with_prefix(bytes))),
        Message::Blob(blob) => sha256_of_blob(blob).await,
    }
}

/// Reads the blob in parts, so that a large file is never in memory as a whole.
pub async fn sha256_of_blob(blob: &Blob) -> Result<String, Error> {
    const PART: u64 = 1 << 20;
    let mut hash = Sha256::new();
    let mut start = 0;
    while start < blob.len() {
        hash.update(blob.slice(start..start + PART).bytes().await?);
        start += PART;
    }
    Ok(hex(hash))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
