//! Error type of planning.

/// Reason why a case has no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The device lacks something that the case needs; the message names it.
    #[error("{0}")]
    Unsupported(String),
    /// A kernel template cannot be rendered; the message comes from the template engine.
    #[error("kernel template: {0}")]
    Template(String),
    /// The requested variant does not exist for this case.
    #[error("{0}")]
    NoSuchVariant(String),
}
