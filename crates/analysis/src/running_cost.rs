//! Price and energy of a million tokens, where hourly price and power are known.

use super::device::Device;
use super::projection::{Basis, PartTime, Projection};
use portamark_model::catalog::Accelerator;
use serde::Serialize;

/// Fraction of a pass's time that measured rows with a power reading must cover, so that their mean power
/// represents the pass.
const ENOUGH: f64 = 0.5;

/// Assumed power draw of a device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Power {
    /// Power of one device in watts.
    pub watts: f64,
    /// Source of the figure.
    pub basis: PowerBasis,
}

/// Source of a power figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerBasis {
    /// Given by the user.
    Given,
    /// Mean of the device's sensor while the cases of the pass ran, weighted by their share of its time.
    Measured,
    /// Published board power: the maximum draw, so that energy is an upper bound.
    BoardPower,
}

impl PowerBasis {
    /// Returns a description for reports.
    pub fn words(self) -> &'static str {
        match self {
            PowerBasis::Given => "as given",
            PowerBasis::Measured => "measured while its cases ran",
            PowerBasis::BoardPower => "published power of the board, an upper bound",
        }
    }
}

impl Power {
    /// Returns the power given by the user, otherwise the measured one, otherwise the published board power;
    /// `None` if none is known.
    pub fn of(given: Option<f64>, measured: Option<f64>, accelerator: Option<&Accelerator>) -> Option<Self> {
        let board = accelerator.and_then(|row| row.board_power_w);
        let known =
            [(given, PowerBasis::Given), (measured, PowerBasis::Measured), (board, PowerBasis::BoardPower)];
        known.into_iter().find_map(|(watts, basis)| Some(Power { watts: watts?, basis }))
    }
}

/// Returns the mean power of `device` during `projection` in watts, from the measured rows of its parts,
/// weighted by time. `None` if rows with a power reading cover less than half of its time.
pub fn measured_power(device: &Device, projection: &Projection) -> Option<f64> {
    let watts = |part: &PartTime| {
        let row = device.entries.iter().map(|entry| entry.row).find(|row| row.case == part.case)?;
        row.telemetry.as_ref()?.power_w.filter(|watts| watts.is_finite() && *watts > 0.0)
    };
    let measured = projection.parts.iter().filter(|part| part.basis == Basis::Measured);
    let known: Vec<(f64, f64)> = measured.filter_map(|part| Some((part.total_s(), watts(part)?))).collect();
    let seconds: f64 = known.iter().map(|(seconds, _)| seconds).sum();
    let energy: f64 = known.iter().map(|(seconds, watts)| seconds * watts).sum();
    (seconds > 0.0 && seconds >= ENOUGH * projection.seconds).then(|| energy / seconds)
}

/// Returns the price of 10⁶ tokens at r = `tokens_per_s`, where all devices together cost p = `per_hour`:
/// p/3600/r · 10⁶.
pub fn price_per_million(per_hour: f64, tokens_per_s: f64) -> f64 {
    per_hour / 3600.0 / tokens_per_s * 1e6
}

/// Returns the kilowatt-hours for 10⁶ tokens at r = `tokens_per_s`, where all devices together draw P =
/// `watts`: P/r · 10⁶ J divided by 3.6 · 10⁶ J/kWh.
pub fn kwh_per_million(watts: f64, tokens_per_s: f64) -> f64 {
    watts / tokens_per_s / 3.6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Comparison, project};
    use portamark_fixtures::fixture;
    use portamark_model::catalog::Catalog;
    use portamark_model::suite::model::{Part, Pass, Phase};

    #[test]
    fn a_million_tokens_at_a_thousand_a_second_take_1000_seconds() {
        // 1000 s are 1/3.6 of an hour; 360 W · 1000 s = 0.36 MJ = 0.1 kWh.
        assert!((price_per_million(3.6, 1000.0) - 1.0).abs() < 1e-12);
        assert!((kwh_per_million(360.0, 1000.0) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn power_is_what_was_given_or_measured_or_the_board_s() {
        let h20 = Catalog::embedded().named("nvidia-h20");
        assert_eq!(Power::of(Some(300.0), Some(200.0), h20).unwrap().basis, PowerBasis::Given);
        assert_eq!(Power::of(None, Some(200.0), h20).unwrap().basis, PowerBasis::Measured);
        let board = Power { watts: 400.0, basis: PowerBasis::BoardPower };
        assert_eq!(Power::of(None, None, h20), Some(board));
        assert_eq!(Power::of(None, None, None), None);
    }

    #[test]
    fn measured_power_is_weighted_by_time_and_needs_half_of_the_pass() {
        let (slow, fast) = ("gemm f32 m8 n8 k8 nn", "gemm f32 m4 n4 k4 nn");
        let row = |key: &str, seconds: f64, power_w: Option<f64>| {
            let mut row = fixture::ok_row(key, seconds);
            row.telemetry = power_w.map(|watts| {
                serde_json::from_value(serde_json::json!({ "readings": 1, "power_w": watts })).unwrap()
            });
            row
        };
        let part = |key: &str| Part { name: "part".into(), case: key.parse().unwrap(), times: 1, pieces: 1 };
        let parts = vec![part(slow), part(fast)];
        let pass = Pass { phase: Phase::Decode, batch: 1, context: 1, parts, left_out: Vec::new() };
        let power = |of_slow: Option<f64>| {
            let rows = vec![row(slow, 3.0, of_slow), row(fast, 1.0, Some(100.0))];
            let runs = [fixture::file(fixture::h100_header(), rows)];
            let comparison = Comparison::new(&runs);
            let device = &comparison.devices[0];
            measured_power(device, &project(device, &pass))
        };
        // (3 s · 300 W + 1 s · 100 W)/4 s.
        assert_eq!(power(Some(300.0)), Some(250.0));
        // One second of four is too little.
        assert_eq!(power(None), None);
    }
}
