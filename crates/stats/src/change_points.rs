//! Detection of changes of level in a series: the E-divisive method, with Student's t test.
//!
//! D. S. Matteson, N. A. James, "A Nonparametric Approach for Multiple Change Point Analysis of
//! Multivariate Data", JASA 109(505), 2014, doi:10.1080/01621459.2013.849605, arXiv 1306.4933, with
//! the test, the windows and the merging of M. Fleming, P. Kołaczkowski, I. Kumar, S. Das, S. McCarthy,
//! P. Pattabhiraman, H. Ingo, "Hunter: Using Change Point Detection to Hunt for Performance
//! Regressions", ICPE 2023, doi:10.1145/3578244.3583719, arXiv 2301.03034.

use super::student::StudentEstimate;
use serde::{Deserialize, Serialize};

/// Factor by which the first pass raises the limit of the p-value.
const FIRST_PASS: f64 = 10.0;

/// Conditions under which a change of level counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePointRule {
    /// Number of values in a window, at least 2; windows overlap by half.
    pub window: usize,
    /// Limit of the p-value: a change counts only if its p-value is below this.
    pub max_p: f64,
    /// Difference of the means before and after that a change must exceed, in the unit of the series.
    pub least_change: f64,
}

impl Default for ChangePointRule {
    /// Hunter's window of 50 values and its p-value of .001, with no minimum size of a change.
    fn default() -> Self {
        Self { window: 50, max_p: 0.001, least_change: 0.0 }
    }
}

/// Change of level in a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// Index of the first value of the new level, from 0.
    pub index: usize,
    /// Mean of the values from the previous change to this one, in the unit of the series.
    pub before: f64,
    /// Mean of the values from this change to the next one, in the unit of the series.
    pub after: f64,
    /// Two-sided p-value of Student's t test between the values before and after.
    pub p: f64,
}

/// Finds the changes of level in a series of finite values in order of time, in any one unit.
///
/// Each split of a stretch of values into X = (Z₁ … Z_τ) and Y = (Z_{τ+1} … Z_κ), with n and m values,
/// is rated by their energy distance,
///
/// Q = mn/(m + n)·(2/(mn)·ΣΣ|x − y| − 2/(n(n − 1))·Σ_{i<k}|xᵢ − xₖ| − 2/(m(m − 1))·Σ_{j<k}|yⱼ − yₖ|),
///
/// where a sum over one value is 0. The candidate is the τ of the greatest Q over all τ < κ. It is
/// accepted if the means of the values before and after, up to the neighbouring changes, differ by
/// Student's two-sided t test. Both parts are then split in the same way, the greatest Q first, until a
/// candidate is rejected. This pass allows a p-value ten times that of the result; windows of
/// [`ChangePointRule::window`] values keep a distant change from hiding a small one. Afterwards the
/// weakest change is removed and its neighbours are tested again, until every change meets the limits of
/// p-value and size.
///
/// The t test replaces the permutation test of Matteson and James, which gives a different result with
/// each seed and costs a hundred times as much. It assumes that the values between two changes are
/// normal and independent.
///
/// `None` if a value is not finite or the window is below 2.
pub fn change_points(series: &[f64], rule: &ChangePointRule) -> Option<Vec<ChangePoint>> {
    if rule.window < 2 || !series.iter().all(|value| value.is_finite()) {
        return None;
    }
    let weak = weak_places(series, rule);
    let mut found: Vec<ChangePoint> = (0..weak.len()).map(|at| tested(series, &weak, at)).collect();
    loop {
        let size = |change: &ChangePoint| (change.after - change.before).abs();
        let weakest = |value: &dyn Fn(&ChangePoint) -> f64| {
            (0..found.len()).max_by(|a, b| value(&found[*a]).total_cmp(&value(&found[*b])))
        };
        let fails_p = weakest(&|change| change.p).filter(|at| found[*at].p >= rule.max_p);
        let fails_size =
            || weakest(&|change| -size(change)).filter(|at| size(&found[*at]) <= rule.least_change);
        let Some(out) = fails_p.or_else(fails_size) else { return Some(found) };
        found.remove(out);
        let places: Vec<usize> = found.iter().map(|change| change.index).collect();
        for at in [out.checked_sub(1), Some(out)].into_iter().flatten().filter(|at| *at < places.len()) {
            found[at] = tested(series, &places, at);
        }
    }
}

