//! What a million tokens cost in money and in energy, where price and power are known.

use crate::catalog::Accelerator;
use serde::Serialize;

/// The power that a device is taken to draw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Power {
    /// Watts of one device.
    pub watts: f64,
    /// What the figure is.
    pub basis: PowerBasis,
}

/// What a figure of power is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerBasis {
    /// The user's.
    Given,
    /// The published power of the board: what it draws at most, so energy is an upper bound.
    BoardPower,
}

impl PowerBasis {
    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            PowerBasis::Given => "as given",
            PowerBasis::BoardPower => "published power of the board, an upper bound",
        }
    }
}

impl Power {
    /// What a user gave, or else the published power of the board.
    pub fn of(given: Option<f64>, accelerator: Option<&Accelerator>) -> Option<Self> {
        let board = || accelerator.and_then(|row| row.board_power_w);
        let given = given.map(|watts| Power { watts, basis: PowerBasis::Given });
        given.or_else(|| board().map(|watts| Power { watts, basis: PowerBasis::BoardPower }))
    }
}

/// Price of 10⁶ tokens at `tokens_per_s`, where all devices together cost `per_hour`: p/3600/r · 10⁶.
pub fn price_per_million(per_hour: f64, tokens_per_s: f64) -> f64 {
    per_hour / 3600.0 / tokens_per_s * 1e6
}

/// Kilowatt-hours of 10⁶ tokens at `tokens_per_s`, where all devices together draw `watts`:
/// P/r · 10⁶ J over 3.6 · 10⁶ J.
pub fn kwh_per_million(watts: f64, tokens_per_s: f64) -> f64 {
    watts / tokens_per_s / 3.6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn a_million_tokens_at_a_thousand_a_second_take_1000_seconds() {
        // 1000 s are 1/3.6 of an hour; 360 W · 1000 s = 0.36 MJ = 0.1 kWh.
        assert!((price_per_million(3.6, 1000.0) - 1.0).abs() < 1e-12);
        assert!((kwh_per_million(360.0, 1000.0) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn power_is_what_was_given_or_the_board_s() {
        let h20 = Catalog::embedded().named("nvidia-h20");
        assert_eq!(Power::of(Some(300.0), h20).unwrap().basis, PowerBasis::Given);
        let board = Power { watts: 400.0, basis: PowerBasis::BoardPower };
        assert_eq!(Power::of(None, h20), Some(board));
        assert_eq!(Power::of(None, None), None);
    }
}
