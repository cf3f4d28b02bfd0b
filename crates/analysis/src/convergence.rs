//! Code convergence: the share of kernel source that is common to the devices it ran on.

use super::comparison::{CaseLine, Comparison};
use super::device::Entry;
use portamark_model::kernel_text::{KernelTexts, SourceLine};
use portamark_stats::code_divergence;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Source lines that each kernel uses, cached by the hash of its source.
pub struct KernelLines<'a> {
    pub(super) texts: &'a dyn KernelTexts,
    known: HashMap<String, Result<BTreeSet<SourceLine>, String>>,
}

/// Code convergence of the kernels on several devices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Convergence {
    /// 1 − CD, where CD is the code divergence: from 0 (nothing shared) to 1 (the same lines on every
    /// device).
    pub convergence: f64,
    /// Number of devices compared: those that ran any of the cases.
    pub devices: usize,
    /// Number of lines that each of these devices uses, in device order.
    pub lines: Vec<usize>,
    /// Number of lines that at least one of them uses.
    pub all: usize,
}

/// One source file in the format of the P3 Analysis Library's coverage schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Name of the kernel source file.
    pub file: String,
    /// SHA-256 of the file's content.
    pub id: String,
    /// Line numbers of code that the device uses.
    pub used_lines: Vec<u32>,
    /// Line numbers of code that it does not use.
    pub unused_lines: Vec<u32>,
}

impl<'a> KernelLines<'a> {
    /// Creates an empty cache that renders kernel sources through `texts`.
    pub fn of_texts(texts: &'a dyn KernelTexts) -> Self {
        KernelLines { texts, known: HashMap::new() }
    }

    /// Returns the source lines that the kernel of `entry` uses.
    ///
    /// Result files do not store them: the source is rendered again from the case, the variant and the device
    /// in the header, and accepted only if its hash matches that of the row.
    ///
    /// # Errors
    /// Returns a message if the row names no kernel, its key is not understood, or the source is not one of
    /// this version.
    pub fn of(&mut self, entry: &Entry) -> Result<&BTreeSet<SourceLine>, String> {
        let case = entry.case.as_ref().map_err(Clone::clone)?;
        let kernel = entry.row.kernel.as_ref().ok_or("the row names no kernel")?;
        let lines = self
            .known
            .entry(format!("{} {}", kernel.sha256, kernel.variant))
            .or_insert_with(|| self.texts.lines(case, &entry.header.device, &kernel.variant, &kernel.sha256));
        lines.as_ref().map_err(Clone::clone)
    }
}

/// Returns the source lines that each of `devices` uses for those of the cases `lines` that have a rate
/// there.
///
/// # Errors
/// Returns a message if one of the sources is unknown, or if there are more than `most_texts` of them.
pub(super) fn used_by(
    comparison: &Comparison,
    lines: &[&CaseLine],
    devices: &[usize],
    texts: &mut KernelLines,
    most_texts: usize,
) -> Result<Vec<BTreeSet<SourceLine>>, String> {
    let mut all = Vec::with_capacity(devices.len());
    for device in devices {
        let mut used = BTreeSet::new();
        let entries = lines.iter().filter_map(|line| comparison.entry(line, *device));
        for entry in entries.filter(|entry| entry.rate.is_some()) {
            if texts.known.len() >= most_texts {
                return Err(format!("more than {most_texts} kernel sources would have to be rendered"));
            }
            let found = texts.of(entry).map_err(|why| format!("{}: {why}", entry.row.case))?;
            used.extend(found.iter().cloned());
        }
        all.push(used);
    }
    Ok(all)
}

/// Returns the convergence of the devices that use any line: 1 for a single device, `None` if there is none.
pub(super) fn convergence(used: &[BTreeSet<SourceLine>]) -> Option<Convergence> {
    let used: Vec<BTreeSet<SourceLine>> = used.iter().filter(|lines| !lines.is_empty()).cloned().collect();
    let divergence = code_divergence(&used)?;
    let all: BTreeSet<&SourceLine> = used.iter().flatten().collect();
    Some(Convergence {
        convergence: 1.0 - divergence,
        devices: used.len(),
        lines: used.iter().map(BTreeSet::len).collect(),
        all: all.len(),
    })
}

