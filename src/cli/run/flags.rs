//! The options of `portamark run`, and the request for the runner that they make.

use super::arguments::Arguments;
use super::choosing::{Choosing, own_cases};
use super::isolation::Isolation;
use crate::error::Result;
use portamark_runner::{BROWSER, Checks, Options};

/// Measures a suite on one or more devices and records the results, row by row.
#[derive(Debug, Clone, clap::Args)]
pub struct Command {
    #[command(flatten)]
    pub(super) arguments: Arguments,
    #[command(flatten)]
    pub(super) choosing: Choosing,
    #[command(flatten)]
    pub(super) isolation: Isolation,
}

impl Command {
    /// Adds the device `browser` if it is not among the devices.
    pub(in crate::cli) fn in_the_browser(&self) -> Self {
        let mut command = self.clone();
        let devices = &mut command.arguments.selection.device;
        if !devices.iter().any(|device| device == BROWSER) {
            devices.insert(0, BROWSER.into());
        }
        command
    }

    /// Returns the request for the runner.
    pub(super) fn options(&self) -> Result<Options> {
        let Command { arguments, choosing, isolation } = self;
        let choice = choosing.resolve()?;
        let suite = match &choice.own[..] {
            [] => arguments.selection.cases()?,
            own => own_cases(own, arguments.selection.suite()?, &arguments.selection.patterns()?)?,
        };
        Ok(Options {
            settings: arguments.settings(),
            source: match choice.checks {
                None | Some(Checks::On) => arguments.selection.source(),
                Some(Checks::Off | Checks::Both) => arguments.selection.source().trusted(),
            },
            choice,
            budget: arguments.budget(&suite),
            settle: arguments.settle,
            repeats: arguments.repeats(),
            labels: arguments.labels()?,
            earlier: isolation.earlier(arguments.resume),
            wait: isolation.wait,
            isolation: isolation.isolate.into(),
            ..Options::new(suite, &arguments.output)
        })
    }
}
