//! `portamark executor-check`: conformance of an executor to the protocol.

use super::output::{note, print};
use super::places::ExecutorFlags;
use super::talk::Talk;
use super::values::parse_time;
use crate::error::{Error, Result};
use portamark_measure::conformance::{CheckOutcome, check};
use portamark_results::redact;
use std::time::Duration;

/// Tests an executor against every rule of the protocol: handshake, inputs bit for bit, poison, proofs,
/// clocks, refusals, the end. docs/executor-protocol.md has the rules.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Command of the executor, as one argument [default: the device named by -d].
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    /// Select a device by number, part of its name, or `all`; or one of a foreign runtime, e.g. `torch:npu`.
    #[arg(short, long, value_name = "DEVICE", default_value = "0")]
    device: Vec<String>,
    /// Set the timeout of each message.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    timeout: Duration,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    executors: ExecutorFlags,
}

/// Runs the command. Exits with code 1 if the executor does not conform to the protocol.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut executors = arguments.executors.clone();
    if let Some(command) = &arguments.command {
        if executors.executor.is_some() {
            return Err(Error::usage("the command is given twice; leave out --executor"));
        }
        executors.executor = Some(command.clone());
    }
    let places = executors.resolve()?.find(&arguments.device, &Talk)?.chosen;
    let mut all = serde_json::Map::new();
    let (mut failed, mut inconclusive) = (0, 0);
    for place in &places {
        let mut executor = place.start();
        let mut findings = check(&mut *executor, &place.device, arguments.timeout);
        findings.iter_mut().for_each(|finding| finding.words = redact(&finding.words));
        let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
        failed += count(CheckOutcome::Failed);
        inconclusive += count(CheckOutcome::Inconclusive);
        if arguments.json {
            let findings = serde_json::to_value(&findings).expect("findings are plain data");
            all.insert(place.device.id.clone(), findings);
        } else {
            let lines: String = findings.iter().map(|finding| format!("  {finding}\n")).collect();
            print(&format!("{} ({})\n{lines}", place.device.id, place.executor))?;
        }
    }
    if arguments.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&all).expect("findings are plain data")))?;
    }
    if failed > 0 {
        return Err(Error::Gate(format!(
            "failed checks: {failed}; this executor does not conform to the protocol"
        )));
    }
    match inconclusive {
        0 => note("every check passed"),
        _ => note(&format!(
            "no check failed; inconclusive checks: {inconclusive}; repeat them when this machine is quiet"
        )),
    }
    Ok(())
}
