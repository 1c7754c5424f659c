//! Defects that the page had. One browser checks many of them, since starting a browser takes longer than all checks.

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use wasm_websocket_browser::{Page, server, with_page, with_page_at};

use crate::{Demo, failed_connections, none};

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn the_page_opens_connected_and_drawn() -> Result<()> {
    let missing = |error: &str| error.contains("/missing");
    with_page(missing, async |page: &Page| {
        page.find("#state[data-state=open]").await?;
        page.find("#drawing-verdict[data-is=good]").await?;
        ensure!(page.pixels("canvas").await? == page.pixels("echo").await?, "the sample has not come back");
        let colours =
            page.pixels("echo").await?.chunks(4).map(<[u8]>::to_vec).collect::<std::collections::HashSet<_>>();
        ensure!(colours.len() > 5, "the sample has {} colours", colours.len());
        is_seen(page, "#disconnect", true).await?;
        is_seen(page, "#connect", false).await?;
        copies(page).await?;
        controls_are_named_and_large(page).await?;
        colours_and_widths_follow_the_controls(page).await?;
        other_fingers_and_buttons_draw_nothing(page).await?;
        keys_of_the_browser_draw_nothing(page).await?;
        what_is_missing_is_said(page).await
    })
    .await
}

async fn is_seen(page: &Page, selector: &str, is_seen: bool) -> Result<()> {
    let shown = page.run(&format!("return document.querySelector('{selector}').checkVisibility();")).await?;
    ensure!(shown == json!(is_seen), "{selector}: {shown}");
    Ok(())
}

async fn copies(page: &Page) -> Result<()> {
    page.run("navigator.clipboard.writeText = async text => { window.copied = text; };").await?;
    page.click(".cargo .copy").await?;
    page.shows(".cargo .copy", "Copied").await?;
    let copied = page.run("return [window.copied, document.querySelector('.cargo .copy').ariaLabel];").await?;
    ensure!(copied == json!(["cargo add wasm-websocket", "Copied: cargo add wasm-websocket"]), "{copied}");
    Ok(())
}

/// Checks that no two buttons have the same name, and that each swatch is large enough for a finger.
async fn controls_are_named_and_large(page: &Page) -> Result<()> {
    let names = page
        .run(
            "const buttons = [...document.querySelectorAll('button')];
            const names = buttons.map(button => button.getAttribute('aria-label') ?? button.textContent);
            return names.filter((name, index) => names.indexOf(name) != index);",
        )
        .await?;
    ensure!(names == json!([]), "buttons share names: {names}");
    let smallest = page
        .run(
            "const swatches = [...document.querySelectorAll('.swatches label')].map(label => label.getBoundingClientRect());
            return Math.min(...swatches.flatMap(({ width, height }) => [width, height]));",
        )
        .await?;
    ensure!(smallest.as_f64().is_some_and(|pixels| pixels >= 44.0), "a swatch has {smallest} pixels");
    ensure!(page.count("[role=log]").await? == 0, "a screen reader announces every line of the log");
    Ok(())
}

async fn colours_and_widths_follow_the_controls(page: &Page) -> Result<()> {
    let chosen = page
        .run(
            "const input = (id, value) => {
                const field = document.getElementById(id);
                field.value = value;
                field.dispatchEvent(new Event('input', { bubbles: true }));
            };
            input('own-colour', '#123456');
            input('brush', 30);
            const swatch = getComputedStyle(document.getElementById('swatch-own'), '::before').backgroundColor;
            return [document.getElementById('own').checked, swatch, document.getElementById('brush-size').textContent];",
        )
        .await?;
    ensure!(chosen == json!([true, "rgb(18, 52, 86)", "30 px"]), "{chosen}");
    page.click("#clear-drawing").await?;
    page.draw(&[(-50.0, 0.0), (50.0, 0.0)]).await?;
    let drawn = page.pixels("canvas").await?;
    ensure!(drawn.chunks(4).any(|pixel| pixel == [0x12, 0x34, 0x56, 255]), "another colour was drawn");
    Ok(())
}

