//! Ratio of the medians of two sets of processes, with confidence intervals and p-values.

use super::bca::acceleration;
use super::bootstrap::{Bootstrap, BootstrapInterval, BootstrapMethod, Replicates};
use super::hierarchical::Levelled;
use super::nested::Nested;
use super::quantile::median_of_unsorted;
use super::resampled_median::{ResampledMedians, resampled_median};
use super::spread::standard_deviation;
use super::student::StudentEstimate;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

/// Number of samples on a side below which the interval is BCa, if each side has one process.
pub const FEW_SAMPLES: usize = 30;

/// Ratio R of the locations of two sides, new over reference, with its confidence intervals. For times,
/// a ratio below 1 means that the new side is faster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MedianRatio {
    /// Lower end of the interval at confidence 1 − α.
    pub lo: f64,
    /// Upper end of the interval at confidence 1 − α.
    pub hi: f64,
    /// Lower end of the interval at confidence 1 − 2α, for a test of equivalence.
    pub equivalence_lo: f64,
    /// Upper end of the interval at confidence 1 − 2α.
    pub equivalence_hi: f64,
    /// Estimate of R with its bootstrap interval alone, at confidence 1 − α, and the method of that interval.
    pub interval: BootstrapInterval,
    /// Whether each sample of one side was compared with its neighbour in time on the other side.
    pub paired: bool,
    /// Number of processes of the new side.
    pub new_processes: usize,
    /// Number of processes of the reference side.
    pub reference_processes: usize,
    /// Standard deviation of ln t between runs that the intervals contain; `None` if the sides share their runs.
    pub run_spread: Option<f64>,
}

impl MedianRatio {
    /// Returns R = x̃_new/x̃_ref from the samples of each process, which are positive, finite times in one
    /// unit. The estimate and its intervals are those of [`RatioEvidence::new`].
    pub fn new(new: &[Vec<f64>], reference: &[Vec<f64>], bootstrap: &Bootstrap) -> Option<Self> {
        RatioEvidence::new(new, reference, bootstrap)?.ratio()
    }

    /// Returns R from pairs of processes whose samples are pairs (new, reference) of neighbours in time. The
    /// estimate and its intervals are those of [`RatioEvidence::paired`].
    pub fn paired(processes: &[Vec<(f64, f64)>], bootstrap: &Bootstrap) -> Option<Self> {
        RatioEvidence::paired(processes, bootstrap)?.ratio()
    }
}

/// Evidence from samples about the ratio R of two locations, before a margin is chosen.
#[derive(Debug, Clone)]
pub struct RatioEvidence {
    bootstrap: Bootstrap,
    method: BootstrapMethod,
    /// Bootstrap replicates of R.
    replicates: Replicates,
    /// Acceleration of the BCa interval; `None` if the interval is not BCa.
    acceleration: Option<f64>,
    /// Estimate of ln R over processes; `None` if a side has only one process.
    student: Option<StudentEstimate>,
    /// Estimate of ln R with what runs differ by; `None` if the sides share them.
    runs: Option<StudentEstimate>,
    run_spread: Option<f64>,
    paired: bool,
    processes: [usize; 2],
}

/// Degrees of freedom that the assumed spread between runs is worth.
const ASSUMED_RUNS: f64 = 10.0;

