//! A real browser with a page in it, driven through its WebDriver program.
#![cfg(not(target_arch = "wasm32"))]

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The longest wait for something that should happen soon. A busy machine can be ten times as slow as an idle one.
const PATIENCE: Duration = Duration::from_secs(120);

/// A page in a browser.
pub struct Page {
    client: Client,
    is_chromium: bool,
    _driver: Child,
}

/// A tab of the browser.
pub struct Tab(WindowHandle);

/// The server's address, as in `127.0.0.1:8765`.
pub fn server() -> Result<String> {
    std::env::var("TEST_SERVER").context("no server: run this by `cargo xtask test`")
}

/// Runs a test with the server's page open, and then checks that the errors in the console are the `expected` ones.
pub async fn with_page(expected: fn(&str) -> bool, test: impl AsyncFnOnce(&Page) -> Result<()>) -> Result<()> {
    with_page_at(&format!("http://{}/", server()?), expected, test).await
}

/// Runs a test like [`with_page`], with the page at another URL.
pub async fn with_page_at(
    url: &str,
    expected: fn(&str) -> bool,
    test: impl AsyncFnOnce(&Page) -> Result<()>,
) -> Result<()> {
    let page = Page::open().await?;
    let result = async {
        page.load(url).await?;
        test(&page).await?;
        let errors = page.errors().await?;
        ensure!(errors.iter().all(|error| expected(error)), "the console has errors: {errors:#?}");
        Ok(())
    };
    let result = result.await;
    // Closes the browser even if the test has failed, since a killed driver leaves its browser behind.
    page.client.clone().close().await?;
    result
}

