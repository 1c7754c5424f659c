//! The brush that the controls choose.

use web_sys::{Event, EventTarget};

use crate::canvas::Brush;
use crate::page::{self, check, element, on, set, show, value};

/// Connects the controls.
pub fn start() {
    on(&element::<EventTarget>("brush"), "input", |_: Event| show("brush-size", &format!("{} px", value("brush"))));
    on(&element::<EventTarget>("own-colour"), "input", |_: Event| {
        set(&element("swatch-own"), "style", &format!("--swatch: {}", value("own-colour")));
        check("own", true);
    });
}

/// Returns the brush that the controls choose.
pub fn chosen() -> Brush {
    Brush { colour: colour(), width: value("brush").parse().unwrap_or(5.0) }
}

fn colour() -> String {
    let chosen = page::document().query_selector("input[name=colour]:checked").expect("the selector is valid");
    match chosen.and_then(|chosen| chosen.get_attribute("value")) {
        Some(colour) if !colour.is_empty() => colour,
        _ => value("own-colour"),
    }
}
