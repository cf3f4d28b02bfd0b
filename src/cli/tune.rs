//! `portamark tune`: the search for the fastest variant of each case, into a table that `run` reads.

use super::print;
use super::run::interrupt_flag;
use super::subject::Subject;
use super::talk::Talk;
use super::values::parse_time;
use crate::error::{Error, Result};
use portamark_model::device::Takes;
use portamark_model::units;
use portamark_runner::{TunedLine, Tuning, TuningOptions, tune_suite, tuned_path};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Finds the fastest variant of each case and keeps it for `run`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    subject: Subject,
    /// Time for each device, compiling and proof included.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    budget: Duration,
    /// The table: a `.toml` file, or the folder of result files, which has tables in `tuned`.
    #[arg(short, long, value_name = "PATH", default_value = "results/local")]
    output: PathBuf,
}

/// Tunes what the arguments say.
pub fn run(arguments: &Arguments) -> Result<()> {
    let options = TuningOptions {
        suite: arguments.subject.cases()?,
        settings: arguments.subject.settings(),
        source: arguments.subject.source(),
        budget: arguments.budget,
    };
    let chosen = arguments.subject.places()?.chosen;
    let is_file = arguments.output.extension().is_some_and(|extension| extension == "toml");
    if is_file && chosen.len() > 1 {
        return Err(Error::usage_hint("one file cannot hold the tables of several devices", "name a folder"));
    }
    let stop = interrupt_flag();
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
        print(&summary(&device.id, &tuning));
        print(&format!("{}\n", path.display()));
        broken += tuning.broken;
    }
    if stop.load(Ordering::SeqCst) {
        return Err(Error::Interrupted("what was tuned is saved".into()));
    }
    if broken > 0 {
        return Err(Error::Gate(format!("{broken} variants are wrong or fail; they are not used")));
    }
    Ok(())
}

/// The table of what was found on the device `id`.
fn summary(id: &str, tuning: &Tuning) -> String {
    let lines = &tuning.lines;
    let mut text = format!("{id}\n");
    let width = |of: fn(&TunedLine) -> &str, name: &str| {
        lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0).max(name.len())
    };
    let (key, default, tuned) =
        (width(|l| &l.key, "key"), width(|l| &l.default, "default"), width(|l| &l.tuned, "tuned"));
    text += &format!("  {:<key$}  {:<default$}  {:<tuned$}  time\n", "key", "default", "tuned");
    for line in lines {
        let ratio = line.ratio.map_or("1".into(), |ratio| format!("{ratio:.3}"));
        text +=
            &format!("  {:<key$}  {:<default$}  {:<tuned$}  {ratio}\n", line.key, line.default, line.tuned);
    }
    let faster = lines.iter().filter(|line| line.ratio.is_some()).count();
    let (keys, took) = (lines.len(), units::seconds(tuning.took.as_secs_f64()));
    text + &format!(
        "{keys} keys tuned in {took}, {faster} of them faster; time is that of the default times so much\n"
    )
}