/// Only the first pointer draws, and only with its main button.
async fn other_fingers_and_buttons_draw_nothing(page: &Page) -> Result<()> {
    page.click("#clear-drawing").await?;
    let rows = page
        .run(
            "const canvas = document.querySelector('#canvas'), { left, top } = canvas.getBoundingClientRect();
            canvas.setPointerCapture = () => {}; // synthetic pointers cannot be captured
            const pointer = (type, pointerId, x, y, button = 0) => canvas.dispatchEvent(new PointerEvent(type, {
                pointerId, button, clientX: left + x, clientY: top + y, bubbles: true,
            }));
            pointer('pointerdown', 7, 40, 150, 2); // the right button
            pointer('pointermove', 7, 200, 150, -1);
            pointer('pointerup', 7, 200, 150, 2);
            pointer('pointerdown', 8, 40, 40);
            pointer('pointerdown', 9, 40, 150);
            for (const x of [80, 120, 160]) {
                pointer('pointermove', 8, x, 40, -1);
                pointer('pointermove', 9, x, 150, -1);
            }
            pointer('pointerup', 9, 160, 150);
            pointer('pointermove', 8, 200, 40, -1);
            pointer('pointerup', 8, 200, 40);
            pointer('pointermove', 8, 200, 150, -1);
            const scale = canvas.width / canvas.clientWidth;
            const inked = y => {
                const { data } = canvas.getContext('2d').getImageData(0, Math.round(y * scale), canvas.width, 1);
                return data.filter((byte, index) => index % 4 == 0 && byte != 255).length;
            };
            return [inked(40) > 0, inked(95) > 0, inked(150) > 0];",
        )
        .await?;
    ensure!(rows == json!([true, false, false]), "drawn by the first finger, between both, by others: {rows}");
    Ok(())
}

/// Arrow keys with Alt, Control or Meta are the browser's, for instance to go back.
async fn keys_of_the_browser_draw_nothing(page: &Page) -> Result<()> {
    let before = page.pixels("canvas").await?;
    let taken = page
        .run(
            "const press = modifier => !document.querySelector('#canvas').dispatchEvent(
                new KeyboardEvent('keydown', { key: 'ArrowLeft', [modifier]: true, bubbles: true, cancelable: true }));
            return ['altKey', 'ctrlKey', 'metaKey'].filter(press);",
        )
        .await?;
    ensure!(taken == json!([]), "the canvas takes arrow keys with {taken}");
    ensure!(page.pixels("canvas").await? == before, "a line was drawn");
    Ok(())
}

/// Checks what the page says when it is offline, and when its module is missing.
async fn what_is_missing_is_said(page: &Page) -> Result<()> {
    page.run("Object.defineProperty(navigator, 'onLine', { get: () => false });").await?;
    page.begin_to_connect("ws://").await?;
    page.shows("#connect-problem:not([hidden])", "This browser is offline.").await?;
    page.run(
        "const html = await (await fetch('/')).text();
        document.open();
        document.write(html.replaceAll('wasm_websocket_demo', 'missing'));
        document.close();",
    )
    .await?;
    page.shows("#broken:not([hidden])", "The page could not load its WebAssembly: TypeError").await
}

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn nothing_old_is_shown() -> Result<()> {
    with_page(failed_connections, async |page: &Page| {
        page.starts().await?;
        verdicts_are_of_this_connection(page).await?;
        a_hidden_button_passes_the_focus_on(page).await?;
        closes_are_logged(page).await?;
        peers_bring_their_subprotocols(page).await?;
        the_list_of_peers_follows_the_url(page).await?;
        the_log_is_bounded(page).await?;
        faults_are_asked_for_only_if_they_are_possible(page).await?;
        files_end_as_they_should(page).await?;
        a_removed_file_is_freed(page).await?;
        a_dragged_text_is_left_to_the_browser(page).await?;
        folders_are_sent(page).await?;
        many_files_keep_their_place(page).await?;
        no_control_is_restored(page).await
    })
    .await
}

/// Checks that an outdated verdict is removed, and that a text is not taken for a drawing.
async fn verdicts_are_of_this_connection(page: &Page) -> Result<()> {
    page.find("#drawing-verdict[data-is=good]").await?;
    page.click("#disconnect").await?;
    page.find("#state[data-state=closed]").await?;
    is_seen(page, "#connect", true).await?;
    is_seen(page, "#disconnect", false).await?;
    for (button, problem) in [("#send-drawing", "#drawing-problem"), ("#message-form button", "#message-problem")] {
        page.click(button).await?;
        page.shows(problem, "There is no open connection: connect first.").await?;
    }
    page.connect("/sink", "open").await?;
    for problem in ["#drawing-problem", "#message-problem"] {
        page.find(&format!("{problem}[hidden]")).await?;
    }
    ensure!(page.text("#drawing-verdict").await?.is_empty(), "the verdict of another connection is still shown");
    page.click("#send-drawing").await?;
    page.shows("#drawing-verdict", "Sent. Nothing has come back yet.").await?;
    ensure!(page.send_text("report").await?.contains("sha256"), "the sink reports nothing");
    page.shows("#drawing-verdict", "Sent. Nothing has come back yet.").await?;
    ensure!(page.text("#round-trip").await? == "–", "a text is taken for the drawing");
    sending_stops_without_echoes(page).await?;

    page.connect("/flip", "open").await?;
    page.click("#send-drawing").await?;
    page.shows("#drawing-verdict", "1 pixel came back changed.").await?;
    page.find("#difference:not([hidden])").await.map(drop)
}

