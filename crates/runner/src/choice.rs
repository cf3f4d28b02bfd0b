//! Choice of the kernels that a run measures for a case: tuned, named, all, or the user's own.

use crate::events::Events;
use crate::tuned::{load_tuned, tuned_path};
use portamark_kernels::{
    Choice, KernelSource, OwnKernel, PlanError, TuningTable, candidates, chain, choose, named,
};
use portamark_model::device::{Capabilities, Takes};
use portamark_model::error::{Error, Result};
use portamark_model::plan::Plan;
use portamark_model::suite::Pattern;
use portamark_model::text_file::read_text;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use std::path::{Path, PathBuf};

/// Whether kernels run with naga's run-time checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Without checks of bounds, loops and divisions.
    Off,
    /// With checks of bounds, loops and divisions.
    On,
    /// Both without and with checks, a row of each.
    Both,
}

/// Kernel variants of a case to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variants {
    /// The variant that a tuning table names, otherwise the preferred one. `table` takes precedence over the
    /// table next to the results and those shipped with the kernels.
    Tuned {
        /// Path of a tuning table given by the user, if any.
        table: Option<PathBuf>,
    },
    /// The preferred variant; tuning tables are ignored.
    Untuned,
    /// The first variant whose name contains this text, e.g. `rows8`.
    Named(String),
    /// Every variant that can run, a row each.
    All,
}

impl Default for Variants {
    fn default() -> Self {
        Variants::Tuned { table: None }
    }
}

/// A user's kernel with the patterns of the cases that it computes.
#[derive(Debug, Clone)]
pub struct OwnFile {
    /// Kernel as parsed from its file.
    pub kernel: OwnKernel,
    /// One pattern of case keys for each entry in the kernel's `cases`.
    pub patterns: Vec<Pattern>,
}

/// Kernels to measure.
#[derive(Debug, Clone, Default)]
pub struct KernelChoice {
    /// Variants of the built-in kernels.
    pub variants: Variants,
    /// Run-time checks in kernels. `None` leaves them as in each variant, which mostly means off; with kernels of the
    /// user, which nobody has reviewed, all kernels of the run have them, so that their times can be compared.
    pub checks: Option<Checks>,
    /// User's kernels, measured in addition to the built-in one for their cases.
    pub own: Vec<OwnFile>,
}

/// Kernel to run for one row.
#[derive(Clone)]
pub(crate) enum Job {
    /// A variant of a built-in kernel.
    Variant(Choice),
    /// A user's kernel, by its index in [`KernelChoice::own`], and its variant.
    Own(usize, Variant),
    /// No kernel of ours: the executor brings its own.
    Case,
    /// No kernel can run the case.
    Refused(PlanError),
}

impl Job {
    /// Returns the name of its variant; empty if there is none.
    pub(crate) fn name(&self) -> String {
        match self {
            Job::Variant(choice) => choice.variant.to_string(),
            Job::Own(_, variant) => variant.to_string(),
            Job::Case | Job::Refused(_) => String::new(),
        }
    }

    /// Whether its kernel is the user's own, so that nobody has reviewed what it does.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self, Job::Own(..))
    }

    /// Returns where it is described what went wrong with its kernel; empty if nothing describes that.
    pub(crate) fn help(&self) -> &'static str {
        if self.is_own() { "; docs/kernels.md describes what a kernel receives" } else { "" }
    }

    /// Whether a tuning table chose the variant.
    pub(crate) fn tuned(&self) -> bool {
        matches!(self, Job::Variant(choice) if choice.tuned)
    }
}

/// Choice of kernels on one device, with the tuning tables that apply to it.
pub(crate) struct Chooser {
    choice: KernelChoice,
    tables: Vec<TuningTable>,
    /// Whether the kernels come from a folder of the user.
    checked: bool,
}

impl KernelChoice {
    /// Resolves the choice for `device`, including the tuning table next to the result files in `results`.
    ///
    /// # Errors
    /// Fails if a tuning table cannot be read.
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
                        "note: {} was tuned on {} with {} and wgpu {}; it is not used on {}",
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
        Ok(Chooser { choice: self.clone(), tables, checked: source.is_checked() })
    }
}

impl OwnFile {
    /// Reads a kernel whose header says what it computes; `docs/kernels.md` describes the format.
    ///
    /// # Errors
    /// Fails if the file cannot be read or its header is invalid.
    pub fn load(path: &Path) -> Result<Self> {
        let hint = "its first lines say what it computes, e.g.\n\
                    // portamark: case = \"gemm f32 m512 n512 k512 nn\"\n\
                    // portamark: workgroups = \"ceil(n / 8), ceil(m / 8)\"\n\
                    docs/kernels.md has an example";
        let wrong = |message: String| Error::Input { path: path.into(), message, hint: Some(hint.into()) };
        let text = read_text(path)?;
        let stem = path.file_stem().map_or("kernel".into(), |stem| stem.to_string_lossy().into_owned());
        let kernel = OwnKernel::parse(&stem, &text).map_err(wrong)?;
        let pattern = |case: &String| {
            // Text that is not a valid case and has no wildcards is a misspelt case.
            match case.parse::<Case>() {
                Err(error) if !case.contains(['*', '?', '[', '{', '/']) => Err(wrong(error.to_string())),
                _ => Pattern::parse(case).map_err(|error| wrong(error.to_string())),
            }
        };
        let patterns = kernel.cases.iter().map(pattern).collect::<Result<_>>()?;
        Ok(OwnFile { kernel, patterns })
    }
}

