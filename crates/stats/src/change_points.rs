//! Detection of changes of level in a series: the E-divisive method, with Student's t test.
//!
//! D. S. Matteson, N. A. James, "A Nonparametric Approach for Multiple Change Point Analysis of
//! Multivariate Data", JASA 109(505), 2014, doi:10.1080/01621459.2013.849605, arXiv 1306.4933, with
//! the test, the windows and the merging of M. Fleming, P. Kołaczkowski, I. Kumar, S. Das, S. McCarthy,
//! P. Pattabhiraman, H. Ingo, "Hunter: Using Change Point Detection to Hunt for Performance
//! Regressions", ICPE 2023, doi:10.1145/3578244.3583719, arXiv 2301.03034.

use super::autocorrelation::rank_autocorrelation;
use super::quantile::sorted_finite;
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
    /// Standard deviation of single values that is assumed as long as few of them show it, in the unit of the
    /// series. It counts as much as `ASSUMED_FREEDOM` degrees of freedom. `None` takes values as independent and their
    /// spread as it is, however few they are: Hunter's test.
    pub assumed_spread: Option<f64>,
}

/// Degrees of freedom that an assumed spread is worth.
pub const ASSUMED_FREEDOM: f64 = 2.0;

impl Default for ChangePointRule {
    /// Hunter's window of 50 values and its p-value of .001, with no minimum size of a change.
    fn default() -> Self {
        Self { window: 50, max_p: 0.001, least_change: 0.0, assumed_spread: None }
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
/// With [`ChangePointRule::assumed_spread`], the test allows for three things. Runs that follow one another resemble
/// each other: with the correlation ρ of neighbours, n values count as n/v independent ones, v = 1 + 2·Σ(1 − k/n)·ρᵏ.
/// ρ = 1 + 2·r, with the rank correlation r of successive differences, which single changes of level hardly move.
/// Few values are no proof of little noise: the variance is (d·σ² + ν·s²)/(d + ν) with ν = n/v − 2 and d =
/// `ASSUMED_FREEDOM`. Values that come in steps of a coarse clock vary at least as the rounding does, by a step over √12.
///
/// `None` if a value is not finite or the window is below 2.
pub fn change_points(series: &[f64], rule: &ChangePointRule) -> Option<Vec<ChangePoint>> {
    if rule.window < 2 || !series.iter().all(|value| value.is_finite()) {
        return None;
    }
    let test = Test::new(series, rule);
    let weak = weak_places(series, rule, &test);
    let mut found: Vec<ChangePoint> = (0..weak.len()).map(|at| test.at(series, &weak, at)).collect();
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
            found[at] = test.at(series, &places, at);
        }
    }
}

