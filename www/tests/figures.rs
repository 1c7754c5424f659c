//! The costs of the demo page: `cargo xtask measure` runs this, on an otherwise idle machine. It fails if a cost exceeds its limit.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use wasm_websocket_browser::{Page, server, with_page_at};

/// The maximum share of a core that the page may take when nothing happens, in percent.
const MOST_WHEN_IDLE: f64 = 0.5;

/// The number of drawings per second that must make the round trip: about as many as the browser has animation frames.
const FRAMES: f64 = 55.0;

/// The duration of a measurement.
const TIME: Duration = Duration::from_secs(10);

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask measure` has them"]
async fn an_idle_page_costs_nothing() -> Result<()> {
    with_page_at(
        &format!("http://{}/", server()?),
        |_| false,
        async |page: &Page| {
            rest(page).await?;
            let (before, since) = (processor_time()?, Instant::now());
            tokio::time::sleep(TIME).await;
            let share = 100.0 * (processor_time()? - before) / since.elapsed().as_secs_f64();
            println!("idle: {share:.2} % of a core, by all processes of the browser");
            ensure!(share < MOST_WHEN_IDLE, "the idle page takes {share:.2} % of a core");
            Ok(())
        },
    )
    .await
}

/// Waits until the sample has left the plot.
async fn rest(page: &Page) -> Result<()> {
    page.find("#drawing-verdict[data-is=good]").await?;
    tokio::time::sleep(Duration::from_secs(33)).await;
    Ok(())
}

/// Returns the processor time of the browser, which is the time of all child processes, in seconds.
fn processor_time() -> Result<f64> {
    const TICKS_PER_SECOND: f64 = 100.0; // on every Linux
    let processes: HashMap<u32, (u32, f64)> = fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let status = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The second field is a name in brackets, which may hold anything.
            let fields: Vec<_> = status.rsplit_once(") ")?.1.split(' ').collect();
            let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
            Some((id, (fields.get(1)?.parse().ok()?, ticks)))
        })
        .collect();
    let is_ours = |id: &u32| {
        let mut parents = std::iter::successors(Some(*id), |id| Some(processes.get(id)?.0));
        parents.any(|parent| parent == std::process::id())
    };
    let ticks: f64 = processes.iter().filter(|(id, _)| is_ours(id)).map(|(_, (_, ticks))| ticks).sum();
    ensure!(processes.keys().filter(|id| is_ours(id)).count() > 3, "the browser's processes are not found");
    Ok(ticks / TICKS_PER_SECOND)
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask measure` has them"]
async fn live_drawing_keeps_up_with_the_browser() -> Result<()> {
    with_page_at(
        &format!("http://{}/", server()?),
        |_| false,
        async |page: &Page| {
            page.look(1920, &[]).await?;
            page.find("#drawing-verdict[data-is=good]").await?;
            let seen = page.run(DRAW).await?;
            let [drawn, back] = ["drawn", "back"].map(|name| seen[name].as_f64().unwrap_or_default());
            println!("live: {back:.1} drawings per second came back, of {drawn:.1} that the browser drew: {seen}");
            ensure!(back > FRAMES.min(0.9 * drawn), "only {back:.1} drawings per second came back of {drawn:.1}");
            Ok(())
        },
    )
    .await
}

/// One tab draws, and another tab shows the drawings.
#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask measure` has them"]
async fn another_tab_keeps_up_with_live_drawing() -> Result<()> {
    let url = format!("http://{0}/?url=ws://{0}/share/measure", server()?);
    with_page_at(&url, |_| false, async |page: &Page| {
        page.look(1920, &[]).await?;
        page.find("#state[data-state=open]").await?;
        let drawing = page.tab().await?;
        let showing = page.open_window(&url).await?;
        page.look(1920, &[]).await?;
        page.find("#state[data-state=open]").await?;
        // Only the second round counts: in the first, both windows are busy with loading.
        let (mut seen, mut other, mut before) = (Value::Null, Value::Null, 0.0);
        for _ in 0..2 {
            before = other["shown"].as_f64().unwrap_or_default();
            page.show_tab(&drawing).await?;
            seen = page.run(DRAW).await?;
            page.show_tab(&showing).await?;
            other = page.run(SHOWN).await?;
        }
        let [drawn, seconds] = ["drawn", "seconds"].map(|name| seen[name].as_f64().unwrap_or_default());
        let shown = (other["shown"].as_f64().unwrap_or_default() - before) / seconds;
        println!("two tabs: {shown:.1} drawings per second were shown, of {drawn:.1} that the browser drew: {seen}, {other}");
        ensure!(other["visible"] == "visible", "the other tab is not seen: {other}");
        ensure!(shown > FRAMES.min(0.9 * drawn), "only {shown:.1} drawings per second were shown of {drawn:.1}");
        Ok(())
    })
    .await
}

/// Returns how many drawings a tab has shown, and whether the tab is visible.
const SHOWN: &str = "
    const shown = document.querySelector('#frames-back').textContent.split(' ')[0].replaceAll(',', '');
    return { shown: Number(shown), visible: document.visibilityState };";

/// Draws in each animation frame for five seconds, and counts the frames and the drawings that come back.
const DRAW: &str = "
    const canvas = document.querySelector('#canvas'), { left, top } = canvas.getBoundingClientRect();
    const pointer = (type, x, y, button) => canvas.dispatchEvent(new PointerEvent(type, {
        pointerId: 1, button, clientX: left + x, clientY: top + y, bubbles: true,
    }));
    const back = () => Number(document.querySelector('#frames-back').textContent.split(' ')[0].replaceAll(',', ''));
    canvas.setPointerCapture = () => {};
    if (!document.querySelector('#live-strokes').checked) document.querySelector('#live-strokes').click();
    pointer('pointerdown', 100, 100, 0);
    const [before, start] = [back(), performance.now()];
    let frames = 0;
    for (; performance.now() - start < 5000; frames++) {
        await new Promise(requestAnimationFrame);
        pointer('pointermove', 200 + 90 * Math.cos(frames / 20), 130 + 90 * Math.sin(frames / 17), -1);
    }
    const seconds = (performance.now() - start) / 1000, came_back = back() - before;
    pointer('pointerup', 200, 130, 0);
    return {
        seconds,
        drawn: frames / seconds,
        back: came_back / seconds,
        round_trip: document.querySelector('#round-trip').textContent,
        rate: document.querySelector('#frame-rate').textContent,
    };";
