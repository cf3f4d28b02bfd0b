//! Which kernels `portamark run` measures for a case: the tuned one, a named one, all, or the user's.

use super::super::note;
use crate::error::{Error, Result};
use crate::kernel::{
    Capabilities, Choice, KernelSource, OwnKernel, Plan, PlanError, Takes, TuningTable, Variant, candidates,
    chain, choose, named,
};
use crate::record::{load_tuned, tuned_path};
use crate::suite::{Pattern, Suite};
use crate::workload::Case;
use std::path::{Path, PathBuf};

/// Whether kernels run with naga's run-time checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Checks {
    /// Bounds, loops and divisions are not checked.
    Off,
    /// They are checked.
    On,
    /// Both, a row of each.
    Both,
}

/// Which kernels are measured.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choosing {
    /// Use this table of tuned variants, before the one that `tune` keeps beside the results.
    #[arg(long, value_name = "FILE", conflicts_with = "untuned")]
    tuned: Option<PathBuf>,
    /// Use no table of tuned variants.
    #[arg(long)]
    untuned: bool,
    /// Use the first variant of each case whose text contains this, e.g. `rows8`.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["tuned", "untuned"])]
    variant: Option<String>,
    /// Measure every untuned variant of each case, a row each.
    #[arg(long, conflicts_with_all = ["tuned", "untuned", "variant"])]
    all_variants: bool,
    /// Run-time checks in kernels; without this as the variant has them, which is mostly off.
    #[arg(long, value_name = "WHICH")]
    checks: Option<Checks>,
    /// A kernel of your own, measured beside the built-in one for its cases; see docs/kernels.md.
    #[arg(long, value_name = "FILE.wgsl")]
    kernel: Vec<PathBuf>,
}

/// What is to be run for one row.
#[derive(Clone)]
pub(super) enum Job {
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
    pub(super) fn name(&self) -> String {
        match self {
            Job::Variant(choice) => choice.variant.to_string(),
            Job::Own(_, variant) => variant.to_string(),
            Job::Case | Job::Refused(_) => String::new(),
        }
    }

    /// Whether a table named it.
    pub(super) fn tuned(&self) -> bool {
        matches!(self, Job::Variant(choice) if choice.tuned)
    }
}

/// The choice of kernels on one device.
pub(super) struct Chooser {
    choosing: Choosing,
    own: Vec<(OwnKernel, Vec<Pattern>)>,
    tables: Vec<TuningTable>,
}

impl Choosing {
    /// The same with another text for the variant.
    pub(super) fn with_variant(&self, text: &str) -> Self {
        Choosing { variant: Some(text.into()), tuned: None, untuned: false, ..self.clone() }
    }

