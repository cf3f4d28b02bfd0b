//! What a run tells whoever listens while it goes on.

use portamark_model::device::Capabilities;
use portamark_model::error::Error;
use portamark_model::workload::Case;
use portamark_results::Row;

/// Listens to a run. Each method does nothing unless it is written anew, so a listener has only those that
/// it needs; [`Silent`] has none.
pub trait Events {
    /// Something worth knowing, one line without its end.
    fn note(&self, _text: &str) {}

    /// No GPU driver can be used, and other devices are listed instead; `error` says why, where the
    /// executor of drivers could not even be asked.
    fn no_gpu(&self, _error: Option<&Error>) {}

    /// The run will have so many rows.
    fn planned(&self, _rows: usize) {}

    /// A row that an earlier part of the run has made already.
    fn kept(&self) {}

    /// `case` begins on `device`.
    fn begin(&self, _device: &Capabilities, _case: &Case) {}

    /// `row` of `device` is on disk; `among_several` says that its case has others, of other variants.
    fn row(&self, _device: &Capabilities, _row: &Row, _among_several: bool) {}

    /// Every row is on disk, or the run was told to stop.
    fn end(&self) {}
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Events for Silent {}
