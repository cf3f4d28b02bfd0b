//! Options of `portamark run` that choose kernels.

use crate::error::{Error, Result};
use portamark_model::suite::{Pattern, Suite};
use portamark_model::workload::Case;
use portamark_runner::{self as runner, KernelChoice, OwnFile, Variants};
use std::path::PathBuf;

/// Run-time checks that naga adds to kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Checks {
    /// Without checks of bounds, loops and divisions.
    Off,
    /// With these checks.
    On,
    /// Both, one row for each.
    Both,
}

/// Options that choose kernels.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choosing {
    /// Use this table of tuned variants before the one that `tune` stores beside the results.
    #[arg(long, value_name = "FILE", conflicts_with = "untuned")]
    tuned: Option<PathBuf>,
    /// Ignore all tables of tuned variants.
    #[arg(long)]
    untuned: bool,
    /// Use the first variant of each case whose name contains this, e.g. `rows8`.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["tuned", "untuned"])]
    variant: Option<String>,
    /// Measure every untuned variant of each case, one row for each.
    #[arg(long, conflicts_with_all = ["tuned", "untuned", "variant"])]
    all_variants: bool,
    /// Choose run-time checks in kernels [default: as in the variant, mostly off; on for all kernels of a run with
    /// --kernel or --kernels, which nobody has reviewed].
    #[arg(long, value_name = "WHICH")]
    checks: Option<Checks>,
    /// Also measure this kernel of your own for its cases, with run-time checks unless --checks off; see
    /// docs/kernels.md.
    #[arg(long, value_name = "FILE.wgsl")]
    kernel: Vec<PathBuf>,
}

impl Choosing {
    /// Returns the choice of kernels, with the user's kernels read from their files.
    pub(super) fn resolve(&self) -> Result<KernelChoice> {
        let variants = match &self.variant {
            Some(text) => Variants::Named(text.clone()),
            None if self.all_variants => Variants::All,
            None if self.untuned => Variants::Untuned,
            None => Variants::Tuned { table: self.tuned.clone() },
        };
        let checks = self.checks.map(|checks| match checks {
            Checks::Off => runner::Checks::Off,
            Checks::On => runner::Checks::On,
            Checks::Both => runner::Checks::Both,
        });
        let own = self.kernel.iter().map(|path| OwnFile::load(path)).collect::<Result<_, _>>()?;
        Ok(KernelChoice { variants, checks, own })
    }

    /// Returns the name of the option that gives a case several rows, if any.
    pub(super) fn several(&self) -> Option<&'static str> {
        let several = [
            (self.all_variants, "--all-variants"),
            (self.checks == Some(Checks::Both), "--checks both"),
            (!self.kernel.is_empty(), "--kernel"),
        ];
        several.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }
}

/// Returns the cases for kernels of the user: those that they compute, also outside of `suite`, restricted by
/// `filter`.
pub(super) fn own_cases(own: &[OwnFile], suite: Suite, filter: &[Pattern]) -> Result<Suite> {
    let mut cases: Vec<Case> = Vec::new();
    for OwnFile { kernel, patterns, .. } in own {
        let before = cases.len();
        for (text, pattern) in kernel.cases.iter().zip(patterns) {
            match text.parse::<Case>() {
                Ok(case) => cases.push(case),
                Err(_) => cases.extend(suite.cases.iter().filter(|c| pattern.matches(&c.key())).cloned()),
            }
        }
        if cases.len() == before {
            return Err(Error::usage_hint(
                format!(
                    "{} computes {}, which is not in suite {}",
                    kernel.name,
                    kernel.cases.join(", "),
                    suite.name
                ),
                "its header may name a whole case, e.g. \"gemm f32 m512 n512 k512 nn\"; \
                 `portamark run --dry-run` lists those of a suite",
            ));
        }
    }
    cases.retain(|case| filter.is_empty() || filter.iter().any(|pattern| pattern.matches(&case.key())));
    if cases.is_empty() {
        return Err(Error::usage("-k matches no case of these kernels"));
    }
    Ok(Suite::new(suite.name, cases))
}
