//! Size of a device's last-level cache, derived from its read bandwidth as a function of the working set.
//!
//! Vulkan, Metal and DX12 do not report cache sizes, and a table of GPUs would not cover new ones. The same
//! array is read repeatedly: while it fits in a cache, the bandwidth is that of the cache, and beyond the
//! last-level cache it is that of memory. McCalpin's STREAM and the Empirical Roofline Toolkit find cache
//! levels in the same way.

use super::batch_time::{LONGEST_WAIT_S, chosen_s, grown, waited};
use super::config::Config;
use super::fixed_work::prepare_fixed_work;
use super::host::Host;
use super::rotation::told_cache;
use super::sampling::batch_size;
use portamark_executors::{Executor, Fault};
use portamark_kernels::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::units;
use portamark_model::workload::READ_BLOCK;
use portamark_results::{CacheReport, CacheSource, CurvePoint, TimerChoice, TimerReport};
use portamark_stats::last_knee;
use std::time::Duration;
use web_time::Instant;

/// Time after which no new working set is started.
const BUDGET: Duration = Duration::from_millis(2500);
/// The same on the CPU. It is shorter, so that the first row comes sooner, because the CPU reports its cache
/// size.
const HOST_BUDGET: Duration = Duration::from_millis(1000);
/// Smallest working set of the curve, in bytes; below it, launch overhead dominates.
const SMALLEST: u64 = 256 << 10;
/// Largest working set on a GPU, in bytes: four times the largest known cache (MI300X, 256 MB).
const LARGEST: u64 = 1 << 30;
/// Largest working set on the CPU, as a multiple of its reported cache size.
const HOST_CACHES: u64 = 4;
/// A working set counts if reading it takes at least this many times as long as an almost empty launch.
const LAUNCHES: f64 = 3.0;
/// Number of batches per working set; the fastest counts, because a cache is never faster by chance.
const BATCHES: usize = 5;
/// Minimum duration of a batch, in seconds.
const BATCH_S: f64 = 1e-3;

/// Returns the cache size assumed for `device` if its bandwidth curve is not measured.
pub fn assumed_cache(device: &Capabilities, host: &Host) -> CacheReport {
    let (bytes, source) = told_cache(device, host);
    let finding = format!("{} {}", words(source), units::bytes(bytes));
    CacheReport::new(bytes, source, finding, Vec::new())
}

/// Derives the cache size of `device` from `curve`. `stopped` is the reason why the curve ends early, if it
/// does.
fn judged(
    device: &Capabilities,
    host: &Host,
    curve: Vec<CurvePoint>,
    stopped: Option<String>,
) -> CacheReport {
    let rates: Vec<f64> = curve.iter().map(|point| point.rate).collect();
    let (told, told_by) = told_cache(device, host);
    let (bytes, source, mut finding) = match last_knee(&rates) {
        Some(knee) => {
            let (fits, outgrown) = (curve[knee.before].bytes, curve[knee.after].bytes);
            let seen = format!(
                "reads of {} are {} times as fast as those of {}",
                units::bytes(fits),
                units::significant(knee.drop),
                units::bytes(outgrown)
            );
            // The kernel may be too slow to distinguish the last-level cache from memory; the size that the
            // CPU reports is then larger.
            if told_by == CacheSource::Host && told > outgrown {
                (told, told_by, format!("{seen}; {} {}", words(told_by), units::bytes(told)))
            } else {
                (outgrown, CacheSource::Measured, seen)
            }
        }
        None => {
            let largest = curve.last().map_or(0, |point| point.bytes);
            let seen = format!("no knee in reads of up to {}", units::bytes(largest));
            (told, told_by, format!("{seen}; {} {}", words(told_by), units::bytes(told)))
        }
    };
    if let Some(stopped) = stopped {
        finding = format!("{finding}; {stopped}");
    }
    CacheReport::new(bytes, source, finding, curve)
}

