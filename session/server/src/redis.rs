//! A store in Redis, for several servers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{FromRedisValue, Script, ScriptInvocation};
use sha2::{Digest as _, Sha256};
use websocket_session::{Content, Digest, End, LastToken, ServerState};

use crate::store::{Change, Key, Later, Lease, Snapshot, Store, StoreError, Stored};
use crate::{Message, token};

/// How long Redis may take to answer before the command is repeated.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Looks a session up, without its messages: each HELLO makes a server do this, and Redis serves nobody else meanwhile.
const FIND: &str = "return {redis.call('HGETALL', KEYS[1]), redis.call('XLEN', KEYS[2])}";

/// Makes a session, unless there is one.
const CREATE: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'lease', ARGV[1], 'first', ARGV[1], 'sequence', 0, unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1";

/// Changes the owner, if the current owner is the expected one.
const CLAIM: &str = "
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return {{}, {}} end
redis.call('HSET', KEYS[1], 'lease', ARGV[2], 'sequence', 0)
return {redis.call('HGETALL', KEYS[1]), redis.call('XRANGE', KEYS[2], '-', '+')}";

/// Writes, if the writer owns the session and has not made this write before. XADD refuses a number that was added before.
const WRITE: &str = "
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return 0 end
if tonumber(redis.call('HGET', KEYS[1], 'sequence')) >= tonumber(ARGV[2]) then return 1 end
local at = 6
for _ = 1, ARGV[5] do
  redis.call('XADD', KEYS[2], ARGV[at] .. '-0', ARGV[at + 1], ARGV[at + 2])
  at = at + 3
end
if ARGV[4] ~= '' then redis.call('XTRIM', KEYS[2], 'MINID', ARGV[4] .. '-0') end
redis.call('HSET', KEYS[1], 'sequence', ARGV[2], unpack(ARGV, at))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1";

/// Removes a session, if its owner is the expected one.
const REMOVE: &str = "
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return 1";

/// A store in Redis 6.2 or newer: a hash and a stream for each session, whose ids are the numbers of the messages.
///
/// Each change is one script, so it is atomic, and it requires the current lease of the session. A repeated write takes effect once, and
/// Redis itself refuses a message whose number was in the stream before. A session of which Redis has lost messages is removed when a server
/// claims it.
#[derive(Clone)]
pub struct RedisStore {
    client: redis::Client,
    /// It connects again when it is lost. A connection that is not lost, but leads to the wrong Redis, is replaced.
    connection: Arc<Mutex<Arc<ConnectionManager>>>,
    prefix: String,
}

impl RedisStore {
    /// Connects to Redis, such as `redis://127.0.0.1:6379/`. All keys begin with `prefix`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the URL is not a Redis URL, or Redis does not answer.
    pub async fn connect(url: &str, prefix: impl Into<String>) -> Result<Self, StoreError> {
        let client = redis::Client::open(url).map_err(unavailable)?;
        let connection = ConnectionManager::new_with_config(client.clone(), config()).await.map_err(unavailable)?;
        Ok(Self { client, connection: Arc::new(Mutex::new(Arc::new(connection))), prefix: prefix.into() })
    }

    /// Returns the keys of a session. They are in one slot of a cluster, and have a hash instead of names.
    fn keys(&self, key: &Key) -> [String; 2] {
        let mut hash = Sha256::new();
        hash.update((key.principal.len() as u64).to_be_bytes());
        hash.update(key.principal.as_bytes());
        hash.update(key.session.as_bytes());
        let hash = format!("{}:{{{}}}", self.prefix, token::hex(&hash.finalize()));
        let out = format!("{hash}:out");
        [hash, out]
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &'static str,
        key: &Key,
        arguments: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Result<T, StoreError> {
        let script = Script::new(script);
        let mut invocation = script.prepare_invoke();
        for key in self.keys(key) {
            invocation.key(key);
        }
        arguments(&mut invocation);
        let connection = self.connection().clone();
        let answer = invocation.invoke_async(&mut (*connection).clone()).await;
        if answer.as_ref().is_err_and(is_elsewhere) {
            self.replace(&connection);
        }
        answer.map_err(unavailable)
    }

    fn connection(&self) -> MutexGuard<'_, Arc<ConnectionManager>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects again when the next command is sent, unless another command has done so.
    fn replace(&self, used: &Arc<ConnectionManager>) {
        let mut connection = self.connection();
        if Arc::ptr_eq(&connection, used)
            && let Ok(new) = ConnectionManager::new_lazy_with_config(self.client.clone(), config())
        {
            *connection = Arc::new(new);
        }
    }
}

fn config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_response_timeout(Some(TIMEOUT))
        .set_connection_timeout(Some(TIMEOUT))
        .set_number_of_retries(2)
}