impl RatioEvidence {
    /// Computes the evidence from the samples of each process, which are positive, finite times in one unit.
    ///
    /// The location of a side is the geometric mean of the medians of its processes, exp(Σ ln x̃/r), which
    /// is the median itself if there is one process. Every process has the same weight, however many
    /// samples it took.
    ///
    /// With several processes on a side, the bootstrap is hierarchical: it draws processes and then samples
    /// within each. That interval is too narrow for few processes, so if both sides have at least two, the
    /// result is its hull with Welch's interval of the logarithms of the medians
    /// (`StudentEstimate::welch`). With one process on each side, only samples can be drawn. The interval
    /// is then BCa if a side has fewer than `FEW_SAMPLES` samples (percentile if BCa has no value) and
    /// percentile otherwise. It does not cover the variation between processes: if processes of equal
    /// kernels differ by 1 %, as samples of one process do, the interval from 30 samples per side excludes 1
    /// in two of three trials.
    ///
    /// For equivalence, 1 − 2α is the level of two one-sided tests at α: D. J. Schuirmann, "A Comparison of
    /// the Two One-Sided Tests Procedure and the Power Approach", Journal of Pharmacokinetics and
    /// Biopharmaceutics 15(6), 1987, doi:10.1007/BF01068419.
    ///
    /// `None` if a side has no process, a process has no samples, a sample is not positive and finite,
    /// `resamples` is 0, or the level is not strictly between ½ and 1.
    pub fn new(new: &[Vec<f64>], reference: &[Vec<f64>], bootstrap: &Bootstrap) -> Option<Self> {
        let sides = [new, reference];
        if !usable_level(bootstrap) || !sides.iter().all(|side| side.iter().flatten().all(usable)) {
            return None;
        }
        let nested = sides.map(|side| Nested::processes(side).canonical());
        let [Some(new_nested), Some(reference_nested)] = nested else {
            return None;
        };
        let (replicates, method, acceleration) = if let [[new], [reference]] = [new, reference] {
            ratio_of_samples(new, reference, bootstrap)?
        } else {
            let replicates = ratio_of_processes(&new_nested, &reference_nested, bootstrap)?;
            (replicates, BootstrapMethod::Hierarchical, None)
        };
        let [x, y] = [&new_nested, &reference_nested].map(logarithms_of_medians);
        Some(Self {
            bootstrap: *bootstrap,
            method,
            replicates,
            acceleration,
            student: StudentEstimate::welch(&x, &y),
            runs: None,
            run_spread: None,
            paired: false,
            processes: [new.len(), reference.len()],
        })
    }

    /// Computes the evidence from pairs of processes whose samples are pairs (new, reference) of neighbours
    /// in time; times are positive, finite and in one unit.
    ///
    /// The location of a pair of processes is the median of ln(new/reference) over its pairs of samples;
    /// ln R is the mean of these medians over the pairs of processes. A disturbance of both neighbours
    /// leaves their ratio unchanged, so on a shared machine the interval is much narrower than without
    /// pairing. It is the hull of the hierarchical bootstrap interval (processes, then pairs of samples
    /// within each) and Student's t interval of the mean over processes (`StudentEstimate::mean`).
    ///
    /// `None` as for [`RatioEvidence::new`].
    pub fn paired(processes: &[Vec<(f64, f64)>], bootstrap: &Bootstrap) -> Option<Self> {
        let all = || processes.iter().flatten();
        if !usable_level(bootstrap) || !all().all(|(new, reference)| usable(new) && usable(reference)) {
            return None;
        }
        let logarithm = |&(new, reference): &(f64, f64)| (new / reference).ln();
        let logarithms: Vec<Vec<f64>> =
            processes.iter().map(|pairs| pairs.iter().map(logarithm).collect()).collect();
        let nested = Nested::processes(&logarithms).canonical()?;
        let mut location = Levelled { within: median, across: mean };
        let estimate = location.of(&nested).exp();
        let replicates = bootstrap.replicate(estimate, |generator| {
            location.of_resample(&nested, generator, &mut resampled_median).exp()
        })?;
        let mut medians: Vec<f64> = logarithms.into_iter().map(|mut of_one| median(&mut of_one)).collect();
        medians.sort_unstable_by(f64::total_cmp);
        Some(Self {
            bootstrap: *bootstrap,
            method: BootstrapMethod::Hierarchical,
            replicates,
            acceleration: None,
            student: StudentEstimate::mean(&medians),
            runs: None,
            run_spread: None,
            paired: true,
            processes: [processes.len(); 2],
        })
    }

