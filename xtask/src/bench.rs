//! Builds what the bench measures, and runs its driver.
//!
//! The driver is a program of its own, so that tests do not wait until it is built.

use std::env::consts::EXE_EXTENSION;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::browser::Browser;
use crate::step::step;
use crate::toolchain::{TARGET, Toolchain, Way, host_cargo};
use crate::{chats, npm, page, setup, wasm_bindgen};

#[derive(clap::Args)]
pub struct Options {
    /// Measures only these contenders, such as `wasm-websocket,gloo-net`. Partial results are printed, not written.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Measures only cases whose name contains one of these, such as `receive,echo text`.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<String>,
    /// The number of rounds.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Measures only in this browser: `chromium` or `firefox`.
    #[arg(long)]
    browser: Option<String>,
    /// Measures times once more while two busy loops run.
    #[arg(long)]
    load: bool,
    /// Goes on with an interrupted run: takes what it has measured of the same page, and measures the rest.
    #[arg(long)]
    resume: bool,
    /// Also measures for how long a flood blocks the page, on an idle machine. A run with all contenders, cases and browsers always does.
    #[arg(long)]
    flood: bool,
    /// Measures the codecs instead of connections.
    #[arg(long)]
    codecs: bool,
    /// Only weighs the chats of `examples/`, over this crate and over a hand-written socket.
    #[arg(long)]
    chats: bool,
    /// Measures only the exact counts, not times, and fails if they exceed `bench/limits.toml`.
    #[arg(long)]
    counts: bool,
}

pub fn run(shell: &Shell, way: Way, options: &Options) -> Result<()> {
    let (toolchain, browsers) = setup::everything(shell, way)?;
    measure(shell, &toolchain, &browsers, options)
}

/// Checks the exact counts against their limits.
pub fn counts(shell: &Shell, toolchain: &Toolchain, browsers: &[Browser]) -> Result<()> {
    let only = vec!["wasm-websocket".into(), "wasm-websocket-callback".into()];
    let options = Options {
        only,
        cases: Vec::new(),
        rounds: 0,
        browser: None,
        load: false,
        resume: false,
        flood: false,
        codecs: false,
        chats: false,
        counts: true,
    };
    measure(shell, toolchain, browsers, &options)
}

fn measure(shell: &Shell, toolchain: &Toolchain, browsers: &[Browser], options: &Options) -> Result<()> {
    let wanted =
        |browser: &&Browser| options.browser.as_ref().is_none_or(|name| browser.name.eq_ignore_ascii_case(name));
    let browsers: Vec<_> = browsers.iter().filter(wanted).collect();
    ensure!(
        !browsers.is_empty(),
        "no browser {}; use chromium or firefox",
        options.browser.as_deref().unwrap_or_default()
    );
    let page = page::target_folder().join("bench/page");
    if options.chats {
        let optimiser = Optimiser::find(shell)?.context("weighing the chats needs Node.js and npm")?;
        chats::build(shell, toolchain, &optimiser, &page.join("chats"))?;
    } else {
        step("building the bench's page", || build_page(shell, toolchain, &page))?;
        if options.counts || options.is_all() {
            step("building the minimal apps", || build_apps(shell, toolchain, options, &page.join("apps")))?;
        }
    }
    step("building the bench's driver", || {
        let build = ["build", "--quiet", "--profile=xtask", "--package=wasm-websocket-bench-driver"];
        Ok(host_cargo(shell).args(build).run()?)
    })?;
    let driver = page::target_folder().join("xtask/wasm-websocket-bench-driver").with_extension(EXE_EXTENSION);
    let arguments = options.for_the_driver(shell, &browsers);
    let limits = "bench/limits.toml";
    step("measuring", || Ok(cmd!(shell, "{driver} --page {page} --limits {limits} {arguments...}").run()?))
}

impl Options {
    fn for_the_driver(&self, shell: &Shell, browsers: &[&Browser]) -> Vec<String> {
        let mut arguments = vec![format!("--rounds={}", self.rounds), format!("--command={}", self.command())];
        arguments.extend(
            browsers
                .iter()
                .map(|browser| format!("--browser={}={}", browser.version(shell), browser.program.display())),
        );
        arguments.extend(self.only.iter().map(|name| format!("--only={name}")));
        arguments.extend(self.cases.iter().map(|word| format!("--cases={word}")));
        arguments.extend(self.load.then(|| "--load".into()));
        arguments.extend(self.resume.then(|| "--resume".into()));
        arguments.extend(self.flood.then(|| "--flood".into()));
        arguments.extend(self.codecs.then(|| "--codecs".into()));
        arguments.extend(self.chats.then(|| "--chats".into()));
        arguments.extend(self.counts.then(|| "--counts".into()));
        arguments.extend(self.is_all().then(|| "--out=bench".into()));
        arguments
    }

    fn is_all(&self) -> bool {
        self.only.is_empty() && self.cases.is_empty() && self.browser.is_none() && !self.counts
    }

