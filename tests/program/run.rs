//! The policy of `portamark run`, from the command line, on a scripted executor.

use crate::folder::Folder;
use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use std::path::{Path, PathBuf};

/// Small cases of two families, so that a run takes a second or two.
const SUITE: &str = r#"
name = "small"
[[case]]
key = "stream f32 copy n4096"
[[case]]
key = "gemm f32 m32 n32 k32 nn"
[[case]]
key = "gemm f32 m48 n48 k48 nn"
[[case]]
key = "gemm f16 m32 n32 k32 nt"
[[case]]
key = "gemm f32 m64 n64 k64 nn"
"#;

struct Bench {
    folder: Folder,
    /// Command of its executor.
    executor: String,
}

impl std::ops::Deref for Bench {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl Bench {
    fn new(script: &str) -> Self {
        let folder = Folder::with_suite(SUITE);
        let executor = folder.executor("script.toml", script);
        Bench { folder, executor }
    }

    fn run(&self, arguments: &[&str]) -> Command {
        let mut command =
            self.portamark(&["run", "small.toml", "-d", "all", "-o", "results", "--warmup", "5ms"]);
        command.args(["--executor", &self.executor]).args(arguments);
        command
    }

    /// Starts a run whose fourth case hangs, and waits until three rows are there.
    fn start_and_hang(&self, timeout: &str) -> std::process::Child {
        let program = env!("CARGO_BIN_EXE_portamark");
        let child = std::process::Command::new(program)
            .current_dir(self.path(""))
            .args([
                "run",
                "small.toml",
                "-d",
                "all",
                "-o",
                "results",
                "--warmup",
                "5ms",
                "--timeout",
                timeout,
                "--executor",
            ])
            .arg(format!("{program} executor fake --script {}", self.path("script.toml").display()))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let started = std::time::Instant::now();
        while self.files().is_empty() || fs::read_to_string(&self.files()[0]).unwrap().lines().count() < 4 {
            assert!(started.elapsed().as_secs() < 60, "the run does not get to its third row");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // A row is seen before the disk has it, and only then does the next case begin.
        std::thread::sleep(std::time::Duration::from_millis(1500));
        child
    }

    /// Fails when an executor of this bench is still there after a moment.
    fn expect_no_executor(&self) {
        let script = self.path("script.toml").display().to_string();
        let lives = || {
            let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
            processes
                .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
                .any(|line| String::from_utf8_lossy(&line).contains(&script))
        };
        let started = std::time::Instant::now();
        while lives() {
            assert!(started.elapsed().as_secs() < 10, "a hanging executor outlives its runner");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// The result files.
    fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { walk(&entry.path(), into) } else { into.push(entry.path()) }
            }
        }
        let mut files = Vec::new();
        walk(&self.path("results"), &mut files);
        files.sort();
        files
    }

    /// Case and status of every row of the only file, in order.
    fn rows(&self) -> Vec<(String, String)> {
        let files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        let run = portamark_results::load(&files[0]).unwrap();
        assert_eq!(run.problems, Vec::<String>::new());
        run.rows.iter().map(|row| (row.case.clone(), row.status.to_string())).collect()
    }