/// Returns whether Redis may have failed over: it does not answer, or is a replica now. A new connection may lead to the new primary.
fn is_elsewhere(error: &redis::RedisError) -> bool {
    let is_replica = |text: &str| ["READONLY", "MASTERDOWN"].iter().any(|code| text.contains(code));
    // Redis 6.2 reports an error of a script's command as a detail.
    error.is_timeout() || [error.code(), error.detail()].into_iter().flatten().any(is_replica)
}

fn unavailable(error: redis::RedisError) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

fn owned(is_done: bool) -> Result<(), StoreError> {
    if is_done { Ok(()) } else { Err(StoreError::Fenced) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Store for RedisStore {
    fn find<'a>(&'a self, key: &'a Key) -> Later<'a, Option<Stored>> {
        Box::pin(async move {
            let (fields, len): (Fields, usize) = self.run(FIND, key, |_| ()).await?;
            let unread = vec![Content::Message(Message::from("")); len];
            stored(&fields, Some(unread)).transpose()
        })
    }

    fn create<'a>(&'a self, key: &'a Key, lease: &'a Lease, snapshot: &'a Snapshot, keep: Duration) -> Later<'a, bool> {
        Box::pin(async move {
            self.run(CREATE, key, |script| {
                script.arg(&*lease.0).arg(millis(keep));
                script.arg("role").arg(encode_role(&snapshot.role));
            })
            .await
        })
    }

    fn claim<'a>(&'a self, key: &'a Key, from: &'a Lease, lease: &'a Lease) -> Later<'a, Option<Snapshot>> {
        Box::pin(async move {
            let (fields, entries): (Fields, Entries) = self
                .run(CLAIM, key, |script| {
                    script.arg(&*from.0).arg(&*lease.0);
                })
                .await?;
            if !is_whole(&fields, entries.len() as u64) {
                return match self.remove(key, lease).await {
                    // Another server has claimed the session meanwhile.
                    Ok(()) | Err(StoreError::Fenced) => Ok(None),
                    Err(error) => Err(error),
                };
            }
            let sent = entries.into_iter().map(|(_, entry)| decode_content(entry)).collect();
            Ok(stored(&fields, sent).transpose()?.map(|stored| stored.snapshot))
        })
    }

    fn write<'a>(
        &'a self,
        key: &'a Key,
        lease: &'a Lease,
        sequence: u64,
        changes: &'a [Change],
        keep: Duration,
    ) -> Later<'a, ()> {
        Box::pin(async move {
            let write = Write::new(changes);
            let is_done = self
                .run(WRITE, key, |script| {
                    let trim = write.trim.map(|number| number.to_string()).unwrap_or_default();
                    script.arg(&*lease.0).arg(sequence).arg(millis(keep)).arg(trim).arg(write.sent.len());
                    for (number, field, value) in &write.sent {
                        script.arg(*number).arg(*field).arg(&value[..]);
                    }
                    for (field, value) in &write.fields {
                        script.arg(*field).arg(value);
                    }
                })
                .await?;
            owned(is_done)
        })
    }

    fn remove<'a>(&'a self, key: &'a Key, lease: &'a Lease) -> Later<'a, ()> {
        Box::pin(async move {
            owned(
                self.run(REMOVE, key, |script| {
                    script.arg(&*lease.0);
                })
                .await?,
            )
        })
    }
}

/// The combined effect of changes.
#[derive(Default)]
struct Write {
    sent: Vec<(u64, &'static str, Bytes)>,
    /// The last value of each field: Lua unpacks fewer than 8,000 arguments.
    fields: HashMap<&'static str, String>,
    /// The first number that is still needed.
    trim: Option<u64>,
}

impl Write {
    fn new(changes: &[Change]) -> Self {
        let mut write = Self::default();
        for change in changes {
            match change {
                Change::Sent { number, content } => write.send(*number, content),
                Change::Acknowledged { number, offset } => {
                    write.trim = Some(number + 1);
                    write.set("acknowledged", format!("{number} {offset}"));
                }
                Change::Processed { number, offset, ended } => {
                    write.set("processed", format!("{number} {offset} {}", u8::from(*ended)));
                }
                Change::Role(role) | Change::Renewed(role) => write.set("role", encode_role(role)),
            }
        }
        write
    }

