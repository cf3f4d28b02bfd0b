//! Runs that everything befalls: executors that hang, die, lie and babble at random, and a runner
//! that is killed at random moments and goes on.

use portamark_results::{Row, RunFile, RunOutcome, Status, load};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CASES: usize = 40;
/// Times that the runner is killed.
const KILLS: usize = 10;

/// What befalls a case: how a script says it, and the row's true status.
const MISHAPS: [(&str, &str, Status); 12] = [
    ("sample", "act = 'hang'", Status::Timeout),
    ("prepare", "act = 'hang'", Status::Timeout),
    ("sample", "act = 'abort'", Status::Crashed),
    ("read", "act = 'exit'", Status::Crashed),
    ("prepare", "act = 'garbage'", Status::Crashed),
    ("sample", "act = 'half-line'", Status::Crashed),
    ("prepare", "act = 'wrong'", Status::Wrong),
    ("prepare", "act = 'unwritten'", Status::Wrong),
    ("sample", "act = 'lie'", Status::Failed),
    ("prepare", "act = 'error'", Status::Failed),
    ("sample", "act = 'error'\nstatus = 'out-of-memory'", Status::OutOfMemory),
    ("sample", "act = 'error'\nstatus = 'device-lost'", Status::Crashed),
];

struct Chaos {
    folder: tempfile::TempDir,
    /// What each case's row has to say.
    expected: BTreeMap<String, Status>,
}

impl Chaos {
    /// A suite of which nearly half the cases come to grief, by `seed`.
    fn new(seed: u64) -> Self {
        let mut random = Pcg32::seed_from_u64(seed);
        let mut below = |n: usize| random.next_u32() as usize % n;
        let (mut suite, mut script) = ("name = \"chaos\"\n".to_string(), String::new());
        let mut expected = BTreeMap::new();
        let mut mishaps: Vec<_> = MISHAPS.to_vec();
        for number in 0..CASES {
            let key = format!("gemm f32 m{} n16 k16 nn", 8 + number);
            suite.push_str(&format!("[[case]]\nkey = \"{key}\"\n"));
            let mut status = Status::Ok;
            // Each mishap comes up at least once: what is left goes to the last cases.
            if !mishaps.is_empty() && (below(5) < 2 || CASES - number <= mishaps.len()) {
                let (on, act, becomes) = mishaps.swap_remove(below(mishaps.len()));
                script.push_str(&format!("[[rules]]\ncase = \"{key}\"\non = '{on}'\n{act}\n"));
                status = becomes;
            }
            expected.insert(key, status);
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("chaos.toml"), suite).unwrap();
        fs::write(folder.path().join("script.toml"), script).unwrap();
        Chaos { folder, expected }
    }

    fn run(&self, more: &[&str]) -> Child {
        let program = env!("CARGO_BIN_EXE_portamark");
        Command::new(program)
            .current_dir(self.folder.path())
            .args([
                "run",
                "chaos.toml",
                "-o",
                "results",
                "--timeout",
                "1500ms",
                "--max-time",
                "50ms",
                "--warmup",
                "5ms",
            ])
            .args(more)
            .arg("--executor")
            .arg(format!("{program} executor fake --script script.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The only result file, once there is one.
    fn file(&self) -> Option<PathBuf> {
        fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { walk(&entry.path(), into) } else { into.push(entry.path()) }
            }
        }
        let mut files = Vec::new();
        walk(&self.folder.path().join("results"), &mut files);
        assert!(files.len() < 2, "a run that goes on has one file: {files:?}");
        files.pop()
    }

    fn lines(&self) -> usize {
        self.file()
            .and_then(|file| fs::read(file).ok())
            .map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count())
    }

    /// Every case has one row, with its true status, and the file says nothing else.
    fn check(&self, file: &RunFile) {
        let rows: BTreeMap<String, &Row> = file.rows.iter().map(|row| (row.case.clone(), row)).collect();
        assert_eq!((rows.len(), file.rows.len(), self.lines()), (CASES, CASES, CASES + 2));
        assert_eq!(file.problems, Vec::<String>::new());
        for (key, status) in &self.expected {
            let row = rows[key];
            assert_eq!(row.status, *status, "{key}: {:?}", row.reason);
            assert_eq!(row.reason.is_some(), *status != Status::Ok, "{key}");
            assert_eq!(row.timing.is_some(), *status == Status::Ok, "{key}: no proof, no number");
        }
        assert_eq!(file.end.as_ref().map(|end| end.outcome), Some(RunOutcome::Done));
    }
}

/// Waits until `child` has ended or the file has `lines` lines; whether it still runs.
fn runs_until(child: &mut Child, chaos: &Chaos, lines: usize) -> bool {
    let started = Instant::now();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if chaos.lines() >= lines {
            return true;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the run stands still at line {}",
            chaos.lines()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn no_row_is_lost_and_none_comes_twice_whatever_befalls_executors_and_runner() {
    let chaos = Chaos::new(20_260_101);
    let mut random = Pcg32::seed_from_u64(7);
    let mut before = Vec::new();
    let mut kills = 0;
    let mut child = chaos.run(&[]);
    while kills < KILLS {
        // After a few more rows, and then at any moment within a row.
        let next = chaos.lines().max(1) + random.next_u32() as usize % 4;
        if !runs_until(&mut child, &chaos, next) {
            break;
        }
        std::thread::sleep(Duration::from_millis(u64::from(random.next_u32() % 50)));
        // SIGKILL: nothing can be tidied up.
        let _ = child.kill();
        child.wait().unwrap();
        kills += 1;
        let now = chaos.file().map(|file| fs::read(file).unwrap()).unwrap_or_default();
        assert!(now.starts_with(&before), "what was on disk stays as it was");
        before = now;
        // Whole lines only: a torn one is cut off by the next part of the run.
        before.truncate(before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        child = chaos.run(&["--resume"]);
    }
    let status = child.wait().unwrap();
    assert_eq!(kills, KILLS, "the run was over before it was killed so often");
    assert_eq!(status.code(), Some(1), "some rows are defects");
    chaos.check(&load(&chaos.file().unwrap()).unwrap());
}

#[test]
fn a_child_for_each_case_ends_the_same() {
    let chaos = Chaos::new(3);
    let status = chaos.run(&["--isolate", "case"]).wait().unwrap();
    assert_eq!(status.code(), Some(1));
    chaos.check(&load(&chaos.file().unwrap()).unwrap());
}
