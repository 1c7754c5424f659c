//! A chat. With the URL of a Redis, any number of servers serve it, and each may be killed at any time: everybody in a room
//! receives each line once, and in the same order.
//!
//! A session keeps only the messages that were sent in it. Lines that others add while its server is down must be kept, too. So a
//! room is a list of lines, in the same Redis as the sessions.
//!
//! - **The nth message to a session is the nth line of its room.** A handler that starts again continues after [`Progress::sent`].
//! - **A line is added together with the number of the client's message**, in one script. A message that arrives again after a
//!   crash adds nothing.
//!
//! A client that enters a room gets all of its lines. A larger chat would store the line at which each session began.
//!
//! [`Progress::sent`]: websocket_session_server::Progress::sent

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, WebSocketUpgrade};
use axum::{Router, routing::any};
use redis::{AsyncCommands, Script, aio::ConnectionManager};
use tokio::{sync::watch, time};
use websocket_session_server::{Denied, Greeting, Limits, Message, Receiver, Sender, Session, Sessions};

/// Adds the line ARGV[2] to a room, unless it is a message of the session that was added before.
const ADD: &str = "
if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[1]) then return end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'EX', 86400)";

#[derive(Clone)]
struct Rooms {
    lines: Lines,
    /// Wakes the handlers on this server when somebody says something.
    news: watch::Sender<()>,
}

#[derive(Clone)]
enum Lines {
    Memory(Arc<Mutex<HashMap<String, Vec<String>>>>),
    Redis(ConnectionManager),
}

impl Rooms {
    /// Adds a line to a room, and waits while Redis is not available.
    async fn add(&self, room: &str, session: &str, number: u64, line: &str) {
        match &self.lines {
            Lines::Memory(rooms) => rooms.lock().unwrap().entry(room.into()).or_default().push(line.into()),
            Lines::Redis(redis) => {
                let (script, said) = (Script::new(ADD), format!("chat:said:{session}"));
                let mut add = script.key(format!("chat:room:{room}"));
                add.key(said).arg(number).arg(line);
                while add.invoke_async::<()>(&mut redis.clone()).await.is_err() {
                    time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
        self.news.send_replace(());
    }

    /// Returns the next lines of a room after this many, if there are any.
    async fn after(&self, room: &str, count: usize) -> Vec<String> {
        match &self.lines {
            Lines::Memory(rooms) => rooms.lock().unwrap().get(room).map_or(Vec::new(), |lines| lines[count..].to_vec()),
            Lines::Redis(redis) => {
                let (first, last) = (count as isize, count as isize + 99);
                redis.clone().lrange(format!("chat:room:{room}"), first, last).await.unwrap_or_default()
            }
        }
    }
}

async fn authenticate(greeting: Greeting) -> Result<String, Denied> {
    greeting.credentials.ok_or(Denied::Credentials) // who the client is: look into your database, or at a cookie
}

async fn handle(rooms: Rooms, room: String, session: Session) {
    let (id, sent) = (session.id().to_owned(), session.progress().sent);
    let (sender, receiver) = session.split();
    tokio::select! {
        () = say(&rooms, &room, &id, receiver) => (), // the client has left the room, or this server
        () = hear(&rooms, &room, sent as usize, sender) => (),
    }
}

/// Adds the lines of a client to its room.
async fn say(rooms: &Rooms, room: &str, session: &str, mut receiver: Receiver) {
    while let Some(Ok(message)) = receiver.recv().await {
        if let (Message::Text(line), Some(number)) = (message, receiver.number()) {
            rooms.add(room, session, number, &line).await; // processed when the next one is taken
        }
    }
}

/// Sends the lines of a room to a client.
async fn hear(rooms: &Rooms, room: &str, mut sent: usize, mut sender: Sender) {
    let mut news = rooms.news.subscribe();
    loop {
        let lines = rooms.after(room, sent).await;
        if lines.is_empty() {
            // Other servers do not wake this one, so it looks for new lines every second.
            let _ = time::timeout(Duration::from_secs(1), news.changed()).await;
        }
        sent += lines.len();
        for line in lines {
            if sender.send(line).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (url, address) = (std::env::args().nth(1), std::env::args().nth(2));
    let limits = Limits { max_message: 4096, ..Limits::default() };
    let (sessions, lines) = match url {
        Some(url) => {
            let redis = redis::Client::open(&*url)?.get_connection_manager().await?;
            (Sessions::redis(limits, &url).await?, Lines::Redis(redis))
        }
        None => (Sessions::memory(limits), Lines::Memory(Arc::default())),
    };
    let (serve, rooms) = (sessions.clone(), Rooms { lines, news: watch::Sender::new(()) });
    let route = any(async move |Path(room): Path<String>, upgrade: WebSocketUpgrade| {
        serve.upgrade(upgrade).on_upgrade(async move |socket| {
            serve.serve(socket, authenticate, |session| handle(rooms, room, session)).await;
        })
    });
    let listener = tokio::net::TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:3001")).await?;
    let shutdown = async move {
        let _ = tokio::signal::ctrl_c().await;
        sessions.shutdown(Duration::from_secs(5)).await; // clients come back to the next server
    };
    Ok(axum::serve(listener, Router::new().route("/{room}", route)).with_graceful_shutdown(shutdown).await?)
}
