//! What is measured, on what and with which inputs: flags that `run`, `tune` and `verify` share.

use super::places::ExecutorFlags;
use super::talk::Talk;
use super::values::{parse_bytes, parse_time};
use crate::error::{Error, Result};
use portamark_kernels::KernelSource;
use portamark_model::suite::{MODEL_PREFIX, Pattern, Suite, parse_list};
use portamark_model::workload::Distribution;
use portamark_runner::{ChildRenderer, Found, Settings};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Options that choose cases, devices and the executor.
#[derive(Debug, Clone, clap::Args)]
pub struct Selection {
    /// Suite to run: quick, standard, full, a model (`"model:llama-3.1-8b b1,8 c4096 tp2 q4_0 decode"`), or a
    /// TOML file.
    #[arg(default_value = "quick")]
    pub(in crate::cli) suite: String,
    /// Also run each layer of a model as one chain of dispatches, to check the sum of parts that `project`
    /// computes.
    #[arg(long)]
    pub(in crate::cli) chain: bool,
    /// Select a device by number, part of its name, `gpu` (the first GPU; exit code 3 if there is none), `host`
    /// (the CPU), or `all`; one of a foreign runtime, e.g. `torch:cuda`, `numpy`, `onnx:CANN`; or `browser`.
    /// `portamark devices` lists the devices: 0 is a discrete GPU if there is one, and the CPU where there is no
    /// GPU driver. Can be repeated.
    #[arg(short, long, value_name = "DEVICE", default_value = "0")]
    pub(in crate::cli) device: Vec<String>,
    /// Select the cases whose key matches: text, a glob with `*`, or a regular expression `/…/`.
    #[arg(short = 'k', long, value_name = "PATTERN")]
    pub(in crate::cli) filter: Vec<String>,
    /// Replace m of matrix products: a list `256,512` or a range `256:4096:*2`.
    #[arg(long, value_name = "LIST")]
    pub(in crate::cli) m: Option<String>,
    /// Replace n of matrix products.
    #[arg(long, value_name = "LIST")]
    pub(in crate::cli) n: Option<String>,
    /// Replace k of matrix products.
    #[arg(long, value_name = "LIST")]
    pub(in crate::cli) k: Option<String>,
    /// Set the timeout of each message to the executor.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    pub(in crate::cli) timeout: Duration,
    /// Limit the memory of one case, e.g. 500MB or 16GB [default: 80% of device memory, or half of host
    /// memory where the device uses that].
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(in crate::cli) memory: Option<u64>,
    /// Set the seed of the inputs and of the choice of verified elements.
    #[arg(long, default_value_t = 1)]
    pub(in crate::cli) seed: u32,
    /// Draw input elements from this distribution: uniform, normal, zeros or sparse (two of every four are
    /// zero). Power draw, and so the clock, can depend on it.
    #[arg(long, value_name = "DISTRIBUTION", default_value_t = Distribution::Uniform)]
    pub(in crate::cli) dist: Distribution,
    /// Read kernel sources from this folder instead of the built-in ones. They run with run-time checks, unless `run`
    /// has --checks off.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) kernels: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) executors: ExecutorFlags,
}

impl Selection {
    /// Returns the suite with its sizes replaced.
    pub(in crate::cli) fn suite(&self) -> Result<Suite> {
        let mut suite = match (self.chain, self.suite.starts_with(MODEL_PREFIX)) {
            (false, _) => Suite::resolve(&self.suite)?,
            (true, true) => Suite::resolve(&format!("{} chain", self.suite))?,
            (true, false) => {
                let message = format!("--chain applies to models only; `{}` is not a model", self.suite);
                return Err(Error::usage_hint(
                    message,
                    "e.g. run \"model:llama-3.1-8b b1,8 decode\" --chain",
                ));
            }
        };
        let mut sizes = Vec::new();
        for (name, list) in [("m", &self.m), ("n", &self.n), ("k", &self.k)] {
            if let Some(list) = list {
                sizes.push((name, parse_list(list)?));
            }
        }
        if !sizes.is_empty() {
            suite = suite.with_sizes(&sizes)?;
        }
        Ok(suite)
    }

    /// Returns the cases of the suite with its sizes replaced, filtered.
    pub(in crate::cli) fn cases(&self) -> Result<Suite> {
        let suite = self.suite()?;
        let patterns = self.patterns()?;
        Ok(if patterns.is_empty() { suite } else { suite.filtered(&patterns)? })
    }

    /// Returns the devices named by `-d`.
    pub(in crate::cli) fn places(&self) -> Result<Found> {
        Ok(self.executors.resolve()?.find(&self.device, &Talk)?)
    }

    /// Returns the patterns of `-k`.
    pub(in crate::cli) fn patterns(&self) -> Result<Vec<Pattern>> {
        Ok(self.filter.iter().map(|p| Pattern::parse(p)).collect::<Result<_, _>>()?)
    }

    /// Returns the folder or built-in set of kernel sources.
    pub(in crate::cli) fn source(&self) -> KernelSource {
        source_of(self.kernels.as_deref())
    }

    /// Returns the settings of the method that the flags change from their defaults.
    pub(in crate::cli) fn settings(&self) -> Settings {
        Settings {
            seed: self.seed,
            dist: self.dist,
            timeout: self.timeout,
            memory: self.memory,
            ..Settings::default()
        }
    }
}
/// Returns the kernel sources of a folder, or those embedded. Templates that nobody has reviewed are rendered in a
/// process of their own.
pub(in crate::cli) fn source_of(folder: Option<&Path>) -> KernelSource {
    let source = folder.map_or_else(KernelSource::embedded, KernelSource::folder);
    match std::env::current_exe() {
        Ok(program) => source.rendered_by(Arc::new(ChildRenderer::new(program))),
        Err(_) => source,
    }
}
