//! What the fields of one row say against each other: a row that contradicts itself is no result.

use super::schema::Row;
use super::timing::{LEVEL, TimerChoice, Timing, Verification};
use portamark_model::units;
use portamark_stats::{median_interval, median_of_unsorted};

/// Factor by which the host may take longer than the device says for a batch, however busy the machine is, in at
/// least one batch of a row.
const HOST_OVER_DEVICE: f64 = 2.0;
/// Batches this many times as long as an empty one take about the same time by both clocks.
const LONG: f64 = 20.0;
/// Relative difference between the median of a summary and that of its samples that rounding explains: samples are
/// whole nanoseconds.
const ROUNDING: f64 = 0.01;

impl Timing {
    /// Returns how the clocks of device and host contradict each other; `None` if they do not, or if the device's
    /// clock does not count. An empty batch takes the host `empty_host_s` seconds.
    ///
    /// A busy machine delays some batches. It is the clock that is at fault if in every batch the host took at least
    /// twice as long as the device says, though each is at least 20 times as long as an empty one.
    pub fn contradicting_clocks(&self, empty_host_s: f64) -> Option<String> {
        if self.timer != TimerChoice::Device {
            return None;
        }
        let longest_s = *self.device_ns.iter().max()? as f64 * 1e-9;
        let shortest_s = *self.host_ns.iter().min()? as f64 * 1e-9;
        (shortest_s > LONG * empty_host_s && shortest_s > HOST_OVER_DEVICE * longest_s).then(|| {
            format!(
                "its device's clock gives at most {} for a batch that takes the host at least {}: the clock of the \
                 executor is at fault",
                units::seconds(longest_s),
                units::seconds(shortest_s)
            )
        })
    }

    /// Returns how the summary contradicts the samples or itself; `None` if it does not.
    pub(super) fn other_summary(&self) -> Option<String> {
        let ns = match self.timer {
            TimerChoice::Device => &self.device_ns,
            TimerChoice::Host => &self.host_ns,
        };
        if ns.is_empty() {
            return Some("its summary is of no samples".into());
        }
        let samples = self.seconds();
        let summary = &self.summary;
        // Batches without a time are samples by the host's clock.
        if summary.n != samples.len() && summary.n != ns.len() {
            return Some(format!(
                "its summary is of {} samples, of which it has {}",
                summary.n,
                samples.len()
            ));
        }
        let told = summary.median;
        let found = median_of_unsorted(&mut samples.clone()).unwrap_or(f64::NAN);
        let same = (told - found).abs() <= ROUNDING * found.abs();
        if !same {
            let [found, told] = [found, told].map(units::seconds);
            return Some(format!("the median of its samples is {found}, not {told}"));
        }
        let shortest = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let longest = samples.iter().copied().fold(0.0, f64::max);
        let encloses = match (summary.ci_lo, summary.ci_hi) {
            (None, None) => true,
            // The ends are samples on both sides of the median.
            (Some(lo), Some(hi)) => [shortest, lo, told, hi, longest]
                .windows(2)
                .all(|pair| pair[0] <= pair[1] + ROUNDING * found.abs()),
            _ => false,
        };
        let end = |end: Option<f64>| end.map_or("nothing".into(), units::seconds);
        let told = || format!("from {} to {}", end(summary.ci_lo), end(summary.ci_hi));
        if !encloses {
            return Some(format!("the interval of its median goes {}, which no such samples have", told()));
        }
        let [lo, hi] = self.other_interval(samples)?.map(units::seconds);
        Some(format!("the interval of its median goes {}, that of its samples from {lo} to {hi}", told()))
    }

    /// Returns the interval of the median of `samples`, if that of the summary is another. Its ends may be the next
    /// samples to either side: machines round the correlation of samples differently, which decides on their ranks.
    fn other_interval(&self, mut samples: Vec<f64>) -> Option<[f64; 2]> {
        let summary = &self.summary;
        if summary.n != samples.len() {
            return None;
        }
        let own = median_interval(&samples, LEVEL)?;
        samples.sort_by(f64::total_cmp);
        let rounding = ROUNDING * summary.median.abs();
        let is_near = |told: Option<f64>, rank: usize| {
            let least = samples[rank.saturating_sub(2)] - rounding;
            let most = samples[rank.min(samples.len() - 1)] + rounding;
            told.is_some_and(|told| (least..=most).contains(&told))
        };
        let same = is_near(summary.ci_lo, own.ranks.lower) && is_near(summary.ci_hi, own.ranks.upper);
        (!same).then_some([own.lo, own.hi])
    }
}

