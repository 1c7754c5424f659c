//! The drawing that the page sends when it is opened.

use crate::canvas::{Brush, Canvas, Point};

/// Draws a crab at the sea, in strokes as a person would.
pub fn draw(canvas: &Canvas) {
    stroke(canvas, "#2257d6", 5.0, wave(228.0));
    stroke(canvas, "#2257d6", 3.0, wave(252.0));
    stroke(canvas, "#e08a00", 46.0, [(196.0, 168.0), (240.0, 160.0), (284.0, 168.0)]);
    for side in [-1.0, 1.0] {
        let at = |x: f64, y: f64| (240.0 + side * x, y);
        for leg in [0.0, 1.0, 2.0] {
            stroke(canvas, "#c8324b", 6.0, [at(34.0 + 12.0 * leg, 182.0), at(50.0 + 18.0 * leg, 208.0 - 6.0 * leg)]);
        }
        stroke(canvas, "#c8324b", 8.0, [at(56.0, 160.0), at(92.0, 138.0), at(98.0, 104.0)]);
        stroke(canvas, "#c8324b", 10.0, [at(84.0, 84.0), at(96.0, 102.0), at(116.0, 90.0)]);
        stroke(canvas, "#e08a00", 5.0, [at(14.0, 150.0), at(16.0, 122.0)]);
        stroke(canvas, "#1b1f27", 15.0, [at(16.0, 118.0), at(16.0, 118.0)]);
    }
    stroke(canvas, "#1b1f27", 4.0, [(226.0, 172.0), (233.0, 178.0), (247.0, 178.0), (254.0, 172.0)]);
    stroke(canvas, "#0b8a5a", 4.0, (0..=24).map(|step| spiral(f64::from(step))));
}

fn stroke(canvas: &Canvas, colour: &str, width: f64, points: impl IntoIterator<Item = Point>) {
    let brush = Brush { colour: colour.into(), width };
    let points: Vec<_> = points.into_iter().collect();
    points.windows(2).for_each(|line| canvas.draw_line(&brush, line[0], line[1]));
}

fn wave(height: f64) -> impl Iterator<Item = Point> {
    (0..=44).map(move |step| (20.0 + 10.0 * f64::from(step), height + 7.0 * (f64::from(step) * 0.8).sin()))
}

/// A shell in the upper corner.
fn spiral(step: f64) -> Point {
    let (radius, angle) = (3.0 + 1.1 * step, step * 0.6);
    (410.0 + radius * angle.cos(), 62.0 + radius * angle.sin())
}
