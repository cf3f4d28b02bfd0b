//! Whether the clock of a device was steady before its first case.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What waiting came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Settled {
    /// Whether the clock was steady in the end: three batches in a row agreed within 2 %.
    pub steady: bool,
    /// Batches of half a second.
    pub batches: u32,
    /// How long the device worked, in seconds.
    pub waited_s: f64,
    /// The sentinel in the first batch, in seconds.
    pub first_s: f64,
    /// The sentinel in the last batch, in seconds.
    pub last_s: f64,
}

impl Settled {
    /// What batches of `times` seconds each, in order, say after `waited_s` seconds of work; of none
    /// there is nothing to say.
    pub fn of(times: &[f64], steady: bool, waited_s: f64) -> Option<Self> {
        let (first_s, last_s) = (*times.first()?, *times.last()?);
        Some(Settled { steady, batches: times.len() as u32, waited_s, first_s, last_s })
    }

    /// A sentence on how long the device worked and how far its sentinel moved meanwhile.
    pub fn describe(&self) -> String {
        let change = portamark_model::units::percent((self.last_s - self.first_s).abs() / self.first_s);
        let way = if self.last_s > self.first_s { "longer" } else { "shorter" };
        let steady = if self.steady { "steady" } else { "not steady" };
        let waited = portamark_model::units::seconds(self.waited_s);
        format!("{steady} after {waited} of work, the sentinel {change} {way} than at first")
    }
}
