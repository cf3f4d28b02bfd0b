//! Evaluation of a timer self-test: detects the ways in which a device clock can be wrong.

use portamark_executors::protocol::Sampled;
use portamark_model::units;
use portamark_results::{TimerChoice, TimerFault, TimerReport};
use portamark_stats::median_of_unsorted;

/// One batch of the self-test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Batch {
    /// Number of executions; 0 for an empty pass.
    pub k: u32,
    /// Device and host time of the batch.
    pub sampled: Sampled,
}

/// Observations of one self-test.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Evidence {
    /// Whether the device offers timestamps at all.
    pub offered: bool,
    /// Number of executions in a batch of single work; a batch of double work has `2 * once`.
    pub once: u32,
    /// All batches except the first, in order of execution.
    pub batches: Vec<Batch>,
}

/// Fraction of unusable batches at which the clock is rejected; below it, only those batches are.
const MOST_UNUSABLE: f64 = 0.1;
/// Device time in nanoseconds (eleven days) that no batch reaches: the timestamp difference must have wrapped
/// around.
const IMPOSSIBLE_NS: u64 = 1_000_000_000_000_000;
/// Largest plausible ratio of device time to host time, besides two ticks and a microsecond: the rates of two
/// crystals differ by far less, but timestamps are taken some time after the event they mark.
const ABOVE_HOST: f64 = 1.01;
/// Tolerance of the time ratio between double and single work: 1.5 to 2.5 is possible on a busy machine.
const SCALE: f64 = 0.5;
/// Tolerance of the same ratio if each device time is divided by its host time. Disturbances affect both
/// clocks, so this holds on a busy machine too.
const SCALE_AGAINST_HOST: f64 = 0.2;
/// Relative difference within which device and host time of long work agree.
const PERIOD: f64 = 0.1;
/// Smallest tick, in nanoseconds, of a clock that is called coarse.
const COARSE_NS: f64 = 10_000.0;

impl Evidence {
    /// Returns the batches of the wanted k with their device times in nanoseconds, without missing or
    /// impossible times.
    fn device_ns(&self, is_wanted: impl Fn(u32) -> bool) -> impl Iterator<Item = (Batch, u64)> {
        let wanted = self.batches.iter().filter(move |batch| is_wanted(batch.k));
        wanted.filter_map(|b| b.sampled.device_ns.filter(|ns| *ns < IMPOSSIBLE_NS).map(|ns| (*b, ns)))
    }

    fn median_device_s(&self, k: u32) -> Option<f64> {
        median(self.device_ns(|other| other == k).map(|(_, ns)| ns as f64 * 1e-9))
    }

    /// Returns the median host time of batches of `k` executions, in seconds; `None` if there are none.
    pub(super) fn median_host_s(&self, k: u32) -> Option<f64> {
        median(self.batches.iter().filter(|b| b.k == k).map(|b| b.sampled.host_ns as f64 * 1e-9))
    }

    /// Estimates the timer's tick in nanoseconds: the smallest of all device times and their differences. All
    /// of them are whole numbers of ticks, so this is one tick or, if few distinct times were seen, several.
    pub(super) fn tick_ns(&self) -> Option<f64> {
        let mut distinct: Vec<u64> = self.device_ns(|_| true).map(|(_, ns)| ns).collect();
        distinct.push(0);
        distinct.sort_unstable();
        let steps = distinct.windows(2).map(|pair| pair[1] - pair[0]);
        steps.filter(|step| *step > 0).min().map(|step| step as f64)
    }

    /// Returns the device time of double work over that of single work, after subtracting the empty pass.
    fn twice_over_once(&self, empty_s: f64) -> Option<f64> {
        let once = self.median_device_s(self.once)? - empty_s;
        let twice = self.median_device_s(2 * self.once)? - empty_s;
        Some(twice / once).filter(|ratio| ratio.is_finite())
    }

    /// Returns the same ratio after dividing each device time by its host time.
    fn twice_over_once_against_host(&self) -> Option<f64> {
        let part = |k: u32| {
            let parts = self.device_ns(move |other| other == k);
            median(parts.map(|(batch, ns)| ns as f64 / batch.sampled.host_ns.max(1) as f64))
        };
        Some(part(2 * self.once)? / part(self.once)?).filter(|ratio| ratio.is_finite())
    }

    /// Returns device time over host time of the longest batches, after subtracting the times of an empty
    /// batch.
    fn device_over_host(&self, empty_device_s: f64, empty_host_s: f64) -> Option<f64> {
        let longest = self.batches.iter().map(|batch| batch.k).max()?;
        let ratios = self.device_ns(|k| k == longest).map(|(batch, ns)| {
            let host_s = batch.sampled.host_ns as f64 * 1e-9 - empty_host_s;
            (ns as f64 * 1e-9 - empty_device_s) / host_s
        });
        median(ratios.filter(|ratio| ratio.is_finite()))
    }

