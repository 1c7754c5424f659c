//! Runs every test.

use std::path::Path;
use std::thread;

use anyhow::{Result, bail};
use tempfile::TempDir;
use xshell::{Cmd, Shell};

use crate::browser::Browser;
use crate::conformance::{self, Run};
use crate::examples::SERVERS;
use crate::server::{Options, Server};
use crate::step::step;
use crate::toolchain::{TARGET, Toolchain, Way, host_cargo};
use crate::{axe, page, scratch, setup};

pub fn run(shell: &Shell, way: Way) -> Result<()> {
    let (toolchain, browsers) = setup::everything(shell, way)?;
    // The tests are compiled with the address of the server.
    let server = Server::start(shell, Some(&page::folder()), &Options::default())?;
    let scratch = scratch::folder()?;
    let tests = Tests { toolchain: &toolchain, environment: Environment::new(&server, &scratch) };
    // Optimising the page keeps only one core busy.
    let builds: [Job<'_, ()>; 2] = [
        &|shell| {
            let page = page::build(shell, &toolchain)?;
            page::build_test_page(shell, &toolchain, &page)
        },
        &|shell| step("building the tests", || tests.build(shell)),
    ];
    at_the_same_time(shell, &builds, |shell, job| job(shell))?;
    let names: Vec<_> = browsers.iter().map(|browser| browser.name).collect();
    // Browsers wait much of the time.
    let lanes: [Job<'_, Vec<Run>>; 2] = [
        &|shell| {
            step("testing on the host", || tests.on_the_host(shell))?;
            step("testing in the simulation", || tests.in_the_simulation(shell))
        },
        &|shell| step(&format!("testing in {}", names.join(" and in ")), || tests.in_browsers(shell, &browsers)),
    ];
    let runs = at_the_same_time(shell, &lanes, |shell, lane| lane(shell))?.concat();
    step("writing the conformance table", || conformance::write(shell, &runs))
}

/// Runs only the suite, in one more browser.
pub fn suite_in(shell: &Shell, toolchain: &Toolchain, server: &Server, browser: &Browser) -> Result<()> {
    let scratch = scratch::folder()?;
    let tests = Tests { toolchain, environment: Environment::new(server, &scratch) };
    step(&format!("testing in {}", browser.name), || tests.suite_in(shell, browser).map(drop))
}

/// Tests the README's claims about other crates, in a window of one browser.
pub fn others(shell: &Shell, toolchain: &Toolchain, server: &Server, browser: &Browser) -> Result<()> {
    let scratch = scratch::folder()?;
    let tests = Tests { toolchain, environment: Environment::new(server, &scratch) };
    step("testing what the README says about other crates", || {
        let others = tests.suite(shell, &["--package=wasm-websocket-bench", "--test=others"]);
        run_captured(shell, browser, "window", others.args(["--config", &browser.runner_config()?])).map(drop)
    })
}

/// Runs the tests with large numbers, in windows of all browsers at the same time, since these tests mostly wait.
pub fn large(shell: &Shell, toolchain: &Toolchain, server: &Server, browsers: &[Browser]) -> Result<()> {
    let scratch = scratch::folder()?;
    let tests = Tests { toolchain, environment: Environment::new(server, &scratch) };
    step("testing with 10,000 sockets, a flood of 1,000,000 messages, 1 GiB, and 520 disconnections", || {
        tests.large(shell).args(["--no-run", "--quiet"]).run()?;
        at_the_same_time(shell, browsers, |shell, browser| {
            let large = tests.large(shell).args(["--config", &browser.runner_config()?, "--", "large::"]);
            run_captured(shell, browser, "window", large)
        })
        .map(drop)
    })
}

/// Runs the pages that bundlers have built with the npm package, in all browsers at the same time.
pub fn environments(shell: &Shell, folder: &Path, server: &Server, browsers: &[Browser]) -> Result<()> {
    package_pages(shell, "--test=environments", ("TEST_ENVIRONMENTS", folder), server, browsers)
}

/// Runs the npm package's pages from `server`, and its app from a development server, in all browsers at the same time.
pub fn package(shell: &Shell, app: &Path, server: &Server, browsers: &[Browser]) -> Result<()> {
    package_pages(shell, "--test=browser", ("TEST_APP", app), server, browsers)
}

/// Runs one test binary of the npm package. An environment variable gives it a folder.
fn package_pages(
    shell: &Shell,
    test: &str,
    (variable, folder): (&str, &Path),
    server: &Server,
    browsers: &[Browser],
) -> Result<()> {
    let scratch = scratch::folder()?;
    let environment = Environment::new(server, &scratch);
    environment.cargo(shell, HOST).args([test, "--no-run", "--quiet"]).run()?;
    at_the_same_time(shell, browsers, |shell, browser| {
        let pages = environment.cargo(shell, HOST).args([test, "--", "--ignored", "--show-output"]);
        // Only one browser tests development servers, since two at the same time would share a folder.
        let pages = if browser.is_chromium() { pages } else { pages.arg("--skip=development_server") };
        run_captured(shell, browser, "page", pages.env(variable, folder))
    })
    .map(drop)
}

