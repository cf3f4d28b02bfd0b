//! Median of a bootstrap resample, drawn without drawing the resample.
//!
//! A resample takes the samples x₍₁₎ ≤ … ≤ x₍ₙ₎ at the ranks ⌊n·U⌋ + 1 of n independent uniform numbers U. Its
//! order statistics are the samples at the ranks of the order statistics of U, and those have known
//! distributions: U₍ₖ₎ is Beta(k, n − k + 1), and given U₍ₖ₎ = u, U₍ₖ₊₁₎ is the smallest of n − k uniform numbers
//! above u. H. A. David, H. N. Nagaraja, "Order Statistics", 3rd edition, Wiley 2003, sections 2.1 and 2.5.
//! The median of a resample thus costs one or two random numbers instead of n, with the same distribution.

use super::bootstrap::draw_index;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// Number of samples up to which drawing all of them is as fast.
const FEW: usize = 64;

/// Returns the median, by type 7, of a resample of as many samples as `sorted` has. The samples are finite, in
/// ascending order and not empty.
pub(super) fn resampled_median(generator: &mut Pcg64, sorted: &[f64]) -> f64 {
    let n = sorted.len();
    if n <= FEW {
        return median_of_few(generator, sorted);
    }
    let at = |u: f64| sorted[((u * n as f64) as usize).min(n - 1)];
    if n % 2 == 1 {
        return at(beta(generator, n / 2 + 1, n / 2 + 1));
    }
    let half = n / 2;
    let lower = beta(generator, half, half + 1);
    // The smallest V of m uniform numbers has 1 − V = W^(1/m), with W uniform.
    let upper = lower + (1.0 - lower) * (1.0 - uniform(generator).powf(1.0 / half as f64));
    at(lower) + 0.5 * (at(upper) - at(lower))
}

/// Draws a resample of at most [`FEW`] samples and returns its median. How often each sample is drawn is enough to find
/// the middle of the resample, in less time than a selection among the drawn values takes.
fn median_of_few(generator: &mut Pcg64, sorted: &[f64]) -> f64 {
    let n = sorted.len();
    let mut counts = [0u8; FEW];
    for _ in 0..n {
        counts[draw_index(generator, n)] += 1;
    }
    // Samples up to and including `at` are drawn `drawn` times.
    let (mut at, mut drawn) = (0, usize::from(counts[0]));
    let mut of_rank = |rank: usize| {
        while drawn <= rank {
            at += 1;
            drawn += usize::from(counts[at]);
        }
        sorted[at]
    };
    let (lower, upper) = (of_rank((n - 1) / 2), of_rank(n / 2));
    let median = lower + 0.5 * (upper - lower);
    if median.is_finite() { median } else { f64::NAN }
}

/// Number of groups above which medians of their resamples are drawn by [`MiddleDraws`].
const MANY_GROUPS: usize = 100;

/// Draws medians of resamples of many groups of samples, or of few.
pub(super) struct ResampledMedians {
    has_many: bool,
    /// By the number of samples, once it was needed.
    known: Vec<Option<MiddleDraws>>,
}

impl ResampledMedians {
    /// Creates what draws for `groups` groups.
    pub(super) fn of(groups: usize) -> Self {
        ResampledMedians { has_many: groups > MANY_GROUPS, known: (0..=FEW).map(|_| None).collect() }
    }

    /// As [`resampled_median`].
    pub(super) fn draw(&mut self, generator: &mut Pcg64, sorted: &[f64]) -> f64 {
        match self.known.get_mut(sorted.len()) {
            Some(known) if self.has_many => {
                known.get_or_insert_with(|| MiddleDraws::new(sorted.len())).median(generator, sorted)
            }
            _ => resampled_median(generator, sorted),
        }
    }
}

/// Number of stretches of the uniform numbers, each of which knows where to begin.
const STRETCHES: usize = 1024;

