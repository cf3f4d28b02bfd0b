//! Each barrier of each kernel, removed: what says that all are in place has to say that one is missing.

use crate::judge::faults_of_step;
use crate::plans::{CASES, Wanted, plans_of};
use portamark_kernels::KernelSource;
use portamark_races::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a barrier becomes when it is removed.
const REMOVED: [(&str, &str); 2] = [("workgroupBarrier();", ""), ("workgroupUniformLoad(&", "atomicLoad(&")];

/// Barriers that may go, with the file, the number there and the number of the copy in the text.
const REDUNDANT: [(&str, usize, usize); 2] = [
    // Before the first reduction nobody has read the result of an earlier one.
    ("elements/reduce.wgsl", 1, 1),
    ("elements/reduce.wgsl", 3, 1),
];

/// A barrier of a template, as copies in texts name it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Barrier {
    file: String,
    /// Its number in the file, from 1.
    number: usize,
    /// Number of the copy in the text that a template made of it, and how many it made.
    copy: usize,
    copies: usize,
}

/// Copies the kernels with a comment before each barrier, `/*file:number*/`.
fn numbered(from: &Path, to: &Path, folder: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if path.is_dir() {
            numbered(&path, &to.join(&name), &format!("{name}/"));
        } else if name.ends_with(".wgsl") {
            let mut text = fs::read_to_string(&path).unwrap();
            let places = REMOVED.iter().flat_map(|(barrier, _)| text.match_indices(barrier));
            let mut places: Vec<usize> = places.map(|(at, _)| at).collect();
            places.sort_unstable();
            for (i, at) in places.into_iter().enumerate().rev() {
                text.insert_str(at, &format!("/*{folder}{name}:{}*/", i + 1));
            }
            fs::write(to.join(&name), text).unwrap();
        }
    }
}

/// A barrier in a text: of a plan, one of its steps, and the place there.
#[derive(Clone, Copy)]
struct Place<'a> {
    wanted: &'a Wanted,
    step: usize,
    at: usize,
}

impl Place<'_> {
    /// The text without this barrier.
    fn text(&self) -> String {
        let text = &self.wanted.plan.steps[self.step].wgsl;
        let (before, after) = text.split_at(self.at);
        let gone = REMOVED.iter().find_map(|(barrier, gone)| Some((after.strip_prefix(barrier)?, gone)));
        let (rest, gone) = gone.expect("a barrier follows its mark");
        format!("{before}{gone}{rest}")
    }

    fn is_missed(&self) -> bool {
        let found = faults_of_step(&self.wanted.plan, self.step, &self.text(), self.wanted.subgroup);
        found.iter().any(|finding| finding.kind == Kind::Race)
    }
}

/// Returns all places of each barrier of the kernels.
fn barriers(all: &[Wanted]) -> BTreeMap<Barrier, Vec<Place<'_>>> {
    let mut places: BTreeMap<Barrier, Vec<Place>> = BTreeMap::new();
    for wanted in all {
        for (step, of_step) in wanted.plan.steps.iter().enumerate() {
            let mut copies: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (from, _) in of_step.wgsl.match_indices("/*") {
                let Some((mark, _)) = of_step.wgsl[from + 2..].split_once("*/") else { continue };
                copies.entry(mark).or_default().push(from + mark.len() + 4);
            }
            for (mark, at) in copies {
                let (file, number) = mark.split_once(':').unwrap();
                let (number, copies) = (number.parse().unwrap(), at.len());
                for (i, at) in at.into_iter().enumerate() {
                    let barrier = Barrier { file: file.into(), number, copy: i + 1, copies };
                    places.entry(barrier).or_default().push(Place { wanted, step, at });
                }
            }
        }
    }
    places
}

/// Each copy that the templates make of a barrier is needed in some text, so the check sees it missing there.
#[test]
fn a_barrier_that_is_removed_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    numbered(&Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels"), folder.path(), "");
    let all = plans_of(CASES, &KernelSource::folder(folder.path()).trusted());
    let places = barriers(&all);
    let (mut unmissed, mut tries) = (Vec::new(), 0);
    for (barrier, places) in &places {
        let Barrier { file, number, copy, copies } = barrier;
        let may_go = REDUNDANT.contains(&(file.as_str(), *number, *copy));
        // Neighbours are variants of one case: those far apart differ more.
        let mut far = (0..7).flat_map(|from| places.iter().skip(from).step_by(7));
        let is_missed = far.any(|place| {
            tries += 1;
            place.is_missed()
        });
        if is_missed == may_go {
            let said = if may_go { "is said to be redundant and is not" } else { "is not missed" };
            let example = &places[0].wanted.name;
            unmissed.push(format!("{file}: barrier {number}, copy {copy} of {copies} {said} ({example})"));
        }
    }
    eprintln!("{} barriers, {tries} tries", places.len());
    let of_templates: BTreeSet<_> = places.keys().map(|barrier| (&barrier.file, barrier.number)).collect();
    assert!(of_templates.len() >= 35, "only {} barriers", of_templates.len());
    assert!(unmissed.is_empty(), "{}", unmissed.join("\n"));
}
