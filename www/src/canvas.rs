//! A canvas, and drawing on it by pointer and by keyboard.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::Reflect;
use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{
    CanvasRenderingContext2d, ContextAttributes2d, HtmlCanvasElement, ImageData, KeyboardEvent, PointerEvent,
};

use crate::page::{self, on};

/// A place on a canvas, in pixels.
pub type Point = (f64, f64);

/// A colour in CSS, and a width in pixels of the canvas.
pub struct Brush {
    pub colour: String,
    pub width: f64,
}

/// A canvas, which is white at first.
#[derive(Clone)]
pub struct Canvas {
    element: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
}

impl Canvas {
    pub fn new(id: &str) -> Result<Self, JsValue> {
        let element = page::element::<HtmlCanvasElement>(id);
        // The pixels are read at each frame. Reading them from the memory of a graphics card would be slow.
        let options = ContextAttributes2d::new();
        options.set_will_read_frequently(true);
        let context = element.get_context_with_context_options("2d", &options)?;
        let context = context.ok_or("this browser cannot draw")?.unchecked_into::<CanvasRenderingContext2d>();
        context.set_line_cap("round");
        let canvas = Self { element, context };
        canvas.clear();
        Ok(canvas)
    }

    /// Makes the canvas white.
    pub fn clear(&self) {
        let (width, height) = self.size();
        self.context.set_fill_style_str("white");
        self.context.fill_rect(0.0, 0.0, width, height);
    }

    /// Returns the pixels.
    pub fn pixels(&self) -> ImageData {
        let (width, height) = self.size();
        self.context.get_image_data(0.0, 0.0, width, height).expect("the canvas shows nothing of another site")
    }

    /// Paints pixels, which must be as many as the canvas has.
    pub fn paint(&self, pixels: &[u8]) {
        let image = ImageData::new_with_u8_clamped_array(Clamped(pixels), self.element.width());
        let painted = image.and_then(|image| self.context.put_image_data(&image, 0.0, 0.0));
        painted.expect("there are as many pixels as the canvas has");
    }

    /// Returns the width and the height, in pixels.
    pub fn size(&self) -> Point {
        (self.element.width().into(), self.element.height().into())
    }

    pub fn draw_line(&self, brush: &Brush, from: Point, to: Point) {
        self.context.set_line_width(brush.width);
        self.context.set_stroke_style_str(&brush.colour);
        self.context.begin_path();
        self.context.move_to(from.0, from.1);
        // A line of length 0 would not be drawn.
        let length = if from == to { 0.01 } else { 0.0 };
        self.context.line_to(to.0 + length, to.1);
        self.context.stroke();
    }

    /// Returns the place of a pointer in pixels of the canvas, which the page may show scaled.
    fn position(&self, event: &PointerEvent) -> Point {
        let scale = self.size().0 / f64::from(self.element.client_width().max(1));
        (f64::from(event.offset_x()) * scale, f64::from(event.offset_y()) * scale)
    }
}

/// Lets the user draw by pointer and by keyboard. Calls `draw` for each line, with its two ends.
pub fn let_draw(canvas: &Canvas, draw: impl Fn(Point, Point) + 'static) {
    let draw = Rc::new(draw);
    draw_by_pointer(canvas, draw.clone());
    draw_by_arrow_keys(canvas, draw);
}

/// The pointer that draws, and its last place. A second finger draws nothing.
type Drawing = Rc<Cell<Option<(i32, Point)>>>;

fn draw_by_pointer(canvas: &Canvas, draw: Rc<impl Fn(Point, Point) + 'static>) {
    const MAIN_BUTTON: i16 = 0;
    let drawing = Drawing::default();
    on(&canvas.element, "pointerdown", {
        let (canvas, drawing, draw) = (canvas.clone(), drawing.clone(), draw.clone());
        move |event: PointerEvent| {
            if event.button() != MAIN_BUTTON || drawing.get().is_some() {
                return;
            }
            // A line that leaves the canvas continues when the pointer comes back.
            let _ = canvas.element.set_pointer_capture(event.pointer_id());
            let at = canvas.position(&event);
            draw(at, at);
            drawing.set(Some((event.pointer_id(), at)));
        }
    });
    on(&canvas.element, "pointermove", {
        let (canvas, drawing) = (canvas.clone(), drawing.clone());
        move |event: PointerEvent| {
            let Some((id, mut from)) = drawing.get().filter(|(id, _)| *id == event.pointer_id()) else { return };
            for to in moves(&event).iter().map(|event| canvas.position(event)) {
                draw(from, to);
                from = to;
            }
            drawing.set(Some((id, from)));
        }
    });
    for name in ["pointerup", "pointercancel", "lostpointercapture"] {
        let drawing = drawing.clone();
        on(&canvas.element, name, move |event: PointerEvent| {
            drawing.set(drawing.get().filter(|(id, _)| *id != event.pointer_id()));
        });
    }
}

/// Returns the moves of a pointer since the last frame. Browsers report them in one event.
fn moves(event: &PointerEvent) -> Vec<PointerEvent> {
    // Browsers have this method only on pages from this machine or over TLS.
    let has_moves = Reflect::has(event, &"getCoalescedEvents".into()).unwrap_or_default();
    let moves = if has_moves { event.get_coalesced_events().to_vec() } else { Vec::new() };
    match moves.is_empty() {
        true => vec![event.clone()],
        false => moves.into_iter().map(JsCast::unchecked_into).collect(),
    }
}

/// Draws a line for each press of an arrow key, from the end of the last line. The first line begins in the middle.
fn draw_by_arrow_keys(canvas: &Canvas, draw: Rc<impl Fn(Point, Point) + 'static>) {
    const STEP: f64 = 8.0;
    let (width, height) = canvas.size();
    let last = Cell::new((width / 2.0, height / 2.0));
    on(&canvas.element, "keydown", move |event: KeyboardEvent| {
        if event.alt_key() || event.ctrl_key() || event.meta_key() {
            return; // a shortcut of the browser, such as Alt and an arrow
        }
        let (x, y) = match event.key().as_str() {
            "ArrowLeft" => (-STEP, 0.0),
            "ArrowRight" => (STEP, 0.0),
            "ArrowUp" => (0.0, -STEP),
            "ArrowDown" => (0.0, STEP),
            _ => return,
        };
        event.prevent_default();
        let from = last.get();
        let to = ((from.0 + x).clamp(0.0, width), (from.1 + y).clamp(0.0, height));
        draw(from, to);
        last.set(to);
    });
}
