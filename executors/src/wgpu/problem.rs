//! Failures of requests.

use crate::protocol::Failure;

/// Failure of a request, which becomes an error response.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Kind of failure.
    pub status: Failure,
    /// Error message.
    pub reason: String,
}

impl Problem {
    /// Creates a problem of kind `status`.
    pub fn new(status: Failure, reason: impl Into<String>) -> Self {
        Problem { status, reason: reason.into() }
    }
}
