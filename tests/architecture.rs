//! The house stays as it was drawn: who may know whom, how long a file may be, what names say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may know. Everything may know `units`, `error` and itself.
///
/// `executor → suite` is for the patterns in the scripts of the fake executor.
const ARROWS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("error", &[]),
    ("schema", &[]),
    ("stats", &[]),
    ("workload", &[]),
    ("catalog", &[]),
    ("suite", &["workload", "catalog"]),
    ("kernel", &["workload"]),
    ("executor", &["workload", "kernel", "suite", "schema"]),
    ("telemetry", &["kernel", "stats"]),
    ("measure", &["workload", "kernel", "executor", "stats"]),
    ("record", &["workload", "kernel", "stats", "telemetry", "measure", "schema"]),
    ("analysis", &["workload", "kernel", "stats", "suite", "record", "catalog"]),
    ("report", &["workload", "kernel", "stats", "suite", "record", "catalog", "analysis"]),
];

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.sort();
    files
}

/// The room a file belongs to: the first folder below `src`, or the file's own name.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

/// The rooms that `text` names as `crate::room`, also inside `use crate::{…}`.
fn known(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            if let Some(group) = part.strip_prefix('{') {
                rooms.extend(group.split(',').map(|name| name.trim().to_string()));
            } else {
                rooms.push(part.to_string());
            }
        }
    }
    let word =
        |text: String| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    rooms.into_iter().map(word).filter(|w| !w.is_empty()).collect()
}

#[test]
fn no_arrow_is_turned_round() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources() {
        let from = room(&path);
        let Some(allowed) = arrows.get(from.as_str()) else { continue };
        for to in known(&fs::read_to_string(&path).unwrap()) {
            if !arrows.contains_key(to.as_str()) && to != "cli" {
                continue;
            }
            seen += 1;
            let free = to == from || to == "units" || to == "error";
            if !free && !allowed.contains(&to.as_str()) {
                wrong.push(format!("{} knows {to}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 50, "only {seen} arrows were seen: the reader is broken");
}

#[test]
fn only_one_folder_names_wgpu() {
    for path in sources() {
        let inside = path.components().any(|c| c.as_os_str() == "wgpu");
        let text = fs::read_to_string(&path).unwrap();
        assert!(inside || !text.contains("wgpu::Device"), "{} names wgpu", path.display());
        assert!(inside || !text.contains("use wgpu::{"), "{} uses wgpu", path.display());
    }
}

#[test]
fn files_are_short_and_their_names_say_what_is_in_them() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!["util", "utils", "helper", "helpers", "base", "common", "misc"].contains(&name.as_str()));
        if name == "mod" {
            let text = fs::read_to_string(&path).unwrap();
            let is_cli = room(&path) == "cli";
            assert!(is_cli || !text.contains("\nfn ") && !text.contains("\npub fn "), "{}", path.display());
        }
    }
    let main = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 60);
}

#[test]
fn the_top_level_holds_what_was_agreed() {
    let allowed = [
        ".ci",
        ".git",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "bench",
        "benches",
        "docs",
        "examples",
        "executors",
        "kernels",
        "report",
        "results",
        "rustfmt.toml",
        "scripts",
        "src",
        "target",
        "test",
        "tests",
    ];
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(allowed.contains(&name.as_str()), "{name} at the top level");
    }
}
