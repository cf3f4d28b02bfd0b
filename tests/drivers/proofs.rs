//! Proofs are kept: one that was made before, of the same plan on the same driver by the same code, is not
//! made again.
//!
//! They lie in `target/tmp/proofs`, an empty file each. PORTAMARK_PROOFS=anew makes them all again, which CI
//! does. Only what passed is kept.

use crate::device::{config, prove};
use portamark_executors::Executor;
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::workload::Case;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The code that fills, runs, reads back and judges; the texts of kernels are in the plan.
const CODE: &[&str] = &["Cargo.lock", "crates/measure/src", "crates/model/src", "executors"];

/// Proves one plan, or finds that it was proven.
///
/// # Errors
/// What is wrong, in words.
pub fn proven(
    executor: &mut dyn Executor,
    device: &Capabilities,
    case: &Case,
    plan: Plan,
) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("proofs");
    let kept = std::env::var_os("PORTAMARK_PROOFS").is_none_or(|wish| wish != "anew");
    let driver = std::env::var("VK_DRIVER_FILES").unwrap_or_default();
    proven_in(kept.then_some(&folder), &driver, device, case, &plan, || {
        match prove(executor, device, case, plan.clone()) {
            Ok(verdict) => verdict.reason().map_or(Ok(()), Err),
            Err(fault) => Err(fault.to_string()),
        }
    })
}

fn proven_in(
    folder: Option<&PathBuf>,
    driver: &str,
    device: &Capabilities,
    case: &Case,
    plan: &Plan,
    prove: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let Some(folder) = folder else { return prove() };
    let file = folder.join(name(driver, device, case, plan));
    if file.exists() {
        return Ok(());
    }
    prove()?;
    // Nothing depends on it but the time of the next run.
    let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&file, ""));
    Ok(())
}

/// Everything that a proof depends on, as a hash.
fn name(driver: &str, device: &Capabilities, case: &Case, plan: &Plan) -> String {
    let parts = [
        code().to_owned(),
        driver.to_owned(),
        serde_json::to_string(device).expect("capabilities are data"),
        serde_json::to_string(plan).expect("a plan is data"),
        format!("{case} {:?}", config().seed),
    ];
    hex(Sha256::new_with_prefix(parts.join("\0")))
}

/// The hash of [`CODE`].
fn code() -> &'static str {
    static CODE_HASH: OnceLock<String> = OnceLock::new();
    CODE_HASH.get_or_init(|| {
        let mut digest = Sha256::new();
        for path in CODE {
            add(&mut digest, &Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        }
        hex(digest)
    })
}

fn add(digest: &mut Sha256, path: &Path) {
    digest.update(path.to_string_lossy().as_bytes());
    if path.is_dir() {
        let mut inside: Vec<PathBuf> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        inside.sort();
        inside.iter().for_each(|path| add(digest, path));
    } else {
        digest.update(fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    }
}

fn hex(digest: Sha256) -> String {
    hex::encode(digest.finalize())
}

#[test]
fn a_proof_is_made_again_when_text_driver_or_case_is_another_and_after_a_failure() {
    use portamark_kernels::{KernelSource, default_plan};

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_path_buf();
    let device = Capabilities::example();
    let case = crate::device::case("stream f32 copy n1024");
    let plan = default_plan(&case, &device, &KernelSource::embedded()).unwrap();
    let mut other_text = plan.clone();
    other_text.steps[0].wgsl.push(' ');
    let other_device = device.clone().but(|it| it.driver_version.push('1'));
    let made = |folder, driver: &str, device, case: &str, plan, outcome: Result<(), String>| {
        let mut made = false;
        let found = proven_in(folder, driver, device, &crate::device::case(case), plan, || {
            made = true;
            outcome.clone()
        });
        assert_eq!(found, if made { outcome } else { Ok(()) });
        made
    };
    let key = "stream f32 copy n1024";
    assert!(made(Some(&folder), "a", &device, key, &plan, Err("wrong".into())));
    assert!(made(Some(&folder), "a", &device, key, &plan, Ok(())), "a failure was kept");
    assert!(!made(Some(&folder), "a", &device, key, &plan, Ok(())), "a proof was not kept");
    assert!(made(Some(&folder), "a", &device, key, &other_text, Ok(())));
    assert!(made(Some(&folder), "a", &other_device, key, &plan, Ok(())));
    assert!(made(Some(&folder), "b", &device, key, &plan, Ok(())));
    assert!(made(Some(&folder), "a", &device, "stream f32 copy n2048", &plan, Ok(())));
    assert!(made(None, "a", &device, key, &plan, Ok(())), "made anew on demand");
}
