//! Formatting of quantities for people: decimal prefixes and three significant digits.
//!
//! 1 GB/s is 10⁹ B/s and 1 GFLOP/s is 10⁹ FLOP/s throughout; binary prefixes are never used for rates, and
//! only they for the memory of a device.

const PREFIXES: [(f64, &str); 5] = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];

/// Formats `value` with three significant digits, without an exponent between 0.001 and 10⁶.
pub fn significant(value: f64) -> String {
    digits(value, 3)
}

/// Formats `value` with `count` significant digits; gives `n/a` if it is not finite.
fn digits(value: f64, count: i32) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return "n/a".into();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-3..6).contains(&magnitude) {
        return format!("{value:.precision$e}", precision = (count - 1) as usize);
    }
    let decimals = (count - 1 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    // With three digits, 9.999 rounds up to 10.00, which has one digit too many, so format the rounded
    // number again.
    match text.parse::<f64>() {
        Ok(rounded) if rounded != 0.0 && rounded.abs().log10().floor() as i32 > magnitude => {
            format!("{rounded:.prec$}", prec = (count - 2 - magnitude).max(0) as usize)
        }
        _ => text,
    }
}

/// Formats `value` with three significant digits, a decimal prefix and `unit`, e.g. `1.23 TFLOP/s`.
pub fn prefixed(value: f64, unit: &str) -> String {
    prefixed_digits(value, unit, 3)
}

/// Formats a rate with four significant digits, as in publications, e.g. `122.8 TFLOP/s`.
pub fn precise_rate(per_second: f64, unit: &str) -> String {
    prefixed_digits(per_second, unit, 4)
}

fn prefixed_digits(value: f64, unit: &str, count: i32) -> String {
    for (scale, prefix) in PREFIXES {
        if value.abs() >= scale * 0.9995 {
            return format!("{} {prefix}{unit}", digits(value / scale, count));
        }
    }
    format!("{} {unit}", digits(value, count))
}

/// Formats a rate given in FLOP/s, e.g. `1.50 TFLOP/s`.
pub fn flop_rate(per_second: f64) -> String {
    prefixed(per_second, "FLOP/s")
}

/// Formats a rate given in integer operations per second, in OP/s.
pub fn op_rate(per_second: f64) -> String {
    prefixed(per_second, "OP/s")
}

/// Formats a rate given in bytes per second with a decimal prefix, e.g. `3.35 TB/s`.
pub fn byte_rate(per_second: f64) -> String {
    prefixed(per_second, "B/s")
}

/// Formats a number of bytes with a decimal prefix, e.g. `1.05 MB`.
pub fn bytes(amount: u64) -> String {
    prefixed(amount as f64, "B")
}

/// Formats an amount of device memory in bytes with a binary prefix, e.g. `96.0 GiB`: chips are sold by it, and a card
/// of 96 GiB would else be one of 103 GB.
pub fn memory(amount: u64) -> String {
    let amount = amount as f64;
    for (exponent, prefix) in [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")] {
        let scale = f64::from(exponent).exp2();
        if amount >= 0.9995 * scale {
            return format!("{} {prefix}B", significant(amount / scale));
        }
    }
    format!("{} B", significant(amount))
}

/// Formats a duration given in seconds, in a unit from nanoseconds to hours.
pub fn seconds(value: f64) -> String {
    seconds_digits(value, 3)
}

/// Formats a duration given in seconds with four significant digits, as in publications, e.g. `674.7 µs`.
pub fn precise_seconds(value: f64) -> String {
    seconds_digits(value, 4)
}

fn seconds_digits(value: f64, count: i32) -> String {
    let significant = |value: f64| digits(value, count);
    let size = value.abs();
    if !value.is_finite() {
        "n/a".into()
    } else if size == 0.0 {
        "0 s".into()
    } else if size < 0.9995e-6 {
        format!("{} ns", significant(value * 1e9))
    } else if size < 0.9995e-3 {
        format!("{} µs", significant(value * 1e6))
    } else if size < 0.9995 {
        format!("{} ms", significant(value * 1e3))
    } else if size < 599.5 {
        format!("{} s", significant(value))
    } else if size < 7200.0 {
        format!("{:.0} min", value / 60.0)
    } else {
        format!("{} h", significant(value / 3600.0))
    }
}

/// Formats a ratio as a percentage, e.g. 0.5 as `50.0 %`.
pub fn percent(ratio: f64) -> String {
    format!("{} %", significant(ratio * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_as_it_is_sold() {
        // 96 · 2³⁰, 625 · 2²⁰ and 640 · 2¹⁰ bytes.
        for (bytes, text) in
            [(103_079_215_104, "96.0 GiB"), (655_360_000, "625 MiB"), (655_360, "640 KiB"), (12, "12.0 B")]
        {
            assert_eq!(memory(bytes), text);
        }
    }

    #[test]
    fn three_digits_are_kept_and_rounding_up_does_not_add_a_fourth() {
        assert_eq!(significant(1234.0), "1234");
        assert_eq!(significant(12.345), "12.3");
        assert_eq!(significant(9.999), "10.0");
        assert_eq!(significant(99.96), "100");
        assert_eq!(significant(0.012345), "0.0123");
        assert_eq!(significant(0.0), "0");
        assert_eq!(significant(f64::NAN), "n/a");
    }

    #[test]
    fn prefixes_are_decimal() {
        assert_eq!(flop_rate(1.5e12), "1.50 TFLOP/s");
        assert_eq!(byte_rate(3.35e12), "3.35 TB/s");
        assert_eq!(byte_rate(999.9e6), "1.00 GB/s");
        assert_eq!(bytes(1_048_576), "1.05 MB");
        assert_eq!(bytes(12), "12.0 B");
    }

    #[test]
    fn durations_pick_the_unit_a_person_would() {
        assert_eq!(seconds(1.5e-9), "1.50 ns");
        assert_eq!(seconds(0.9999e-3), "1.00 ms");
        assert_eq!(seconds(0.25), "250 ms");
        assert_eq!(seconds(90.0), "90.0 s");
        assert_eq!(seconds(150.0), "150 s");
        assert_eq!(seconds(600.0), "10 min");
    }
}