fn words(source: CacheSource) -> &'static str {
    match source {
        CacheSource::Measured => "the curve says",
        CacheSource::Host => "the CPU reports",
        _ => "taken to be",
    }
}

/// Measures the read bandwidth of `device` for working sets of doubling size, for about 2.5 s (1 s on the
/// CPU), and derives the size of its last-level cache.
///
/// Launch overhead is subtracted from each time. A fault ends the curve but not the run: after a fatal fault,
/// the next request goes to a fresh executor.
pub fn measure_cache(
    executor: &mut dyn Executor,
    device: &Capabilities,
    timer: &TimerReport,
    config: &Config,
    source: &KernelSource,
) -> CacheReport {
    let (told, _) = told_cache(device, &config.host);
    let most = if device.is_software() { HOST_CACHES * told } else { LARGEST };
    let largest = most.min(device.limits.binding_bytes).min(config.memory_limit / 2);
    let mut read = |bytes: u64| -> Result<f64, Fault> {
        let key = format!("stream f32 read n{}", bytes / 4);
        let handle = prepare_fixed_work(executor, device, config, source, &key)?;
        let seconds = fastest(executor, handle, timer, config.timeout);
        match &seconds {
            Err(fault) if fault.is_fatal() => {}
            _ => executor.release(handle, config.timeout)?,
        }
        seconds
    };
    let budget = if device.is_software() { HOST_BUDGET } else { BUDGET };
    let started = Instant::now();
    let mut curve = Vec::new();
    let mut stopped = None;
    // One block: almost all of its time is launch overhead.
    let launch_s = match read(4 * READ_BLOCK) {
        Ok(seconds) => seconds,
        Err(fault) => {
            let stopped = format!("the curve was not measured: {}", fault.reason);
            return judged(device, &config.host, curve, Some(stopped));
        }
    };
    let mut bytes = SMALLEST;
    while bytes <= largest {
        if started.elapsed() > budget {
            stopped = Some(format!("the curve ends early, after {}", units::seconds(budget.as_secs_f64())));
            break;
        }
        match read(bytes) {
            Ok(seconds) if seconds >= LAUNCHES * launch_s => {
                curve.push(CurvePoint::new(bytes, bytes as f64 / (seconds - launch_s)));
            }
            Ok(_) => {}
            Err(fault) => {
                stopped = Some(format!("the curve ends early: {}", fault.reason));
                break;
            }
        }
        bytes *= 2;
    }
    judged(device, &config.host, curve, stopped)
}

