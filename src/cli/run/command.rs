//! `portamark run`: from the flags to what the runner is asked for, and what is shown afterwards.

use super::super::talk::Talk;
use super::super::{note, print, report};
use super::ab;
use super::arguments::Arguments;
use super::choosing::{Choosing, own_cases};
use super::isolation::Isolation;
use super::progress::Progress;
use crate::error::{Error, Exit, Result};
use portamark_model::units;
use portamark_results as results;
use portamark_runner::{self as runner, BROWSER, Finished, Options, Place};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Measures a suite on devices and records it, row by row.
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
    /// The same in a browser too, if that is not among its devices.
    pub(in crate::cli) fn in_the_browser(&self) -> Self {
        let mut command = self.clone();
        let devices = &mut command.arguments.subject.device;
        if !devices.iter().any(|device| device == BROWSER) {
            devices.insert(0, BROWSER.into());
        }
        command
    }

    /// What the runner is to do.
    pub(super) fn options(&self) -> Result<Options> {
        let Command { arguments, choosing, isolation } = self;
        let choice = choosing.resolve()?;
        let suite = match &choice.own[..] {
            [] => arguments.subject.cases()?,
            own => own_cases(own, arguments.subject.suite()?, &arguments.subject.patterns()?)?,
        };
        Ok(Options {
            settings: arguments.settings(),
            source: arguments.subject.source(),
            choice,
            budget: arguments.budget(&suite),
            settle: arguments.settle,
            repeats: arguments.repeats(),
            labels: arguments.labels()?,
            earlier: isolation.earlier(arguments.resume),
            isolation: isolation.isolate.into(),
            ..Options::new(suite, &arguments.output)
        })
    }
}

/// Measures what the arguments say.
pub fn run(command: &Command) -> Result<()> {
    let arguments = &command.arguments;
    if !arguments.ab.is_empty() {
        return ab::run(command);
    }
    if let Some(name) = &arguments.save_baseline {
        results::check_baseline_name(name)?;
    }
    let options = command.options()?;
    let executors = arguments.subject.executors.resolve()?;
    let found = executors.find(&arguments.subject.device, &Talk)?;
    if arguments.dry_run {
        return dry_run(&options, &found.chosen);
    }
    let stop = interrupt_flag();
    let Finished { paths, defects, interrupted } =
        runner::run(&options, &found, &stop, &Progress::new(executors.audience()))?;
    let runs = results::load_all(&paths)?;
    let width = std::io::stdout().is_terminal().then(terminal_width);
    print(&portamark_report::terminal(&runs, width));
    print(&portamark_report::own_kernels(&runs));
    for path in &paths {
        print(&format!("{}\n", path.display()));
    }
    if let Some(name) = arguments.save_baseline.as_ref().filter(|_| !interrupted) {
        let folder = results::save_baseline(&arguments.output, name, &paths)?;
        note(&format!("baseline {name} is in {}", folder.display()));
    }
    if let Some(folder) = &arguments.report {
        report::write(&paths, folder)?;
    }
    outcome(interrupted, defects)
}

/// How the program ends after a run.
pub(super) fn outcome(interrupted: bool, defects: usize) -> Result<()> {
    if interrupted {
        return Err(Error::Interrupted("what was measured is saved; --resume continues".into()));
    }
    if defects > 0 {
        return Err(Error::Gate(format!("{defects} cases did not end well; their rows say why")));
    }
    Ok(())
}

fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(100, |(width, _)| width.0)
}

/// Prints cases, kernels and, where earlier results of the device tell, the predicted times.
fn dry_run(options: &Options, places: &[Place]) -> Result<()> {
    let mut text = String::new();
    for place in places {
        text.push_str(&format!("{}\n", place.device.id));
        for row in runner::forecast(options, place)? {
            let predicted = row.predicted_s.map_or("-".to_string(), units::seconds);
            text.push_str(&format!(
                "  {:<54} {:>11} {:>8} {predicted:>8}  {}\n",
                row.case.key(),
                units::prefixed(row.case.flop() as f64, "FLOP"),
                units::bytes(row.case.bytes()),
                row.kernel
            ));
        }
    }
    text.push_str("columns: case, work, bytes, predicted time of one execution, kernel\n");
    print(&text);
    Ok(())
}

/// Set by Ctrl-C; a second one ends the program at once.
pub(in crate::cli) fn interrupt_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    let _ = ctrlc::set_handler(move || {
        if shared.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
        note("\nfinishing the case that runs; press again to stop at once");
    });
    flag
}