/// Sends drawings until the page refuses to, and checks that it says why.
async fn sending_stops_without_echoes(page: &Page) -> Result<()> {
    const PROBLEM: &str = "8 drawings have not come back: this server may send nothing back.";
    for _ in 0..30 {
        page.click("#send-drawing").await?; // the browser may still hold the bytes of the last drawing
        if page.text("#drawing-problem").await? == PROBLEM {
            return Ok(());
        }
    }
    bail!("another problem: {}", page.text("#drawing-problem").await?)
}

/// Closes and connects by the keyboard. Each button disappears when it has done its work.
async fn a_hidden_button_passes_the_focus_on(page: &Page) -> Result<()> {
    for (pressed, state, focused) in [("#disconnect", "closed", "connect"), ("#connect", "open", "disconnect")] {
        page.press(pressed, "\u{E007}").await?; // Enter
        page.find(&format!("#state[data-state={state}]")).await?;
        let active = page.run("return document.activeElement.id;").await?;
        ensure!(active == json!(focused), "after {pressed}, the focus is at {active}");
    }
    Ok(())
}

async fn closes_are_logged(page: &Page) -> Result<()> {
    page.click("#clear-log").await?;
    page.connect("/echo", "open").await?;
    page.shows("#log [data-kind=close]", "dropped for a new connection").await
}

/// Checks that choosing a peer also offers its subprotocol. The address of the page keeps both.
async fn peers_bring_their_subprotocols(page: &Page) -> Result<()> {
    page.choose("#peer", "/protocol/chat.v2").await?;
    is_seen(page, "#connect", true).await?;
    page.click("#connect").await?;
    page.find("#state[data-state=open]").await?;
    page.shows("#protocol", "chat.v2").await?;
    let kept = page.run("return [...new URL(location).searchParams];").await?;
    ensure!(
        kept == json!([["url", format!("ws://{}/protocol/chat.v2", server()?)], ["protocols", "chat.v2"]]),
        "{kept}"
    );
    page.choose("#peer", "/echo").await?;
    page.click("#connect").await?;
    page.shows("#protocol", "none").await?;
    ensure!(page.run("return location.search;").await? == json!(""), "the default is kept in the address");
    Ok(())
}

/// Checks that the list names the server in the URL: after a reload, and after another URL was typed.
async fn the_list_of_peers_follows_the_url(page: &Page) -> Result<()> {
    let chosen = async || page.run("return document.querySelector('#peer').value;").await;
    page.choose("#peer", "/flip").await?;
    page.click("#connect").await?;
    page.find("#state[data-state=open]").await?;
    page.go(page.run("return location.href;").await?.as_str().context("no address")?).await?;
    page.starts().await?;
    ensure!(chosen().await? == json!("/flip"), "after a reload, the list says {}", chosen().await?);
    page.fill("#url", "ws://example.com/").await?;
    ensure!(chosen().await? == json!(""), "for another server, the list says {}", chosen().await?);
    page.choose("#peer", "/echo").await?;
    page.click("#connect").await?;
    page.find("#state[data-state=open]").await?;
    ensure!(page.run("return location.search;").await? == json!(""), "the page is not connected to the echo");
    Ok(())
}

/// Checks that the log shows only a part of a long text.
async fn the_log_is_bounded(page: &Page) -> Result<()> {
    page.find("#state[data-state=open]").await?;
    page.run("document.querySelector('#message').value = 'x'.repeat(300_000);").await?;
    page.click("#message-form button").await?;
    page.shows("#log", "300.0 kB").await?;
    let longest = page
        .run("return Math.max(...[...document.querySelectorAll('#log li')].map(line => line.textContent.length));")
        .await?;
    ensure!(longest.as_u64().is_some_and(|longest| longest < 300), "a line has {longest} characters");
    Ok(())
}

/// Checks that an empty reason is sent as none, and that a reason that is too long for a Close frame is refused.
async fn faults_are_asked_for_only_if_they_are_possible(page: &Page) -> Result<()> {
    page.fill("#fault-reason", "").await?;
    page.click("#try-close").await?;
    page.shows("#verdict-close:not([data-is=bad])", "4001").await?;
    page.fill("#fault-reason", &"€".repeat(42)).await?;
    page.click("#try-close").await?;
    page.shows("#verdict-close[data-is=bad]", "a close reason of 126 bytes is too long; use 123 at most").await
}

