//! Builds each chat of `examples/` twice: over this crate, and over `bench/by-hand`, which has the same name. The bench compares
//! the sizes, which shows how much the crate adds.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::bench::Optimiser;
use crate::step::step;
use crate::toolchain::{TARGET, Toolchain};
use crate::{npm, page, wasm_bindgen};

/// The folders of the chats in Rust.
const CHATS: &[&str] = &["dioxus", "leptos", "yew"];

/// The folder of the chat in TypeScript.
const VITE: &str = "vite";

/// Builds all chats, as `NAME/crate` and `NAME/by-hand` in `folder`.
pub fn build(shell: &Shell, toolchain: &Toolchain, optimiser: &Optimiser, folder: &Path) -> Result<()> {
    shell.remove_path(folder)?;
    let [examples, by_hand] = ["examples", "bench/by-hand"].map(|folder| crate::root().join(folder));
    let archive = npm::archive(shell, toolchain)?;
    step("building the chats over this crate", || {
        build_all(shell, toolchain, optimiser, &examples, folder, "crate")?;
        build_vite(shell, &examples, &archive, &folder.join(VITE).join("crate"))
    })?;
    step("building the chats over a hand-written socket", || {
        let copy = copy_over(shell, &examples, &by_hand)?;
        build_all(shell, toolchain, optimiser, &copy, folder, "by-hand")?;
        build_vite(shell, &copy, &by_hand.join("npm"), &folder.join(VITE).join("by-hand"))
    })
}

/// Copies the examples, and makes the copies depend on another crate of the same name.
fn copy_over(shell: &Shell, examples: &Path, other: &Path) -> Result<PathBuf> {
    let copy = page::target_folder().join("bench/examples");
    for file in cmd!(shell, "git -C {examples} ls-files").quiet().read()?.lines() {
        let text = shell.read_file(examples.join(file))?;
        let is_manifest = Path::new(file).file_name() == Some("Cargo.toml".as_ref());
        let path = format!("path = {:?}", other.display().to_string());
        let text =
            if is_manifest { text.replace("path = \"../..\"", &path).replace("path = \"..\"", &path) } else { text };
        shell.write_file(copy.join(file), text)?;
    }
    Ok(copy)
}

fn build_all(
    shell: &Shell,
    toolchain: &Toolchain,
    optimiser: &Optimiser,
    examples: &Path,
    folder: &Path,
    variant: &str,
) -> Result<()> {
    let packages = CHATS.iter().map(|name| format!("--package=chat-{name}"));
    let manifest = examples.join("Cargo.toml");
    let build = toolchain.cargo(shell).args(["build", "--quiet", "--release", "--target", TARGET]);
    build.arg("--manifest-path").arg(manifest).args(packages).run()?;
    for name in CHATS {
        let chat = format!("chat-{name}");
        let module = page::target_folder().join(TARGET).join("release").join(&chat).with_extension("wasm");
        let plain = page::target_folder().join("bench/plain").join(name).join(variant);
        shell.remove_path(&plain)?;
        wasm_bindgen::bind(&module, &plain)?;
        optimiser.run(shell, &plain, &folder.join(name).join(variant), &chat)?;
    }
    Ok(())
}

fn build_vite(shell: &Shell, examples: &Path, package: &Path, out: &Path) -> Result<()> {
    let app = examples.join(VITE);
    npm::install_with_package(shell, &app.join("package-lock.json"), &app, package)?;
    let _here = shell.push_dir(&app);
    npm::node(cmd!(shell, "npm run build -- --logLevel error --emptyOutDir --outDir {out}"))
}
