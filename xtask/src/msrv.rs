//! Checks that the published crates build with the oldest Rust that they promise, their `rust-version`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::setup;
use crate::toolchain::Toolchain;

const VERSION: &str = "1.85";

/// Checks the crates without their tests, which need newer tools.
pub fn check(shell: &Shell, toolchain: &Toolchain) -> Result<()> {
    let check =
        ["check", "--quiet", "--package=wasm-websocket", "--package=websocket-session", "--target-dir=target/msrv"];
    let manifest = shell.read_file("Cargo.toml")?;
    ensure!(
        manifest.contains(&format!("rust-version = \"{VERSION}\"")),
        "the crate promises another Rust than {VERSION}"
    );
    if !toolchain.is_distribution() {
        cmd!(shell, "rustup toolchain install {VERSION} --profile minimal").run()?;
        return Ok(cmd!(shell, "cargo {check...}").env("RUSTUP_TOOLCHAIN", VERSION).run()?);
    }
    let root = debian(shell)?;
    toolchain
        .cargo(shell)
        .args(check)
        .env("RUSTC", root.join("usr/bin/rustc"))
        .env("LD_LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"))
        .run()
        .map_err(Into::into)
}

/// Debian's compiler of that version, unpacked beside the installed one rather than in its place.
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
    let download = shell.create_temp_dir()?;
    let _here = shell.push_dir(download.path());
    setup::apt_get(shell, &[&["download"], PACKAGES].concat())?;
    shell.create_dir(&root)?;
    for package in shell.read_dir(".")? {
        cmd!(shell, "dpkg-deb --extract {package} {root}").quiet().run()?;
    }
    shell.write_file(root.join("complete"), "")?;
    Ok(root)
}
