//! `portamark compare`: its options, and the comparison they ask for.

use super::super::output::{note, print};
use super::select::{self, find_case};
use crate::error::{Error, Result};
use portamark_analysis::{
    DeviceVerdicts, Doubt, Gate, Matching, Refusal, Verdict, VerdictRule, clean, compare,
};
use portamark_model::suite::Pattern;
use portamark_report::{Verdicts, explain, explain_json};
use portamark_results::RunFile;
use std::path::PathBuf;

/// Maximum number of cases listed in one line.
const NAMED: usize = 5;

/// Output format of verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for the terminal.
    Table,
    /// GitHub-flavoured Markdown for a pull request.
    Md,
    /// One JSON document.
    Json,
    /// One JSON object per case and line.
    Jsonl,
    /// Comma-separated values.
    Csv,
    /// JUnit XML, which CI servers show as tests.
    Junit,
}

/// Compares two sets of results, case by case.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A side is a result file, a folder of them, or words that choose among the files of --in: device=TEXT (part of \
a name), label=KEY=VALUE, run=ID, suite=NAME, side=A or side=B of a run with --ab; several are joined by \
commas. Verdicts need five processes on each side: measure with --repeats 7.")]
pub struct Arguments {
    /// Reference results; with --baseline the new results [default with --baseline: the newest run].
    #[arg(value_name = "BASE")]
    base: Option<String>,
    /// New results, compared with the reference.
    #[arg(value_name = "NEW")]
    new: Option<String>,
    /// Compare with the baseline that `run --save-baseline` saved under this name.
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Look for baselines and for sides such as `device=h20` in this folder of result files.
    #[arg(long = "in", value_name = "DIR", default_value = "results/local")]
    within: Vec<PathBuf>,
    /// Select the cases whose key matches: text, a glob with `*`, or a regular expression `/…/`.
    #[arg(short = 'k', long, value_name = "PATTERN")]
    filter: Vec<String>,
    /// Treat ratios between 1/(1 + SHARE) and 1 + SHARE as the same.
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value = "2%")]
    margin: f64,
    /// Assume this standard deviation between whole runs; the more runs a side has, the more their own spread counts.
    /// 0 assumes none. Sides that ran in turns (`run --ab`) need none.
    #[arg(long, value_name = "SHARE", value_parser = parse_spread, default_value = "1%")]
    run_spread: f64,
    /// Compare each kernel variant only with the same variant.
    #[arg(long)]
    variants: bool,
    /// Also compare cases that differ in precision, input distribution, cache state or timer.
    #[arg(long)]
    force: bool,
    /// Exit with code 1 if a case is one of these: slower, faster, unclear, missing, wrong, failed.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = str::parse::<Gate>)]
    fail_on: Vec<Gate>,
    /// Set the seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Choose the output format.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Show all data of one case on both sides, as text or with --format json.
    #[arg(long, value_name = "CASE")]
    explain: Option<String>,
}

/// Parses `2%` or `0.02`, above 0 and below 1.
pub(in crate::cli) fn parse_share(text: &str) -> std::result::Result<f64, String> {
    match parse_spread(text)? {
        0.0 => Err("a fraction must lie between 0 and 1, e.g. 2% or 0.02".into()),
        share => Ok(share),
    }
}

/// Parses `1%` or `0.01`, from 0 to below 1.
fn parse_spread(text: &str) -> std::result::Result<f64, String> {
    let (number, unit) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(share) if share >= 0.0 && share * unit < 1.0 => Ok(share * unit),
        Ok(_) => Err("a fraction must lie between 0 and 1, e.g. 2% or 0.02".into()),
        Err(_) => Err(format!("`{text}` is not a fraction; write 2% or 0.02")),
    }
}

/// Compares and prints.
///
/// # Errors
/// Fails if the sides cannot be read or compared, or if a `--fail-on` condition is met.
pub fn run(arguments: &Arguments) -> Result<()> {
    let [mut new, mut reference] = arguments.sides()?;
    select::apart(&new, &reference)?;
    let patterns = arguments.filter.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>()?;
    if !patterns.is_empty() {
        for file in new.iter_mut().chain(&mut reference) {
            file.rows.retain(|row| patterns.iter().any(|pattern| pattern.matches(&row.case)));
        }
    }
    let rule = VerdictRule {
        margin: arguments.margin,
        run_spread: arguments.run_spread,
        ..VerdictRule::seeded(arguments.seed)
    };
    let matching = Matching { by_variant: arguments.variants, force: arguments.force };
    let devices =
        compare(&new, &reference, matching, &rule).map_err(|refusal| refused(refusal, &new, &reference))?;
    let verdicts = Verdicts { devices: &devices, rule: &rule, gates: &arguments.fail_on };
    print(&arguments.written(&verdicts)?)?;
    advise(&verdicts);
    gate(&verdicts)
}

