//! The section “Files”: each file goes out in slices, on a connection of its own, and is compared with what the server has.

use std::rc::Rc;

use futures_util::future::try_join3;
use futures_util::{StreamExt, TryStreamExt, stream};
use js_sys::Array;
use serde::Deserialize;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::codec::JsJson;
use wasm_websocket::{BinaryType, Blob, Error, Message, ReadyState, Receiver, Sender, Typed};
use web_sys::{BlobPropertyBag, DragEvent, Element, Event, FileList, HtmlInputElement};

use crate::demo::{self, Demo};
use crate::hash::Hash;
use crate::log::Kind;
use crate::page::{self, element, on, selected};
use crate::peers;
use crate::row::Row;

/// What a slice has, in bytes.
const SLICE: u64 = 256 << 10;

/// How many files are on their way at a time. The others wait.
const AT_A_TIME: usize = 3;

/// The most bytes that may be on their way out and back. What comes back is read more slowly than it comes.
const MOST_UNDERWAY: u64 = 16 << 20;

/// The largest file that is kept when it comes back, to be seen and downloaded, in bytes.
const LARGEST_KEPT: u64 = 64 << 20;

/// What came of a file.
pub struct Outcome {
    /// Its SHA-256 here, and that of what the server has, or has sent back.
    pub here: String,
    pub there: String,
    /// What came back, if it is not too large.
    pub blob: Option<Blob>,
}

/// Lets the user choose files, or drop them.
pub fn start(demo: &Rc<Demo>) {
    let input = element::<HtmlInputElement>("file");
    let chosen = demo.clone();
    on(&input.clone(), "change", move |_: Event| {
        send_all(&chosen, input.files());
        // So that the same file can be chosen again.
        input.set_value("");
    });
    // Wherever on the page they are dropped: the browser would leave the page for a file that nobody takes.
    for (name, is_over) in [("dragover", true), ("dragleave", false), ("drop", false)] {
        let (demo, class) = (demo.clone(), element::<Element>("drop").class_list());
        on(&page::document(), name, move |event: DragEvent| {
            event.prevent_default();
            let _ = class.toggle_with_force("over", is_over);
            let dropped = event.data_transfer().filter(|_| event.type_() == "drop");
            send_all(&demo, dropped.and_then(|drop| drop.files()));
        });
    }
}

/// Sends files, some at a time.
fn send_all(demo: &Rc<Demo>, files: Option<FileList>) {
    let path = selected("file-peer");
    let files = files.into_iter().flat_map(|files| (0..files.length()).filter_map(move |index| files.get(index)));
    let rows: Vec<_> = files.map(|file| Row::add(file, &path)).collect();
    let demo = demo.clone();
    spawn_local(stream::iter(rows).for_each_concurrent(AT_A_TIME, move |(row, aborted)| {
        let demo = demo.clone();
        async move { row.run(round_trip(&demo, &row), aborted).await }
    }));
}

// region: file
/// Sends a file in slices, and gives its hash here, and there.
async fn round_trip(demo: &Demo, row: &Row) -> Result<Outcome, String> {
    let options = demo::options().binary_type(BinaryType::Blob); // what comes back stays out of memory until it is read
    let stream = options.connect(&peers::url(&row.path)).await.map_err(|error| error.to_string())?;
    let (mut sender, receiver) = stream.split();
    let (closed, _watched) = (sender.closed(), demo.meter.watch(&sender));
    let sent = send(demo, row, &mut sender);
    match try_join3(Hash::of(&row.blob), sent, receive(demo, row, receiver)).await {
        Ok((here, (), (there, blob))) => Ok(Outcome { here, there, blob }),
        Err(Error::NotOpen(_) | Error::Unclean(_)) => Err(match closed.await {
            Ok(event) => format!("The connection ended before all came back: {event}."),
            Err(error) => error.to_string(),
        }),
        Err(error) => Err(error.to_string()),
    }
}

async fn send(demo: &Demo, row: &Row, sender: &mut Sender) -> Result<(), Error> {
    let mut slices = sender.send_slices(row.blob.clone(), SLICE);
    // It sends when it is polled, and waits while too much is unsent. So to pause it is to leave it alone.
    while let Some(progress) = slices.try_next().await? {
        demo.meter.sent(row.progress(progress));
        row.may_go_on(MOST_UNDERWAY).await;
    }
    if row.is_reported() {
        sender.send("report").await?;
    }
    sender.flush().await?;
    demo.log.add(Kind::Sent, Some(row.blob.len()), &format!("file: {}", row.name));
    Ok(())
}
// endregion

/// The hash of what the server has, and what it has sent back, if that is small enough.
async fn receive(demo: &Demo, row: &Row, receiver: Receiver) -> Result<(String, Option<Blob>), Error> {
    match row.is_reported() {
        true => Ok((reported(receiver).await?, None)),
        false => echoed(demo, row, receiver).await,
    }
}

/// The hash that the server reports.
async fn reported(receiver: Receiver) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Report {
        sha256: String,
    }
    let mut reports = Typed::<_, (), Report, JsJson>::new(receiver);
    let report = reports.try_next().await?.ok_or(Error::NotOpen(ReadyState::Closed))?;
    Ok(report.sha256)
}

/// What comes back, hashed as it comes.
async fn echoed(demo: &Demo, row: &Row, mut receiver: Receiver) -> Result<(String, Option<Blob>), Error> {
    let total = row.blob.len();
    let (mut hash, parts, mut came_back) = (Hash::default(), Array::new(), 0);
    while came_back < total {
        let message = receiver.try_next().await?.ok_or(Error::NotOpen(ReadyState::Closed))?;
        demo.meter.received(message.len());
        let Message::Blob(blob) = message else { continue }; // others nobody has sent
        hash.add(&blob).await?;
        came_back += blob.len();
        row.came_back(came_back);
        if total <= LARGEST_KEPT {
            parts.push(blob.as_raw());
        }
    }
    demo.log.add(Kind::Received, Some(came_back), &format!("file: {}", row.name));
    Ok((hash.finish(), (total <= LARGEST_KEPT).then(|| join(&parts, &row.blob.media_type()))))
}

/// One Blob of several, of a media type. Their bytes are not read for that.
fn join(parts: &Array, media_type: &str) -> Blob {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let blob = web_sys::Blob::new_with_blob_sequence_and_options(parts, &options);
    blob.expect("a Blob can be made of Blobs").into()
}
