//! Result of waiting for a steady clock before the first case.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Result of running the sentinel, a fixed kernel, until the clock of the device is steady.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Settled {
    /// Whether the clock became steady: three batches in a row agreed within 2 %.
    pub steady: bool,
    /// Number of batches, of half a second each.
    pub batches: u32,
    /// Time that the device worked meanwhile, in seconds.
    pub waited_s: f64,
    /// Median time of the sentinel in the first batch, in seconds.
    pub first_s: f64,
    /// Median time of the sentinel in the last batch, in seconds.
    pub last_s: f64,
}

impl Settled {
    /// Creates the result from the sentinel time of each batch in seconds, in order, after `waited_s` seconds
    /// of work; `None` without batches.
    pub fn of(times: &[f64], steady: bool, waited_s: f64) -> Option<Self> {
        let (first_s, last_s) = (*times.first()?, *times.last()?);
        Some(Settled { steady, batches: times.len() as u32, waited_s, first_s, last_s })
    }

    /// Describes how long the device worked and how far the time of its sentinel moved meanwhile.
    pub fn describe(&self) -> String {
        let change = portamark_model::units::percent((self.last_s - self.first_s).abs() / self.first_s);
        let way = if self.last_s > self.first_s { "longer" } else { "shorter" };
        let steady = if self.steady { "steady" } else { "not steady" };
        let waited = portamark_model::units::seconds(self.waited_s);
        format!("{steady} after {waited} of load; the sentinel takes {change} {way} than at first")
    }
}
