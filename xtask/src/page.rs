//! Builds the demo page, and the page of `tests/page`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use xshell::Shell;

use crate::step::step;
use crate::toolchain::{TARGET, Toolchain};
use crate::{source, wasm_bindgen};

/// Builds the page and returns the folder to serve.
pub fn build(shell: &Shell, toolchain: &Toolchain) -> Result<PathBuf> {
    step("building the page", || {
        let page = folder();
        toolchain
            .cargo(shell)
            .args(["build", "--quiet", "--release", "--package=wasm-websocket-demo", "--target", TARGET])
            .run()?;
        let module = target_folder().join(TARGET).join("release/wasm_websocket_demo.wasm");
        wasm_bindgen::bind(&module, &page)?;
        let www = crate::root().join("www");
        let index = shell.read_file(www.join("index.html"))?;
        let readme = shell.read_file(crate::root().join("README.md"))?;
        shell.write_file(page.join("index.html"), source::fill_in(&index, &www.join("src"), &readme, &page)?)?;
        shell.copy_file(www.join("style.css"), &page)?;
        compress(shell, &page)?;
        Ok(page)
    })
}

/// Returns the folder of the page.
pub fn folder() -> PathBuf {
    target_folder().join("www")
}

/// Compresses the files in a folder. The server then sends a third of the bytes to browsers that accept gzip.
pub fn compress(shell: &Shell, folder: &Path) -> Result<()> {
    let is_ours =
        |file: &PathBuf| ["html", "css", "js", "wasm"].iter().any(|name| file.extension() == Some(name.as_ref()));
    for file in shell.read_dir(folder)?.into_iter().filter(is_ours) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&shell.read_binary_file(&file)?)?;
        let name = format!("{}.gz", file.display());
        shell.write_file(name, encoder.finish()?)?;
    }
    Ok(())
}

/// Builds the page of `tests/page` and puts it beside the demo page, for the tests of the demo.
pub fn build_test_page(shell: &Shell, toolchain: &Toolchain, page: &Path) -> Result<()> {
    step("building the tests' page", || {
        // This build is unoptimised, since it shares its dependencies with the tests.
        toolchain
            .cargo(shell)
            .args(["build", "--quiet", "--package=wasm-websocket-test-page", "--target", TARGET])
            .run()?;
        let page = page.join("test-page");
        let module = target_folder().join(TARGET).join("debug/wasm_websocket_test_page.wasm");
        wasm_bindgen::bind(&module, &page.join("pkg"))?;
        Ok(shell.copy_file(crate::root().join("tests/page/index.html"), &page)?)
    })
}

/// Returns the folder that cargo builds into.
pub fn target_folder() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a file");
    // This is `target/xtask/xtask`, wherever the user's settings have put `target`.
    this.ancestors().nth(2).expect("xtask is in the folder of a profile").to_owned()
}