    fn statuses(&self) -> Vec<String> {
        self.rows().into_iter().map(|(_, status)| status).collect()
    }
}

fn rule(case: &str, on: &str, act: &str) -> String {
    format!("[[rules]]\ncase = '{case}'\non = '{on}'\nact = '{act}'\n")
}

#[test]
fn a_good_run_has_a_row_for_each_case_a_table_and_a_report() {
    let bench = Bench::new("");
    bench
        .run(&["--report", "report", "--label", "card=none"])
        .assert()
        .success()
        .stdout(contains("gemm f32 m64 n64 k64 nn").and(contains("report.html")));
    assert_eq!(bench.statuses(), ["ok"; 5]);
    assert!(fs::read_to_string(bench.path("report/report.html")).unwrap().contains("gemm f16"));
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    assert_eq!(run.header.labels["card"], "none");
    assert!(run.header.sensors.is_some() && run.header.cache.is_some() && run.header.sentinels.is_some());
    // The fake has an address on the bus, which is no one's business.
    assert!(!fs::read_to_string(&bench.files()[0]).unwrap().contains("65:00"));
    for row in &run.rows {
        let timing = row.timing.as_ref().unwrap();
        assert!(timing.host_ns.len() >= 30, "{}", row.case);
        assert!(row.verification.as_ref().unwrap().passed);
    }
}

#[test]
fn a_wrong_or_unwritten_result_has_no_throughput_and_exit_1() {
    for (act, words) in [("wrong", "times its bound"), ("unwritten", "were not written")] {
        let bench = Bench::new(&rule("gemm f32 m48*", "prepare", act));
        bench.run(&[]).assert().code(1).stderr(contains("cases that failed or gave a wrong result: 1"));
        assert_eq!(bench.statuses(), ["ok", "ok", "wrong", "ok", "ok"], "{act}");
        let run = portamark_results::load(&bench.files()[0]).unwrap();
        let row = &run.rows[2];
        assert!(row.reason.as_ref().unwrap().contains(words), "{:?}", row.reason);
        assert!(row.timing.is_none() && row.flop_rate().is_none());
        assert!(!row.verification.as_ref().unwrap().passed);
    }
}

#[test]
fn output_that_goes_wrong_only_while_it_is_timed_is_found_too() {
    let script = format!("{}after = 12\n", rule("gemm f32 m48*", "sample", "wrong"));
    let bench = Bench::new(&script);
    bench.run(&[]).assert().code(1);
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    assert!(run.rows[2].reason.as_ref().unwrap().starts_with("after timing: "), "{:?}", run.rows[2].reason);
}

#[test]
fn an_executor_that_misbehaves_costs_one_row_and_the_run_goes_on() {
    for (act, status, words) in [
        ("hang", "timeout", "no answer within 3.00 s"),
        ("exit", "crashed", "exit code 3"),
        ("abort", "crashed", "ended by SIG"),
        ("garbage", "crashed", "is not a response"),
        ("half-line", "crashed", "ended early"),
        ("error", "failed", "as the script says"),
    ] {
        for on in ["prepare", "sample"] {
            let bench = Bench::new(&rule("gemm f32 m48*", on, act));
            bench.run(&["--timeout", "3s"]).assert().code(1);
            assert_eq!(bench.statuses(), ["ok", "ok", status, "ok", "ok"], "{act} on {on}");
            let run = portamark_results::load(&bench.files()[0]).unwrap();
            let reason = run.rows[2].reason.clone().unwrap();
            assert!(reason.contains(words), "{act} on {on}: {reason}");
        }
    }
}

#[test]
fn a_device_without_memory_and_a_lost_device_cost_one_row_and_say_so() {
    for (status, row_status, code, reason) in [
        ("out-of-memory", "out-of-memory", 0, "VK_ERROR_OUT_OF_DEVICE_MEMORY"),
        ("device-lost", "crashed", 1, "VK_ERROR_DEVICE_LOST"),
    ] {
        let rule = rule("gemm f32 m48*", "sample", "error");
        let bench = Bench::new(&format!("{rule}status = '{status}'\nreason = '{reason}'\n"));
        bench.run(&[]).assert().code(code);
        assert_eq!(bench.statuses(), ["ok", "ok", row_status, "ok", "ok"], "{status}");
        let run = portamark_results::load(&bench.files()[0]).unwrap();
        assert_eq!((run.rows[2].kills, run.rows[2].retry), (1, 0));
        assert!(run.rows[2].reason.as_ref().unwrap().contains(reason), "{:?}", run.rows[2].reason);
    }
}

#[test]
fn what_failed_is_tried_again_in_its_file_and_quarantined_after_two_deaths() {
    let bench = Bench::new(&rule("gemm f32 m48*", "sample", "abort"));
    bench.run(&["--isolate", "case"]).assert().code(1);
    assert_eq!(bench.statuses(), ["ok", "ok", "crashed", "ok", "ok"]);
    let before = fs::read_to_string(&bench.files()[0]).unwrap();
    let row = || portamark_results::load(&bench.files()[0]).unwrap().rows[2].clone();
    assert_eq!((row().retry, row().kills, row().tags.len()), (0, 1, 0));

    bench.run(&["--retry", "failed"]).assert().code(1).stderr(contains("resuming"));
    assert_eq!(bench.statuses(), ["ok", "ok", "crashed", "ok", "ok"]);
    assert_eq!(
        (row().retry, row().kills, &row().tags[..]),
        (1, 2, &[portamark_results::Tag::Quarantined][..])
    );
    assert!(row().reason.unwrap().ends_with("is not retried in this run"));
    let after = fs::read_to_string(&bench.files()[0]).unwrap();
    let rows: Vec<&str> = before.lines().take(6).collect();
    assert!(after.starts_with(&rows.join("\n")), "earlier rows stay as they were");

    // Now it would work, but it is not tried.
    fs::write(bench.path("script.toml"), "").unwrap();
    bench.run(&["--retry", "failed"]).assert().code(1);
    assert_eq!((row().retry, row().kills), (1, 2));
}

#[test]
fn a_case_that_works_when_tried_again_has_its_numbers() {
    let bench = Bench::new(&rule("gemm f32 m48*", "prepare", "error"));
    bench.run(&[]).assert().code(1);
    fs::write(bench.path("script.toml"), "").unwrap();
    bench.run(&["--retry", "failed"]).assert().success();
    assert_eq!(bench.statuses(), ["ok"; 5]);
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    assert_eq!((run.rows[2].retry, run.rows[2].kills, run.end.unwrap().rows), (1, 0, 5));
    fs::remove_dir_all(bench.path("results")).unwrap();
    let nothing = bench.run(&["--retry", "failed"]).assert().code(2);
    nothing.stderr(contains("nothing to retry").and(contains("without --retry")));
}

#[test]
fn a_run_with_other_numbers_is_not_gone_on_with_and_the_error_names_the_field() {
    let bench = Bench::new(&rule("gemm f16 *", "sample", "hang"));
    let mut child = bench.start_and_hang("100s");
    child.kill().unwrap();
    child.wait().unwrap();
    bench.expect_no_executor();
    fs::write(bench.path("script.toml"), "").unwrap();
    for (arguments, words) in [
        (["--seed", "7"], "its seed is 1, this run's is 7"),
        (["--max-noise", "0.1"], "its option max_noise is 0.005, this run's is 0.1"),
    ] {
        let refused = bench.run(&["--resume", arguments[0], arguments[1]]).assert().code(2);
        refused.stderr(contains(words).and(contains("without --resume")));
    }
    fs::write(bench.path("script.toml"), "[[devices]]\nid = 'fake/Fake device/1.1'\n").unwrap();
    let refused = bench.run(&["--resume"]).assert().code(2);
    refused.stderr(contains("its device is fake/Fake device/1.0, this run's is fake/Fake device/1.1"));
    assert_eq!(bench.files().len(), 1);
    fs::write(bench.path("script.toml"), "").unwrap();
    bench.run(&["--resume"]).assert().success();
    assert_eq!(bench.statuses(), ["ok"; 5]);
}

#[test]
fn what_a_device_lacks_is_unsupported_and_exit_0() {
    let bench = Bench::new("[[devices]]\nfeatures = []\n");
    bench.run(&[]).assert().success();
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    assert_eq!(run.rows[3].status.to_string(), "unsupported");
    assert_eq!(run.rows[3].reason.as_deref(), Some("needs shader-f16, which this device does not offer"));
}

#[test]
fn what_the_budget_cannot_pay_is_skipped_with_the_prediction() {
    // 2·64³ FLOP at 1 µs each take half a second; thirty of them do not fit.
    let bench = Bench::new("seconds_per_flop = 1e-6\n");
    bench.run(&["--budget", "10s"]).assert().success();
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    let row = run.rows.iter().find(|row| row.case.contains("m64")).unwrap();
    assert_eq!(row.status.to_string(), "skipped");
    assert!(row.reason.as_ref().unwrap().contains("predicted 52"), "{:?}", row.reason);
    assert!(row.predicted_s.is_some());
}

#[test]
fn what_would_pass_its_deadline_is_skipped_before_it_runs() {
    // 2·48³ FLOP at 5 µs each take 1.1 s, 2·64³ take 2.6 s.
    let bench = Bench::new("seconds_per_flop = 5e-6\n");
    bench.run(&["--timeout", "2s", "-k", "gemm f32*"]).assert().success();
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    let last = run.rows.last().unwrap();
    assert_eq!(
        (last.case.as_str(), last.status.to_string().as_str()),
        ("gemm f32 m64 n64 k64 nn", "skipped")
    );
    assert!(last.reason.as_ref().unwrap().contains("the timeout is 2.00 s"), "{:?}", last.reason);
}

#[test]
fn a_run_that_is_killed_goes_on_where_it_stopped() {
    let bench = Bench::new(&rule("gemm f16 *", "sample", "hang"));
    let mut child = bench.start_and_hang("100s");
    child.kill().unwrap();
    child.wait().unwrap();
    bench.expect_no_executor();
    // The power fails in the middle of a line.
    let path = bench.files().remove(0);
    let before = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{before}{{\"type\":\"row\",\"case\":\"gem")).unwrap();
    fs::write(bench.path("script.toml"), "").unwrap();

    bench.run(&["--resume"]).assert().success().stderr(contains("resuming"));
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.starts_with(&before), "finished rows stay as they were");
    assert_eq!(bench.statuses(), ["ok"; 5]);
    let mut keys: Vec<String> = bench.rows().into_iter().map(|(key, _)| key).collect();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn a_run_that_is_still_measuring_is_not_gone_on_with_by_another_that_may_wait_for_it() {
    let bench = Bench::new(&rule("gemm f16 *", "sample", "hang"));
    let mut child = bench.start_and_hang("100s");
    let before = fs::read_to_string(&bench.files()[0]).unwrap();
    for again in [&["--resume"][..], &["--retry", "failed"]] {
        let mut refused = bench.run(again);
        let refused = refused.assert().code(2).stderr(contains("another process is writing this file"));
        refused.stderr(contains("wait for it with --wait"));
    }
    assert_eq!(fs::read_to_string(&bench.files()[0]).unwrap(), before);
    // Who is interrupted while it waits says so, and with the code of an interrupt.
    #[cfg(unix)]
    {
        let program = env!("CARGO_BIN_EXE_portamark");
        let mut waiter = std::process::Command::new(program)
            .current_dir(bench.path(""))
            .args([
                "run",
                "small.toml",
                "-d",
                "all",
                "-o",
                "results",
                "--warmup",
                "5ms",
                "--resume",
                "--wait",
                "--executor",
            ])
            .arg(&bench.executor)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = std::io::BufReader::new(waiter.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("waiting until another run has ended") {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0, "it does not wait");
        }
        let pid = rustix::process::Pid::from_child(&waiter);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut said, &mut rest).unwrap();
        assert_eq!(waiter.wait().unwrap().code(), Some(4), "{rest}");
        assert!(rest.contains("interrupted; nothing was measured"), "{rest}");
    }
    // Who waits goes on once the first is killed: no lock outlives its process.
    fs::write(bench.path("script.toml"), "").unwrap();
    let waiter = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| bench.run(&["--resume", "--wait"]).output().unwrap());
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert!(!waiter.is_finished());
        child.kill().unwrap();
        child.wait().unwrap();
        waiter.join().unwrap()
    });
    let said = String::from_utf8(waiter.stderr).unwrap();
    assert!(waiter.status.success() && said.contains("waiting until another run has ended"), "{said}");
    assert_eq!(bench.statuses(), ["ok"; 5]);
}