/// Returns the seconds of one execution in the fastest of [`BATCHES`] batches.
fn fastest(
    executor: &mut dyn Executor,
    handle: u32,
    timer: &TimerReport,
    deadline: Duration,
) -> Result<f64, Fault> {
    let empty_s = match timer.chosen {
        TimerChoice::Device => 0.0,
        _ => timer.empty_host_s,
    };
    let mut batch = |k: u32| -> Result<(f64, f64), Fault> {
        let (sampled, waited_s) = waited(executor, handle, k, deadline)?;
        let seconds = chosen_s(&sampled, timer.chosen).unwrap_or(sampled.host_ns as f64 * 1e-9);
        Ok(((seconds - empty_s).max(1e-9) / f64::from(k), waited_s))
    };
    // The first execution may include compilation, and fills the cache.
    batch(1)?;
    let (once, waited_s) = batch(1)?;
    let wanted = batch_size(once, timer).max((BATCH_S / once).ceil().min(256.0) as u32);
    let k = grown(1, wanted, waited_s, LONGEST_WAIT_S);
    let (mut fastest, mut all_s) = (f64::INFINITY, 0.0);
    for _ in 0..BATCHES {
        let (seconds, waited_s) = batch(k)?;
        fastest = fastest.min(seconds);
        all_s += waited_s;
        if all_s > LONGEST_WAIT_S {
            break;
        }
    }
    Ok(fastest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::fake::{Act, Fake, On, Rule, Script};
    use portamark_model::device::{DeviceType, Takes};

    const MIB: u64 = 1 << 20;

    fn gpu() -> Capabilities {
        Script::device().but(|it| it.device_type = DeviceType::Discrete)
    }

    fn curve(rates: &[f64]) -> Vec<CurvePoint> {
        rates.iter().enumerate().map(|(i, rate)| CurvePoint::new(MIB << i, *rate)).collect()
    }

    #[test]
    fn the_cache_is_at_most_the_smallest_working_set_that_memory_serves() {
        // 1 to 16 MiB at 4 TB/s, 32 MiB between, 64 and 128 MiB at 2 TB/s.
        let rates = [4e12, 4.1e12, 4e12, 3.9e12, 4e12, 3e12, 2e12, 2.1e12];
        let report = judged(&gpu(), &Host::default(), curve(&rates), None);
        assert_eq!((report.bytes, report.source), (64 * MIB, CacheSource::Measured));
        assert_eq!(report.finding, "reads of 16.8 MB are 1.95 times as fast as those of 67.1 MB");
    }

    #[test]
    fn without_a_knee_the_size_is_assumed_and_the_finding_says_so() {
        let report = judged(&gpu(), &Host::default(), curve(&[1e12, 1e12, 1e12]), Some("out of time".into()));
        assert_eq!((report.bytes, report.source), (64 * MIB, CacheSource::Assumed));
        assert_eq!(report.finding, "no knee in reads of up to 4.19 MB; taken to be 67.1 MB; out of time");
    }

    #[test]
    fn a_processor_that_says_more_than_the_curve_is_believed() {
        let software = Script::device();
        // The knee is at 2 MiB.
        let told = |bytes| judged(&software, &Host::new(None, bytes), curve(&[9e9, 2e9, 2e9]), None);
        let report = told(Some(32 * MIB));
        assert_eq!((report.bytes, report.source), (32 * MIB, CacheSource::Host));
        assert_eq!((told(Some(MIB)).bytes, told(None).bytes), (2 * MIB, 2 * MIB));
        assert!(report.finding.starts_with("reads of 1.05 MB are 4.50 times as fast"), "{}", report.finding);
    }

    #[test]
    fn a_device_whose_bandwidth_is_even_has_no_knee() {
        let device = gpu().but(|it| it.takes = Takes::Cases);
        let mut fake =
            Fake::from_script(Script { devices: vec![device.clone()], pass_ns: 0.0, ..Script::default() });
        let timer = timer();
        let report = measure_cache(&mut fake, &device, &timer, &Config::default(), &KernelSource::embedded());
        assert_eq!(report.source, CacheSource::Assumed);
        // 100 GB/s within 2 % at every size: the empty pass is rounded, and sums are written too.
        assert!(report.curve.len() > 5, "{report:?}");
        assert!(report.curve.iter().all(|p| (p.rate / 1e11 - 1.0).abs() < 0.02), "{report:?}");
        assert_eq!(fake.held(), 0);
    }

    #[test]
    fn a_fault_ends_the_curve_and_leaves_what_is_known() {
        let device = gpu().but(|it| it.takes = Takes::Cases);
        let rule = Rule::new("stream f32 read n4194304", On::Prepare, Act::Error);
        let script = Script { devices: vec![device.clone()], rules: vec![rule], ..Script::default() };
        let mut fake = Fake::from_script(script);
        let report =
            measure_cache(&mut fake, &device, &timer(), &Config::default(), &KernelSource::embedded());
        assert!(report.finding.ends_with("the curve ends early: as the script says"), "{}", report.finding);
        assert_eq!(report.curve.last().unwrap().bytes, 8 * MIB);
    }

    fn timer() -> TimerReport {
        TimerReport::untested(String::new()).but(|it| {
            it.chosen = TimerChoice::Device;
            it.findings = vec![];
            it.tick_ns = Some(1.0);
            it.empty_host_s = 2e-5;
            it.empty_device_s = Some(1e-6);
        })
    }
}
