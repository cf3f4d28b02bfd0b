//! Plateaus of a curve that falls in steps, and its last step: bandwidth over the working set falls
//! where a cache has become too small.

/// Rates that differ by less than this factor belong to one plateau.
pub const WITHIN: f64 = 1.25;

/// Neighbouring points of about the same rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plateau {
    /// Index of the first point, the one with the smallest size.
    pub first: usize,
    /// Index of the last point.
    pub last: usize,
    /// The median of the rates, in their unit.
    pub rate: f64,
}

/// The plateaus of `rates`, which are in the order of growing size; highest first.
///
/// From the highest rate on (smaller sizes are bound by the cost of a launch) a plateau goes on
/// while rates stay within [`WITHIN`] of its median, and the next one begins after the drop. A lone
/// point on the way down, followed by another drop, lies between two plateaus and belongs to none.
/// Rates that rise again do not end a plateau: a cache serves no larger set better than a smaller.
/// Empty for no rates and when one is not finite and positive.
pub fn plateaus(rates: &[f64]) -> Vec<Plateau> {
    if !rates.iter().all(|rate| rate.is_finite() && *rate > 0.0) {
        return Vec::new();
    }
    let highest = (0..rates.len()).rev().max_by(|&a, &b| rates[a].total_cmp(&rates[b])).unwrap_or(0);
    let mut found = Vec::new();
    let mut held: Option<(usize, usize)> = None;
    for (i, &rate) in rates.iter().enumerate().skip(highest) {
        if let Some((first, last)) = held {
            if rate * WITHIN >= median(&rates[first..=last]) {
                held = Some((first, i));
                continue;
            }
            found.push(plateau(rates, first, last));
            held = None;
        }
        let falls_on = i > highest && rates.get(i + 1).is_some_and(|next| next * WITHIN < rate);
        if !falls_on {
            held = Some((i, i));
        }
    }
    found.extend(held.map(|(first, last)| plateau(rates, first, last)));
    found
}

/// The last step down of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knee {
    /// Index of the last point before it: the largest size that the last cache serves.
    pub before: usize,
    /// Index of the first point after it: the smallest size that is bound by what lies behind.
    pub after: usize,
    /// The rate before over the rate after, above [`WITHIN`].
    pub drop: f64,
}

/// The knee of `rates` in the order of growing size: the step to the last of [`plateaus()`].
///
/// `None` where the last plateau is the first one: either no cache is felt, or no size was large
/// enough to leave it. So it is too where the last plateau is one point only, since a curve that
/// still falls says nothing of where it ends.
pub fn last_knee(rates: &[f64]) -> Option<Knee> {
    let found = plateaus(rates);
    let [.., cache, memory] = found.as_slice() else { return None };
    if memory.first == memory.last {
        return None;
    }
    Some(Knee { before: cache.last, after: memory.first, drop: cache.rate / memory.rate })
}

fn plateau(rates: &[f64], first: usize, last: usize) -> Plateau {
    Plateau { first, last, rate: median(&rates[first..=last]) }
}

/// The median of at least one rate.
fn median(rates: &[f64]) -> f64 {
    super::quantile::median_of_unsorted(&mut rates.to_vec()).expect("a plateau has finite rates")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plateaus as (first, last, rate).
    fn found(rates: &[f64]) -> Vec<(usize, usize, f64)> {
        plateaus(rates).iter().map(|plateau| (plateau.first, plateau.last, plateau.rate)).collect()
    }

    /// The knee as (before, after).
    fn knee(rates: &[f64]) -> Option<(usize, usize)> {
        last_knee(rates).map(|knee| (knee.before, knee.after))
    }

    #[test]
    fn one_cache_has_its_knee_at_the_drop() {
        let rates = [90.0, 100.0, 99.0, 25.0, 24.0, 25.0];
        assert_eq!(found(&rates), [(1, 2, 99.5), (3, 5, 25.0)]);
        assert_eq!(last_knee(&rates), Some(Knee { before: 2, after: 3, drop: 99.5 / 25.0 }));
    }

    #[test]
    fn three_levels_have_the_knee_after_the_last_cache() {
        let rates = [100.0, 96.0, 104.0, 40.0, 42.0, 41.0, 10.0, 10.0];
        // The highest rate is that of the third size: the ones before are not slower by a drop.
        assert_eq!(found(&rates), [(2, 2, 104.0), (3, 5, 41.0), (6, 7, 10.0)]);
        assert_eq!(knee(&rates), Some((5, 6)));
    }

    #[test]
    fn the_rise_of_small_sizes_is_no_plateau() {
        assert_eq!(found(&[5.0, 20.0, 80.0, 79.0, 20.0, 20.0]), [(2, 3, 79.5), (4, 5, 20.0)]);
    }

    #[test]
    fn a_point_on_the_way_down_lies_between_the_two_sides_of_the_knee() {
        let rates = [80.0, 80.0, 50.0, 20.0, 20.0];
        assert_eq!(found(&rates), [(0, 1, 80.0), (3, 4, 20.0)]);
        assert_eq!(knee(&rates), Some((1, 3)));
    }

    #[test]
    fn noise_of_a_tenth_neither_hides_nor_makes_a_knee() {
        assert_eq!(knee(&[100.0, 90.0, 95.0, 88.0, 92.0]), None);
        assert_eq!(knee(&[95.0, 103.0, 92.0, 99.0, 32.0, 28.0, 31.0, 29.0]), Some((3, 4)));
        // One disturbed point in a cache is a plateau of its own only where the curve stays low.
        assert_eq!(knee(&[100.0, 60.0, 98.0, 97.0]), Some((0, 1)), "a dip that is never made up for");
    }

    #[test]
    fn without_a_drop_there_is_no_knee() {
        assert_eq!(knee(&[50.0, 51.0, 49.0, 50.0]), None);
        // Rising to the end: the largest size is not large enough to tell.
        assert_eq!(knee(&[10.0, 20.0, 40.0, 80.0]), None);
        assert_eq!((found(&[]), knee(&[])), (vec![], None));
        assert_eq!(knee(&[7.0]), None);
        assert_eq!(knee(&[f64::NAN, 1.0, 1.0]), None);
    }

    #[test]
    fn a_curve_that_still_falls_at_its_end_has_no_last_plateau() {
        assert_eq!(knee(&[64.0, 32.0, 16.0, 8.0, 4.0]), None);
        assert_eq!(knee(&[100.0, 100.0, 50.0]), None);
    }

    proptest! {
        #[test]
        fn plateaus_are_in_order_and_apart_and_the_unit_does_not_matter(
            rates in prop::collection::vec(1.0..1000.0f64, 0..20),
        ) {
            let plain = plateaus(&rates);
            for pair in plain.windows(2) {
                prop_assert!(pair[0].last < pair[1].first);
            }
            let scaled: Vec<f64> = rates.iter().map(|rate| rate * 1024.0).collect();
            let places = |list: &[Plateau]| list.iter().map(|p| (p.first, p.last)).collect::<Vec<_>>();
            prop_assert_eq!(places(&plain), places(&plateaus(&scaled)));
        }

        #[test]
        fn a_step_is_found_under_noise_of_a_twentieth(
            before in 1..8usize,
            after in 2..8usize,
            noise in prop::collection::vec(0.95..1.05f64, 16),
        ) {
            let level = |i: usize| if i < before { 40.0 } else { 10.0 };
            let rates: Vec<f64> = (0..before + after).map(|i| level(i) * noise[i]).collect();
            // The highest rate opens the first plateau wherever it lies; the knee stays.
            prop_assert_eq!(knee(&rates), Some((before - 1, before)));
        }
    }
}