    /// What gives a case several rows, by the name of its flag.
    pub(super) fn several(&self) -> Option<&'static str> {
        let several = [
            (self.all_variants, "--all-variants"),
            (self.checks == Some(Checks::Both), "--checks both"),
            (self.has_own(), "--kernel"),
        ];
        several.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }

    /// Whether there are kernels of the user's.
    pub(super) fn has_own(&self) -> bool {
        !self.kernel.is_empty()
    }

    /// Reads the user's kernels, each with the patterns of its cases.
    fn own(&self) -> Result<Vec<(OwnKernel, Vec<Pattern>)>> {
        self.kernel.iter().map(|path| read_own(path)).collect()
    }

    /// The cases to run: with kernels of the user's, those that they compute, which may be others than
    /// the suite has; `filter` says which cases the command line leaves.
    pub(super) fn cases(&self, suite: Suite, filter: &[Pattern]) -> Result<Suite> {
        let mut cases: Vec<Case> = Vec::new();
        for (own, patterns) in self.own()? {
            let before = cases.len();
            for (text, pattern) in own.cases.iter().zip(&patterns) {
                match text.parse::<Case>() {
                    Ok(case) => cases.push(case),
                    Err(_) => cases.extend(suite.cases.iter().filter(|c| pattern.matches(&c.key())).cloned()),
                }
            }
            if cases.len() == before {
                return Err(Error::usage_hint(
                    format!(
                        "{} computes {}: no case of suite {}",
                        own.name,
                        own.cases.join(", "),
                        suite.name
                    ),
                    "its header may name a whole case, e.g. \"gemm f32 m512 n512 k512 nn\"; \
                     `portamark run --dry-run` lists those of a suite",
                ));
            }
        }
        cases.retain(|case| filter.is_empty() || filter.iter().any(|pattern| pattern.matches(&case.key())));
        if cases.is_empty() {
            return Err(Error::usage("no case of these kernels is left by -k"));
        }
        Ok(Suite::new(suite.name, cases))
    }

    /// The choice on `device`, with the table beside `results`.
    pub(super) fn chooser(
        &self,
        device: &Capabilities,
        results: &Path,
        source: &KernelSource,
    ) -> Result<Chooser> {
        let mut tables = Vec::new();
        if !self.untuned && !self.all_variants && self.variant.is_none() {
            let place = tuned_path(results, device);
            let given = self.tuned.iter().map(PathBuf::as_path);
            for path in given.chain([place.as_path()].into_iter().filter(|path| path.exists())) {
                let table = load_tuned(path)?;
                if table.is_of(device) {
                    tables.push(table);
                } else {
                    note(&format!(
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
                    Err(message) => note(&format!("note: tuned/{name}: {message}")),
                }
            }
        }
        Ok(Chooser { choosing: self.clone(), own: self.own()?, tables })
    }
}

fn read_own(path: &Path) -> Result<(OwnKernel, Vec<Pattern>)> {
    let hint = "its first lines say what it computes, e.g.\n\
                // portamark: case = \"gemm f32 m512 n512 k512 nn\"\n\
                // portamark: workgroups = \"ceil(n / 8), ceil(m / 8)\"\n\
                docs/kernels.md has an example";
    let wrong = |message: String| Error::Input { path: path.into(), message, hint: Some(hint.into()) };
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let stem = path.file_stem().map_or("kernel".into(), |stem| stem.to_string_lossy().into_owned());
    let own = OwnKernel::parse(&stem, &text).map_err(wrong)?;
    let pattern = |case: &String| {
        // A text without signs of a pattern that is no case is a mistake in a case.
        match case.parse::<Case>() {
            Err(error) if !case.contains(['*', '?', '[', '{', '/']) => Err(wrong(error.to_string())),
            _ => Pattern::parse(case),
        }
    };
    let patterns = own.cases.iter().map(pattern).collect::<Result<_>>()?;
    Ok((own, patterns))
}

impl Chooser {
    /// How many of its tables there are, for the header of the run.
    pub(super) fn tables(&self) -> usize {
        self.tables.len()
    }

    /// The rows to make for `case`, at least one.
    pub(super) fn jobs(&self, case: &Case, device: &Capabilities) -> Vec<Job> {
        if device.takes == Takes::Cases {
            return vec![Job::Case];
        }
        let choosing = &self.choosing;
        let chosen = if choosing.all_variants {
            candidates(case, device).map(|list| {
                let choice = |(kernel, variant)| Choice { kernel, variant, tuned: false };
                list.into_iter().map(choice).collect()
            })
        } else if let Some(part) = &choosing.variant {
            named(case, device, part).map(|choice| vec![choice])
        } else {
            choose(case, device, &self.tables).map(|choice| vec![choice])
        };
        let mut jobs = match chosen {
            Ok(choices) => choices.into_iter().map(Job::Variant).collect(),
            Err(error) => vec![Job::Refused(error)],
        };
        let key = case.key();
        for (place, (own, patterns)) in self.own.iter().enumerate() {
            if patterns.iter().any(|pattern| pattern.matches(&key)) {
                jobs.push(Job::Own(place, own.variant()));
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
        match self.choosing.checks {
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
    pub(super) fn plan(
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
            Job::Own(place, variant) => self.own[*place].0.plan(case, device, variant, source).map(Some),
            Job::Case => Ok(None),
            Job::Refused(error) => Err(error.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::fake::Script;

    #[test]
    fn where_checks_cannot_be_left_out_every_row_has_them() {
        let case: Case = "gemm f32 m64 n64 k64 nn".parse().unwrap();
        let browser = Capabilities { always_checked: true, ..Script::device() };
        for (given, native) in
            [(None, vec![false]), (Some(Checks::Off), vec![false]), (Some(Checks::Both), vec![false, true])]
        {
            let choosing = Choosing { checks: given, ..Choosing::default() };
            let chooser = Chooser { choosing, own: Vec::new(), tables: Vec::new() };
            let checks = |device: &Capabilities| -> Vec<bool> {
                let jobs = chooser.jobs(&case, device);
                jobs.iter().map(|job| matches!(job, Job::Variant(choice) if choice.variant.checks)).collect()
            };
            assert_eq!(checks(&Script::device()), native, "{given:?}");
            assert_eq!(checks(&browser), [true], "{given:?}");
        }
    }
}