/// Finds the places at which a window of the series changes, by the p-value of the first pass.
fn weak_places(series: &[f64], rule: &ChangePointRule, test: &Test) -> Vec<usize> {
    let max_p = (FIRST_PASS * rule.max_p).min(0.5).max(rule.max_p);
    let step = rule.window / 2;
    let (mut places, mut start) = (Vec::new(), 0);
    while start < series.len() {
        let end = (start + rule.window).min(series.len());
        let found: Vec<usize> =
            split(&series[start..end], max_p, test).into_iter().map(|place| start + place).collect();
        // The next window begins at the last change or half a window on, whichever is later.
        start = (start + step).max(found.last().copied().unwrap_or(0));
        places.extend(found);
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// Finds the places at which a window changes, in ascending order.
fn split(window: &[f64], max_p: f64, test: &Test) -> Vec<usize> {
    let distances = Distances::of(window);
    let mut places: Vec<usize> = Vec::new();
    loop {
        let ends: Vec<usize> = [0].into_iter().chain(places.iter().copied()).chain([window.len()]).collect();
        let candidates = ends.windows(2).filter_map(|pair| distances.candidate(pair[0], pair[1]));
        let Some((_, place)) = candidates.max_by(|a, b| a.0.total_cmp(&b.0)) else { return places };
        let at = places.partition_point(|other| *other < place);
        let mut more = places.clone();
        more.insert(at, place);
        if test.at(window, &more, at).p >= max_p {
            return places;
        }
        places = more;
    }
}

/// Test of a change of level, with what a series shows of its noise.
struct Test {
    assumed_spread: Option<f64>,
    /// Correlation ρ of neighbours apart from changes of level, from 0 to below 1.
    correlation: f64,
    /// Step between values that come in steps; 0 if they do not.
    step: f64,
}

impl Test {
    fn new(series: &[f64], rule: &ChangePointRule) -> Self {
        let Some(spread) = rule.assumed_spread else {
            return Self { assumed_spread: None, correlation: 0.0, step: 0.0 };
        };
        let differences: Vec<f64> = series.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let rank = rank_autocorrelation(&differences).unwrap_or(-0.5);
        let correlation = (1.0 + 2.0 * rank).clamp(0.0, 0.95);
        Self { assumed_spread: Some(spread), correlation, step: step(series) }
    }

    /// Tests the change at `places[at]` on the values up to its neighbours. p is 1 if there are only two
    /// values.
    fn at(&self, series: &[f64], places: &[usize], at: usize) -> ChangePoint {
        let index = places[at];
        let from = if at == 0 { 0 } else { places[at - 1] };
        let to = places.get(at + 1).copied().unwrap_or(series.len());
        let (before, after) = (&series[from..index], &series[index..to]);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let difference = StudentEstimate::pooled(after, before).map(|estimate| match self.assumed_spread {
            Some(spread) => self.with_noise(estimate, [before.len(), after.len()], spread),
            None => estimate,
        });
        let p = difference.and_then(|difference| {
            let one_sided = difference.p_above(0.0)?.min(difference.p_below(0.0)?);
            Some((2.0 * one_sided).min(1.0))
        });
        ChangePoint { index, before: mean(before), after: mean(after), p: p.unwrap_or(1.0) }
    }

    /// Returns the estimate with the error and the degrees of freedom that noise like that of the series gives.
    fn with_noise(&self, estimate: StudentEstimate, sizes: [usize; 2], spread: f64) -> StudentEstimate {
        let [before, after] = sizes.map(|size| size as f64);
        let (n, parts) = (before + after, 1.0 / before + 1.0 / after);
        let powers = std::iter::successors(Some(self.correlation), |rho| Some(rho * self.correlation));
        let lags = (1..before as usize + after as usize).zip(powers.take_while(|rho| *rho > 1e-6));
        let inflation = 1.0 + 2.0 * lags.map(|(lag, rho)| (1.0 - lag as f64 / n) * rho).sum::<f64>();
        let own = (n / inflation - 2.0).max(0.0);
        // Σ(x − x̄)² of both parts, over the number of independent values less the two means.
        let squares = estimate.error.powi(2) / parts * estimate.freedom;
        let variance = if own > 0.0 { squares / (own * inflation) } else { 0.0 };
        let freedom = ASSUMED_FREEDOM + own;
        let moderated = (ASSUMED_FREEDOM * spread.powi(2) + own * variance) / freedom;
        let least = self.step.powi(2) / 12.0;
        let error = (moderated.max(least) * inflation * parts).sqrt();
        StudentEstimate { error, freedom, ..estimate }
    }
}

/// Returns the smallest difference between unequal values if at least half of the values equal another one, as those
/// of a clock with coarse ticks do; 0 otherwise.
fn step(series: &[f64]) -> f64 {
    let Some(sorted) = sorted_finite(series) else { return 0.0 };
    let equal = |a: &f64, b: &f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    let shared: usize = sorted.chunk_by(equal).map(<[f64]>::len).filter(|size| *size > 1).sum();
    if 2 * shared < sorted.len() {
        return 0.0;
    }
    let gaps = sorted.windows(2).filter(|pair| !equal(&pair[0], &pair[1])).map(|pair| pair[1] - pair[0]);
    gaps.fold(f64::INFINITY, f64::min).min(f64::MAX) * f64::from(u8::from(sorted.first() != sorted.last()))
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
        let rule = ChangePointRule { window: 10, max_p: 0.0001, ..ChangePointRule::default() };
        assert_eq!(places(&halved, &rule), [10]);
        // Hunter's significance test at index 5: no change, and p below .001. SciPy 1.17.1, ttest_ind.
        let same = [1.00, 1.02, 1.05, 0.95, 0.98, 1.00, 1.02, 1.05, 0.95, 0.98];
        let plain = Test::new(&same, &ChangePointRule::default());
        assert!((plain.at(&same, &[5], 0).p - 1.0).abs() < 1e-9);
        let fallen = [1.00, 1.02, 1.05, 0.95, 0.98, 0.80, 0.82, 0.85, 0.79, 0.77];
        let change = plain.at(&fallen, &[5], 0);
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

    /// The rule of `portamark history`: changes above 2 %, runs assumed to differ by 1 %.
    fn of_runs() -> ChangePointRule {
        ChangePointRule { least_change: 0.02, assumed_spread: Some(0.01), ..ChangePointRule::default() }
    }

    #[test]
    fn three_runs_without_any_spread_are_no_proof() {
        for size in [0.05, 0.3] {
            assert_eq!(change_points(&[0.0, 0.0, size], &of_runs()), Some(vec![]), "{size}");
        }
        // By Hunter's test they are: the spread is 0.
        let plain = ChangePointRule { assumed_spread: None, ..of_runs() };
        assert_eq!(change_points(&[0.0, 0.0, 0.05], &plain).unwrap()[0].p, 0.0);
        // Values in steps of .3 vary by .3/√12. Values in small steps have the assumed spread: with ten before and
        // after, ν = 18 and d = 2, the error is √(2·.0001/20)·√(2/10) = .00141, and .05 is 35 of them.
        let level = |value: f64| (0..10).map(move |i| value + 1e-5 * f64::from(i * 7 % 10));
        let series: Vec<f64> = level(0.0).chain(level(0.05)).collect();
        let found = change_points(&series, &of_runs()).unwrap();
        assert_eq!(found.iter().map(|change| change.index).collect::<Vec<usize>>(), [10]);
    }

    /// Counts the series of 100, made by `make` from standard normal numbers, in which a change is found.
    fn found_in(mut make: impl FnMut(&mut dyn FnMut() -> f64) -> Vec<f64>) -> usize {
        use rand_pcg::rand_core::{Rng, SeedableRng};
        use statrs::distribution::{ContinuousCDF, Normal};
        let (mut generator, normal) = (rand_pcg::Pcg64::seed_from_u64(3), Normal::standard());
        let mut draw =
            move || normal.inverse_cdf(((generator.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64);
        (0..100).filter(|_| !change_points(&make(&mut draw), &of_runs()).unwrap().is_empty()).count()
    }

    #[test]
    fn wandering_and_coarse_series_are_rarely_called_changed_and_a_change_is_found() {
        for (length, correlation) in [(30, 0.7), (60, 0.7), (120, 0.7), (60, 0.0)] {
            let wandering = |draw: &mut dyn FnMut() -> f64| {
                let mut state = draw();
                let step = move || {
                    let now = state;
                    state = correlation * state + (1.0f64 - correlation * correlation).sqrt() * draw();
                    0.03 * now
                };
                std::iter::repeat_with(step).take(length).collect()
            };
            let found = found_in(wandering);
            assert!(found <= 5, "{length} runs, ρ = {correlation}: {found} of 100");
        }
        // Steps of 10 %, as of a clock that ticks ten times per execution.
        let coarse = found_in(|draw| (0..40).map(|_| 0.1 * draw().round()).collect());
        assert!(coarse <= 5, "{coarse} of 100");
        let changed =
            found_in(|draw| (0..40).map(|at| 0.01 * draw() + if at < 20 { 0.0 } else { 0.05 }).collect());
        assert!(changed >= 90, "{changed} of 100");
    }
}
