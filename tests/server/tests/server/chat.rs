//! Everyone in a room receives what anyone in it sends, and nobody else does.

use std::time::Duration;

use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Server, Socket, status, stream};

/// Connects to a path, with a timeout for reading.
fn enter(server: &Server, path: &str) -> Socket {
    let mut socket = server.connect(path);
    stream(&mut socket).set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).unwrap();
}

fn heard(socket: &mut Socket) -> Utf8Bytes {
    socket.read().unwrap().into_text().unwrap()
}

fn close_code(socket: &mut Socket) -> u16 {
    loop {
        match socket.read().unwrap() {
            Message::Close(frame) => return frame.unwrap().code.into(),
            Message::Text(_) => {}
            other => panic!("neither text nor a Close frame: {other:?}"),
        }
    }
}

/// Waits until this many connections to a path are open.
fn wait_for(server: &Server, path: &str, open: usize) {
    let mut counts = enter(server, &format!("/count/{}", path.replace('/', "%2F")));
    while !heard(&mut counts).starts_with(&format!("{open} open")) {}
}

#[test]
fn all_in_a_room_hear_what_one_says() {
    let server = Server::start();
    let mut ann = enter(&server, "/chat/garden");
    let mut bob = enter(&server, "/chat/garden");
    let mut eve = enter(&server, "/chat/cellar");
    say(&mut ann, "first");
    say(&mut ann, "second");
    for member in [&mut ann, &mut bob] {
        assert_eq!([heard(member), heard(member)], ["first", "second"]);
    }
    say(&mut eve, "is there anybody?");
    assert_eq!(heard(&mut eve), "is there anybody?");
}

#[test]
fn a_room_exists_while_anybody_is_in_it() {
    let server = Server::start();
    let mut ann = enter(&server, "/chat/garden");
    let mut bob = enter(&server, "/chat/garden");
    wait_for(&server, "/chat/garden", 2);
    bob.close(None).unwrap();
    wait_for(&server, "/chat/garden", 1);
    let mut bob = enter(&server, "/chat/garden");
    say(&mut ann, "welcome back");
    assert_eq!(heard(&mut bob), "welcome back");
}

#[test]
fn only_a_client_that_exceeds_a_limit_is_disconnected() {
    let server = Server::start();
    let mut ann = enter(&server, "/chat/garden");
    for (message, code) in [(Message::text("a".repeat(4097)), 1009), (Message::binary(vec![1]), 1003)] {
        let mut bob = enter(&server, "/chat/garden");
        bob.send(message).unwrap();
        assert_eq!(close_code(&mut bob), code);
    }
    say(&mut ann, &"a".repeat(4096));
    assert_eq!(heard(&mut ann).len(), 4096);
    assert_eq!(status(server.try_connect(&format!("/chat/{}", "a".repeat(101)))), 400);
}

#[test]
fn only_a_client_that_is_too_slow_is_disconnected() {
    let server = Server::start();
    let mut slow = enter(&server, "/chat/garden");
    let mut quick = enter(&server, "/chat/garden");
    // This is more than the queue of the room and the buffers of the sockets hold.
    let text = "a".repeat(4096);
    for _ in 0..8_000 {
        say(&mut quick, &text);
        assert_eq!(heard(&mut quick).len(), 4096);
    }
    assert_eq!(close_code(&mut slow), 1008);
    say(&mut quick, "still here");
    assert_eq!(heard(&mut quick), "still here");
}

#[test]
fn everyone_gets_what_is_shared_and_a_slow_client_the_newest() {
    let server = Server::start();
    let [mut one, mut other, mut slow] = [(); 3].map(|()| server.connect("/share/room"));
    for number in 0..80_u8 {
        let drawing = Message::binary(vec![number; 1 << 19]);
        one.send(drawing.clone()).unwrap();
        assert_eq!(one.read().unwrap(), drawing);
        if number < 3 {
            assert_eq!(other.read().unwrap(), drawing);
        }
    }
    // The slow client has read nothing meanwhile, and nobody had to wait for it.
    let (mut numbers, mut last) = (Vec::new(), 0);
    while last < 79 {
        last = slow.read().unwrap().into_data()[0];
        numbers.push(last);
    }
    assert!(numbers.is_sorted() && numbers.len() < 80, "{numbers:?}");
}