async fn files_end_as_they_should(page: &Page) -> Result<()> {
    page.choose("#file-peer", "/reset").await?;
    page.drop_files("#drop", &[("empty.txt", "text/plain", "")]).await?;
    page.shows(".file .verdict[data-is=bad]", "The connection ended before all came back: 1006").await?;
    page.choose("#file-peer", "/echo").await?;
    page.drop_files("#drop", &[("empty.txt", "text/plain", "")]).await?;
    page.shows(".file:first-child .verdict[data-is=good]", "The same came back.").await?;
    for status in page.run(STATUSES).await?.as_array().context("no statuses")? {
        ensure!(!status.to_string().contains("left"), "an ended file shows {status}");
    }
    page.click("#clear-files").await?;
    ensure!(page.count(".file").await? == 0, "the files are still there");
    Ok(())
}

const STATUSES: &str = "return [...document.querySelectorAll('.file .status')].map(status => status.textContent);";

/// Removes the row of a file, and checks that nothing holds its elements any more.
async fn a_removed_file_is_freed(page: &Page) -> Result<()> {
    page.drop_files("#drop", &[("dot.svg", "image/svg+xml", DOT)]).await?;
    let freed = page.run(FREED).await?;
    ensure!(freed == json!(true), "the row of a removed file is still in memory");
    Ok(())
}

const DOT: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='7' height='5'/>";

/// Returns whether the garbage collector frees a row that was removed. In Firefox, where it does not free even a plain element that
/// WebDriver's scripts have seen, this says nothing.
const FREED: &str = "
    const list = document.querySelector('#files-list');
    await new Promise(resolve => {
        const look = () => list.querySelector('.ended') && resolve();
        new MutationObserver(look).observe(list, { childList: true });
        look();
    });
    const row = new WeakRef(list.querySelector('.ended'));
    row.deref().querySelector('.cancel').click();
    if (!window.gc) return true;
    for (let turns = 0; row.deref() && turns < 50; turns++) {
        await new Promise(resolve => setTimeout(resolve, 50)); // a row is held until the end of the task
        gc();
    }
    return !row.deref();";

/// A text that is dragged over the page may be meant for a field.
async fn a_dragged_text_is_left_to_the_browser(page: &Page) -> Result<()> {
    let taken = page
        .run(
            "const dataTransfer = new DataTransfer();
            dataTransfer.setData('text/plain', 'dragged');
            const event = new DragEvent('dragover', { dataTransfer, bubbles: true, cancelable: true });
            return !document.querySelector('#message').dispatchEvent(event);",
        )
        .await?;
    ensure!(taken == json!(false), "the page takes a dragged text");
    Ok(())
}

/// Drops a folder in a folder. WebDriver cannot drop folders, so these are objects that look like the browser's.
async fn folders_are_sent(page: &Page) -> Result<()> {
    page.run(
        "const file = name => ({ isDirectory: false, file: found => found(new File([name], name)) });
        const folder = entries => ({
            isDirectory: true,
            createReader: () => ({ readEntries: found => found(entries.splice(0, 2)) }),
        });
        const inner = folder([file('c.txt')]);
        const outer = folder([file('a.txt'), file('b.txt'), inner]);
        const item = { webkitGetAsEntry: () => outer, getAsFile: () => { throw Error('a folder is no file'); } };
        const event = new Event('drop', { bubbles: true, cancelable: true });
        event.dataTransfer = { items: [item], types: ['Files'] };
        document.querySelector('#drop').dispatchEvent(event);",
    )
    .await?;
    for name in ["a.txt", "b.txt", "c.txt"] {
        page.shows("#files-list", name).await?;
    }
    page.find(".file.ended:first-child:nth-last-child(3)").await?;
    ensure!(page.count(".file .verdict[data-is=good]").await? == 3, "{}", page.text("#files-list").await?);
    Ok(())
}

