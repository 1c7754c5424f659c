//! The processes of the machines: they poll them, run their applications, store, crash and start again.

use super::*;

impl Application {
    /// Takes an item, which is processed later.
    pub(super) fn take(&mut self, item: Item<Note>) {
        match item {
            Item::Message { mark, payload } => (self.taken, self.taken_id) = (Some(mark), Some(payload.id)),
            Item::End { mark, .. } => {
                self.taken = Some(mark);
                self.ended = true;
            }
            Item::Lost(lost) => self.lose(&lost),
        }
    }

    pub(super) fn lose(&mut self, lost: &Lost<Note>) {
        self.losses += 1;
        self.session += 1;
        self.ended = false;
        self.superseded |= lost.cause == LostCause::Superseded;
        self.accused |= matches!(lost.cause, LostCause::Violation(_) | LostCause::Refused(_));
        self.reported.extend(lost.unacknowledged.iter().map(|message| message.payload.id));
        (self.taken, self.taken_id) = (None, None);
    }

    /// Processes the taken item. A crash cannot undo this.
    pub(super) fn process(&mut self) -> Option<crate::Mark> {
        self.log.extend(self.taken_id.take().map(|id| (self.session, id)));
        self.taken.take()
    }

    /// Crashes. Taken items arrive again.
    pub(super) fn crash(&mut self) {
        (self.taken, self.taken_id) = (None, None);
        self.ended = false;
    }
}

impl Model {
    pub(super) fn client(&self, stored: Option<Snapshot<Note, ClientState>>) -> Client<Note> {
        let mut machine = match stored {
            Some(stored) => Client::restore(self.limits, stored),
            None => Client::new(NAME, self.limits),
        };
        machine.rules.without = self.without;
        machine
    }

    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    pub(super) fn count(&self, lens: &[u8]) -> usize {
        lens.len() + usize::from(self.ends)
    }

    /// Sends the next message of an application, or END.
    pub(super) fn send<R: Clone>(&self, first: u8, lens: &[u8], sent: &mut usize, endpoint: &mut Endpoint<Note, R>) {
        loop {
            let done = match lens.get(*sent) {
                Some(len) => endpoint.send(Note { id: first + *sent as u8, len: *len }).is_ok(),
                None => endpoint.end(End { code: 1000, reason: String::new() }).is_some(),
            };
            *sent += usize::from(done);
            if !done || !self.burst || *sent == self.count(lens) {
                return;
            }
        }
    }

    pub(super) fn poll_client(&self, state: &mut State, tab: usize) {
        let State { tabs, links, .. } = state;
        let Tab { machine, stored, .. } = &mut tabs[tab];
        while let Some(output) = machine.poll() {
            let (connection, frame) = match output {
                Output::Store(change) => {
                    stored.apply(change);
                    continue;
                }
                Output::Control(connection, text) => (connection, Frame::Control(text)),
                Output::Message(connection, note) => (connection, Frame::Message(note)),
                Output::Close(connection, code, _) => (connection, Frame::Close(code)),
            };
            let link = links.iter_mut().find(|link| link.tab == tab && link.connection == connection);
            let Some(link) = link.filter(|link| link.client_open) else { continue };
            link.client_open = !matches!(frame, Frame::Close(_));
            if link.server_open {
                link.up.push_back(frame);
            }
        }
        while machine.poll_event().is_some() {}
        if !self.eager {
            return;
        }
        if let Some(item) = tabs[tab].machine.take() {
            tabs[tab].application.take(item);
            self.process(state, tab);
            self.poll_client(state, tab);
        }
    }

    pub(super) fn process(&self, state: &mut State, tab: usize) {
        let tab = &mut state.tabs[tab];
        if let Some(mark) = tab.application.process() {
            tab.machine.processed(mark);
        }
    }

