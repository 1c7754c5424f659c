//! Maps URL paths to behaviours.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use axum::extract::{ConnectInfo, Path, Request};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, SET_COOKIE,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::behaviour;
use crate::chat::Member;
use crate::connection::Breaker;
use crate::flood::MAX_FLOOD;
use crate::peers::PEERS;
use crate::records::MAX_KEY;
use crate::upgrade::MAX_MESSAGE;
use crate::{chaos, chat, fault, flood, frames, node, session, share, sink, upgrade};

/// The longest time that a peer idles: longer than any test waits for a peer.
pub const MAX_TIME: Duration = Duration::from_secs(600);

/// A time in milliseconds, up to [`MAX_TIME`].
#[derive(Deserialize)]
#[serde(try_from = "u64")]
struct Time(Duration);

impl TryFrom<u64> for Time {
    type Error = String;

    fn try_from(milliseconds: u64) -> Result<Self, String> {
        let time = Duration::from_millis(milliseconds);
        if time <= MAX_TIME { Ok(Self(time)) } else { Err(format!("at most {} milliseconds", MAX_TIME.as_millis())) }
    }
}

/// The maximum length of the reason in a Close frame, in bytes.
const MAX_REASON: usize = 123;

/// Returns all routes of the server, and the files of the page.
pub fn all(page: Option<PathBuf>) -> Router {
    let routes = Router::new()
        .route("/peers", get(Json(PEERS)))
        .route("/echo", get(echo))
        .route("/flip", get(flip))
        .route("/sink", get(|request| async { upgrade::websocket(request, sink::sink) }))
        .route("/paced-sink/{bytes_per_second}/{key}", get(paced_sink))
        .route("/ticks/{milliseconds}", get(ticks))
        .route("/chat/{room}", get(chat))
        .route("/share/{room}", get(sharing))
        .route("/count/{key}", get(count))
        .route("/ping", get(|request| async { upgrade::websocket(request, behaviour::ping) }))
        .route("/headers", get(headers))
        .route("/service-worker.js", get(([(CONTENT_TYPE, "text/javascript")], include_str!("service_worker.js"))))
        .route("/cookie/{cookie}", get(cookie))
        .route("/late/{milliseconds}", get(late))
        .route("/quit/{milliseconds}", get(quit))
        .route("/fin", get(|request| async { upgrade::stream(request, behaviour::fin) }))
        .route("/reset", get(|request| async { upgrade::stream(request, behaviour::reset) }))
        .route("/stall", get(|request| async { stall(MAX_TIME, request) }))
        .route("/stall/{milliseconds}", get(|Path(Time(time)), request| async move { stall(time, request) }))
        .route("/hang", get(|ConnectInfo(breaker)| async move { hang(&breaker).await }))
        .route("/close/{code}", get(|Path(code), request| async move { close(code, String::new(), request) }))
        .route(
            "/close/{code}/{reason}",
            get(|Path((code, reason)), request| async move { close(code, reason, request) }),
        )
        .route("/flood/{count}/{size}", get(flooding))
        .route("/feed/{count}/{size}/{key}", get(feed))
        .route("/flood-report/{key}", get(flood_report))
        .route("/protocol/{name}", get(protocol))
        .route("/status/{code}", get(status))
        .route("/handshake/{fault}", get(handshake))
        .route("/frames/{name}", get(frames))
        .merge(sessions())
        .merge(faults());
    let routes = match page {
        Some(page) => routes.fallback_service(ServeDir::new(page).precompressed_gzip()),
        None => routes,
    };
    // A page that was just rebuilt must not load the old JavaScript.
    routes.layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-cache")))
}

fn sessions() -> Router {
    Router::new()
        .route("/session/echo/{cuts}", get(session_echo))
        .route("/session/chaos/{seed}/{key}", get(session_chaos))
        .route("/node/{key}/session", get(node::session))
        .route("/node/{key}/echo", get(node::echo))
        .route("/node/{key}/report", get(node_report))
        .route("/node/{key}/fault/{name}", get(node_fault))
}

fn faults() -> Router {
    Router::new()
        .route("/fault/refuse", get(|ConnectInfo(breaker)| async move { fault::refuse(&breaker) }))
        .route("/fault/half-open", get(half_open))
        .route("/fault/cut", get(cut))
        .route("/fault/slow/{milliseconds}", get(slow))
        .route("/fault/reset-after/{bytes}", get(reset_after))
        .route("/fault/reset-by/{key}", get(reset_by))
        .route("/fault/stall-by/{key}", get(stall_by))
        .route("/fault/reset-now/{key}", get(reset_now))
        .route("/chaos/{seed}/{key}", get(chaos))
        .route("/chaos-report/{key}", get(report))
}

