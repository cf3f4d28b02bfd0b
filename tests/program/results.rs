//! The results that ship with the project stay readable, proven, and free of anything personal.

use portamark_results::{self as results, Status};
use std::path::PathBuf;

fn shipped() -> Vec<results::RunFile> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results");
    let mut runs = results::load_all(&[folder]).unwrap();
    // What somebody measured here is not what ships.
    runs.retain(|run| !run.path.components().any(|part| part.as_os_str() == "local"));
    runs
}

#[test]
fn every_shipped_file_reads_without_a_problem_and_is_complete() {
    let runs = shipped();
    assert!(runs.len() >= 2, "two software devices at least");
    for run in &runs {
        assert_eq!(run.problems, Vec::<String>::new(), "{}", run.path.display());
        assert!(!run.is_interrupted(), "{}", run.path.display());
        assert_eq!(run.header.portamark, env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn no_shipped_number_is_without_proof_and_no_refusal_without_a_reason() {
    for row in shipped().iter().flat_map(|run| &run.rows) {
        if row.status == Status::Ok {
            let proof = row.verification.as_ref().unwrap();
            assert!(proof.passed && proof.unwritten == 0 && proof.checked > 0, "{}", row.case);
            assert!(proof.worst_ratio.unwrap() <= 1.0, "{}", row.case);
            assert!(row.timing.as_ref().unwrap().host_ns.len() >= 30, "{}", row.case);
        } else {
            assert!(row.timing.is_none(), "{}", row.case);
            assert!(!row.reason.as_ref().unwrap().is_empty(), "{}", row.case);
            assert!(!row.status.is_defect(), "{} {:?}", row.case, row.reason);
        }
    }
}
