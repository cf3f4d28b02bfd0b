//! The devices that a test runs on, and the proof of one plan there.

use portamark::executor::{ChildExecutor, Executor, Fault, Program};
use portamark::kernel::{Capabilities, DeviceType, Plan};
use portamark::measure::{self, Config, Verdict};
use portamark::workload::Case;
use std::time::Duration;

/// Longer than any driver compiles.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// The executor and its devices; none where there is no driver and none is required.
pub fn start() -> Option<(ChildExecutor, Vec<Capabilities>)> {
    let program = Program {
        program: env!("CARGO_BIN_EXE_portamark").into(),
        arguments: vec!["executor".into(), "wgpu".into()],
        environment: Vec::new(),
    };
    let mut executor = ChildExecutor::new(program);
    let (_, devices) = executor.hello(DEADLINE).expect("the executor answers");
    if devices.is_empty() {
        assert!(std::env::var_os("PORTAMARK_REQUIRE_DEVICE").is_none(), "no device, but one is required");
        eprintln!("no device: nothing to prove here");
        return None;
    }
    Some((executor, devices))
}

/// Reads a key.
pub fn case(key: &str) -> Case {
    key.parse().unwrap_or_else(|e| panic!("{e}"))
}

/// Settings of a proof.
pub fn config() -> Config {
    Config { seed: 7, timeout: DEADLINE, memory_limit: 2 << 30, ..Config::default() }
}

/// Proves one plan.
pub fn prove(
    executor: &mut dyn Executor,
    device: &Capabilities,
    case: &Case,
    plan: Plan,
) -> Result<Verdict, Fault> {
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
    let gpu = || Capabilities { device_type: DeviceType::Discrete, ..device.clone() };
    (!compiles_slowly(device)).then(gpu)
}
