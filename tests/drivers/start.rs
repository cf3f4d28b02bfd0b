//! The executor of this machine's drivers.

use portamark_executors::{ChildExecutor, Executor, Program};
use portamark_model::device::Capabilities;
use std::time::Duration;

/// Longer than any driver compiles.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// The executor and its devices; none where there is no driver and none is required.
pub fn start() -> Option<(ChildExecutor, Vec<Capabilities>)> {
    let program = Program::new(env!("CARGO_BIN_EXE_portamark"), vec!["executor".into(), "wgpu".into()]);
    let mut executor = ChildExecutor::new(program);
    let (_, devices) = executor.hello(DEADLINE).expect("the executor answers");
    if devices.is_empty() {
        assert!(std::env::var_os("PORTAMARK_REQUIRE_DEVICE").is_none(), "no device, but one is required");
        eprintln!("no device: nothing to prove here");
        return None;
    }
    Some((executor, devices))
}
