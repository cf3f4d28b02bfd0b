//! How long a file may be, what names say, and what lies at the top level.

use super::sources::{root, sources};
use super::table::all_sources;
use std::fs;

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
