//! The card “Faults”: faults of a server, at a click, and what the browser reports about them.

mod flood;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::select;
use wasm_websocket::{CloseReason, Error};
use web_sys::Element;

use crate::format::size;
use crate::frame::{Pace, sleep};
use crate::log::{Kind, Log};
use crate::meter::Meter;
use crate::page::{Is, element, on_click, set, show_in, show_verdict, value};
use crate::server::{options, url};
use crate::task::Task;

/// Connects the card's buttons.
pub fn start(log: &Log, meter: &Meter) {
    let (stalling, flooding) = (meter.clone(), meter.clone());
    on_fault(log, "close", |_| close());
    on_fault(log, "reset", |_| reset());
    on_fault(log, "stall", move |fault| stall(stalling.clone(), fault));
    on_fault(log, "hang", |_| hang());
    on_fault(log, "refuse", |_| refuse());
    on_fault(log, "flood", move |_| flood::flood(flooding.clone()));
}

/// What the browser reported about a fault, or why the page did not request the fault.
type Outcome = Result<String, String>;

/// The server closes, with the code and the reason in the fields.
async fn close() -> Outcome {
    let stream = options().connect(&url(&close_path()?)).await.map_err(text)?;
    Ok(stream.closed().await.map_err(text)?.to_string()) // the server's code and reason, as the browser has them
}

/// The server resets the connection when a message arrives. Browsers report code 1006.
async fn reset() -> Outcome {
    let mut stream = options().connect(&url("/reset")).await.map_err(text)?;
    stream.send("anything").await.map_err(|unsent| text(unsent.error))?;
    Ok(stream.closed().await.map_err(text)?.to_string())
}

/// The server does not answer the handshake.
async fn hang() -> Outcome {
    let options = options().connect_timeout(Duration::from_secs(2));
    Ok(options.connect(&url("/hang")).await.map_or_else(text, |_| "It answered, after all.".into()))
}

/// The server refuses the handshake. Browsers hide the status from pages.
async fn refuse() -> Outcome {
    Ok(options().connect(&url("/status/401")).await.map_or_else(text, |_| "It agreed, after all.".into()))
}

// region: fault
/// The server never reads, so senders have to wait. It does not answer the close, either, so closing times out.
async fn stall(meter: Meter, fault: Rc<Fault>) -> Outcome {
    let options = options().close_timeout(Duration::from_secs(2));
    let (mut sender, _receiver) = options.connect(&url("/stall")).await.map_err(text)?.split();
    let (_watched, message, taken) = (meter.watch(&sender), vec![0; 64 << 10], Cell::new(0));
    let send = async {
        while sender.send(&message).await.is_ok() {
            taken.set(taken.get() + message.len() as u64);
            meter.sent(message.len() as u64);
            fault.show(|| format!("{} handed to the browser", size(taken.get())));
        }
    };
    select(pin!(send), pin!(sleep(2_000))).await;
    let unsent = size(sender.buffered_amount());
    let ended = sender.close().await.map_or_else(text, |event| event.to_string());
    Ok(format!(
        "{} were handed to the browser, then sending had to wait: {unsent} were still unsent. Closed: {ended}.",
        size(taken.get())
    ))
}
// endregion

fn close_path() -> Result<String, String> {
    let (code, reason) = (value("fault-code"), value("fault-reason"));
    let number = code.parse().ok().filter(|code| (1000..5000).contains(code));
    let number: u16 = number.ok_or_else(|| format!("`{code}` is not a close code; use 1000–4999"))?;
    let reason = CloseReason::try_from(&reason).map_err(text)?; // a Close frame has room for 123 bytes
    Ok(match reason.as_str() {
        "" => format!("/close/{number}"),
        reason => format!("/close/{number}/{}", String::from(js_sys::encode_uri_component(reason))),
    })
}

fn text(error: Error) -> String {
    error.to_string()
}

/// The elements of a fault.
struct Fault {
    log: Log,
    name: &'static str,
    button: Element,
    progress: Element,
    verdict: Element,
    pace: Pace,
    running: RefCell<Option<Task>>,
}

/// Connects a fault's button, which starts the fault, and stops it while it runs.
fn on_fault<F: Future<Output = Outcome> + 'static>(
    log: &Log,
    name: &'static str,
    begin: impl Fn(Rc<Fault>) -> F + 'static,
) {
    let part = |part: &str| element(&format!("{part}-{name}"));
    let (button, progress, verdict) = (part("try"), part("progress"), part("verdict"));
    let (pace, running) = (Pace::default(), RefCell::default());
    let fault = Rc::new(Fault { log: log.clone(), name, button, progress, verdict, pace, running });
    fault.label("Try");
    on_click(&format!("try-{name}"), move || {
        if fault.running.take().is_some() {
            return fault.end("Stopped.", Is::Neither);
        }
        fault.begin();
        let (outcome, ending) = (begin(fault.clone()), fault.clone());
        fault.running.replace(Some(Task::spawn(async move { ending.ended(outcome.await) })));
    });
}

impl Fault {
    fn begin(&self) {
        self.label("Stop");
        show_verdict(&self.verdict, "", Is::Neither);
    }

    /// Names the button. The accessible name includes the fault.
    fn label(&self, text: &str) {
        let title = element::<Element>(&format!("fault-{}-title", self.name)).text_content().unwrap_or_default();
        show_in(&self.button, text);
        set(&self.button, "aria-label", &format!("{text}: {title}"));
    }

    /// Shows the progress, but not more often than one can read.
    fn show(&self, text: impl FnOnce() -> String) {
        if self.pace.is_due() {
            show_in(&self.progress, &text());
        }
    }

    fn ended(&self, outcome: Outcome) {
        self.running.take();
        match outcome {
            Ok(report) => {
                self.log.add(Kind::Close, None, &format!("fault “{}”: {report}", self.name));
                self.end(&report, Is::Neither);
            }
            Err(problem) => self.end(&problem, Is::Bad),
        }
    }

    fn end(&self, text: &str, is: Is) {
        self.label("Try");
        show_in(&self.progress, "");
        show_verdict(&self.verdict, text, is);
    }
}
