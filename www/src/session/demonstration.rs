//! The demonstration: while its switches are on, the card draws and types automatically, and requests faults from the server.

use std::cell::Cell;
use std::f64::consts::TAU;
use std::rc::Rc;

use wasm_bindgen_futures::spawn_local;

use super::Card;
use super::act::Act;
use crate::canvas::Point;
use crate::frame::sleep;
use crate::page::{is_checked, on_change};

pub const DRAW: &str = "session-draw";
pub const FAULTS: &str = "session-faults";

/// The intervals of acts and of faults, in milliseconds.
const ACTS: i32 = 50;
const PAUSE: i32 = 4000;

/// The number of steps of a drawing. The next one begins with an empty canvas.
const DRAWING: u32 = 600;

const WORDS: &str = "the quick brown fox jumps over the lazy dog ";

/// Connects the switches.
pub fn start(card: &Rc<Card>) {
    while_checked(card, DRAW, ACTS, |card, step| act_of(card, step).iter().for_each(|act| card.act(act)));
    while_checked(card, FAULTS, PAUSE, |card, step| card.strike(["stall", "cut", "kill"][step as usize % 3]));
}

/// Calls `callback` repeatedly while a switch is on. Its argument is the number of earlier calls.
fn while_checked(card: &Rc<Card>, switch: &'static str, interval: i32, callback: fn(&Rc<Card>, u32)) {
    let (card, is_running) = (card.clone(), Rc::new(Cell::new(false)));
    on_change(switch, move || {
        if is_running.replace(true) {
            return;
        }
        let (card, is_running) = (card.clone(), is_running.clone());
        spawn_local(async move {
            for step in 0.. {
                if !is_checked(switch) {
                    break;
                }
                callback(&card, step);
                sleep(interval).await;
            }
            is_running.set(false);
        });
    });
}

/// Returns the actions of a step: a line, and a letter in every third step.
fn act_of(card: &Card, step: u32) -> Vec<Act> {
    let step = step % DRAWING;
    let line = Act::Line { from: point(step), to: point(step + 1) };
    let letter = step.is_multiple_of(3).then(|| letter(&card.mine.text()));
    let clear = (step == 0).then_some(Act::Clear);
    clear.into_iter().chain([line]).chain(letter).collect()
}

/// Types the next letter. After the last one, removes all.
fn letter(text: &str) -> Act {
    let typed = text.chars().count();
    match WORDS.chars().nth(typed) {
        Some(letter) => Act::Type { removed: 0, added: letter.into() },
        None => Act::Type { removed: typed, added: String::new() },
    }
}

/// A point of a curve that closes only after the whole drawing.
fn point(step: u32) -> Point {
    let angle = f64::from(step) / f64::from(DRAWING) * 10.0 * TAU;
    let other = 2.3 * angle;
    (150.0 + 75.0 * angle.cos() + 60.0 * other.cos(), 95.0 + 45.0 * angle.sin() - 38.0 * other.sin())
}
