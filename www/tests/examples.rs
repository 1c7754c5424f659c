//! The front ends in `examples/`, used by two people in two real browsers.
#![cfg(not(target_arch = "wasm32"))]

use std::cell::Cell;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use wasm_websocket_browser::{Page, server, with_page_at};

/// Allows errors about failed connections, which browsers themselves write to the console.
fn failed_connections(error: &str) -> bool {
    error.contains("WebSocket connection to")
}

#[tokio::test]
#[ignore = "it takes browsers and the server: `cargo xtask examples --test` has them"]
async fn people_chat_with_dioxus() -> Result<()> {
    people_chat_with("dioxus").await
}

#[tokio::test]
#[ignore = "it takes browsers, servers and Redis: `cargo xtask examples --test` has them"]
async fn people_chat_with_leptos_while_its_server_is_killed() -> Result<()> {
    let (chat, port) = (session_server("chat")?, lasting_port()?);
    let (_redis, redis) = start_redis().await?;
    let address = format!("127.0.0.1:{port}");
    let serve = async || start(chat.clone(), &[&redis, &address], port).await;
    let url = format!("http://{}/leptos/", server()?);
    with_page_at(&url, failed_connections, async |ann: &Page| {
        with_page_at(&url, failed_connections, async |bob: &Page| {
            for (page, name) in [(ann, "Ann"), (bob, "Bob")] {
                page.fill("[name=server]", &format!("ws://{address}")).await?;
                join(page, name, "lobby").await?;
            }
            let _serving = each_line_is_heard_once(ann, bob, serve).await?;
            ann.picture(env!("CARGO_TARGET_TMPDIR"), "example-leptos").await?;
            who_comes_back_hears_all_of_the_room(ann, bob).await?;
            say(ann, &"long ".repeat(1000)).await?;
            is_told(ann, "larger than the peer accepts").await
        })
        .await
    })
    .await
}

/// Two people talk while the server is killed, while there is none, and when it is back. Returns the last server.
async fn each_line_is_heard_once(ann: &Page, bob: &Page, serve: impl AsyncFn() -> Result<Child>) -> Result<Child> {
    let is_done = Cell::new(false);
    let talk = async |page: &Page, name: &str| {
        let mut said = Vec::new();
        while !is_done.get() {
            say(page, &said.len().to_string()).await?;
            said.push(format!("{name} {}", said.len()));
        }
        Ok(said)
    };
    let kill = async {
        for _ in 0..5 {
            let mut serving = serve().await?;
            hears(ann, lines(ann).await?.len() + 10).await?;
            hears(bob, lines(bob).await?.len() + 10).await?;
            // This sends SIGKILL.
            serving.kill().await?;
        }
        is_done.set(true);
        serve().await
    };
    let (anns, bobs, serving) = tokio::try_join!(talk(ann, "Ann"), talk(bob, "Bob"), kill)?;
    let heard = hears(ann, anns.len() + bobs.len()).await?;
    let by = |name| heard.iter().filter(|line| line.starts_with(name)).cloned().collect::<Vec<_>>();
    ensure!(by("Ann") == anns && by("Bob") == bobs, "{anns:?} and {bobs:?} became {heard:?}");
    let also = hears(bob, heard.len()).await?;
    ensure!(also == heard, "Bob hears {also:?}, and Ann {heard:?}");
    Ok(serving)
}

async fn who_comes_back_hears_all_of_the_room(ann: &Page, bob: &Page) -> Result<()> {
    let count = lines(ann).await?.len() + 1;
    bob.click("#leave").await?;
    join(bob, "Bob", "lobby").await?;
    say(bob, "What did I miss?").await?;
    let (ann, bob) = (hears(ann, count).await?, hears(bob, count).await?);
    ensure!(ann == bob && ann.last().is_some_and(|line| line == "Bob What did I miss?"), "{ann:?} is not {bob:?}");
    Ok(())
}

/// The lines that a page shows.
async fn lines(page: &Page) -> Result<Vec<String>> {
    let lines = page.run("return [...document.querySelectorAll('#log li')].map((line) => line.innerText)").await?;
    let lines = lines.as_array().context("it is no array")?;
    Ok(lines.iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect())
}

