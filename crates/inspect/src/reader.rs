//! The text of what reads statistics and listings: facts that are kept are read anew when it changes.

/// Returns the source text that facts depend on.
pub fn reader_source() -> &'static str {
    concat!(
        include_str!("chip.rs"),
        include_str!("facts.rs"),
        include_str!("flow.rs"),
        include_str!("instruction.rs"),
        include_str!("issue.rs"),
        include_str!("listing/adreno.rs"),
        include_str!("listing/amd.rs"),
        include_str!("listing/apple.rs"),
        include_str!("listing/compiler.rs"),
        include_str!("listing/matrix_name.rs"),
        include_str!("listing/nvidia.rs"),
        include_str!("scheduler.rs"),
        include_str!("statistics.rs"),
    )
}
