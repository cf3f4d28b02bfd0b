//! The recipes of `CONTRIBUTING.md` name what is there.

use super::sources::root;
use std::fs;

/// The paths in backticks in `text`: what has a folder and no word that stands for others (`<family>`).
fn paths(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        let characters = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let folder = word.split('/').next().unwrap_or_default();
        word.contains('/') && word.chars().all(characters) && FOLDERS.contains(&folder)
    };
    quoted.filter(is_path).collect()
}

/// Where paths start that are of the repository, and not of a web address or of what a build makes.
const FOLDERS: &[&str] = &[
    ".ci",
    "benches",
    "crates",
    "docs",
    "examples",
    "executors",
    "kernels",
    "results",
    "scripts",
    "src",
    "tests",
];

/// Those that are not in the repository.
fn missing(text: &str) -> Vec<&str> {
    paths(text).into_iter().filter(|path| !root().join(path).exists()).collect()
}

#[test]
fn the_recipes_name_paths_that_exist() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    assert!(paths(&text).len() > 60, "only {} paths were seen: the reader is broken", paths(&text).len());
    assert_eq!(missing(&text), Vec::<&str>::new());
}

#[test]
fn a_path_that_is_gone_is_found() {
    let text = "Touch `src/main.rs`, `kernels/<family>/reference.wgsl`, `src/report/page.rs` and `a/b`.";
    assert_eq!(missing(text), ["src/report/page.rs"]);
}