impl Page {
    /// Opens a browser. An environment variable names its driver.
    async fn open() -> Result<Self> {
        let chromedriver = std::env::var_os("CHROMEDRIVER");
        let is_chromium = chromedriver.is_some();
        let driver = chromedriver.or_else(|| std::env::var_os("GECKODRIVER")).context("no WebDriver is named")?;
        let (driver, port) = listening(driver, &[]).await.context("cannot run the WebDriver")?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(is_chromium)?)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await?;
        Ok(Self { client, is_chromium, _driver: driver })
    }

    async fn load(&self, url: &str) -> Result<()> {
        self.client.set_window_size(1120, 1300).await?;
        self.go(url).await
    }

    /// Goes to another URL.
    pub async fn go(&self, url: &str) -> Result<()> {
        self.client.goto(url).await?;
        self.collect_errors().await
    }

    /// Goes back to the previous page. The browser may have kept it, or may load it anew.
    pub async fn back(&self) -> Result<()> {
        self.client.back().await?;
        self.collect_errors().await
    }

    async fn collect_errors(&self) -> Result<()> {
        self.client.execute(COLLECT_ERRORS, vec![]).await?;
        Ok(())
    }

    /// Returns the tab that is shown and driven.
    pub async fn tab(&self) -> Result<Tab> {
        Ok(Tab(self.client.window().await?))
    }

    /// Opens another tab and shows it. This hides the previous tab.
    pub async fn open_tab(&self, url: &str) -> Result<Tab> {
        let tab = Tab(self.client.new_window(true).await?.handle);
        self.show_tab(&tab).await?;
        self.go(url).await?;
        Ok(tab)
    }

    /// Opens another window and drives it. The previous window stays visible.
    pub async fn open_window(&self, url: &str) -> Result<Tab> {
        let window = Tab(self.client.new_window(false).await?.handle);
        self.show_tab(&window).await?;
        self.go(url).await?;
        Ok(window)
    }

    /// Shows and drives another tab. This hides the previous tab.
    pub async fn show_tab(&self, tab: &Tab) -> Result<()> {
        Ok(self.client.switch_to_window(tab.0.clone()).await?)
    }

    /// Hides and freezes the page until its tab is shown. Only Chromium can do this.
    pub async fn freeze(&self) -> Result<()> {
        self.devtools("Page.setWebLifecycleState", json!({ "state": "frozen" })).await.map(drop)
    }

    /// Waits for the element that a CSS selector names, and returns it.
    pub async fn find(&self, selector: &str) -> Result<Element> {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        match found {
            Ok(element) => Ok(element),
            Err(error) => bail!("no {selector}: {error}; the page:\n{}", self.text("body").await?),
        }
    }

    /// Returns the text that an element shows.
    pub async fn text(&self, selector: &str) -> Result<String> {
        Ok(self.client.find(Locator::Css(selector)).await?.text().await?)
    }

    /// Waits until the text of an element contains `text`.
    pub async fn shows(&self, selector: &str, text: &str) -> Result<()> {
        self.shown(selector, |shown| shown.contains(text)).await.with_context(|| format!("{selector}: not `{text}`"))
    }

    /// Waits until an element shows another text than `from`.
    pub async fn changes(&self, selector: &str, from: &str) -> Result<()> {
        self.shown(selector, |shown| shown != from).await
    }

    async fn shown(&self, selector: &str, is_expected: impl Fn(&str) -> bool) -> Result<()> {
        self.find(selector).await?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if is_expected(&self.text(selector).await?) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{selector} shows `{}`; the log:\n{}", self.text(selector).await?, self.text("#log").await?)
    }

    /// Returns how many elements a CSS selector names.
    pub async fn count(&self, selector: &str) -> Result<usize> {
        Ok(self.client.find_all(Locator::Css(selector)).await?.len())
    }

    /// Clicks on the element that a CSS selector names. If another element has just moved there, clicks again.
    pub async fn click(&self, selector: &str) -> Result<()> {
        for _ in 0..100 {
            match self.find(selector).await?.click().await {
                Err(CmdError::Standard(error)) if error.error == ErrorStatus::ElementClickIntercepted => {}
                clicked => return Ok(clicked?),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(self.find(selector).await?.click().await?)
    }

    /// Replaces the text in a field.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let field = self.find(selector).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// Selects the option with this value in a list.
    pub async fn choose(&self, selector: &str, value: &str) -> Result<()> {
        Ok(self.find(selector).await?.select_by_value(value).await?)
    }

    /// Runs the body of an async function of JavaScript, and returns its result.
    pub async fn run(&self, body: &str) -> Result<Value> {
        Ok(self.client.execute(&format!("return (async () => {{ {body} }})();"), vec![]).await?)
    }

    /// Draws lines on the first canvas with the mouse, from one point to the next. Points are relative to its centre.
    pub async fn draw(&self, points: &[(f64, f64)]) -> Result<()> {
        let canvas = self.find("#canvas").await?;
        let mut mouse = MouseActions::new("mouse".into());
        for (index, &(x, y)) in points.iter().enumerate() {
            let duration = Some(Duration::from_millis(50));
            mouse = mouse.then(PointerAction::MoveToElement { element: canvas.clone(), duration, x, y });
            if index == 0 {
                mouse = mouse.then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
            }
        }
        Ok(self.client.perform_actions(mouse.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT })).await?)
    }

    /// Drops files on an element, given by name, media type and content. WebDriver cannot drag files into a browser.
    pub async fn drop_files(&self, selector: &str, files: &[(&str, &str, &str)]) -> Result<()> {
        let script = "const [selector, files] = arguments, dataTransfer = new DataTransfer();
            for (const [name, type, content] of files) dataTransfer.items.add(new File([content], name, { type }));
            for (const type of ['dragover', 'drop']) {
                const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
                if (document.querySelector(selector).dispatchEvent(event)) throw Error(type + ' is not taken');
            }";
        self.client.execute(script, vec![selector.into(), json!(files)]).await?;
        Ok(())
    }

    /// Types into an element, whether or not it is a field.
    pub async fn press(&self, selector: &str, keys: &str) -> Result<()> {
        Ok(self.find(selector).await?.send_keys(keys).await?)
    }

    /// Returns the red, green, blue and alpha of every pixel of a canvas.
    pub async fn pixels(&self, id: &str) -> Result<Vec<u8>> {
        let script = "const canvas = document.getElementById(arguments[0]);
            return Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);";
        Ok(serde_json::from_value(self.client.execute(script, vec![id.into()]).await?)?)
    }

    /// Returns the SHA-256 of a link's target, in hexadecimal.
    pub async fn fetch_sha256(&self, selector: &str) -> Result<String> {
        let script = format!(
            "const bytes = await (await fetch(document.querySelector('{selector}').href)).arrayBuffer();
            const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
            return Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('');"
        );
        Ok(self.run(&script).await?.as_str().context("no hash")?.to_owned())
    }

    /// Returns the errors and warnings in the browser's console, and all uncaught errors.
    async fn errors(&self) -> Result<Vec<String>> {
        let collected = self.client.execute("return window.collectedErrors;", vec![]).await?;
        let mut errors: Vec<String> = serde_json::from_value(collected)?;
        if self.is_chromium {
            // Chromium's driver has its own log, which also has the browser's own messages, and errors before the collector was added.
            for entry in self.client.issue_cmd(ConsoleLog).await?.as_array().context("no log")? {
                let message = entry["message"].to_string();
                if entry["level"] == "SEVERE" || entry["level"] == "WARNING" {
                    errors.push(message);
                }
            }
        }
        Ok(errors)
    }

    /// Adds a script to the page.
    pub async fn add_script(&self, source: &str) -> Result<()> {
        let add = "const script = document.createElement('script');
            script.textContent = arguments[0];
            document.head.append(script);";
        self.client.execute(add, vec![source.into()]).await?;
        Ok(())
    }

    /// Makes the page look as in a window of this width in pixels, with media features such as `prefers-color-scheme`.
    /// Only Chromium can do this.
    pub async fn look(&self, width: u32, features: &[(&str, &str)]) -> Result<()> {
        let size = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await?;
        self.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await?;
        let features: Vec<_> = features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await?;
        Ok(())
    }

    /// Writes a picture of the page from top to bottom to a folder. Only Chromium can do this.
    pub async fn whole_picture(&self, folder: &str, name: &str) -> Result<()> {
        let size = self
            .run("const { scrollWidth, scrollHeight } = document.documentElement; return [scrollWidth, scrollHeight];");
        let size = size.await?;
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
        let picture = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", picture).await?;
        let bytes = BASE64_STANDARD.decode(taken["data"].as_str().context("no picture")?)?;
        Ok(std::fs::write(Path::new(folder).join(format!("{name}.png")), bytes)?)
    }

    async fn devtools(&self, command: &'static str, parameters: Value) -> Result<Value> {
        Ok(self.client.issue_cmd(DevTools { command, parameters }).await?)
    }

    /// Writes a picture of the page to a folder.
    pub async fn picture(&self, folder: &str, name: &str) -> Result<()> {
        let browser = if self.is_chromium { "chromium" } else { "firefox" };
        let file = Path::new(folder).join(format!("{name}-{browser}.png"));
        self.client.execute("scrollTo(0, 0);", vec![]).await?;
        Ok(std::fs::write(file, self.client.screenshot().await?)?)
    }
}

