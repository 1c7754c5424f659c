//! Decodes the bytes of frames like a browser: [RFC 6455, 5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2).

use std::mem::take;

use super::page::Engine;
use super::wire::{Close, Frame};

/// What a browser reads from the next bytes.
pub enum Read {
    Frame(Frame),
    Breach,
}

/// One frame.
struct Header {
    is_last: bool,
    opcode: u8,
    payload: Vec<u8>,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Decodes frames.
#[derive(Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// The opcode and the payload of the message whose fragments are arriving.
    parts: Option<(u8, Vec<u8>)>,
    is_closed: bool,
}

impl Reader {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next frame or breach, if all of its bytes have arrived.
    pub fn next(&mut self, engine: Engine) -> Option<Read> {
        loop {
            let (header, len) = match parse(&self.bytes, engine)? {
                Ok(parsed) => parsed,
                Err(Breach) => return Some(Read::Breach),
            };
            self.bytes.drain(..len);
            match self.read(header, engine) {
                Ok(None) => {}
                Ok(Some(read)) => return Some(read),
                Err(Breach) => return Some(Read::Breach),
            }
        }
    }

    /// Returns the message or control frame that a frame completes; `None` for a pong, and for a fragment that is not the last.
    fn read(&mut self, Header { is_last, opcode, payload }: Header, engine: Engine) -> Result<Option<Read>, Breach> {
        if self.is_closed {
            // Firefox ignores frames after the Close frame.
            return if engine == Engine::Firefox { Ok(None) } else { Err(Breach) };
        }
        match opcode {
            CLOSE => {
                self.is_closed = true;
                close(&payload, engine).map(|close| Some(Read::Frame(Frame::Close(close))))
            }
            PING => Ok(Some(Read::Frame(Frame::Ping))),
            PONG => Ok(None),
            _ => {
                let (opcode, mut parts) = match (opcode, self.parts.take()) {
                    (CONTINUATION, Some(parts)) => parts,
                    (TEXT | BINARY, None) => (opcode, Vec::new()),
                    _ => return Err(Breach),
                };
                parts.extend(payload);
                if is_last {
                    return message(opcode, parts).map(|message| Some(Read::Frame(message)));
                }
                self.parts = Some((opcode, take(&mut parts)));
                Ok(None)
            }
        }
    }
}

/// A violation of the protocol by the peer.
#[derive(Debug)]
struct Breach;

/// Decodes the frame at the beginning of `bytes`. Returns the frame and its length; `None` if bytes are missing.
fn parse(bytes: &[u8], engine: Engine) -> Option<Result<(Header, usize), Breach>> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (opcode, is_last, is_masked) = (first & 0x0f, first & 0x80 != 0, second & 0x80 != 0);
    let (short, is_control) = (usize::from(second & 0x7f), opcode & 0x08 != 0);
    // Firefox accepts masked frames.
    let is_breach = first & 0x70 != 0
        || is_masked && engine == Engine::Chromium
        || is_control && (!is_last || short > 125)
        || !matches!(opcode, CONTINUATION..=BINARY | CLOSE..=PONG);
    if is_breach {
        return Some(Err(Breach));
    }
    let number = |range: &[u8]| range.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let (len, mut at) = match short {
        126 => (number(bytes.get(2..4)?), 4),
        127 => (number(bytes.get(2..10)?), 10),
        _ => (short, 2),
    };
    let mask = if is_masked { bytes.get(at..at + 4)? } else { &[0; 4] };
    at += if is_masked { 4 } else { 0 };
    let payload = bytes.get(at..at.checked_add(len)?)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some(Ok((Header { is_last, opcode, payload }, at + len)))
}

fn message(opcode: u8, bytes: Vec<u8>) -> Result<Frame, Breach> {
    if opcode == BINARY {
        return Ok(Frame::Binary(bytes.as_slice().into()));
    }
    String::from_utf8(bytes).map(|text| Frame::Text(text.into())).map_err(|_| Breach)
}

/// Decodes a Close frame. Firefox accepts codes that must not be sent, and ignores half a code.
fn close(payload: &[u8], engine: Engine) -> Result<Close, Breach> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        let is_breach = !payload.is_empty() && engine == Engine::Chromium;
        return if is_breach { Err(Breach) } else { Ok(None) };
    };
    let (code, reason) = (u16::from_be_bytes(*code), String::from_utf8(reason.into()).map_err(|_| Breach)?);
    let is_reserved = matches!(code, ..1000 | 1004..=1006 | 1015);
    if is_reserved && engine == Engine::Chromium { Err(Breach) } else { Ok(Some((code, reason))) }
}