/// Drives the examples in the folder `pages`, or one of them, as people would, in all browsers at the same time.
pub fn examples(shell: &Shell, browsers: &[Browser], pages: &Path, name: Option<&str>) -> Result<()> {
    let server = Server::start(shell, Some(pages), &Options::default())?;
    let scratch = scratch::folder()?;
    let environment = Environment::new(&server, &scratch);
    step("building the tests", || Ok(environment.examples(shell).args(["--no-run", "--quiet"]).run()?))?;
    let servers = SERVERS.iter().filter(|(example, _)| name.is_none_or(|name| name == *example));
    let servers: Vec<_> = servers.map(|(_, server)| format!("--example={server}")).collect();
    if !servers.is_empty() {
        let build = ["build", "--quiet", "--package=websocket-session-server", "--all-features"];
        step("building the servers of sessions", || Ok(environment.cargo(shell, &build).args(&servers).run()?))?;
    }
    step("testing the examples", || {
        at_the_same_time(shell, browsers, |shell, browser| {
            let examples = environment.examples(shell).args(["--", "--ignored"]).args(name);
            let examples = examples.env("TEST_SESSION_SERVERS", page::target_folder().join("debug/examples"));
            // The server of the session example has a fixed port, so only one browser tests it.
            let examples = if browser.is_chromium() { examples } else { examples.arg("--skip=session") };
            run_captured(shell, browser, "examples", examples)
        })
        .map(drop)
    })
}

/// Measures the page that `server` serves, in one browser, one thing at a time.
pub fn figures(shell: &Shell, server: &Server, browser: &Browser) -> Result<()> {
    let scratch = scratch::folder()?;
    let environment = Environment::new(server, &scratch);
    let figures = || environment.cargo(shell, HOST).arg("--test=figures");
    step("building the measurements", || Ok(figures().args(["--no-run", "--quiet"]).run()?))?;
    step("measuring the page", || {
        Ok(browser.choose(figures().args(["--", "--ignored", "--nocapture", "--test-threads=1"])).run()?)
    })
}

/// The packages that are tested on the host. They are always selected together: for another selection, cargo may choose other
/// features of their dependencies, and build these again. Only the servers are also built alone, for the demo and for the examples.
pub const HOST: &[&str] = &[
    "test",
    "--package=wasm-websocket",
    "--package=wasm-websocket-demo",
    "--package=wasm-websocket-npm",
    "--package=wasm-websocket-server",
    "--package=websocket-session",
    "--package=websocket-session-server",
    "--features=websocket-session-server/redis",
];

const WINDOW: &str = "--test=web";
const WORKER: &str = "--test=worker";
/// The suite over streams in a window of Chromium, and the tests about streams in a worker.
const STREAMS: &[&str] = &["--test=streams", "--test=streams_worker"];
/// Tests that are not repeated over streams: they do not depend on the transport, or always connect over events.
const NOT_BY_STREAMS: &[&str] = &["account::", "codec::", "events::", "large::soak", "raw::", "reconnect::"];
/// The tests in a window that need a wasm module of their own.
const MEMORY: &str = "--test=memory";

struct Tests<'a> {
    toolchain: &'a Toolchain,
    environment: Environment<'a>,
}

/// What all tests read from the environment.
struct Environment<'a> {
    address: &'a str,
    /// The folder for temporary files, which drivers and browsers leave behind: the test runner ends them before they clean up.
    scratch: &'a Path,
}