const COLLECT_ERRORS: &str = "
    if (window.collectedErrors) return; // the browser has kept the page
    const errors = window.collectedErrors = [];
    addEventListener('error', event => errors.push('uncaught: ' + event.message));
    addEventListener('unhandledrejection', event => errors.push('unhandled: ' + event.reason));
    for (const name of ['error', 'warn']) {
        const original = console[name];
        console[name] = (...what) => { errors.push(what.join(' ')); original(...what); };
    }";

/// Runs a program that listens at the port of its argument `--port`. Returns the program, which ends when it is dropped, and the port.
pub async fn listening(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<(Child, u16)> {
    // A port cannot be reserved for another program, but the system assigns the same port again only much later.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(program);
    command.args(arguments).arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
    let process = command.kill_on_drop(true).spawn()?;
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok((process, port));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("it does not listen");
}

/// Returns the capabilities of `webdriver.json`, headless.
fn capabilities(is_chromium: bool) -> Result<Capabilities> {
    let mut all: Capabilities = serde_json::from_str(include_str!("../../../webdriver.json"))?;
    let (kept, other) = match is_chromium {
        true => ("goog:chromeOptions", "moz:firefoxOptions"),
        false => ("moz:firefoxOptions", "goog:chromeOptions"),
    };
    all.remove(other);
    // Pages may collect garbage before they count leftovers: with `gc`, and in Firefox with `TestUtils`.
    let headless = match is_chromium {
        true => vec!["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--js-flags=--expose-gc"],
        false => vec!["-headless"],
    };
    if !is_chromium {
        all[kept]["prefs"]["dom.testing.testutils.enabled"] = true.into();
    }
    let arguments = &mut all[kept]["args"];
    let more = headless.into_iter().map(Value::from);
    *arguments = arguments.as_array().cloned().unwrap_or_default().into_iter().chain(more).collect();
    all.insert("timeouts".into(), json!({ "script": PATIENCE.as_millis() as u64 }));
    // The demo's test signs its certificate itself.
    all.insert("acceptInsecureCerts".into(), true.into());
    if is_chromium {
        // By default, Chromium's driver turns the throttling of timers in hidden tabs off.
        all[kept]["excludeSwitches"] = json!(["disable-background-timer-throttling"]);
        all.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
    }
    Ok(all)
}

/// Chromium's command that returns the console messages since the last call.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// Chromium's command that calls DevTools, for actions without a WebDriver command.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.parameters });
        (http::Method::POST, Some(body.to_string()))
    }
}
