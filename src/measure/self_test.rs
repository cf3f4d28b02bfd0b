//! A timer that is itself tested, before anything is measured with it.

use super::result::{TimerChoice, TimerReport};
use crate::executor::{Executor, Fault, FaultKind};
use crate::kernel::{Capabilities, TimerKind};
use crate::stats::median_of_unsorted;
use std::time::Duration;

const REPEATS: u32 = 15;

/// Tests the device's timestamps on the preparation `handle`, some real work of at least tens of
/// microseconds, and chooses the clock of the rows.
///
/// Checks: stamps are there and ordered; twice the work takes twice the time, within a quarter
/// and no worse than the host's clock says; device time is at most host time.
pub fn self_test(
    executor: &mut dyn Executor,
    device: &Capabilities,
    handle: u32,
    deadline: Duration,
) -> Result<TimerReport, Fault> {
    let mut findings = Vec::new();
    let (mut empty_host, mut empty_device) = (Vec::new(), Vec::new());
    executor.sample(handle, 1, 0, deadline)?;
    for _ in 0..REPEATS {
        let empty = executor.sample(handle, 0, 0, deadline)?;
        empty_host.push(empty.host_ns as f64 * 1e-9);
        empty_device.extend(empty.device_ns.map(|ns| ns as f64 * 1e-9));
    }
    let empty_host_s = median_of_unsorted(&mut empty_host).unwrap_or(0.0);
    // Enough work to stand out from the cost of a submission.
    let mut k = 1;
    loop {
        let host_s = executor.sample(handle, k, 0, deadline)?.host_ns as f64 * 1e-9;
        if host_s >= (10.0 * empty_host_s).max(2e-3) || k >= 1 << 14 {
            break;
        }
        k *= 2;
    }
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    let mut invalid = 0;
    for _ in 0..REPEATS {
        for (times, factor) in [(&mut once, 1), (&mut twice, 2)] {
            let sampled = executor.sample(handle, k * factor, 0, deadline)?;
            invalid += sampled.invalid;
            times.push(sampled);
        }
    }
    let stamped: Vec<u64> = once.iter().chain(&twice).filter_map(|s| s.device_ns).collect();
    if device.timer == TimerKind::Host {
        findings.push("the device offers no timestamps".to_string());
    } else if invalid > 0 {
        findings
            .push(format!("{invalid} of {} batches have stamps that are zero or go backwards", 2 * REPEATS));
    } else if stamped.iter().all(|ns| *ns == 0) {
        findings.push("every timestamp is zero or missing".to_string());
    } else {
        let above =
            once.iter().chain(&twice).filter(|s| s.device_ns.is_some_and(|ns| ns > s.host_ns)).count();
        if above > 0 {
            findings.push(format!("device time exceeds host time in {above} of {} batches", 2 * REPEATS));
        }
        let ratio = |value: &dyn Fn(&crate::executor::protocol::Sampled) -> f64| -> Option<f64> {
            let mut one: Vec<f64> = once.iter().map(value).collect();
            let mut two: Vec<f64> = twice.iter().map(value).collect();
            Some(median_of_unsorted(&mut two)? / median_of_unsorted(&mut one)?)
        };
        let on_device = ratio(&|s| s.device_ns.unwrap_or(0) as f64).unwrap_or(f64::NAN);
        let on_host = ratio(&|s| s.host_ns as f64).unwrap_or(f64::NAN);
        // On a busy machine both clocks see the disturbance: only a device clock that is worse
        // than the host's is at fault.
        let off = (on_device - 2.0).abs();
        if on_device.is_nan() || (off > 0.5 && off > 1.5 * (on_host - 2.0).abs()) {
            findings.push(format!(
                "twice the work takes {} times the time",
                crate::units::significant(on_device)
            ));
        }
    }
    let mut distinct = stamped;
    distinct.sort_unstable();
    let tick_ns = distinct.windows(2).map(|w| w[1] - w[0]).filter(|d| *d > 0).min().map(|d| d as f64);
    let chosen = if findings.is_empty() { TimerChoice::Device } else { TimerChoice::Host };
    if empty_host.is_empty() {
        return Err(Fault::new(FaultKind::Failed, "the timer self-test ran nothing"));
    }
    Ok(TimerReport {
        chosen,
        findings,
        tick_ns,
        empty_host_s,
        empty_device_s: median_of_unsorted(&mut empty_device),
    })
}
