//! The command line as its users see it: help, version, completions, manual pages, closed pipes.
//!
//! Help is compared with `tests/snapshots`. After a change that is meant:
//! `INSTA_UPDATE=always cargo test --test program cli::`.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use std::process::{Command as Process, ExitStatus};

fn portamark(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
    // Help is wrapped at this width.
    command.env("COLUMNS", "100").env_remove("CLICOLOR_FORCE").args(arguments);
    command
}

fn stdout(arguments: &[&str]) -> String {
    let output = portamark(arguments).assert().success().stderr("").get_output().stdout.clone();
    String::from_utf8(output).unwrap().replace("portamark.exe", "portamark")
}

/// The commands that `portamark --help` lists.
fn commands() -> Vec<String> {
    let help = stdout(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // A description that is wrapped goes on further to the right.
    let lines = list.lines().filter_map(|line| line.strip_prefix("  ").filter(|l| !l.starts_with(' ')));
    lines.map(|line| line.split(' ').next().unwrap().to_string()).filter(|name| name != "help").collect()
}

#[test]
fn help_is_as_shown() {
    insta::assert_snapshot!("help", stdout(&["--help"]));
    let commands = commands();
    assert!(commands.iter().any(|name| name == "run"), "{commands:?}");
    for name in commands {
        insta::assert_snapshot!(format!("help_{name}"), stdout(&[&name, "--help"]));
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(stdout(&["--version"]), format!("portamark {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_arguments_help_is_printed_and_the_exit_code_is_2() {
    portamark(&[]).assert().code(2).stdout("").stderr(contains("Usage:").and(contains("Commands:")));
}

#[test]
fn an_unknown_command_or_flag_is_named_and_the_exit_code_is_2() {
    portamark(&["rum"]).assert().code(2).stderr(contains("'rum'").and(contains("'run'")));
    portamark(&["run", "--budged", "9s"]).assert().code(2).stderr(contains("'--budget'"));
    portamark(&["completions", "tcsh"]).assert().code(2).stderr(contains("bash").and(contains("zsh")));
    portamark(&["man", "rum"]).assert().code(2).stderr(contains("`rum`").and(contains("report, ")));
}

/// What only the hidden command has: it serves tests and child processes.
const HIDDEN: &str = "fake";

#[test]
fn completions_know_every_command_but_the_hidden_one() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&["completions", shell]);
        for name in commands() {
            assert!(script.contains(&name), "{shell}: {name}");
        }
        assert!(script.contains("budget") && !script.contains(HIDDEN), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let is_page = |page: &str| starts_with(".ie").or(starts_with(".TH")).eval(page) && page.contains(".TH");
    let overview = stdout(&["man"]);
    assert!(is_page(&overview), "{overview}");
    for name in commands() {
        let escaped = name.replace('-', "\\-");
        assert!(overview.contains(&format!("portamark\\-{escaped}(1)")), "{name}: {overview}");
        let page = stdout(&["man", &name]);
        assert!(is_page(&page) && page.contains(&format!("portamark-{name}")), "{page}");
    }
    assert!(!overview.contains(HIDDEN) && !overview.contains("portamark\\-executor(1)"));
    portamark(&["man", "executor"]).assert().code(2);
    let page = stdout(&["man", "run"]);
    assert!(page.contains("budget") && page.contains("resume"), "{page}");
}

/// How it ends when nobody reads its stdout, and what it says on stderr.
fn with_closed_stdout(arguments: &[&str]) -> (ExitStatus, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Process::new(env!("CARGO_BIN_EXE_portamark"));
    let output = command.args(arguments).stdout(writer).output().unwrap();
    (output.status, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let executor = format!("{} executor fake", env!("CARGO_BIN_EXE_portamark"));
    for arguments in [
        &["--help"][..],
        &["run", "--help"],
        &["--version"],
        &["man"],
        &["completions", "bash"],
        &["devices", "--executor", &executor],
        &["run", "quick", "--dry-run", "--executor", &executor],
    ] {
        let (status, said) = with_closed_stdout(arguments);
        assert!(status.success(), "{arguments:?}: {status}");
        assert_eq!(said, "", "{arguments:?}");
    }
}

#[test]
fn an_error_that_nobody_reads_keeps_its_exit_code() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Process::new(env!("CARGO_BIN_EXE_portamark"));
    let status = command.args(["run", "quik"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(2), "{status}");
}

#[test]
fn numbers_that_are_none_or_out_of_range_are_refused_by_their_option() {
    let long = "9".repeat(400);
    let numbers = ["nan", "NaN", "inf", "-inf", "-1", "0", "1e999", "", "x"];
    let bounded: &[(&[&str], &str)] = &[
        (&["run"], "--max-noise"),
        (&["run"], "--budget"),
        (&["run"], "--memory"),
        (&["compare", "a", "b"], "--margin"),
        (&["history", "x"], "--max-p"),
        (&["cost"], "--cache-bytes"),
        (&["cost"], "--price"),
        (&["count", "gemm f32 m8 n8 k8 nn"], "--time"),
        (&["count", "gemm f32 m8 n8 k8 nn"], "--rate"),
        (&["project", "llama-3.1-8b", "a"], "--price"),
        (&["project", "llama-3.1-8b", "a"], "--power"),
        (&["project", "llama-3.1-8b", "a"], "--efficiency"),
    ];
    for (command, option) in bounded {
        for number in numbers.into_iter().chain([long.as_str()]) {
            let given = format!("{option}={number}");
            let output =
                Command::new(env!("CARGO_BIN_EXE_portamark")).args(*command).arg(&given).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command:?} {given}: {said}");
            assert!(said.contains(option) && !said.contains("panicked"), "{command:?} {given}: {said}");
        }
    }
}
