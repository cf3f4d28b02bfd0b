//! Plausibility of rates: finds those above the measured or the published roof, each with its likely cause.

use super::ceiling::Ceilings;
use super::published::{Published, accelerator, published_bandwidth, published_peak};
use super::rate::{Rate, RateUnit};
use super::roofline::{Placement, Resource, place_seconds};
use portamark_model::units;
use portamark_model::workload::Case;
use portamark_results::{Cache, Header, Row, TimerChoice, Timing};
use portamark_stats::median_of_unsorted;

/// Factor above a roof within which a rate is still explained by the error of the two measurements.
const MARGIN: f64 = 1.02;
/// Factor by which a chip's clock can exceed the clock of its published peak.
const BOOST: f64 = 1.3;
/// Factor by which memory can be faster than the `stream` rows of its device show: kernels that reach less than half
/// of the bandwidth of a GPU are not known.
const STREAM_SHORTFALL: f64 = 2.0;
/// Factor by which arithmetic can be faster than the `peak` rows of a device show. A library may use matrix units
/// that no portable kernel reaches; these are up to some thirty times as fast as vector units.
const PEAK_SHORTFALL: f64 = 100.0;
/// If the time per additional execution is below this fraction of the median, the work was not done.
const GROWS_WITH_K: f64 = 0.5;
/// Fraction of the host time: a device time below it, in batches much longer than an empty one, cannot be
/// explained by overhead.
const SHORT_OF_HOST: f64 = 0.7;
/// Batches this many times as long as an empty one should take the same time by both clocks.
const LONG: f64 = 20.0;

/// Roof that a rate exceeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Roof {
    /// Highest rates of the device's `peak` and `stream` rows.
    Measured,
    /// Published figure of the device.
    Published(Published),
}

/// Likely cause of an implausibly high rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Device and host clock disagree on the time.
    Timer,
    /// Work was eliminated: a batch with more executions does not take longer.
    Elimination,
    /// The working set stays in a cache.
    Cache,
    /// More bytes are counted than moved: some are read twice but moved once.
    ByteModel,
    /// The clock was above that of the published figure.
    Boost,
    /// The probe kernel that measured the roof does not reach the true one.
    Probe,
    /// Another program's number that no clock and no better kernel explains.
    OtherWork,
}

impl Cause {
    /// Returns a description of the cause, to follow "above … :".
    pub fn words(self) -> &'static str {
        match self {
            Cause::Timer => "device and host disagree on the time, so the timer is unreliable",
            Cause::Elimination => {
                "more executions do not take longer, so the compiler or driver skipped work"
            }
            Cause::Cache => "part of the data came from a cache",
            Cause::ByteModel => "the counted bytes include traffic that a cache or data reuse avoids",
            Cause::Boost => "the clock was above the one that the published figure assumes",
            Cause::Probe => "the peak or stream kernel does not reach the true roof",
            Cause::OtherWork => {
                "no clock is that high, so other work was counted or timed, or the data came from a cache"
            }
        }
    }
}

/// Rate that exceeds a roof.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excess {
    /// Roof that is exceeded; the published one if it is above both.
    pub roof: Roof,
    /// Rate over roof; above 1.02.
    pub fraction: f64,
    /// Likely cause of the excess.
    pub cause: Cause,
}

impl Excess {
    /// Whether the rate is impossible, rather than only higher than expected. Only numbers of other programs, which
    /// portamark can neither verify nor time again, are called that.
    pub fn is_impossible(&self) -> bool {
        self.cause == Cause::OtherWork
    }

    /// Returns a remark for reports, e.g.
    /// `133 % of the published 44.0 TFLOP/s (fp32): the clock was above …`.
    pub fn words(&self) -> String {
        match &self.roof {
            Roof::Measured if self.is_impossible() => {
                format!("{} of the measured roof: {}", units::percent(self.fraction), self.cause.words())
            }
            Roof::Measured => format!("above the measured roof: {}", self.cause.words()),
            Roof::Published(published) => format!(
                "{} of the published {}: {}",
                units::percent(self.fraction),
                figure(published),
                self.cause.words()
            ),
        }
    }
}

