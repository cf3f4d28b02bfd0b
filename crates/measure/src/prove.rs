//! Verification without timing: one execution on poisoned output, compared with the oracle.

use super::config::Config;
use super::verify::{Oracle, OutputProof};
use portamark_executors::protocol::Prepare;
use portamark_executors::{Executor, Fault};
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::workload::{Case, Inputs, Tile};

/// Number of buffer sets. The last one is checked, so that a kernel that reads the first set's inputs does
/// not pass.
const SETS: u32 = 2;

/// Executes `case` once on `device` with `plan`, or by its key if the executor takes cases. Returns the
/// oracle's verdict and the seconds of the execution.
///
/// # Errors
/// Fails if the executor fails. After a fatal fault, the next request starts a new executor.
pub fn prove(
    executor: &mut dyn Executor,
    device: &Capabilities,
    config: &Config,
    case: &Case,
    plan: Option<Plan>,
) -> Result<(OutputProof, f64), Fault> {
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
