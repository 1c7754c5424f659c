//! Weighs the minimal apps and the chats.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::plan;

/// The sizes of an app's files in bytes.
pub struct Size {
    /// The name of the app.
    pub name: String,
    /// The app's folder, below the folder of all apps.
    pub folder: String,
    /// Whether wasm-opt and a minifier have optimised the app.
    pub is_optimised: bool,
    pub wasm: usize,
    pub glue: usize,
    /// The module and the glue, each compressed by itself.
    pub gzip: usize,
    pub brotli: usize,
}

/// Weighs every app below a folder: `NAME/plain`, and `NAME/optimised` if it exists.
pub fn all(folder: &Path) -> Result<Vec<Size>> {
    let mut sizes = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        for (variant, is_optimised) in [("plain", false), ("optimised", true)] {
            let app = format!("{name}/{variant}");
            if folder.join(&app).is_dir() {
                sizes.push(weigh(folder, app, name.clone(), is_optimised)?);
            }
        }
    }
    sizes.sort_by_key(|size| (plan::place(&size.name), size.is_optimised));
    Ok(sizes)
}

fn weigh(folder: &Path, app: String, name: String, is_optimised: bool) -> Result<Size> {
    let read = |extension: &str| -> Result<Vec<u8>> { Ok(fs::read(file(&folder.join(&app), extension)?)?) };
    let (wasm, glue) = (read("wasm")?, read("js")?);
    Ok(Size {
        gzip: gzip(&wasm)? + gzip(&glue)?,
        brotli: brotli(&wasm)? + brotli(&glue)?,
        wasm: wasm.len(),
        glue: glue.len(),
        folder: app,
        name,
        is_optimised,
    })
}

/// The bytes of a chat's wasm and JavaScript, each file compressed by itself by brotli.
pub struct Chat {
    /// The framework.
    pub name: String,
    pub over_the_crate: usize,
    pub by_hand: usize,
}

/// Weighs every chat below a folder: `NAME/crate` and `NAME/by-hand`.
pub fn chats(folder: &Path) -> Result<Vec<Chat>> {
    let mut chats = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let chat = entry?;
        let name = chat.file_name().to_string_lossy().into_owned();
        let [over_the_crate, by_hand] = ["crate", "by-hand"].map(|variant| downloaded(&chat.path().join(variant)));
        chats.push(Chat { name, over_the_crate: over_the_crate?, by_hand: by_hand? });
    }
    chats.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(chats)
}

/// Returns the compressed bytes that a page downloads from a folder: the JavaScript, and the wasm that it names. Files that the
/// chat never loads do not count, such as the module of the other transport, which Vite writes, too.
fn downloaded(folder: &Path) -> Result<usize> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let list = if path.is_dir() { &mut folders } else { &mut files };
            list.push(path);
        }
    }
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is = |path: &Path, extension: &str| path.extension().is_some_and(|other| other == extension);
    files.retain(|path| !name(path).contains("-streams"));
    let scripts = files.iter().filter(|path| is(path, "js")).map(fs::read).collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<_> = scripts.iter().map(|script| String::from_utf8_lossy(script)).collect();
    let named = files.iter().filter(|path| is(path, "wasm") && texts.iter().any(|text| text.contains(&name(path))));
    let modules = named.map(fs::read).collect::<Result<Vec<_>, _>>()?;
    scripts.iter().chain(&modules).map(|file| brotli(file)).sum()
}

fn file(folder: &Path, extension: &str) -> Result<PathBuf> {
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut files = files.filter(|file| file.extension().is_some_and(|other| other == extension));
    files.next().with_context(|| format!("there is no .{extension} in {}", folder.display()))
}

fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn brotli(mut bytes: &[u8]) -> Result<usize> {
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut bytes, &mut compressed, &brotli::enc::BrotliEncoderParams::default())?;
    Ok(compressed.len())
}
