//! A stdout that takes no more, and outputs that are no plain files.
#![cfg(target_os = "linux")]

use super::folder::Folder;
use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A suite of one short case, and the scripted executor that runs it.
fn bench() -> (Folder, String) {
    let folder = Folder::with_suite("[[case]]\nkey = 'gemm f32 m64 n64 k64 nn'\n");
    let executor = folder.executor("script.toml", "");
    (folder, executor)
}

/// Result files that ship with the project.
fn shipped() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results").to_str().unwrap().to_string()
}

fn run(folder: &Folder, arguments: &[&str], stdout: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
    command.current_dir(folder.path("")).args(arguments).stdout(stdout).stderr(Stdio::piped());
    command.output().unwrap()
}

#[test]
fn a_stdout_that_takes_no_more_is_exit_2_with_a_sentence_for_every_command() {
    let (folder, executor) = bench();
    let results = shipped();
    let run_it = ["run", "small.toml", "-d", "all", "-o", "results", "--executor", &executor];
    let measured = [&run_it[..], &["--save-baseline", "main", "--report", "report"]].concat();
    let commands: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["run", "--help"],
        &["catalog"],
        &["completions", "bash"],
        &["count", "gemm f32 m64 n64 k64 nn"],
        &["cost"],
        &["devices", "--executor", &executor],
        &["executor-check", "--executor", &executor],
        &["export", &results, "--format", "csv"],
        &["export", &results, "--format", "jsonl", "-o", "/proc/self/fd/1"],
        &["man"],
        &["portability", &results],
        &["report", &results, "-o", "page"],
        &measured,
        &["run", "small.toml", "--dry-run", "--executor", &executor],
        &["tune", "small.toml", "-o", "results", "--budget", "1s", "--executor", &executor],
        &["verify", "small.toml", "--preferred", "--executor", &executor],
    ];
    for arguments in commands {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = run(&folder, arguments, full.into());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains("error: cannot write") && said.contains("No space left"),
            "{arguments:?}: {said}"
        );
    }
    // What a run saves it saves all the same.
    assert!(folder.path("results/baselines/main").is_dir() && folder.path("report/report.html").is_file());
}

#[test]
fn a_stdout_that_is_closed_is_an_error_where_something_is_written_and_no_null_device() {
    let (folder, _) = bench();
    let code = |redirected: &str, arguments: &str| {
        let script = format!("\"$0\" {arguments} {redirected}");
        let program = env!("CARGO_BIN_EXE_portamark");
        let output = Command::new("sh").args(["-c", &script, program]).current_dir(folder.path("")).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in ["--help", "--version", "catalog", "man", "count 'gemm f32 m64 n64 k64 nn'"] {
        let (closed, said) = code(">&-", arguments);
        assert_eq!(closed, Some(2), "{arguments}: {said}");
        assert!(said.contains("error: cannot write to stdout: Bad file descriptor"), "{arguments}: {said}");
        for open in [">/dev/null", "1<>/dev/null", ">&- >/dev/null"] {
            assert_eq!(code(open, arguments), (Some(0), String::new()), "{arguments} {open}");
        }
    }
    // What writes nothing there needs no stdout.
    let (quiet, said) = code(">&-", "export nothing.jsonl --format csv");
    assert!(quiet == Some(2) && said.contains("nothing.jsonl"), "{said}");
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let (folder, _) = bench();
    for arguments in [&["catalog"][..], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(&folder, arguments, writer.into());
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}

#[test]
fn an_output_that_is_no_plain_file_stays_what_it_is() {
    let (folder, executor) = bench();
    let results = shipped();
    let table = ["export", &results, "--format", "csv"];
    let good = |arguments: &[&str], stdout: Stdio| {
        let output = run(&folder, arguments, stdout);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let expected = good(&table, Stdio::piped());
    let into = |path: &str, stdout: Stdio| good(&[&table[..], &["-o", path]].concat(), stdout);

    // A pipe gets the text.
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    into("pipe", Stdio::null());
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(reader.join().unwrap(), expected);

    // A link stays, and what it leads to gets the text: a file, a file yet to be made, a device.
    folder.write("file", "before");
    for (link, target) in [("old", "file"), ("new", "made.csv")] {
        symlink(target, folder.path(link)).unwrap();
        into(link, Stdio::null());
        assert!(folder.path(link).is_symlink());
        assert_eq!(fs::read(folder.path(target)).unwrap(), expected, "{link}");
    }
    symlink("/dev/null", folder.path("null.toml")).unwrap();
    symlink("/dev/null", folder.path("null.svg")).unwrap();
    into("null.svg", Stdio::null());
    good(&["cost", "-o", "null.svg"], Stdio::null());
    good(
        &["tune", "small.toml", "-o", "null.toml", "--budget", "1s", "--executor", &executor],
        Stdio::null(),
    );
    for link in ["null.svg", "null.toml"] {
        assert!(fs::metadata(folder.path(link)).unwrap().file_type().is_char_device(), "{link}");
        assert!(folder.path(link).is_symlink());
    }

    // Stdout by its name: also where it is a file that has something already.
    folder.write("log", "begun\n");
    let log = fs::File::options().append(true).open(folder.path("log")).unwrap();
    into("/proc/self/fd/1", log.into());
    assert_eq!(fs::read(folder.path("log")).unwrap(), [&b"begun\n"[..], &expected].concat());
}

#[test]
fn a_limit_of_file_sizes_is_exit_2_with_a_sentence() {
    let (folder, executor) = bench();
    // A block has 512 bytes, fewer than the header of a result file; the table goes to the pipe.
    let limited = Command::new("sh")
        .current_dir(folder.path(""))
        .args(["-c", "ulimit -f 1; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_portamark")])
        .args(["run", "small.toml", "-d", "all", "-o", "results", "--executor", &executor])
        .output();
    let output = limited.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{:?}: {said}", output.status);
    assert!(said.contains("error: cannot write") && said.contains("File too large"), "{said}");
}
