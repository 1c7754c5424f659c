//! The server as the peer of a page: its paths, and what it received on them.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use wasm_websocket_browser::{Page, server};

use super::seen::Seen;
use super::{RATE, UPLOAD, pass_seconds};

/// Paths of the server that only one test uses.
pub struct Peer {
    key: String,
}

/// What the server received of an upload.
#[derive(Deserialize)]
struct Upload {
    count: u32,
    sha256: String,
}

/// What the server received on a reconnecting connection.
#[derive(Deserialize)]
pub struct Channel {
    /// How often it was opened.
    pub connections: u32,
    /// The texts, in order.
    pub received: Vec<String>,
}

impl Peer {
    pub fn new(name: &str) -> Self {
        Self { key: format!("{name}-{}", std::process::id()) }
    }

    /// Opens both reconnecting connections.
    pub async fn connect(&self, page: &Page) -> Result<()> {
        let connect = format!(
            // Without a fault, `chaos` echoes and records.
            "await happened(event => event.kind == 'ready');
            window.channel = new Channel('channel', 'ws://{0}/chaos/0/{1}?faults=0');
            window.quiet = new Channel('quiet', 'ws://{0}/chaos/0/{1}-quiet?faults=0');
            await happened(event => event.kind == 'channel' && event.what == 'Open');
            await happened(event => event.kind == 'quiet' && event.what == 'Open');",
            server()?,
            self.key
        );
        page.run(&connect).await.map(drop)
    }

    /// Opens all connections, and waits until messages go out and come in.
    pub async fn begin(&self, page: &Page) -> Result<()> {
        self.connect(page).await?;
        let (address, key, (count, len)) = (server()?, &self.key, UPLOAD);
        let begin = format!(
            "upload('ws://{address}/paced-sink/{RATE}/{key}?{key}', {count}, {len});
            listen('ws://{address}/ticks/100', channel);
            await happened(event => event.kind == 'uploaded' && event.what == 100);
            await happened(event => event.kind == 'echoed' && event.what == 2);"
        );
        page.run(&begin).await.map(drop)
    }

    /// Waits until the server has the whole upload. Any tab of the browser can ask.
    pub async fn has_upload(&self, page: &Page) -> Result<()> {
        for _ in 0..60 {
            if self.upload(page).await?.count == UPLOAD.0 {
                return Ok(());
            }
            pass_seconds(page, 1).await?;
        }
        bail!("the server has only {} messages of the upload", self.upload(page).await?.count)
    }

    /// Waits until the upload's connection has ended.
    pub async fn upload_has_ended(&self, page: &Page) -> Result<()> {
        let wait = format!(
            "const socket = new WebSocket('ws://{}/count/{}');
            await new Promise(resolve => socket.onmessage = ({{ data }}) => data.startsWith('0 open') && resolve());
            socket.close();",
            server()?,
            self.key
        );
        page.run(&wait).await.map(drop)
    }

    async fn upload(&self, page: &Page) -> Result<Upload> {
        ask(page, &format!("/paced-sink/{RATE}/{}?report", self.key)).await
    }

    /// Returns what the server received on the connection that sends received messages on.
    pub async fn channel(&self, page: &Page) -> Result<Channel> {
        ask(page, &format!("/chaos-report/{}", self.key)).await
    }

    /// Returns what the server received on the connection that sends only its heartbeat.
    pub async fn quiet(&self, page: &Page) -> Result<Channel> {
        ask(page, &format!("/chaos-report/{}-quiet", self.key)).await
    }

    /// Waits until the upload has ended and both reconnecting connections are open, and compares what the page has recorded
    /// with what the server received.
    pub async fn account(&self, page: &Page) -> Result<Seen> {
        page.run(
            "await happened(event => event.kind == 'upload ended');
            record('last', '');
            channel.send('last');
            quiet.send('last');
            const isLast = event => event.kind == 'echoed' && event.what == 'last';
            await happened(() => events.filter(isLast).length == 2);",
        )
        .await?;
        let seen = Seen::on(page).await?;
        if seen.has_uploaded() {
            self.has_upload(page).await?;
        }
        upload_is_a_prefix(&seen, &self.upload(page).await?)?;
        let in_doubt = page.run("return channel.in_doubt;").await?.as_u64().context("no count")?;
        channel_is_complete(&seen, &self.channel(page).await?, in_doubt)?;
        Ok(seen)
    }
}

/// Checks that the server has the first messages of the upload, in order.
fn upload_is_a_prefix(seen: &Seen, upload: &Upload) -> Result<()> {
    let (_, len) = UPLOAD;
    let mut hash = Sha256::new();
    for number in 0..upload.count {
        let mut message = vec![0; len];
        message[..4].copy_from_slice(&number.to_le_bytes());
        hash.update(message);
    }
    let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(upload.sha256 == sha256, "the server has other messages than the first {}", upload.count);
    ensure!(upload.count as usize <= seen.what("uploaded").len(), "the server has messages that were not sent");
    Ok(())
}

/// Checks that every message was received, and sent on once and in order. Messages that the server does not have are in doubt.
fn channel_is_complete(seen: &Seen, channel: &Channel, in_doubt: u64) -> Result<()> {
    let received = seen.what("received");
    let expected: Vec<_> = (0..received.len()).map(|number| number.to_string()).collect();
    ensure!(received == expected, "not all was received: {received:?}");
    ensure!(seen.what("refused").is_empty(), "a message was refused: {:?}", seen.what("refused"));
    let arrived: Vec<usize> = channel.received.iter().filter_map(|text| text.parse().ok()).collect();
    ensure!(arrived.is_sorted_by(|a, b| a < b), "not in order, or twice: {arrived:?}");
    // These messages were sent before `last`, which was echoed.
    let sent = seen.before("last").filter(|event| event.kind == "received").count();
    let missing = sent - arrived.iter().filter(|number| **number < sent).count();
    ensure!(missing as u64 <= in_doubt, "{missing} messages are missing, {in_doubt} in doubt");
    let opened = seen.opened("channel")?;
    ensure!(opened == channel.connections, "the server knows of {} connections, not {opened}", channel.connections);
    Ok(())
}

async fn ask<T: for<'de> Deserialize<'de>>(page: &Page, path: &str) -> Result<T> {
    let ask = format!(
        "const socket = new WebSocket('ws://{}{path}');
        socket.onopen = () => socket.send('report');
        const answer = await new Promise(resolve => socket.onmessage = ({{ data }}) => resolve(data));
        socket.close();
        return answer;",
        server()?
    );
    let answer = page.run(&ask).await?;
    Ok(serde_json::from_str(answer.as_str().context("no answer")?)?)
}