    pub(super) fn poll_server(&self, state: &mut State) {
        let Some(mut machine) = state.machine.take() else { return };
        self.drain(state, &mut machine);
        while self.eager && !machine.is_lost() {
            let Some(item) = machine.take() else { break };
            state.application.take(item);
            if let Some(mark) = state.application.process() {
                machine.processed(mark);
            }
            self.drain(state, &mut machine);
        }
        let is_over = machine.is_complete() && machine.connection().is_none() && !self.keeps(Rule::KeepComplete);
        if is_over || machine.is_lost() {
            (state.stored, state.stale) = (None, None);
        }
        if machine.is_lost() {
            self.drop_server(state, machine);
        } else if !is_over {
            state.machine = Some(machine);
        }
    }

    pub(super) fn drain(&self, state: &mut State, machine: &mut Server<Note>) {
        while let Some(output) = machine.poll() {
            let (connection, frame) = match output {
                Output::Store(change) => {
                    self.store(state, change);
                    continue;
                }
                Output::Control(connection, text) => (connection, Frame::Control(text)),
                Output::Message(connection, note) => (connection, Frame::Message(note)),
                Output::Close(connection, code, _) => (connection, Frame::Close(code)),
            };
            let is_accepted = |link: &&mut Link| link.hello.is_some() && link.server_open;
            let links = state.links.iter_mut().filter(is_accepted);
            let Some(link) = links.into_iter().find(|link| link.connection == connection) else { continue };
            // Frames still arrive on a connection that is superseded. The machine ignores them.
            if matches!(frame, Frame::Close(code) if code != code::SUPERSEDED) {
                link.server_open = false;
                link.up.clear();
            }
            link.down.push_back(frame);
        }
        while machine.poll_event().is_some() {}
        state.overflow |= machine.unprocessed_bytes() > self.limits.window.max(self.limits.max + crate::OVERHEAD);
    }

    pub(super) fn store(&self, state: &mut State, change: Change<Note, ServerState>) {
        let is_role = matches!(change, Change::Role(_));
        if let Some(stored) = &mut state.stored {
            stored.apply(change);
        }
        if is_role && self.store == Store::Stale {
            state.stale = state.stored.clone();
        }
    }

    /// Lets the application take the remaining items of a lost session.
    pub(super) fn drop_server(&self, state: &mut State, mut machine: Server<Note>) {
        state.application.process();
        while let Some(item) = machine.take() {
            let is_lost = matches!(item, Item::Lost(_));
            if !is_lost || self.keeps(Rule::ReportDropped) {
                state.application.take(item);
                state.application.process();
            }
        }
    }

    /// Handles the first frame of a connection at the server.
    pub(super) fn hello(&self, state: &mut State, index: usize, hello: &Hello) {
        let new = new_token(state.links[index].tab, hello.attempt);
        let refusal = match &mut state.machine {
            Some(machine) => machine.accept(hello, presented(hello), new.clone()).err(),
            None => Some(Refusal::Forgotten),
        };
        match refusal {
            None => (),
            Some(Refusal::Forgotten) => {
                if let Some(mut old) = state.machine.take() {
                    old.forget(LostCause::Mismatch);
                    self.drain(state, &mut old);
                    self.drop_server(state, old);
                }
                let machine = self.new_server(hello, new);
                state.stored = Some(machine.snapshot());
                state.machine = Some(machine);
                state.spent.clear();
                self.begin_handler(state);
            }
            Some(Refusal::Superseded) => return refuse(&mut state.links[index], code::SUPERSEDED),
            Some(Refusal::Violation(_)) => return refuse(&mut state.links[index], code::VIOLATION),
        }
        state.links[index].hello = Some(hello.token.clone());
        self.poll_server(state);
    }

    /// Starts the handler of a new session. It continues with the messages that no handler has sent, and ends this session, too.
    pub(super) fn begin_handler(&self, state: &mut State) {
        state.application.sent = state.application.sent.min(self.server.len());
    }

    pub(super) fn new_server(&self, hello: &Hello, new: NewToken) -> Server<Note> {
        let mut endpoint = Endpoint::new(self.limits, true);
        endpoint.rules.without = self.without;
        let mut machine = Server::make(endpoint, TTL, hello, presented(hello), new);
        while machine.poll_event().is_some() {}
        machine
    }

