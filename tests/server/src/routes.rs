//! URL path → behaviour.

use std::path::PathBuf;
use std::time::Duration;

use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, SET_COOKIE,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::behaviour::{self, MAX_FLOOD};
use crate::{frames, upgrade};

/// A peer for the demo page to offer.
#[derive(Serialize)]
struct Peer {
    path: &'static str,
    does: &'static str,
}

const PEERS: &[Peer] = &[
    Peer { path: "/echo", does: "sends back what comes" },
    Peer { path: "/flip", does: "sends back what comes, one bit of it changed" },
    Peer { path: "/sink", does: "consumes what comes; `report` asks for its size and SHA-256" },
    Peer { path: "/flood/1000/64", does: "sends 1000 messages of 64 bytes, then closes" },
    Peer { path: "/close/4001/bye", does: "closes with code 4001 and the reason “bye”" },
    Peer { path: "/reset", does: "resets the connection when something comes" },
    Peer { path: "/stall", does: "never reads and never answers" },
    Peer { path: "/hang", does: "never answers the handshake" },
    Peer { path: "/protocol/chat.v2", does: "selects the subprotocol chat.v2" },
    Peer { path: "/status/401", does: "refuses the handshake with status 401" },
];

/// Every path that the server knows, and the files of the page.
pub fn all(page: Option<PathBuf>) -> Router {
    let routes = Router::new()
        .route("/peers", get(Json(PEERS)))
        .route("/echo", get(echo))
        .route("/flip", get(|request| async { upgrade::websocket(request, |s| behaviour::echo(s, behaviour::flip)) }))
        .route("/sink", get(|request| async { upgrade::websocket(request, behaviour::sink) }))
        .route("/count/{query}", get(count))
        .route("/ping", get(|request| async { upgrade::websocket(request, behaviour::ping) }))
        .route("/headers", get(headers))
        .route("/service-worker.js", get(([(CONTENT_TYPE, "text/javascript")], include_str!("service_worker.js"))))
        .route("/cookie/{cookie}", get(cookie))
        .route("/late/{milliseconds}", get(late))
        .route("/quit/{milliseconds}", get(quit))
        .route("/fin", get(|request| async { upgrade::stream(request, behaviour::fin) }))
        .route("/reset", get(|request| async { upgrade::stream(request, behaviour::reset) }))
        .route("/stall", get(|request| async { stall(600_000, request) }))
        .route("/stall/{milliseconds}", get(|Path(milliseconds), request| async move { stall(milliseconds, request) }))
        .route("/hang", get(hang))
        .route("/close/{code}", get(|Path(code), request| async move { close(code, String::new(), request) }))
        .route(
            "/close/{code}/{reason}",
            get(|Path((code, reason)), request| async move { close(code, reason, request) }),
        )
        .route("/flood/{count}/{size}", get(flood))
        .route("/protocol/{name}", get(protocol))
        .route("/status/{code}", get(status))
        .route("/handshake/{fault}", get(handshake))
        .route("/frames/{name}", get(frames));
    let routes = match page {
        Some(page) => routes.fallback_service(ServeDir::new(page)),
        None => routes,
    };
    // A page that was just rebuilt must not meet the old one's glue.
    routes.layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-cache")))
}

async fn echo(request: Request) -> Response {
    upgrade::websocket(request, |socket| behaviour::echo(socket, |message| message))
}

fn close(code: u16, reason: String, request: Request) -> Response {
    upgrade::websocket(request, move |socket| behaviour::close(socket, code, reason))
}

fn stall(milliseconds: u64, request: Request) -> Response {
    upgrade::stream(request, move |stream, _| behaviour::stall(stream, Duration::from_millis(milliseconds)))
}

async fn flood(Path((count, size)): Path<(u32, usize)>, request: Request) -> Response {
    let (most, largest, total) = MAX_FLOOD;
    if count > most || size > largest || size * count as usize > total {
        return StatusCode::BAD_REQUEST.into_response();
    }
    upgrade::websocket(request, move |socket| behaviour::flood(socket, count, size))
}

async fn count(Path(query): Path<String>, request: Request) -> Response {
    upgrade::websocket(request, |socket| behaviour::count(socket, query))
}

/// Tells what came with the handshake: one `name: value` per line. It selects the first subprotocol.
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

async fn late(Path(milliseconds): Path<u64>, request: Request) -> Response {
    upgrade::websocket(request, move |socket| behaviour::late(socket, Duration::from_millis(milliseconds)))
}

async fn quit(Path(milliseconds): Path<u64>, request: Request) -> Response {
    upgrade::websocket(request, move |socket| behaviour::quit(socket, Duration::from_millis(milliseconds)))
}

async fn protocol(Path(name): Path<String>, request: Request) -> Response {
    upgrade::with_header(echo(request).await, SEC_WEBSOCKET_PROTOCOL, &name)
}

/// A handshake that a client must not take: a wrong answer to its key, or an extension that it did not offer.
async fn handshake(Path(fault): Path<String>, request: Request) -> Response {
    match fault.as_str() {
        "accept" => upgrade::with_header(echo(request).await, SEC_WEBSOCKET_ACCEPT, "bm90IHRoZSBhbnN3ZXIgYXQgYWxs"),
        "extension" => upgrade::with_header(echo(request).await, SEC_WEBSOCKET_EXTENSIONS, "x-never-offered"),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn frames(Path(name): Path<String>, request: Request) -> Response {
    match frames::named(&name) {
        Some(bytes) => upgrade::stream(request, |stream, received| frames::send(stream, received, bytes)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Answers when nobody waits any more.
async fn hang() -> StatusCode {
    tokio::time::sleep(Duration::from_secs(600)).await;
    StatusCode::REQUEST_TIMEOUT
}

/// Answers with a status. A redirection leads to the echo, so that it is seen when it is followed.
async fn status(Path(code): Path<u16>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
    match status.is_redirection() {
        true => (status, [(LOCATION, "/echo")]).into_response(),
        false => status.into_response(),
    }
}
