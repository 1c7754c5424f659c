//! Serves the page to a browser, and collects the page's reports.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path as Segments, State};
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use websocket_session_server::{Limits, Sessions};

use crate::browser::Browser;
use crate::cpu::{self, MainThreads};
use crate::peer::{self, Job};
use crate::plan::Plan;
use crate::results::Report;

/// The timeout of a page that reports nothing. On a slow machine two floods of 1,000,000 messages take minutes, and the first one is not
/// reported.
const PATIENCE: Duration = Duration::from_secs(900);

/// Runs the page in a browser, and returns its reports.
pub async fn run(page: &Path, browser: &Browser, plan: &Plan) -> Result<Vec<Report>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let running = browser.open(&format!("http://{address}/"))?;
    let (reports, mut reported) = mpsc::unbounded_channel();
    let session = Session { browser: running.id(), stopwatch: Mutex::default(), reports };
    let routes = routes(page, plan, Arc::new(session));
    let server = tokio::spawn(async { axum::serve(listener, routes).await });
    let reports = collect(&mut reported).await.with_context(|| format!("in {}", browser.name));
    drop(running);
    server.abort();
    reports
}

/// Collects the page's reports until it is done.
async fn collect(reported: &mut mpsc::UnboundedReceiver<Report>) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    loop {
        let report = tokio::time::timeout(PATIENCE, reported.recv()).await;
        match report.ok().flatten().context("the page hangs")? {
            Report::Done => return Ok(reports),
            Report::Failed { message } => bail!("the page failed: {message}"),
            report => {
                reports.push(report);
                if io::stderr().is_terminal() {
                    eprint!("\r{} results ", reports.len());
                }
            }
        }
    }
}

/// The state of a run.
struct Session {
    /// The browser's process.
    browser: u32,
    stopwatch: Mutex<Stopwatch>,
    reports: mpsc::UnboundedSender<Report>,
}

/// Measures the CPU time of the page's main thread between two requests.
#[derive(Default)]
struct Stopwatch {
    start: MainThreads,
    seconds: Option<f64>,
}

fn routes(page: &Path, plan: &Plan, session: Arc<Session>) -> Router {
    let sessions = Sessions::memory(Limits { sessions_per_principal: 100_000, ..Limits::default() });
    Router::new()
        .route("/plan", get(Json(plan.clone())))
        .route("/start", post(start))
        .route("/end", post(end))
        .route("/report", post(report))
        .merge(peers(peer::plain))
        .nest("/session", peers(move |upgrade, job| peer::in_session(sessions.clone(), upgrade, job)))
        .with_state(session)
        .fallback_service(ServeDir::new(page))
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-cache")))
}

/// Returns the routes of the peers.
fn peers<S: Clone + Send + Sync + 'static>(
    serve: impl Fn(WebSocketUpgrade, Job) -> Response + Clone + Send + Sync + 'static,
) -> Router<S> {
    let route = |job: fn(Segments<(String, usize)>) -> Job| {
        let serve = serve.clone();
        get(async move |segments, upgrade| serve(upgrade, job(segments)))
    };
    let (sink, echo) = (serve.clone(), serve.clone());
    Router::new()
        .route("/flood/{content}/{size}", route(Job::flood))
        .route("/trickle/{content}/{size}", route(Job::trickle))
        .route("/sink", get(async move |upgrade| sink(upgrade, Job::Sink)))
        .route("/echo", get(async move |upgrade| echo(upgrade, Job::Echo)))
}

async fn start(State(session): State<Arc<Session>>) {
    session.stopwatch().start = cpu::main_threads(session.browser);
}

async fn end(State(session): State<Arc<Session>>) {
    let end = cpu::main_threads(session.browser);
    let mut stopwatch = session.stopwatch();
    stopwatch.seconds = cpu::busiest(&stopwatch.start, &end);
}

async fn report(State(session): State<Arc<Session>>, Json(mut report): Json<Report>) {
    if let Report::Time(time) = &mut report {
        time.cpu = session.stopwatch().seconds.take();
    }
    // This fails only when the run is over.
    let _ = session.reports.send(report);
}

impl Session {
    fn stopwatch(&self) -> MutexGuard<'_, Stopwatch> {
        self.stopwatch.lock().expect("no code panics while it holds the lock")
    }
}