impl Tests<'_> {
    /// Compiles everything before anything runs, so that no test waits for a compilation.
    fn build(&self, shell: &Shell) -> Result<()> {
        let on_the_host = self.environment.cargo(shell, HOST);
        let in_browsers = self.suite(shell, &[&[WINDOW, WORKER, MEMORY], STREAMS].concat());
        [on_the_host, in_browsers].into_iter().try_for_each(|tests| Ok(tests.args(["--no-run", "--quiet"]).run()?))
    }

    /// Tests the pure parts, the examples in the documentation, the server, and the session protocol and its server.
    fn on_the_host(&self, shell: &Shell) -> Result<()> {
        // The suite runs in the simulation afterwards, engine by engine.
        let skipped = ["--", "--skip=suite::", "--skip=by_streams::"];
        Ok(self.environment.cargo(shell, HOST).arg("--quiet").args(skipped).run()?)
    }

    /// Runs the suite in a simulated page, as each engine, and over streams as Chromium.
    fn in_the_simulation(&self, shell: &Shell) -> Result<Vec<Run>> {
        let run = |engine| {
            let name = format!("simulation (as {engine})");
            // `--show-output` prints the deviations.
            let suite = self.environment.cargo(shell, HOST).args(["--test=simulation", "--", "--show-output"]);
            let output = output_of(&name, "host", suite.env("TEST_ENGINE", engine))?;
            Ok(Run { browser: name, context: "host", output })
        };
        let by_streams = || {
            let suite = self.environment.cargo(shell, HOST).args(["--test=simulation_streams", "--", "--show-output"]);
            let name = "simulation (as Chromium)";
            let output = output_of(name, "host over streams", suite)?;
            Ok(Run { browser: name.into(), context: "host over streams", output })
        };
        ["Chromium", "Firefox"].into_iter().map(run).chain([by_streams()]).collect()
    }

    fn in_browsers(&self, shell: &Shell, browsers: &[Browser]) -> Result<Vec<Run>> {
        type Part<'t> = fn(&Tests<'t>, &Shell, &Browser) -> Result<Vec<Run>>;
        let jobs_of = |browser| [(browser, Tests::suite_in as Part<'_>), (browser, Tests::page_in as Part<'_>)];
        let jobs: Vec<_> = browsers.iter().flat_map(jobs_of).collect();
        Ok(at_the_same_time(shell, &jobs, |shell, (browser, job)| job(self, shell, browser))?.concat())
    }

    /// Runs the suite in a window and in a dedicated worker, and the tests that need a module of their own. In Chromium, runs the
    /// suite over streams, too. (`wasm-pack test` runs the pure parts in browsers.)
    fn suite_in(&self, shell: &Shell, browser: &Browser) -> Result<Vec<Run>> {
        let run = |(context, test)| {
            // `--nocapture` prints the deviations, which tests log.
            let suite = self.suite(shell, &[test]).args(["--config", &browser.runner_config()?, "--", "--nocapture"]);
            run_captured(shell, browser, context, suite)
        };
        let by_events = [("window", WINDOW), ("worker", WORKER), ("window", MEMORY)].into_iter().map(run);
        let by_streams = if browser.is_chromium() { self.suite_by_streams(shell, browser)? } else { Vec::new() };
        Ok(by_events.collect::<Result<Vec<_>>>()?.into_iter().chain(by_streams).collect())
    }

    fn suite_by_streams(&self, shell: &Shell, browser: &Browser) -> Result<Vec<Run>> {
        let config = browser.runner_config()?;
        let suite = |test| self.suite(shell, &[test]).args(["--config", &config, "--", "--nocapture"]);
        let skipped = NOT_BY_STREAMS.iter().flat_map(|name| ["--skip", name]);
        let [window, worker] = [suite(STREAMS[0]).args(skipped), suite(STREAMS[1])];
        [("window over streams", window), ("worker over streams", worker)]
            .into_iter()
            .map(|(context, suite)| run_captured(shell, browser, context, suite))
            .collect()
    }

    /// Tests the demo page, and drives it as a person would.
    fn page_in(&self, shell: &Shell, browser: &Browser) -> Result<Vec<Run>> {
        let page = self.page(shell);
        // In browsers other than Chromium some of the tests are enough, since starting browsers takes most of the time.
        let page = match browser.is_chromium() {
            true => axe::find(shell)?.into_iter().fold(page, |page, axe| page.env("AXE_CORE", axe)),
            // geckodriver cannot freeze a page.
            false => page
                .args([
                    "what_is_sent_comes_back",
                    "defects::",
                    "sections::",
                    "reconnection::",
                    "cases::",
                    "lifecycle::",
                    "responsive::",
                ])
                .arg("--skip=frozen"),
        };
        Ok(vec![run_captured(shell, browser, "page", page)?])
    }

    fn suite<'a>(&self, shell: &'a Shell, tests: &[&str]) -> Cmd<'a> {
        self.environment.apply(self.toolchain.cargo(shell).args(["test", "--target", TARGET]).args(tests))
    }

    fn page<'a>(&self, shell: &'a Shell) -> Cmd<'a> {
        self.environment.cargo(shell, HOST).args(["--test=demo", "--", "--ignored", "--show-output"])
    }

    fn large<'a>(&self, shell: &'a Shell) -> Cmd<'a> {
        self.suite(shell, &["--test=large"]).env("TEST_LARGE", "1").env("WASM_BINDGEN_TEST_TIMEOUT", "900")
    }
}

impl<'a> Environment<'a> {
    fn new(server: &'a Server, scratch: &'a TempDir) -> Self {
        Self { address: &server.address, scratch: scratch.path() }
    }