    /// Returns the evidence with the variation between runs, which all processes of a run share. `new` and
    /// `reference` are ln t of each run of a side: the mean over its processes of the logarithms of their medians.
    ///
    /// The standard deviation of ln t between runs is `assumed`, and corrected by what the runs show: its square is
    /// (d·assumed² + ν·s²)/(d + ν) with the pooled variance s² of the runs of each side, ν their number less the sides,
    /// and d = `ASSUMED_RUNS`: the scaled inverse χ² prior of A. Gelman et al., "Bayesian Data Analysis", 3rd ed.,
    /// 2013, section 2.6. Error and degrees of freedom are those of two independent parts, this one and the assumed part
    /// of that over processes, which s² contains already. The hull with the interval over processes never tells more
    /// than that alone.
    pub fn between_runs(mut self, new: &[f64], reference: &[f64], assumed: f64) -> Self {
        let parts = 1.0 / new.len() as f64 + 1.0 / reference.len() as f64;
        let observed = StudentEstimate::pooled(new, reference);
        let (shown, own) = observed.map_or((0.0, 0.0), |runs| (runs.error.powi(2) / parts, runs.freedom));
        let prior = if assumed > 0.0 { ASSUMED_RUNS } else { 0.0 };
        let freedom = prior + own;
        if freedom > 0.0 && parts.is_finite() {
            let variance = (prior * assumed.powi(2) + own * shown) / freedom;
            let over_processes = self.student.unwrap_or_else(|| self.over_samples());
            let error = over_processes.error * (prior / freedom).sqrt();
            let over_processes = StudentEstimate { error, ..over_processes };
            self.runs = Some(over_processes.with_error((variance * parts).sqrt(), freedom));
            self.run_spread = Some(variance.sqrt());
        }
        self
    }

    /// Returns the estimate of ln R of one process per side, with the standard deviation of the replicates.
    fn over_samples(&self) -> StudentEstimate {
        let logarithms: Vec<f64> = self.replicates.sorted.iter().map(|ratio| ratio.ln()).collect();
        let error = standard_deviation(&logarithms).unwrap_or(0.0);
        StudentEstimate {
            value: self.replicates.estimate.ln(),
            error,
            freedom: logarithms.len() as f64 - 1.0,
        }
    }

    /// Returns R with its intervals at the level 1 − α of the bootstrap and, for equivalence, at 1 − 2α.
    pub fn ratio(&self) -> Option<MedianRatio> {
        let wider = Bootstrap { level: 2.0 * self.bootstrap.level - 1.0, ..self.bootstrap };
        let (interval, (lo, hi)) = self.hull(&self.bootstrap)?;
        let (_, (equivalence_lo, equivalence_hi)) = self.hull(&wider)?;
        let [new_processes, reference_processes] = self.processes;
        let paired = self.paired;
        Some(MedianRatio {
            lo,
            hi,
            equivalence_lo,
            equivalence_hi,
            interval,
            paired,
            new_processes,
            reference_processes,
            run_spread: self.run_spread,
        })
    }

    /// Returns the bootstrap interval at a level, and the ends of its hull with Student's t interval.
    fn hull(&self, bootstrap: &Bootstrap) -> Option<(BootstrapInterval, (f64, f64))> {
        let interval = match self.acceleration {
            Some(acceleration) => bootstrap.bca_of_replicates(&self.replicates, acceleration)?,
            None => bootstrap.percentile_interval(&self.replicates, self.method)?,
        };
        let intervals = self.estimates().filter_map(|estimate| estimate.interval(bootstrap.level));
        let hull = intervals
            .fold((interval.lo, interval.hi), |(lo, hi), t| (lo.min(t.lo.exp()), hi.max(t.hi.exp())));
        Some((interval, hull))
    }

    /// Returns the p-value of the hypothesis that R lies between 1/(1 + `margin`) and 1 + `margin`: the
    /// smallest α at which the interval at 1 − α lies entirely outside that range.
    ///
    /// It is the largest of these p-values: that of Student's t over processes and, if known, over runs, 2·P(T_ν ≥ (|ln R| − ln(1 + margin))/error), and
    /// that of the bootstrap, twice the share of the replicates that do not lie beyond the margin on the
    /// side of R. `None` if a side has one process or if `margin` is not positive and finite.
    pub fn p_beyond(&self, margin: f64) -> Option<f64> {
        let end = self.end(margin)?;
        self.estimates().next()?;
        let slower = self.replicates.estimate > 1.0;
        let beyond =
            |student: StudentEstimate| if slower { student.p_above(end) } else { student.p_below(-end) };
        let share = if slower {
            self.share(|ratio| ratio.ln() <= end)
        } else {
            self.share(|ratio| ratio.ln() >= -end)
        };
        let largest = self.estimates().map(beyond).try_fold(share, |largest, p| Some(largest.max(p?)))?;
        Some((2.0 * largest).min(1.0))
    }

