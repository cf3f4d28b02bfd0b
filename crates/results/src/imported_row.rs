//! Times of one execution in imported rows.

use super::imported::{ImportUnit, Imported};
use super::schema::Row;

impl Row {
    /// Returns the time of one execution in seconds according to the program that measured an imported row:
    /// its time, or the work of the row divided by its rate. `None` for rows that portamark measured, for
    /// rates of tokens, and if the work is unknown.
    pub fn imported_seconds(&self) -> Option<f64> {
        self.imported.as_ref().and_then(|imported| self.seconds_for(imported, imported.value))
    }

    /// Returns the ends of the spread of an imported row as times of one execution in seconds, the smaller
    /// first.
    pub fn imported_spread_s(&self) -> Option<(f64, f64)> {
        let imported = self.imported.as_ref()?;
        let spread = imported.spread.as_ref()?;
        let (a, b) = (self.seconds_for(imported, spread.lo)?, self.seconds_for(imported, spread.hi)?);
        Some((a.min(b), a.max(b)))
    }

    fn seconds_for(&self, imported: &Imported, value: f64) -> Option<f64> {
        let seconds = match imported.unit {
            ImportUnit::Seconds => value,
            ImportUnit::FlopRate | ImportUnit::OpRate => self.flop as f64 / value,
            ImportUnit::ByteRate => self.bytes as f64 / value,
            ImportUnit::TokenRate => return None,
        };
        (seconds.is_finite() && seconds > 0.0).then_some(seconds)
    }
}
