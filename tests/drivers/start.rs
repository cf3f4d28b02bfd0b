//! The executor of this machine's drivers.

use portamark_executors::{ChildExecutor, Executor, Program};
use portamark_model::device::Capabilities;
use std::cell::RefCell;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// Longer than any driver compiles.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// Tests of kernels run side by side; those that compare times have the machine to themselves.
static MACHINE: RwLock<()> = RwLock::new(());

/// A test's hold on the machine, until its thread ends.
enum Hold {
    Shared(#[allow(dead_code, reason = "held and not looked at")] RwLockReadGuard<'static, ()>),
    Alone(#[allow(dead_code, reason = "held and not looked at")] RwLockWriteGuard<'static, ()>),
}

thread_local! {
    static HELD: RefCell<Option<Hold>> = const { RefCell::new(None) };
}

/// The executor and its devices; none where there is no driver and none is required.
pub fn start() -> Option<(ChildExecutor, Vec<Capabilities>)> {
    // Another test's panic is that test's failure alone.
    start_with(|| Hold::Shared(MACHINE.read().unwrap_or_else(PoisonError::into_inner)))
}

/// The same while no other test of this program runs.
pub fn start_alone() -> Option<(ChildExecutor, Vec<Capabilities>)> {
    start_with(|| Hold::Alone(MACHINE.write().unwrap_or_else(PoisonError::into_inner)))
}

fn start_with(hold: impl FnOnce() -> Hold) -> Option<(ChildExecutor, Vec<Capabilities>)> {
    HELD.with_borrow_mut(|held| {
        if held.is_none() {
            *held = Some(hold());
        }
    });
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
