//! The peers that the demo page offers: paths of this server, and what the server does there.

use serde::Serialize;

/// A peer that the demo page offers.
#[derive(Serialize)]
pub struct Peer {
    path: &'static str,
    does: &'static str,
    /// The subprotocols to offer, separated by commas.
    protocols: &'static str,
}

const fn peer(path: &'static str, does: &'static str) -> Peer {
    Peer { path, does, protocols: "" }
}

/// The paths that are of interest to a person.
pub const PEERS: &[Peer] = &[
    peer("/echo", "sends back what it receives"),
    peer("/share/drawings", "sends it to all tabs that are connected"),
    peer("/flip", "sends it back with one bit changed"),
    peer("/sink", "sends nothing back; “report” asks for a hash"),
    peer("/flood/1000/64", "sends 1000 messages of 64 bytes, then closes"),
    peer("/close/4001/bye", "closes with code 4001 and the reason “bye”"),
    peer("/reset", "resets the connection at the first message"),
    peer("/fault/cut", "breaks off in the middle of an answer"),
    peer("/fault/half-open", "reads and never answers"),
    peer("/stall", "never reads and never answers"),
    peer("/hang", "resets the connection after 15 seconds, without an answer"),
    Peer { path: "/protocol/chat.v2", does: "selects the subprotocol chat.v2", protocols: "chat.v2" },
    peer("/fault/slow/2000", "answers the handshake after 2 seconds"),
    peer("/status/401", "refuses the handshake with status 401"),
];