#[test]
fn without_an_interrupted_run_resume_starts_a_new_one() {
    let bench = Bench::new("");
    bench.run(&["--resume"]).assert().success();
    bench.run(&["--resume"]).assert().success();
    assert_eq!(bench.files().len(), 2, "a finished run is not gone on with");
}

#[test]
fn devices_are_measured_side_by_side_each_into_a_file_of_its_own() {
    let bench = Bench::new("[[devices]]\nid = 'fake/A/1'\n[[devices]]\nid = 'fake/B/1'\n");
    bench.run(&[]).assert().success();
    let runs = portamark_results::load_all(&bench.files()).unwrap();
    let devices: Vec<_> = runs.iter().map(|run| run.header.device.id.as_str()).collect();
    assert_eq!(devices, ["fake/A/1", "fake/B/1"]);
    assert_eq!(runs[0].header.run, runs[1].header.run);
    assert!(runs.iter().all(|run| run.rows.len() == 5));
}

#[test]
fn no_device_is_exit_3_with_a_hint() {
    let bench = Bench::new("devices = []\n");
    bench.run(&[]).assert().code(3).stderr(contains("no device").and(contains("portamark doctor")));
}

#[test]
fn a_timer_that_lies_is_not_used_and_the_file_says_why() {
    for (timer, words) in [
        ("zero", "zero"),
        ("negative", "go backwards"),
        ("above-host", "exceeds host time"),
        ("constant", "twice the work"),
        ("none", "zero or missing"),
    ] {
        let bench = Bench::new(&format!("timer = '{timer}'\n"));
        bench.run(&["-k", "gemm f32 m32*"]).assert().success();
        let header = portamark_results::load(&bench.files()[0]).unwrap().header;
        assert_eq!(header.timer.chosen, portamark_results::TimerChoice::Host, "{timer}");
        assert!(header.timer.findings.join("; ").contains(words), "{timer}: {:?}", header.timer.findings);
    }
}

