//! The devices that a test runs on, and the proof of one plan there.

use portamark_executors::{Executor, Fault};
use portamark_measure::{self as measure, Config, OutputProof};
use portamark_model::device::{Capabilities, DeviceType};
use portamark_model::plan::Plan;
use portamark_model::workload::Case;
use portamark_runner::this_host;

pub use crate::start::{DEADLINE, start};

/// Reads a key.
pub fn case(key: &str) -> Case {
    key.parse().unwrap_or_else(|e| panic!("{e}"))
}

/// Settings of a proof.
pub fn config() -> Config {
    Config { seed: 7, timeout: DEADLINE, memory_limit: 2 << 30, host: this_host(), ..Config::default() }
}

/// Proves one plan.
pub fn prove(
    executor: &mut dyn Executor,
    device: &Capabilities,
    case: &Case,
    plan: Plan,
) -> Result<OutputProof, Fault> {
    measure::prove(executor, device, &config(), case, Some(plan)).map(|(verdict, _)| verdict)
}

/// Whether the driver's compiler takes long over large texts and over loops with barriers, up to a
/// minute each: Mesa 25 with LLVM 15. What is proven on three other drivers is not proven there again.
pub fn compiles_slowly(device: &Capabilities) -> bool {
    device.is_software() && device.driver_version.starts_with("Mesa 25.")
}

/// The same device as one that gets the kernels meant for GPUs: they must be right on every driver,
/// however slow they are there.
pub fn as_gpu(device: &Capabilities) -> Option<Capabilities> {
    let gpu = || device.clone().but(|it| it.device_type = DeviceType::Discrete);
    (!compiles_slowly(device)).then(gpu)
}