impl Arguments {
    /// Returns the new side and the reference.
    fn sides(&self) -> Result<[Vec<RunFile>; 2]> {
        match (&self.baseline, &self.base, &self.new) {
            (Some(name), new, None) => {
                let reference = select::baseline(name, &self.within)?;
                let new = match new {
                    Some(new) => select::side(new, &self.within)?,
                    None => select::newest(&reference, &self.within)?,
                };
                Ok([new, reference])
            }
            (Some(_), _, Some(_)) => {
                Err(Error::usage("--baseline is the reference: give at most one other side"))
            }
            (None, Some(base), Some(new)) => {
                let reference = select::side(base, &self.within)?;
                Ok([select::side(new, &self.within)?, reference])
            }
            (None, _, _) => Err(Error::usage_hint(
                "a comparison has two sides",
                "portamark compare BASE NEW, or portamark compare --baseline NAME",
            )),
        }
    }

    fn written(&self, verdicts: &Verdicts) -> Result<String> {
        if let Some(text) = &self.explain {
            return self.explained(verdicts, text);
        }
        Ok(match self.format {
            Format::Table => verdicts.table(),
            Format::Md => verdicts.markdown(),
            Format::Json => verdicts.json(),
            Format::Jsonl => verdicts.jsonl(),
            Format::Csv => verdicts.csv(),
            Format::Junit => {
                let failed = |error| Error::usage(format!("the verdicts cannot be written: {error:#}"));
                verdicts.junit().map_err(failed)?
            }
        })
    }

    fn explained(&self, verdicts: &Verdicts, text: &str) -> Result<String> {
        let write = match self.format {
            Format::Table => explain,
            Format::Json => explain_json,
            _ => return Err(Error::usage("--explain prints text, or a document with --format json")),
        };
        let case = find_case(text, verdicts.cases().map(|case| case.case.clone()))?;
        let of = |device: &DeviceVerdicts| -> Vec<String> {
            let cases = device.cases.iter().filter(|verdict| verdict.case == case);
            cases.map(|verdict| write(verdicts, device, verdict)).collect()
        };
        Ok(verdicts.devices.iter().flat_map(of).collect::<Vec<String>>().join("\n"))
    }
}

/// Returns the error for sides that cannot be compared.
fn refused(refusal: Refusal, new: &[RunFile], reference: &[RunFile]) -> Error {
    let hint = match &refusal {
        Refusal::Unlike(difference) if difference.field == "method" => {
            "measure one side again; numbers of different methods are not comparable".into()
        }
        Refusal::Unlike(_) => "measure one side again, or compare anyway with --force".into(),
        Refusal::NothingInCommon => {
            let names = |side: &[RunFile]| {
                let mut ids: Vec<&str> = side.iter().map(|file| file.header.device.id.as_str()).collect();
                ids.sort_unstable();
                ids.dedup();
                clean(&ids.join("; "))
            };
            format!("BASE has {}; NEW has {}", names(reference), names(new))
        }
    };
    Error::usage_hint(refusal.to_string(), hint)
}

/// Returns advice for cases without a verdict.
fn advise(verdicts: &Verdicts) {
    let count = |such: fn(&Verdict) -> bool| verdicts.cases().filter(|c| such(&c.judgement.verdict)).count();
    let few = count(|verdict| matches!(verdict, Verdict::Unclear(Doubt::FewProcesses { .. })));
    if few > 0 {
        let needed = verdicts.rule.min_processes;
        note(&format!(
            "note: cases with fewer than {needed} processes on a side: {few}; measure both sides with --repeats 7"
        ));
    }
    let few = count(|verdict| matches!(verdict, Verdict::Unclear(Doubt::FewRuns { .. })));
    if few > 0 {
        note(&format!(
            "note: cases within what whole runs may differ by: {few}; measure both sides in turns with run --ab, or \
             compare several runs of each (folders of result files)"
        ));
    }
    for (gate, word) in [(Gate::Slower, "slower"), (Gate::Faster, "faster")] {
        let told = verdicts.cases().filter(|case| case.judgement.verdict.word() == word).count();
        let certain = verdicts.stopped(gate).len();
        if verdicts.gates.contains(&gate) && told > certain {
            let doubted = told - certain;
            note(&format!(
                "note: {word} cases that are not significant enough for the gate (Holm correction): {doubted}"
            ));
        }
    }
}

/// Returns the error of a `--fail-on` condition that is met, with its cases.
fn gate(verdicts: &Verdicts) -> Result<()> {
    let mut words = Vec::new();
    for gate in verdicts.gates {
        let stopped = verdicts.stopped(*gate);
        if stopped.is_empty() {
            continue;
        }
        let mut names: Vec<String> = stopped.iter().take(NAMED).map(|case| clean(&case.name())).collect();
        if stopped.len() > NAMED {
            names.push(format!("and {} more", stopped.len() - NAMED));
        }
        words.push(format!("{gate}: {}", names.join(", ")));
    }
    if words.is_empty() { Ok(()) } else { Err(Error::Gate(words.join("; "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_or_a_fraction() {
        assert_eq!(parse_share("2%"), Ok(0.02));
        assert_eq!(parse_share("0.5 %"), Ok(0.005));
        assert_eq!(parse_share("0.02"), Ok(0.02));
        for wrong in ["0", "-1%", "100%", "2", "", "%", "two", "nan", "inf", "-inf", "1e-400", "1e400"] {
            assert!(parse_share(wrong).is_err(), "{wrong}");
        }
    }
}
