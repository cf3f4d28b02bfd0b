//! Proof without timing: one execution on poisoned output, compared with the oracle.

use super::config::Config;
use super::verify::{Oracle, Verdict};
use portamark_executors::protocol::Prepare;
use portamark_executors::{Executor, Fault};
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::workload::{Case, Inputs, Tile};

/// Two sets are made and the second one is checked: a kernel cannot get by with the first one's
/// inputs.
const SETS: u32 = 2;

/// Executes `case` once on `device` by `plan`, or by its key where the executor takes cases.
/// Gives what the oracle says and the seconds of the execution.
///
/// # Errors
/// When the executor fails; after a fatal fault the next request starts a new one.
pub fn prove(
    executor: &mut dyn Executor,
    device: &Capabilities,
    config: &Config,
    case: &Case,
    plan: Option<Plan>,
) -> Result<(Verdict, f64), Fault> {
    let tile = plan.as_ref().map_or(Tile::ONE, |plan| plan.tile);
    let prepare = Prepare::new(device, case, plan).but(|it| {
        it.seed = config.seed;
        it.dist = config.dist;
        it.sets = SETS;
        it.memory_limit = config.memory_limit;
    });
    let handle = executor.prepare(prepare, config.timeout)?.handle;
    let set = SETS - 1;
    let proven = executor.sample(handle, 1, set, config.timeout).and_then(|sampled| {
        let oracle = Oracle::new(case, Inputs::new(config.seed, set).of(config.dist), tile);
        let verdict = oracle.check(executor, handle, config.timeout)?;
        Ok((verdict, sampled.device_ns.unwrap_or(sampled.host_ns) as f64 * 1e-9))
    });
    if !proven.as_ref().is_err_and(Fault::is_fatal) {
        executor.release(handle, config.timeout)?;
    }
    proven
}