#[test]
fn wrong_usage_is_one_clear_error_and_exit_2() {
    let bench = Bench::new("[[devices]]\nid = 'fake/A/1'\n[[devices]]\nid = 'fake/AB/1'\n");
    let portamark = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
        command.current_dir(bench.path("")).args(arguments);
        command.assert().code(2)
    };
    portamark(&["run", "quik"]).stderr(contains("quik").and(contains("quick")));
    portamark(&["run", "missing.toml"]).stderr(contains("missing.toml"));
    fs::write(bench.path("bad.toml"), "[[case]]\nkey = \"gemm f32 m0\"\n").unwrap();
    portamark(&["run", "bad.toml"]).stderr(contains("bad.toml").and(contains("sizes start at 1")));
    portamark(&["report", "nowhere"]).stderr(contains("nowhere"));
    fs::write(bench.path("future.jsonl"), "{\"type\":\"header\",\"schema\":9,\"portamark\":\"7.0\"}\n")
        .unwrap();
    portamark(&["report", "future.jsonl"]).stderr(contains("schema 9").and(contains("update portamark")));
    fs::write(bench.path("noise.jsonl"), [0u8, 159, 146, 150, 10]).unwrap();
    portamark(&["report", "noise.jsonl"]).stderr(contains("noise.jsonl"));
    let mut ambiguous = bench.run(&["-d", "fake/A"]);
    ambiguous.assert().code(2).stderr(contains("matches 2 devices: fake/A/1; fake/AB/1"));
    assert!(bench.files().is_empty(), "nothing is written");
}