impl Verification {
    /// Returns why this is no proof; `None` if it is one.
    pub(super) fn fault(&self) -> Option<String> {
        if self.checked == 0 {
            Some("no element was compared with the oracle".into())
        } else if !self.passed {
            Some("the comparison did not pass with the oracle".into())
        } else if self.unwritten > 0 {
            Some(format!("the kernel left {} elements of the output unwritten", self.unwritten))
        } else {
            match self.worst_ratio {
                None => Some("its comparison with the oracle has no largest error".into()),
                Some(ratio) if ratio <= 1.0 => None,
                Some(ratio) => Some(format!("an element differs from the oracle by {ratio} times its bound")),
            }
        }
    }
}

impl Row {
    /// Gives a row the work that its case has, and returns what it counted instead; `None` if it counted the same.
    pub(super) fn recount(&mut self) -> Option<String> {
        let case = self.case.parse::<portamark_model::workload::Case>().ok()?;
        let work = Row::new(self.case.as_str(), case.flop(), case.bytes());
        if (self.flop, self.bytes) == (work.flop, work.bytes) {
            return None;
        }
        let counted = format!("{} FLOP and {} bytes", self.flop, self.bytes);
        (self.flop, self.bytes) = (work.flop, work.bytes);
        Some(format!(
            "{counted}, where its case has {} FLOP and {} bytes, which count",
            work.flop, work.bytes
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    const CASE: &str = "gemm f32 m512 n512 k512 nn";

    fn timing(device_ns: &[u64], host_ns: &[u64]) -> Timing {
        example::row(CASE).timing.unwrap().but(|it| {
            (it.device_ns, it.host_ns) = (device_ns.to_vec(), host_ns.to_vec());
        })
    }

    #[test]
    fn clocks_contradict_if_the_host_takes_twice_as_long_for_every_long_batch() {
        // An empty batch takes 30 µs, so that one of 600 µs is long.
        let said = |device_ns: &[u64], host_ns: &[u64]| timing(device_ns, host_ns).contradicting_clocks(3e-5);
        let words = said(&[268_000, 270_000], &[26_900_000, 26_800_000]).unwrap();
        assert!(words.contains("at most 270 µs") && words.contains("at least 26.8 ms"), "{words}");
        assert!(said(&[300_000; 3], &[700_000; 3]).is_some());
        // One batch of a busy machine that was not delayed is enough.
        assert_eq!(said(&[300_000; 3], &[9_000_000, 599_000, 9_000_000]), None);
        // As short as 20 empty batches, the time may be that of the submission.
        assert_eq!(said(&[1000; 3], &[600_000; 3]), None);
        assert_eq!(said(&[], &[700_000]), None);
        let by_host = timing(&[1000; 3], &[700_000; 3]).but(|it| it.timer = TimerChoice::Host);
        assert_eq!(by_host.contradicting_clocks(3e-5), None);
    }

    #[test]
    fn a_summary_is_that_of_the_samples() {
        // Two executions in 1 µs, 2 µs and 9 µs: the median is 1 µs for one.
        let told = |seconds: f64| {
            let mut timing = timing(&[1000, 2000, 9000], &[2000, 3000, 10_000]).but(|it| it.k = 2);
            (timing.summary.n, timing.summary.median) = (3, seconds);
            (timing.summary.ci_lo, timing.summary.ci_hi) = (None, None);
            timing
        };
        assert_eq!(told(1e-6).other_summary(), None);
        assert_eq!(told(1.009e-6).other_summary(), None);
        let words = told(0.5e-6).other_summary().unwrap();
        assert!(words.contains("1.00 µs, not 500 ns"), "{words}");
        assert!(told(f64::NAN).other_summary().is_some());
        assert!(told(1e-6).but(|it| it.k = 0).other_summary().is_some());
        // By the host 1 µs of each batch is overhead: (3 − 1) / 2.
        let by_host = |it: &mut Timing| (it.timer, it.taken_off_s) = (TimerChoice::Host, Some(1e-6));
        assert_eq!(told(1e-6).but(by_host).other_summary(), None);
        assert!(told(1.5e-6).but(by_host).other_summary().is_some());
        // No batch had a time, and no samples at all.
        assert!(told(1e-6).but(|it| it.device_ns = vec![0; 3]).other_summary().is_some());
        let none = told(1e-6).but(|it| it.device_ns = vec![]).other_summary();
        assert_eq!(none.as_deref(), Some("its summary is of no samples"));
    }

    #[test]
    fn the_interval_and_the_number_of_a_summary_are_those_of_its_samples() {
        let said = |change: fn(&mut Timing)| {
            let mut timing = timing(&[1000, 2000, 4000], &[2000, 3000, 5000]).but(|it| it.k = 1);
            (timing.summary.n, timing.summary.median) = (3, 2e-6);
            (timing.summary.ci_lo, timing.summary.ci_hi) = (Some(1e-6), Some(4e-6));
            change(&mut timing);
            timing.other_summary().unwrap_or_default()
        };
        assert_eq!(said(|_| ()), "");
        assert_eq!(said(|it| (it.summary.ci_lo, it.summary.ci_hi) = (None, None)), "");
        let ends: [fn(&mut Timing); 5] = [
            |it| (it.summary.ci_lo, it.summary.ci_hi) = (Some(4e-6), Some(1e-6)),
            |it| it.summary.ci_hi = Some(1.5e-6),
            |it| it.summary.ci_lo = Some(0.5e-6),
            |it| it.summary.ci_hi = Some(5e-6),
            |it| it.summary.ci_lo = None,
        ];
        for end in ends {
            assert!(said(end).contains("the interval of its median"), "{}", said(end));
        }
        assert_eq!(said(|it| it.summary.n = 30), "its summary is of 30 samples, of which it has 3");
        // Of four batches one had no time: the summary may count it or not.
        assert_eq!(said(|it| it.device_ns.push(0)), "");
        assert_eq!(said(|it| (it.summary.n, it.device_ns) = (4, vec![1000, 2000, 4000, 0])), "");
    }

    #[test]
    fn the_interval_of_enough_samples_is_the_one_that_they_have() {
        // Ten samples in an order without correlation: ranks 2 and 9 are 2 µs and 9 µs.
        let ns = [1u64, 9, 2, 8, 3, 7, 4, 6, 5, 20].map(|micros| 1000 * micros);
        let said = |lo: Option<f64>, hi: Option<f64>| {
            let mut timing = timing(&ns, &ns).but(|it| it.k = 1);
            (timing.summary.n, timing.summary.median) = (10, 5.5e-6);
            (timing.summary.ci_lo, timing.summary.ci_hi) = (lo, hi);
            timing.other_summary().unwrap_or_default()
        };
        // The next samples are 1 and 3 µs, 8 and 20 µs.
        for (lo, hi) in [(2e-6, 9e-6), (1e-6, 20e-6), (3e-6, 8e-6)] {
            assert_eq!(said(Some(lo), Some(hi)), "", "{lo} {hi}");
        }
        let narrow = "the interval of its median goes from 5.00 µs to 6.00 µs, that of its samples from 2.00 µs to 9.00 µs";
        assert_eq!(said(Some(5e-6), Some(6e-6)), narrow);
        assert!(said(Some(2e-6), Some(7e-6)).contains("that of its samples"));
        assert!(said(None, None).contains("from nothing to nothing, that of its samples"));
    }

    #[test]
    fn a_proof_says_itself_what_it_lacks() {
        let fault = |change: fn(&mut Verification)| {
            let mut proof = example::row(CASE).verification.unwrap();
            change(&mut proof);
            proof.fault().unwrap_or_default()
        };
        assert_eq!(fault(|_| ()), "");
        assert_eq!(fault(|it| it.worst_ratio = Some(1.0)), "");
        assert!(fault(|it| it.worst_ratio = Some(1.5)).contains("1.5 times its bound"));
        assert!(fault(|it| it.worst_ratio = Some(f64::NAN)).contains("NaN times its bound"));
        assert!(fault(|it| it.worst_ratio = None).contains("has no largest error"));
        assert!(fault(|it| it.unwritten = 3).contains("left 3 elements of the output unwritten"));
        assert!(fault(|it| it.passed = false).contains("did not pass"));
        assert!(fault(|it| it.checked = 0).contains("no element was compared"));
    }

    #[test]
    fn the_work_of_a_row_is_that_of_its_case() {
        // 2·512³ FLOP, and 3·512² elements of 4 bytes.
        let mut row = example::row(CASE);
        assert_eq!(row.recount(), None);
        (row.flop, row.bytes) = (7, 838_860_800);
        let said = row.recount().unwrap();
        assert_eq!(
            said,
            "7 FLOP and 838860800 bytes, where its case has 268435456 FLOP and 3145728 bytes, which count"
        );
        assert_eq!((row.flop, row.bytes), (268_435_456, 3_145_728));
        // What is no key has no other counts than those of the file.
        let mut other = Row::new("mine", 7, 8);
        assert_eq!((other.recount(), other.flop, other.bytes), (None, 7, 8));
    }
}
