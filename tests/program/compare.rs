//! `portamark compare`, baselines and `portamark history` from the command line, on runs of scripted
//! executors.

use crate::folder::Folder;
use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use std::path::Path;

const SUITE: &str = r#"
name = "small"
[[case]]
key = "gemm f32 m32 n32 k32 nn"
[[case]]
key = "gemm f32 m48 n48 k48 nn"
[[case]]
key = "gemm f32 m64 n64 k64 nn"
"#;

const SLOWED: &str = "gemm f32 m48 n48 k48 nn";
const OTHER: &str = "gemm f32 m64 n64 k64 nn";

/// A gemm of m64 takes half a millisecond; batches vary by 1 %.
fn pace(seed: u32) -> String {
    format!("seconds_per_flop = 1e-9\nnoise = 0.01\nnoise_seed = {seed}\n")
}

/// One case in `times` of its time.
fn slow(seed: u32, times: f64) -> String {
    pace(seed) + &format!("[[rules]]\ncase = '{SLOWED}'\non = 'prepare'\nact = 'slow'\nfactor = {times}\n")
}

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

    /// The command of an executor with `script`, in a file of its own.
    fn scripted(&self, script: &str) -> String {
        let files = fs::read_dir(self.path("")).unwrap().count();
        self.executor(&format!("{files}.toml"), script)
    }

    /// A run of five processes into `folder` by an executor with `script`.
    fn run(&self, folder: &str, script: &str, more: &[&str]) -> Command {
        let mut command = self.run_once(folder, script);
        command.args(["--repeats", "5"]).args(more);
        command
    }

    /// A comparison that assumes nothing about runs: those of a scripted executor differ as their processes do.
    fn compare(&self, arguments: &[&str]) -> Command {
        let mut command = self.portamark(&["compare", "--run-spread", "0"]);
        command.args(arguments);
        command
    }

    /// A run of one process.
    fn run_once(&self, folder: &str, script: &str) -> Command {
        let executor = self.scripted(script);
        self.portamark(&[
            "run",
            "small.toml",
            "-o",
            folder,
            "--min-time",
            "1ms",
            "--warmup",
            "5ms",
            "--executor",
            &executor,
        ])
    }
}

/// Sets a field of the header of the only file in `folder`.
fn edit_header(folder: &Path, change: impl Fn(&mut serde_json::Value)) {
    let path = portamark_results::load_all(&[folder.to_path_buf()]).unwrap().remove(0).path;
    let text = fs::read_to_string(&path).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut header = serde_json::from_str(first).unwrap();
    change(&mut header);
    fs::write(&path, format!("{header}\n{rest}")).unwrap();
}

#[test]
fn a_slower_case_is_named_and_closes_the_gate_and_equal_runs_pass() {
    let bench = Bench::new();
    bench.run("base", &pace(1), &[]).assert().success();
    bench.run("same", &pace(2), &[]).assert().success();
    bench.run("slower", &slow(3, 1.05), &[]).assert().success();
    let gates = ["--fail-on", "slower,wrong,failed,missing"];
    bench.compare(&["base", "same"]).args(gates).assert().success().stdout(contains("3 cases: 3 same"));
    // Without a gate a slower case is told and is no failure.
    bench.compare(&["base", "slower"]).assert().success().stdout(contains("1 slower, 2 same"));
    bench
        .compare(&["base", "slower"])
        .args(gates)
        .assert()
        .code(1)
        .stdout(contains("1 slower, 2 same"))
        .stderr(contains(format!("error: slower: {SLOWED}\n")).and(contains(OTHER).not()));
    bench
        .compare(&["slower", "base", "--fail-on", "faster"])
        .assert()
        .code(1)
        .stderr(contains(format!("faster: {SLOWED}")));
    // 5 % within a margin of a tenth is the same.
    bench.compare(&["base", "slower", "--margin", "10%"]).args(gates).assert().success();
    bench
        .compare(&["base", "slower", "-k", OTHER])
        .args(gates)
        .assert()
        .success()
        .stdout(contains("1 case: 1 same"));
    // What both sides have of the case.
    bench
        .compare(&["base", "slower", "--explain", "m48"])
        .assert()
        .success()
        .stdout(contains("slower").and(contains("process 5: median")).and(contains("margin 2")));
    let explained =
        bench.compare(&["base", "slower", "--explain", "m48", "--format", "json"]).assert().success();
    let document: serde_json::Value = serde_json::from_slice(&explained.get_output().stdout).unwrap();
    assert_eq!(document["verdict"]["verdict"], "slower");
    let samples = document["new"]["processes"][4]["samples_s"].as_array().unwrap();
    assert!(samples.len() >= 30);
}

