//! `portamark run`: what it does, and its output.

use super::super::report;
use super::super::talk::Talk;
use super::ab;
use super::ending::{ending, not_begun};
use super::flags::Command;
use super::progress::Progress;
use crate::cli::interrupt::interrupt_flag;
use crate::cli::output::{note, print};
use crate::error::Result;
use portamark_model::units;
use portamark_results as results;
use portamark_runner::{self as runner, Finished, Options, Place};
use std::io::IsTerminal;

/// Runs the command.
pub fn run(command: &Command) -> Result<()> {
    let stop = interrupt_flag();
    let arguments = &command.arguments;
    if !arguments.ab.is_empty() {
        return ab::run(command, &stop);
    }
    if let Some(name) = &arguments.save_baseline {
        results::check_baseline_name(name)?;
    }
    let options = command.options()?;
    for operation in &options.suite.left_out {
        note(&format!("not in suite {}, since no workload computes it: {operation}", options.suite.name));
    }
    let executors = arguments.selection.executors.resolve()?;
    let found = executors.find(&arguments.selection.device, &Talk)?;
    if arguments.dry_run {
        return dry_run(&options, &found.chosen);
    }
    let Finished { paths, defects, interrupted } =
        runner::run(&options, &found, &stop, &Progress::new(executors.audience()))
            .map_err(|error| not_begun(error, &stop))?;
    let runs = results::load_all(&paths)?;
    let width = std::io::stdout().is_terminal().then(terminal_width);
    let mut text = portamark_report::terminal(&runs, width) + &portamark_report::own_kernels(&runs);
    text.extend(paths.iter().map(|path| format!("{}\n", path.display())));
    // A stdout that takes no more does not cost the baseline and the report.
    let shown = print(&text);
    if let Some(name) = arguments.save_baseline.as_ref().filter(|_| !interrupted) {
        let folder = results::save_baseline(&arguments.output, name, &paths)?;
        note(&format!("baseline {name} is in {}", folder.display()));
    }
    if let Some(folder) = &arguments.report {
        report::write(&paths, folder)?;
    }
    shown?;
    ending(interrupted, defects)
}

fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(100, |(width, _)| width.0)
}

/// Prints the cases and kernels, with predicted times where earlier results of the device allow it.
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
    print(&text)
}
