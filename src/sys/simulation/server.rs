//! The simulated servers, and their ends of connections.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use super::page::{Engine, Page};
use super::socket::Inner;
use super::url::resolve;
use super::wire::{Frame, Network, Wire};
use crate::Error;

/// The servers to which a page can connect.
#[derive(Default)]
pub struct Servers {
    by_url: RefCell<BTreeMap<String, Weak<Listening>>>,
    pub network: Cell<Network>,
}

/// The queue of handshakes for one URL.
#[derive(Default)]
pub struct Listening {
    waiting: RefCell<VecDeque<Handshake>>,
    acceptors: RefCell<Vec<Waker>>,
}

impl Servers {
    /// Listens at a URL, which is resolved as in the page. A URL that ends with `/` matches all URLs below it.
    pub fn listen(&self, url: &str) -> Result<Rc<Listening>, Error> {
        let resolved = resolve(url, Engine::Chromium).ok_or_else(|| Error::InvalidUrl(url.to_owned()))?;
        let listening = Rc::<Listening>::default();
        self.by_url.borrow_mut().insert(without_credentials(&resolved), Rc::downgrade(&listening));
        Ok(listening)
    }

    /// Delivers a handshake to its server.
    pub fn connect(&self, page: &Rc<Page>, handshake: Handshake) {
        let page_then = Rc::clone(page);
        page.after(self.network.get().delay, move || match page_then.servers.at(handshake.url()) {
            _ if page_then.is_offline.get() => drop(handshake),
            Some(server) => server.push(handshake),
            None => handshake.find_nobody(&page_then.servers),
        });
    }

    fn at(&self, url: &str) -> Option<Rc<Listening>> {
        let url = without_credentials(url);
        let path = url.split('?').next().unwrap_or_default();
        let by_url = self.by_url.borrow();
        let longest_first = by_url.iter().rev();
        let is_below = |listens: &str| listens.ends_with('/') && path.starts_with(listens);
        let matching = |listens: &str| listens == url || listens == path || is_below(listens);
        longest_first.filter(|(listens, _)| matching(listens)).find_map(|(_, server)| server.upgrade())
    }

    pub fn clear(&self) {
        self.by_url.borrow_mut().clear();
    }
}

/// Returns a URL without user and password, which do not belong to the server's address.
fn without_credentials(url: &str) -> String {
    let mut parts: Vec<_> = url.split('/').collect();
    if let Some((_, host)) = parts.get(2).and_then(|authority| authority.rsplit_once('@')) {
        parts[2] = host;
    }
    parts.join("/")
}

impl Listening {
    fn push(&self, handshake: Handshake) {
        self.waiting.borrow_mut().push_back(handshake);
        self.acceptors.take().into_iter().for_each(Waker::wake);
    }

