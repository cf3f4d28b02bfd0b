//! Progress events of a run.

use portamark_model::device::Capabilities;
use portamark_model::error::Error;
use portamark_model::workload::Case;
use portamark_results::Row;

/// Receives the progress events of a run. Every method does nothing by default, so a listener implements only
/// those that it needs; [`Silent`] implements none.
pub trait Events {
    /// Receives a message for the user, one line without a line break.
    fn note(&self, _text: &str) {}

    /// Called if no GPU driver can be used and other devices are listed instead. `error` is the reason if the
    /// executor for GPU drivers could not even be asked for devices.
    fn no_gpu(&self, _error: Option<&Error>) {}

    /// Receives the number of rows that the run will have.
    fn planned(&self, _rows: usize) {}

    /// Called for each row that an earlier part of the run has already made.
    fn kept(&self) {}

    /// Called when `case` starts on `device`.
    fn begin(&self, _device: &Capabilities, _case: &Case) {}

    /// Called when `row` of `device` is on disk. `among_several` is true if its case also has rows of other
    /// variants.
    fn row(&self, _device: &Capabilities, _row: &Row, _among_several: bool) {}

    /// Called when every row is on disk or the run was stopped.
    fn end(&self) {}
}

/// Listener that ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Events for Silent {}
