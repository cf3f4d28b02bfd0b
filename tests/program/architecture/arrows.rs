//! What the manifests let a crate know, and who may know whom inside the model crate.

use super::sources::{Named, modules, root};
use super::table::{CRATES, FAR_FROM_FILES, ROOMS};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

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

/// The rooms below `folder` that know what they may not, or that the table does not have; and how many arrows were
/// seen.
fn turned_round(folder: &Path, rooms: &[(&str, &[&str])]) -> (Vec<String>, usize) {
    let arrows: BTreeMap<_, _> = rooms.iter().copied().collect();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (module, (path, named)) in modules(folder) {
        let Some(from) = module.first() else { continue };
        let Some(allowed) = arrows.get(from.as_str()) else {
            wrong.push(format!("{from} is a room that is not listed"));
            continue;
        };
        for to in rooms_named(&module, &named) {
            seen += 1;
            if to != *from && to != "units" && !allowed.contains(&to.as_str()) {
                wrong.push(format!("{} knows {to}", path.display()));
            }
        }
    }
    (wrong, seen)
}

/// The rooms that the file of `module` names, over `crate` or `super`.
fn rooms_named(module: &[String], named: &Named) -> BTreeSet<String> {
    let room = |path: &Vec<String>| {
        let supers = path.iter().take_while(|word| *word == "super").count();
        let is_of_crate = path.first().is_some_and(|word| word == "crate");
        let first = if is_of_crate { 1 } else { supers };
        (is_of_crate || supers == module.len()).then(|| path.get(first).cloned()).flatten()
    };
    named.paths.iter().chain(named.passed_on.iter().map(|(_, path)| path)).filter_map(room).collect()
}

#[test]
fn no_arrow_inside_the_model_is_turned_round() {
    let (wrong, seen) = turned_round(&root().join("crates/model/src"), ROOMS);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 15, "only {seen} arrows were seen: the reader is broken");
}

#[test]
fn a_room_that_is_not_listed_and_an_arrow_that_is_turned_round_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "pub mod cellar; pub mod hall; pub mod stairs;");
    write("hall.rs", "use crate::{stairs::Step, units};");
    write("stairs.rs", "pub struct Step; fn down() { println!(\"{}\", super::hall::NAME) }");
    write("cellar.rs", "");
    let rooms: &[(&str, &[&str])] = &[("hall", &["stairs"]), ("stairs", &[])];
    let (wrong, seen) = turned_round(folder.path(), rooms);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert_eq!(wrong[0], "cellar is a room that is not listed");
    assert!(wrong[1].ends_with("stairs.rs knows hall"), "{wrong:?}");
    assert_eq!(seen, 3);
}
