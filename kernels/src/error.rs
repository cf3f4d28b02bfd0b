//! Why a case has no plan.

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The device lacks something; the text names it.
    #[error("{0}")]
    Unsupported(String),
    /// A kernel template is broken.
    #[error("kernel template: {0}")]
    Template(String),
    /// A variant was asked for that does not exist.
    #[error("{0}")]
    NoSuchVariant(String),
}
