//! Plateaus of a curve that falls in steps, and its last step. An example is bandwidth over the working
//! set, which drops where the working set outgrows a cache.

/// Factor by which a rate may fall below the median of its plateau and still belong to it.
pub const WITHIN: f64 = 1.25;

/// Run of neighbouring points with about the same rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plateau {
    /// Index of the first point, the one with the smallest size.
    pub first: usize,
    /// Index of the last point, the one with the largest size.
    pub last: usize,
    /// Median rate of these points, in the unit of the rates.
    pub rate: f64,
}

/// Finds the plateaus of `rates`, which must be in the order of growing size; the highest comes first.
///
/// The search starts at the highest rate, because smaller sizes are bound by the cost of a launch. A
/// plateau continues while rates stay within `WITHIN` of its median; the next one starts after the
/// drop. A single point on the way down, followed by another drop, lies between two plateaus and belongs
/// to neither. Rates that rise again do not end a plateau, because a cache never serves a larger working
/// set better than a smaller one. The result is empty if there are no rates or if one of them is not
/// finite and positive.
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

/// Last step down of a curve: where the working set outgrows the last cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knee {
    /// Index of the last point before the step: the largest size that the last cache serves.
    pub before: usize,
    /// Index of the first point after the step: the smallest size bound by the memory behind that cache.
    pub after: usize,
    /// Rate of the plateau before the step divided by that of the plateau after it; normally above
    /// `WITHIN`.
    pub drop: f64,
}

/// Finds the knee of `rates` in the order of growing size: the step to the last of the [`plateaus()`].
///
/// `None` if there are fewer than two plateaus: either no cache has an effect, or no size was large
/// enough to leave it. Also `None` if the last plateau is a single point, because a curve that is still
/// falling does not show where it ends.
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

/// Returns the median of a non-empty list of finite rates.
fn median(rates: &[f64]) -> f64 {
    super::quantile::median_of_unsorted(&mut rates.to_vec()).expect("a plateau has finite rates")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the plateaus as (first, last, rate).
    fn found(rates: &[f64]) -> Vec<(usize, usize, f64)> {
        plateaus(rates).iter().map(|plateau| (plateau.first, plateau.last, plateau.rate)).collect()
    }

    /// Returns the knee as (before, after).
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
        // The third size has the highest rate, so the first plateau starts there, not before.
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
        // The low point ends the first plateau, and the points after it join the second one.
        assert_eq!(knee(&[100.0, 60.0, 98.0, 97.0]), Some((0, 1)), "a dip that is never made up for");
    }

    #[test]
    fn without_a_drop_there_is_no_knee() {
        assert_eq!(knee(&[50.0, 51.0, 49.0, 50.0]), None);
        // Rates that rise to the end: no size was large enough to leave the cache.
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
            // The first plateau starts at the highest rate, wherever that is; the knee does not move.
            prop_assert_eq!(knee(&rates), Some((before - 1, before)));
        }
    }
}
