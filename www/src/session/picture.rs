//! A text and a drawing, made by the actions of a user.

use std::cell::RefCell;

use wasm_bindgen::JsValue;

use super::act::{Act, apply};
use crate::canvas::{Brush, Canvas};

/// A canvas and a text.
pub struct Picture {
    pub canvas: Canvas,
    brush: Brush,
    text: RefCell<String>,
    show_text: fn(&str),
}

impl Picture {
    pub fn new(canvas: &str, show_text: fn(&str)) -> Result<Self, JsValue> {
        let brush = Brush { colour: "#2257d6".into(), width: 3.0 };
        Ok(Self { canvas: Canvas::new(canvas)?, brush, text: RefCell::default(), show_text })
    }

    /// Applies an action.
    pub fn act(&self, act: &Act) {
        match act {
            Act::Line { from, to } => self.canvas.draw_line(&self.brush, *from, *to),
            Act::Type { removed, added } => {
                apply(&mut self.text.borrow_mut(), *removed, added);
                (self.show_text)(&self.text());
            }
            Act::Clear => self.clear(),
        }
    }

    pub fn clear(&self) {
        self.canvas.clear();
        self.text.take();
        (self.show_text)("");
    }

    pub fn text(&self) -> String {
        self.text.borrow().clone()
    }
}
