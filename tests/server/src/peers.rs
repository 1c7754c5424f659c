//! The peers that the demo page offers: paths of this server, and what happens there.

use serde::Serialize;

/// One of them.
#[derive(Serialize)]
pub struct Peer {
    path: &'static str,
    does: &'static str,
}

/// Those that are of interest to a person.
pub const PEERS: &[Peer] = &[
    Peer { path: "/echo", does: "sends back what comes" },
    Peer { path: "/flip", does: "sends back what comes, one bit of it changed" },
    Peer { path: "/sink", does: "consumes what comes; `report` asks for its size and SHA-256" },
    Peer { path: "/flood/1000/64", does: "sends 1000 messages of 64 bytes, then closes" },
    Peer { path: "/close/4001/bye", does: "closes with code 4001 and the reason “bye”" },
    Peer { path: "/reset", does: "resets the connection when something comes" },
    Peer { path: "/fault/cut", does: "breaks off in the middle of an answer when something comes" },
    Peer { path: "/fault/half-open", does: "reads and never answers" },
    Peer { path: "/stall", does: "never reads and never answers" },
    Peer { path: "/hang", does: "never answers the handshake" },
    Peer { path: "/protocol/chat.v2", does: "selects the subprotocol chat.v2" },
    Peer { path: "/fault/slow/2000", does: "answers the handshake after 2 seconds, and sends back what comes" },
    Peer { path: "/status/401", does: "refuses the handshake with status 401" },
];