#[test]
fn a_full_disk_is_an_error_that_says_so() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let bench = Bench::new("");
    // A results folder that cannot hold anything: a file stands in its place.
    fs::write(bench.path("results"), "").unwrap();
    bench.run(&[]).assert().code(2).stderr(contains("results"));
    assert_eq!(fs::read_to_string(bench.path("results")).unwrap(), "", "nothing is overwritten");
}

#[test]
fn a_dry_run_lists_cases_and_kernels_and_writes_nothing() {
    let bench = Bench::new("");
    bench
        .run(&["--dry-run"])
        .assert()
        .success()
        .stdout(contains("gemm f32 m64 n64 k64 nn").and(contains("524 kFLOP")));
    assert!(bench.files().is_empty());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_finishes_its_case_says_so_and_exits_4() {
    let bench = Bench::new(&rule("gemm f16 *", "sample", "hang"));
    let child = bench.start_and_hang("3s");
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("continue with --resume"));
    // The case that was running has its row; the last one has none.
    assert_eq!(bench.statuses(), ["ok", "ok", "ok", "timeout"]);
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    assert_eq!(run.end.unwrap().outcome, portamark_results::RunOutcome::Interrupted);
    bench.run(&["--resume"]).assert().code(1);
    assert_eq!(bench.statuses(), ["ok", "ok", "ok", "timeout", "ok"]);
}

/// Case, variant and whether it was tuned, of every row.
fn variants(bench: &Bench) -> Vec<(String, String, bool)> {
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    assert_eq!(run.problems, Vec::<String>::new());
    let used = |row: &portamark_results::Row| match &row.kernel {
        Some(kernel) => (row.case.clone(), kernel.variant.to_string(), kernel.tuned),
        None => (row.case.clone(), String::new(), false),
    };
    run.rows.iter().map(used).collect()
}

