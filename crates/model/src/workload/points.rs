//! Choice of the output elements that are verified.
//!
//! A small output is verified completely. Of a larger one, a grid of rows × columns is verified, so that
//! the oracle reuses each row and column, plus scattered elements. Rows and columns always include the
//! first, the last, and the last ones of tiles, where index errors show.

use super::generator::mix;
use std::collections::BTreeSet;

/// Largest number of elements of an output that is verified completely.
pub const ALL_UP_TO: u64 = 16_384;
/// Smallest number of elements that are verified in a larger output.
pub const AT_LEAST: u64 = 4096;

/// Part of the output that one workgroup writes, rows × columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Tile {
    /// Number of rows of the tile.
    pub rows: u64,
    /// Number of columns of the tile.
    pub columns: u64,
}

impl Tile {
    /// Tile of one element, for a kernel without tiles.
    pub const ONE: Tile = Tile { rows: 1, columns: 1 };
}

/// Returns up to `count` distinct indices below `len`: first, last, ends of tiles, then seeded random ones.
fn along(len: u64, tile: u64, count: u64, seed: u32) -> BTreeSet<u64> {
    if len <= count {
        return (0..len).collect();
    }
    let mut chosen = BTreeSet::from([0, len - 1]);
    let tiles = len.div_ceil(tile.max(1));
    // Half of the indices are ends of tiles, spread evenly if there are more tiles than that.
    let ends = (count / 2).min(tiles);
    for i in 0..ends {
        let t = if ends == tiles { i } else { i * (tiles - 1) / (ends - 1).max(1) };
        chosen.insert(((t + 1) * tile.max(1) - 1).min(len - 1));
    }
    let mut counter = 0u32;
    while (chosen.len() as u64) < count {
        let high = u64::from(mix(counter.wrapping_mul(2).wrapping_add(1) ^ seed));
        let low = u64::from(mix(counter.wrapping_mul(2).wrapping_add(2) ^ mix(seed)));
        chosen.insert(((high << 32) | low) % len);
        counter += 1;
    }
    chosen
}

/// Returns the row-major indices, ascending, of the elements to verify in a rows × columns output.
pub fn choose(rows: u64, columns: u64, tile: Tile, seed: u32) -> Vec<u64> {
    if rows * columns <= ALL_UP_TO {
        return (0..rows * columns).collect();
    }
    // A thin output needs more of its long side to reach the same number of elements.
    let side = 64u64;
    let row_count = side.max(AT_LEAST.div_ceil(columns.min(side)));
    let column_count = side.max(AT_LEAST.div_ceil(rows.min(side)));
    let chosen_rows = along(rows, tile.rows, row_count, seed ^ 0x51ed_270b);
    let chosen_columns = along(columns, tile.columns, column_count, seed ^ 0x2f0b_1c33);
    let mut points = BTreeSet::new();
    for row in &chosen_rows {
        for column in &chosen_columns {
            points.insert(row * columns + column);
        }
    }
    let scattered = along(rows * columns, 1, 512, seed ^ 0x7a31_55e9);
    points.extend(scattered);
    points.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_outputs_are_verified_whole() {
        assert_eq!(choose(128, 128, Tile::ONE, 1), (0..16_384).collect::<Vec<_>>());
    }

    #[test]
    fn the_last_row_and_column_of_each_tile_are_among_the_points() {
        let points = choose(1024, 1024, Tile { rows: 128, columns: 64 }, 9);
        for tile in 0..8 {
            let row = tile * 128 + 127;
            assert!(points.iter().any(|p| p / 1024 == row), "row {row}");
        }
        for tile in 0..16 {
            let column = tile * 64 + 63;
            assert!(points.iter().any(|p| p % 1024 == column), "column {column}");
        }
    }

    proptest! {
        #[test]
        fn points_are_sorted_distinct_inside_and_enough(
            rows in 1u64..5000, columns in 1u64..5000, tile in 1u64..300, seed: u32,
        ) {
            let points = choose(rows, columns, Tile { rows: tile, columns: tile }, seed);
            let total = rows * columns;
            prop_assert!(points.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(points.iter().all(|p| *p < total));
            prop_assert!(points.len() as u64 >= total.min(AT_LEAST));
            prop_assert!(points.len() as u64 <= 20_000);
            for corner in [0, columns - 1, (rows - 1) * columns, total - 1] {
                prop_assert!(points.binary_search(&corner).is_ok());
            }
        }
    }
}
