//! `portamark verify`: verification, without timing, of every kernel variant that can run a case.

use super::output::print;
use super::selection::Selection;
use crate::error::{Error, Result};
use portamark_model::units;
use portamark_runner::{Proof, ProofOutcome, verify};

/// Verifies every kernel variant against the oracle, without timing.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Verify only the variant that `run` would use.
    #[arg(long)]
    preferred: bool,
    #[command(flatten)]
    selection: Selection,
}

/// Counts of variants by result.
#[derive(Default)]
struct Tally {
    proven: u32,
    broken: u32,
    left_out: u32,
}

/// Runs the command. Exits with code 1 if a result is wrong or a variant fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    let suite = arguments.selection.cases()?;
    let found = arguments.selection.places()?;
    let (settings, source) = (arguments.selection.settings(), arguments.selection.source());
    let mut tally = Tally::default();
    for place in &found.chosen {
        print(&format!("{}\n", place.device.id))?;
        let mut shown = Ok(());
        verify(&suite, place, &settings, &source, arguments.preferred, &mut |proof| {
            let line = format!("  {}\n", tally.count(&proof));
            if shown.is_ok() {
                shown = print(&line);
            }
        });
        shown?;
    }
    print(&format!(
        "{} variants verified, {} wrong or failed, {} cases skipped\n",
        tally.proven, tally.broken, tally.left_out
    ))?;
    if tally.broken > 0 {
        return Err(Error::Gate(format!("wrong or failing variants: {}", tally.broken)));
    }
    Ok(())
}

impl Tally {
    /// Counts a proof and prints it as a line.
    fn count(&mut self, proof: &Proof) -> String {
        let case = proof.case;
        let on = |variant: &Option<String>| variant.as_ref().map_or(String::new(), |text| format!(" {text}"));
        let variant = on(&proof.variant);
        match &proof.outcome {
            ProofOutcome::Proven { worst_ratio } => {
                self.proven += 1;
                format!("ok {:>9}  {case}{variant}", units::significant(*worst_ratio))
            }
            ProofOutcome::Wrong(reason) => {
                self.broken += 1;
                format!("WRONG        {reason}:  {case}{variant}")
            }
            ProofOutcome::Failed(reason) => {
                self.broken += 1;
                format!("FAILED       {reason}:  {case}{variant}")
            }
            ProofOutcome::Unsupported(reason) => {
                self.left_out += 1;
                match proof.variant {
                    Some(_) => format!("unsupported  {reason}:  {case}{variant}"),
                    None => format!("unsupported  {case}: {reason}"),
                }
            }
            ProofOutcome::LeftOut { predicted_s } => {
                self.left_out += 1;
                format!("skipped      {case}: predicted {}", units::seconds(*predicted_s))
            }
        }
    }
}
