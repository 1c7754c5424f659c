//! The section “Reconnection”: a server cuts the connection, and the page accounts for every message.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wasm_websocket_browser::{Page, with_page};

use crate::{Demo, failed_connections};

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_connection_comes_back_and_every_message_is_accounted_for() -> Result<()> {
    with_page(failed_connections, async |page: &Page| {
        page.starts().await?;
        page.click("#reconnection-send").await?;
        page.shows("#reconnection-problem", "There is no connection: connect first.").await?;
        what_a_cut_does_is_reported(page).await?;
        what_waited_goes_out(page).await?;
        what_is_in_doubt_is_sent_again(page).await?;
        it_pauses(page).await?;
        it_closes_for_good(page).await?;
        what_is_in_doubt_can_be_forgotten(page).await?;
        what_is_refused_stays_in_doubt(page).await
    })
    .await
}

async fn what_a_cut_does_is_reported(page: &Page) -> Result<()> {
    let mut seen = page.run(&[PARTS, CUT].concat()).await?;
    it_counts_down(seen["countdown"].take())?;
    let expected = json!({
        "connect": "Close",
        "countdown": null,
        "why": "the connection ended: 1006 (abnormal closure)",
        "timeline": "connecting, open, ? 1, ? 2, waiting, … 3, … 4, … 5, … 6, … 7, … 8, … 9, … 10, … 11, … 12, × 13",
        "problem": "The queue is full: “message 13” was handed back.",
        "queued": "10",
        "unconfirmed": "0",
        "confirmed": "0",
        "in-doubt": "2",
        "rejected": "1",
        "dropped": "0",
    });
    ensure!(seen == expected, "{seen:#}");
    page.shows("#reconnection-undecided", "2 messages in doubt, the last of them: message 1, message 2").await?;
    page.shows("#log", "reconnection: in doubt, 2 messages").await
}

/// Checks the countdown to the next attempt, from a cut to the end of the wait.
fn it_counts_down(shown: Value) -> Result<()> {
    let shown: Vec<String> = serde_json::from_value(shown)?;
    let (last, counted) = shown.split_last().context("there is no countdown")?;
    let seconds = |text: &String| text.strip_prefix("Next attempt in ")?.strip_suffix(" s")?.parse().ok();
    let counted: Option<Vec<u32>> = counted.iter().map(seconds).collect();
    let is_countdown = |seconds: &[u32]| seconds.len() > 1 && seconds[0] <= 4 && seconds.is_sorted_by(|a, b| a > b);
    ensure!(counted.is_some_and(|seconds| is_countdown(&seconds)) && last.is_empty(), "{shown:?} is no countdown");
    Ok(())
}

/// The functions of scripts that do several steps in one go, since the states that they wait for are short.
const PARTS: &str = "
    const part = name => document.querySelector('#reconnection-' + name);
    const state = wanted => new Promise(resolve => {
        const look = () => part('state').textContent == wanted && resolve();
        new MutationObserver(look).observe(part('state'), { childList: true });
        look();
    });
    const send = count => { while (count-- > 0) part('send').click(); };";

/// Sends two messages, has the connection cut before a ping can confirm them, sends more messages than the queue
/// holds, and waits until the connection is back.
const CUT: &str = "
    const countdown = [];
    new MutationObserver(() => countdown.push(part('next').textContent)).observe(part('next'), { childList: true });
    part('connect').click();
    await state('open');
    if (!part('full').disabled) throw Error('the choice can be changed though it is not in force');
    send(2);
    part('cut').click();
    await state('waiting');
    send(11);
    const counts = ['queued', 'unconfirmed', 'confirmed', 'in-doubt', 'rejected', 'dropped'];
    const seen = ['connect', 'why', 'problem', ...counts].map(name => [name, part(name).textContent]);
    const timeline = [...document.querySelectorAll('#timeline li')].map(entry => entry.textContent).join(', ');
    await state('open');
    return { ...Object.fromEntries(seen), timeline, countdown };";

async fn what_waited_goes_out(page: &Page) -> Result<()> {
    page.find("#reconnection-state[data-state=open]").await?;
    page.shows("#log", "reconnection: connecting, attempt 2: the connection ended: 1006 (abnormal closure)").await?;
    counts(page, [0, 0, 10, 2, 1, 0]).await?;
    page.shows("#reconnection-undecided", "message 1, message 2").await
}

/// Waits until the page shows these numbers of queued, unconfirmed, confirmed, in-doubt, rejected and dropped messages.
async fn counts(page: &Page, [queued, unconfirmed, confirmed, in_doubt, rejected, dropped]: [u32; 6]) -> Result<()> {
    let counts = [queued, unconfirmed, confirmed, in_doubt, rejected, dropped].map(|count| format!("{count}\n"));
    let names = ["… Queued", "→ Unconfirmed", "✓ Confirmed", "? In doubt", "× Rejected", "– Dropped"];
    let counts = names.iter().zip(counts).map(|(name, count)| format!("{name}\n{count}")).collect::<String>();
    page.shows("#reconnection-counts", counts.trim_end()).await
}