async fn echo(request: Request) -> Response {
    upgrade::websocket(request, async |mut socket| behaviour::echo(&mut socket, |message| message).await)
}

async fn flip(request: Request) -> Response {
    upgrade::websocket(request, async |mut socket| behaviour::echo(&mut socket, behaviour::flip).await)
}

/// Serves a sink that all connections with the same key share, so that a client can ask for a report after a connection has ended.
async fn paced_sink(Path((rate, key)): Path<(NonZeroU32, String)>, request: Request) -> Response {
    if key.len() > MAX_KEY {
        return StatusCode::BAD_REQUEST.into_response();
    }
    upgrade::websocket(request, move |socket| sink::paced_sink(socket, rate, key))
}

async fn ticks(Path(milliseconds): Path<NonZeroU32>, request: Request) -> Response {
    let period = Duration::from_millis(milliseconds.get().into());
    upgrade::websocket(request, move |socket| behaviour::ticks(socket, period))
}

fn close(code: u16, reason: String, request: Request) -> Response {
    if reason.len() > MAX_REASON {
        return StatusCode::BAD_REQUEST.into_response();
    }
    upgrade::websocket(request, move |socket| behaviour::close(socket, code, reason))
}

fn stall(time: Duration, request: Request) -> Response {
    upgrade::stream(request, move |stream, received| behaviour::stall(stream, received, time))
}

/// Serves a flood. The query is the key of its report.
async fn flooding(Path((count, size)): Path<(u32, usize)>, request: Request) -> Response {
    let key = request.uri().query().filter(|key| key.len() <= MAX_KEY).map(String::from);
    if is_too_much(count, size) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    upgrade::websocket(request, move |socket| flood::flood(socket, count, size, key))
}

/// Serves a flood after which the client closes.
async fn feed(Path((count, size, key)): Path<(u32, usize, String)>, request: Request) -> Response {
    if is_too_much(count, size) || key.len() > MAX_KEY {
        return StatusCode::BAD_REQUEST.into_response();
    }
    upgrade::websocket(request, move |socket| flood::feed(socket, count, size, key))
}

fn is_too_much(count: u32, size: usize) -> bool {
    let (most, largest, total) = MAX_FLOOD;
    count > most || size > largest || size * count as usize > total
}

async fn flood_report(Path(key): Path<String>, request: Request) -> Response {
    upgrade::websocket(request, |socket| flood::report(socket, key))
}

