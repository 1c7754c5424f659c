//! What the minimal apps weigh.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::plan;

/// The bytes of an app's files.
pub struct Size {
    /// Its contender.
    pub name: String,
    /// Where it is, below the folder of all.
    pub folder: String,
    /// Whether wasm-opt and a minifier have been over it.
    pub is_optimised: bool,
    pub wasm: usize,
    pub glue: usize,
    /// Both, each compressed by itself.
    pub gzip: usize,
    pub brotli: usize,
}

/// Weighs every app below a folder: `NAME/plain`, and `NAME/optimised` if that is there.
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
