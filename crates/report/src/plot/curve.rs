//! Chart of read bandwidth over the working set, with the last-level cache that was found from it.

use super::figure::{Absent, Chart, Figure};
use super::lines::{LineChart, Series};
use super::style::{Ink, Inside, Mark, Shape};
use portamark_analysis::{Comparison, Rate, RateUnit, levels};
use portamark_model::units;

const TITLE: &str = "Read bandwidth over the working set";

/// Draws the chart of all devices: the cache-warm reads before the first case, and the rows of `stream read`,
/// which read from memory.
pub fn curve(comparison: &Comparison) -> Chart {
    let mut series: Vec<Series> = Vec::new();
    let mut found: Vec<String> = Vec::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        for (what, curve, inside) in [
            ("cache-warm", device.cache_curve(), Inside::Full),
            ("rows of read", device.read_curve(), Inside::Hollow),
        ] {
            let mark = Mark { shape: Shape::Square, inside, ink: Ink::Device(index) };
            let mut line = Series::new(&device.label, what.into(), mark);
            for (bytes, value) in curve.points() {
                let rate = Rate { value: *value, unit: RateUnit::Bytes, interval: None, half_width: None };
                line.add(*bytes, rate);
            }
            series.push(line);
        }
        let cache = device.files.iter().rev().find_map(|file| file.header.cache.as_ref());
        found.extend(cache.map(|cache| {
            format!("{}: last-level cache of at most {}", device.label, units::bytes(cache.bytes))
        }));
        let rows = device.measured().map(|(entry, case, _)| (case, entry.row));
        let levels: Vec<String> = levels(rows)
            .iter()
            .map(|level| format!("{} up to {}", units::byte_rate(level.rate), units::bytes(level.bytes.1)))
            .collect();
        if !levels.is_empty() {
            found.push(format!("{}: {}", device.label, levels.join(", ")));
        }
    }
    if series.iter().all(|line| line.points.len() < 2) {
        return Err(Absent::new(TITLE, "No device has its bandwidth at two sizes."));
    }
    let chart = LineChart::over_powers(series, "working set, B", "bandwidth, B/s")
        .ok_or_else(|| Absent::new(TITLE, "No read has a usable rate."))?;
    let caption = "Full marks: cache-warm, the same array read repeatedly before the first case, which is how the last-level \
                   cache is found. Hollow marks: rows of stream read, whose buffers rotate over more than that cache \
                   unless they say warm.";
    let description = [vec![chart.description()], found].concat().join(". ");
    Ok(Figure::new("curve", TITLE, caption.into(), description, |layout| chart.draw(layout)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_results::{CacheReport, CacheSource, CurvePoint};

    #[test]
    fn the_probe_and_the_rows_are_lines_and_the_cache_is_named() {
        let mut runs = fixture::two_devices();
        let points = [(1 << 20, 9e12), (1 << 24, 9e12), (1 << 28, 3e12)]
            .map(|(bytes, rate)| CurvePoint::new(bytes, rate))
            .to_vec();
        runs[0].header.cache = Some(CacheReport::new(50_000_000, CacheSource::Measured, "", points));
        let figure = curve(&Comparison::new(&runs)).unwrap();
        let said = &figure.description;
        assert!(said.contains("cache-warm: 9.00 TB/s at 1048576 to 3.00 TB/s at 268435456"), "{said}");
        assert!(said.contains("last-level cache of at most 50.0 MB"), "{said}");
        assert!(said.contains("llvmpipe · Mesa 22.3.6, rows of read: "), "{said}");
    }

    #[test]
    fn one_size_is_no_curve() {
        let rows = vec![fixture::ok_row("stream f32 read n1024", 1.0)];
        let runs = [fixture::file(fixture::h100_header(), rows)];
        assert!(curve(&Comparison::new(&runs)).is_err());
        assert!(curve(&Comparison::new(&[])).is_err());
    }
}