impl Chooser {
    /// Returns the number of its tuning tables, for the header of the run.
    pub(crate) fn tables(&self) -> usize {
        self.tables.len()
    }

    /// Returns the jobs of `case`, one for each row to make; there is at least one.
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
            // This device cannot run without checks, and its rows have to say so.
            _ if device.always_checked => vec![with(true)],
            None if self.checked || !self.choice.own.is_empty() => vec![with(true)],
            None => vec![job],
            Some(Checks::Off) => vec![with(false)],
            Some(Checks::On) => vec![with(true)],
            Some(Checks::Both) => vec![with(false), with(true)],
        }
    }

    /// Returns the plan of a job; `None` if the executor brings its own kernel.
    pub(crate) fn plan(
        &self,
        job: &Job,
        case: &Case,
        device: &Capabilities,
        source: &KernelSource,
    ) -> std::result::Result<Option<Plan>, PlanError> {
        match job {
            // Each part of a layer uses the kernel that it would run alone, tuned if possible.
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
    fn what_is_wrong_with_a_case_of_a_kernel_of_the_user_is_said_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.wgsl");
        for (case, part) in
            [("/(/", "is not a pattern"), ("gemm [", "is not a pattern"), ("gemm f32", "is not a case")]
        {
            let text = format!("// portamark: case = \"{case}\"\n// portamark: workgroups = \"1\"\n");
            std::fs::write(&path, text).unwrap();
            let error = OwnFile::load(&path).unwrap_err().to_string();
            assert!(error.contains("mine.wgsl") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn kernels_of_the_user_and_those_beside_them_are_checked_unless_told_otherwise() {
        let case: Case = "stream f32 copy n1048576".parse().unwrap();
        let text = "// portamark: case = \"stream f32 copy n1048576\"\n// portamark: workgroups = \"1\"\n\
                    @compute @workgroup_size(1) fn main() {}";
        let kernel = OwnKernel::parse("mine", text).unwrap();
        let own = OwnFile { patterns: vec![Pattern::parse(&kernel.cases[0]).unwrap()], kernel };
        let folder = KernelSource::folder("no/such");
        let (device, results) = (Script::device(), Path::new("no/such"));
        let checks = |given: Option<Checks>, own: Vec<OwnFile>, source: &KernelSource| -> Vec<bool> {
            let choice = KernelChoice { checks: given, own, ..KernelChoice::default() };
            let chooser = choice.chooser(&device, results, source, &crate::Silent).unwrap();
            let checked = |job: &Job| match job {
                Job::Variant(choice) => choice.variant.checks,
                Job::Own(_, variant) => variant.checks,
                _ => panic!("a kernel of ours"),
            };
            chooser.jobs(&case, &device).iter().map(checked).collect()
        };
        let embedded = KernelSource::embedded();
        assert_eq!(checks(None, vec![], &embedded), [false]);
        assert_eq!(checks(None, vec![own.clone()], &embedded), [true, true]);
        assert_eq!(checks(Some(Checks::Off), vec![own.clone()], &embedded), [false, false]);
        assert_eq!(checks(Some(Checks::Both), vec![own], &embedded), [false, true, false, true]);
        assert_eq!(checks(None, vec![], &folder), [true]);
        assert_eq!(checks(None, vec![], &folder.trusted()), [false]);
    }

    #[test]
    fn where_checks_cannot_be_left_out_every_row_has_them() {
        let case: Case = "gemm f32 m64 n64 k64 nn".parse().unwrap();
        let browser = Script::device().but(|it| it.always_checked = true);
        for (given, native) in
            [(None, vec![false]), (Some(Checks::Off), vec![false]), (Some(Checks::Both), vec![false, true])]
        {
            let choice = KernelChoice { checks: given, ..KernelChoice::default() };
            let chooser = Chooser { choice, tables: Vec::new(), checked: false };
            let checks = |device: &Capabilities| -> Vec<bool> {
                let jobs = chooser.jobs(&case, device);
                jobs.iter().map(|job| matches!(job, Job::Variant(choice) if choice.variant.checks)).collect()
            };
            assert_eq!(checks(&Script::device()), native, "{given:?}");
            assert_eq!(checks(&browser), [true], "{given:?}");
        }
    }
}