/// Checks that many files need no more room than few, and that files in progress are at the top.
async fn many_files_keep_their_place(page: &Page) -> Result<()> {
    let height = "return document.documentElement.scrollHeight;";
    let before = page.run(height).await?;
    let names: Vec<_> = (0..27).map(|number| format!("{number}.txt")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "text/plain", "content")).collect();
    page.drop_files("#drop", &files).await?;
    page.find(".file.ended:first-child:nth-last-child(30)").await?; // files in progress are first, so all have ended
    ensure!(page.run(height).await? == before, "the page has grown");
    let large = tempfile::Builder::new().prefix("large-").tempfile()?;
    large.as_file().set_len(2_000_000_000)?;
    page.choose("#file-peer", "/echo").await?;
    page.find("#file").await?.send_keys(&large.path().to_string_lossy()).await?;
    page.shows(".file:first-child .percent", "%").await?;
    page.click(".file:first-child .cancel").await?;
    page.shows(".file:first-child .verdict", "Cancelled.").await?;
    page.shows(".file:first-child .status", "of 2.00 GB sent").await
}

/// Changes every control, leaves the page, and comes back. A browser that loads the page anew restores the controls without any event
/// (Firefox does so after a reload, too), so the page would not know their values.
async fn no_control_is_restored(page: &Page) -> Result<()> {
    page.run(CHANGE).await?;
    page.go(&format!("http://{}/?elsewhere", server()?)).await?;
    page.back().await?;
    page.starts().await?;
    let restored = page.run(RESTORED).await?;
    ensure!(restored == json!([]), "restored: {restored}");
    Ok(())
}

const CHANGE: &str = "
    window.isKept = true;
    for (const input of document.querySelectorAll('input:not([type=file])')) {
        if (/checkbox|radio/.test(input.type)) input.checked = !input.defaultChecked;
        else input.value = { color: '#123456', range: 30 }[input.type] ?? 'changed';
    }
    for (const list of document.querySelectorAll('select')) {
        list.selectedIndex = list.length - 1;
        list.disabled = true;
    }";

/// Returns the controls that are not as in `index.html`. If the browser has kept the whole page, this says nothing.
const RESTORED: &str = "
    if (window.isKept) return [];
    const inputs = [...document.querySelectorAll('input:not([type=file], #url)')], lists = [...document.querySelectorAll('select')];
    const isRestored = input => input.checked != input.defaultChecked || /text|search|color|range/.test(input.type) && input.value != input.defaultValue;
    const restored = [...inputs.filter(isRestored), ...lists.filter(list => list.selectedIndex != 0 && list.id != 'peer' || list.disabled)];
    return restored.map(control => control.id || control.value);";

#[tokio::test]
#[ignore = "it takes a browser and the server: `cargo xtask test` has them"]
async fn a_page_without_traffic_rests() -> Result<()> {
    // Nothing is sent on this path, so there is nothing to plot.
    let url = format!("http://{0}/?url=ws://{0}/fault/half-open", server()?);
    with_page_at(&url, none, async |page: &Page| {
        page.find("#state[data-state=open]").await?;
        page.shows("#log-count", "2 lines").await?;
        // The page also rests after a refresh.
        page.go(page.run("return location.href;").await?.as_str().context("no address")?).await?;
        page.find("#state[data-state=open]").await?;
        page.shows("#log", "/fault/half-open").await?;
        page.shows("#log-count", "2 lines").await?;
        let woken = page.run(WAKE_UPS).await?;
        ensure!(woken == json!([0, 0]), "timers that were set, and changes of the page, in 2 seconds: {woken}");
        compressed(page).await?;
        a_rest_does_not_count(page).await
    })
    .await
}

const WAKE_UPS: &str = "
    const counts = [0, 0], wait = setTimeout;
    window.setTimeout = (...timer) => { counts[0]++; return wait(...timer); };
    const changes = new MutationObserver(records => counts[1] += records.length);
    changes.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    await new Promise(resolve => wait(resolve, 2000));
    return counts;";

/// Sends a drawing after a rest of ten minutes. The rate is that of the time since the rest.
async fn a_rest_does_not_count(page: &Page) -> Result<()> {
    page.run("const now = performance.now.bind(performance); performance.now = () => now() + 600_000;").await?;
    page.click("#send-drawing").await?;
    page.changes("#rate-top", "1.0 kB/s").await
}

/// Checks that the server compresses its files.
async fn compressed(page: &Page) -> Result<()> {
    let share = page
        .run(
            "const files = performance.getEntriesByType('resource').filter(({ decodedBodySize }) => decodedBodySize > 9999);
            const sum = name => files.reduce((sum, file) => sum + file[name], 0);
            return [sum('encodedBodySize'), sum('decodedBodySize')];",
        )
        .await?;
    let (sent, size) = (share[0].as_f64().context("no size")?, share[1].as_f64().context("no size")?);
    ensure!(sent < 0.6 * size, "the page's {size} bytes are sent as {sent} bytes");
    Ok(())
}