    /// Evaluates the observations: finds faults of the device clock and chooses the clock for the rows.
    pub(super) fn judge(&self) -> TimerReport {
        let empty_host_s = self.median_host_s(0).unwrap_or(0.0);
        let empty_device_s = self.median_device_s(0);
        let mut report = TimerReport::device_clock(self.tick_ns(), empty_host_s, empty_device_s);
        self.judge_stamps(&mut report);
        if !report.faults.iter().any(|fault| fault.forfeits()) {
            self.judge_times(&mut report);
        }
        if report.faults.iter().any(|fault| fault.forfeits()) {
            report.chosen = TimerChoice::Host;
        }
        report
    }

    /// Checks that timestamps exist and are in order.
    fn judge_stamps(&self, report: &mut TimerReport) {
        if !self.offered {
            return report.accuse(TimerFault::NoTimestamps, "the device offers no timestamps".into());
        }
        // Less work may start and end within one tick.
        let work: Vec<&Batch> = self.batches.iter().filter(|batch| batch.k >= self.once.max(1)).collect();
        let count = |is: &dyn Fn(&Sampled) -> bool| work.iter().filter(|batch| is(&batch.sampled)).count();
        let missing = count(&|s| s.device_ns.is_none() && s.invalid == 0);
        let zero = count(&|s| s.device_ns == Some(0));
        if missing + zero == work.len() {
            return report.accuse(TimerFault::AllZero, "every timestamp is zero or missing".into());
        }
        let wrapped = count(&|s| s.device_ns.is_some_and(|ns| ns >= IMPOSSIBLE_NS));
        let unusable = count(&|s| s.invalid > 0 || s.device_ns.is_none_or(|ns| ns == 0));
        let all = work.len();
        if wrapped + unusable == all || unusable as f64 >= MOST_UNUSABLE * all as f64 {
            let words = format!(
                "{} of {all} batches have timestamps that are zero or go backwards",
                wrapped + unusable
            );
            return report.accuse(TimerFault::Backwards, words);
        }
        if wrapped > 0 {
            let words = format!("{wrapped} of {all} batches have a huge time: timestamps wrap around");
            return report.accuse(TimerFault::Wrapping, words);
        }
        if unusable > 0 {
            let words = format!("{unusable} of {all} batches have timestamps that are zero or go backwards");
            report.accuse(TimerFault::SometimesUnusable, words);
        }
    }