/// Distribution of the two middle draws of a resample of at most [`FEW`] samples. One random number then finds a median:
/// less work than a resample where thousands of groups have as many samples. The numbers drawn are others than those of
/// [`resampled_median`], their distribution is the same.
///
/// Probabilities (David and Nagaraja, "Order Statistics", section 2.1): of an even number n = 2h of draws, h are at most x₍ᵢ₎
/// and h above x₍ⱼ₎ with C(n, h)·(i/n)ʰ·(1 − j/n)ʰ for i ≤ j, whose differences are those of the middle draws (i, j). The
/// middle of an odd number is at most x₍ᵢ₎ where more than half of the draws are, which is binomial.
struct MiddleDraws {
    /// Sums of the probabilities of `middles` up to each; the last is infinite.
    sums: Vec<f64>,
    /// Indices of both middle draws.
    middles: Vec<(usize, usize)>,
    /// Index into `middles` where the search for a random number begins, by the stretch that the number lies in.
    first: Vec<usize>,
}

impl MiddleDraws {
    /// Computes the distribution for `n` samples, from 1 to [`FEW`].
    fn new(n: usize) -> Self {
        let half = n.div_ceil(2);
        let share = |i: usize| (i as f64 / n as f64, (n - i) as f64 / n as f64);
        // C(n, k), exact below 2⁵³.
        let ways = |k: usize| (0..k).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64);
        // At least half of the draws are among the first i samples.
        let at_most = |i: usize| -> f64 {
            let (p, q) = share(i);
            (half..=n).map(|k| ways(k) * p.powi(k as i32) * q.powi((n - k) as i32)).sum()
        };
        let split = |i: usize, j: usize| {
            let both = share(i).0 * share(j).1;
            if n.is_multiple_of(2) { ways(half) * both.powi(half as i32) } else { 0.0 }
        };
        // The lower one is the sample i, counted from 0, and the upper one is beyond the sample j.
        let beyond = |i: usize, j: usize| split(i + 1, j + 1) - split(i, j + 1);
        let (mut sums, mut middles, mut sum) = (Vec::new(), Vec::new(), 0.0);
        for i in 0..n {
            let equal = at_most(i + 1) - at_most(i) - beyond(i, i);
            let above = (i + 1..n).map(|j| (j, beyond(i, j - 1) - beyond(i, j)));
            for (j, probability) in std::iter::once((i, equal)).chain(above) {
                if probability > 0.0 {
                    sum += probability;
                    sums.push(sum);
                    middles.push((i, j));
                }
            }
        }
        if let Some(last) = sums.last_mut() {
            *last = f64::INFINITY;
        }
        let begin = |stretch: usize| sums.partition_point(|sum| *sum <= stretch as f64 / STRETCHES as f64);
        let first = (0..STRETCHES).map(begin).collect();
        MiddleDraws { sums, middles, first }
    }

    /// Returns the median of a resample of `sorted`, which has the number of samples of this distribution.
    fn median(&self, generator: &mut Pcg64, sorted: &[f64]) -> f64 {
        let u = uniform(generator);
        let mut at = self.first[((u * STRETCHES as f64) as usize).min(STRETCHES - 1)];
        while self.sums[at] <= u {
            at += 1;
        }
        let (lower, upper) = self.middles[at];
        sorted[lower] + 0.5 * (sorted[upper] - sorted[lower])
    }
}

/// Draws a uniform number strictly between 0 and 1.
fn uniform(generator: &mut Pcg64) -> f64 {
    ((generator.next_u64() >> 11) as f64 + 0.5) / 2f64.powi(53)
}

