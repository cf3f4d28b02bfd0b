//! A driver that several manifests name: its devices are listed once.

use crate::start::start;
use std::path::Path;
use std::process::Command;

/// Runs `portamark devices` with these driver manifests, joined by `:`. Returns the ids and what it says.
fn devices(manifests: &str) -> (Vec<String>, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_portamark"))
        .args(["devices", "--json"])
        .env("VK_DRIVER_FILES", manifests)
        .output()
        .unwrap();
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&run.stdout).unwrap();
    let ids = listed.iter().map(|device| device["id"].as_str().unwrap().to_string()).collect();
    (ids, String::from_utf8(run.stderr).unwrap())
}

#[test]
fn a_driver_that_two_manifests_name_has_its_devices_once_and_says_so() {
    let Some((_, found)) = start() else { return };
    let Ok(manifest) = std::env::var("VK_DRIVER_FILES") else {
        return eprintln!("no single driver is chosen: nothing to prove here");
    };
    let path = Path::new(&manifest);
    let Ok(text) = std::fs::read_to_string(path) else {
        return eprintln!("several drivers are chosen: nothing to prove here");
    };
    // A library with a relative path is sought beside its manifest, so the copy names it in full.
    let mut copy: serde_json::Value = serde_json::from_str(&text).unwrap();
    let library = copy["ICD"]["library_path"].as_str().unwrap().to_string();
    if library.contains('/') {
        copy["ICD"]["library_path"] = path.parent().unwrap().join(library).to_str().unwrap().into();
    }
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("copy.json");
    std::fs::write(&other, copy.to_string()).unwrap();
    let (alone, silent) = devices(&manifest);
    let (both, said) = devices(&format!("{manifest}:{}", other.display()));
    assert_eq!(alone, both);
    assert!(!silent.contains("is listed"), "{silent}");
    let id = &found[0].id;
    assert!(said.contains(&format!("{id} is listed 2 times because several driver manifests")), "{said}");
}
