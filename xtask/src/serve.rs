//! Builds the page of any crate, and serves it together with an echo server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::server::{self, Server};
use crate::step::step;
use crate::toolchain::{self, TARGET, Toolchain, Way};
use crate::{page, wasm_bindgen};

#[derive(clap::Args)]
#[group(skip)] // the group of the options below has the same name
pub struct Options {
    /// The folder of a crate of type `cdylib`, with an `index.html` that imports `./pkg/<name>.js`.
    folder: PathBuf,
    #[command(flatten)]
    server: server::Options,
}

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    let folder = options.folder.canonicalize().with_context(|| format!("no folder {}", options.folder.display()))?;
    let toolchain = toolchain::find_or_install(shell, way)?;
    let name = module_name(shell, &toolchain, &folder.join("Cargo.toml"))?;
    check_index(&folder, &name)?;
    let target = target_of(&folder);
    let page = target.join("page");
    build(shell, &toolchain, &name, &folder, &target, &page)?;
    let server = Server::start(shell, Some(&page), &options.server)?;
    println!("\nThe page is at http://{0}/, an echo server at ws://{0}/echo. Stop them with Ctrl-C.", server.address);
    println!("The module and its JavaScript are in {}.", page.join("pkg").display());
    server.wait()
}

/// Fails unless the folder has an `index.html`. The error says what to write.
fn check_index(folder: &Path, name: &str) -> Result<()> {
    ensure!(
        folder.join("index.html").is_file(),
        "{} has no index.html; write one that imports ./pkg/{name}.js, such as that of docs/first-page.md",
        folder.display()
    );
    Ok(())
}

/// Returns the folder in which a crate and its page are built. Each crate has its own folder: several crates can be served at once,
/// and cargo confuses two crates of the same name.
fn target_of(folder: &Path) -> PathBuf {
    let parts = folder.iter().filter(|part| *part != "/").map(|part| part.to_string_lossy());
    page::target_folder().join("served").join(parts.collect::<Vec<_>>().join("-"))
}

/// Builds the page of the crate in a folder.
fn build(shell: &Shell, toolchain: &Toolchain, name: &str, folder: &Path, target: &Path, page: &Path) -> Result<()> {
    step(&format!("building {name}"), || {
        compile(shell, toolchain, folder, target)?;
        shell.remove_path(page)?;
        make_page(shell, name, folder, target, page)
    })
}

/// Compiles the crate in a folder.
fn compile(shell: &Shell, toolchain: &Toolchain, folder: &Path, target: &Path) -> Result<()> {
    let _here = shell.push_dir(folder); // cargo searches for the crate's configuration from here
    let build = toolchain.cargo(shell).args(["build", "--quiet", "--release", "--target", TARGET]);
    Ok(build.arg("--target-dir").arg(target).run()?)
}

/// Makes the page of a crate that is compiled in `target`. The page has the module and its JavaScript in `pkg`, as with wasm-pack,
/// and the HTML, CSS and JavaScript from the crate's folder.
pub fn make_page(shell: &Shell, name: &str, folder: &Path, target: &Path, out: &Path) -> Result<()> {
    let module = target.join(TARGET).join("release").join(format!("{name}.wasm"));
    wasm_bindgen::bind(&module, &out.join("pkg"))?;
    for file in shell.read_dir(folder)? {
        if file.extension().is_some_and(|extension| ["html", "css", "js"].iter().any(|of| extension == *of)) {
            shell.copy_file(file, out)?;
        }
    }
    page::compress(shell, out)?;
    page::compress(shell, &out.join("pkg"))
}

/// Returns the name that cargo gives the wasm module of a crate.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_has_a_page_of_its_own() {
        let pages = ["/home/ann/hello", "/home/bob/hello", "/home/ann/chat"].map(|folder| target_of(Path::new(folder)));
        assert!(pages[0].ends_with("served/home-ann-hello"));
        assert!(pages[0] != pages[1] && pages[0] != pages[2]);
    }

    #[test]
    fn a_crate_is_built_with_its_own_configuration() {
        let shell = Shell::new().unwrap();
        let toolchain = toolchain::find_or_install(&shell, Way::default()).unwrap();
        let temp = shell.create_temp_dir().unwrap();
        let folder = temp.path();
        for (file, text) in [
            ("Cargo.toml", "[package]\nname = \"configured\"\nedition = \"2021\"\n"),
            (".cargo/config.toml", "[env]\nCONFIGURED = 'yes'\n"),
            ("src/lib.rs", "const _: &str = env!(\"CONFIGURED\");\n"),
        ] {
            shell.write_file(folder.join(file), text).unwrap();
        }
        compile(&shell, &toolchain, folder, &folder.join("target")).unwrap();
    }

    #[test]
    fn a_folder_without_a_page_is_refused_with_what_to_write() {
        let error = check_index(Path::new("/nowhere"), "hello").unwrap_err().to_string();
        assert!(error.starts_with("/nowhere has no index.html; write one that imports ./pkg/hello.js"), "{error}");
        assert!(check_index(&crate::root().join("examples/hello"), "hello").is_ok());
    }
}
