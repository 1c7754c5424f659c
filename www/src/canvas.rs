//! The canvas to draw on, and the one that shows what came back.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData, PointerEvent};

use crate::page;

/// Lets the user draw.
pub fn start() -> Result<(), JsValue> {
    let canvas = page::element::<HtmlCanvasElement>("drawing");
    let context = context("drawing")?;
    context.set_line_width(4.0);
    context.set_line_cap("round");
    clear()?;
    let last = Rc::new(Cell::new(None));
    page::on(&canvas, "pointerdown", {
        let (canvas, last) = (canvas.clone(), last.clone());
        move |event: PointerEvent| {
            // So that a line that leaves the canvas goes on when it comes back.
            let _ = canvas.set_pointer_capture(event.pointer_id());
            last.set(Some(position(&canvas, &event)));
        }
    });
    page::on(&canvas, "pointermove", {
        let (canvas, last) = (canvas.clone(), last.clone());
        move |event: PointerEvent| {
            let to = position(&canvas, &event);
            if let Some(from) = last.replace(last.get().map(|_| to)) {
                draw_line(&context, from, to);
            }
        }
    });
    for name in ["pointerup", "pointercancel"] {
        let last = last.clone();
        page::on(&canvas, name, move |_: PointerEvent| last.set(None));
    }
    Ok(())
}

/// Makes the drawing white.
pub fn clear() -> Result<(), JsValue> {
    let context = context("drawing")?;
    context.set_fill_style_str("white");
    let (width, height) = size(&context);
    context.fill_rect(0.0, 0.0, width, height);
    Ok(())
}

/// The drawing's pixels.
pub fn drawing() -> Result<ImageData, JsValue> {
    let context = context("drawing")?;
    let (width, height) = size(&context);
    context.get_image_data(0.0, 0.0, width, height)
}

/// Paints what came back, and gives the number of pixels that differ; none if it is no picture of this size.
pub fn paint_echo(sent: &ImageData, came_back: &[u8]) -> Option<usize> {
    let sent_pixels = sent.data();
    if sent_pixels.len() != came_back.len() {
        return None;
    }
    let image = ImageData::new_with_u8_clamped_array_and_sh(Clamped(came_back), sent.width(), sent.height()).ok()?;
    context("echo").ok()?.put_image_data(&image, 0.0, 0.0).ok()?;
    Some(sent_pixels.chunks(4).zip(came_back.chunks(4)).filter(|(sent, got)| sent != got).count())
}

fn context(id: &str) -> Result<CanvasRenderingContext2d, JsValue> {
    let context = page::element::<HtmlCanvasElement>(id).get_context("2d")?;
    context.map(JsCast::unchecked_into).ok_or_else(|| "this browser cannot draw".into())
}

fn size(context: &CanvasRenderingContext2d) -> (f64, f64) {
    let canvas = context.canvas().expect("it is a canvas's context");
    (canvas.width().into(), canvas.height().into())
}

/// Where a pointer is, in the canvas's pixels: the page shows it larger or smaller.
fn position(canvas: &HtmlCanvasElement, event: &PointerEvent) -> (f64, f64) {
    let scale = f64::from(canvas.width()) / f64::from(canvas.client_width().max(1));
    (f64::from(event.offset_x()) * scale, f64::from(event.offset_y()) * scale)
}

fn draw_line(context: &CanvasRenderingContext2d, from: (f64, f64), to: (f64, f64)) {
    // The colour follows the place, so that every part of the picture is one that can be told from the others.
    context.set_stroke_style_str(&format!("hsl({} 80% 45%)", to.0 + to.1));
    context.begin_path();
    context.move_to(from.0, from.1);
    context.line_to(to.0, to.1);
    context.stroke();
}
