//! The house stays as it was drawn: what the manifests let a crate know, who may know whom inside the model
//! crate, how long a file may be, what names say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each crate of the house with its folder and the crates of the house that it may know. Its manifest names
/// exactly these, so the compiler keeps the arrows.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("model", "crates/model", &[]),
    ("stats", "crates/stats", &[]),
    ("kernels", "kernels", &["model"]),
    ("results", "crates/results", &["model", "stats"]),
    ("executors", "executors", &["model"]),
    ("analysis", "crates/analysis", &["model", "results", "stats"]),
    ("report", "crates/report", &["analysis", "model", "results", "stats"]),
    ("measure", "crates/measure", &["executors", "kernels", "model", "results", "stats"]),
    ("runner", "crates/runner", &["executors", "kernels", "measure", "model", "results", "stats"]),
    ("fixtures", "crates/fixtures", &["model", "results", "stats"]),
];

/// The rooms of the model crate, each with those that it may know.
const ROOMS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("error", &[]),
    ("schema", &[]),
    ("workload", &[]),
    ("catalog", &[]),
    ("device", &["workload"]),
    ("variant", &[]),
    ("kernel_text", &["workload", "device", "variant"]),
    ("plan", &["workload", "device", "variant"]),
    ("suite", &["workload", "catalog", "error"]),
];

/// What may not be linked into crates that run from files alone.
const FAR_FROM_FILES: &[&str] = &[
    "wgpu",
    "clap",
    "tokio",
    "portamark-kernels",
    "portamark-executors",
    "portamark-measure",
    "portamark-runner",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below `folder`, in order.
fn sources(folder: &Path) -> Vec<PathBuf> {
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
    walk(folder, &mut files);
    files.sort();
    files
}

/// The folders that hold the code of the house.
fn folders() -> Vec<PathBuf> {
    let crates = CRATES.iter().map(|(_, folder, _)| root().join(folder).join("src"));
    crates.chain([root().join("src")]).collect()
}

fn all_sources() -> Vec<PathBuf> {
    folders().iter().flat_map(|folder| sources(folder)).collect()
}

/// The names under `[section]` of a manifest, whatever follows them.
fn named_in(manifest: &str, section: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == format!("[{section}]");
        } else if inside {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
            names.extend((!name.is_empty()).then_some(name));
        }
    }
    names
}

#[test]
fn a_manifest_names_what_its_crate_may_know_and_nothing_else() {
    let listed = fs::read_dir(root().join("crates")).unwrap().flatten().count() + 2;
    assert_eq!(listed, CRATES.len(), "a crate is not in the table of this test");
    for (name, folder, allowed) in CRATES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"portamark-{name}\"")), "{folder} is not {name}");
        let names = named_in(&manifest, "dependencies");
        let known: BTreeSet<&str> = names.iter().filter_map(|name| name.strip_prefix("portamark-")).collect();
        assert_eq!(known, allowed.iter().copied().collect(), "{name}");
        assert!(
            names.len() > known.len() || *name == "fixtures",
            "{name}: the reader of manifests is broken"
        );
    }
}

#[test]
fn what_runs_from_files_alone_links_no_gpu_code_no_executor_and_no_command_line() {
    for name in ["results", "analysis", "report"] {
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p}",
            ])
            .args(["--all-features", "--package", &format!("portamark-{name}")])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let text = String::from_utf8(tree.stdout).unwrap();
        let linked: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(linked.contains("portamark-model") && linked.contains("serde"), "{linked:?}");
        for far in FAR_FROM_FILES {
            assert!(!linked.contains(far), "{name} links {far}");
        }
    }
}

/// The room a file of the model crate belongs to: the first folder below `src`, or the file's own name.
fn room(path: &Path, folder: &Path) -> String {
    let first = path.strip_prefix(folder).unwrap().components().next().unwrap();
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_string()
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
fn no_arrow_inside_the_model_is_turned_round() {
    let arrows: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let folder = root().join("crates/model/src");
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in sources(&folder) {
        let from = room(&path, &folder);
        if from == "lib" {
            continue;
        }
        let Some(allowed) = arrows.get(from.as_str()) else { panic!("{from} is a room that is not listed") };
        for to in known(&fs::read_to_string(&path).unwrap()) {
            seen += 1;
            if to != from && to != "units" && !allowed.contains(&to.as_str()) {
                wrong.push(format!("{} knows {to}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 15, "only {seen} arrows were seen: the reader is broken");
}

#[test]
fn only_one_folder_names_wgpu() {
    for path in all_sources() {
        let inside = path.components().any(|c| c.as_os_str() == "wgpu");
        let text = fs::read_to_string(&path).unwrap();
        assert!(inside || !text.contains("wgpu::Device"), "{} names wgpu", path.display());
        assert!(inside || !text.contains("use wgpu::{"), "{} uses wgpu", path.display());
    }
}

#[test]
fn files_are_short_and_their_names_say_what_is_in_them() {
    let tests = ["tests", "examples", "benches"].map(|folder| root().join(folder));
    for path in all_sources().into_iter().chain(tests.iter().flat_map(|folder| sources(folder))) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!["util", "utils", "helper", "helpers", "base", "common", "misc"].contains(&name.as_str()));
        if ["mod", "lib"].contains(&name.as_str()) {
            let text = fs::read_to_string(&path).unwrap();
            let is_cli = path.starts_with(root().join("src/cli"));
            assert!(is_cli || !text.contains("\nfn ") && !text.contains("\npub fn "), "{}", path.display());
        }
    }
    let main = fs::read_to_string(root().join("src/main.rs")).unwrap();
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
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "bench",
        "benches",
        "crates",
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
    for entry in fs::read_dir(root()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(allowed.contains(&name.as_str()), "{name} at the top level");
    }
}

#[test]
fn the_readme_names_the_rust_that_is_needed_and_the_licences_that_are_there() {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let (manifest, readme) = (read("Cargo.toml"), read("README.md"));
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    assert!(readme.contains(&format!("Rust {} or newer", version.trim_matches('"'))), "{version}");
    assert!(manifest.contains("license = \"MIT OR Apache-2.0\""));
    assert!(read("LICENSE-MIT").starts_with("MIT License") && read("LICENSE-APACHE").contains("Version 2.0"));
    assert!(readme.contains("(LICENSE-MIT)") && readme.contains("(LICENSE-APACHE)"));
}
