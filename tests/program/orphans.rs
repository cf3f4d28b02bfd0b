//! Nothing that an executor started outlives it or the runner, however either of them ends.

use portamark_results::{Status, load_all};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What an executor starts beside itself: a child, one in a session of its own whose parent is gone, and one that
/// refuses to end when asked. Each holds the executor's pipes open. The test knows them by the seconds that they
/// sleep.
const DESCENDANTS: &str = r#"
sleep "$SECONDS_OF_TEST" &
(setsid sh -c 'sleep "$SECONDS_OF_TEST" & wait' &)
(trap '' TERM INT HUP; sleep "$SECONDS_OF_TEST" &)
"#;

/// What leaves the group, the session and the environment as well: a child, and three whose parents are gone.
const FAR: &str = r#"
env -i setsid sleep "$SECONDS_OF_TEST" &
(env -i setsid sleep "$SECONDS_OF_TEST" &)
(env -i setsid sh -c "sleep $SECONDS_OF_TEST & wait" &)
"#;

/// Number of the processes of both that live for as long as the test.
#[cfg(target_os = "linux")]
const EVERY: usize = 6;
#[cfg(not(target_os = "linux"))]
const EVERY: usize = 3;

/// Numbers of the processes whose command line has `word`.
fn living(word: &str) -> Vec<String> {
    let has = |pid: &String| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|part| part == word.as_bytes()))
    };
    let names = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.into_string().ok()).filter(has).collect()
}

