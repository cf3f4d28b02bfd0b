//! Time of a batch: by the clock chosen for the device, and by the runner's own clock, which bounds what an
//! executor with a clock at fault can make of it.

use portamark_executors::protocol::Sampled;
use portamark_executors::{Executor, Fault};
use portamark_model::units;
use portamark_results::{TimerChoice, Timing};
use std::time::Duration;
use web_time::Instant;

/// Maximum seconds, by the runner's clock, to which a batch is extended. It includes the way of the messages, so it
/// is much longer than the batches of a good clock.
pub(super) const LONGEST_WAIT_S: f64 = 1.0;

/// Returns the seconds of a batch by the chosen clock; `None` if it gave no valid time.
pub(super) fn chosen_s(sampled: &Sampled, choice: TimerChoice) -> Option<f64> {
    match choice {
        TimerChoice::Host => Some(sampled.host_ns as f64 * 1e-9),
        _ => sampled.device_ns.filter(|ns| *ns > 0).map(|ns| ns as f64 * 1e-9),
    }
}

/// Runs `k` executions from set 0 and returns their times with the seconds that the runner waited for them.
pub(super) fn waited(
    executor: &mut dyn Executor,
    handle: u32,
    k: u32,
    deadline: Duration,
) -> Result<(Sampled, f64), Fault> {
    let started = Instant::now();
    let sampled = executor.sample(handle, k, 0, deadline)?;
    Ok((sampled, started.elapsed().as_secs_f64()))
}

/// Returns the size to which a batch of `k` executions grows if `wanted` are due: fewer if the runner, which waited
/// `waited_s` for the `k`, would wait more than `longest_s`. It never shrinks.
pub(super) fn grown(k: u32, wanted: u32, waited_s: f64, longest_s: f64) -> u32 {
    // A cast of a float stops at the largest integer.
    let most = (f64::from(k) * (longest_s / waited_s.max(1e-9))) as u32;
    wanted.min(most).max(k)
}

/// Shortest wait, in seconds, that tells of a batch; the way of the messages and the delays of a busy machine are
/// shorter.
const TELLING_S: f64 = 0.01;
/// Seconds that an executor may take for each execution before it starts its clock, to record the commands.
const RECORDING_S: f64 = 1e-4;
/// Factor by which the runner may wait longer than the executor's host clock says, in at least one batch of a row.
const WAIT_OVER_HOST: f64 = 2.0;

/// Returns how the runner's own clock contradicts that of an executor, for whose timed batches it waited `waited_s`
/// seconds each; `None` if it does not. Both clocks of an executor may be wrong alike, in one case alone.
pub(super) fn contradicting_waits(timing: &Timing, waited_s: &[f64]) -> Option<String> {
    let shortest_s = waited_s.iter().copied().reduce(f64::min)?;
    let host_s = *timing.host_ns.iter().max()? as f64 * 1e-9;
    let batch_s = shortest_s - RECORDING_S * f64::from(timing.k);
    (batch_s >= TELLING_S && batch_s > WAIT_OVER_HOST * host_s).then(|| {
        format!(
            "its host's clock gives at most {} for a batch for which the runner waited at least {}: the clock of the \
             executor is at fault",
            units::seconds(host_s),
            units::seconds(shortest_s)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_results::{Cache, Timing};
    use portamark_stats::{StopReason, Summary};

    #[test]
    fn waits_contradict_a_host_clock_that_is_half_of_the_shortest() {
        let said = |k: u32, host_ns: &[u64], waited_s: &[f64]| {
            let summary = Summary::from_samples(&[1e-3; 10], 0.95).unwrap();
            let timing = Timing::new(TimerChoice::Host, k, 1, Cache::Warm, StopReason::MaxSamples, summary);
            contradicting_waits(&timing.but(|it| it.host_ns = host_ns.to_vec()), waited_s)
        };
        let words = said(1, &[400_000, 500_000], &[0.05, 0.04]).unwrap();
        assert!(words.contains("at most 500 µs") && words.contains("at least 40.0 ms"), "{words}");
        // 20.3 ms are 20.2 ms without the recording: more than twice 10 ms, and less than twice 10.2 ms.
        assert!(said(1, &[10_000_000; 2], &[0.0203; 2]).is_some());
        assert_eq!(said(1, &[10_000_000, 10_200_000], &[0.0203; 2]), None);
        // A message or a busy machine takes some milliseconds, and recording 4096 executions 410 ms.
        assert_eq!(said(1, &[1000; 3], &[0.01; 3]), None);
        assert_eq!(said(4096, &[1_000_000; 3], &[0.4; 3]), None);
        assert!(said(4096, &[1_000_000; 3], &[0.5; 3]).is_some());
        // One batch that was not delayed is enough.
        assert_eq!(said(1, &[4_000_000; 3], &[0.5, 0.006, 0.5]), None);
        assert_eq!(said(1, &[], &[]), None);
    }

    #[test]
    fn a_batch_grows_as_far_as_the_runner_waits_and_never_shrinks() {
        // 10 executions took 0.1 s, so 1 s is enough for 100 of them.
        assert_eq!(grown(10, 4096, 0.1, 1.0), 100);
        assert_eq!(grown(10, 50, 0.1, 1.0), 50);
        assert_eq!(grown(10, 5, 0.1, 1.0), 10);
        assert_eq!(grown(10, 4096, 30.0, 1.0), 10);
        assert_eq!(grown(10, 4096, 0.0, 1.0), 4096);
    }
}
