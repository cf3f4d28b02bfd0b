//! What the house is: its crates, the rooms of the model, and who may know whom.

use super::sources::{root, sources};
use std::path::PathBuf;

/// Each crate of the house with its folder and the crates of the house that it may know. Its manifest names
/// exactly these, so the compiler keeps the arrows.
pub const CRATES: &[(&str, &str, &[&str])] = &[
    ("model", "crates/model", &[]),
    ("stats", "crates/stats", &[]),
    ("kernels", "kernels", &["model"]),
    ("results", "crates/results", &["inspect", "model", "stats"]),
    ("inspect", "crates/inspect", &["model"]),
    ("executors", "executors", &["inspect", "model"]),
    ("analysis", "crates/analysis", &["inspect", "model", "results", "stats"]),
    ("report", "crates/report", &["analysis", "inspect", "model", "results", "stats"]),
    ("measure", "crates/measure", &["executors", "kernels", "model", "results", "stats"]),
    ("runner", "crates/runner", &["executors", "inspect", "kernels", "measure", "model", "results", "stats"]),
    ("races", "crates/races", &[]),
    ("fixtures", "crates/fixtures", &["inspect", "model", "results", "stats"]),
];

/// The rooms of the model crate, each with those that it may know.
pub const ROOMS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("error", &[]),
    ("possible", &["units"]),
    ("schema", &[]),
    ("plain_text", &[]),
    ("privacy", &["plain_text"]),
    ("workload", &[]),
    ("device", &["privacy", "workload"]),
    ("catalog", &["device"]),
    ("compiled", &[]),
    ("variant", &[]),
    ("vendor", &["device"]),
    ("kernel_text", &["workload", "device", "variant"]),
    ("plan", &["workload", "device", "variant"]),
    ("text_file", &["error"]),
    ("suite", &["workload", "catalog", "error", "text_file"]),
];

/// What may not be linked into crates that run from files alone.
pub const FAR_FROM_FILES: &[&str] = &[
    "wgpu",
    "clap",
    "tokio",
    "portamark-kernels",
    "portamark-executors",
    "portamark-measure",
    "portamark-runner",
];

/// The folders that hold the code of the house.
pub fn folders() -> Vec<PathBuf> {
    let crates = CRATES.iter().map(|(_, folder, _)| root().join(folder).join("src"));
    crates.chain([root().join("src")]).collect()
}

pub fn all_sources() -> Vec<PathBuf> {
    folders().iter().flat_map(|folder| sources(folder)).collect()
}
