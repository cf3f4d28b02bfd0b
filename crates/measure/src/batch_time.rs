//! Time of a batch by the clock chosen for the device.

use portamark_executors::protocol::Sampled;
use portamark_results::TimerChoice;

/// Returns the seconds of a batch by the chosen clock; `None` if it gave no valid time.
pub(super) fn chosen_s(sampled: &Sampled, choice: TimerChoice) -> Option<f64> {
    match choice {
        TimerChoice::Host => Some(sampled.host_ns as f64 * 1e-9),
        _ => sampled.device_ns.filter(|ns| *ns > 0).map(|ns| ns as f64 * 1e-9),
    }
}