    /// Returns the p-value of the hypothesis that R lies outside the range 1/(1 + `margin`) to 1 + `margin`,
    /// by two one-sided tests: the smallest α at which the interval at 1 − 2α lies within that range.
    ///
    /// It is the largest of these p-values: those of Student's t for the two tests, and the shares of the
    /// replicates beyond each end. `None` in the same cases as for [`RatioEvidence::p_beyond`].
    pub fn p_within(&self, margin: f64) -> Option<f64> {
        let end = self.end(margin)?;
        self.estimates().next()?;
        let within = |student: StudentEstimate| {
            // Without spread there is no p, and a ratio exactly at the margin counts as within it.
            let at = |p: Option<f64>| if student.error == 0.0 { None } else { p };
            let certain = if student.value.abs() <= end { 0.0 } else { 1.0 };
            let above = at(student.p_below(end)).unwrap_or(certain);
            above.max(at(student.p_above(-end)).unwrap_or(certain))
        };
        let shares = [self.share(|ratio| ratio.ln() > end), self.share(|ratio| ratio.ln() < -end)];
        Some(self.estimates().map(within).fold(shares[0].max(shares[1]), f64::max))
    }

    /// Yields the estimates of ln R that intervals and p-values take account of.
    fn estimates(&self) -> impl Iterator<Item = StudentEstimate> {
        self.student.into_iter().chain(self.runs)
    }

    /// Returns ln(1 + margin), or `None` if `margin` is not positive and finite.
    fn end(&self, margin: f64) -> Option<f64> {
        (margin.is_finite() && margin > 0.0).then(|| margin.ln_1p())
    }

    fn share(&self, such: impl Fn(f64) -> bool) -> f64 {
        let all = &self.replicates.sorted;
        all.iter().filter(|ratio| such(**ratio)).count() as f64 / all.len() as f64
    }
}

fn usable_level(bootstrap: &Bootstrap) -> bool {
    bootstrap.level > 0.5 && bootstrap.level < 1.0
}

fn usable(time: &f64) -> bool {
    time.is_finite() && *time > 0.0
}

