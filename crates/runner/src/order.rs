//! Order in which cases are measured.

use portamark_stats::permutation;

/// One case in one of its repeats, each of which is a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Number of the repeat, from 1.
    pub(crate) repeat: u32,
    /// Index of the case in the suite.
    pub(crate) case: usize,
}

/// Returns the turns of all repeats of `cases` cases. Each repeat visits every case in its own order, derived
/// from `seed`, so that slow changes (a clock, other load on the machine) affect different cases each time. A
/// single repeat keeps the order of the suite, in which small cases come first.
pub(crate) fn turns(cases: usize, repeats: u32, seed: u32) -> Vec<Turn> {
    let of_one = |repeat: u32| {
        // Seed and repeat in separate bits, so that different pairs never give the same number.
        let seed = u64::from(seed) << 32 | u64::from(repeat);
        let order = if repeats == 1 { (0..cases).collect() } else { permutation(cases, seed) };
        order.into_iter().map(move |case| Turn { repeat, case })
    };
    (1..=repeats).flat_map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_repeat_has_every_case_in_an_order_of_its_own() {
        let order = turns(20, 3, 5);
        assert_eq!(order.len(), 60);
        let repeat = |number: u32| -> Vec<usize> {
            order.iter().filter(|turn| turn.repeat == number).map(|turn| turn.case).collect()
        };
        assert!(order.is_sorted_by_key(|turn| turn.repeat));
        assert_ne!(repeat(1), repeat(2));
        for number in 1..=3 {
            let mut sorted = repeat(number);
            sorted.sort_unstable();
            assert_eq!(sorted, (0..20).collect::<Vec<usize>>());
        }
        assert_eq!(turns(20, 3, 5), order);
        assert_ne!(turns(20, 3, 6), order);
    }

    #[test]
    fn one_repeat_keeps_the_order_of_the_suite() {
        let cases: Vec<usize> = turns(5, 1, 9).into_iter().map(|turn| turn.case).collect();
        assert_eq!(cases, [0, 1, 2, 3, 4]);
    }
}
