//! Which kernels `portamark run` measures, as flags.

use crate::error::{Error, Result};
use portamark_model::suite::{Pattern, Suite};
use portamark_model::workload::Case;
use portamark_runner::{self as runner, KernelChoice, OwnFile, Variants};
use std::path::PathBuf;

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

impl Choosing {
    /// What the flags say, with the user's kernels read.
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

    /// What gives a case several rows, by the name of its flag.
    pub(super) fn several(&self) -> Option<&'static str> {
        let several = [
            (self.all_variants, "--all-variants"),
            (self.checks == Some(Checks::Both), "--checks both"),
            (!self.kernel.is_empty(), "--kernel"),
        ];
        several.into_iter().find_map(|(given, flag)| given.then_some(flag))
    }
}

/// The cases to run with kernels of the user's: those that they compute, which may be others than
/// `suite` has; `filter` says which cases the command line leaves.
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
                    "{} computes {}: no case of suite {}",
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
        return Err(Error::usage("no case of these kernels is left by -k"));
    }
    Ok(Suite::new(suite.name, cases))
}