/// Formats a published figure with its unit and field, e.g. `148 TFLOP/s (fp16)`.
pub fn figure(published: &Published) -> String {
    let value = match published.field {
        "bandwidth" => units::byte_rate(published.per_second),
        field if field.starts_with("int") => units::op_rate(published.per_second),
        _ => units::flop_rate(published.per_second),
    };
    format!("{value} ({})", published.field)
}

/// Returns the published figure that a row of `case` with rates in `unit` is compared with. `None` if the
/// device is not in the catalogue or the figure is not published.
pub fn published_of(header: &Header, case: &Case, unit: RateUnit) -> Option<Published> {
    let accelerator = accelerator(header)?;
    match unit {
        RateUnit::Bytes => published_bandwidth(accelerator),
        RateUnit::Flop | RateUnit::Op => published_peak(accelerator, case.precision()),
        RateUnit::Steps => None,
    }
}

/// Checks whether the rate of a row exceeds a roof, and finds the likely cause; `None` if it is plausible.
///
/// Causes are tried from the most serious on: a timer that the host clock contradicts; work that does not
/// grow with the number of executions; a working set within the cache; bytes counted more than once; a clock
/// above that of the published figure; and, for the measured roof only, a roof that was measured too low.
pub fn excess(
    header: &Header,
    ceilings: &Ceilings,
    case: &Case,
    row: &Row,
    rate: Rate,
    placement: Option<Placement>,
) -> Option<Excess> {
    let published = published_of(header, case, rate.unit).map(|p| (p, rate.value / p.per_second));
    let published = published.filter(|(_, fraction)| *fraction > MARGIN);
    let measured = placement.map(|p| p.fraction).filter(|fraction| *fraction > MARGIN);
    let (roof, fraction) = match (published, measured) {
        (Some((published, fraction)), _) => (Roof::Published(published), fraction),
        (None, Some(fraction)) => (Roof::Measured, fraction),
        (None, None) => return None,
    };
    let moves = match roof {
        Roof::Published(_) => rate.unit == RateUnit::Bytes,
        Roof::Measured => placement.is_some_and(|placement| placement.binds == Resource::Memory),
    };
    let cause = match &row.timing {
        Some(timing) if disagrees(header, timing) => Cause::Timer,
        Some(timing) if !grows_with_k(timing) => Cause::Elimination,
        Some(timing) if moves && fits_cache(header, row, timing) => Cause::Cache,
        _ if moves && !matches!(case, Case::Stream(_)) => Cause::ByteModel,
        _ if matches!(roof, Roof::Measured) => Cause::Probe,
        _ if fraction <= BOOST => Cause::Boost,
        // No clock is that high, and the time grows with k: each execution does less work than it should.
        _ if !moves => Cause::Elimination,
        _ => {
            let kept = ceilings.memory_roof().is_some_and(|roof| roof.case != row.case);
            if kept { Cause::Cache } else { Cause::ByteModel }
        }
    };
    Some(Excess { roof, fraction, cause })
}

