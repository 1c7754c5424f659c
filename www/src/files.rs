//! The card “Files”: each file is sent in slices, on a connection of its own, and compared with what the server received.

mod folder;
mod hash;
mod row;
mod speed;

use std::rc::Rc;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::future::{AbortRegistration, ready, try_join3};
use futures_util::stream::{FusedStream, LocalBoxStream};
use futures_util::{StreamExt, TryStreamExt, stream};
use js_sys::Array;
use serde::Deserialize;
use wasm_bindgen_futures::spawn_local;
use wasm_websocket::codec::JsJson;
use wasm_websocket::{BinaryType, Blob, Error, Message, ReadyState, Receiver, Sender, Typed};
use web_sys::{BlobPropertyBag, DataTransfer, DragEvent, Element, Event, File, HtmlInputElement};

use crate::log::{Kind, Log};
use crate::meter::Meter;
use crate::page::{document, element, on, on_click, selected};
use crate::server;
use folder::Dropped;
use hash::Hash;
use row::{Outcome, Row};

/// The length of a slice, in bytes.
const SLICE: u64 = 256 << 10;

/// How many files are sent at the same time. The others wait.
const AT_A_TIME: usize = 3;

/// The maximum bytes that may be in flight, out and back: echoes are read more slowly than they arrive.
const MOST_UNDERWAY: u64 = 16 << 20;

/// The largest file whose echo is kept, to be shown and downloaded, in bytes.
const LARGEST_KEPT: u64 = 64 << 20;

/// What sends the files.
struct Files {
    log: Log,
    meter: Meter,
}

/// The end of the queue of files that wait for their turn.
type Queue = UnboundedSender<(Rc<Row>, AbortRegistration)>;

/// Lets the user choose files, or drop them.
pub fn start(log: &Log, meter: &Meter) {
    let (queue, waiting) = unbounded();
    let files = Files { log: log.clone(), meter: meter.clone() };
    spawn_local(async move { files.send_all(waiting).await });
    let (input, chosen) = (element::<HtmlInputElement>("file"), queue.clone());
    on(&input.clone(), "change", move |_: Event| {
        let list = input.files();
        let list = list.into_iter().flat_map(|list| (0..list.length()).filter_map(move |index| list.get(index)));
        add(&chosen, stream::iter(list.collect::<Vec<_>>()).boxed_local());
        input.set_value(""); // so that the same file can be chosen again
    });
    on_click("clear-files", row::remove_ended);
    // The whole page accepts dropped files: otherwise the browser would leave the page to open the file. A dropped text is for a field.
    for (name, is_over) in [("dragover", true), ("dragleave", false), ("drop", false)] {
        let (queue, class) = (queue.clone(), element::<Element>("drop").class_list());
        on(&document(), name, move |event: DragEvent| {
            let has_files = |transfer: &DataTransfer| transfer.types().includes(&"Files".into(), 0);
            let Some(transfer) = event.data_transfer().filter(has_files) else { return };
            event.prevent_default();
            let _ = class.toggle_with_force("over", is_over);
            if event.type_() == "drop" {
                add(&queue, Dropped::from(&transfer).files());
            }
        });
    }
}

/// Shows files, and adds them to the queue.
fn add(queue: &Queue, list: LocalBoxStream<'static, File>) {
    let (queue, path) = (queue.clone(), selected("file-peer"));
    spawn_local(list.for_each(move |file| {
        let _ = queue.unbounded_send(Row::add(file, &path));
        ready(())
    }));
}

impl Files {
    /// Sends the files of the queue, a few at the same time.
    async fn send_all(&self, waiting: UnboundedReceiver<(Rc<Row>, AbortRegistration)>) {
        let send = async |(row, aborted): (Rc<Row>, _)| row.run(self.round_trip(&row), aborted).await;
        waiting.for_each_concurrent(AT_A_TIME, send).await;
    }

    // region: file
    /// Sends a file in slices, and returns the hashes of what was sent and of what the server received.
    async fn round_trip(&self, row: &Row) -> Result<Outcome, String> {
        let options = server::options().binary_type(BinaryType::Blob); // the bytes stay outside wasm memory
        let stream = options.connect(&server::url(&row.path)).await.map_err(|error| error.to_string())?;
        let (mut sender, receiver) = stream.split();
        let (closed, _watched) = (sender.closed(), self.meter.watch(&sender));
        let sent = self.send(row, &mut sender);
        match try_join3(Hash::of(&row.blob), sent, self.receive(row, receiver)).await {
            Ok((here, (), (there, blob))) => Ok(Outcome { here, there, blob }),
            Err(Error::NotOpen(_) | Error::Unclean(_)) => Err(match closed.await {
                Ok(event) => format!("The connection ended before all came back: {event}."),
                Err(error) => error.to_string(),
            }),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn send(&self, row: &Row, sender: &mut Sender) -> Result<(), Error> {
        if row.blob.is_empty() {
            sender.send(&row.blob).await?; // an empty file has no slices
        }
        let mut slices = sender.send_slices(row.blob.clone(), SLICE);
        // The stream sends a slice when it is polled, and waits while too many bytes are unsent. Not polling it pauses the file.
        while !slices.is_terminated() {
            row.may_go_on(MOST_UNDERWAY).await;
            let progress = slices.try_next().await?;
            self.meter.sent(progress.map_or(0, |progress| row.progress(progress)));
        }
        if row.is_reported() {
            sender.send("report").await?;
        }
        sender.flush().await?;
        row.all_left();
        self.log.add(Kind::Sent, Some(row.blob.len()), &format!("file: {}", row.name));
        Ok(())
    }
    // endregion

    /// Returns the hash of what the server received, and the echo, if it is small enough.
    async fn receive(&self, row: &Row, receiver: Receiver) -> Result<(String, Option<Blob>), Error> {
        match row.is_reported() {
            true => Ok((reported(receiver).await?, None)),
            false => self.echoed(row, receiver).await,
        }
    }

    /// Hashes the echo while it arrives.
    async fn echoed(&self, row: &Row, mut receiver: Receiver) -> Result<(String, Option<Blob>), Error> {
        let total = row.blob.len();
        let (mut hash, parts, mut came_back) = (Hash::default(), Array::new(), 0);
        loop {
            let message = receiver.try_next().await?.ok_or(Error::NotOpen(ReadyState::Closed))?;
            self.meter.received(message.len());
            let Message::Blob(blob) = message else { continue }; // the page has sent no text
            hash.add(&blob).await?;
            came_back += blob.len();
            row.came_back(came_back);
            if total <= LARGEST_KEPT {
                parts.push(blob.as_raw());
            }
            if came_back >= total {
                break;
            }
        }
        self.log.add(Kind::Received, Some(came_back), &format!("file: {}", row.name));
        Ok((hash.finish(), (total <= LARGEST_KEPT).then(|| join(&parts, &row.blob.media_type()))))
    }
}

/// Returns the hash that the server reports.
async fn reported(receiver: Receiver) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Report {
        sha256: String,
    }
    let mut reports = Typed::<_, (), Report, JsJson>::new(receiver);
    let report = reports.try_next().await?.ok_or(Error::NotOpen(ReadyState::Closed))?;
    Ok(report.sha256)
}

/// Joins Blobs to one Blob of a media type, without reading them.
fn join(parts: &Array, media_type: &str) -> Blob {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let blob = web_sys::Blob::new_with_blob_sequence_and_options(parts, &options);
    blob.expect("a Blob can be made of Blobs").into()
}
