//! Which kernels a run measures for a case: the tuned one, a named one, all, or the user's.

use crate::events::Events;
use crate::tuned::{load_tuned, tuned_path};
use portamark_kernels::{
    Choice, KernelSource, OwnKernel, PlanError, TuningTable, candidates, chain, choose, named,
};
use portamark_model::device::{Capabilities, Takes};
use portamark_model::error::{Error, Result};
use portamark_model::plan::Plan;
use portamark_model::suite::Pattern;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use std::path::{Path, PathBuf};

/// Whether kernels run with naga's run-time checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Bounds, loops and divisions are not checked.
    Off,
    /// They are checked.
    On,
    /// Both, a row of each.
    Both,
}

/// Which variants of a case are measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variants {
    /// The one that a table of tuned variants names, or else the preferred one. `table` is asked before
    /// the tables beside the results and those that ship with the kernels.
    Tuned {
        /// A table of the user's.
        table: Option<PathBuf>,
    },
    /// The preferred one, whatever tables say.
    Untuned,
    /// The first whose text contains this, e.g. `rows8`.
    Named(String),
    /// Every one that could run, a row each.
    All,
}

impl Default for Variants {
    fn default() -> Self {
        Variants::Tuned { table: None }
    }
}

/// A kernel of the user's with the patterns of the cases that it computes.
#[derive(Debug, Clone)]
pub struct OwnFile {
    /// The kernel.
    pub kernel: OwnKernel,
    /// A case or a pattern of keys for each of its `cases`.
    pub patterns: Vec<Pattern>,
}

/// Which kernels are measured.
#[derive(Debug, Clone, Default)]
pub struct KernelChoice {
    /// Which variants of a case.
    pub variants: Variants,
    /// Run-time checks in kernels; without this as the variant has them, which is mostly off.
    pub checks: Option<Checks>,
    /// Kernels of the user's, measured beside the built-in one for their cases.
    pub own: Vec<OwnFile>,
}

/// What is to be run for one row.
#[derive(Clone)]
pub(crate) enum Job {
    /// A variant of a built-in kernel.
    Variant(Choice),
    /// A user's kernel, by its place, and its variant.
    Own(usize, Variant),
    /// The executor brings its own kernel.
    Case,
    /// Nothing can run it.
    Refused(PlanError),
}

impl Job {
    /// Text of its variant; empty where there is none.
    pub(crate) fn name(&self) -> String {
        match self {
            Job::Variant(choice) => choice.variant.to_string(),
            Job::Own(_, variant) => variant.to_string(),
            Job::Case | Job::Refused(_) => String::new(),
        }
    }

    /// Whether a table named it.
    pub(crate) fn tuned(&self) -> bool {
        matches!(self, Job::Variant(choice) if choice.tuned)
    }
}

/// The choice of kernels on one device.
pub(crate) struct Chooser {
    choice: KernelChoice,
    tables: Vec<TuningTable>,
}

impl KernelChoice {
    /// The choice on `device`, with the table beside `results`.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub(crate) fn chooser(
        &self,
        device: &Capabilities,
        results: &Path,
        source: &KernelSource,
        events: &dyn Events,
    ) -> Result<Chooser> {
        let mut tables = Vec::new();
        if let Variants::Tuned { table: given } = &self.variants {
            let place = tuned_path(results, device);
            let given = given.iter().map(PathBuf::as_path);
            for path in given.chain([place.as_path()].into_iter().filter(|path| path.exists())) {
                let table = load_tuned(path)?;
                if table.is_of(device) {
                    tables.push(table);
                } else {
                    events.note(&format!(
                        "note: {} is of {} with {} and wgpu {}; it is not used on {}",
                        path.display(),
                        table.device,
                        table.driver,
                        table.wgpu,
                        device.id
                    ));
                }
            }
            for (name, text) in source.tables() {
                match TuningTable::from_toml(&text) {
                    Ok(table) => tables.extend(Some(table).filter(|table| table.is_of(device))),
                    Err(message) => events.note(&format!("note: tuned/{name}: {message}")),
                }
            }
        }
        Ok(Chooser { choice: self.clone(), tables })
    }
}

