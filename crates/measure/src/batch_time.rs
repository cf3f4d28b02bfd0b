//! Time of a batch: by the clock chosen for the device, and by the runner's own clock, which bounds what an
//! executor with a clock at fault can make of it.

use portamark_executors::protocol::Sampled;
use portamark_executors::{Executor, Fault};
use portamark_results::TimerChoice;
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

#[cfg(test)]
mod tests {
    use super::*;

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
