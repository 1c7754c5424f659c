//! A canvas, and how one draws on it.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::{Clamped, JsCast, JsValue};
use web_sys::{
    CanvasRenderingContext2d, ContextAttributes2d, HtmlCanvasElement, ImageData, KeyboardEvent, PointerEvent,
};

use crate::page::{self, on};

/// A place on a canvas, in its pixels.
type Point = (f64, f64);

/// A canvas, which is white at first.
#[derive(Clone)]
pub struct Canvas {
    element: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
}

impl Canvas {
    pub fn new(id: &str) -> Result<Self, JsValue> {
        let element = page::element::<HtmlCanvasElement>(id);
        // Its pixels are read at each frame, which from the memory of a graphics card takes long.
        let options = ContextAttributes2d::new();
        options.set_will_read_frequently(true);
        let context = element.get_context_with_context_options("2d", &options)?;
        let context = context.ok_or("this browser cannot draw")?.unchecked_into::<CanvasRenderingContext2d>();
        context.set_line_cap("round");
        let canvas = Self { element, context };
        canvas.clear();
        Ok(canvas)
    }

    /// Makes it white.
    pub fn clear(&self) {
        let (width, height) = self.size();
        self.context.set_fill_style_str("white");
        self.context.fill_rect(0.0, 0.0, width, height);
    }

    /// The pixels.
    pub fn pixels(&self) -> ImageData {
        let (width, height) = self.size();
        self.context.get_image_data(0.0, 0.0, width, height).expect("it shows nothing of another site")
    }

    /// Paints pixels, of which there must be as many as it has.
    pub fn paint(&self, pixels: &[u8]) {
        let image = ImageData::new_with_u8_clamped_array(Clamped(pixels), self.element.width());
        let painted = image.and_then(|image| self.context.put_image_data(&image, 0.0, 0.0));
        painted.expect("there are as many pixels");
    }

    fn size(&self) -> Point {
        (self.element.width().into(), self.element.height().into())
    }

    fn draw_line(&self, from: Point, to: Point) {
        self.context.set_line_width(page::value("brush").parse().unwrap_or(4.0));
        self.context.set_stroke_style_str(&colour());
        self.context.begin_path();
        self.context.move_to(from.0, from.1);
        self.context.line_to(to.0, to.1);
        self.context.stroke();
    }

    /// Where a pointer is: the page shows the canvas larger or smaller.
    fn position(&self, event: &PointerEvent) -> Point {
        let scale = self.size().0 / f64::from(self.element.client_width().max(1));
        (f64::from(event.offset_x()) * scale, f64::from(event.offset_y()) * scale)
    }
}

/// The colour that is chosen.
fn colour() -> String {
    let chosen = page::document().query_selector("input[name=colour]:checked").expect("the selector is valid");
    match chosen.and_then(|chosen| chosen.get_attribute("value")) {
        Some(colour) if !colour.is_empty() => colour,
        _ => page::value("own-colour"),
    }
}

/// Lets one draw by pointer and by keyboard. `changed` is called after each stroke.
pub fn let_draw(canvas: &Canvas, changed: impl Fn() + 'static) {
    let changed = Rc::new(changed);
    draw_by_pointer(canvas, changed.clone());
    draw_by_arrow_keys(canvas, changed);
}

fn draw_by_pointer(canvas: &Canvas, changed: Rc<impl Fn() + 'static>) {
    let last = Rc::new(Cell::new(None));
    on(&canvas.element, "pointerdown", {
        let (canvas, last, changed) = (canvas.clone(), last.clone(), changed.clone());
        move |event: PointerEvent| {
            // So that a line that leaves the canvas goes on when it comes back.
            let _ = canvas.element.set_pointer_capture(event.pointer_id());
            let at = canvas.position(&event);
            canvas.draw_line(at, at);
            last.set(Some(at));
            changed();
        }
    });
    on(&canvas.element, "pointermove", {
        let (canvas, last) = (canvas.clone(), last.clone());
        move |event: PointerEvent| {
            let to = canvas.position(&event);
            if let Some(from) = last.replace(last.get().map(|_| to)) {
                canvas.draw_line(from, to);
                changed();
            }
        }
    });
    for name in ["pointerup", "pointercancel"] {
        let last = last.clone();
        on(&canvas.element, name, move |_: PointerEvent| last.set(None));
    }
}

/// The arrow keys draw a line from where the last one ended, the first one from the middle.
fn draw_by_arrow_keys(canvas: &Canvas, changed: Rc<impl Fn() + 'static>) {
    const STEP: f64 = 8.0;
    let (width, height) = canvas.size();
    let (canvas, last) = (canvas.clone(), Cell::new((width / 2.0, height / 2.0)));
    on(&canvas.element.clone(), "keydown", move |event: KeyboardEvent| {
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
        canvas.draw_line(from, to);
        last.set(to);
        changed();
    });
}