/// Checks whether the rate that another program reports for a row of `case` exceeds a roof: the published figure of
/// its device, or, where none is published, far exceeds what `measured`, the devices of portamark on the same
/// chip, reach. `None` if it is plausible.
///
/// A rate up to 30 % above a published figure can be due to a higher clock; see [`Excess::is_impossible`] for others.
pub(super) fn excess_of_import(
    header: &Header,
    case: &Case,
    row: &Row,
    rate: Rate,
    measured: &[(&Header, &Ceilings)],
) -> Option<Excess> {
    // A processor may have the name of a catalogued chip that it is a part of.
    let published = (header.device.api != "cpu").then(|| published_of(header, case, rate.unit)).flatten();
    if let Some(published) = published {
        let fraction = rate.value / published.per_second;
        let cause = if fraction <= BOOST { Cause::Boost } else { Cause::OtherWork };
        let is_above = fraction > MARGIN;
        return is_above.then_some(Excess { roof: Roof::Published(published), fraction, cause });
    }
    let seconds = row.imported_seconds()?;
    let mut least: Option<(f64, f64)> = None;
    for (device, ceilings) in measured {
        let Some(placement) = place_seconds(ceilings, case, row, seconds) else { continue };
        // A driver in software computes on a processor that libraries use far better.
        let memory = placement.binds == Resource::Memory && !device.device.is_software();
        let most = if memory { STREAM_SHORTFALL } else { PEAK_SHORTFALL };
        if least.is_none_or(|(fraction, _)| placement.fraction < fraction) {
            least = Some((placement.fraction, most));
        }
    }
    let (fraction, most) = least?;
    (fraction > most).then_some(Excess { roof: Roof::Measured, fraction, cause: Cause::OtherWork })
}

/// Whether the host clock contradicts the device clock: the device time is longer, or it is much shorter in
/// batches that are long compared with an empty one.
fn disagrees(header: &Header, timing: &Timing) -> bool {
    let median =
        |ns: &[u64]| median_of_unsorted(&mut ns.iter().map(|ns| *ns as f64 * 1e-9).collect::<Vec<_>>());
    let (Some(device), Some(host)) = (median(&timing.device_ns), median(&timing.host_ns)) else {
        return false;
    };
    timing.timer == TimerChoice::Device
        && (device > MARGIN * host
            || (host > LONG * header.timer.empty_host_s && device < SHORT_OF_HOST * host))
}

/// Whether more executions took longer; true if that was not tested.
fn grows_with_k(timing: &Timing) -> bool {
    let each = timing.summary.median;
    timing.slope_s.is_none_or(|slope| timing.k < 4 || slope > GROWS_WITH_K * each)
}

