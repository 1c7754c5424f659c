//! Builds the page of any crate, and serves it with a server to talk to.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::server::{self, Server};
use crate::step::step;
use crate::toolchain::{self, TARGET, Toolchain, Way};
use crate::{page, wasm_bindgen};

#[derive(clap::Args)]
#[group(skip)] // its name is that of the options below
pub struct Options {
    /// The folder of a crate of type `cdylib`, with an `index.html` that imports `./pkg/<name>.js`.
    folder: PathBuf,
    #[command(flatten)]
    server: server::Options,
}

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    let folder = options.folder.canonicalize().with_context(|| format!("no folder {}", options.folder.display()))?;
    let toolchain = toolchain::find_or_install(shell, way)?;
    let page = page::target_folder().join("served");
    build(shell, &toolchain, &folder, &page)?;
    let server = Server::start(shell, &toolchain, Some(&page), &options.server)?;
    println!("\nThe page is at http://{0}/, an echo server at ws://{0}/echo. Stop them with Ctrl-C.", server.address);
    server.wait()
}

/// Builds the page of the crate in a folder.
fn build(shell: &Shell, toolchain: &Toolchain, folder: &Path, page: &Path) -> Result<()> {
    let manifest = folder.join("Cargo.toml");
    let name = module_name(shell, toolchain, &manifest)?;
    step(&format!("building {name}"), || {
        let build = toolchain.cargo(shell).args(["build", "--quiet", "--release", "--target", TARGET]);
        build.arg("--manifest-path").arg(&manifest).run()?;
        shell.remove_path(page)?;
        make_page(shell, &name, folder, page)
    })
}

/// Makes the page of a crate that is compiled: the module and its glue in `pkg`, as wasm-pack has it, and what else the
/// crate's folder has for it.
pub fn make_page(shell: &Shell, name: &str, folder: &Path, page: &Path) -> Result<()> {
    let module = page::target_folder().join(TARGET).join("release").join(format!("{name}.wasm"));
    wasm_bindgen::bind(&module, &page.join("pkg"))?;
    for file in shell.read_dir(folder)? {
        if file.extension().is_some_and(|extension| ["html", "css", "js"].iter().any(|of| extension == *of)) {
            shell.copy_file(file, page)?;
        }
    }
    Ok(())
}

/// The name that cargo gives the wasm module of a crate.
fn module_name(shell: &Shell, toolchain: &Toolchain, manifest: &Path) -> Result<String> {
    let metadata =
        toolchain.apply(cmd!(shell, "cargo metadata --format-version=1 --no-deps --manifest-path {manifest}"));
    let metadata: Value = serde_json::from_str(&metadata.quiet().read()?)?;
    let manifest = manifest.canonicalize()?;
    let is_asked_for = |package: &&Value| package["manifest_path"].as_str().map(Path::new) == Some(&manifest);
    let package = metadata["packages"].as_array().into_iter().flatten().find(is_asked_for);
    let mut targets = package.into_iter().flat_map(|package| package["targets"].as_array()).flatten();
    let module =
        targets.find(|target| target["crate_types"].as_array().is_some_and(|types| types.contains(&"cdylib".into())));
    let name = module.and_then(|module| module["name"].as_str()).map(|name| name.replace('-', "_"));
    name.with_context(|| format!("{} has no library of the crate type `cdylib`", manifest.display()))
}
