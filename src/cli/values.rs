//! Values of flags that several commands read.

use portamark_model::possible::is_sensible;
use std::time::Duration;

/// Longest time that a flag may set, in seconds: a year. Sums and small multiples of it cannot overflow.
const LONGEST: f64 = 365.0 * 86_400.0;

/// Parses `90s`, `1.5m`, `200ms` or plain seconds; from a nanosecond to a year.
pub(super) fn parse_time(text: &str) -> std::result::Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is not a unit of time; use us, ms, s, m or h")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not a time"))?;
    let seconds = number * factor;
    if seconds > LONGEST {
        return Err("a time must be at most a year, 8760h".into());
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        Ok(_) if number > 0.0 => Err("a time must be at least a nanosecond, 0.001us".into()),
        _ => Err("a time must be above zero".into()),
    }
}

/// Parses a number above zero, of a size that a price, a power or a number of bytes can have.
pub(super) fn parse_positive(text: &str) -> std::result::Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| is_sensible(*number));
    number.ok_or(format!("`{text}` is not a number above zero and of a sensible size"))
}

/// Largest amount of memory that a flag may set, in bytes: beyond it, not every number of bytes has an f64.
const LARGEST: f64 = (1u64 << 53) as f64;

/// Parses `500MB`, `1.5GB`, `2GiB` or plain bytes.
pub(super) fn parse_bytes(text: &str) -> std::result::Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(format!("`{unit}` is not a unit of memory; use MB, GB, MiB or GiB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not an amount of memory"))?;
    let bytes = number * factor;
    if bytes >= LARGEST {
        Err("an amount of memory must be below 2^53 bytes, 8 PiB".into())
    } else if bytes >= 1.0 {
        Ok(bytes as u64)
    } else {
        Err("an amount of memory must be at least a byte".into())
    }
}

/// Parses `1426T`, `1.5 GFLOP/s` or a plain number per second.
pub(super) fn parse_rate(text: &str) -> std::result::Result<f64, String> {
    let wrong = || format!("`{text}` is not a rate; write it as 1426T or 1.5GFLOP/s");
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let prefix = unit.trim().trim_end_matches("FLOP/s").trim_end_matches("OP/s");
    let factor = match prefix {
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let rate = number * factor;
    is_sensible(rate).then_some(rate).ok_or_else(wrong)
}

/// Splits `word=value,word=value` at each comma followed by one of the `known` words; any other comma belongs
/// to the value before it. Returns the text before the first word, if any, and the pairs.
pub(super) fn joined_words<'a>(text: &str, known: &[&'a str]) -> (Option<String>, Vec<(&'a str, String)>) {
    let (mut head, mut pairs): (Option<String>, Vec<(&str, String)>) = (None, Vec::new());
    for part in text.split(',') {
        let pair = part.split_once('=').and_then(|(word, value)| {
            let word = known.iter().find(|known| **known == word.trim())?;
            Some((*word, value.to_string()))
        });
        match (pair, pairs.last_mut(), &mut head) {
            (Some(pair), ..) => pairs.push(pair),
            (None, Some((_, before)), _) | (None, None, Some(before)) => *before += &format!(",{part}"),
            (None, None, None) => head = Some(part.into()),
        }
    }
    (head, pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(parse_time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse_time("674.7us"), Ok(Duration::from_nanos(674_700)));
        assert!(parse_time("5 parsecs").is_err());
        // Nothing is rounded to no time, and nothing overflows.
        assert_eq!(parse_time("1000h"), Ok(Duration::from_secs(3_600_000)));
        for wrong in ["0s", "8760.1h", "0.0000001us", "-1s", "nan", "inf", &"9".repeat(30), &"9".repeat(400)]
        {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
        assert!(parse_time("").is_err());
    }

    #[test]
    fn values_beyond_all_bounds_are_refused_and_do_not_overflow() {
        // A year of 365 days has 8760 hours.
        assert_eq!(parse_time("8760h"), Ok(Duration::from_secs(31_536_000)));
        let digits = "9".repeat(400);
        for time in ["8760.1h", "99999999999999999999", "99999999999999999999h", &digits] {
            assert!(parse_time(time).unwrap_err().contains("at most a year"), "{time}");
        }
        // Less than half a nanosecond rounds to none.
        assert!(parse_time("0.0004us").unwrap_err().contains("at least a nanosecond"));
        assert_eq!(parse_time("0.001us"), Ok(Duration::from_nanos(1)));
        for memory in ["99999999999999999999", "9e9", "8192TiB", "9008TB", &digits] {
            assert!(parse_bytes(memory).is_err(), "{memory}");
        }
        assert!(parse_bytes("0.5").is_err());
        assert!(parse_positive("1e25").is_err() && parse_positive("1e-19").is_err());
        for wrong in ["nan", "inf", "-1", "", ".", "1.2.3"] {
            assert!(parse_time(wrong).is_err() && parse_bytes(wrong).is_err(), "{wrong}");
            assert!(parse_rate(wrong).is_err() && parse_positive(wrong).is_err(), "{wrong}");
        }
        assert!(parse_rate(&digits).is_err() && parse_positive(&digits).is_err());
    }

    #[test]
    fn rates_are_read_with_their_prefix() {
        assert_eq!((parse_rate("1426T"), parse_rate("1.5 GFLOP/s")), (Ok(1426e12), Ok(1.5e9)));
        assert_eq!(parse_rate("100"), Ok(100.0));
        for wrong in ["", "T", "0T", "5 parsecs", "-1T", "nan", "inf", &"9".repeat(400)] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_of_memory_are_read_with_their_unit() {
        assert_eq!(parse_bytes("500MB"), Ok(500_000_000));
        assert_eq!(parse_bytes("1.5gb"), Ok(1_500_000_000));
        assert_eq!(parse_bytes("2 GiB"), Ok(2 << 30));
        assert_eq!(parse_bytes("4096"), Ok(4096));
        for wrong in ["5 parsecs", "0", "", "GB", "0.5", "-1", "nan", "inf", "99999999TB", &"9".repeat(400)] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_comma_that_no_known_word_follows_belongs_to_the_value() {
        let words = ["device", "side"];
        let pair = |word, value: &str| (word, value.to_string());
        assert_eq!(
            joined_words("device=a (8, 256 bits),side=b", &words),
            (None, vec![pair("device", "a (8, 256 bits)"), pair("side", "b")])
        );
        assert_eq!(
            joined_words("a, b,side=c,x=d", &words),
            (Some("a, b".into()), vec![pair("side", "c,x=d")])
        );
        assert_eq!(joined_words("", &words), (Some(String::new()), vec![]));
    }
}
