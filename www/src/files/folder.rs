//! Dropped files, and the files of dropped folders.

use futures_util::StreamExt;
use futures_util::stream::{self, LocalBoxStream};
use js_sys::{Array, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, File, FileSystemDirectoryEntry, FileSystemDirectoryReader, FileSystemEntry, FileSystemFileEntry,
};

/// The dropped entries. They must be read during the event: the browser forgets them afterwards.
pub struct Dropped {
    files: Vec<File>,
    folders: Vec<FileSystemEntry>,
}

impl Dropped {
    pub fn from(transfer: &DataTransfer) -> Self {
        let (items, mut dropped) = (transfer.items(), Self { files: Vec::new(), folders: Vec::new() });
        for item in (0..items.length()).filter_map(|index| items.get(index)) {
            match item.webkit_get_as_entry().ok().flatten() {
                Some(entry) if entry.is_directory() => dropped.folders.push(entry),
                _ => dropped.files.extend(item.get_as_file().ok().flatten()),
            }
        }
        dropped
    }

    /// Returns all files, including those of folders. Skips files that cannot be read.
    pub fn files(self) -> LocalBoxStream<'static, File> {
        stream::iter(self.files).chain(stream::iter(self.folders).flat_map(files_in)).boxed_local()
    }
}

fn files_in(folder: FileSystemEntry) -> LocalBoxStream<'static, File> {
    let reader = folder.unchecked_into::<FileSystemDirectoryEntry>().create_reader();
    // A reader returns some entries at a time, and none at the end.
    let parts = stream::unfold(reader, async |reader| {
        let entries = read(&reader).await.ok().filter(|entries| entries.length() > 0)?;
        Some((stream::iter(entries.to_vec()), reader))
    });
    let entries = parts.flatten().map(JsCast::unchecked_into::<FileSystemEntry>);
    let files = entries.flat_map(|entry| match entry.is_directory() {
        true => files_in(entry),
        false => stream::once(file(entry)).filter_map(async |file| file.ok()).boxed_local(),
    });
    files.boxed_local()
}

async fn read(reader: &FileSystemDirectoryReader) -> Result<Array, JsValue> {
    let entries = Promise::new(&mut |resolve, reject| {
        if let Err(error) = reader.read_entries_with_callback_and_callback(&resolve, &reject) {
            let _ = reject.call1(&JsValue::NULL, &error);
        }
    });
    Ok(JsFuture::from(entries).await?.unchecked_into())
}

async fn file(entry: FileSystemEntry) -> Result<File, JsValue> {
    let entry = entry.unchecked_into::<FileSystemFileEntry>();
    let file = Promise::new(&mut |resolve, reject| entry.file_with_callback_and_callback(&resolve, &reject));
    Ok(JsFuture::from(file).await?.unchecked_into())
}
