//! Finds out what is missing and installs it. One message lists what cannot be installed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use xshell::{Cmd, Shell, cmd};

use crate::browser::{self, Browser};
use crate::step::step;
use crate::toolchain::{self, Toolchain, Way};

/// Returns what `test` needs, the toolchain and both browsers, and installs what is missing.
pub fn everything(shell: &Shell, way: Way) -> Result<(Toolchain, Vec<Browser>)> {
    // Building geckodriver does not use all cores, so everything else is installed meanwhile.
    let (chromium, toolchain, geckodriver) = thread::scope(|scope| {
        let other_shell = shell.clone();
        let geckodriver = scope.spawn(move || browser::geckodriver(&other_shell));
        let chromium = browser::chromium(shell);
        browser::install_firefox(shell);
        install_redis(shell);
        (chromium, toolchain::find_or_install(shell, way), geckodriver.join().expect("no thread panics"))
    });
    let firefox = geckodriver.and_then(browser::firefox);
    match (toolchain, chromium, firefox) {
        (Ok(toolchain), Ok(chromium), Ok(firefox)) => Ok((toolchain, vec![chromium, firefox])),
        (toolchain, chromium, firefox) => {
            let missing = [toolchain.err(), chromium.err(), firefox.err()];
            let missing: Vec<_> = missing.into_iter().flatten().map(|error| format!("\n- {error:#}")).collect();
            bail!("this machine lacks something that cannot be installed from here:{}", missing.concat())
        }
    }
}

/// Installs Redis, for the tests of sessions on several servers. Without Redis, these tests say so and are skipped.
fn install_redis(shell: &Shell) {
    if find("redis-server").is_none() && may_install_packages(shell) {
        let _ = install_packages(shell, &["redis-server"]);
    }
}

/// Returns the folder for tools that xtask builds or unpacks itself. All clones of one user share it.
pub fn cache() -> Result<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    match std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home) {
        Some(folder) => Ok(folder.join("wasm-websocket")),
        None => bail!("there is no home folder to build tools in; set XDG_CACHE_HOME"),
    }
}

/// Returns the path of a program on the `PATH` or in the cache.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_on(&path, name).or_else(|| find_in(&cache().ok()?.join("bin"), name))
}

/// Returns the path of a program on another `PATH`.
pub fn find_on(path: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path).find_map(|folder| find_in(&folder, name))
}

fn find_in(folder: &Path, name: &str) -> Option<PathBuf> {
    Some(folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))).filter(|file| file.is_file())
}

/// Returns the path of a crate's program, and builds it if it is missing.
pub fn find_or_build(shell: &Shell, name: &str) -> Result<PathBuf> {
    if let Some(program) = find(name) {
        return Ok(program);
    }
    let cache = cache()?;
    step(&format!("building {name} (once)"), || {
        // Without optimisation and debug information, this takes a third of the time, and the program is fast enough.
        Ok(cmd!(shell, "cargo install --quiet --locked --debug --root {cache} {name}")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env_remove("LD_LIBRARY_PATH")
            .run()?)
    })?;
    find(name).ok_or_else(|| anyhow::anyhow!("cargo built {name}, but it is not in {}", cache.display()))
}

/// Returns whether xtask may install packages: it runs as root, on Debian or a distribution derived from it.
pub fn may_install_packages(shell: &Shell) -> bool {
    let is_debian = std::fs::read_to_string("/etc/os-release")
        .is_ok_and(|text| text.lines().any(|line| line.starts_with("ID") && line.contains("debian")));
    is_debian && cmd!(shell, "id -u").quiet().read().is_ok_and(|user| user == "0")
}

/// Installs packages of the distribution in their current versions, even if the machine's package lists are old.
pub fn install_packages(shell: &Shell, packages: &[&str]) -> Result<()> {
    // Nothing of the user's is removed: the compiler's package, for instance, conflicts with another package of Rust.
    let install = &["install", "--yes", "--no-install-recommends", "--no-remove"];
    step(&format!("installing {}", packages.join(" ")), || {
        if lists_are_old() {
            // Without a network this fails, but the packages may still be in the cache.
            let _ = apt(shell, &["update"]).run();
        }
        apt_get(shell, &[install, packages].concat())
    })
}

/// Returns whether the package lists are missing or older than a day. Each update changes a folder beside the lists.
fn lists_are_old() -> bool {
    let entries = std::fs::read_dir("/var/lib/apt/lists").into_iter().flatten().flatten();
    let newest = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max();
    newest.is_none_or(|newest| newest.elapsed().is_ok_and(|age| age > Duration::from_secs(24 * 60 * 60)))
}

/// Runs apt-get. If it fails, updates the package lists and runs it once more: lists may be missing, or name versions that no
/// longer exist.
pub fn apt_get(shell: &Shell, arguments: &[&str]) -> Result<()> {
    if apt(shell, arguments).quiet().ignore_stderr().run().is_err() {
        apt(shell, &["update"]).run()?;
        apt(shell, arguments).run()?;
    }
    Ok(())
}

fn apt<'a>(shell: &'a Shell, arguments: &[&str]) -> Cmd<'a> {
    let quiet = ["--quiet", "--quiet", "--option", "Dpkg::Use-Pty=0"];
    cmd!(shell, "apt-get {quiet...} {arguments...}").env("DEBIAN_FRONTEND", "noninteractive").ignore_stdout()
}
