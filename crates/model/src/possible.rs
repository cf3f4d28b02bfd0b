//! Times that no device can reach: a clock that gives them is at fault.

use crate::units;

/// FLOP/s that no device reaches. The largest processor, a Cerebras WSE-3 of a whole wafer, is announced with
/// 125 PFLOP/s (<https://www.cerebras.ai/chip>).
const MOST_FLOP: f64 = 2e17;
/// B/s that no device reaches: the same processor is announced with 21 PB/s to its memory on the wafer.
const MOST_BYTES: f64 = 4e16;
/// Seconds that every execution takes at least: three cycles at 3 GHz.
const LEAST_S: f64 = 1e-9;

/// Range of sensible amounts in base units: 10⁻¹⁸ s is less than light needs for a nanometre, and 10²⁴ per second is a
/// million times the fastest machine. Products and ratios of some of them are finite and above 0.
const SENSIBLE: std::ops::RangeInclusive<f64> = 1e-18..=1e24;

/// Whether `value` is of a sensible size as a time, rate, price or power.
pub fn is_sensible(value: f64) -> bool {
    SENSIBLE.contains(&value)
}

/// Returns what is impossible about one execution of `flop` operations and `bytes` moved in `seconds`; `None` if some
/// device may do that.
pub fn impossible(flop: u128, bytes: u64, seconds: f64) -> Option<String> {
    let clock = "the clock of the executor is at fault";
    if seconds.is_nan() || seconds <= 0.0 {
        return Some(format!("one execution took no time: {clock}"));
    }
    let took = |rate: String| format!("one execution took {}, {rate}: {clock}", units::seconds(seconds));
    let (flop, bytes) = (flop as f64 / seconds, bytes as f64 / seconds);
    if flop > MOST_FLOP {
        Some(took(format!("which is {} and more than any device can do", units::flop_rate(flop))))
    } else if bytes > MOST_BYTES {
        Some(took(format!("which is {} and more than any device can move", units::byte_rate(bytes))))
    } else if seconds < LEAST_S {
        Some(took("less than a device takes for anything".into()))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensible_amount_is_above_0_and_finite_and_so_are_products_of_some() {
        for value in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e-300, 1e300] {
            assert!(!is_sensible(value), "{value}");
        }
        assert!(is_sensible(1e-18) && is_sensible(1e24) && is_sensible(0.8));
    }

    #[test]
    fn a_time_is_impossible_where_no_device_reaches_its_rate() {
        let of = |key: &str, seconds: f64| {
            let case: crate::workload::Case = key.parse().unwrap();
            impossible(case.flop(), case.bytes(), seconds)
        };
        // 2·4096³ = 137.4 GFLOP in 261.8 ns are 525 PFLOP/s; in 1 ms they are 137 TFLOP/s.
        let gemm = "gemm f16.f32 m4096 n4096 k4096 nn";
        let words = of(gemm, 261.8e-9).unwrap();
        assert!(words.contains("525 PFLOP/s") && words.contains("clock"), "{words}");
        assert_eq!(of(gemm, 1e-3), None);
        // 16 777 216 elements of 4 bytes, read and written: 134 MB in 1 ns are 134 PB/s, in 20 µs 6.7 TB/s.
        assert!(of("stream f32 copy n16777216", 1e-9).unwrap().contains("134 PB/s"));
        assert_eq!(of("stream f32 copy n16777216", 20e-6), None);
        // Nothing to compute or to move.
        assert!(of("launch i32 d8", 5e-10).unwrap().contains("less than a device takes"));
        assert_eq!(of("launch i32 d8", 1e-6), None);
        for seconds in [0.0, f64::NAN] {
            assert!(of(gemm, seconds).unwrap().contains("no time"));
        }
    }
}
