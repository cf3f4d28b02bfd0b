//! The flags of `portamark compare`, and what follows from them.

use super::super::{note, print};
use super::select::{self, find_case};
use crate::error::{Error, Result};
use portamark_analysis::{
    DeviceVerdicts, Doubt, Gate, Matching, Refusal, Verdict, VerdictRule, clean, compare,
};
use portamark_model::suite::Pattern;
use portamark_report::{Verdicts, explain, explain_json};
use portamark_results::RunFile;
use std::path::PathBuf;

/// At most so many cases are named in one line.
const NAMED: usize = 5;

/// How verdicts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns for a terminal.
    Table,
    /// GitHub-flavoured Markdown for a pull request.
    Md,
    /// One JSON document.
    Json,
    /// A line of JSON for each case.
    Jsonl,
    /// Comma-separated values.
    Csv,
    /// JUnit's XML, which CI servers show as tests.
    Junit,
}

/// Compares two sets of results, case by case.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A side is a result file, a folder of them, or words that choose among the files of --in: device=TEXT (part of \
a name), label=KEY=VALUE, run=ID, suite=NAME, side=A or side=B of a run with --ab; several are joined by \
commas. Verdicts need five processes on each side: measure with --repeats 7.")]
pub struct Arguments {
    /// The reference; with --baseline what is judged, which is the newest run if it is not given.
    #[arg(value_name = "BASE")]
    base: Option<String>,
    /// What is judged.
    #[arg(value_name = "NEW")]
    new: Option<String>,
    /// Compare with this baseline, which `run --save-baseline` made.
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Folder of result files in which sides are chosen by words, and baselines are.
    #[arg(long = "in", value_name = "DIR", default_value = "results/local")]
    within: Vec<PathBuf>,
    /// Only cases whose key matches: text, a glob with `*`, or a regular expression `/…/`.
    #[arg(short = 'k', long, value_name = "PATTERN")]
    filter: Vec<String>,
    /// Ratios between 1/(1 + SHARE) and 1 + SHARE are the same.
    #[arg(long, value_name = "SHARE", value_parser = parse_share, default_value = "2%")]
    margin: f64,
    /// Compare each kernel variant with the same variant alone.
    #[arg(long)]
    variants: bool,
    /// Compare also what differs in precision, distribution of inputs, cache state or clock.
    #[arg(long)]
    force: bool,
    /// End with exit code 1 where a case is one of these: slower, faster, unclear, missing, wrong, failed.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = str::parse::<Gate>)]
    fail_on: Vec<Gate>,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How verdicts are written.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Show everything that both sides have of one case, as text or with --format json.
    #[arg(long, value_name = "CASE")]
    explain: Option<String>,
}

/// Reads `2%` or `0.02`.
pub(in crate::cli) fn parse_share(text: &str) -> std::result::Result<f64, String> {
    let (number, unit) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(share) if share > 0.0 && share * unit < 1.0 => Ok(share * unit),
        Ok(_) => Err("a share lies between 0 and 1, e.g. 2% or 0.02".into()),
        Err(_) => Err(format!("`{text}` is no share; write 2% or 0.02")),
    }
}

/// Compares, prints, and says by its error whether a gate stays shut.
pub fn run(arguments: &Arguments) -> Result<()> {
    let [mut new, mut reference] = arguments.sides()?;
    select::apart(&new, &reference)?;
    let patterns = arguments.filter.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>()?;
    if !patterns.is_empty() {
        for file in new.iter_mut().chain(&mut reference) {
            file.rows.retain(|row| patterns.iter().any(|pattern| pattern.matches(&row.case)));
        }
    }
    let rule = VerdictRule { margin: arguments.margin, ..VerdictRule::seeded(arguments.seed) };
    let matching = Matching { by_variant: arguments.variants, force: arguments.force };
    let devices =
        compare(&new, &reference, matching, &rule).map_err(|refusal| refused(refusal, &new, &reference))?;
    let verdicts = Verdicts { devices: &devices, rule: &rule, gates: &arguments.fail_on };
    print(&arguments.written(&verdicts)?);
    advise(&verdicts);
    gate(&verdicts)
}

impl Arguments {
    /// The new side and the reference.
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
                Err(Error::usage("--baseline is the reference: give at most one side beside it"))
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

/// The error for sides that are not compared.
fn refused(refusal: Refusal, new: &[RunFile], reference: &[RunFile]) -> Error {
    let hint = match &refusal {
        Refusal::Unlike(difference) if difference.field == "method" => {
            "measure one side again; numbers of different methods are not comparable".into()
        }
        Refusal::Unlike(_) => "measure one side again, or compare all the same with --force".into(),
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

/// What to do about verdicts that could not be reached.
fn advise(verdicts: &Verdicts) {
    let count = |such: fn(&Verdict) -> bool| verdicts.cases().filter(|c| such(&c.judgement.verdict)).count();
    let few = count(|verdict| matches!(verdict, Verdict::Unclear(Doubt::FewProcesses { .. })));
    if few > 0 {
        let needed = verdicts.rule.min_processes;
        note(&format!(
            "note: {few} cases have fewer than {needed} processes on a side; measure both with --repeats 7"
        ));
    }
    for (gate, word) in [(Gate::Slower, "slower"), (Gate::Faster, "faster")] {
        let told = verdicts.cases().filter(|case| case.judgement.verdict.word() == word).count();
        let certain = verdicts.stopped(gate).len();
        if verdicts.gates.contains(&gate) && told > certain {
            let doubted = told - certain;
            note(&format!(
                "note: {doubted} {word} cases are not certain enough for a gate among so many (Holm)"
            ));
        }
    }
}

/// The error that ends the command where a gate stays shut: which, and for which cases.
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
        for wrong in ["0", "-1%", "100%", "2", "", "%", "two", "nan"] {
            assert!(parse_share(wrong).is_err(), "{wrong}");
        }
    }
}