    /// Waits for the next handshake.
    pub async fn next(&self) -> Handshake {
        poll_fn(|context| match self.waiting.borrow_mut().pop_front() {
            Some(handshake) => Poll::Ready(handshake),
            None => {
                self.acceptors.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

/// A handshake that is not answered yet. Dropping it refuses the connection.
pub struct Handshake {
    page: Weak<Page>,
    client: Weak<Inner>,
    url: String,
    protocols: Vec<String>,
    is_answered: bool,
    /// Whether the server exists, but without TLS.
    is_tls_missing: bool,
}

impl Handshake {
    pub fn new(page: &Rc<Page>, client: &Rc<Inner>, protocols: &[String]) -> Self {
        Self {
            page: Rc::downgrade(page),
            client: Rc::downgrade(client),
            url: client.url().to_owned(),
            protocols: protocols.to_vec(),
            is_answered: false,
            is_tls_missing: false,
        }
    }

    /// Refuses the connection, since no server listens at the URL, or only one without TLS.
    fn find_nobody(mut self, servers: &Servers) {
        self.is_tls_missing = servers.at(&self.url.replacen("wss:", "ws:", 1)).is_some();
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// Accepts the connection. Returns `None` if the page is gone.
    pub fn accept(mut self, protocol: Option<String>) -> Option<Rc<Wire>> {
        self.is_answered = true;
        let (page, client) = (self.page.upgrade()?, self.client.upgrade()?);
        let network = page.servers.network.get();
        let wire = Wire::new(&page, &client, network);
        if !client.is_waiting() {
            wire.give_up();
        }
        let opened = Rc::clone(&wire);
        page.after(network.delay, move || client.opens(opened, protocol));
        Some(wire)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let (false, Some(page), Some(client)) = (self.is_answered, self.page.upgrade(), self.client.upgrade()) else {
            return;
        };
        // Firefox reports a failed TLS handshake as code 1015.
        let code = if self.is_tls_missing && client.engine() == Engine::Firefox { 1015 } else { 1006 };
        page.after(page.servers.network.get().delay, move || client.fail(code));
    }
}

/// The receive buffer of a peer.
#[derive(Default)]
pub struct Inbox {
    frames: RefCell<VecDeque<Frame>>,
    /// The number of bytes that the peer has not read yet, including bytes in flight.
    unread: Cell<u64>,
    /// Whether anything has arrived, even only a part of a message.
    has_begun: Cell<bool>,
    is_reading: Cell<bool>,
    is_stalled: Cell<bool>,
    is_ended: Cell<bool>,
    pongs: Cell<usize>,
    reader: RefCell<Option<Waker>>,
}

impl Inbox {
    /// Returns the number of bytes for which there is room, if TCP buffers `window` bytes.
    pub fn room(&self, window: u64) -> u64 {
        // A peer that waits for a message reads its bytes as they arrive, without a limit.
        if self.is_reading.get() { u64::MAX } else { window.saturating_sub(self.unread.get()) }
    }

    /// Counts bytes in flight.
    pub fn comes(&self, bytes: u64) {
        self.unread.set(self.unread.get() + bytes);
    }

    /// Notes that bytes have arrived, even if only a part of a message.
    pub fn begins(&self) {
        if !self.has_begun.replace(true) {
            self.wake();
        }
    }

    /// Adds a frame that has arrived.
    pub fn push(&self, frame: Frame) {
        self.has_begun.set(true);
        self.frames.borrow_mut().push_back(frame);
        self.wake();
    }

    /// Counts the answer to a ping.
    pub fn pong(&self) {
        self.pongs.set(self.pongs.get() + 1);
        self.wake();
    }

    pub fn set_stalled(&self, stalled: bool) {
        self.is_stalled.set(stalled);
    }

    /// Discards everything that arrives.
    pub fn abandon(&self) {
        self.is_reading.set(true);
    }

    /// Ends the connection. Frames that have arrived can still be read.
    pub fn end(&self) {
        self.is_ended.set(true);
        self.wake();
    }

    fn wake(&self) {
        let reader = self.reader.borrow_mut().take();
        reader.into_iter().for_each(Waker::wake);
    }

    /// Waits until anything has arrived, even only a part of a message, or the connection has ended.
    pub fn poll_begun(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.has_begun.get() || self.is_ended.get() { Poll::Ready(()) } else { self.wait(context) }
    }

    /// Waits for the answer to a ping. Returns false if the connection has ended.
    pub fn poll_pong(&self, context: &mut Context<'_>) -> Poll<bool> {
        match self.pongs.get() {
            0 if self.is_ended.get() => Poll::Ready(false),
            0 => self.wait(context),
            pongs => {
                self.pongs.set(pongs - 1);
                Poll::Ready(true)
            }
        }
    }

    fn wait<T>(&self, context: &mut Context<'_>) -> Poll<T> {
        let last = self.reader.replace(Some(context.waker().clone()));
        drop(last);
        Poll::Pending
    }
}

/// A peer's wait for a frame, in which it reads bytes as they arrive. It stops reading when this is dropped.
pub struct Reading<'a>(pub &'a Inbox);

impl Reading<'_> {
    /// Takes the next frame; `None` when the connection has ended.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        let inbox = self.0;
        if !inbox.is_stalled.get() {
            if let Some(frame) = inbox.frames.borrow_mut().pop_front() {
                inbox.unread.set(inbox.unread.get().saturating_sub(frame.len()));
                return Poll::Ready(Some(frame));
            }
            if inbox.is_ended.get() {
                return Poll::Ready(None);
            }
            inbox.is_reading.set(true);
        }
        inbox.wait(context)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.is_reading.set(false);
    }
}