    pub(super) fn up(&self, state: &mut State, index: usize) {
        let Some(frame) = state.links[index].up.pop_front() else { return };
        let Link { connection, hello, .. } = state.links[index].clone();
        match decode(frame) {
            Err(code) => {
                state.links[index].server_open = false;
                if hello.is_some() {
                    state.machine.as_mut().map(|machine| machine.disconnected(connection, Some(code)));
                }
                self.poll_server(state);
            }
            Ok(Ok(Incoming::Control(Control::Hello(frame)))) if hello.is_none() => self.hello(state, index, &frame),
            Ok(incoming) => {
                let Some(machine) = &mut state.machine else { return };
                let is_current = machine.connection() == Some(connection);
                machine.receive(connection, incoming);
                if let Some(token) = hello.filter(|_| is_current) {
                    state.spent.insert(token);
                }
                self.poll_server(state);
            }
        }
    }

    pub(super) fn down(&self, state: &mut State, index: usize) {
        let Some(frame) = state.links[index].down.pop_front() else { return };
        let Link { tab, connection, .. } = state.links[index];
        match decode(frame) {
            Err(code) => {
                state.links[index].client_open = false;
                self.client_disconnected(state, tab, connection, Some(code));
            }
            Ok(incoming) => {
                state.tabs[tab].machine.receive(connection, incoming);
                self.poll_client(state, tab);
            }
        }
    }

    pub(super) fn client_disconnected(&self, state: &mut State, tab: usize, connection: Connection, code: Option<u16>) {
        let after = state.tabs[tab].machine.disconnected(connection, code);
        state.tabs[tab].refused |= matches!(after, AfterLoss::Refused(_));
        self.poll_client(state, tab);
    }

    pub(super) fn crash(&self, state: &mut State) {
        state.crashes += 1;
        state.application.crash();
        for link in &mut state.links {
            (link.server_open, link.broken) = (false, true);
            link.up.clear();
        }
        let stored = match self.store {
            Store::Durable => state.stored.clone(),
            Store::Stale => state.stale.clone(),
            Store::Empty => None,
        };
        state.machine = stored.clone().map(|stored| Server::restore(self.limits, TTL, stored));
        if let Some(machine) = &mut state.machine {
            machine.rules.without = self.without;
            state.application.ended = machine.snapshot().peer_ended;
        }
        match self.store {
            Store::Durable => (),
            Store::Stale => {
                // The application's data is in the same store, so it is as old.
                let processed = stored.as_ref().map_or(0, |stored| stored.processed as usize);
                let session = state.application.session;
                let before = state.application.log.iter().filter(|(in_session, _)| *in_session < session).count();
                state.application.log.truncate(before + processed);
            }
            Store::Empty => state.application.session += 1,
        }
        if self.store != Store::Durable {
            state.spent.clear();
            self.begin_handler(state);
        }
        state.stored = stored;
    }

    pub(super) fn client_crash(&self, state: &mut State) {
        state.client_crashes += 1;
        for link in state.links.iter_mut().filter(|link| link.tab == 0) {
            (link.client_open, link.broken) = (false, true);
            link.down.clear();
        }
        let tab = &mut state.tabs[0];
        if self.client_store == Store::Empty {
            tab.gone = true;
            return;
        }
        tab.application.crash();
        tab.application.ended = tab.stored.peer_ended;
        tab.machine = self.client(Some(tab.stored.clone()));
    }

    pub(super) fn duplicate(&self, state: &mut State) {
        let original = &state.tabs[0];
        let stored = original.machine.snapshot();
        let machine = self.client(Some(stored.clone()));
        let copied = original.machine.snapshot().processed as usize;
        let log = original.application.log.iter().take(copied).copied().collect();
        let application = Application { log, sent: original.application.sent, ..Application::default() };
        state.tabs.push(Tab { machine, stored, application, gone: false, refused: false });
    }
}

fn refuse(link: &mut Link, code: u16) {
    link.down.push_back(Frame::Close(code));
    link.server_open = false;
    link.up.clear();
}