/// Waits until `done`, for at most ten seconds; whether it is.
fn soon(mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

struct Scene {
    folder: tempfile::TempDir,
    seconds: String,
}

impl Scene {
    /// A scene that `number` tells from the others of this file, whose executor follows the rules of `script`.
    fn new(number: usize, script: &str) -> Self {
        let seconds = format!("{}{number:02}", std::process::id());
        let scene = Scene { folder: tempfile::tempdir().unwrap(), seconds };
        fs::create_dir(scene.path().join("tmp")).unwrap();
        fs::write(scene.path().join("rules.toml"), script).unwrap();
        let suite = "name = \"one\"\n[[case]]\nkey = \"gemm f32 m16 n16 k16 nn\"\n";
        fs::write(scene.path().join("one.toml"), suite).unwrap();
        let program = env!("CARGO_BIN_EXE_portamark");
        let text = format!("{DESCENDANTS}\nexec '{program}' executor fake --script rules.toml\n");
        fs::write(scene.path().join("executor.sh"), text).unwrap();
        scene
    }

    /// The same scene, whose executor starts more processes.
    fn with(self, more: &str) -> Self {
        let path = self.path().join("executor.sh");
        let text = format!("{more}{}", fs::read_to_string(&path).unwrap());
        fs::write(path, text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_portamark"))
            .current_dir(self.path())
            .env("TMPDIR", self.path().join("tmp"))
            .env("SECONDS_OF_TEST", &self.seconds)
            .args(["run", "one.toml", "-o", "results", "--max-time", "50ms"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn none_lives(&self, how: &str) {
        soon(|| living(&self.seconds).is_empty());
        let left = living(&self.seconds);
        assert!(left.is_empty(), "{how}: {left:?}");
    }

    /// Waits until `count` processes of this scene live.
    fn live(&self, count: usize) {
        assert!(soon(|| living(&self.seconds).len() >= count), "{:?}", living(&self.seconds));
    }
}

#[test]
fn a_dead_executor_whose_descendants_hold_its_pipe_is_a_crash_at_once() {
    let scene = Scene::new(1, "[[rules]]\ncase = '*'\non = 'sample'\nact = 'exit'\n");
    let started = Instant::now();
    let status = scene.run(&["--executor", "sh executor.sh", "--timeout", "60s"]).wait().unwrap();
    // The deadline of an answer is 60 s.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(status.code(), Some(1));
    let runs = load_all(&[scene.path().join("results")]).unwrap();
    assert_eq!(runs[0].rows[0].status, Status::Crashed, "{:?}", runs[0].rows[0].reason);
    scene.none_lives("after a crash");
}

#[test]
fn no_descendant_outlives_a_runner_that_finished() {
    let scene = Scene::new(2, "");
    assert!(scene.run(&["--executor", "sh executor.sh", "--timeout", "60s"]).wait().unwrap().success());
    scene.none_lives("after a run");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_that_left_group_session_and_environment_outlives_the_run_or_its_executor() {
    let scene = Scene::new(3, "").with(FAR);
    assert!(scene.run(&["--executor", "sh executor.sh", "--timeout", "60s"]).wait().unwrap().success());
    scene.none_lives("after a run");
    let scene = Scene::new(4, "[[rules]]\ncase = '*'\non = 'sample'\nact = 'exit'\n").with(FAR);
    assert_eq!(scene.run(&["--executor", "sh executor.sh"]).wait().unwrap().code(), Some(1));
    scene.none_lives("after a crash");
    let scene = Scene::new(5, "[[rules]]\ncase = '*'\non = 'prepare'\nact = 'hang'\n").with(FAR);
    let mut runner = scene.run(&["--executor", "sh executor.sh", "--timeout", "3s"]);
    scene.live(EVERY);
    std::thread::sleep(Duration::from_millis(1000));
    kill_process(Pid::from_child(&runner), Signal::INT).unwrap();
    runner.wait().unwrap();
    scene.none_lives("Ctrl-C");
}

#[cfg(target_os = "linux")]
#[test]
fn an_executor_that_kills_its_guard_has_crashed_and_ends_with_all_its_descendants() {
    let scene = Scene::new(6, "[[rules]]\ncase = '*'\non = 'prepare'\nact = 'hang'\n").with(FAR);
    let path = scene.path().join("executor.sh");
    let kills = "(sleep 1; kill -KILL $GUARD) &";
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("GUARD=$PPID\n{text}").replace("exec ", &format!("{kills}\nexec "))).unwrap();
    let status = scene.run(&["--executor", "sh executor.sh", "--timeout", "60s"]).wait().unwrap();
    assert_eq!(status.code(), Some(1));
    let runs = load_all(&[scene.path().join("results")]).unwrap();
    let row = &runs[0].rows[0];
    assert_eq!(row.status, Status::Crashed, "{:?}", row.reason);
    assert!(row.reason.as_deref().is_some_and(|it| it.contains("SIGKILL")), "{:?}", row.reason);
    scene.none_lives("after the end of its guard");
}

#[cfg(target_os = "linux")]
#[test]
fn the_signal_that_ended_an_executor_is_told() {
    let scene = Scene::new(7, "[[rules]]\ncase = '*'\non = 'sample'\nact = 'hang'\n");
    let path = scene.path().join("executor.sh");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("exec ", "(sleep 1; kill -TERM $$) &\nexec ")).unwrap();
    scene.run(&["--executor", "sh executor.sh", "--timeout", "60s"]).wait().unwrap();
    let runs = load_all(&[scene.path().join("results")]).unwrap();
    let reason = runs[0].rows[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("ended by SIGTERM"), "{reason}");
    scene.none_lives("after SIGTERM");
}

/// The session of the runner is then one of outside, which has no number inside.
#[cfg(target_os = "linux")]
#[test]
fn nothing_outlives_a_runner_in_a_namespace_of_processes() {
    let inside = ["--pid", "--fork", "--mount-proc"];
    if !Command::new("unshare").args(inside).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("not shown: this process may not make a namespace of processes");
        return;
    }
    let cases: [(&str, &str, &str, Option<i32>); 4] = [
        ("a run", "", "true", Some(0)),
        ("a crash", "[[rules]]\ncase = '*'\non = 'sample'\nact = 'exit'\n", "true", Some(1)),
        ("SIGTERM", "[[rules]]\ncase = '*'\non = 'prepare'\nact = 'hang'\n", "kill -TERM $!", Some(4)),
        ("SIGKILL", "[[rules]]\ncase = '*'\non = 'prepare'\nact = 'hang'\n", "kill -KILL $!", Some(137)),
    ];
    for (number, (how, rules, signal, code)) in cases.into_iter().enumerate() {
        let scene = Scene::new(60 + number, rules).with(FAR);
        // The shell has the number 1 inside, so that the namespace lives on after the runner. It counts what is left
        // then; the brackets keep it from counting its own search.
        let script = format!(
            "\"$0\" \"$@\" & sleep 2; {signal}; wait $!; code=$?; sleep 2; cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | \
             grep -c -x '[{}]{}' >left; exit $code",
            &scene.seconds[..1],
            &scene.seconds[1..]
        );
        let program = env!("CARGO_BIN_EXE_portamark");
        let status = Command::new("unshare")
            .args(inside)
            .args(["sh", "-c", &script, program, "run", "one.toml", "-o", "results", "--max-time", "50ms"])
            .args(["--executor", "sh executor.sh", "--timeout", "60s"])
            .current_dir(scene.path())
            .env("SECONDS_OF_TEST", &scene.seconds)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        let left = fs::read_to_string(scene.path().join("left")).unwrap();
        assert_eq!((status.code(), left.trim()), (code, "0"), "{how}");
    }
}

#[test]
fn no_descendant_outlives_a_runner_that_was_interrupted_or_killed() {
    let signals: [(&str, &[Signal]); 4] = [
        ("Ctrl-C twice", &[Signal::INT, Signal::INT]),
        ("SIGTERM", &[Signal::TERM]),
        ("SIGHUP", &[Signal::HUP]),
        ("SIGKILL", &[Signal::KILL]),
    ];
    for (number, (how, signals)) in signals.iter().enumerate() {
        if signals.contains(&Signal::HUP) && hangup_is_ignored() {
            continue;
        }
        let scene = Scene::new(10 + number, "[[rules]]\ncase = '*'\non = 'prepare'\nact = 'hang'\n");
        #[cfg(target_os = "linux")]
        let scene = scene.with(FAR);
        let mut runner = scene.run(&["--executor", "sh executor.sh", "--timeout", "60s"]);
        scene.live(EVERY);
        std::thread::sleep(Duration::from_millis(1500));
        for signal in *signals {
            kill_process(Pid::from_child(&runner), *signal).unwrap();
            std::thread::sleep(Duration::from_millis(200));
        }
        assert!(soon(|| runner.try_wait().unwrap().is_some()), "{how}: the runner goes on");
        let interrupted = (*how != "SIGKILL").then_some(4);
        assert_eq!(runner.wait().unwrap().code(), interrupted, "{how}");
        scene.none_lives(how);
    }
}

/// Whether these tests were started with SIGHUP ignored, as by `nohup`: a program started by them ignores it too, which
/// [`the_end_of_its_terminal_does_not_end_a_run_that_ignores_it`] is about.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

#[test]
fn a_signal_that_comes_before_the_devices_are_known_is_an_interrupt_too() {
    for (number, signals) in [&[Signal::TERM][..], &[Signal::HUP], &[Signal::INT; 2]].iter().enumerate() {
        if signals.contains(&Signal::HUP) && hangup_is_ignored() {
            continue;
        }
        let scene = Scene::new(40 + number, "[[rules]]\non = 'hello'\nact = 'hang'\n");
        let mut runner = scene.run(&["--executor", "sh executor.sh", "--timeout", "60s"]);
        scene.live(3);
        for signal in *signals {
            kill_process(Pid::from_child(&runner), *signal).unwrap();
            std::thread::sleep(Duration::from_millis(200));
        }
        assert!(soon(|| runner.try_wait().unwrap().is_some()), "{signals:?}: the runner goes on");
        assert_eq!(runner.wait().unwrap().code(), Some(4), "{signals:?}");
        scene.none_lives("a signal");
    }
}

#[test]
fn the_end_of_its_terminal_does_not_end_a_run_that_ignores_it() {
    let scene = Scene::new(50, "");
    let runner = Command::new("sh")
        .current_dir(scene.path())
        .env("SECONDS_OF_TEST", &scene.seconds)
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_portamark")])
        .args(["run", "one.toml", "-o", "results", "--max-time", "50ms", "--executor", "sh executor.sh"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut runner = runner.unwrap();
    scene.live(3);
    kill_process(Pid::from_child(&runner), Signal::HUP).unwrap();
    assert_eq!(runner.wait().unwrap().code(), Some(0));
}

#[test]
fn after_one_interrupt_the_row_is_finished_and_no_descendant_lives() {
    let scene = Scene::new(20, "[[rules]]\ncase = '*'\non = 'prepare'\nact = 'hang'\n");
    let mut runner = scene.run(&["--executor", "sh executor.sh", "--timeout", "3s"]);
    scene.live(3);
    std::thread::sleep(Duration::from_millis(1000));
    kill_process(Pid::from_child(&runner), Signal::INT).unwrap();
    // The timer's self-test and the row each wait 3 s at most for an answer.
    let started = Instant::now();
    while runner.try_wait().unwrap().is_none() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(runner.try_wait().unwrap().is_some(), "the runner goes on");
    scene.none_lives("Ctrl-C");
}

#[test]
fn the_folder_of_a_foreign_runtime_goes_with_a_runner_that_was_killed() {
    let scene = Scene::new(30, "");
    let python = scene.path().join("python.sh");
    fs::write(&python, format!("#!/bin/sh\n{DESCENDANTS}\nexec sleep \"$SECONDS_OF_TEST\"\n")).unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let folders = || fs::read_dir(scene.path().join("tmp")).unwrap().count();
    let mut runner = scene.run(&["-d", "numpy", "--python", python.to_str().unwrap()]);
    scene.live(3);
    assert_eq!(folders(), 1);
    runner.kill().unwrap();
    runner.wait().unwrap();
    scene.none_lives("SIGKILL");
    soon(|| folders() == 0);
    assert_eq!(folders(), 0);
}