/// Finds the places at which a window of the series changes, by the p-value of the first pass.
fn weak_places(series: &[f64], rule: &ChangePointRule) -> Vec<usize> {
    let max_p = (FIRST_PASS * rule.max_p).min(0.5).max(rule.max_p);
    let step = rule.window / 2;
    let (mut places, mut start) = (Vec::new(), 0);
    while start < series.len() {
        let end = (start + rule.window).min(series.len());
        let found: Vec<usize> =
            split(&series[start..end], max_p).into_iter().map(|place| start + place).collect();
        // The next window begins at the last change or half a window on, whichever is later.
        start = (start + step).max(found.last().copied().unwrap_or(0));
        places.extend(found);
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// Finds the places at which a window changes, in ascending order.
fn split(window: &[f64], max_p: f64) -> Vec<usize> {
    let distances = Distances::of(window);
    let mut places: Vec<usize> = Vec::new();
    loop {
        let ends: Vec<usize> = [0].into_iter().chain(places.iter().copied()).chain([window.len()]).collect();
        let candidates = ends.windows(2).filter_map(|pair| distances.candidate(pair[0], pair[1]));
        let Some((_, place)) = candidates.max_by(|a, b| a.0.total_cmp(&b.0)) else { return places };
        let at = places.partition_point(|other| *other < place);
        let mut more = places.clone();
        more.insert(at, place);
        if tested(window, &more, at).p >= max_p {
            return places;
        }
        places = more;
    }
}

/// Tests the change at `places[at]` on the values up to its neighbours. p is 1 if there are only two
/// values.
fn tested(series: &[f64], places: &[usize], at: usize) -> ChangePoint {
    let index = places[at];
    let from = if at == 0 { 0 } else { places[at - 1] };
    let to = places.get(at + 1).copied().unwrap_or(series.len());
    let (before, after) = (&series[from..index], &series[index..to]);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let p = StudentEstimate::pooled(after, before).and_then(|difference| {
        let one_sided = difference.p_above(0.0)?.min(difference.p_below(0.0)?);
        Some((2.0 * one_sided).min(1.0))
    });
    ChangePoint { index, before: mean(before), after: mean(after), p: p.unwrap_or(1.0) }
}

/// Cumulative sums of the distances between the values of a window: `sums[i][j]` covers the pairs of the
/// first i values with the first j values.
struct Distances {
    sums: Vec<Vec<f64>>,
}

impl Distances {
    fn of(values: &[f64]) -> Self {
        let mut sums = vec![vec![0.0; values.len() + 1]; values.len() + 1];
        for (i, x) in values.iter().enumerate() {
            let mut row = 0.0;
            for (j, y) in values.iter().enumerate() {
                row += (x - y).abs();
                sums[i + 1][j + 1] = sums[i][j + 1] + row;
            }
        }
        Self { sums }
    }

    /// Returns Σ|zᵢ − zⱼ| over `from ≤ i < to` and `other_from ≤ j < other_to`.
    fn between(&self, [from, to]: [usize; 2], [other_from, other_to]: [usize; 2]) -> f64 {
        let sums = &self.sums;
        sums[to][other_to] - sums[from][other_to] - sums[to][other_from] + sums[from][other_from]
    }

    /// Returns Q of the split into the values `from..at` and `at..to`.
    fn energy(&self, from: usize, at: usize, to: usize) -> f64 {
        let (n, m) = ((at - from) as f64, (to - at) as f64);
        let within = |from: usize, to: usize, n: f64| {
            // The sum counts each pair twice.
            if n > 1.0 { self.between([from, to], [from, to]) / (n * (n - 1.0)) } else { 0.0 }
        };
        let across = 2.0 * self.between([from, at], [at, to]) / (m * n);
        m * n / (m + n) * (across - within(from, at, n) - within(at, to, m))
    }

    /// Returns the greatest Q of a stretch and the start of its second part; `None` if no Q is above 0.
    fn candidate(&self, from: usize, to: usize) -> Option<(f64, usize)> {
        let splits = (from + 1..to).flat_map(|at| (at + 1..=to).map(move |end| (at, end)));
        let mut best = None;
        for (at, end) in splits {
            let energy = self.energy(from, at, end);
            if energy > best.map_or(0.0, |(greatest, _)| greatest) {
                best = Some((energy, at));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Series of the tests of Apache Otava, formerly Hunter, with changes at 5 and 8.
    const LEVELS: [f64; 14] =
        [0.3, 2.4, 1.5, -0.9, -0.5, 99.7, 98.3, 99.1, 149.0, 149.7, 149.5, 149.1, 148.8, 150.0];

    fn places(series: &[f64], rule: &ChangePointRule) -> Vec<usize> {
        change_points(series, rule).unwrap().iter().map(|change| change.index).collect()
    }

    #[test]
    fn the_energy_of_four_values_is_that_worked_out_by_hand() {
        // X = (0, 1), Y = (4, 6): across 4 + 6 + 3 + 5 = 18, within 1 and 2.
        // Q = 4/4·(2/4·18 − 2/2·1 − 2/2·2) = 9 − 3 = 6.
        let distances = Distances::of(&[0.0, 1.0, 4.0, 6.0]);
        assert_eq!(distances.energy(0, 2, 4), 6.0);
        // X = (0), Y = (1, 4): 2/3·(2/2·5 − 2/2·3) = 4/3.
        assert!((distances.energy(0, 1, 3) - 4.0 / 3.0).abs() < 1e-12);
        // X = (0, 1, 4), Y = (6): 3/4·(2/3·13 − 2/6·8) = 4.5, and the others are smaller still.
        assert!((distances.energy(0, 3, 4) - 4.5).abs() < 1e-12);
        assert_eq!(distances.candidate(0, 4), Some((6.0, 2)));
    }

    #[test]
    fn the_greatest_energies_of_otavas_series_are_those_of_the_formula() {
        // Summed term by term with NumPy, from the formula above.
        let distances = Distances::of(&LEVELS);
        let (energy, place) = distances.candidate(0, 14).unwrap();
        assert!((energy - 761.2821428571426).abs() < 1e-9 && place == 5, "{energy} {place}");
        let (energy, place) = distances.candidate(5, 14).unwrap();
        assert!((energy - 198.26666666666665).abs() < 1e-9 && place == 8, "{energy} {place}");
    }

    #[test]
    fn the_examples_of_hunter_and_otava_are_met() {
        // tests/change_point_divisive_test.py, p = .01.
        let rule = ChangePointRule { max_p: 0.01, ..ChangePointRule::default() };
        assert_eq!(places(&LEVELS, &rule), [5, 8]);
        // tests/analysis_test.py, window 10, p = .0001.
        let halved = [
            1.02, 0.95, 0.99, 1.00, 1.12, 1.00, 1.01, 0.98, 1.01, 0.96, 0.50, 0.51, 0.48, 0.48, 0.55, 0.50,
            0.49, 0.51, 0.50, 0.49,
        ];
        let rule = ChangePointRule { window: 10, max_p: 0.0001, least_change: 0.0 };
        assert_eq!(places(&halved, &rule), [10]);
        // Hunter's significance test at index 5: no change, and p below .001. SciPy 1.17.1, ttest_ind.
        let same = [1.00, 1.02, 1.05, 0.95, 0.98, 1.00, 1.02, 1.05, 0.95, 0.98];
        assert!((tested(&same, &[5], 0).p - 1.0).abs() < 1e-9);
        let fallen = [1.00, 1.02, 1.05, 0.95, 0.98, 0.80, 0.82, 0.85, 0.79, 0.77];
        let change = tested(&fallen, &[5], 0);
        assert!((change.p - 2.0249770329333605e-05).abs() < 1e-10, "{change:?}");
        assert!((change.before - 1.0).abs() < 1e-12 && (change.after - 0.806).abs() < 1e-12);
    }

    #[test]
    fn a_change_has_to_be_as_large_as_is_asked_for() {
        let series: Vec<f64> =
            (0..40).map(|i| if i < 25 { 1.0 } else { 1.03 } + 0.001 * f64::from(i * 7 % 5)).collect();
        let with =
            |least_change: f64| places(&series, &ChangePointRule { least_change, ..Default::default() });
        assert_eq!(with(0.02), [25]);
        assert_eq!(with(0.04), [0; 0]);
    }

    #[test]
    fn a_change_near_a_large_one_is_found_in_its_own_window() {
        // Level 1, then 1.1 from value 60 and 30 from value 120.
        let level = |i: u32| {
            if i < 60 {
                1.0
            } else if i < 120 {
                1.1
            } else {
                30.0
            }
        };
        let series: Vec<f64> =
            (0..160).map(|i| level(i) * (1.0 + 0.01 * f64::from(i * 11 % 7) / 7.0)).collect();
        assert_eq!(places(&series, &ChangePointRule::default()), [60, 120]);
    }

    #[test]
    fn a_step_is_found_at_its_place_wherever_it_is_and_whatever_the_window() {
        for window in [13, 20, 50] {
            for at in 6..64u32 {
                let series: Vec<f64> =
                    (0..70).map(|i| f64::from(i * 7 % 5) + if i < at { 0.0 } else { 30.0 }).collect();
                let rule = ChangePointRule { window, ..ChangePointRule::default() };
                assert_eq!(places(&series, &rule), [at as usize], "window {window}");
            }
        }
    }

    #[test]
    fn few_or_equal_values_have_no_change() {
        let rule = ChangePointRule::default();
        assert_eq!(change_points(&[], &rule), Some(vec![]));
        assert_eq!(change_points(&[1.0], &rule), Some(vec![]));
        assert_eq!(change_points(&[1.0, 2.0], &rule), Some(vec![]));
        assert_eq!(change_points(&[1.0; 70], &rule), Some(vec![]));
        assert_eq!(change_points(&[1.0, f64::NAN], &rule), None);
        assert_eq!(change_points(&[1.0], &ChangePointRule { window: 1, ..rule }), None);
    }

    proptest! {
        #[test]
        fn changes_are_in_order_with_the_means_of_their_levels(
            series in prop::collection::vec(0.5..1.0f64, 0..70), at in 0usize..70, window in 2usize..60,
        ) {
            let series: Vec<f64> =
                series.into_iter().enumerate().map(|(i, x)| if i < at { x } else { x + 3.0 }).collect();
            let rule = ChangePointRule { window, ..ChangePointRule::default() };
            let found = change_points(&series, &rule).unwrap();
            let mut from = 0;
            for (i, change) in found.iter().enumerate() {
                let to = found.get(i + 1).map_or(series.len(), |next| next.index);
                prop_assert!(from < change.index && change.index < to && change.p < rule.max_p);
                let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
                prop_assert!((change.before - mean(&series[from..change.index])).abs() < 1e-9);
                prop_assert!((change.after - mean(&series[change.index..to])).abs() < 1e-9);
                from = change.index;
            }
        }

        #[test]
        fn units_do_not_matter(series in prop::collection::vec(0.5..1.0f64, 0..60)) {
            let scaled: Vec<f64> = series.iter().map(|x| 1024.0 * x).collect();
            let rule = ChangePointRule { max_p: 0.04, ..ChangePointRule::default() };
            prop_assert_eq!(places(&scaled, &rule), places(&series, &rule));
        }
    }
}
