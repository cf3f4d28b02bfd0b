//! Repeats and comparisons of `portamark run`, on scripted executors.

use crate::folder::Folder;
use assert_cmd::Command;
use portamark_results::{RunFile, load_all};
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use std::path::Path;

const SUITE: &str = r#"
name = "small"
[[case]]
key = "stream f32 copy n4096"
[[case]]
key = "gemm f32 m32 n32 k32 nn"
[[case]]
key = "gemm f32 m48 n48 k48 nn"
[[case]]
key = "gemm f32 m64 n64 k64 nn"
"#;

/// A gemm of m64 takes half a millisecond; batches vary by 1 %.
const PACE: &str = "seconds_per_flop = 1e-9\nnoise = 0.01\n";
const GEMM: &str = "gemm f32 m64 n64 k64 nn";

struct Bench {
    folder: Folder,
}

impl std::ops::Deref for Bench {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl Bench {
    fn new() -> Self {
        Bench { folder: Folder::with_suite(SUITE) }
    }

    fn run(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command =
            self.portamark(&["run", "small.toml", "-o", folder, "--min-time", "1ms", "--warmup", "5ms"]);
        command.args(arguments);
        command
    }

    /// Two sides that run [`GEMM`], by their scripts.
    fn compare(&self, folder: &str, a: &str, b: &str) -> Command {
        let a = format!("executor={}", self.executor("a.toml", a));
        let b = format!("executor={}", self.executor("b.toml", b));
        self.run(folder, &["-k", GEMM, "--ab", &a, "--ab", &b])
    }