async fn what_is_in_doubt_is_sent_again(page: &Page) -> Result<()> {
    page.click("#reconnection-again").await?;
    page.shows("#reconnection-undecided", "No message is in doubt.").await?;
    counts(page, [0, 0, 12, 0, 1, 0]).await?;
    ensure!(page.count("#timeline [data-fate=confirmed]").await? == 12, "{}", page.text("#timeline").await?);
    Ok(())
}

async fn it_pauses(page: &Page) -> Result<()> {
    page.click("#reconnection-offline").await?;
    page.find("#reconnection-state[data-state=paused]").await?;
    page.click("#reconnection-cut").await?;
    page.shows("#reconnection-problem", "There is no open connection for the server to cut.").await?;
    page.click("#reconnection-forget").await?;
    page.find("#reconnection-problem[hidden]").await?;
    page.click("#reconnection-send").await?;
    counts(page, [1, 0, 12, 0, 1, 0]).await?;
    page.click("#reconnection-repeat").await?;
    page.shows("#reconnection-problem", "The queue is full: “message 23” was handed back.").await?;
    page.click("#reconnection-repeat").await?;
    page.click("#reconnection-offline").await?;
    page.find("#reconnection-state[data-state=open]").await?;
    page.shows("#reconnection-counts", "Queued\n0\n").await
}

/// Waits for the answer to a ping before it closes, since a close confirms nothing.
async fn it_closes_for_good(page: &Page) -> Result<()> {
    page.shows("#reconnection-counts", "Confirmed\n22\n? In doubt\n0\n").await?;
    // One script does both, before the first of the repeated messages is due.
    page.run(&[PARTS, "part('repeat').click(); part('connect').click();"].concat()).await?;
    page.find("#reconnection-state[data-state=closed]").await?;
    let repeats = page.run("return document.querySelector('#reconnection-repeat').checked;").await?;
    ensure!(repeats == json!(false), "it goes on sending though it is closed");
    page.shows("#reconnection-why", "closed by you").await?;
    page.shows("#reconnection-counts", "Confirmed\n22\n? In doubt\n0\n").await?;
    page.shows("#reconnection-connect", "Connect").await?;
    page.choose("#reconnection-full", "drop").await?;
    page.click("#reconnection-offline").await?;
    page.click("#reconnection-connect").await?;
    page.find("#reconnection-state[data-state=paused]").await?;
    page.run(&[PARTS, "send(12);"].concat()).await?;
    counts(page, [10, 0, 0, 0, 0, 2]).await?;
    // What the last connection has not sent waits on the next one.
    page.run(&[PARTS, CONNECT_ANEW].concat()).await?;
    counts(page, [10, 0, 0, 0, 0, 0]).await
}

/// Closes the paused connection, and connects again.
const CONNECT_ANEW: &str = "
    part('connect').click();
    await state('closed');
    part('connect').click();
    await state('paused');";

/// Checks that the page names the last ten of many messages in doubt, and forgets all of them.
async fn what_is_in_doubt_can_be_forgotten(page: &Page) -> Result<()> {
    page.run(&[PARTS, CUT_AGAIN].concat()).await?;
    let last: Vec<_> = (26..=35).map(|number| format!("message {number}")).collect();
    let in_doubt = format!("11 messages in doubt, the last of them: {}", last.join(", "));
    page.shows("#reconnection-undecided", &in_doubt).await?;
    page.click("#reconnection-forget").await?;
    page.shows("#reconnection-undecided", "No message is in doubt.").await?;
    counts(page, [0, 0, 0, 0, 0, 0]).await
}

/// Lets the queued messages go out, sends one more, and has the connection cut before a ping can confirm them.
const CUT_AGAIN: &str = "
    part('offline').click();
    await state('open');
    send(1);
    part('cut').click();
    await state('waiting');";

/// Checks that messages stay in doubt if they cannot be sent again, until they are sent over another connection.
async fn what_is_refused_stays_in_doubt(page: &Page) -> Result<()> {
    page.run(&[PARTS, CUT_AND_CLOSE].concat()).await?;
    page.click("#reconnection-again").await?;
    page.shows("#reconnection-problem", "“message 36” was handed back: the connection is closed").await?;
    page.shows("#reconnection-undecided", "3 messages in doubt").await?;
    let in_doubt = page.count("#timeline [data-fate=in-doubt]").await?;
    ensure!(in_doubt == 3, "{in_doubt} are shown as in doubt: {}", page.text("#timeline").await?);
    page.click("#reconnection-connect").await?;
    page.find("#reconnection-state[data-state=open]").await?;
    page.click("#reconnection-again").await?;
    page.shows("#reconnection-undecided", "No message is in doubt.").await?;
    page.shows("#reconnection-counts", "✓ Confirmed\n3\n").await
}

/// Has the connection cut after three messages, and closes.
const CUT_AND_CLOSE: &str = "
    await state('open');
    send(3);
    part('cut').click();
    await state('waiting');
    part('connect').click();
    await state('closed');";