/// Waits until a page shows this many lines, and returns those that it shows.
async fn hears(page: &Page, count: usize) -> Result<Vec<String>> {
    let mut heard = Vec::new();
    for _ in 0..600 {
        heard = lines(page).await?;
        if heard.len() >= count {
            return Ok(heard);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("it hears {} lines, not {count}: {heard:?}", heard.len());
}

#[tokio::test]
#[ignore = "it takes browsers and the server: `cargo xtask examples --test` has them"]
async fn people_chat_with_vite() -> Result<()> {
    people_chat_with("vite").await
}

#[tokio::test]
#[ignore = "it takes browsers and the server: `cargo xtask examples --test` has them"]
async fn people_chat_with_worker() -> Result<()> {
    people_chat_with("worker").await
}

#[tokio::test]
#[ignore = "it takes browsers and the server: `cargo xtask examples --test` has them"]
async fn people_chat_with_yew() -> Result<()> {
    people_chat_with("yew").await
}

#[tokio::test]
#[ignore = "it takes browsers and the server: `cargo xtask examples --test` has them"]
async fn hello_is_answered() -> Result<()> {
    let url = format!("http://{}/hello/", server()?);
    with_page_at(&url, |_| false, async |page: &Page| page.shows("body", "hello").await).await
}

#[tokio::test]
#[ignore = "it takes a browser, servers and Redis: `cargo xtask examples --test` has them"]
async fn the_session_goes_on_when_the_server_is_killed() -> Result<()> {
    let echo = session_server("echo")?;
    let (_redis, redis) = start_redis().await?;
    let url = format!("http://{}/session/", server()?);
    let arguments = [&*redis];
    let mut serving = start(echo.clone(), &arguments, 3000).await?;
    with_page_at(&url, failed_connections, async |page: &Page| {
        page.run(WATCH).await?;
        let mut last = 0;
        for _ in 0..5 {
            last = counts_beyond(page, last + 20).await?;
            // This sends SIGKILL.
            serving.kill().await?;
            serving = start(echo.clone(), &arguments, 3000).await?;
        }
        counts_beyond(page, last + 20).await?;
        ensure!(page.run("return window.steps === window.last - window.first").await? == true, "a number is missing");
        Ok(())
    })
    .await
}

/// Counts how often the number rises by one. Any other change makes the count wrong.
const WATCH: &str = "
    window.first = window.last = Number(document.body.innerText) || 0;
    window.steps = 0;
    new MutationObserver(() => {
        const number = Number(document.body.innerText);
        window.steps += number === window.last + 1 ? 1 : number === window.last ? 0 : 1e9;
        window.last = number;
    }).observe(document.body, { childList: true });";

/// Waits until the page has counted beyond a number, and returns the number that it has reached.
async fn counts_beyond(page: &Page, number: u64) -> Result<u64> {
    for _ in 0..600 {
        let last = page.run("return window.last").await?.as_u64().context("it is no number")?;
        if last > number {
            return Ok(last);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("it does not count beyond {number}");
}

/// Returns the program of an example of `websocket-session-server`.
fn session_server(name: &str) -> Result<PathBuf> {
    let servers = std::env::var_os("TEST_SESSION_SERVERS").context("TEST_SESSION_SERVERS is not set")?;
    Ok(PathBuf::from(servers).join(name))
}

/// Starts Redis on a free port. Returns the process and its URL.
async fn start_redis() -> Result<(Child, String)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let redis = ["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()];
    Ok((start("redis-server".into(), &redis, port).await?, format!("redis://127.0.0.1:{port}/")))
}

/// Returns a free port that the system gives to no client: otherwise a client could take it while the server is down.
fn lasting_port() -> Result<u16> {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000)?;
    (first..30_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).context("no port is free")
}

/// Starts a program that listens at a port. The program ends when the result is dropped.
async fn start(program: PathBuf, arguments: &[&str], port: u16) -> Result<Child> {
    let process = Command::new(&program).args(arguments).stdout(Stdio::null()).kill_on_drop(true).spawn();
    let process = process.with_context(|| format!("{} does not start", program.display()))?;
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(process);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{} does not listen", program.display());
}

async fn people_chat_with(example: &str) -> Result<()> {
    let url = format!("http://{}/{example}/", server()?);
    // Tests in another browser use the same server, so this one has a separate room.
    let room = format!("{example}-{}", std::process::id());
    with_page_at(&url, failed_connections, async |ann: &Page| {
        with_page_at(&url, failed_connections, async |bob: &Page| {
            what_one_says_the_other_sees(ann, bob, &room).await?;
            ann.picture(env!("CARGO_TARGET_TMPDIR"), &format!("example-{example}")).await?;
            leaving_closes_the_connection(ann, bob, &room).await?;
            what_goes_wrong_is_shown(ann, &room).await
        })
        .await
    })
    .await
}

async fn what_one_says_the_other_sees(ann: &Page, bob: &Page, room: &str) -> Result<()> {
    join(ann, "Ann", room).await?;
    join(bob, "Bob", room).await?;
    wait_for(ann, room, 2).await?;
    say(ann, "Hello, Bob!").await?;
    sees(bob, 1, "Ann Hello, Bob!").await?;
    say(bob, "Grüße an <b>Ann</b>").await?;
    for page in [ann, bob] {
        sees(page, 1, "Ann Hello, Bob!").await?;
        sees(page, 2, "Bob Grüße an <b>Ann</b>").await?;
    }
    let unsaid = ann.find("[name=text]").await?.prop("value").await?;
    ensure!(unsaid.as_deref() == Some(""), "the field still has {unsaid:?}");
    Ok(())
}

async fn leaving_closes_the_connection(ann: &Page, bob: &Page, room: &str) -> Result<()> {
    bob.click("#leave").await?;
    wait_for(ann, room, 1).await?;
    say(ann, "Are you gone?").await?;
    sees(ann, 3, "Ann Are you gone?").await?;
    join(bob, "Bob", room).await?;
    say(ann, "Welcome back!").await?;
    sees(bob, 1, "Ann Welcome back!").await?;
    bob.click("#leave").await?;
    ann.find("[role=alert][hidden]").await?;
    wait_for(ann, room, 1).await
}

async fn what_goes_wrong_is_shown(page: &Page, room: &str) -> Result<()> {
    page.run(&format!(
        "const other = new WebSocket('/chat/{room}');
        other.onopen = () => other.send('nonsense');
        await new Promise(resolve => other.onmessage = resolve);
        other.close();"
    ))
    .await?;
    is_told(page, "the message cannot be decoded").await?;
    say(page, "What was that?").await?;
    sees(page, 5, "Ann What was that?").await?;

    say(page, &"long ".repeat(1000)).await?;
    for what in ["the connection has ended: ", "1009", "more than 4096 bytes"] {
        is_told(page, what).await?;
    }
    page.find("section form button:disabled").await?;
    page.click("#leave").await?;
    wait_for(page, room, 0).await?;

    page.fill("[name=name]", "Ann").await?;
    page.fill("[name=room]", &"a".repeat(101)).await?;
    page.click("form:not([hidden]) button").await?;
    is_told(page, "did not connect").await
}

/// Enters a room, and waits until messages can be sent.
async fn join(page: &Page, name: &str, room: &str) -> Result<()> {
    page.fill("[name=name]", name).await?;
    page.fill("[name=room]", room).await?;
    page.click("form:not([hidden]) button").await?;
    page.find("section form button:enabled").await.map(drop)
}

async fn say(page: &Page, text: &str) -> Result<()> {
    page.fill("[name=text]", text).await?;
    page.click("section form button").await
}

async fn sees(page: &Page, number: usize, line: &str) -> Result<()> {
    page.shows(&format!("#log li:nth-child({number})"), line).await
}

async fn is_told(page: &Page, what: &str) -> Result<()> {
    page.shows("[role=alert]:not([hidden])", what).await
}

/// Waits until this many connections to the room are open.
async fn wait_for(page: &Page, room: &str, open: usize) -> Result<()> {
    page.run(&format!(
        "const counts = new WebSocket('/count/%2Fchat%2F{room}');
        await new Promise(resolve => counts.onmessage = ({{ data }}) => data.startsWith('{open} open') && resolve());
        counts.close();"
    ))
    .await
    .map(drop)
}
