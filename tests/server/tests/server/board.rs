//! The example `board`, with clients like those of the recipe.

use std::net::TcpListener;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::{Error, Message, connect};

use crate::{Socket, stream};

#[allow(dead_code, reason = "this test does not call `main`, which has a fixed port")]
#[path = "../../examples/board.rs"]
mod example;

fn read(socket: &mut Socket) -> String {
    socket.read().unwrap().into_text().unwrap().to_string()
}

#[test]
fn a_board_answers_pings_ignores_repeated_strokes_and_is_sent_after_each_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/board", listener.local_addr().unwrap());
    let runtime = Runtime::new().unwrap();
    runtime.spawn(async { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), example::router()).await });
    let join = || {
        let mut socket = connect(&url).unwrap().0;
        stream(&mut socket).set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    };
    let strokes = [r#"{"id":7,"to":[1.0,2.0]}"#, r#"{"id":3,"to":[2.0,2.0]}"#];

    let (mut ann, mut bob) = (join(), join());
    for text in ["ping", strokes[0], strokes[0], "ping", strokes[1]] {
        ann.send(Message::text(text)).unwrap();
    }
    assert_eq!([read(&mut bob), read(&mut bob)], strokes);
    let mut seen = [(); 4].map(|()| read(&mut ann)); // answers and strokes may overtake each other
    seen.sort();
    assert_eq!(seen, ["pong", "pong", strokes[1], strokes[0]]);

    let mut eve = join();
    assert_eq!([read(&mut eve), read(&mut eve)], strokes);
    eve.send(Message::text("no stroke")).unwrap();
    assert!(!matches!(eve.read(), Err(Error::Io(_)) | Ok(Message::Text(_))), "a client that draws no stroke is served");
}
