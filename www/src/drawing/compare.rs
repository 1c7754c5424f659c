//! Compares the drawing that came back with the drawing that was sent.

use std::ops::RangeInclusive;

/// The bytes of a pixel: red, green, blue and alpha.
const PIXEL: usize = 4;

/// The pixels that differ.
#[derive(Debug, PartialEq)]
pub struct Difference {
    pub pixels: u64,
    /// The range of columns, and of rows, that contains them.
    pub columns: RangeInclusive<usize>,
    pub rows: RangeInclusive<usize>,
}

/// Compares two images of the same size. Returns `None` if they are equal.
pub fn difference(sent: &[u8], came_back: &[u8], width: usize) -> Option<Difference> {
    if sent == came_back {
        return None;
    }
    let pairs = sent.chunks(PIXEL).zip(came_back.chunks(PIXEL)).enumerate();
    let differing = pairs.filter(|(_, (sent, back))| sent != back).map(|(index, _)| (index % width, index / width));
    differing.fold(None, |difference, at| Some(add(difference, at)))
}

fn add(difference: Option<Difference>, (column, row): (usize, usize)) -> Difference {
    let Some(Difference { pixels, columns, rows }) = difference else {
        return Difference { pixels: 1, columns: column..=column, rows: row..=row };
    };
    Difference { pixels: pixels + 1, columns: widen(&columns, column), rows: widen(&rows, row) }
}

fn widen(range: &RangeInclusive<usize>, to: usize) -> RangeInclusive<usize> {
    *range.start().min(&to)..=*range.end().max(&to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_pixels_are_counted_and_located() {
        let sent = vec![0; 3 * 3 * PIXEL];
        let mut came_back = sent.clone();
        assert_eq!(difference(&sent, &came_back, 3), None);
        came_back[PIXEL] = 1; // column 1, row 0
        came_back[6 * PIXEL + 2] = 1; // column 0, row 2
        came_back[6 * PIXEL + 3] = 1;
        let expected = Difference { pixels: 2, columns: 0..=1, rows: 0..=2 };
        assert_eq!(difference(&sent, &came_back, 3), Some(expected));
    }
}
