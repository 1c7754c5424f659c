//! The session in the store, as long as this server owns it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use websocket_session::{Digest, Hello, Refusal, Server};

use crate::sessions::Context;
use crate::store::{Change, Later, Lease, Snapshot, Store, StoreError};
use crate::{Key, Message, token};

/// How often a session is looked up while other servers claim it, too, before giving up.
const CLAIMS: usize = 8;
/// The delays before repeating a change whose outcome is unknown.
const DELAYS: [Duration; 4] =
    [Duration::from_millis(20), Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2)];

/// The ownership of one session.
pub(crate) struct Owner {
    store: Arc<dyn Store>,
    key: Key,
    lease: Lease,
    sequence: u64,
    keep: Duration,
}

impl Owner {
    /// Makes changes durable.
    pub async fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.sequence += 1;
        repeat(|| self.store.write(&self.key, &self.lease, self.sequence, changes, self.keep)).await
    }

    /// Removes the session.
    pub async fn remove(&self) -> Result<(), StoreError> {
        let remove = || self.store.remove(&self.key, &self.lease);
        match remove().await {
            Err(StoreError::Unavailable(_)) => (),
            removed => return removed,
        }
        match repeat(remove).await {
            // The first attempt may have removed it.
            Err(StoreError::Fenced) if self.store.find(&self.key).await?.is_none() => Ok(()),
            removed => removed,
        }
    }
}

/// Makes a change, and repeats it while its outcome is unknown.
async fn repeat<'a>(change: impl Fn() -> Later<'a, ()>) -> Result<(), StoreError> {
    let mut delays = DELAYS.into_iter();
    loop {
        match (change().await, delays.next()) {
            (Err(StoreError::Unavailable(_)), Some(delay)) => sleep(delay).await,
            (changed, _) => return changed,
        }
    }
}

/// The session of a HELLO, and the lease under which the session was made.
pub(crate) enum Opened {
    /// The session is new, and HELLO is welcomed.
    Made(Server<Message>, Lease, Option<Owner>),
    /// This server owns the session now, and HELLO is to be accepted.
    Restored(Server<Message>, Lease, Owner),
    /// HELLO is refused, and nothing has changed.
    Refused(Refusal),
}

/// Makes or restores the session of a HELLO. A session of another server is taken over only if HELLO would be accepted.
pub(crate) async fn open(
    context: &Context,
    key: &Key,
    hello: &Hello,
    presented: Option<Digest>,
) -> Result<Opened, StoreError> {
    let limits = context.limits.of_session(context.store.is_some());
    let ttl = context.limits.ttl.as_secs();
    let make = || Ok(Server::new(limits, ttl, hello, presented, new_token()?));
    let Some(store) = &context.store else { return Ok(Opened::Made(make()?, new_lease()?, None)) };
    for _ in 0..CLAIMS {
        let lease = new_lease()?;
        let owner =
            Owner { store: store.clone(), key: key.clone(), lease: lease.clone(), sequence: 0, keep: context.keep() };
        let Some(stored) = store.find(key).await? else {
            let machine = make()?;
            if store.create(key, &lease, &machine.snapshot(), owner.keep).await? {
                return Ok(Opened::Made(machine, lease, Some(owner)));
            }
            continue;
        };
        let restore = |snapshot: Snapshot| Server::restore(limits, ttl, snapshot);
        let mut trial = restore(stored.snapshot);
        let known = token::known(presented, trial.state());
        let refusal = trial.accept(hello, known, new_token()?).err();
        if let Some(refusal @ (Refusal::Superseded | Refusal::Violation(_))) = refusal {
            return Ok(Opened::Refused(refusal));
        }
        let Some(snapshot) = store.claim(key, &stored.lease, &lease).await? else { continue };
        if refusal.is_none() {
            return Ok(Opened::Restored(restore(snapshot), stored.first, owner));
        }
        owner.remove().await?;
    }
    Err(StoreError::Unavailable("other servers claim the session, too".into()))
}

fn new_lease() -> Result<Lease, StoreError> {
    Ok(Lease(token::random().map_err(unavailable)?.into()))
}

pub(crate) fn new_token() -> Result<websocket_session::NewToken, StoreError> {
    token::new().map_err(unavailable)
}

fn unavailable(error: getrandom::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
