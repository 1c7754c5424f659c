//! A server that sends everything back, over any number of connections: `cargo run -p websocket-session-server --example echo`.

use std::time::Duration;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::routing::any;
use tokio::net::TcpListener;
use websocket_session_server::{Denied, Greeting, Limits, Session, Sessions};

/// Returns who the client is. A real server looks into its database, or at a cookie.
async fn authenticate(greeting: Greeting) -> Result<String, Denied> {
    greeting.credentials.ok_or(Denied::Credentials)
}

/// Runs once per session, however often its connection is lost.
async fn handle(mut session: Session) {
    while let Some(Ok(message)) = session.recv().await {
        if session.commit([message]).await.is_err() {
            return;
        }
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let sessions = Sessions::memory(Limits::default());
    let serve = sessions.clone();
    let route = any(async move |upgrade: WebSocketUpgrade| {
        serve.upgrade(upgrade).on_upgrade(async move |socket| serve.serve(socket, authenticate, handle).await)
    });
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("ws://{}", listener.local_addr()?);
    let shutdown = async move {
        let _ = tokio::signal::ctrl_c().await;
        sessions.shutdown(Duration::from_secs(5)).await;
    };
    axum::serve(listener, Router::new().route("/", route)).with_graceful_shutdown(shutdown).await
}