fn mean(values: &mut [f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn logarithms_of_medians(processes: &Nested) -> Vec<f64> {
    let Nested::Groups(processes) = processes else { return Vec::new() };
    let mut location = Levelled { within: |samples: &mut [f64]| median(samples).ln(), across: mean };
    processes.iter().map(|process| location.of(process)).collect()
}

/// Bootstraps the ratio over the samples of one process per side. With few samples it also returns the
/// acceleration of the BCa interval.
fn ratio_of_samples(
    new: &[f64],
    reference: &[f64],
    bootstrap: &Bootstrap,
) -> Option<(Replicates, BootstrapMethod, Option<f64>)> {
    let ratio = |sides: &mut [Vec<f64>]| median(&mut sides[0]) / median(&mut sides[1]);
    let mut groups = [new.to_vec(), reference.to_vec()];
    groups.iter_mut().for_each(|group| group.sort_unstable_by(f64::total_cmp));
    let replicates = bootstrap.replicate(ratio(&mut groups.clone()), |generator| {
        resampled_median(generator, &groups[0]) / resampled_median(generator, &groups[1])
    })?;
    if new.len().min(reference.len()) < FEW_SAMPLES
        && let Some(acceleration) = acceleration(&groups, ratio)
        && bootstrap.bca_of_replicates(&replicates, acceleration).is_some()
    {
        return Some((replicates, BootstrapMethod::Bca, Some(acceleration)));
    }
    Some((replicates, BootstrapMethod::Percentile, None))
}

/// Bootstraps the ratio over processes and over the samples within each.
fn ratio_of_processes(new: &Nested, reference: &Nested, bootstrap: &Bootstrap) -> Option<Replicates> {
    let mut location = Levelled { within: |samples: &mut [f64]| median(samples).ln(), across: mean };
    let estimate = (location.of(new) - location.of(reference)).exp();
    let mut medians = ResampledMedians::of(new.len().max(reference.len()));
    let mut logarithm = |generator: &mut Pcg64, samples: &[f64]| medians.draw(generator, samples).ln();
    bootstrap.replicate(estimate, |generator| {
        let new = location.of_resample(new, generator, &mut logarithm);
        let reference = location.of_resample(reference, generator, &mut logarithm);
        (new - reference).exp()
    })
}

/// Returns the median, or NaN if there is none; the bootstrap rejects NaN.
fn median(samples: &mut [f64]) -> f64 {
    median_of_unsorted(samples).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quick(seed: u64) -> Bootstrap {
        Bootstrap { resamples: 200, ..Bootstrap::seeded(seed) }
    }

    fn ends(ratio: &MedianRatio) -> (f64, f64, f64) {
        (ratio.interval.estimate, ratio.lo, ratio.hi)
    }

    #[test]
    fn samples_without_spread_have_an_interval_without_width() {
        let ratio = MedianRatio::new(&[vec![3.0; 8]], &[vec![2.0; 5]], &quick(3)).unwrap();
        assert_eq!(ends(&ratio), (1.5, 1.5, 1.5));
        assert_eq!((ratio.equivalence_lo, ratio.equivalence_hi), (1.5, 1.5));
        assert_eq!((ratio.new_processes, ratio.reference_processes), (1, 1));
    }

    #[test]
    fn the_ratio_of_two_coins_covers_exactly_its_possible_values() {
        // 30 samples of 6 over a reference of 30 ones and 30 twos: the median of a resampled reference
        // is 1 or 2 unless the draw is even, so the interval reaches both 6/2 and 6/1.
        let coins: Vec<f64> = (0..60).map(|i| f64::from(1 + i % 2)).collect();
        let ratio = MedianRatio::new(&[vec![6.0; 30]], &[coins], &quick(5)).unwrap();
        assert_eq!(ends(&ratio), (4.0, 3.0, 6.0));
        assert_eq!(ratio.interval.method, BootstrapMethod::Percentile);
    }

    #[test]
    fn the_method_follows_from_the_processes_and_the_number_of_samples() {
        let samples = |n: i32| (0..n).map(|i| 1.0 + f64::from(i * 7 % 10) / 100.0).collect::<Vec<f64>>();
        let method = |new: &[Vec<f64>], reference: &[Vec<f64>]| {
            MedianRatio::new(new, reference, &quick(1)).unwrap().interval.method
        };
        assert_eq!(method(&[samples(30)], &[samples(40)]), BootstrapMethod::Percentile);
        assert_eq!(method(&[samples(29)], &[samples(40)]), BootstrapMethod::Bca);
        assert_eq!(method(&[samples(40)], &[samples(29)]), BootstrapMethod::Bca);
        let several = [samples(10), samples(12)];
        assert_eq!(method(&several, &[samples(40)]), BootstrapMethod::Hierarchical);
        assert_eq!(method(&[samples(40)], &several), BootstrapMethod::Hierarchical);
    }

    #[test]
    fn processes_count_the_same_however_many_samples_they_took() {
        // Medians 1 and 4 on the new side, 2 on the reference side: √(1·4)/2 = 1.
        let new = [vec![1.0; 90], vec![4.0; 3]];
        let ratio = MedianRatio::new(&new, &[vec![2.0; 5]], &quick(2)).unwrap();
        // One of the four draws of two processes takes the fast one twice, another the slow one twice.
        let (estimate, lo, hi) = ends(&ratio);
        assert!((estimate - 1.0).abs() < 1e-12 && (lo - 0.5).abs() < 1e-12 && (hi - 2.0).abs() < 1e-12);
    }

    #[test]
    fn runs_widen_the_interval_by_what_they_show_or_are_assumed_to_differ_by() {
        let evidence = RatioEvidence::new(&vec![vec![1.1; 9]; 5], &vec![vec![1.0; 9]; 5], &quick(1)).unwrap();
        let half_width = |evidence: RatioEvidence| {
            let ratio = evidence.ratio().unwrap();
            assert!((ratio.hi / 1.1 - 1.1 / ratio.lo).abs() < 1e-9);
            ((ratio.hi / 1.1).ln(), ratio.run_spread)
        };
        // One run each: t₁₀ = 2.22814, ·.01·√2 = .031511; and nothing without an assumption.
        let (width, spread) = half_width(evidence.clone().between_runs(&[0.1], &[0.0], 0.01));
        assert!((width - 0.031511).abs() < 1e-5, "{width}");
        assert!((spread.unwrap() - 0.01).abs() < 1e-12);
        let (width, spread) = half_width(evidence.clone().between_runs(&[0.1], &[0.0], 0.0));
        assert!(width.abs() < 1e-12 && spread.is_none());
        // Two runs of one side: s² = .0008 and ν = 1, so the variance is (10·.0001 + .0008)/11 and t₁₁ = 2.20099.
        let (width, _) = half_width(evidence.clone().between_runs(&[0.1], &[-0.02, 0.02], 0.01));
        assert!((width - 2.20099 * (0.0018f64 / 11.0 * 1.5).sqrt()).abs() < 1e-5, "{width}");
        // Two runs of both sides: s² = .0002, ν = 2, the error √(.0014/12) = .010801 and t₁₂ = 2.17881.
        let both = evidence.clone().between_runs(&[0.09, 0.11], &[-0.01, 0.01], 0.01);
        // P(T₁₂ ≥ (ln 1.1 − ln 1.02)/.010801 = 6.9907), by SciPy.
        let p = both.p_beyond(0.02).unwrap();
        assert!((p / (2.0 * 7.26642e-06) - 1.0).abs() < 1e-3, "{p}");
        let (width, spread) = half_width(both);
        assert!((width - 2.17881 * (0.0014f64 / 12.0).sqrt()).abs() < 1e-5, "{width}");
        assert!((spread.unwrap() - (0.0014f64 / 12.0).sqrt()).abs() < 1e-12);
        // Without an assumption, the runs alone: t₂ = 4.30265.
        let (width, _) = half_width(evidence.between_runs(&[0.09, 0.11], &[-0.01, 0.01], 0.0));
        assert!((width - 4.30265 * 0.0002f64.sqrt()).abs() < 1e-5, "{width}");
    }

    #[test]
    fn processes_that_differ_make_the_interval_as_wide_as_they_do() {
        // Ten processes each of 30 equal samples, ±1 % in turn: the replicates of ln x̃ have the
        // standard deviation .01/√10 on a side and .01·√(2/10) = .00447 for the ratio: ±.0088 at
        // 95 %. Pooling the 300 samples would make the interval almost empty or as wide as all of them.
        // Welch's variance is 10/9 of that, with ν = 18: t = 2.101, ±2.101·.00471 = .0099.
        let side: Vec<Vec<f64>> =
            (0..10).map(|i| vec![(0.01 * f64::from(2 * (i % 2) - 1)).exp(); 30]).collect();
        let ratio = MedianRatio::new(&side, &side, &Bootstrap { resamples: 4000, ..quick(4) }).unwrap();
        let bootstrap = ratio.interval;
        assert_eq!(bootstrap.estimate, 1.0);
        assert!((bootstrap.lo.ln() + 0.0088).abs() < 0.0015 && (bootstrap.hi.ln() - 0.0088).abs() < 0.0015);
        assert!((ratio.lo.ln() + 0.0099).abs() < 5e-5 && (ratio.hi.ln() - 0.0099).abs() < 5e-5, "{ratio:?}");
        // 90 %: t = 1.734, ±.0082.
        assert!((ratio.equivalence_hi.ln() - 0.0082).abs() < 5e-5, "{ratio:?}");
        assert!((ratio.equivalence_lo.ln() + 0.0082).abs() < 5e-5, "{ratio:?}");
    }

    /// Five processes with the given values of ln R, on a machine that becomes twice as slow meanwhile.
    fn neighbours(logarithms: [f64; 5]) -> Vec<Vec<(f64, f64)>> {
        let process = |(place, logarithm): (usize, f64)| {
            let time = |sample: usize| 2f64.powf((30 * place + sample) as f64 / 150.0);
            (0..30).map(|sample| (time(sample) * logarithm.exp(), time(sample))).collect()
        };
        logarithms.into_iter().enumerate().map(process).collect()
    }

    #[test]
    fn neighbours_share_what_disturbs_them() {
        // ln R in five processes: mean .03, variance 2.5·.001², t = 2.7764 at 4 degrees of freedom:
        // ±2.7764·.001·√(2.5/5) = .00196; at 90 % t = 2.1318: .00151.
        let pairs = neighbours([0.028, 0.029, 0.030, 0.031, 0.032]);
        let ratio = MedianRatio::paired(&pairs, &quick(6)).unwrap();
        assert!(ratio.paired && (ratio.interval.estimate.ln() - 0.03).abs() < 1e-12);
        assert!((ratio.lo.ln() - 0.02804).abs() < 1e-5 && (ratio.hi.ln() - 0.03196).abs() < 1e-5);
        assert!((ratio.equivalence_hi.ln() - 0.03151).abs() < 1e-5, "{ratio:?}");
        // The same samples without pairing: each process is slower than the one before.
        let side = |which: fn(&(f64, f64)) -> f64| -> Vec<Vec<f64>> {
            pairs.iter().map(|process| process.iter().map(which).collect()).collect()
        };
        let apart = MedianRatio::new(&side(|pair| pair.0), &side(|pair| pair.1), &quick(6)).unwrap();
        assert!(!apart.paired && apart.hi.ln() - apart.lo.ln() > 0.5, "{apart:?}");
    }

    #[test]
    fn p_is_the_level_at_which_the_interval_meets_the_margin() {
        // ln R as above: .03 ± .00070711·t₄. Beyond 2 %: 2·P(T₄ ≥ (.03 − ln 1.02)/.00070711), and below
        // 5 % within it; SciPy 1.17.1: 2·t.sf(…, 4).
        let pairs = neighbours([0.028, 0.029, 0.030, 0.031, 0.032]);
        let evidence = RatioEvidence::paired(&pairs, &quick(6)).unwrap();
        let p = evidence.p_beyond(0.02).unwrap();
        assert!((p - 0.00013438267536446458).abs() < 1e-9, "{p}");
        assert!(evidence.p_within(0.02).unwrap() > 0.999);
        // .01 below a margin of 2 %: t.sf((ln 1.02 − .01)/.00070711, 4).
        let pairs = neighbours([0.008, 0.009, 0.010, 0.011, 0.012]);
        let evidence = RatioEvidence::paired(&pairs, &quick(6)).unwrap();
        let p = evidence.p_within(0.02).unwrap();
        assert!((p - 7.848275220274027e-05).abs() < 1e-9, "{p}");
        assert_eq!(evidence.p_beyond(0.02), Some(1.0));
        for margin in [0.0, -0.1, f64::NAN] {
            assert_eq!((evidence.p_beyond(margin), evidence.p_within(margin)), (None, None));
        }
        // One process says nothing about the next.
        let one = RatioEvidence::paired(&pairs[..1], &quick(6)).unwrap();
        assert_eq!((one.p_beyond(0.02), one.p_within(0.02)), (None, None));
    }

    #[test]
    fn the_bootstrap_has_its_say_in_p() {
        // Five reference processes at 1; four new ones at 1 and one at 1.5. Welch alone would disagree
        // with the bootstrap, in which (4/5)⁵ = 33 % of the draws never take the one that differs.
        let reference = vec![vec![1.0; 9]; 5];
        let mut new = reference.clone();
        new[0] = vec![1.5; 9];
        let evidence =
            RatioEvidence::new(&new, &reference, &Bootstrap { resamples: 4000, ..quick(2) }).unwrap();
        let p = evidence.p_beyond(0.02).unwrap();
        assert!(p >= 2.0 * 0.33 - 0.04, "{p}");
    }

    #[test]
    fn a_disturbed_neighbour_in_five_does_not_move_a_pair_of_processes() {
        let mut pairs = neighbours([0.0; 5]);
        for process in &mut pairs {
            process.iter_mut().step_by(5).for_each(|pair| pair.0 *= 1.6);
        }
        let ratio = MedianRatio::paired(&pairs, &quick(7)).unwrap();
        assert_eq!((ratio.lo, ratio.hi), (1.0, 1.0));
        // One process has no known spread between processes, so only the bootstrap is left.
        let one = MedianRatio::paired(&pairs[..1], &quick(7)).unwrap();
        assert_eq!((one.new_processes, one.lo), (1, one.interval.lo));
    }

    #[test]
    fn a_hundred_thousand_samples_have_the_interval_that_their_density_gives() {
        // Samples spread evenly over 1 to 1.02 have the density f = 50. The standard error of a median of n is
        // 1/(2·f·√n) = 3.16e-5, that of a ratio of two √2 times as large: ±1.96·4.47e-5 = ±8.8e-5, around 1.
        let side = [(0..100_000).map(|i| 1.0 + 2e-7 * f64::from(i)).collect::<Vec<f64>>()];
        let ratio = MedianRatio::new(&side, &side, &Bootstrap::seeded(1)).unwrap();
        // The ratio to the median 1.01 is a hundredth less.
        assert!((ratio.hi - 1.0 - 8.68e-5).abs() < 4e-6, "{}", ratio.hi);
        assert!((1.0 - ratio.lo - 8.68e-5).abs() < 4e-6, "{}", ratio.lo);
    }

    #[test]
    fn what_has_no_ratio_is_none() {
        let ones = || vec![vec![1.0; 4]];
        let none = |new: &[Vec<f64>], reference: &[Vec<f64>]| MedianRatio::new(new, reference, &quick(0));
        assert_eq!(none(&ones(), &[]), None);
        assert_eq!(none(&[], &ones()), None);
        assert_eq!(none(&ones(), &[vec![]]), None);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(none(&ones(), &[vec![1.0, bad]]), None);
            assert_eq!(none(&[vec![bad], vec![1.0]], &ones()), None);
        }
        for bad in [(0.0, 1.0), (1.0, -1.0), (f64::NAN, 1.0)] {
            assert_eq!(MedianRatio::paired(&[vec![(1.0, 1.0), bad]], &quick(0)), None);
        }
        assert_eq!(MedianRatio::paired(&[], &quick(0)), None);
        assert_eq!(MedianRatio::paired(&[vec![]], &quick(0)), None);
        for (resamples, level) in [(0, 0.95), (10, 0.5), (10, 1.0), (10, f64::NAN)] {
            let bootstrap = Bootstrap { resamples, level, seed: 0 };
            assert_eq!(MedianRatio::new(&ones(), &ones(), &bootstrap), None, "{bootstrap:?}");
        }
    }

    proptest! {
        #[test]
        fn orders_and_units_do_not_matter(
            (processes, shuffled) in prop::collection::vec(prop::collection::vec(0.5..1.0f64, 1..12), 1..5)
                .prop_flat_map(|processes| (Just(processes.clone()), Just(processes).prop_shuffle())),
            reference in prop::collection::vec(prop::collection::vec(0.5..1.0f64, 1..12), 1..5),
            seed in any::<u64>(),
        ) {
            let ratio = MedianRatio::new(&processes, &reference, &quick(seed)).unwrap();
            prop_assert_eq!(MedianRatio::new(&shuffled, &reference, &quick(seed)), Some(ratio));
            prop_assert!(ratio.lo <= ratio.equivalence_lo && ratio.lo <= ratio.interval.lo);
            prop_assert!(ratio.equivalence_hi <= ratio.hi && ratio.interval.hi <= ratio.hi);
            // The interval and p give the same verdict unless an end lies between two replicates.
            let evidence = RatioEvidence::new(&processes, &reference, &quick(seed)).unwrap();
            if let Some(beyond) = evidence.p_beyond(0.02) {
                let (inner, outer) = (1.02f64, 1.0 / 1.02);
                let told = ratio.lo > inner || ratio.hi < outer;
                prop_assert!(told == (beyond <= 0.05) || (beyond - 0.05).abs() < 0.011, "{beyond} {ratio:?}");
                let within = evidence.p_within(0.02).unwrap();
                let told = ratio.equivalence_lo >= outer && ratio.equivalence_hi <= inner;
                prop_assert!(told == (within <= 0.05) || (within - 0.05).abs() < 0.011, "{within} {ratio:?}");
            }
            let scaled = |side: &[Vec<f64>]| -> Vec<Vec<f64>> {
                side.iter().map(|samples| samples.iter().map(|x| 1024.0 * x).collect()).collect()
            };
            let other = MedianRatio::new(&scaled(&processes), &scaled(&reference), &quick(seed)).unwrap();
            prop_assert!((other.lo / ratio.lo - 1.0).abs() < 1e-9);
            prop_assert!((other.hi / ratio.hi - 1.0).abs() < 1e-9);
        }
    }
}
