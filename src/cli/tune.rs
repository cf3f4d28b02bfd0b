//! `portamark tune`: searches the fastest variant of each case and stores it in a table that `run` reads.

use super::interrupt::interrupt_flag;
use super::output::print;
use super::selection::Selection;
use super::talk::Talk;
use super::values::parse_time;
use crate::error::{Error, Result};
use portamark_model::device::Takes;
use portamark_model::units;
use portamark_runner::{TunedLine, Tuning, TuningOptions, tune_suite, tuned_path};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Finds the fastest variant of each case and stores it for `run`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Limit the time per device, including compilation and verification.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    budget: Duration,
    /// Write the table to this `.toml` file, or to `tuned` in this folder of result files.
    #[arg(short, long, value_name = "PATH", default_value = "results/local")]
    output: PathBuf,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let stop = interrupt_flag();
    let options = TuningOptions {
        suite: arguments.selection.cases()?,
        settings: arguments.selection.settings(),
        source: arguments.selection.source(),
        budget: arguments.budget,
    };
    let chosen = arguments.selection.places()?.chosen;
    let is_file = arguments.output.extension().is_some_and(|extension| extension == "toml");
    if is_file && chosen.len() > 1 {
        return Err(Error::usage_hint("one file cannot hold the tables of several devices", "name a folder"));
    }
    let mut broken = 0;
    for place in &chosen {
        let device = &place.device;
        if device.takes == Takes::Cases {
            return Err(Error::usage(format!(
                "{} brings its own kernels: there is nothing to tune",
                device.id
            )));
        }
        let path = if is_file { arguments.output.clone() } else { tuned_path(&arguments.output, device) };
        let tuning = tune_suite(&options, place, &path, &stop, &Talk)?;
        print(&summary(&device.id, &tuning))?;
        print(&format!("{}\n", path.display()))?;
        broken += tuning.broken;
    }
    if stop.load(Ordering::SeqCst) {
        return Err(Error::Interrupted("finished keys are saved".into()));
    }
    if broken > 0 {
        return Err(Error::Gate(format!("wrong or failing variants: {broken}; they are not used")));
    }
    Ok(())
}

/// Formats the table of tuned variants of the device `id`.
fn summary(id: &str, tuning: &Tuning) -> String {
    let lines = &tuning.lines;
    let head = ["key", "default", "tuned", "time"].map(String::from);
    let cells = |line: &TunedLine| {
        let ratio = line.ratio.map_or("1".into(), |ratio| format!("{ratio:.3}"));
        [line.key.clone(), line.default.clone(), line.tuned.clone(), ratio]
    };
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(lines.iter().map(cells)).collect();
    let table = portamark_report::columns(&rows, |_| false);
    let text = format!("{id}\n{}", table.lines().map(|line| format!("  {line}\n")).collect::<String>());
    let faster = lines.iter().filter(|line| line.ratio.is_some()).count();
    let (keys, took) = (lines.len(), units::seconds(tuning.took.as_secs_f64()));
    text + &format!("{keys} keys tuned in {took}, {faster} of them faster; time is relative to the default\n")
}
