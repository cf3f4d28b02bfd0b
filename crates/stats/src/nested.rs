//! Samples in levels: samples within processes, processes within boots, and so on.
//!
//! Two samples of one process share its memory layout, its clocks and its compiled kernel, so they
//! resemble each other more than samples of two processes. Statistics that ignore the levels mistake
//! the number of samples for the number of independent observations.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Samples in levels: a list of samples (level 1), or a list of groups of the next lower level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Nested {
    /// Samples of one process.
    Samples(Vec<f64>),
    /// Groups of one level, such as processes, boots or machines.
    Groups(Vec<Nested>),
}

impl Nested {
    /// Builds two levels, processes and their samples, from the samples of each process.
    pub fn processes(processes: &[Vec<f64>]) -> Self {
        Self::Groups(processes.iter().cloned().map(Self::Samples).collect())
    }

    /// Returns the number of members of the highest level.
    pub fn len(&self) -> usize {
        match self {
            Self::Samples(samples) => samples.len(),
            Self::Groups(groups) => groups.len(),
        }
    }

    /// Returns whether the highest level has no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a copy with samples and groups sorted, because the members of each level are exchangeable.
    /// `None` if a level is empty, if a sample is not finite, or if samples lie at different depths.
    pub fn canonical(&self) -> Option<Self> {
        self.uniform_depth()?;
        self.sorted()
    }

    /// Returns the number of levels, or `None` if samples lie at different depths or a level is empty.
    pub fn uniform_depth(&self) -> Option<usize> {
        match self {
            Self::Samples(samples) => (!samples.is_empty()).then_some(1),
            Self::Groups(groups) => {
                let below = groups.first()?.uniform_depth()?;
                groups.iter().all(|group| group.uniform_depth() == Some(below)).then_some(below + 1)
            }
        }
    }

    fn sorted(&self) -> Option<Self> {
        match self {
            Self::Samples(samples) => super::quantile::sorted_finite(samples).map(Self::Samples),
            Self::Groups(groups) => {
                let mut groups: Vec<Self> = groups.iter().map(Self::sorted).collect::<Option<_>>()?;
                groups.sort_by(Self::compare);
                Some(Self::Groups(groups))
            }
        }
    }

    /// Compares lexicographically, by [`f64::total_cmp`].
    fn compare(&self, other: &Self) -> Ordering {
        let unequal = |order: &Ordering| order.is_ne();
        match (self, other) {
            (Self::Samples(a), Self::Samples(b)) => {
                let first = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(unequal);
                first.unwrap_or(a.len().cmp(&b.len()))
            }
            (Self::Groups(a), Self::Groups(b)) => {
                let first = a.iter().zip(b).map(|(a, b)| a.compare(b)).find(unequal);
                first.unwrap_or(a.len().cmp(&b.len()))
            }
            (Self::Samples(_), Self::Groups(_)) => Ordering::Less,
            (Self::Groups(_), Self::Samples(_)) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(text: &str) -> Nested {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn levels_are_written_as_nested_lists() {
        let processes = Nested::processes(&[vec![1.0, 2.0], vec![3.0]]);
        assert_eq!(serde_json::to_string(&processes).unwrap(), "[[1.0,2.0],[3.0]]");
        assert_eq!(nested("[[1.0, 2.0], [3.0]]"), processes);
        assert_eq!((processes.len(), processes.is_empty()), (2, false));
    }

    #[test]
    fn depth_counts_levels_that_are_alike() {
        for (text, depth) in [
            ("[1]", Some(1)),
            ("[[1, 2], [3]]", Some(2)),
            ("[[[1], [2]], [[3]]]", Some(3)),
            ("[]", None),
            ("[[1], []]", None),
            ("[[1], [[2]]]", None),
        ] {
            assert_eq!(nested(text).uniform_depth(), depth, "{text}");
        }
    }

    #[test]
    fn the_canonical_order_is_one_for_all_orders() {
        let canonical = nested("[[[1, 3], [1, 4]], [[2], [2, 0.5]]]").canonical();
        assert_eq!(nested("[[[0.5, 2], [2]], [[4, 1], [3, 1]]]").canonical(), canonical);
        assert_eq!(canonical, Some(nested("[[[0.5, 2], [2]], [[1, 3], [1, 4]]]")));
        assert_eq!(Nested::Samples(vec![1.0, f64::NAN]).canonical(), None);
        assert_eq!(Nested::processes(&[vec![1.0], vec![]]).canonical(), None);
    }
}
