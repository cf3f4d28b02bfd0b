//! `run --ab A --ab B`: two sides measured in turns, batch by batch, with a verdict on each case.

use super::super::report;
use super::super::talk::Talk;
use super::ending::{ending, not_begun};
use super::flags::Command;
use super::progress::Progress;
use super::side::Side;
use crate::cli::output::print;
use crate::cli::selection::source_of;
use crate::error::{Error, Result};
use portamark_analysis::{CaseVerdict, VerdictRule, verdicts};
use portamark_model::error::{Error as Library, Hint};
use portamark_model::suite::Suite;
use portamark_results::{self as results, AbSide, RunFile};
use portamark_runner::{self as runner, BuiltIn, Checks, Executors, Finished, Found, Variants};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Measures both sides and prints the verdicts.
pub(super) fn run(command: &Command, stop: &AtomicBool) -> Result<()> {
    let arguments = &command.arguments;
    let [a, b] = &arguments.ab[..] else {
        return Err(Error::usage_hint(
            format!("--ab is given {} times", arguments.ab.len()),
            "a comparison has two sides: --ab A --ab B, the reference first",
        ));
    };
    let refused = command.choosing.several().or(arguments.dry_run.then_some("--dry-run"));
    if let Some(flag) = refused {
        return Err(Error::usage(format!(
            "{flag} cannot be combined with --ab: each side has one row per case"
        )));
    }
    let sides = [Side::parse(a)?, Side::parse(b)?];
    let own = sides.iter().filter(|side| side.case.is_some()).count();
    if own == 1 && command.options()?.suite.cases.len() > 1 {
        let message = "one side names a single case, the other a suite of several cases";
        return Err(Error::usage_hint(message, "give both sides case=, or choose one case with -k"));
    }
    let executors = arguments.selection.executors.resolve()?;
    let mut a = contender(command, &executors, &sides[0], "A")?;
    let mut b = contender(command, &executors, &sides[1], "B")?;
    // Checks on one side alone would be what the comparison finds.
    if [&a, &b].iter().any(|side| side.options.source.is_checked()) {
        for side in [&mut a, &mut b] {
            side.options.choice.checks = side.options.choice.checks.or(Some(Checks::On));
        }
    }
    let progress = Progress::new(executors.audience());
    let Finished { paths, defects, interrupted } =
        runner::run_sides([&a, &b], stop, &progress).map_err(|error| not_begun(error, stop))?;
    let judged = judge(&paths, arguments.selection.seed, own > 0)?;
    let mut text = portamark_report::verdict_table(&judged, "A", "B");
    text.extend(paths.iter().map(|path| format!("{}\n", path.display())));
    let shown = print(&text);
    if let Some(folder) = &arguments.report {
        report::write(&paths, folder)?;
    }
    shown?;
    ending(interrupted, defects)
}

/// Returns the options of one side: its own words over the common options.
fn contender(command: &Command, executors: &Executors, side: &Side, name: &str) -> Result<runner::Side> {
    let mut options = command.options()?;
    if let Some(text) = &side.variant {
        options.choice.variants = Variants::Named(text.clone());
    }
    if let Some(kernels) = &side.kernels {
        let folder = source_of(Some(kernels));
        // As `options` does for the sources that both sides share.
        let trusted = matches!(options.choice.checks, Some(Checks::Off | Checks::Both));
        options.source = if trusted { folder.trusted() } else { folder };
    }
    if let Some(case) = &side.case {
        options.suite = Suite::new(options.suite.name, vec![case.clone()]);
    }
    let mut executors = executors.clone();
    if let Some(executor) = &side.executor {
        executors.command = Some(executor.clone());
    }
    if let Some(binary) = &side.binary {
        executors.built_in = BuiltIn::Program(binary.clone());
        executors.program = Some(binary.clone());
    }
    if let Some(icd) = &side.icd {
        // The loader reads the later name, older loaders the earlier one.
        for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            executors.environment.push((name.into(), icd.display().to_string()));
        }
    }
    let selection = &command.arguments.selection;
    let wanted = side.device.clone().map_or_else(|| selection.device.clone(), |device| vec![device]);
    let Found { mut chosen, present, .. } = executors.find(&wanted, &Talk)?;
    if chosen.len() != 1 {
        let ids: Vec<&str> = chosen.iter().map(|place| place.device.id.as_str()).collect();
        return Err(Library::refused_hint(
            format!("side {name} has {} devices: {}", ids.len(), ids.join("; ")),
            Hint::NameDevice,
        )
        .into());
    }
    let place = chosen.swap_remove(0);
    let ab = AbSide::new(name, side.words());
    Ok(runner::Side { options, place, present, ab })
}

/// Returns the verdicts on side B with side A as the reference. With `own_cases`, a side names its case itself; the one
/// case of the reference is then judged as that of the new side.
fn judge(paths: &[PathBuf], seed: u32, own_cases: bool) -> Result<Vec<CaseVerdict>> {
    let mut files = results::load_all(paths)?;
    let (Some(new), Some(mut reference)) = (files.pop(), files.pop()) else { return Ok(Vec::new()) };
    let key = |file: &RunFile| file.rows.first().map(|row| row.case.clone());
    if let (Some(own), Some(other)) = (key(&new), key(&reference))
        && own_cases
        && own != other
    {
        reference.rows.iter_mut().for_each(|row| row.case = own.clone());
    }
    Ok(verdicts(&[new], &[reference], &VerdictRule::seeded(u64::from(seed))))
}