/// Whether the data may have come from a cache: the row's buffers do not rotate, or all buffer sets together
/// are smaller than twice the cache.
fn fits_cache(header: &Header, row: &Row, timing: &Timing) -> bool {
    let cache = header.cache.as_ref().map(|cache| cache.bytes as f64);
    let touched = row.bytes as f64 * f64::from(timing.sets);
    timing.cache != Cache::Rotated || cache.is_some_and(|cache| touched < 2.0 * cache)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Comparison;
    use portamark_fixtures::fixture;
    use portamark_results::{CacheReport, CacheSource};

    const GEMM: &str = "gemm f32 m4096 n4096 k4096 nn";
    /// 2·4096³ FLOP.
    const GEMM_FLOP: f64 = 137_438_953_472.0;

    /// Excess found for a row of `key` that takes `seconds` on an H20 (44 TFLOP/s in fp32, 4 TB/s) whose
    /// measured roofs are 40 TFLOP/s and 3.5 TB/s, after `change`.
    fn said(key: &str, seconds: f64, change: impl Fn(&mut Row)) -> Option<Excess> {
        let roof = |key: &str, per_second: f64| {
            let case: Case = key.parse().unwrap();
            let work = if case.is_bandwidth() { case.bytes() as f64 } else { case.flop() as f64 };
            fixture::ok_row(key, work / per_second)
        };
        let mut row = fixture::ok_row(key, seconds);
        change(&mut row);
        let mut header = fixture::h100_header();
        header.device.name = "NVIDIA H20".into();
        header.cache = Some(CacheReport::new(50_000_000, CacheSource::Measured, "", Vec::new()));
        let roofs = vec![roof("peak f32 fma c64 s32", 40e12), roof("stream f32 copy n33554432", 3.5e12)];
        let runs = [fixture::file(header, roofs.into_iter().chain([row]).collect())];
        let comparison = Comparison::new(&runs);
        comparison.devices[0].entries.iter().find(|entry| entry.row.case == key).unwrap().excess
    }

    fn timing(row: &mut Row) -> &mut Timing {
        row.timing.as_mut().unwrap()
    }

    #[test]
    fn a_rate_below_both_roofs_is_plausible() {
        assert_eq!(said(GEMM, GEMM_FLOP / 39e12, |_| ()), None);
        // Within the margin of 2 %.
        assert_eq!(said(GEMM, GEMM_FLOP / 40.5e12, |_| ()), None);
    }

    #[test]
    fn above_the_measured_roof_alone_the_probe_is_too_slow() {
        let excess = said(GEMM, GEMM_FLOP / 42e12, |_| ()).unwrap();
        assert_eq!((excess.roof, excess.cause), (Roof::Measured, Cause::Probe));
        assert!((excess.fraction - 1.05).abs() < 1e-9);
        assert!(excess.words().starts_with("above the measured roof: the peak or stream"));
    }

    #[test]
    fn a_little_above_the_published_peak_the_clock_was_boosted() {
        // 50 of 44 TFLOP/s: 114 %.
        let excess = said(GEMM, GEMM_FLOP / 50e12, |_| ()).unwrap();
        assert_eq!(excess.cause, Cause::Boost);
        assert!((excess.fraction - 50.0 / 44.0).abs() < 1e-9);
        assert!(
            excess.words().starts_with("114 % of the published 44.0 TFLOP/s (fp32): "),
            "{}",
            excess.words()
        );
    }

    #[test]
    fn far_above_it_or_without_growth_over_k_work_was_left_out() {
        assert_eq!(said(GEMM, GEMM_FLOP / 440e12, |_| ()).unwrap().cause, Cause::Elimination);
        let still = |row: &mut Row| {
            let timing = timing(row);
            (timing.k, timing.slope_s) = (64, Some(0.1 * timing.summary.median));
        };
        // 114 % would count as boost if the time grew.
        assert_eq!(said(GEMM, GEMM_FLOP / 50e12, still).unwrap().cause, Cause::Elimination);
    }

    #[test]
    fn a_warm_or_small_working_set_came_from_the_cache() {
        // n8388608: 67 MB for read and write together; three sets are 201 MB, more than twice 50 MB.
        let key = "stream f32 scale n8388608";
        let seconds = 67_108_864.0 / 8e12;
        let warm = |row: &mut Row| timing(row).cache = Cache::Warm;
        assert_eq!(said(key, seconds, warm).unwrap().cause, Cause::Cache);
        let few = |row: &mut Row| timing(row).sets = 1;
        assert_eq!(said(key, seconds, few).unwrap().cause, Cause::Cache);
        // 4.4 of 4 TB/s in rotation: memory clocks are boosted as well.
        assert_eq!(said(key, 67_108_864.0 / 4.4e12, |_| ()).unwrap().cause, Cause::Boost);
    }

    #[test]
    fn work_that_reuses_bytes_is_counted_by_a_model() {
        // One token through 8192 × 8192 weights: 268 MB, three sets of them.
        let key = "gemv f32 m1 n8192 k8192";
        let bytes = key.parse::<Case>().unwrap().bytes() as f64;
        assert_eq!(said(key, bytes / 6e12, |_| ()).unwrap().cause, Cause::ByteModel);
    }

    #[test]
    fn clocks_that_disagree_come_before_every_other_cause() {
        let clocks = |device: u64, host: u64| {
            move |row: &mut Row| {
                let timing = timing(row);
                (timing.device_ns, timing.host_ns) = (vec![device; 31], vec![host; 31]);
            }
        };
        let seconds = GEMM_FLOP / 50e12;
        // Much shorter on the device than on the host, and longer than on the host.
        assert_eq!(said(GEMM, seconds, clocks(10_000_000, 90_000_000)).unwrap().cause, Cause::Timer);
        assert_eq!(said(GEMM, seconds, clocks(90_000_000, 80_000_000)).unwrap().cause, Cause::Timer);
        assert_eq!(said(GEMM, seconds, clocks(89_000_000, 90_000_000)).unwrap().cause, Cause::Boost);
    }
}