    /// Checks that the times between timestamps are right.
    fn judge_times(&self, report: &mut TimerReport) {
        let tick_ns = report.tick_ns.unwrap_or(0.0);
        let work: Vec<(Batch, u64)> = self.device_ns(|k| k >= self.once).collect();
        let host_limit = |batch: &Batch| ABOVE_HOST * batch.sampled.host_ns as f64 + 2.0 * tick_ns + 1000.0;
        let above = work.iter().filter(|(batch, ns)| *ns as f64 > host_limit(batch)).count();
        if above as f64 >= MOST_UNUSABLE * work.len() as f64 {
            let words = format!("device time exceeds host time in {above} of {} batches", work.len());
            report.accuse(TimerFault::AboveHost, words);
        }
        let empty_device_s = report.empty_device_s.unwrap_or(0.0);
        report.twice_over_once = self.twice_over_once(empty_device_s);
        let off = |ratio: Option<f64>, right: f64| ratio.map_or(f64::INFINITY, |r| (r - right).abs());
        if off(report.twice_over_once, 2.0) > SCALE
            && off(self.twice_over_once_against_host(), 1.0) > SCALE_AGAINST_HOST
        {
            let ratio = report.twice_over_once.map_or("no".into(), units::significant);
            let words = format!("twice the work takes {ratio} times the time");
            return report.accuse(TimerFault::DoesNotScale, words);
        }
        report.device_over_host = self.device_over_host(empty_device_s, report.empty_host_s);
        if off(report.device_over_host, 1.0) > PERIOD {
            let ratio = report.device_over_host.map_or("none".into(), units::percent);
            let words =
                format!("device time is {ratio} of host time over long work: the timestamp period is wrong");
            report.accuse(TimerFault::WrongPeriod, words);
        }
        if tick_ns >= COARSE_NS {
            let words = format!("the timer resolution is only {}", units::seconds(tick_ns * 1e-9));
            report.accuse(TimerFault::CoarseTick, words);
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    median_of_unsorted(&mut values.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(k: u32, device_ns: Option<u64>, host_ns: u64) -> Batch {
        Batch { k, sampled: Sampled::new(device_ns, host_ns, 0) }
    }

    /// Returns empty batches of 5 µs device time and 30 µs host time, then batches of 10, 20 and 80 ms, three
    /// of each.
    fn honest() -> Evidence {
        let batches = [0, 10, 20, 80].into_iter().flat_map(|k: u32| {
            let device_ns = 5000 + u64::from(k) * 1_000_000;
            [batch(k, Some(device_ns), device_ns + 25_000); 3]
        });
        Evidence { offered: true, once: 10, batches: batches.collect() }
    }

    /// Judges the honest evidence with device times changed by `lie`.
    fn with(lie: impl Fn(u64) -> u64) -> TimerReport {
        let mut evidence = honest();
        for batch in &mut evidence.batches {
            batch.sampled.device_ns = batch.sampled.device_ns.map(&lie);
        }
        evidence.judge()
    }

    #[test]
    fn an_honest_clock_is_used_and_its_numbers_are_those_of_the_batches() {
        let report = honest().judge();
        assert_eq!((report.chosen, report.faults.len()), (TimerChoice::Device, 0));
        // The smallest of 5 µs, 9.995, 10 and 60 ms.
        assert_eq!(report.tick_ns, Some(5000.0));
        assert!((report.empty_host_s - 30e-6).abs() < 1e-15);
        assert_eq!(report.empty_device_s, Some(5e-6));
        assert!((report.twice_over_once.unwrap() - 2.0).abs() < 1e-12);
        assert!((report.device_over_host.unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_period_that_is_off_by_a_fifth_is_wrong_and_by_a_twentieth_within_the_noise() {
        let report = with(|ns| ns * 4 / 5);
        assert_eq!(report.faults, [TimerFault::WrongPeriod]);
        assert_eq!(report.chosen, TimerChoice::Host);
        assert!((report.device_over_host.unwrap() - 0.8).abs() < 1e-9);
        assert!((report.twice_over_once.unwrap() - 2.0).abs() < 1e-9, "it scales all the same");
        assert_eq!(with(|ns| ns * 19 / 20).faults, []);
    }

    #[test]
    fn a_coarse_clock_is_named_and_used() {
        let report = with(|ns| ns / 65_536 * 65_536);
        assert_eq!((report.chosen, &report.faults[..]), (TimerChoice::Device, &[TimerFault::CoarseTick][..]));
        assert_eq!(report.tick_ns.unwrap() as u64 % 65_536, 0);
    }

    #[test]
    fn a_clock_that_lags_behind_the_host_by_a_constant_has_the_right_period() {
        // Half a millisecond passes before the host learns that the work has ended.
        let mut evidence = honest();
        for batch in &mut evidence.batches {
            batch.sampled.host_ns += 500_000;
        }
        assert_eq!(evidence.judge().faults, []);
    }

    #[test]
    fn few_unusable_stamps_are_named_and_many_forfeit_the_clock() {
        let unusable = |count: usize| {
            let mut evidence = honest();
            let more = evidence.batches.repeat(4);
            evidence.batches = more;
            let work = evidence.batches.iter_mut().filter(|batch| batch.k > 0);
            for batch in work.take(count) {
                batch.sampled = Sampled::new(None, batch.sampled.host_ns, 1);
            }
            evidence.judge()
        };
        // There are 36 batches with work.
        let few = unusable(3);
        assert_eq!((few.chosen, few.faults), (TimerChoice::Device, vec![TimerFault::SometimesUnusable]));
        assert_eq!(few.findings, ["3 of 36 batches have timestamps that are zero or go backwards"]);
        let many = unusable(4);
        assert_eq!((many.chosen, many.faults), (TimerChoice::Host, vec![TimerFault::Backwards]));
    }

    #[test]
    fn differences_that_wrap_are_told_from_stamps_that_go_backwards() {
        let huge = |ns: u64| ns.wrapping_sub(1 << 36);
        // Only the longest batches pass the end of the counter.
        let some = with(|ns| if ns > 50_000_000 { huge(ns) } else { ns });
        assert_eq!(some.faults, [TimerFault::Wrapping]);
        assert_eq!(with(|ns| 0u64.wrapping_sub(ns)).faults, [TimerFault::Backwards]);
    }

    #[test]
    fn what_disturbs_both_clocks_is_no_fault_of_the_device() {
        // Another program takes half the machine during the batches of twice the work.
        let mut evidence = honest();
        for batch in evidence.batches.iter_mut().filter(|batch| batch.k == 20) {
            batch.sampled.device_ns = batch.sampled.device_ns.map(|ns| 2 * ns);
            batch.sampled.host_ns *= 2;
        }
        let report = evidence.judge();
        assert!(report.twice_over_once.unwrap() > 3.9);
        assert_eq!(report.faults, []);
    }

    #[test]
    fn the_names_in_files_stay_as_they_are() {
        let names = serde_json::to_string(&[TimerFault::AllZero, TimerFault::CoarseTick]).unwrap();
        assert_eq!(names, r#"["all-zero","coarse-tick"]"#);
    }
}
