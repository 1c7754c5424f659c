//! The section “Faults”: what servers do wrong, at a click, and what the page hears of it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::select;
use wasm_websocket::{Error, Overflow};
use web_sys::Element;

use crate::demo::{self, Demo};
use crate::format::{count, number, size};
use crate::frame::{Pace, next_frame, sleep};
use crate::log::Kind;
use crate::page::{Is, element, on_click, selected, show_in, show_verdict, value};
use crate::peers::url;
use crate::task::Task;

/// Connects the section's buttons.
pub fn start(demo: &Rc<Demo>) {
    on_fault(demo, "close", |_, _| close());
    on_fault(demo, "reset", |_, _| reset());
    on_fault(demo, "stall", stall);
    on_fault(demo, "hang", |_, _| hang());
    on_fault(demo, "refuse", |_, _| refuse());
    on_fault(demo, "flood", flood);
}

/// What the page has heard of a fault; or why the server was not asked for one.
type Outcome = Result<String, String>;

/// The server closes, with the code and the reason in the fields.
async fn close() -> Outcome {
    let (code, reason) = (value("fault-code"), value("fault-reason"));
    let code: u16 = code.parse().map_err(|_| format!("`{code}` is not a close code"))?;
    let path = format!("/close/{code}/{}", String::from(js_sys::encode_uri_component(&reason)));
    let stream = demo::options().connect(&url(&path)).await.map_err(text)?;
    Ok(stream.closed().await.map_err(text)?.to_string()) // the server's code and reason, as the browser has them
}

/// The server resets the connection when something comes. Browsers say no more of it than code 1006.
async fn reset() -> Outcome {
    let mut stream = demo::options().connect(&url("/reset")).await.map_err(text)?;
    stream.send("anything").await.map_err(|unsent| text(unsent.error))?;
    Ok(stream.closed().await.map_err(text)?.to_string())
}

/// The server never answers the handshake.
async fn hang() -> Outcome {
    let options = demo::options().connect_timeout(Duration::from_secs(2));
    Ok(options.connect(&url("/hang")).await.map_or_else(text, |_| "It answered, after all.".into()))
}

/// The server refuses the handshake. Browsers do not tell pages by what status.
async fn refuse() -> Outcome {
    Ok(demo::options().connect(&url("/status/401")).await.map_or_else(text, |_| "It agreed, after all.".into()))
}

// region: fault
/// The server never reads, so that senders have to wait; and does not answer the close, so that this has an end of its own.
async fn stall(demo: Rc<Demo>, fault: Rc<Fault>) -> Outcome {
    let options = demo::options().close_timeout(Duration::from_secs(2));
    let (mut sender, _receiver) = options.connect(&url("/stall")).await.map_err(text)?.split();
    let (_watched, message, taken) = (demo.meter.watch(&sender), vec![0; 64 << 10], Cell::new(0));
    let send = async {
        while sender.send(&message).await.is_ok() {
            taken.set(taken.get() + message.len() as u64);
            demo.meter.sent(message.len() as u64);
            fault.show(|| format!("{} taken by the browser", size(taken.get())));
        }
    };
    select(pin!(send), pin!(sleep(2_000))).await;
    let unsent = size(sender.buffered_amount());
    let ended = sender.close().await.map_or_else(text, |event| event.to_string());
    Ok(format!(
        "{} were taken, then sending had to wait: {unsent} were still unsent. Closed: {ended}.",
        size(taken.get())
    ))
}

/// The server floods the page. What a slow reader does not take must not fill its memory.
async fn flood(demo: Rc<Demo>, fault: Rc<Fault>) -> Outcome {
    let (is_slow, bytes, messages, overflow) = match selected("flood-reader").as_str() {
        "drop" => (true, 64 << 10, 256, Overflow::DropOldest),
        "end" => (true, 64 << 10, 256, Overflow::Close),
        _ => (false, 64 << 20, 1 << 18, Overflow::DropOldest),
    };
    let options = demo::options().receive_limit(bytes).receive_limit_messages(messages).overflow(overflow);
    let mut stream = options.connect(&url(&flood_path()?)).await.map_err(text)?;
    let mut taken = 0;
    let ended = loop {
        match stream.try_next().await {
            Ok(Some(message)) => demo.meter.received(message.len()),
            Ok(None) => break stream.closed().await.map_or_else(text, |event| event.to_string()),
            Err(error) => break text(error),
        }
        taken += 1;
        fault.show(|| format!("{} taken, {} dropped", count(taken, "message"), number(stream.dropped())));
        if is_slow {
            next_frame().await; // a reader that is far too slow
        }
    };
    Ok(format!("{} taken, {} dropped. Closed: {ended}.", count(taken, "message"), number(stream.dropped())))
}
// endregion

fn flood_path() -> Result<String, String> {
    let field = |id, most: u64| {
        let value = value(id);
        let valid = value.parse().ok().filter(|number| (1..=most).contains(number));
        valid.ok_or_else(|| format!("`{value}` is not a number from 1 to {}", number(most)))
    };
    Ok(format!("/flood/{}/{}", field("flood-count", 1_000_000)?, field("flood-size", 1_000)?))
}

fn text(error: Error) -> String {
    error.to_string()
}

/// One fault's row on the page.
struct Fault {
    name: &'static str,
    button: Element,
    progress: Element,
    verdict: Element,
    pace: Pace,
    running: RefCell<Option<Task>>,
}

/// Has a fault's button start it, and stop it while it runs.
fn on_fault<F: Future<Output = Outcome> + 'static>(
    demo: &Rc<Demo>,
    name: &'static str,
    begin: impl Fn(Rc<Demo>, Rc<Fault>) -> F + 'static,
) {
    let part = |part: &str| element(&format!("{part}-{name}"));
    let (button, progress, verdict) = (part("try"), part("progress"), part("verdict"));
    let (pace, running) = (Pace::default(), RefCell::default());
    let (fault, demo) = (Rc::new(Fault { name, button, progress, verdict, pace, running }), demo.clone());
    on_click(&format!("try-{name}"), move || {
        if fault.running.take().is_some() {
            return fault.end("Stopped.", Is::Neither);
        }
        fault.begin();
        let (outcome, fault, demo) = (begin(demo.clone(), fault.clone()), fault.clone(), demo.clone());
        fault.clone().running.replace(Some(Task::spawn(async move { fault.ended(&demo, outcome.await) })));
    });
}

impl Fault {
    fn begin(&self) {
        show_in(&self.button, "Stop");
        show_verdict(&self.verdict, "", Is::Neither);
    }

    /// Shows how it goes, but not more often than one can read.
    fn show(&self, text: impl FnOnce() -> String) {
        if self.pace.is_due() {
            show_in(&self.progress, &text());
        }
    }

    fn ended(&self, demo: &Demo, outcome: Outcome) {
        self.running.take();
        match outcome {
            Ok(heard) => {
                demo.log.add(Kind::Close, None, &format!("fault “{}”: {heard}", self.name));
                self.end(&heard, Is::Neither);
            }
            Err(problem) => self.end(&problem, Is::Bad),
        }
    }

    fn end(&self, text: &str, is: Is) {
        show_in(&self.button, "Try");
        show_in(&self.progress, "");
        show_verdict(&self.verdict, text, is);
    }
}
