//! Every kernel on an interpreter that finds races, accesses out of bounds and reads of workgroup memory that nobody
//! wrote: software drivers run the subgroups of a workgroup one after another up to each barrier, and hide that one is
//! missing.

mod judge;
mod plans;
mod planted;
mod removed;

use judge::faults;
use plans::plans;
use portamark_kernels::kernels;
use portamark_races::Kind;
use std::collections::BTreeSet;

/// Default variants, and some of those that tuning tries.
#[test]
fn every_kernel_is_free_of_races_and_stays_within_its_buffers() {
    let (mut wrong, mut seen, mut shared) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut sizes = BTreeSet::new();
    for wanted in plans() {
        for judged in faults(&wanted.plan, wanted.subgroup, false) {
            if judged.shared {
                shared.insert(wanted.kernel.clone());
                sizes.insert(wanted.subgroup);
            }
            wrong.extend(judged.findings.iter().map(|finding| format!("{}: {finding}", wanted.name)));
        }
        seen.insert(wanted.kernel.clone());
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    let all: BTreeSet<String> =
        kernels().map(|kernel| format!("{} {}", kernel.family, kernel.name)).collect();
    assert_eq!(seen, all, "add a case to tests/races/plans.rs");
    assert!(shared.len() >= 15, "only {shared:?} have workgroup memory");
    assert_eq!(sizes, BTreeSet::from([4, 8, 16, 32, 64]));
}

/// WGSL lets an implementation touch a whole vector where a component is written, and no compiler of a GPU is known to
/// do so. Where invocations write the components of one vector is listed: if one does, these are wrong.
#[test]
fn invocations_share_vectors_in_known_places_only() {
    const KNOWN: [(&str, &str); 5] = [
        ("attention lanes", "shares"),
        ("gemm dot4-tiled", "tile_a"),
        ("gemm dot4-tiled", "tile_b"),
        ("gemm tiled", "tile_a"),
        ("gemm tiled", "tile_b"),
    ];
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for wanted in plans() {
        // Texts that differ in numbers alone share vectors alike.
        let text: String = wanted.plan.steps.iter().map(|step| step.wgsl.as_str()).collect();
        let is_new = seen.insert(text.replace(|c: char| c.is_ascii_digit(), ""));
        if !is_new || !text.contains("var<workgroup>") {
            continue;
        }
        for judged in faults(&wanted.plan, wanted.subgroup, true) {
            let races = judged.findings.into_iter().filter(|finding| finding.kind == Kind::Race);
            found.extend(races.map(|finding| (wanted.kernel.clone(), finding.variable)));
        }
    }
    let known = KNOWN.map(|(kernel, variable)| (kernel.to_owned(), variable.to_owned()));
    assert_eq!(found, BTreeSet::from(known));
}
