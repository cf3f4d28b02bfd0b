//! Detection of the end of warm-up: the last batches took the same time.
//!
//! A clock that is still rising, a cache that is still filling or a driver that is still compiling
//! shows as batch times that keep changing. Agreement is necessary for a steady state but does not prove
//! one, so drift is checked afterwards too.

/// Number of consecutive batches that must agree.
pub const BATCHES: usize = 3;

/// Returns whether the last three batches agree: max/min − 1 ≤ `tolerance`.
///
/// `times` holds, in order, the time of one execution in each batch (the time of the batch divided by
/// its number of executions), in any one unit. `tolerance` is a fraction, 0.03 in method 1. Earlier
/// batches are ignored. The result is false if there are fewer than three batches, if one of the last
/// three times is not finite and positive, or if `tolerance` is negative or NaN.
pub fn agrees(times: &[f64], tolerance: f64) -> bool {
    let Some(last) = times.last_chunk::<BATCHES>() else {
        return false;
    };
    let shortest = last.iter().copied().fold(f64::INFINITY, f64::min);
    let longest = last.iter().copied().fold(0.0, f64::max);
    last.iter().all(|time| time.is_finite() && *time > 0.0) && longest <= shortest * (1.0 + tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_batches_agree_up_to_the_tolerance_and_not_beyond() {
        // 103/100 − 1 = 3 % exactly; 103.1/100 − 1 = 3.1 %.
        assert!(agrees(&[100.0, 103.0, 101.0], 0.03));
        assert!(!agrees(&[100.0, 103.1, 101.0], 0.03));
        assert!(!agrees(&[103.1, 101.0, 100.0], 0.03));
    }

    #[test]
    fn a_slow_creep_is_caught_although_neighbours_agree() {
        // Neighbours differ by 2 %, first and last by 1.02² − 1 = 4.04 %.
        assert!(!agrees(&[1.0, 1.02, 1.0404], 0.03));
    }

    #[test]
    fn batches_before_the_last_three_do_not_count() {
        assert!(agrees(&[900.0, 300.0, 100.0, 100.0, 101.0], 0.03));
    }

    #[test]
    fn two_batches_cannot_agree() {
        assert!(!agrees(&[1.0, 1.0], 0.03));
        assert!(!agrees(&[], 0.03));
    }

    #[test]
    fn times_that_are_no_times_never_agree() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            for times in [[bad; 3], [1.0, bad, 1.0]] {
                assert!(!agrees(&times, 0.03), "{times:?}");
            }
        }
        assert!(!agrees(&[1.0; 3], f64::NAN));
        assert!(!agrees(&[1.0; 3], -0.01));
    }

    proptest! {
        #[test]
        fn the_order_of_the_three_and_the_unit_do_not_matter(
            times in prop::array::uniform3(1.0..1.1f64),
        ) {
            let [a, b, c] = times;
            let verdict = agrees(&times, 0.03);
            prop_assert_eq!(agrees(&[c, a, b], 0.03), verdict);
            prop_assert_eq!(agrees(&[b, a, c], 0.03), verdict);
            prop_assert_eq!(agrees(&times.map(|t| t / 1024.0), 0.03), verdict);
        }
    }
}
