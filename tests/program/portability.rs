//! `portamark portability` as its users see it: published examples from a table, and scores from files.

use crate::shipped::shipped;
use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

fn portamark(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
    command.arg("portability").args(arguments);
    command
}

fn stdout(arguments: &[&str]) -> String {
    String::from_utf8(portamark(arguments).assert().success().get_output().stdout.clone()).unwrap()
}

#[test]
fn the_published_examples_come_out_of_a_table() {
    // Sewall and others, P3HPC 2020: ten platforms; p3's test_pp.py for the last.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("synthetic.csv");
    let mut table = String::from("problem,application,platform,efficiency\n");
    for place in 0..10 {
        let single = if place == 0 { 1.0 } else { 0.1 };
        let inconsistent = f64::from(place + 1) / 10.0;
        table += &format!("p,single,{place},{single}\np,inconsistent,{place},{inconsistent}\n");
    }
    for (place, e) in ["1", "0.8", "0.5", "NaN", "0.2"].iter().enumerate() {
        table += &format!("p3,dummy,{place},{e}\n");
    }
    std::fs::write(&path, table).unwrap();
    let path = path.to_str().unwrap();
    let scores: Value = serde_json::from_str(&stdout(&["--table", path, "--format", "json"])).unwrap();
    let of = |at: usize, what: &str| scores[at]["score"][what].as_f64().unwrap();
    assert!((of(0, "pp") - 0.109890).abs() < 1e-6 && (of(1, "pp") - 0.341417).abs() < 1e-6);
    // 4/(1 + 1.25 + 2 + 5) over the four that are supported.
    assert!(of(2, "pp") == 0.0 && (of(2, "supported_pp") - 4.0 / 9.25).abs() < 1e-6);
    assert_eq!((of(2, "supported"), of(2, "devices")), (4.0, 5.0));
    let text = stdout(&["--table", path]);
    assert!(text.contains("inconsistent  0.341") && text.contains("4/5"), "{text}");
    portamark(&["--table", path, "--devices", "nowhere"]).assert().code(2).stderr(contains("`nowhere`"));
}

#[test]
fn the_committed_results_have_scores_with_coverage_and_reasons() {
    let folders = shipped();
    let with = |rest: &[&str]| {
        let folders = folders.iter().map(|folder| folder.to_str().unwrap());
        stdout(&folders.chain(rest.iter().copied()).collect::<Vec<_>>())
    };
    let text = with(&["--resamples", "0"]);
    assert!(text.contains("|S|/|H|") && text.contains("2/2"), "{text}");
    let study: Value =
        serde_json::from_str(&with(&["--format", "json", "--resamples", "50", "--seed", "9"])).unwrap();
    assert_eq!(
        (study["bootstrap"]["seed"].as_u64(), study["devices"].as_array().unwrap().len()),
        (Some(9), 2)
    );
    let cases = study["cases"].as_array().unwrap();
    let measured = cases.iter().filter(|case| case["score"]["interval"].is_array());
    assert!(measured.count() > 5, "{study}");
    for case in cases {
        let pp = case["score"]["pp"].as_f64();
        assert!(pp.is_none_or(|pp| (0.0..=1.0).contains(&pp)), "{case}");
        let zero = case["cells"].as_array().unwrap().iter().any(|cell| cell["is"] == "unsupported");
        assert_eq!(pp == Some(0.0), zero, "{case}");
    }
}

#[test]
fn wrong_usage_says_what_to_do() {
    let results = concat!(env!("CARGO_MANIFEST_DIR"), "/results");
    portamark(&[]).assert().code(2).stderr(contains("RESULTS"));
    portamark(&[results, "-d", "mi300"])
        .assert()
        .code(2)
        .stderr(contains("`mi300`").and(contains("the files have")));
    portamark(&["--table", "none.csv"]).assert().code(2).stderr(contains("none.csv"));
}