async fn chat(Path(room): Path<String>, request: Request) -> Response {
    if room.len() > chat::MAX_NAME {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let member = Member::enter(room);
    upgrade::websocket_up_to(chat::MAX_TEXT, request, |socket| chat::chat(socket, member))
}

async fn sharing(Path(room): Path<String>, request: Request) -> Response {
    if room.len() > MAX_KEY {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let room = share::enter(&room);
    upgrade::websocket_up_to(share::MAX_MESSAGE, request, |socket| share::share(socket, room))
}

async fn count(Path(key): Path<String>, request: Request) -> Response {
    upgrade::websocket(request, |socket| behaviour::count(socket, key))
}

/// Sends the headers of the handshake: one `name: value` per line. It selects the first subprotocol.
async fn headers(request: Request) -> Response {
    let protocols = request.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|offered| offered.to_str().ok());
    let protocol = protocols.and_then(|offered| offered.split(',').next()).map(str::to_owned);
    let headers = request.headers().iter();
    let lines = headers.map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    let lines = lines.collect();
    let response = upgrade::websocket(request, |socket| behaviour::greet(socket, lines));
    match protocol {
        Some(protocol) => upgrade::with_header(response, SEC_WEBSOCKET_PROTOCOL, &protocol),
        None => response,
    }
}

async fn cookie(Path(cookie): Path<String>, request: Request) -> Response {
    upgrade::with_header(echo(request).await, SET_COOKIE, &format!("{cookie}; path=/headers"))
}

async fn late(Path(Time(time)): Path<Time>, request: Request) -> Response {
    upgrade::websocket(request, move |socket| behaviour::late(socket, time))
}

async fn quit(Path(Time(time)): Path<Time>, request: Request) -> Response {
    upgrade::stream(request, move |stream, received| behaviour::quit(stream, received, time))
}

async fn protocol(Path(name): Path<String>, request: Request) -> Response {
    upgrade::with_header(echo(request).await, SEC_WEBSOCKET_PROTOCOL, &name)
}

/// Answers with a handshake that a client must refuse: a wrong answer to its key, an extension that it did not offer, or only the
/// beginning of a handshake.
async fn handshake(Path(name): Path<String>, ConnectInfo(breaker): ConnectInfo<Breaker>, request: Request) -> Response {
    match name.as_str() {
        "accept" => upgrade::with_header(echo(request).await, SEC_WEBSOCKET_ACCEPT, "bm90IHRoZSBhbnN3ZXIgYXQgYWxs"),
        "extension" => upgrade::with_header(echo(request).await, SEC_WEBSOCKET_EXTENSIONS, "x-never-offered"),
        "reset" => {
            fault::reset_handshake(&breaker);
            echo(request).await
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn frames(Path(name): Path<String>, request: Request) -> Response {
    match frames::named(&name) {
        Some(bytes) => upgrade::stream(request, |stream, received| frames::send(stream, received, bytes)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Serves a session whose first connections are reset.
async fn session_echo(Path(cuts): Path<u32>, request: Request) -> Response {
    let response = upgrade::websocket(request, move |socket| session::echo_and_reset(socket, cuts));
    upgrade::with_header(response, SEC_WEBSOCKET_PROTOCOL, websocket_session::SUBPROTOCOL)
}

/// Serves a session whose connections meet the faults of a schedule.
async fn session_chaos(
    Path((seed, key)): Path<(u64, String)>,
    ConnectInfo(breaker): ConnectInfo<Breaker>,
    request: Request,
) -> Response {
    let Some(faults) = chaos::faults(request.uri().query().unwrap_or_default()).filter(|_| key.len() <= MAX_KEY) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let response = chaos::connect_session(seed, &key, faults, &breaker, request).await;
    upgrade::with_header(response, SEC_WEBSOCKET_PROTOCOL, websocket_session::SUBPROTOCOL)
}

async fn node_report(Path(key): Path<String>, request: Request) -> Response {
    if key.len() > MAX_KEY {
        return StatusCode::BAD_REQUEST.into_response();
    }
    upgrade::websocket(request, |socket| node::report(socket, key))
}

async fn node_fault(Path((key, name)): Path<(String, String)>, request: Request) -> Response {
    let Some(fault) = node::Fault::named(&name) else { return StatusCode::NOT_FOUND.into_response() };
    upgrade::websocket(request, move |socket| node::strike(socket, key, fault))
}

async fn half_open(request: Request) -> Response {
    upgrade::stream(request, |stream, _| fault::half_open(stream, MAX_TIME))
}

async fn cut(request: Request) -> Response {
    upgrade::stream(request, |mut stream, received| async {
        behaviour::something(&mut stream, received).await;
        fault::cut(stream).await;
    })
}

async fn slow(Path(Time(delay)): Path<Time>, request: Request) -> Response {
    tokio::time::sleep(delay).await;
    echo(request).await
}

async fn reset_after(Path(bytes): Path<usize>, request: Request) -> Response {
    if bytes > MAX_MESSAGE {
        return StatusCode::BAD_REQUEST.into_response();
    }
    upgrade::websocket_up_to(bytes, request, move |socket| fault::reset_after(socket, bytes))
}

async fn reset_by(Path(key): Path<String>, request: Request) -> Response {
    // This subscribes before the handshake is answered: once the connection is open, the client may have it reset.
    let resets = fault::resets();
    upgrade::websocket(request, |socket| fault::reset_by(socket, key, resets))
}

async fn stall_by(Path(key): Path<String>, request: Request) -> Response {
    let resets = fault::resets();
    upgrade::stream(request, |stream, _| fault::stall_by(stream, key, resets))
}

async fn reset_now(Path(key): Path<String>, request: Request) -> Response {
    upgrade::websocket(request, |socket| fault::reset_now(socket, key))
}

async fn chaos(
    Path((seed, key)): Path<(u64, String)>,
    ConnectInfo(breaker): ConnectInfo<Breaker>,
    request: Request,
) -> Response {
    match chaos::faults(request.uri().query().unwrap_or_default()) {
        Some(faults) if key.len() <= MAX_KEY => chaos::connect(seed, &key, faults, &breaker, request).await,
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn report(Path(key): Path<String>, request: Request) -> Response {
    upgrade::websocket(request, |socket| chaos::report(socket, key))
}

/// How long a handshake hangs. Firefox keeps the TCP connection of a handshake that its page has given up. With six such connections,
/// it opens no more to the server until one of them ends.
const HANG: Duration = Duration::from_secs(15);

/// Resets the connection without an answer. Tests give up earlier.
async fn hang(breaker: &Breaker) -> Response {
    tokio::time::sleep(HANG).await;
    fault::refuse(breaker)
}

/// Answers with a status. A redirection leads to the echo, so that a test sees if a browser follows it.
async fn status(Path(code): Path<u16>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
    match status.is_redirection() {
        true => (status, [(LOCATION, "/echo")]).into_response(),
        false => status.into_response(),
    }
}
