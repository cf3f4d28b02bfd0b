//! Dot products of long vectors, for oracles, in little memory.

use std::collections::HashMap;

/// Largest size in bytes of the elements kept at a time.
const KEPT_BYTES: usize = 32 << 20;

/// Returns Σ x·y and Σ |x·y| over `0..length` for each pair of a left and a right vector, given by their
/// numbers. `left(v, p)` and `right(v, p)` are element p of vector v.
///
/// Pairs with the same left vector should follow one another. Right vectors are read once for all pairs,
/// one section of their length at a time, so that they never take more than a fixed amount of memory. Each
/// sum is still taken in the order of p.
pub(super) fn dot_products(
    pairs: &[(u64, u64)],
    length: u64,
    left: impl Fn(u64, u64) -> f64,
    right: impl Fn(u64, u64) -> f64,
) -> Vec<(f64, f64)> {
    dot_products_in(pairs, length, KEPT_BYTES, left, right)
}

fn dot_products_in(
    pairs: &[(u64, u64)],
    length: u64,
    kept_bytes: usize,
    left: impl Fn(u64, u64) -> f64,
    right: impl Fn(u64, u64) -> f64,
) -> Vec<(f64, f64)> {
    let mut places: HashMap<u64, usize> = HashMap::new();
    let places: Vec<usize> = pairs
        .iter()
        .map(|(_, right)| {
            let next = places.len();
            *places.entry(*right).or_insert(next)
        })
        .collect();
    let vectors = places.iter().max().map_or(0, |last| last + 1);
    let stretch = (kept_bytes / size_of::<f64>() / vectors.max(1)).max(1) as u64;
    let mut sums = vec![(0.0, 0.0); pairs.len()];
    let mut from = 0;
    while from < length {
        let range = from..length.min(from + stretch);
        let width = (range.end - range.start) as usize;
        let mut kept = vec![0.0; vectors * width];
        let mut is_kept = vec![false; vectors];
        let mut current: Option<u64> = None;
        let mut x = Vec::with_capacity(width);
        for ((&(a, b), &place), (sum, size)) in pairs.iter().zip(&places).zip(&mut sums) {
            if current != Some(a) {
                x.clear();
                x.extend(range.clone().map(|p| left(a, p)));
                current = Some(a);
            }
            let y = &mut kept[place * width..(place + 1) * width];
            if !std::mem::replace(&mut is_kept[place], true) {
                y.iter_mut().zip(range.clone()).for_each(|(y, p)| *y = right(b, p));
            }
            for (x, y) in x.iter().zip(y.iter()) {
                *sum += x * y;
                *size += (x * y).abs();
            }
        }
        from = range.end;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_are_of_products_and_of_their_sizes() {
        // (1, 2, 3) with (4, -5, 6), and with (0, 0, 1).
        let left = |_: u64, p: u64| (p + 1) as f64;
        let right = |v: u64, p: u64| [[4.0, -5.0, 6.0], [0.0, 0.0, 1.0]][v as usize][p as usize];
        assert_eq!(dot_products(&[(0, 0), (0, 1)], 3, left, right), [(12.0, 32.0), (3.0, 3.0)]);
        assert_eq!(dot_products(&[], 3, left, right), []);
    }

    proptest! {
        #[test]
        fn the_length_of_a_stretch_changes_no_bit(
            pairs in proptest::collection::vec((0u64..5, 0u64..7), 1..40), length in 1u64..60, kept in 1usize..400,
        ) {
            let element = |v: u64, p: u64| ((v * 31 + p * 17) % 23) as f64 * 0.37 - 4.0;
            let whole = dot_products(&pairs, length, element, |v, p| element(v + 5, p));
            let parts = dot_products_in(&pairs, length, kept, element, |v, p| element(v + 5, p));
            prop_assert_eq!(whole, parts);
        }
    }
}
