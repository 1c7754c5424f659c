//! The servers of the simulated world, and the ends of connections that they have.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use super::page::Page;
use super::socket::Inner;
use super::wire::{Frame, Network, Wire};

/// Which servers there are.
#[derive(Default)]
pub struct Servers {
    by_url: RefCell<BTreeMap<String, Weak<Listening>>>,
    pub network: Cell<Network>,
}

/// What connections to one URL wait in.
#[derive(Default)]
pub struct Listening {
    waiting: RefCell<VecDeque<Handshake>>,
    acceptors: RefCell<Vec<Waker>>,
}

impl Servers {
    /// Listens at a URL. One that ends with `/` stands for all below it.
    pub fn listen(&self, url: &str) -> Rc<Listening> {
        let listening = Rc::<Listening>::default();
        self.by_url.borrow_mut().insert(url.to_owned(), Rc::downgrade(&listening));
        listening
    }

    /// Brings a handshake to the server that it is for.
    pub fn connect(&self, page: &Rc<Page>, handshake: Handshake) {
        let page_then = Rc::clone(page);
        page.after(self.network.get().delay, move || match page_then.servers.at(handshake.url()) {
            Some(server) => server.push(handshake),
            None => drop(handshake),
        });
    }

    fn at(&self, url: &str) -> Option<Rc<Listening>> {
        let path = url.split_once('?').map_or(url, |(path, _)| path);
        let by_url = self.by_url.borrow();
        let longest_first = by_url.iter().rev();
        let matching = |listens: &str| listens == path || (listens.ends_with('/') && path.starts_with(listens));
        longest_first.filter(|(listens, _)| matching(listens)).find_map(|(_, server)| server.upgrade())
    }

    pub fn clear(&self) {
        self.by_url.borrow_mut().clear();
    }
}

impl Listening {
    fn push(&self, handshake: Handshake) {
        self.waiting.borrow_mut().push_back(handshake);
        self.acceptors.take().into_iter().for_each(Waker::wake);
    }

    /// The next handshake.
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

/// A connection that is not yet answered. Dropping it refuses the connection.
pub struct Handshake {
    page: Weak<Page>,
    client: Weak<Inner>,
    url: String,
    protocols: Vec<String>,
    is_answered: bool,
}

impl Handshake {
    pub fn new(page: &Rc<Page>, client: &Rc<Inner>, protocols: &[String]) -> Self {
        Self {
            page: Rc::downgrade(page),
            client: Rc::downgrade(client),
            url: client.url().to_owned(),
            protocols: protocols.to_vec(),
            is_answered: false,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// Accepts. None if the page has given up by now.
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
        page.after(page.servers.network.get().delay, move || client.fail());
    }
}

/// What has arrived at a peer, and how much more its sockets hold.
#[derive(Default)]
pub struct Inbox {
    frames: RefCell<VecDeque<Frame>>,
    /// The bytes that have arrived, or are on their way, and were not taken.
    unread: Cell<u64>,
    is_stalled: Cell<bool>,
    is_ended: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl Inbox {
    /// How many more bytes may come, with sockets that hold so many.
    pub fn room(&self, window: u64) -> u64 {
        // A peer that waits for a message takes its bytes as they come, however many they are.
        let is_reading = !self.is_stalled.get() && self.frames.borrow().is_empty();
        if is_reading { u64::MAX } else { window.saturating_sub(self.unread.get()) }
    }

    pub fn arrives(&self, bytes: u64) {
        self.unread.set(self.unread.get() + bytes);
    }

    pub fn push(&self, frame: Frame) {
        self.frames.borrow_mut().push_back(frame);
        self.wake();
    }

    pub fn set_stalled(&self, stalled: bool) {
        self.is_stalled.set(stalled);
        self.wake();
    }

    /// The connection has ended: what is here can still be read.
    pub fn end(&self) {
        self.is_ended.set(true);
        self.wake();
    }

    fn wake(&self) {
        let reader = self.reader.borrow_mut().take();
        reader.into_iter().for_each(Waker::wake);
    }

    /// The next frame, or nothing when the connection has ended.
    pub async fn next(&self) -> Option<Frame> {
        poll_fn(|context| {
            if !self.is_stalled.get() {
                if let Some(frame) = self.frames.borrow_mut().pop_front() {
                    self.unread.set(self.unread.get().saturating_sub(frame.len()));
                    return Poll::Ready(Some(frame));
                }
                if self.is_ended.get() {
                    return Poll::Ready(None);
                }
            }
            let last = self.reader.replace(Some(context.waker().clone()));
            drop(last);
            Poll::Pending
        })
        .await
    }
}