#[test]
fn every_form_is_read_by_a_reader_of_its_kind() {
    let bench = Bench::new();
    bench.run("base", &pace(1), &[]).assert().success();
    bench.run("new", &slow(3, 1.08), &[]).assert().success();
    let written = |format: &str| {
        let assert = bench.compare(&["base", "new", "--fail-on", "slower", "--format", format]).assert();
        String::from_utf8(assert.code(1).get_output().stdout.clone()).unwrap()
    };
    let junit = written("junit");
    let document = roxmltree::Document::parse(&junit).unwrap();
    let root = document.root_element();
    assert_eq!((root.tag_name().name(), root.attribute("tests")), ("testsuites", Some("3")));
    assert_eq!(root.attribute("failures"), Some("1"));
    let tests = root.descendants().filter(|node| node.has_tag_name("testcase"));
    let failed: Vec<&str> = tests
        .filter(|test| test.children().any(|child| child.has_tag_name("failure")))
        .filter_map(|test| test.attribute("name"))
        .collect();
    assert_eq!(failed, [SLOWED]);

    let document: serde_json::Value = serde_json::from_str(&written("json")).unwrap();
    assert_eq!(document["counts"], serde_json::json!({ "same": 2, "slower": 1 }));
    assert_eq!(document["gates"], serde_json::json!([{ "gate": "slower", "cases": [SLOWED] }]));

    let words: Vec<(String, String)> = written("jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| (line["case"].as_str().unwrap().into(), line["verdict"].as_str().unwrap().into()))
        .collect();
    assert_eq!(words.len(), 3);
    assert!(words.contains(&(SLOWED.into(), "slower".into())), "{words:?}");

    let text = written("csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let column = reader.headers().unwrap().iter().position(|name| name == "ratio").unwrap();
    let ratios: Vec<f64> = reader.records().map(|record| record.unwrap()[column].parse().unwrap()).collect();
    assert_eq!(ratios.iter().filter(|ratio| (*ratio - 1.08).abs() < 0.02).count(), 1, "{ratios:?}");

    let markdown = written("md");
    assert!(markdown.contains(&format!("- gate `slower` failed: `{SLOWED}`")), "{markdown}");
}

#[test]
fn what_was_not_measured_alike_is_refused_by_field_and_file() {
    let bench = Bench::new();
    bench.run("base", &pace(1), &[]).assert().success();
    bench.run("zeros", &pace(2), &["--dist", "zeros"]).assert().success();
    let words = contains("distribution is zeros in zeros/").and(contains("uniform in base/"));
    bench
        .portamark(&["compare", "base", "zeros"])
        .assert()
        .code(2)
        .stdout("")
        .stderr(words.and(contains("--force")));
    bench
        .compare(&["base", "zeros", "--force"])
        .assert()
        .success()
        .stdout(contains("same (forced: different distribution)"));
    // Methods are never mixed.
    bench.run("later", &pace(2), &[]).assert().success();
    edit_header(&bench.path("later"), |header| header["method"] = 2.into());
    for more in [&[][..], &["--force"]] {
        bench.portamark(&["compare", "base", "later"]).args(more).assert().code(2).stderr(
            contains("method is 2 in later/").and(contains("1 in base/")).and(contains("--force").not()),
        );
    }
    // A run is no news about itself.
    bench.portamark(&["compare", "base", "base"]).assert().code(2).stderr(contains("is on both sides"));
}

#[test]
fn few_processes_are_unclear_and_say_what_to_do() {
    let bench = Bench::new();
    bench.run("base", &pace(1), &[]).assert().success();
    bench.run_once("new", &slow(2, 2.0)).assert().success();
    bench
        .portamark(&["compare", "base", "new", "--fail-on", "slower"])
        .assert()
        .success()
        .stdout(contains("1 slower, 2 unclear"))
        .stderr(contains("--repeats 7").and(contains("not significant enough for the gate")));
    bench.portamark(&["compare", "base", "new", "--fail-on", "unclear"]).assert().code(1);
}

#[test]
fn two_single_runs_that_differ_as_runs_may_are_unclear_and_it_is_said_what_to_do() {
    let bench = Bench::new();
    bench.run("base", &pace(1), &[]).assert().success();
    bench.run("new", &slow(2, 1.04), &[]).assert().success();
    bench
        .portamark(&["compare", "base", "new", "--fail-on", "slower"])
        .assert()
        .success()
        .stdout(contains("3 unclear").and(contains("whole runs may differ by as much: 1 new, 1 reference")))
        .stdout(contains("intervals include a standard deviation of 1 % between whole runs"))
        .stderr(contains("note: cases within what whole runs may differ by: 3; measure both sides in turns"));
    // Several runs of both show that they differ by less.
    for seed in [3, 4, 5] {
        bench.run("base", &pace(seed), &[]).assert().success();
        bench.run("new", &slow(seed + 3, 1.04), &[]).assert().success();
    }
    bench.portamark(&["compare", "base", "new"]).assert().success().stdout(contains("1 slower, 2 same"));
}

#[test]
fn a_wrong_or_crashed_case_closes_its_gate() {
    let bench = Bench::new();
    bench.run("base", &pace(1), &[]).assert().success();
    let wrong = pace(2) + &format!("[[rules]]\ncase = '{SLOWED}'\non = 'prepare'\nact = 'wrong'\n");
    bench.run("wrong", &wrong, &[]).assert().code(1);
    let compare = ["compare", "base", "wrong", "--fail-on"];
    bench
        .portamark(&compare)
        .arg("wrong")
        .assert()
        .code(1)
        .stderr(contains(format!("error: wrong: {SLOWED}")));
    bench.portamark(&compare).arg("missing").assert().code(1).stderr(contains("missing: "));
    bench.portamark(&compare).arg("slower,failed").assert().success();
    bench.portamark(&compare).arg("slow").assert().code(2).stderr(contains("choose from slower, faster"));
}

#[test]
fn sides_are_chosen_by_words_among_the_files_of_a_folder() {
    let bench = Bench::new();
    bench.run("all", &pace(1), &["--label", "card=old"]).assert().success();
    bench.run("all", &slow(2, 1.2), &["--label", "card=new"]).assert().success();
    bench
        .compare(&["label=card=old", "label=card=new,device=fake", "--in", "all"])
        .assert()
        .success()
        .stdout(contains("1 slower, 2 same"));
    bench
        .portamark(&["compare", "label=card=old", "label=card=none", "--in", "all"])
        .assert()
        .code(2)
        .stderr(contains("no result file in all matches label=card=none").and(contains("Fake device")));
    bench
        .portamark(&["compare", "nowhere", "all"])
        .assert()
        .code(2)
        .stderr(contains("nowhere: no such file"));
    bench.portamark(&["compare", "all"]).assert().code(2).stderr(contains("two sides"));
    // Both sides of a run in turns.
    let sides = [bench.scripted(&pace(1)), bench.scripted(&slow(2, 1.1))].map(|e| format!("executor={e}"));
    bench
        .portamark(&[
            "run",
            "small.toml",
            "-o",
            "ab",
            "--min-time",
            "1ms",
            "--warmup",
            "5ms",
            "--repeats",
            "5",
        ])
        .args(["--ab", &sides[0], "--ab", &sides[1]])
        .assert()
        .success()
        .stdout(contains("slower"));
    bench
        .portamark(&["compare", "side=A", "side=b", "--in", "ab", "--format", "jsonl"])
        .assert()
        .success()
        .stdout(contains("\"paired\":true").and(contains("\"verdict\":\"slower\"")));
}

#[test]
fn a_baseline_is_kept_by_name_and_compared_with_the_newest_run() {
    let bench = Bench::new();
    let compare = ["compare", "--baseline", "main", "--in", "results", "--run-spread", "0"];
    bench.portamark(&compare).assert().code(2).stderr(contains("--save-baseline main"));
    bench
        .run("results", &pace(1), &["--save-baseline", "no/name"])
        .assert()
        .code(2)
        .stderr(contains("no/name"));
    assert!(!bench.path("results").exists(), "nothing is measured for a name that cannot be kept");
    bench
        .run("results", &pace(1), &["--save-baseline", "main"])
        .assert()
        .success()
        .stderr(contains("baseline main is in results/baselines/main"));
    // The newest run is the baseline itself.
    bench.portamark(&compare).assert().code(2).stderr(contains("is on both sides"));
    // Runs of one second have one order.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    bench.run("results", &slow(2, 1.1), &[]).assert().success();
    bench.portamark(&compare).arg("--fail-on=slower").assert().code(1).stdout(contains("1 slower, 2 same"));
    // The copy does not count beside its original.
    assert_eq!(portamark_results::load_all(&[bench.path("results")]).unwrap().len(), 2);
}

#[test]
fn a_history_shows_when_a_case_became_slower_and_what_changed() {
    let bench = Bench::new();
    bench.run("seed", &pace(1), &[]).assert().success();
    let file = portamark_results::load_all(&[bench.path("seed")]).unwrap().remove(0).path;
    let text = fs::read_to_string(file).unwrap();
    // The same run on other days, and from the seventh on with a slower driver.
    fs::create_dir(bench.path("days")).unwrap();
    for day in 1..=12 {
        let mut lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mut header = lines.next().unwrap();
        header["started"] = format!("2026-03-{day:02}T09:00:00Z").into();
        header["run"] = format!("{day:08x}").into();
        if day >= 7 {
            header["device"]["driver_version"] = "2.0".into();
        }
        let factor = (1.0 + 0.001 * f64::from(day * 7 % 5)) * if day >= 7 { 1.05 } else { 1.0 };
        let mut out = format!("{header}\n");
        for mut line in lines {
            if let Some(median) = line.pointer_mut("/timing/summary/median") {
                *median = (median.as_f64().unwrap() * factor).into();
                for end in ["ci_lo", "ci_hi"] {
                    let seconds = line["timing"]["summary"][end].as_f64();
                    line["timing"]["summary"][end] = seconds.map(|seconds| seconds * factor).into();
                }
                for clock in ["device_ns", "host_ns"] {
                    for ns in line["timing"][clock].as_array_mut().unwrap() {
                        *ns = ((ns.as_f64().unwrap() * factor).round() as u64).into();
                    }
                }
            }
            out += &format!("{line}\n");
        }
        fs::write(bench.path(&format!("days/{day:02}.jsonl")), out).unwrap();
    }
    bench.portamark(&["history", "m48", "--in", "days"]).assert().success().stdout(
        contains("slower by 5.0")
            .and(contains("driver fake 1.0 -> fake 2.0"))
            .and(contains("1 change among 12 runs")),
    );
    let json = bench.portamark(&["history", SLOWED, "--in", "days", "--format", "json"]).assert().success();
    let document: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(document["series"][0]["changes"][0]["at"], 6);
    bench
        .portamark(&["history", "m48", "--in", "days", "--margin", "9%"])
        .assert()
        .success()
        .stdout(contains("no change"));
    bench.portamark(&["history", "m48", "--in", "days", "-d", "nvidia"]).assert().code(2);
    bench
        .portamark(&["history", "gemm", "--in", "days"])
        .assert()
        .code(2)
        .stderr(contains("part of 3 cases"));
}

/// The recipe for CI, as the documentation has it.
#[cfg(unix)]
mod recipe {
    use super::*;

    const GATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ci/gate.sh");

    fn gate(bench: &Bench, mode: &str, script: &str) -> Command {
        let executor = bench.scripted(script);
        let mut command = Command::new("sh");
        command.current_dir(bench.path("")).args([
            GATE,
            mode,
            "--min-time",
            "1ms",
            "--warmup",
            "5ms",
            "--executor",
            &executor,
        ]);
        command.env("PORTAMARK", env!("CARGO_BIN_EXE_portamark"));
        command.env("SUITE", "small.toml").env("REPEATS", "5");
        command
    }

    #[test]
    fn the_script_saves_checks_and_fails_where_a_case_became_slower_or_wrong() {
        let bench = Bench::new();
        gate(&bench, "check", &pace(1)).assert().code(2).stderr(contains("no baseline `main`"));
        gate(&bench, "save", &pace(1)).assert().success();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        gate(&bench, "check", &pace(2)).assert().success();
        let xml = fs::read_to_string(bench.path("portamark.xml")).unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(document.root_element().attribute("failures"), Some("0"));
        std::thread::sleep(std::time::Duration::from_millis(1100));
        gate(&bench, "check", &slow(3, 1.1)).assert().code(1).stderr(contains(format!("slower: {SLOWED}")));
        let xml = fs::read_to_string(bench.path("portamark.xml")).unwrap();
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(document.root_element().attribute("failures"), Some("1"));
        assert!(fs::read_to_string(bench.path("portamark.md")).unwrap().contains("1 slower"));
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let wrong = pace(4) + "[[rules]]\ncase = '*m64*'\non = 'prepare'\nact = 'wrong'\n";
        gate(&bench, "check", &wrong).assert().code(1).stderr(contains(format!("wrong: {OTHER}")));
        gate(&bench, "neither", "").assert().code(2).stderr(contains("neither save nor check"));
    }

    #[test]
    fn the_action_and_the_page_name_every_setting_of_the_script() {
        let read = |name: &str| {
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
        };
        let (script, action, page) = (read("ci/gate.sh"), read("ci/action.yml"), read("ci.md"));
        let settings: Vec<&str> = script
            .split("${")
            .skip(1)
            .filter_map(|rest| rest.split_once(":-"))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(settings.len(), 8, "{settings:?}");
        for name in settings.into_iter().filter(|name| *name != "1") {
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
            let fixed = ["RESULTS", "REPORT"].contains(&name);
            assert!(fixed || action.contains(&format!("        {name}: ${{{{ inputs.")), "{name}");
        }
        assert!(action.contains("gate.sh") && action.contains("using: composite"));
        assert!(page.contains("ci/gate.sh") && page.contains("ci/action.yml"));
    }
}
