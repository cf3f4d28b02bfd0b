//! Fixed workloads that characterise the device: timer self-test, bandwidth curve, sentinels.

use super::config::Config;
use portamark_executors::protocol::Prepare;
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_kernels::{KernelSource, default_plan};
use portamark_model::device::{Capabilities, Takes};
use portamark_model::workload::Case;

/// Prepares the case with the key `key` with its default kernel and one buffer set, and returns the handle.
///
/// # Errors
/// Fails if the device has no kernel for the case or the executor fails.
///
/// # Panics
/// Panics if `key` is not a valid case key.
pub fn prepare_fixed_work(
    executor: &mut dyn Executor,
    device: &Capabilities,
    config: &Config,
    source: &KernelSource,
    key: &str,
) -> Result<u32, Fault> {
    let case: Case = key.parse().expect("a valid key");
    let plan = match device.takes {
        Takes::Cases => None,
        _ => Some(
            default_plan(&case, device, source)
                .map_err(|error| Fault::new(FaultKind::Unsupported, error.to_string()))?,
        ),
    };
    let prepare = Prepare::new(device, &case, plan).but(|it| {
        it.seed = config.seed;
        it.memory_limit = config.memory_limit;
    });
    executor.prepare(prepare, config.timeout).map(|prepared| prepared.handle)
}