/// Groups `used` by file, as the coverage schema requires.
pub(super) fn coverage(texts: &dyn KernelTexts, used: &BTreeSet<SourceLine>) -> Vec<Coverage> {
    let mut files: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for line in used {
        files.entry(&line.file).or_default().insert(line.line);
    }
    let of_file = |(file, used): (&str, BTreeSet<u32>)| {
        let (id, all) = texts.code_lines(file)?;
        let unused = all.difference(&used).copied().collect();
        Some(Coverage { file: file.into(), id, used_lines: used.into_iter().collect(), unused_lines: unused })
    };
    files.into_iter().filter_map(of_file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::Capabilities;
    use portamark_model::variant::Variant;
    use portamark_model::workload::Case;

    /// Provides one source, with code on lines 3 to 6.
    struct OneText;

    impl KernelTexts for OneText {
        fn lines(
            &self,
            _: &Case,
            _: &Capabilities,
            _: &Variant,
            _: &str,
        ) -> Result<BTreeSet<SourceLine>, String> {
            Ok(lines("one.wgsl", 3, 7))
        }

        fn code_lines(&self, file: &str) -> Option<(String, BTreeSet<u32>)> {
            (file == "one.wgsl").then(|| ("5f2c".into(), (3..7).collect()))
        }
    }

    fn lines(file: &str, from: u32, to: u32) -> BTreeSet<SourceLine> {
        (from..to).map(|line| SourceLine { file: file.into(), line }).collect()
    }

    #[test]
    fn the_examples_of_the_p3_library_are_met() {
        // Ten shared lines and ten more: CD .5. Files with different content: 1. One platform: 0.
        let of = |used: &[BTreeSet<SourceLine>]| convergence(used).unwrap().convergence;
        assert_eq!(of(&[lines("0", 0, 10), lines("0", 0, 20)]), 0.5);
        assert_eq!(of(&[lines("0", 0, 10), lines("1", 0, 10)]), 0.0);
        assert_eq!(of(&[lines("0", 0, 10)]), 1.0);
    }

    #[test]
    fn the_example_of_code_base_investigator_is_met() {
        // Its features example: FPGA, two GPUs, two CPUs; it prints a divergence of .55.
        let mut used = vec![BTreeSet::new(); 5];
        let mut next = 0;
        for (users, count) in [
            (&[1][..], 1),
            (&[2], 1),
            (&[4], 1),
            (&[3], 1),
            (&[0], 14),
            (&[1, 2], 6),
            (&[3, 4], 6),
            (&[0, 1, 2, 3, 4], 9),
        ] {
            for user in users {
                used[*user].extend(lines("f", next, next + count));
            }
            next += count;
        }
        let found = convergence(&used).unwrap();
        assert!((found.convergence - (1.0 - 0.547008)).abs() < 1e-6, "{found:?}");
        assert_eq!((found.all, found.devices, &found.lines[..]), (39, 5, &[23, 16, 16, 16, 16][..]));
    }

    #[test]
    fn devices_that_ran_nothing_do_not_count() {
        let found = convergence(&[lines("0", 0, 10), BTreeSet::new(), lines("0", 0, 10)]).unwrap();
        assert_eq!((found.convergence, found.devices), (1.0, 2));
        assert_eq!(convergence(&[BTreeSet::new()]), None);
    }

    #[test]
    fn coverage_tells_used_lines_from_others() {
        let mut used = lines("one.wgsl", 3, 4);
        used.extend(lines("other.wgsl", 1, 9));
        let found = coverage(&OneText, &used);
        let expected = Coverage {
            file: "one.wgsl".into(),
            id: "5f2c".into(),
            used_lines: vec![3],
            unused_lines: vec![4, 5, 6],
        };
        assert_eq!(found, [expected]);
    }
}
