//! Finds or installs a compiler for wasm32-unknown-unknown: the active one, rustup's, or the distribution's. The active one always
//! builds what runs on the host.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use xshell::{Cmd, Shell, cmd};

use crate::step::step;
use crate::{page, scratch, setup};

pub const TARGET: &str = "wasm32-unknown-unknown";

/// How to get the compiler.
#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
pub enum Way {
    /// The first of the following that works, preferably without an installation.
    #[default]
    Auto,
    /// The active toolchain as it is.
    Active,
    /// The active toolchain, after `rustup target add`.
    Rustup,
    /// Debian's compiler, with a standard library for wasm32 that is built once.
    Distribution,
}

/// A toolchain: the active one, or the distribution's.
pub struct Toolchain {
    /// The toolchain's name in rustup; `None` for the active toolchain.
    name: Option<&'static str>,
}

impl Toolchain {
    /// Returns the command of this toolchain's cargo.
    pub fn cargo<'a>(&self, shell: &'a Shell) -> Cmd<'a> {
        self.apply(cmd!(shell, "cargo"))
    }

    /// Returns the command of this toolchain's cargo for unstable options, which otherwise need the nightly compiler. It builds into
    /// [`unstable_folder`].
    pub fn unstable_cargo<'a>(&self, shell: &'a Shell) -> Cmd<'a> {
        self.cargo(shell).env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", unstable_folder())
    }

    /// Returns whether this is the distribution's toolchain.
    pub fn is_distribution(&self) -> bool {
        self.name.is_some()
    }

    /// Sets the environment for a program that runs cargo.
    pub fn apply<'a>(&self, command: Cmd<'a>) -> Cmd<'a> {
        // cargo has set `LD_LIBRARY_PATH` for xtask, to the libraries of the toolchain that built xtask.
        let command = command.env_remove("LD_LIBRARY_PATH").env("CARGO_TARGET_DIR", page::target_folder());
        match self.name {
            Some(name) if setup::find("rustup").is_some() => command.env("RUSTUP_TOOLCHAIN", name),
            Some(_) => command.env("PATH", distribution::path()),
            None => command,
        }
    }
}

/// Returns the target folder of builds with unstable options. With these, some build scripts build something else: in one folder, these
/// builds and all others would replace each other's files.
pub fn unstable_folder() -> PathBuf {
    page::target_folder().join("unstable")
}

/// Returns the command of the active toolchain's cargo, which has built xtask. It builds what runs on the host, since the
/// distribution's compiler takes twice as long.
pub fn host_cargo(shell: &Shell) -> Cmd<'_> {
    Toolchain { name: None }.cargo(shell)
}

/// Returns a toolchain that builds for wasm32.
pub fn find_or_install(shell: &Shell, way: Way) -> Result<Toolchain> {
    let active = Toolchain { name: None };
    if matches!(way, Way::Auto | Way::Active) && has_target(shell) {
        return Ok(active);
    }
    // An earlier run may have built the standard library.
    if matches!(way, Way::Auto | Way::Distribution) && distribution::is_built(shell) {
        return distribution::install(shell).context(HINT);
    }
    if matches!(way, Way::Auto | Way::Rustup) && add_target(shell).is_ok() {
        return Ok(active);
    }
    if matches!(way, Way::Auto | Way::Distribution) && setup::may_install_packages(shell) {
        return distribution::install(shell).context(HINT);
    }
    bail!(HINT)
}

const HINT: &str = "there is no compiler for wasm32-unknown-unknown: run `rustup target add wasm32-unknown-unknown`, \
                    or on Debian 12 run `cargo xtask setup --toolchain distribution` as root, in another clone";

fn has_target(shell: &Shell) -> bool {
    let folder = cmd!(shell, "rustc --print target-libdir --target {TARGET}").quiet().ignore_stderr().read();
    // xtask may have built this standard library only in part, or for an older compiler.
    folder.map(PathBuf::from).is_ok_and(|folder| {
        folder.is_dir() && (!folder.join(distribution::STAMP).exists() || distribution::is_built(shell))
    })
}

fn add_target(shell: &Shell) -> Result<()> {
    step(&format!("asking rustup for {TARGET}"), || {
        Ok(cmd!(shell, "rustup target add {TARGET}").env("RUSTUP_MAX_RETRIES", "0").run()?)
    })
}

/// Debian's compiler for building browsers. It is recent, but has no standard library for wasm32.
mod distribution {
    use super::*;

