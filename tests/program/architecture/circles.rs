//! No file of a crate knows, over others, itself.

use super::sources::{Named, Words, modules, root};
use super::table::folders;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Modules = BTreeMap<Words, (PathBuf, Named)>;

/// The module that `path`, used in `from`, leads to: where the item at its end is defined, not where it is
/// passed on. `None` for what is of another crate.
fn target(modules: &Modules, from: &[String], path: &[String]) -> Option<Words> {
    let mut at = from.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|word| word == "super") {
                at.pop()?;
                rest = &rest[1..];
            }
        }
        // A path without such a word starts at a module declared here, or at another crate.
        first if modules[from].1.modules.contains(first) => {}
        _ => return None,
    }
    follow(modules, at, rest, 0)
}

fn follow(modules: &Modules, mut at: Words, mut rest: &[String], depth: usize) -> Option<Words> {
    while let Some(word) = rest.first() {
        let below = [at.as_slice(), std::slice::from_ref(word)].concat();
        if modules.contains_key(&below) {
            (at, rest) = (below, &rest[1..]);
            continue;
        }
        let (_, named) = modules.get(&at)?;
        if named.items.contains(word) || depth > 8 {
            break;
        }
        let behind = |path: &Words| {
            let mut home = at.clone();
            let mut words = path.as_slice();
            match words.first().map(String::as_str) {
                Some("crate") => (home, words) = (Words::new(), &words[1..]),
                Some("self") => words = &words[1..],
                Some("super") => {
                    home.pop();
                    words = &words[1..];
                }
                Some(first) if !named.modules.contains(first) => return None,
                _ => {}
            }
            Some((home, words.to_vec()))
        };
        for (name, path) in &named.passed_on {
            let (home, mut words) = match behind(path) {
                Some(found) if name == word || name == "*" => found,
                _ => continue,
            };
            if name == "*" {
                words.push(word.clone());
                let found = follow(modules, home, &words, depth + 1);
                let defines = found.as_ref().and_then(|found| modules.get(found));
                if defines.is_some_and(|(_, named)| named.items.contains(word)) {
                    return found;
                }
            } else {
                return follow(modules, home, &words, depth + 1);
            }
        }
        break;
    }
    Some(at)
}

/// The circles of a crate, each as its files with what makes one know the other.
pub fn circles(folder: &Path) -> Vec<String> {
    let modules = modules(folder);
    let index: Vec<&Words> = modules.keys().collect();
    let number = |words: &Words| index.binary_search(&words).expect("a module of the crate");
    let mut graph: DiGraphMap<usize, ()> = DiGraphMap::new();
    let mut reasons: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
    for (from, (_, named)) in &modules {
        for path in &named.paths {
            let Some(to) = target(&modules, from, path).filter(|to| to != from) else { continue };
            let edge = (number(from), number(&to));
            graph.add_edge(edge.0, edge.1, ());
            reasons.entry(edge).or_default().insert(path.join("::"));
        }
    }
    let file = |node: usize| {
        let path = &modules[index[node]].0;
        path.strip_prefix(root()).unwrap_or(path).display().to_string()
    };
    let circle = |nodes: &Vec<usize>| {
        let edges = reasons.iter().filter(|((from, to), _)| nodes.contains(from) && nodes.contains(to));
        let lines = edges.map(|((from, to), why)| {
            let why: Vec<&str> = why.iter().map(String::as_str).collect();
            format!("  {} knows {} by {}\n", file(*from), file(*to), why.join(", "))
        });
        format!("{} files in a circle:\n{}", nodes.len(), lines.collect::<String>())
    };
    let found = tarjan_scc(&graph);
    found.iter().filter(|nodes| nodes.len() > 1).map(circle).collect()
}

/// The circles that are what they describe: a layer is a case that is made of cases.
const RECURSIVE: &[&[&str]] = &[&["workload/case.rs", "workload/layer.rs"]];

#[test]
fn no_crate_has_files_that_know_each_other_in_a_circle() {
    let mut found: Vec<String> = folders().iter().flat_map(|folder| circles(folder)).collect();
    for files in RECURSIVE {
        let is_it = |circle: &String| {
            circle.starts_with(&format!("{} files", files.len()))
                && files.iter().all(|file| circle.contains(file))
        };
        let before = found.len();
        found.retain(|circle| !is_it(circle));
        assert_eq!(found.len(), before - 1, "{files:?} are no circle any more");
    }
    assert!(found.is_empty(), "{} circles\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_circle_is_found_through_what_is_passed_on_and_through_macros() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("part")).unwrap();
    write("lib.rs", "mod first; mod part; mod alone; pub use part::Second;");
    write("first.rs", "use crate::Second; pub fn name() {}");
    write("part/mod.rs", "mod second; pub use second::*;");
    write("part/second.rs", "pub struct Second; fn told() { println!(\"{:?}\", crate::first::name()) }");
    write("alone.rs", "use crate::Second; #[cfg(test)] mod tests { use crate::alone; use super::Second; }");
    let found = circles(folder.path());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("2 files in a circle:"), "{}", found[0]);
    assert!(
        found[0].contains("first.rs knows") && found[0].contains("by crate::first::name"),
        "{}",
        found[0]
    );
}
