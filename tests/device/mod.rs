//! The devices that a test runs on, and the proof of one plan there.

use portamark::executor::{ChildExecutor, Executor, Fault, Program};
use portamark::kernel::{Capabilities, Plan};
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
