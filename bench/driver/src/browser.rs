//! Starts browsers without DevTools, WebDriver and BiDi: each of these makes messages more expensive, some several times.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use tempfile::TempDir;

/// A browser that can be started.
#[derive(Clone)]
pub struct Browser {
    /// The name and version.
    pub name: String,
    program: PathBuf,
}

impl FromStr for Browser {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, program) = text.split_once('=').context("a browser is given as NAME=PROGRAM")?;
        Ok(Self { name: name.into(), program: program.into() })
    }
}

/// A running browser. It ends when this is dropped.
pub struct Running {
    process: Child,
    profile: TempDir,
}

impl Browser {
    /// Opens a page with a fresh profile.
    pub fn open(&self, url: &str) -> Result<Running> {
        let profile = tempfile::tempdir()?;
        let mut command = Command::new(&self.program);
        if self.name.starts_with("Firefox") {
            fs::write(profile.path().join("user.js"), PREFERENCES)?;
            command.args(["--headless", "--no-remote", "--profile"]).arg(profile.path());
        } else {
            command.args(CHROMIUM_FLAGS).arg(in_folder("--user-data-dir=", profile.path()));
        }
        let process = command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.with_context(|| format!("cannot run {}", self.program.display()))?;
        Ok(Running { process, profile })
    }
}

fn in_folder(flag: &str, folder: &Path) -> std::ffi::OsString {
    let mut flag = std::ffi::OsString::from(flag);
    flag.push(folder);
    flag
}

// Root cannot use the sandbox, which is not measured anyway. The page needs garbage collection and the size of JavaScript's memory
// when it measures what a socket holds or leaves behind. The other flags keep the browser from doing other work.
const CHROMIUM_FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--js-flags=--expose-gc",
    "--enable-precise-memory-info",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-quic",
    "--disable-sync",
];

// These preferences do the same in Firefox.
const PREFERENCES: &str = r#"
user_pref("app.normandy.enabled", false);
user_pref("app.update.auto", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.safebrowsing.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.testing.testutils.enabled", true);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "");
user_pref("toolkit.telemetry.enabled", false);
"#;

impl Running {
    /// Returns the id of the browser's process. The processes that render pages are its descendants.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The browser's other processes end a little later, and until then they write to the profile.
        for _ in 0..20 {
            if fs::remove_dir_all(self.profile.path()).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}
