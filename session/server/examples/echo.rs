//! Sends everything back, over any number of connections. With the URL of a Redis, it may be killed at any time.

use axum::{Router, extract::WebSocketUpgrade, routing::any};
use websocket_session_server::{Denied, Greeting, Limits, Session, Sessions};

async fn authenticate(greeting: Greeting) -> Result<String, Denied> {
    greeting.credentials.ok_or(Denied::Credentials) // who the client is: look into your database, or at a cookie
}

async fn handle(mut session: Session) {
    while let Some(Ok(message)) = session.recv().await {
        // The message is processed and the answer is sent: both, or neither.
        if session.commit([message]).await.is_err() {
            return; // another server has the session
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = match std::env::args().nth(1) {
        Some(redis) => Sessions::redis(Limits::default(), &redis).await?,
        None => Sessions::memory(Limits::default()),
    };
    let serve = sessions.clone();
    let route = any(async move |upgrade: WebSocketUpgrade| {
        serve.upgrade(upgrade).on_upgrade(async move |socket| serve.serve(socket, authenticate, handle).await)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    let shutdown = async move {
        let _ = tokio::signal::ctrl_c().await;
        sessions.shutdown(std::time::Duration::from_secs(5)).await; // clients come back to the next server
    };
    Ok(axum::serve(listener, Router::new().route("/", route)).with_graceful_shutdown(shutdown).await?)
}
