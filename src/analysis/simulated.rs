//! Made-up runs with the noise of real machines, for tests, and what comparing them comes to.

use super::fixture;
use crate::record::{Row, RunFile};
use crate::stats::Summary;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

/// A run of `cases` (keys with seconds) in `processes` processes of 31 batches each.
///
/// The run as a whole is off by .3 %, as clocks and temperatures of different days are; each process
/// by .4 %; a batch by 1 %, one in twenty takes up to 20 % longer, and within a process times rise by up
/// to .5 %. All but the spikes are standard deviations.
pub(crate) fn run(cases: &[(String, f64)], processes: u32, seed: u64) -> RunFile {
    let mut generator = Pcg64::seed_from_u64(seed);
    // The middle of one of 2⁵³ equal parts of (0, 1).
    let mut uniform = move || ((generator.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let normal = Normal::standard();
    let of_run = 0.003 * normal.inverse_cdf(uniform());
    let mut rows = Vec::new();
    for repeat in 1..=processes {
        for (key, seconds) in cases {
            let of_process = of_run + 0.004 * normal.inverse_cdf(uniform());
            let rise = 0.005 * uniform();
            let samples: Vec<f64> = (0..31)
                .map(|place| {
                    let own = 0.01 * normal.inverse_cdf(uniform()) + rise * f64::from(place) / 31.0;
                    let spike = if uniform() < 0.05 { 1.0 + 0.2 * uniform() } else { 1.0 };
                    seconds * spike * (of_process + own).exp()
                })
                .collect();
            let mut row = Row { repeat, ..fixture::ok_row(key, *seconds) };
            let timing = row.timing.as_mut().expect("the fixture is timed");
            let ns = |seconds: f64| (1e9 * seconds * f64::from(timing.k)).round() as u64;
            timing.device_ns = samples.iter().map(|seconds| ns(*seconds)).collect();
            timing.host_ns = timing.device_ns.iter().map(|ns| ns + 30_000).collect();
            timing.summary = Summary::from_samples(&timing.seconds(), 0.95).expect("the samples are finite");
            rows.push(row);
        }
    }
    let mut file = fixture::file(fixture::h100_header(), rows);
    file.header.run = format!("{seed:08x}");
    file.path = format!("results/{seed}.jsonl").into();
    file
}

/// Many cases, from 20 µs to 20 ms.
pub(crate) fn cases(many: u32) -> Vec<(String, f64)> {
    let seconds = |i: u32| 2e-5 * 1000f64.powf(f64::from(i) / f64::from(many));
    (0..many).map(|i| (format!("gemm f32 m{} n512 k512 nn", 64 * (i + 1)), seconds(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{CaseVerdict, Gate, Matching, VerdictRule, compare};
    use super::*;
    use crate::stats::Bootstrap;

    fn rule() -> VerdictRule {
        let rule = VerdictRule::seeded(1);
        VerdictRule { bootstrap: Bootstrap { resamples: 400, ..rule.bootstrap }, ..rule }
    }

    fn judged(new: RunFile, reference: RunFile) -> Vec<CaseVerdict> {
        compare(&[new], &[reference], Matching::default(), &rule()).unwrap().remove(0).cases
    }

    #[test]
    fn two_runs_of_one_device_are_the_same_or_unclear_but_for_two_percent() {
        // With the whole run off by .3 %·√2 a case is off by .5 % in all and has the standard error .25 %: the
        // margin is six of them away, so that not one alarm is to be expected of 150 cases.
        for seed in [11, 12] {
            let verdicts = judged(run(&cases(150), 7, seed), run(&cases(150), 7, seed + 100));
            let count = |word: &str| verdicts.iter().filter(|v| v.judgement.verdict.word() == word).count();
            assert_eq!(verdicts.len(), 150);
            assert_eq!(count("missing"), 0);
            assert!(count("faster") + count("slower") <= 3, "{} {}", count("faster"), count("slower"));
            assert!(count("same") >= 130, "{} same, {} unclear", count("same"), count("unclear"));
        }
    }

    #[test]
    fn of_many_kernels_the_one_that_is_slower_by_five_percent_is_named_and_no_other() {
        for (seed, slowed) in [(21, 17), (22, 90)] {
            let mut slower = cases(120);
            slower[slowed].1 *= 1.05;
            let verdicts = judged(run(&slower, 7, seed), run(&cases(120), 7, seed + 100));
            let named: Vec<&str> = verdicts
                .iter()
                .filter(|verdict| Gate::Slower.stops(verdict, &rule()))
                .map(|verdict| verdict.case.as_str())
                .collect();
            assert_eq!(named, [slower[slowed].0.as_str()]);
            let told = |word: &str| verdicts.iter().filter(|v| v.judgement.verdict.word() == word).count();
            assert_eq!((told("slower"), told("faster")), (1, 0));
            let ratio = verdicts[slowed].judgement.ratio.unwrap().interval.estimate;
            assert!((ratio - 1.05).abs() < 0.02, "{ratio}");
        }
    }

    #[test]
    fn with_one_process_on_a_side_nothing_is_called_slower() {
        let mut slower = cases(10);
        slower.iter_mut().for_each(|case| case.1 *= 1.5);
        let verdicts = judged(run(&slower, 1, 5), run(&cases(10), 7, 6));
        assert!(verdicts.iter().all(|verdict| verdict.judgement.verdict.word() == "unclear"));
        assert!(verdicts.iter().all(|verdict| !Gate::Slower.stops(verdict, &rule())));
    }
}