    /// The files of a folder, side A first.
    fn files(&self, folder: &str) -> Vec<RunFile> {
        let mut files = load_all(&[self.path(folder)]).unwrap();
        files.sort_by_key(|file| file.header.ab.as_ref().map(|ab| ab.side.clone()));
        for file in &files {
            assert_eq!(file.problems, Vec::<String>::new());
        }
        files
    }
}

/// Cases and repeats of a file in their order.
fn order(file: &RunFile) -> Vec<(u32, String)> {
    file.rows.iter().map(|row| (row.repeat, row.case.clone())).collect()
}

#[test]
fn each_repeat_has_every_case_in_a_fresh_process_and_in_the_order_of_the_seed() {
    let bench = Bench::new();
    // A process that prepares a case of m32 a second time would fail.
    let script = "[[rules]]\ncase = 'gemm f32 m32*'\non = 'prepare'\nafter = 1\nact = 'error'\n";
    let executor = bench.executor("script.toml", script);
    let run = |folder: &str, seed: &str| {
        bench.run(folder, &["--executor", &executor, "--repeats", "3", "--seed", seed]).assert().success();
        let files = bench.files(folder);
        assert_eq!(files.len(), 1);
        order(&files[0])
    };
    let first = run("first", "1");
    assert_eq!(first.len(), 12);
    for repeat in 1..=3 {
        let mut cases: Vec<&String> = first.iter().filter(|row| row.0 == repeat).map(|row| &row.1).collect();
        cases.sort();
        cases.dedup();
        assert_eq!(cases.len(), 4, "{first:?}");
    }
    assert!(first.is_sorted_by_key(|row| row.0));
    assert_eq!(run("same", "1"), first);
    assert_ne!(run("other", "2"), first);
}

/// Takes the last `rows` rows and the closing line from a file, as a power cut would.
fn cut(path: &Path, rows: usize) {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(path, lines[..lines.len() - 1 - rows].join("\n") + "\n").unwrap();
}

#[test]
fn interrupted_repeats_are_gone_on_with() {
    let bench = Bench::new();
    let executor = bench.executor("script.toml", "");
    let arguments = ["--executor", &executor, "--repeats", "2"];
    bench.run("results", &arguments).assert().success();
    let before = bench.files("results").remove(0);
    cut(&before.path, 5);
    bench.run("results", &arguments).arg("--resume").assert().success();
    let after = bench.files("results");
    assert_eq!((after.len(), after[0].rows.len()), (1, 8));
    assert_eq!(order(&after[0]), order(&before));
    assert_eq!(after[0].rows[..3], before.rows[..3]);
}

#[test]
fn five_percent_more_time_is_slower_and_none_is_the_same() {
    let bench = Bench::new();
    let slower = PACE.replace("1e-9", "1.05e-9") + "noise_seed = 2\n";
    let same = PACE.to_string() + "noise_seed = 3\n";
    bench
        .compare("slower", PACE, &slower)
        .assert()
        .success()
        // Every process of a side has the same noise, of which half a percent stays in the medians.
        .stdout(
            contains("slower").and(contains(" 1.05").or(contains(" 1.04"))).and(contains("unclear").not()),
        );
    bench.compare("same", PACE, &same).assert().success().stdout(contains("same"));
    bench.compare("faster", &slower, PACE).assert().success().stdout(contains("faster"));
    let files = bench.files("slower");
    let side = |file: &RunFile| file.header.ab.clone().unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!((side(&files[0]).side, side(&files[1]).side), ("A".to_string(), "B".to_string()));
    assert!(side(&files[1]).words.ends_with("executor fake --script b.toml"), "{:?}", side(&files[1]));
    assert_eq!(files[0].header.run, files[1].header.run);
    for (a, b) in files[0].rows.iter().zip(&files[1].rows) {
        let batches = |row: &portamark_results::Row| row.timing.as_ref().unwrap().seconds().len();
        assert_eq!((a.repeat, batches(a)), (b.repeat, batches(b)));
        assert!(batches(a) >= 30);
    }
    assert_eq!(order(&files[0]).len(), 7);
}

#[test]
fn a_comparison_that_was_cut_short_is_gone_on_with_on_both_sides() {
    let bench = Bench::new();
    bench.compare("results", PACE, PACE).assert().success();
    // The power went between the rows of the sixth pair: A has its own, B has not.
    let before = bench.files("results");
    cut(&before[0].path, 1);
    cut(&before[1].path, 2);
    bench.compare("results", PACE, PACE).arg("--resume").assert().success().stdout(contains("same"));
    let mut after = load_all(&[bench.path("results")]).unwrap();
    after.sort_by_key(|file| file.header.ab.as_ref().map(|ab| ab.side.clone()));
    assert_eq!(after.len(), 2);
    for (file, old) in after.iter().zip(&before) {
        assert_eq!(order(file), order(old));
        assert_eq!(file.rows[..5], old.rows[..5]);
    }
    // The sixth pair was measured anew as a pair.
    let device_ns = |file: &RunFile| file.rows[5].timing.as_ref().unwrap().device_ns.len();
    assert_eq!(device_ns(&after[0]), device_ns(&after[1]));
}

#[test]
fn a_side_that_fails_has_its_row_and_the_other_its_own() {
    let bench = Bench::new();
    let crash = format!("{PACE}[[rules]]\ncase = 'gemm*'\non = 'sample'\nafter = 20\nact = 'abort'\n");
    bench
        .compare("results", PACE, &crash)
        .assert()
        .code(1)
        .stdout(contains("missing (the new side is crashed"))
        .stderr(contains("failed or gave a wrong result"));
    let files = bench.files("results");
    let statuses = |file: &RunFile| file.rows.iter().map(|row| row.status.to_string()).collect::<Vec<_>>();
    assert_eq!(statuses(&files[0]), ["ok"; 7]);
    assert_eq!(statuses(&files[1]), ["crashed"; 7]);
}

#[test]
fn fewer_than_five_processes_are_unclear_with_the_reason() {
    let bench = Bench::new();
    let slower = PACE.replace("1e-9", "1.3e-9");
    bench
        .compare("results", PACE, &slower)
        .args(["--repeats", "4"])
        .assert()
        .success()
        .stdout(contains("unclear (4 new and 4 reference processes; 5 on each side are needed"));
}

#[test]
fn sides_that_make_no_comparison_are_refused() {
    let bench = Bench::new();
    let refused = |arguments: &[&str], words: &str| {
        bench.run("results", arguments).assert().code(2).stderr(contains(words));
    };
    refused(&["--ab", "0"], "--ab is given 1 times");
    refused(&["--ab", "0", "--ab", "icd=no/such/manifest.json"], "no/such/manifest.json is not there");
    refused(&["--ab", "0", "--ab", "1", "--all-variants"], "--all-variants cannot be combined with --ab");
    let executor = format!("executor={}", bench.executor("script.toml", ""));
    let one = format!("{executor},case={GEMM}");
    refused(&["--ab", &executor, "--ab", &one], "one side names a single case");
    assert!(!bench.path("results").exists() || load_all(&[bench.path("results")]).is_ok());
}
