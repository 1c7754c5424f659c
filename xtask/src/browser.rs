//! The browsers that the tests run in, and their WebDriver programs.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::{setup, wasm_bindgen};

/// A browser that a WebDriver program can start.
pub struct Browser {
    pub name: &'static str,
    pub program: PathBuf,
    driver_variable: &'static str,
    driver: PathBuf,
    /// The command that runs the test runner with a virtual screen, if the browser needs a screen.
    screen: &'static [&'static str],
}

/// The variables that choose a driver. The test runner takes the first one that is set, so the others must be unset.
const DRIVER_VARIABLES: &[&str] = &["GECKODRIVER", "SAFARIDRIVER", "CHROMEDRIVER", "MSEDGEDRIVER"];

impl Browser {
    pub fn is_chromium(&self) -> bool {
        self.driver_variable == "CHROMEDRIVER"
    }

    /// Returns the name and the version, such as `Chromium 156.0.8018.12`.
    pub fn version(&self, shell: &Shell) -> String {
        let program = &self.program;
        let text = cmd!(shell, "{program} --version").quiet().ignore_stderr().read().unwrap_or_default();
        let is_number = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
        format!("{} {}", self.name, text.split(' ').find(is_number).unwrap_or("of an unknown version"))
    }

    /// Returns the folder of the driver, for programs that look for drivers only on the `PATH`.
    pub fn driver_folder(&self) -> PathBuf {
        self.driver.parent().map(PathBuf::from).unwrap_or_default()
    }

    /// Tells the test runner, or the demo's test, to use this browser.
    pub fn choose<'a>(&self, mut command: Cmd<'a>) -> Cmd<'a> {
        for variable in DRIVER_VARIABLES {
            command = command.env_remove(variable).env_remove(format!("{variable}_REMOTE"));
        }
        command.env(self.driver_variable, &self.driver)
    }

    /// Returns the setting with which cargo runs wasm tests in a browser like this one, with a screen if it needs one.
    pub fn runner_config(&self) -> Result<String> {
        wasm_bindgen::runner_config(self.screen)
    }
}

/// Finds Chromium or Chrome, or installs it where that is possible. chromedriver must have the same version, so it is installed
/// together with the browser.
pub fn chromium(shell: &Shell) -> Result<Browser> {
    const BROWSERS: &[&str] = &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "chrome",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ];
    // The second is its name in a snap package.
    const DRIVERS: &[&str] = &["chromedriver", "chromium.chromedriver"];
    let find = || Some((find_any(BROWSERS)?, find_driver("CHROMEDRIVER", DRIVERS)?));
    if find().is_none() && setup::may_install_packages(shell) {
        // If this fails, the error below says what to do.
        let _ = setup::install_packages(shell, &["chromium", "chromium-driver"]);
    }
    let Some((program, driver)) = find() else {
        bail!(
            "Chromium or Chrome, and the chromedriver of the same version, on the PATH (or CHROMEDRIVER=…): \
             on Debian `apt-get install chromium chromium-driver`"
        );
    };
    Ok(Browser { name: "Chromium", program, driver_variable: "CHROMEDRIVER", driver, screen: &[] })
}

const FIREFOX: &[&str] = &["firefox", "firefox-esr", "/Applications/Firefox.app/Contents/MacOS/firefox"];

const NO_FIREFOX: &str = "Firefox, on the PATH: on Debian `apt-get install firefox-esr`";

/// Installs Firefox where that is possible. Otherwise [`firefox`] reports that it is missing.
pub fn install_firefox(shell: &Shell) {
    if find_any(FIREFOX).is_none() && setup::may_install_packages(shell) {
        let _ = setup::install_packages(shell, &["firefox-esr"]);
    }
}

/// Finds or builds geckodriver, which works with every recent Firefox. Fails if there is no Firefox, and none can be installed.
pub fn geckodriver(shell: &Shell) -> Result<PathBuf> {
    ensure!(find_any(FIREFOX).is_some() || setup::may_install_packages(shell), NO_FIREFOX);
    match find_driver("GECKODRIVER", &["geckodriver"]) {
        Some(driver) => Ok(driver),
        None => setup::find_or_build(shell, "geckodriver")
            .context("geckodriver, on the PATH (or GECKODRIVER=…), since it cannot be built here"),
    }
}

/// Finds Firefox. Its driver is [`geckodriver`].
pub fn firefox(driver: PathBuf) -> Result<Browser> {
    let program = find_any(FIREFOX).context(NO_FIREFOX)?;
    Ok(Browser { name: "Firefox", program, driver_variable: "GECKODRIVER", driver, screen: &[] })
}

/// Finds WebKitGTK, or installs it where that is possible. Without a Mac, it is the browser closest to Safari.
pub fn webkit(shell: &Shell) -> Result<Browser> {
    // With `-noreset`, the screen sends xvfb-run no signal when the last window closes. After failed tests, this signal
    // sometimes made xvfb-run exit early, and the screen kept running.
    const SCREEN: &[&str] = &["xvfb-run", "--auto-servernum", "--server-args=-noreset"];
    let find = || {
        setup::find("xvfb-run")
            .and(setup::find("xauth"))
            .and_then(|_| find_driver("SAFARIDRIVER", &["WebKitWebDriver"]))
    };
    if find().is_none() && setup::may_install_packages(shell) {
        let _ = setup::install_packages(shell, &["webkit2gtk-driver", "xvfb", "xauth"]);
    }
    let Some(driver) = find() else {
        bail!(
            "WebKitWebDriver, xvfb-run and xauth, on the PATH: on Debian `apt-get install webkit2gtk-driver xvfb xauth`"
        );
    };
    Ok(Browser { name: "WebKitGTK", program: driver.clone(), driver_variable: "SAFARIDRIVER", driver, screen: SCREEN })
}

fn find_any(names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| setup::find(name))
}

fn find_driver(variable: &str, names: &[&str]) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).or_else(|| find_any(names))
}