#[test]
fn a_variant_is_forced_by_its_text_and_one_that_is_not_there_is_a_reason() {
    let bench = Bench::new("");
    bench.run(&["-k", "gemm f32 m32*", "--variant", "reference", "--checks", "both"]).assert().success();
    let names: Vec<String> = variants(&bench).into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["reference threads64", "reference threads64 checked"]);
    let bench = Bench::new("");
    bench.run(&["-k", "gemm f32 m32*", "--variant", "warp9"]).assert().success();
    let run = portamark_results::load(&bench.files()[0]).unwrap();
    assert_eq!(run.rows[0].status.to_string(), "unsupported");
    assert!(run.rows[0].reason.as_ref().unwrap().contains("`warp9`; there are direct"), "{:?}", run.rows[0]);
}

#[test]
fn all_variants_have_rows_and_a_run_that_was_cut_off_gets_the_missing_ones() {
    let bench = Bench::new("");
    let arguments = ["-k", "gemm f32 m32*", "--all-variants"];
    bench.run(&arguments).assert().success();
    let all = variants(&bench);
    assert!(all.len() > 2, "{all:?}");
    let path = bench.files().remove(0);
    let text = fs::read_to_string(&path).unwrap();
    let two: Vec<&str> = text.lines().take(3).collect();
    fs::write(&path, two.join("\n") + "\n").unwrap();
    bench.run(&[&arguments[..], &["--resume"]].concat()).assert().success();
    assert_eq!(variants(&bench), all);
}

#[test]
fn a_run_uses_what_was_tuned_unless_told_otherwise() {
    let script = "[[rules]]\nvariant = 'direct*rows2*'\non = 'prepare'\nact = 'slow'\nfactor = 0.5\n";
    let bench = Bench::new(&format!("seconds_per_flop = 1e-9\n{script}"));
    let program = env!("CARGO_BIN_EXE_portamark");
    let mut tune = Command::new(program);
    tune.current_dir(bench.path("")).args(["tune", "small.toml", "-o", "results", "-k", "gemm f32*"]);
    tune.args(["--budget", "20s", "--executor"]);
    tune.arg(format!("{program} executor fake --script script.toml"));
    tune.assert().success().stdout(contains("rows2").and(contains("keys tuned")));
    let table = bench.files().remove(0);
    assert!(table.ends_with("tuned/fake-fake-device-1.0.toml"), "{table:?}");
    let kept = fs::read_to_string(&table).unwrap();
    let rows = |arguments: &[&str]| {
        bench.run(&[&["-k", "gemm f32 m32*"], arguments].concat()).assert().success();
        let path = bench.files().into_iter().find(|path| path.extension().unwrap() == "jsonl").unwrap();
        let run = portamark_results::load(&path).unwrap();
        fs::remove_file(path).unwrap();
        run.rows[0].kernel.clone().unwrap()
    };
    let used = rows(&[]);
    assert!(used.tuned && used.variant.to_string().contains("rows2"), "{used:?}");
    assert!(!rows(&["--untuned"]).tuned);
    fs::write(&table, kept.replace("wgpu = \"", "wgpu = \"0.")).unwrap();
    assert!(!rows(&[]).tuned, "a table of another wgpu is not used");
    fs::write(&table, "version = 7\n").unwrap();
    let refused = bench.run(&[]).assert().code(2);
    refused.stderr(contains("version 7").and(contains("--untuned")));
    fs::write(&table, kept).unwrap();
}

#[test]
fn an_own_kernel_without_a_header_or_with_a_wrong_case_is_an_error_with_a_hint() {
    let bench = Bench::new("");
    for (text, part) in [
        ("@compute fn main() {}", "no header"),
        ("// portamark: case = 'gemm f9 m1'\n// portamark: workgroups = '1'", "`gemm f9 m1` is not a case"),
        ("// portamark: case = 'conv *'\n// portamark: workgroups = '1'", "not in suite small"),
    ] {
        fs::write(bench.path("mine.wgsl"), text).unwrap();
        let wrong = bench.run(&["--kernel", "mine.wgsl"]).assert().code(2);
        wrong.stderr(contains(part).and(contains("m512 n512 k512")));
    }
    assert!(bench.files().is_empty());
}