    /// Returns a command of the active cargo.
    fn cargo<'s>(&self, shell: &'s Shell, arguments: &[&str]) -> Cmd<'s> {
        self.apply(host_cargo(shell).args(arguments))
    }

    fn examples<'s>(&self, shell: &'s Shell) -> Cmd<'s> {
        self.cargo(shell, HOST).arg("--test=examples")
    }

    /// Sets the environment for a program that runs tests.
    fn apply<'s>(&self, tests: Cmd<'s>) -> Cmd<'s> {
        tests
            .env("TEST_SERVER", self.address)
            .env("TMPDIR", self.scratch)
            // The timeouts of the runner are for a whole run, which takes long on a busy machine. Each test has its own timeout.
            .env("WASM_BINDGEN_TEST_TIMEOUT", "600")
            .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "120")
    }
}

/// One of several jobs for [`at_the_same_time`].
pub type Job<'a, T> = &'a (dyn Fn(&Shell) -> Result<T> + Sync);

/// Runs an action for all items at the same time, each in a thread of its own.
pub fn at_the_same_time<I: Sync, T: Send>(
    shell: &Shell,
    items: &[I],
    action: impl Fn(&Shell, &I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let start = |item| {
            let (shell, action) = (shell.clone(), &action);
            scope.spawn(move || action(&shell, item))
        };
        let running: Vec<_> = items.iter().map(start).collect();
        let results: Vec<_> = running.into_iter().map(|thread| thread.join().expect("no thread panics")).collect();
        // The caller gets the first error.
        results.iter().filter_map(|result| result.as_ref().err()).skip(1).for_each(|error| eprintln!("{error:#}"));
        results.into_iter().collect()
    })
}

/// Runs tests in a browser, and returns their output.
fn run_captured(shell: &Shell, browser: &Browser, context: &'static str, command: Cmd<'_>) -> Result<Run> {
    let output = output_of(browser.name, context, browser.choose(command))?;
    Ok(Run { browser: browser.version(shell), context, output })
}

/// Runs a command, and returns its output. Prints the tests' results only when the command has ended, so that the outputs of
/// several commands do not mix. If the command fails, prints the whole output, and the error says in a few lines what has failed.
fn output_of(name: &str, context: &str, command: Cmd<'_>) -> Result<String> {
    let text = command.to_string();
    let output = command.quiet().ignore_status().output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let title = format!("── {name}, {context}: {text}");
    if !output.status.success() {
        eprintln!("{title}\n{err}{out}");
        bail!("tests fail in {name}, {context}:\n{}", failures(&out, &err));
    }
    let results: Vec<_> = out.lines().filter(|line| line.starts_with("test result")).collect();
    println!("{title}\n{}", results.join("\n"));
    Ok(out.into())
}

/// Says which tests have failed. If the run has broken off before its result, says where, and what the runner reported.
fn failures(out: &str, err: &str) -> String {
    // libtest writes `FAILED`, and the runner for browsers `FAIL`.
    let is_test = |line: &&str| line.starts_with("test ") && line.contains(" ... ");
    let failed = out.lines().filter(is_test).filter(|line| line.contains(" ... FAIL"));
    let failed: Vec<_> = failed.map(String::from).collect();
    let last_test = out.lines().rfind(|line| is_test(line) || line.starts_with("Invoking test"));
    let has_result = out.contains("test result: ");
    let broken_off = (failed.is_empty() || !has_result).then(|| {
        let reported: Vec<_> = err.lines().filter(|line| !line.is_empty()).collect();
        let reported = reported[reported.len().saturating_sub(6)..].join("\n");
        let what = if has_result { "no test has failed" } else { "no result" };
        format!("{what}; the last line of a test: {}\n{reported}", last_test.unwrap_or("none"))
    });
    failed.into_iter().chain(broken_off).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::failures;

    #[test]
    fn failed_tests_are_named() {
        let out = "Invoking test: a\ntest a ... ok\ntest b ... FAIL\ntest c ... FAILED\ntest result: FAILED. 1 passed; 2 failed";
        assert_eq!(failures(out, "warning: unused"), "test b ... FAIL\ntest c ... FAILED");
    }

    #[test]
    fn a_runner_that_fails_after_its_tests_is_quoted() {
        let said = failures("test a ... ok\ntest result: ok. 1 passed", "Error: the console has output");
        assert_eq!(said, "no test has failed; the last line of a test: test a ... ok\nError: the console has output");
    }

    #[test]
    fn a_run_that_breaks_off_names_its_last_test() {
        let out = "test a ... ok\nInvoking test: b\ndriver stdout:\n    something";
        let said = failures(out, "    Finished\n\nError: the browser has gone\n");
        assert_eq!(
            said,
            "no result; the last line of a test: Invoking test: b\n    Finished\nError: the browser has gone"
        );
    }
}