    fn send(&mut self, number: u64, content: &Content<Message>) {
        self.set("sent", number.to_string());
        let (field, value) = match content {
            Content::Message(Message::Text(text)) => ("t", Bytes::copy_from_slice(text.as_bytes())),
            Content::Message(Message::Binary(bytes)) => ("b", bytes.clone()),
            Content::End(end) => ("e", format!("{} {}", end.code, end.reason).into()),
        };
        if field == "e" {
            self.set("ended", "1".into());
        }
        self.sent.push((number, field, value));
    }

    fn set(&mut self, field: &'static str, value: String) {
        self.fields.insert(field, value);
    }
}

/// The hash of a session.
type Fields = HashMap<String, String>;
/// The stream of a session.
type Entries = Vec<(String, Vec<(String, Vec<u8>)>)>;

/// Returns whether a stream of this length has all messages that are sent and not acknowledged. Their numbers are in this range and differ,
/// so their count is enough.
fn is_whole(fields: &Fields, len: u64) -> bool {
    let number = |name| fields.get(name).and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0_u64);
    let acknowledged = number("acknowledged");
    acknowledged + len == number("sent").max(acknowledged)
}

/// Returns the session with these fields and messages; `None` if there is no session.
fn stored(fields: &Fields, sent: Option<Vec<Content<Message>>>) -> Option<Result<Stored, StoreError>> {
    let [lease, first] = ["lease", "first"].map(|name| fields.get(name).map(|lease| Lease(lease.as_str().into())));
    let (lease, first) = (lease?, first?);
    let snapshot = sent.and_then(|sent| decode(fields, sent));
    let snapshot = snapshot.ok_or_else(|| StoreError::Unavailable("a session is not readable".into()));
    Some(snapshot.map(|snapshot| Stored { lease, first, snapshot }))
}

fn decode(fields: &Fields, sent: Vec<Content<Message>>) -> Option<Snapshot> {
    let numbers = |name: &str| {
        let words = fields.get(name).map_or("", String::as_str).split(' ').filter(|word| !word.is_empty());
        words.map(|word| word.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    let mut snapshot = Snapshot::new(decode_role(fields.get("role")?)?);
    if let [number, offset] = numbers("acknowledged")?[..] {
        (snapshot.acknowledged, snapshot.acknowledged_offset) = (number, offset);
    }
    if let [number, offset, ended] = numbers("processed")?[..] {
        (snapshot.processed, snapshot.processed_offset) = (number, offset);
        snapshot.peer_ended = ended == 1;
    }
    snapshot.ended = fields.contains_key("ended");
    snapshot.sent = sent;
    Some(snapshot)
}

fn decode_content(entry: Vec<(String, Vec<u8>)>) -> Option<Content<Message>> {
    let (field, value) = entry.into_iter().next()?;
    Some(match &*field {
        "b" => Content::Message(value.into()),
        "t" => Content::Message(String::from_utf8(value).ok()?.into()),
        _ => {
            let end = String::from_utf8(value).ok()?;
            let (code, reason) = end.split_once(' ')?;
            Content::End(End::new(code.parse().ok()?, reason).ok()?)
        }
    })
}

fn encode_role(role: &ServerState) -> String {
    let last = match role.last {
        LastToken::None => "none".into(),
        LastToken::Kept(digest) => token::hex(&digest),
        LastToken::Dropped => "dropped".into(),
    };
    format!("{} {} {last} {}", role.attempt, token::hex(&role.current), u8::from(role.fresh))
}

fn decode_role(text: &str) -> Option<ServerState> {
    let mut words = text.split(' ');
    let attempt = words.next()?.parse().ok()?;
    let current = decode_digest(words.next()?)?;
    let last = match words.next()? {
        "none" => LastToken::None,
        "dropped" => LastToken::Dropped,
        digest => LastToken::Kept(decode_digest(digest)?),
    };
    Some(ServerState { attempt, current, last, fresh: words.next()? == "1" })
}

fn decode_digest(text: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_has_the_last_value_of_each_field() {
        let change = |number| {
            [Change::Processed { number, offset: 0, ended: false }, Change::Acknowledged { number, offset: 0 }]
        };
        let changes: Vec<_> = (1..=5000).flat_map(change).collect();
        let fields = Write::new(&changes).fields;
        assert_eq!(fields, HashMap::from([("processed", "5000 0 0".into()), ("acknowledged", "5000 0".into())]));
    }
}
