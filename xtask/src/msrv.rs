//! Checks that the published crates build with the oldest Rust that they support, their `rust-version`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::toolchain::Toolchain;
use crate::{scratch, setup};

const VERSION: &str = "1.85";
/// The dependencies of the server need a newer version.
const SERVER_VERSION: &str = "1.88";

const CRATES: &[&str] = &["--package=wasm-websocket", "--package=websocket-session"];
const SERVER: &[&str] = &["--package=websocket-session-server", "--all-features"];

const CHECK: &[&str] = &["check", "--quiet", "--target-dir=target/msrv"];

/// Checks the crates without their tests, which need newer tools.
pub fn check(shell: &Shell, toolchain: &Toolchain) -> Result<()> {
    promises(shell, "Cargo.toml", VERSION)?;
    promises(shell, "session/server/Cargo.toml", SERVER_VERSION)?;
    if !toolchain.is_distribution() {
        with_rustup(shell, VERSION, CRATES)?;
        return with_rustup(shell, SERVER_VERSION, SERVER);
    }
    println!("– not checking the session server with Rust {SERVER_VERSION}, which Debian does not have");
    let root = debian(shell)?;
    toolchain
        .cargo(shell)
        .args(CHECK)
        .args(CRATES)
        .env("RUSTC", root.join("usr/bin/rustc"))
        .env("LD_LIBRARY_PATH", root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH)))
        .run()
        .map_err(Into::into)
}

/// Fails unless a manifest has this `rust-version`.
fn promises(shell: &Shell, manifest: &str, version: &str) -> Result<()> {
    let is_promised = shell.read_file(manifest)?.contains(&format!("rust-version = \"{version}\""));
    ensure!(is_promised, "{manifest} has another `rust-version` than {version}");
    Ok(())
}

fn with_rustup(shell: &Shell, version: &str, crates: &[&str]) -> Result<()> {
    cmd!(shell, "rustup toolchain install {version} --profile minimal").run()?;
    Ok(cmd!(shell, "cargo {CHECK...} {crates...}").env("RUSTUP_TOOLCHAIN", version).run()?)
}

/// Unpacks Debian's compiler of [`VERSION`] into a folder of its own, so that the installed compiler stays. Returns the folder.
fn debian(shell: &Shell) -> Result<PathBuf> {
    const PACKAGES: &[&str] = &[
        "rustc-web=1.85.0+dfsg3-1~deb12u3",
        "libstd-rust-web-1.85=1.85.0+dfsg3-1~deb12u3",
        "libstd-rust-web-dev=1.85.0+dfsg3-1~deb12u3",
        "libllvm19",
    ];
    let root = setup::cache()?.join("rust-1.85");
    if root.join("complete").exists() {
        return Ok(root);
    }
    let download = scratch::folder()?;
    let _here = shell.push_dir(download.path());
    setup::apt_get(shell, &[&["download"], PACKAGES].concat())?;
    shell.create_dir(&root)?;
    for package in shell.read_dir(".")? {
        cmd!(shell, "dpkg-deb --extract {package} {root}").quiet().run()?;
    }
    shell.write_file(root.join("complete"), "")?;
    Ok(root)
}
