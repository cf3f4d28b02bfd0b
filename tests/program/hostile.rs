//! Arguments and files that nobody should give: every subcommand ends with one of its exit codes, and none panics.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Command lines that are tried; each takes some hundredths of a second in a debug build.
const TRIES: usize = 600;
/// Time that one command line may take. None of them measures or waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// Exit codes that the help documents.
const CODES: [i32; 5] = [0, 1, 2, 3, 4];

/// Starts of command lines that measure nothing, whatever follows: a run is a dry run, and the executor of all others
/// cannot be started. `serve` waits for a browser, `devices` loads drivers: only their options are tried. An executor
/// reads an empty stdin.
const COMMANDS: [&[&str]; 23] = [
    &["devices", "--executor", "no-such-executor"],
    &["run", "--dry-run", "-d", "host"],
    &["run", "--executor", "no-such-executor"],
    &["serve", "--listen", "nowhere.invalid"],
    &["tune", "--executor", "no-such-executor"],
    &["verify", "--executor", "no-such-executor"],
    &["compare"],
    &["history"],
    &["report", "-o", "report"],
    &["portability"],
    &["project"],
    &["cost"],
    &["count"],
    &["import", "-o", "imported"],
    &["export"],
    &["catalog"],
    &["executor-check", "no-such-executor"],
    &["doctor"],
    &["completions"],
    &["man"],
    &["executor", "host"],
    &["executor", "fake"],
    &["executor", "wgpu"],
];

/// The options of a command line, as the help of its command names them.
fn options(line: &[&str]) -> Vec<String> {
    let words = if line[0] == "executor" { 2 } else { 1 };
    let help =
        Command::new(env!("CARGO_BIN_EXE_portamark")).args(&line[..words]).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let named =
        help.lines().filter_map(|line| line.trim_start().strip_prefix('-').map(|_| line.trim_start()));
    let long = named.filter_map(|line| line.split([' ', ',', '=', '[']).find(|word| word.starts_with("--")));
    long.map(str::to_string).collect()
}

/// Values at the ends of what a reader of numbers, lists, names and patterns may meet.
const VALUES: [&str; 48] = [
    "",
    " ",
    "0",
    "-0",
    "1",
    "-1",
    "0.0",
    "1e308",
    "1e-308",
    "-1e400",
    "NaN",
    "nan",
    "inf",
    "-inf",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "99999999999999999999h",
    "0.0000000001us",
    "1:4294967295:*2",
    "1:2:0",
    "4294967295:1:1",
    ",",
    ",,",
    "=",
    "a=",
    "=b",
    "a=b=c",
    "%",
    "200%",
    "-1%",
    "/(/",
    "/[/",
    "{{{{",
    "[[[",
    "**",
    "\u{202e}\u{0}x",
    "ünï",
    "model:",
    "model:llama-3.1-8b b0",
    "model:llama-3.1-8b b4294967295 c4294967295 tp4294967295",
    "gemm f32 m4294967295 n4294967295 k4294967295 nn",
    "moe f16.f32 t1 e1 a4294967295",
    "device=",
    "h20=inf/h",
    "../../..",
];

/// Makes the files that arguments name, and returns their names.
fn files(folder: &Path) -> Vec<String> {
    let header = include_str!("../../results/schema.json");
    let bytes: [(&str, &[u8]); 9] = [
        ("empty.jsonl", b""),
        ("zeros.jsonl", &[0; 4096]),
        ("deep.jsonl", &[b'['; 100_000]),
        ("deep.toml", &[b'['; 10_000]),
        ("schema.jsonl", header.as_bytes()),
        ("latin.toml", b"name = \"\xff\"\n"),
        ("case.toml", b"[[case]]\nkey = \"gemm f32 b2147483648 m2147483648 n2147483648 k2147483648 nn\"\n"),
        ("table.csv", b"application,platform,fom\na,b,1e400\na,c,-1\n"),
        (
            "kernel.wgsl",
            b"// portamark: case = \"gemm f32 m8 n8 k8 nn\"\n// portamark: workgroups = \"1/0\"\n",
        ),
    ];
    for (name, content) in bytes {
        std::fs::write(folder.join(name), content).unwrap();
    }
    std::fs::create_dir(folder.join("folder.jsonl")).unwrap();
    let names = bytes.iter().map(|(name, _)| name.to_string());
    names.chain(["folder.jsonl".into(), "missing.jsonl".into(), ".".into()]).collect()
}

/// Runs the program in `folder` and returns what is wrong with how it ends; `None` if nothing is.
fn fault(folder: &Path, arguments: &[OsString]) -> Option<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portamark"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let said = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if started.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                return Some(format!("still runs after {PATIENCE:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let said = said.join().unwrap();
    let ends_well = status.code().is_some_and(|code| CODES.contains(&code)) && !said.contains("panicked");
    (!ends_well).then(|| format!("{status}: {}", said.chars().take(600).collect::<String>()))
}

#[test]
fn no_arguments_reach_a_panic_or_an_exit_code_that_is_not_documented() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let mut random = Pcg32::seed_from_u64(7);
    let mut below = |n: usize| random.next_u32() as usize % n;
    let mut tried: Vec<Vec<OsString>> = Vec::new();
    let options = COMMANDS.map(options);
    assert!(options[1].len() > 30 && options.iter().all(|names| !names.is_empty()), "{options:?}");
    let long = "*".repeat(100_000);
    for number in 0..TRIES {
        let mut line: Vec<OsString> = COMMANDS[number % COMMANDS.len()].iter().map(OsString::from).collect();
        for _ in 0..below(4) {
            let value: OsString = match below(12) {
                0..6 => VALUES[below(VALUES.len())].replace('\0', "").into(),
                6..10 => files[below(files.len())].clone().into(),
                10 => long.clone().into(),
                _ => not_unicode(),
            };
            if below(3) > 0 {
                let options = &options[number % COMMANDS.len()];
                line.push(options[below(options.len())].clone().into());
            }
            line.push(value);
        }
        tried.push(line);
    }
    // What has been at fault.
    for time in ["--timeout", "--budget", "--min-time", "--max-time", "--warmup"] {
        tried.push(
            ["run", "--dry-run", "-d", "host", time, "99999999999999999999"].map(OsString::from).to_vec(),
        );
    }
    tried.push(["run", "--dry-run", "-d", "host", "-k", &long].map(OsString::from).to_vec());
    tried.push(["run", "case.toml", "--dry-run", "-d", "host"].map(OsString::from).to_vec());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let faults = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(line) = tried.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    if let Some(fault) = fault(folder.path(), line) {
                        let words: Vec<String> =
                            line.iter().map(|word| format!("{word:?}").chars().take(60).collect()).collect();
                        faults.lock().unwrap().push(format!("{}\n  {fault}", words.join(" ")));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), tried.len(), faults.join("\n"));
}

/// An argument that is no Unicode, as far as the system has such.
fn not_unicode() -> OsString {
    #[cfg(unix)]
    return std::os::unix::ffi::OsStringExt::from_vec(b"a\xff\xfeb".to_vec());
    #[cfg(not(unix))]
    return OsString::from("\u{fffd}");
}
