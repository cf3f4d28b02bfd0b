//! Random orders that can be reproduced from a seed.

use super::bootstrap::draw_index;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::SeedableRng;

/// Returns the numbers below `n` in a random order. All n! orders are equally likely, and the same seed
/// gives the same order. This is the shuffle of R. A. Fisher and F. Yates, as in D. E. Knuth, "The Art
/// of Computer Programming" 2, 3.4.2 P.
pub fn permutation(n: usize, seed: u64) -> Vec<usize> {
    let mut generator = Pcg64::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, draw_index(&mut generator, last + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_seed_has_one_order_and_holds_every_number_once() {
        assert_eq!(permutation(40, 7), permutation(40, 7));
        assert_ne!(permutation(40, 7), permutation(40, 8));
        let mut sorted = permutation(40, 7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..40).collect::<Vec<usize>>());
        assert_eq!((permutation(0, 1), permutation(1, 1)), (vec![], vec![0]));
    }

    #[test]
    fn every_order_of_three_is_as_likely() {
        // 6000 seeds, 1000 for each of 6 orders with a standard deviation of √(6000·5/36) = 29.
        let mut counts: BTreeMap<Vec<usize>, u32> = BTreeMap::new();
        (0..6000).for_each(|seed| *counts.entry(permutation(3, seed)).or_insert(0) += 1);
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