impl OwnFile {
    /// Reads a kernel whose header says what it computes; `docs/kernels.md` has the form.
    ///
    /// # Errors
    /// When the file cannot be read or its header is wrong.
    pub fn load(path: &Path) -> Result<Self> {
        let hint = "its first lines say what it computes, e.g.\n\
                    // portamark: case = \"gemm f32 m512 n512 k512 nn\"\n\
                    // portamark: workgroups = \"ceil(n / 8), ceil(m / 8)\"\n\
                    docs/kernels.md has an example";
        let wrong = |message: String| Error::Input { path: path.into(), message, hint: Some(hint.into()) };
        let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
        let stem = path.file_stem().map_or("kernel".into(), |stem| stem.to_string_lossy().into_owned());
        let kernel = OwnKernel::parse(&stem, &text).map_err(wrong)?;
        let pattern = |case: &String| {
            // A text without signs of a pattern that is no case is a mistake in a case.
            match case.parse::<Case>() {
                Err(error) if !case.contains(['*', '?', '[', '{', '/']) => Err(wrong(error.to_string())),
                _ => Pattern::parse(case),
            }
        };
        let patterns = kernel.cases.iter().map(pattern).collect::<Result<_>>()?;
        Ok(OwnFile { kernel, patterns })
    }
}

impl Chooser {
    /// How many of its tables there are, for the header of the run.
    pub(crate) fn tables(&self) -> usize {
        self.tables.len()
    }

    /// The rows to make for `case`, at least one.
    pub(crate) fn jobs(&self, case: &Case, device: &Capabilities) -> Vec<Job> {
        if device.takes == Takes::Cases {
            return vec![Job::Case];
        }
        let chosen = match &self.choice.variants {
            Variants::All => candidates(case, device).map(|list| {
                let choice = |(kernel, variant)| Choice { kernel, variant, tuned: false };
                list.into_iter().map(choice).collect()
            }),
            Variants::Named(part) => named(case, device, part).map(|choice| vec![choice]),
            Variants::Tuned { .. } | Variants::Untuned => {
                choose(case, device, &self.tables).map(|choice| vec![choice])
            }
        };
        let mut jobs = match chosen {
            Ok(choices) => choices.into_iter().map(Job::Variant).collect(),
            Err(error) => vec![Job::Refused(error)],
        };
        let key = case.key();
        for (place, own) in self.choice.own.iter().enumerate() {
            if own.patterns.iter().any(|pattern| pattern.matches(&key)) {
                jobs.push(Job::Own(place, own.kernel.variant()));
            }
        }
        jobs.into_iter().flat_map(|job| self.with_checks(job, device)).collect()
    }

    fn with_checks(&self, job: Job, device: &Capabilities) -> Vec<Job> {
        let with = |checks: bool| {
            let mut job = job.clone();
            match &mut job {
                Job::Variant(choice) => {
                    choice.tuned &= choice.variant.checks == checks;
                    choice.variant.checks = checks;
                }
                Job::Own(_, variant) => variant.checks = checks,
                Job::Case | Job::Refused(_) => {}
            }
            job
        };
        match self.choice.checks {
            _ if matches!(job, Job::Refused(_) | Job::Case) => vec![job],
            // Its rows say how its kernels ran.
            _ if device.always_checked => vec![with(true)],
            None => vec![job],
            Some(Checks::Off) => vec![with(false)],
            Some(Checks::On) => vec![with(true)],
            Some(Checks::Both) => vec![with(false), with(true)],
        }
    }

    /// The plan of a job; none where the executor brings its own kernel.
    pub(crate) fn plan(
        &self,
        job: &Job,
        case: &Case,
        device: &Capabilities,
        source: &KernelSource,
    ) -> std::result::Result<Option<Plan>, PlanError> {
        match job {
            // Each part by what it would run alone, tuned where it is.
            Job::Variant(choice) if matches!(case, Case::Layer(_)) => chain(case, &choice.variant, |part| {
                let jobs = self.jobs(part, device);
                let plan = self.plan(&jobs[0], part, device, source)?;
                plan.ok_or_else(|| PlanError::Unsupported("its executor takes no plans".into()))
            })
            .map(Some),
            Job::Variant(choice) => choice.kernel.plan(case, device, &choice.variant, source).map(Some),
            Job::Own(place, variant) => {
                self.choice.own[*place].kernel.plan(case, device, variant, source).map(Some)
            }
            Job::Case => Ok(None),
            Job::Refused(error) => Err(error.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::fake::Script;

    #[test]
    fn where_checks_cannot_be_left_out_every_row_has_them() {
        let case: Case = "gemm f32 m64 n64 k64 nn".parse().unwrap();
        let browser = Script::device().but(|it| it.always_checked = true);
        for (given, native) in
            [(None, vec![false]), (Some(Checks::Off), vec![false]), (Some(Checks::Both), vec![false, true])]
        {
            let choice = KernelChoice { checks: given, ..KernelChoice::default() };
            let chooser = Chooser { choice, tables: Vec::new() };
            let checks = |device: &Capabilities| -> Vec<bool> {
                let jobs = chooser.jobs(&case, device);
                jobs.iter().map(|job| matches!(job, Job::Variant(choice) if choice.variant.checks)).collect()
            };
            assert_eq!(checks(&Script::device()), native, "{given:?}");
            assert_eq!(checks(&browser), [true], "{given:?}");
        }
    }
}