    const NAME: &str = "distribution";
    const RUSTC: &str = "/usr/bin/rustc";
    const CARGO: &str = "/usr/bin/cargo";
    const LINKER: &str = "/usr/bin/lld-22";
    const SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
    const FILES: &[&str] = &[RUSTC, CARGO, LINKER, SOURCE, "/usr/bin/cargo-clippy", "/usr/bin/rustfmt"];
    /// The file beside the standard library that says which compiler has built it.
    pub const STAMP: &str = "built-by";
    const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "rustfmt-web", "lld-22"];

    pub fn install(shell: &Shell) -> Result<Toolchain> {
        if !FILES.iter().all(|file| Path::new(file).exists()) {
            setup::install_packages(shell, PACKAGES)?;
        }
        if !is_built(shell) {
            link_linker(shell)?;
            step("building the standard library for wasm32 (once)", || build_std(shell))?;
        }
        if setup::find("rustup").is_some() {
            // The user's default toolchain stays the same: this one is used only where it is named.
            cmd!(shell, "rustup toolchain link {NAME} /usr").quiet().run()?;
        }
        eprintln!("– compiling for wasm32 with the distribution's compiler; `--toolchain rustup` uses rustup's");
        Ok(Toolchain { name: Some(NAME) })
    }

    /// Returns whether the standard library for wasm32 is built, and by this version of the compiler.
    pub fn is_built(shell: &Shell) -> bool {
        let built_by = libraries(shell).and_then(|libraries| Ok(shell.read_file(libraries.join(STAMP))?));
        built_by.is_ok_and(|built_by| version(shell).is_ok_and(|version| version == built_by))
    }

    /// Returns the `PATH` with the distribution's programs before all others.
    pub fn path() -> String {
        format!("/usr/bin:{}", std::env::var("PATH").unwrap_or_default())
    }

    fn version(shell: &Shell) -> Result<String> {
        Ok(cmd!(shell, "{RUSTC} -vV").quiet().ignore_stderr().read()?)
    }

    fn libraries(shell: &Shell) -> Result<PathBuf> {
        let libraries = cmd!(shell, "{RUSTC} --print target-libdir --target {TARGET}");
        Ok(libraries.quiet().ignore_stderr().read()?.into())
    }

    /// Links lld as `rust-lld`, the target's linker, beside the compiler's own libraries, where the compiler looks for it.
    fn link_linker(shell: &Shell) -> Result<()> {
        let host_libraries = PathBuf::from(cmd!(shell, "{RUSTC} --print target-libdir").quiet().read()?);
        let folder = host_libraries.with_file_name("bin");
        shell.create_dir(&folder)?;
        Ok(cmd!(shell, "ln -sfn {LINKER} {folder}/rust-lld").quiet().run()?)
    }

    /// Builds the standard library by the unstable `-Zbuild-std`. RUSTC_BOOTSTRAP allows it, as in the compiler's own build.
    fn build_std(shell: &Shell) -> Result<()> {
        let work = scratch::folder()?;
        let manifest = work.path().join("Cargo.toml");
        let package = "[package]\nname = \"sysroot\"\nversion = \"0.0.0\"\nedition = \"2021\"\n";
        shell.write_file(&manifest, package)?;
        shell.write_file(work.path().join("src/lib.rs"), "")?;
        let built = work.path().join("target");
        let build_std = ["-Zbuild-std=std,panic_abort,proc_macro,test", "--target", TARGET];
        cmd!(shell, "{CARGO} build --quiet --release --manifest-path {manifest} --target-dir {built} {build_std...}")
            .env("PATH", path())
            .env("RUSTC", RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            // Without bitcode in the standard library, link-time optimisation fails.
            .env("RUSTFLAGS", "-Cembed-bitcode=yes")
            .env_remove("LD_LIBRARY_PATH")
            .run()?;
        let libraries = libraries(shell)?;
        shell.remove_path(&libraries)?;
        shell.create_dir(&libraries)?;
        // An empty stamp marks the library as incomplete until the real one is written, so that an interrupted build is repeated.
        shell.write_file(libraries.join(STAMP), "")?;
        for file in shell.read_dir(built.join(TARGET).join("release/deps"))? {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".rlib") && !name.starts_with("libsysroot-") {
                shell.copy_file(&file, libraries.join(name))?;
            }
        }
        Ok(shell.write_file(libraries.join(STAMP), version(shell)?)?)
    }
}
