//! The SPIR-V that a driver is given, as Khronos' validator sees it: drivers take it as it is, and what is wrong in it
//! may do anything.

use super::texts::{Wanted, plans};
use base64::Engine;
use portamark_executors::protocol::Inspect;
use portamark_executors::{ChildExecutor, Compilers, Executor, Program};
use portamark_inspect::chip;
use portamark_model::device::Capabilities;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(120);

/// Processes side by side.
const SIDES: usize = 2;

/// What is needed, or `None` where it is missing and may be.
fn found() -> Option<Compilers> {
    let found = Compilers::find().and_then(|found| found.tool("spirv-val", &[]).map(|_| found));
    match found {
        Ok(found) => Some(found),
        Err(reason) => {
            let required = std::env::var_os("PORTAMARK_REQUIRE_COMPILERS").is_some_and(|it| it == "1");
            assert!(!required, "{reason}; scripts/drivers.sh compilers makes a folder with them");
            eprintln!("skipped: {reason}; scripts/drivers.sh compilers makes a folder with them");
            None
        }
    }
}

/// Starts an executor on the stand-in of a chip with a matrix unit.
fn opened(compilers: &Compilers) -> (ChildExecutor, Capabilities) {
    let program = Path::new(env!("CARGO_BIN_EXE_portamark"));
    let chip = chip("ampere").unwrap();
    let start = compilers.start(program, &["executor", "wgpu"], &chip.stand_in).unwrap();
    let mut executor = ChildExecutor::new(start);
    let (_, devices) = executor.hello(DEADLINE).unwrap();
    (executor, devices.into_iter().next().expect("the chip is there"))
}

/// Runs the validator on `file`; its words if it finds a fault.
fn validated(compilers: &Compilers, file: &Path) -> Option<String> {
    let arguments = ["--target-env", "vulkan1.3", file.to_str().unwrap()];
    let Program { program, arguments, .. } = compilers.tool("spirv-val", &arguments).unwrap();
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    (!output.status.success()).then(|| said.trim().to_string())
}

/// Compiles the plans that are left and validates what the driver was given. Returns the number of modules.
fn work(
    compilers: &Compilers,
    folder: &Path,
    plans: &Mutex<Vec<Wanted>>,
    faults: &Mutex<Vec<String>>,
) -> usize {
    let (mut executor, device) = opened(compilers);
    let mut modules = 0;
    loop {
        let Some(wanted) = plans.lock().unwrap().pop() else { return modules };
        let told = match executor.inspect(Inspect::new(&device, wanted.plan, true), DEADLINE) {
            Ok(told) => told,
            Err(fault) => {
                faults.lock().unwrap().push(format!("{}: {fault}", wanted.name));
                continue;
            }
        };
        for step in told {
            let words = base64::engine::general_purpose::STANDARD.decode(step.spirv.unwrap()).unwrap();
            let file = folder.join(format!("{:?}-{modules}.spv", thread::current().id()));
            fs::write(&file, words).unwrap();
            if let Some(said) = validated(compilers, &file) {
                faults.lock().unwrap().push(format!("{}: {said}", wanted.name));
            }
            modules += 1;
        }
    }
}

#[test]
fn the_spirv_of_every_kernel_is_valid_for_each_case_of_the_suites() {
    let Some(compilers) = found() else { return };
    let (mut executor, device) = opened(&compilers);
    executor.end();
    assert!(!device.matrix_shapes.is_empty(), "{} has a matrix unit", device.id);
    let plans = Mutex::new(plans(&device));
    let faults = Mutex::new(Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let wanted = plans.lock().unwrap().len();
    let work = || work(&compilers, folder.path(), &plans, &faults);
    let modules: usize = thread::scope(|scope| {
        let sides: Vec<_> = (0..SIDES).map(|_| scope.spawn(work)).collect();
        sides.into_iter().map(|side| side.join().unwrap()).sum()
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(wanted > 0 && modules >= wanted, "{modules} modules of {wanted} plans");
}

/// A header alone is no module.
#[test]
fn the_validator_finds_a_fault() {
    let Some(compilers) = found() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.spv");
    // Magic number, version 1.6, no generator, bound 1, schema 0, and no memory model.
    let words: [u32; 5] = [0x0723_0203, 0x0001_0600, 0, 1, 0];
    fs::write(&file, words.map(u32::to_le_bytes).concat()).unwrap();
    let said = validated(&compilers, &file).expect("a fault");
    assert!(said.contains("OpMemoryModel"), "{said}");
}