    /// Returns the command line of this run, or of the run that it resumes.
    fn command(&self) -> String {
        let words = std::env::args().skip(1).filter(|word| word != "--resume").collect::<Vec<_>>();
        format!("cargo xtask {}", words.join(" "))
    }
}

fn build_page(shell: &Shell, toolchain: &Toolchain, page: &Path) -> Result<()> {
    build(shell, toolchain, &["--profile=bench", "--package=wasm-websocket-bench"])?;
    wasm_bindgen::bind(&module("wasm_websocket_bench"), page)?;
    for file in shell.read_dir("bench/page")? {
        shell.copy_file(file, page)?;
    }
    Ok(())
}

/// The minimal apps, and the features of each. The size of an app shows what its contender costs.
const APPS: &[(&str, &str)] = &[
    ("wasm-websocket", "stream"),
    ("wasm-websocket-callback", "callback"),
    ("wasm-websocket-streams", "streams"),
    ("wasm-websocket-reconnecting", "reconnecting"),
    ("wasm-websocket-session", "session"),
    ("wasm-websocket-errors", "stream,errors"),
    ("web-sys-queue", "web-sys-queue"),
    ("web-sys-queue-errors", "web-sys-queue,errors"),
    ("gloo-net", "gloo-net"),
    ("gloo-net-errors", "gloo-net,errors"),
    ("ws_stream_wasm", "ws_stream_wasm"),
    ("ws_stream_wasm-errors", "ws_stream_wasm,errors"),
    ("websocket-web", "websocket-web"),
    ("websocket-web-errors", "websocket-web,errors"),
];

/// The minimal apps with a codec, and the features of each. The first app has no codec, for comparison.
const CODEC_APPS: &[(&str, &str)] =
    &[("wasm-websocket", "stream"), ("json", "json"), ("js-json", "js-json"), ("postcard", "postcard")];

fn build_apps(shell: &Shell, toolchain: &Toolchain, options: &Options, folder: &Path) -> Result<()> {
    shell.remove_path(folder)?;
    // The driver reads this folder even if no contender has an app.
    shell.create_dir(folder)?;
    let optimiser = Optimiser::find(shell)?;
    // A contender's name selects all of its apps, such as `gloo-net` and `gloo-net-errors`.
    let wanted =
        |(app, _): &&(&str, &str)| options.only.is_empty() || options.only.iter().any(|name| app.starts_with(name));
    let apps = if options.codecs { CODEC_APPS } else { APPS };
    for (app, features) in apps.iter().filter(wanted) {
        let plain = folder.join(app).join("plain");
        let package = ["--release", "--package=wasm-websocket-minimal", "--no-default-features"];
        build(shell, toolchain, &[&package[..], &["--features", features]].concat())?;
        wasm_bindgen::bind(&module("wasm_websocket_minimal"), &plain)?;
        if let Some(optimiser) = &optimiser {
            optimiser.run(shell, &plain, &folder.join(app).join("optimised"), "wasm_websocket_minimal")?;
        }
    }
    Ok(())
}

fn build(shell: &Shell, toolchain: &Toolchain, arguments: &[&str]) -> Result<()> {
    Ok(toolchain.cargo(shell).args(["build", "--quiet", "--target", TARGET]).args(arguments).run()?)
}

/// Returns the path of a built module. The profile `bench` builds into the folder of `release`.
fn module(name: &str) -> PathBuf {
    page::target_folder().join(TARGET).join("release").join(name).with_extension("wasm")
}

/// The programs from npm that make modules and their glue smaller.
pub struct Optimiser {
    programs: PathBuf,
}

impl Optimiser {
    /// Installs the programs below the target folder. Without Node.js it returns `None`, and the apps are weighed unoptimised.
    fn find(shell: &Shell) -> Result<Option<Self>> {
        // Browsers refuse the output of Debian's binaryen.
        const PACKAGES: &[&str] = &["binaryen@132.0.0", "terser@5.51.2"];
        const PROGRAMS: &[&str] = &[".bin/wasm-opt", ".bin/terser"];
        let packages = npm::find_or_install(shell, &page::target_folder().join("bench/npm"), PROGRAMS, PACKAGES)?;
        if packages.is_none() {
            eprintln!("– not optimising the minimal apps, which needs Node.js and npm");
        }
        Ok(packages.map(|packages| Self { programs: packages.join(".bin") }))
    }

    /// Optimises the module `name` in the folder `from`, and its glue.
    pub fn run(&self, shell: &Shell, from: &Path, to: &Path, name: &str) -> Result<()> {
        shell.create_dir(to)?;
        let [wasm_opt, terser] = ["wasm-opt", "terser"].map(|name| self.programs.join(name));
        let [wasm, glue] = [format!("{name}_bg.wasm"), format!("{name}.js")];
        cmd!(shell, "{wasm_opt} -Oz --converge {from}/{wasm} --output {to}/{wasm}").run()?;
        Ok(cmd!(shell, "{terser} --module --compress --mangle --output {to}/{glue} -- {from}/{glue}").run()?)
    }
}
