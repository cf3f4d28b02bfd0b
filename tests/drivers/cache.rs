//! What rotation is for, on real drivers: a working set that fits a cache is faster when it is warm.
//!
//! `./test` runs this once for each software driver; without any device it passes with a note.

use crate::device::{case, config};
use crate::start::start_alone;
use portamark_executors::ChildExecutor;
use portamark_kernels::{KernelSource, default_plan};
use portamark_measure::{Config, Ended, Session, measure, measure_cache};
use portamark_model::device::Capabilities;
use portamark_results::{Cache, CacheSource, TimerChoice, TimerReport, Timing};
use std::time::Duration;

/// A walk through 1 MiB, at random and each load after the one before: nothing hides the time of a
/// load, so it is that of the cache or of the memory. The caches of a processor hold 1 MiB.
const CASE: &str = "latency i32 n16384 s16384";

/// The host's clock, which every driver has.
fn timer() -> TimerReport {
    TimerReport::untested(String::new()).but(|it| {
        it.chosen = TimerChoice::Host;
        it.empty_host_s = 1e-4;
    })
}

/// Measures [`CASE`] as `config` says.
fn timing(executor: &mut ChildExecutor, device: &Capabilities, config: &Config) -> Timing {
    let case = case(CASE);
    let plan = default_plan(&case, device, &KernelSource::embedded()).unwrap();
    let timer = timer();
    let mut session =
        Session { executor, device, timer: &timer, sentinels: Default::default(), sentinel_start: None };
    let measured = measure(&mut session, config, &case, Some(&plan), None);
    assert_eq!(measured.ended, Ended::Ok, "on {}", device.id);
    measured.timing.unwrap()
}

#[test]
fn a_working_set_that_fits_the_cache_is_faster_warm_than_rotated() {
    let Some((mut executor, devices)) = start_alone() else { return };
    for device in devices.iter().filter(|device| device.is_software()) {
        let rotated = Config {
            time_limit: Duration::from_secs(1),
            warmup: Duration::from_millis(50),
            cache_bytes: 64 << 20,
            ..config()
        };
        let warm = Config { rotate: false, ..rotated.clone() };
        // The best of a few pairs: other work on the machine slows either side at times.
        let mut gains = Vec::new();
        for _ in 0..3 {
            let rotated = timing(&mut executor, device, &rotated);
            assert_eq!((rotated.cache, rotated.sets), (Cache::Rotated, 129), "on {}", device.id);
            let warm = timing(&mut executor, device, &warm);
            assert_eq!((warm.cache, warm.sets), (Cache::Warm, 1), "on {}", device.id);
            gains.push(rotated.summary.min / warm.summary.min);
        }
        let gain = gains.iter().copied().fold(0.0, f64::max);
        eprintln!("{CASE} on {}: warm {gain:.2} times as fast as rotated, of {gains:.2?}", device.id);
        assert!(gain > 1.5, "warm is no faster than rotated on {}: {gains:.2?}", device.id);
    }
}

#[test]
fn every_device_has_a_curve_and_a_cache_with_its_source() {
    let Some((mut executor, devices)) = start_alone() else { return };
    for device in &devices {
        let mut curve =
            || measure_cache(&mut executor, device, &timer(), &config(), &KernelSource::embedded());
        // On a machine that does other work the kernel may be compiled when the curve's time is over.
        let report = (0..3).map(|_| curve()).find(|report| !report.curve.is_empty());
        let report = report.unwrap_or_else(|| panic!("no curve in three tries on {}", device.id));
        eprintln!("{}: {}", device.id, report.finding);
        assert!(report.curve.is_sorted_by(|a, b| a.bytes < b.bytes), "{}: {report:?}", device.id);
        assert!(report.bytes >= 256 << 10, "{}: {report:?}", device.id);
        // A processor's own word is not undercut.
        assert!(
            report.source != CacheSource::Assumed || !device.is_software() || !cfg!(target_os = "linux"),
            "{}: {report:?}",
            device.id
        );
    }
}
