//! Faults that are known, and wait for a change of the kernels.

use std::collections::BTreeMap;
use std::fmt::Display;

/// A kind of fault of a kernel in a language, with its reason.
pub struct Known<K: 'static> {
    /// Family and name of the kernel.
    pub kernel: &'static str,
    pub kind: K,
    /// Why it is there.
    pub reason: &'static str,
}

/// What was found, each kind once for a kernel, with one place where.
pub struct Found<K>(BTreeMap<(String, K), String>);

impl<K: Ord + Copy + Display> Found<K> {
    pub fn nothing() -> Self {
        Found(BTreeMap::new())
    }

    pub fn add(&mut self, kernel: &str, kind: K, place: impl FnOnce() -> String) {
        self.0.entry((kernel.to_string(), kind)).or_insert_with(place);
    }

    /// Returns what differs from the list of `known` faults: those that are new, and those that are gone.
    pub fn differs(&self, known: &[Known<K>]) -> Vec<String> {
        let is_known = |kernel: &str, kind| known.iter().any(|it| it.kernel == kernel && it.kind == kind);
        let new = self.0.iter().filter(|((kernel, kind), _)| !is_known(kernel, *kind));
        let new = new.map(|((kernel, kind), place)| format!("{kernel}: {kind}: {place}"));
        let is_found = |it: &&Known<K>| self.0.contains_key(&(it.kernel.to_string(), it.kind));
        let gone = known.iter().filter(|it| !is_found(it)).map(|it| {
            format!(
                "{}: {} is gone: take it off the list of known faults ({})",
                it.kernel, it.kind, it.reason
            )
        });
        new.chain(gone).collect()
    }
}

#[test]
fn a_fault_that_is_new_and_one_that_is_gone_are_both_told() {
    let known = |kernel, kind| Known { kernel, kind, reason: "because" };
    let mut found = Found::nothing();
    found.add("gemm a", "slow", || "here".into());
    found.add("gemm a", "slow", || "and there".into());
    assert!(found.differs(&[known("gemm a", "slow")]).is_empty());
    assert_eq!(found.differs(&[]), ["gemm a: slow: here"]);
    let differs = found.differs(&[known("gemm a", "slow"), known("gemm b", "slow")]);
    assert_eq!(differs, ["gemm b: slow is gone: take it off the list of known faults (because)"]);
}
