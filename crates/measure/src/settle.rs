//! Wait for a steady clock before the first case: a device speeds up after idling and slows down as it gets
//! warm.

use super::batch_time::{chosen_s, waited};
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_results::{Settled, TimerChoice};
use portamark_stats::{agrees, median_of_unsorted};
use std::time::Duration;

/// Seconds of work per batch, long enough that a clock that is still changing differs between the first and
/// the last of three batches.
const BATCH_S: f64 = 0.5;
/// Relative difference within which three batches agree.
const AGREEMENT: f64 = 0.02;

/// Runs the prepared case `handle` until its time is steady or `limit` has passed. `deadline` is the timeout
/// of one message.
///
/// # Errors
/// Fails if the executor fails.
pub fn settle(
    executor: &mut dyn Executor,
    handle: u32,
    choice: TimerChoice,
    deadline: Duration,
    limit: Duration,
) -> Result<Settled, Fault> {
    let mut waited_s = 0.0;
    let mut batches = Vec::new();
    loop {
        let until = waited_s + BATCH_S;
        let mut times = Vec::new();
        while waited_s < until {
            let (sampled, own_s) = waited(executor, handle, 1, deadline)?;
            let host_s = sampled.host_ns as f64 * 1e-9;
            times.push(chosen_s(&sampled, choice).unwrap_or(host_s));
            // An executor whose clock stands still is not waited for longer than any other.
            waited_s += host_s.max(own_s).max(1e-6);
        }
        batches.extend(median_of_unsorted(&mut times));
        let steady = agrees(&batches, AGREEMENT);
        if steady || waited_s >= limit.as_secs_f64() {
            // Each batch has at least one time, so there is always a result.
            let settled = Settled::of(&batches, steady, waited_s);
            return settled.ok_or_else(|| Fault::new(FaultKind::Failed, "no time was taken"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::fake::{Act, Fake, On, Rule, Script};
    use portamark_executors::protocol::Prepare;
    use portamark_model::device::Takes;

    const KEY: &str = "peak f32 fma c16384 s2048";
    const SOON: Duration = Duration::from_secs(60);

    /// Settles on a fake whose first `slow` samples take twice as long, for at most `limit` seconds.
    /// Its arithmetic is so slow that a sample takes 2·16384·2048 FLOP · 0.1 ns = 6.7 ms.
    fn settled(slow: u32, limit: u64) -> Settled {
        let device = Script::device().but(|it| it.takes = Takes::Cases);
        let rule = Rule { count: Some(slow), factor: 2.0, ..Rule::new("peak*", On::Sample, Act::Slow) };
        let script = Script {
            devices: vec![device.clone()],
            rules: vec![rule],
            seconds_per_flop: 1e-10,
            ..Script::default()
        };
        let mut fake = Fake::from_script(script);
        let prepare = Prepare::new(&device, &KEY.parse().unwrap(), None);
        let handle = fake.prepare(prepare, SOON).unwrap().handle;
        settle(&mut fake, handle, TimerChoice::Device, SOON, Duration::from_secs(limit)).unwrap()
    }

    #[test]
    fn a_steady_clock_is_steady_after_three_batches() {
        let settled = settled(0, 30);
        assert!(settled.steady && settled.batches == 3, "{settled:?}");
        assert!((1.5..1.6).contains(&settled.waited_s), "{settled:?}");
    }

    #[test]
    fn a_clock_that_speeds_up_is_waited_for() {
        // Sixty samples of 13.4 ms are 0.8 s: the first batch is slow, the second one in part.
        let settled = settled(60, 30);
        assert!(settled.steady && settled.batches > 3, "{settled:?}");
        assert!(settled.first_s > 1.9 * settled.last_s, "{settled:?}");
        assert!(settled.describe().contains("shorter than at first"), "{}", settled.describe());
    }

    #[test]
    fn the_limit_ends_the_wait_and_the_report_says_that_it_is_not_steady() {
        let settled = settled(60, 1);
        assert!(!settled.steady && settled.batches == 2, "{settled:?}");
        assert!(settled.describe().starts_with("not steady after 1"), "{}", settled.describe());
    }
}