/// Draws from Beta(a, b) for a, b > 1: algorithm BB of R. C. H. Cheng, "Generating Beta Variates with Nonintegral
/// Shape Parameters", Communications of the ACM 21(4), 1978, doi:10.1145/359460.359482.
fn beta(generator: &mut Pcg64, a: usize, b: usize) -> f64 {
    let (least, most) = (a.min(b) as f64, a.max(b) as f64);
    let sum = least + most;
    let rate = ((sum - 2.0) / (2.0 * least * most - sum)).sqrt();
    let shift = least + 1.0 / rate;
    loop {
        let (first, second) = (uniform(generator), uniform(generator));
        let v = rate * (first / (1.0 - first)).ln();
        let w = least * v.exp();
        let bound = first * first * second;
        // ln 4 makes the accepted region the density.
        let r = shift * v - 4f64.ln();
        if r + sum * (sum / (most + w)).ln() >= bound.ln() {
            return if a as f64 == least { w / (most + w) } else { most / (most + w) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::draw;
    use crate::quantile::median_of_unsorted;
    use rand_pcg::rand_core::SeedableRng;

    /// Returns the sorted medians of `count` resamples of the samples 0, 1, …, n − 1.
    fn medians(n: usize, count: usize) -> Vec<f64> {
        let samples: Vec<f64> = (0..n).map(|i| i as f64).collect();
        let mut generator = Pcg64::seed_from_u64(5);
        let mut medians: Vec<f64> = (0..count).map(|_| resampled_median(&mut generator, &samples)).collect();
        medians.sort_unstable_by(f64::total_cmp);
        medians
    }

    #[test]
    fn medians_have_the_distribution_of_the_binomial() {
        // 101 samples 0 to 100: the median of a resample is at most i where at least 51 of 101 draws are, each
        // with probability (i + 1)/101. Exact sums of P(Bin(101, (i + 1)/101) ≥ 51) for i = 40, 45, 50, 55;
        // the share of 40 000 medians has a standard error of at most .0025.
        let medians = medians(101, 40_000);
        for (i, expected) in [(40, 0.0279), (45, 0.1842), (50, 0.5397), (55, 0.8644)] {
            let share = medians.partition_point(|median| *median <= f64::from(i)) as f64 / 40_000.0;
            assert!((share - expected).abs() < 0.01, "{i}: {share}");
        }
    }

    #[test]
    fn an_even_number_of_samples_has_the_mean_of_the_middle_two() {
        // The same medians from whole resamples, of 100 samples: means, spreads and shares of half ranks agree.
        let fast = medians(100, 40_000);
        let samples: Vec<f64> = (0..100).map(f64::from).collect();
        let mut generator = Pcg64::seed_from_u64(6);
        let mut resample = vec![0.0; 100];
        let mut slow: Vec<f64> = (0..40_000)
            .map(|_| {
                draw(&mut generator, &samples, &mut resample);
                median_of_unsorted(&mut resample).unwrap()
            })
            .collect();
        slow.sort_unstable_by(f64::total_cmp);
        for quantile in [400, 4_000, 12_000, 20_000, 28_000, 36_000, 39_600] {
            assert!((fast[quantile] - slow[quantile]).abs() <= 0.5, "{quantile}");
        }
        // By symmetry the mean is 49.5; its standard error is 5/√40 000 = .025.
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean(&fast) - 49.5).abs() < 0.1, "{}", mean(&fast));
        let halves = |values: &[f64]| values.iter().filter(|x| x.fract() != 0.0).count() as f64 / 40_000.0;
        assert!((halves(&fast) - halves(&slow)).abs() < 0.015, "{} {}", halves(&fast), halves(&slow));
    }

    #[test]
    fn few_samples_are_drawn_one_by_one_as_ever() {
        let samples = [1.0, 2.0, 5.0, 7.0, 11.0];
        let (mut a, mut b) = (Pcg64::seed_from_u64(9), Pcg64::seed_from_u64(9));
        let mut resample: Vec<f64> = (0..5).map(|_| samples[draw_index(&mut b, 5)]).collect();
        resample.sort_unstable_by(f64::total_cmp);
        assert_eq!(resampled_median(&mut a, &samples), resample[2]);
        // Of any number of samples, some of them equal: the median of the drawn ones, to the last bit.
        for n in 1..=FEW {
            let samples: Vec<f64> = (0..n).map(|i| 1e-3 * (1.0 + 0.1 * (i / 3) as f64)).collect();
            let (mut a, mut b) = (Pcg64::seed_from_u64(n as u64), Pcg64::seed_from_u64(n as u64));
            for _ in 0..20 {
                let mut resample = vec![0.0; n];
                draw(&mut b, &samples, &mut resample);
                let expected = median_of_unsorted(&mut resample).unwrap();
                assert_eq!(resampled_median(&mut a, &samples).to_bits(), expected.to_bits(), "{n}");
            }
            assert_eq!(a, b);
        }
    }

    #[test]
    fn the_middle_draws_have_the_probabilities_computed_by_hand() {
        let found = |n: usize| {
            let draws = MiddleDraws::new(n);
            let before = std::iter::once(&0.0).chain(&draws.sums);
            let one = draws.sums.iter().zip(before).map(|(sum, before)| sum.min(1.0) - before);
            draws.middles.iter().copied().zip(one).collect::<Vec<_>>()
        };
        // Two draws of two: both the first, one of each, both the second. Three of three: the middle is the first where
        // at least two draws are, 3·2 + 1 of 27.
        for (n, expected) in [
            (1, vec![((0, 0), 1.0)]),
            (2, vec![((0, 0), 0.25), ((0, 1), 0.5), ((1, 1), 0.25)]),
            (3, vec![((0, 0), 7.0 / 27.0), ((1, 1), 13.0 / 27.0), ((2, 2), 7.0 / 27.0)]),
        ] {
            let found = found(n);
            assert_eq!(found.len(), expected.len(), "{n}: {found:?}");
            for (one, other) in found.iter().zip(&expected) {
                assert!(one.0 == other.0 && (one.1 - other.1).abs() < 1e-15, "{n}: {found:?}");
            }
        }
    }

    #[test]
    fn medians_of_middle_draws_have_the_distribution_of_those_of_resamples() {
        for n in [5, 6, 29, 30, FEW] {
            let slow = medians(n, 40_000);
            let samples: Vec<f64> = (0..n).map(|i| i as f64).collect();
            let (draws, mut generator) = (MiddleDraws::new(n), Pcg64::seed_from_u64(8));
            let mut fast: Vec<f64> = (0..40_000).map(|_| draws.median(&mut generator, &samples)).collect();
            fast.sort_unstable_by(f64::total_cmp);
            // Shares of medians up to each half rank: their standard error is at most .0025, so 5 of that difference.
            for twice in 0..2 * n {
                let share = |medians: &[f64]| {
                    medians.partition_point(|median| *median <= twice as f64 / 2.0) as f64 / 40_000.0
                };
                let (fast, slow) = (share(&fast), share(&slow));
                assert!((fast - slow).abs() < 0.018, "{n}, up to {twice}/2: {fast} {slow}");
            }
        }
    }

    #[test]
    fn a_million_samples_cost_no_more_than_a_hundred() {
        // After one median the generator is a few random numbers further: two for each attempt of Cheng's
        // algorithm, of which at least two in three succeed.
        let samples: Vec<f64> = (0..1_000_001).map(f64::from).collect();
        let (mut used, mut few) = (Pcg64::seed_from_u64(3), Pcg64::seed_from_u64(3));
        resampled_median(&mut used, &samples);
        let is_near = (0..60).any(|_| {
            few.next_u64();
            few == used
        });
        assert!(is_near);
        // The standard deviation of the rank is √(¼/10⁶)·10⁶ = 500: six of them are 3000 ranks, and quartiles
        // are .6745·500 = 337 from the middle.
        let medians = medians(1_000_001, 20_000);
        assert!(medians[0] > 497_000.0 && medians[19_999] < 503_000.0, "{} {}", medians[0], medians[19_999]);
        assert!((medians[5_000] - (500_000.0 - 337.0)).abs() < 20.0, "{}", medians[5_000]);
    }
}
