//! The host executor in its process: every family, format and layout against the oracle.

use portamark_executors::protocol::Prepare;
use portamark_executors::{ChildExecutor, Executor, FaultKind, Program};
use portamark_measure::{Config, prove};
use portamark_model::device::{Capabilities, Takes};
use portamark_model::workload::{Case, Distribution};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

fn start(threads: u32) -> (ChildExecutor, Capabilities) {
    let arguments = ["executor", "host", "--threads", &threads.to_string()].map(String::from);
    let mut executor = ChildExecutor::new(Program::new(env!("CARGO_BIN_EXE_portamark"), arguments.into()));
    let (name, devices) = executor.hello(DEADLINE).unwrap();
    assert!(name.starts_with("host "), "{name}");
    let [device] = <[_; 1]>::try_from(devices).unwrap();
    assert_eq!(device.takes, Takes::Cases);
    (executor, device)
}

/// Proves each key, or panics with all that are not.
fn prove_all(threads: u32, config: &Config, keys: &[String]) {
    let (mut executor, device) = start(threads);
    let mut wrong = Vec::new();
    for key in keys {
        let case: Case = key.parse().unwrap_or_else(|error| panic!("{error}"));
        match prove(&mut executor, &device, config, &case, None) {
            Ok((verdict, _)) => wrong.extend(verdict.reason().map(|reason| format!("{key}: {reason}"))),
            Err(fault) => wrong.push(format!("{key}: {fault}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn products_of_every_format_and_layout_are_proven() {
    let mut keys = Vec::new();
    for format in ["f32", "f16.f32", "bf16.f32", "e4m3.f32", "f32xf16.f32"] {
        for layout in ["nn", "nt", "tn", "tt"] {
            for shape in ["m1 n1 k1", "m33 n65 k17", "b3 m16 n24 k40", "m130 n70 k257"] {
                keys.push(format!("gemm {format} {shape} {layout}"));
            }
        }
    }
    for format in ["f32xq8_0", "f16xq8_0.f32", "f16xq4_0.f32", "bf16xint4g64.f32", "f16xint4g128.f32"] {
        keys.push(format!("gemm {format} m5 n33 k384 nt"));
        keys.extend([1, 3, 8].map(|m| format!("gemv {format} m{m} n33 k1408")));
    }
    keys.extend([1, 2, 7].map(|m| format!("gemv f32 m{m} n129 k1031")));
    keys.extend(["f16.f32", "bf16.f32", "e4m3.f32"].map(|format| format!("gemv {format} m4 n65 k2049")));
    prove_all(2, &Config::default(), &keys);
}

#[test]
fn attention_of_every_kind_is_proven() {
    let keys = [
        "f32 b1 hq1 q1 kv1 d64",
        "f32 b2 hq4 hkv2 q33 kv65 d64",
        "f32 b1 hq2 q300 kv300 d64 causal",
        "f16.f32 b1 hq8 hkv2 q70 kv520 d128 causal",
        "bf16.f32 b2 hq4 hkv1 q17 kv257 d80 causal w100",
        "f16.f32 b1 hq32 hkv8 q1 kv3000 d128",
        "f16.f32 b3 hq6 hkv2 q1 kv1500 d64 w700",
        "f16.f32 b1 hq16 hkv1 q1 kv2500 d576 dv512 latent",
        "f16.f32 b2 hq4 hkv2 q5 kv1200 d64 page16",
        "f16xq8_0.f32 b1 hq8 hkv2 q1 kv1100 d128 page64",
        "f32xq4_0 b1 hq4 hkv4 q20 kv300 d64 causal",
        "f32 b1 hq2 q9 kv600 d192 dv128 causal w32",
    ]
    .map(|key| format!("attention {key}"));
    // One thread has no splits, and seven are more than this machine may have cores.
    for threads in [1, 2, 7] {
        prove_all(threads, &Config::default(), &keys);
    }
}

#[test]
fn streams_chains_and_walks_are_proven_with_any_inputs() {
    let mut keys: Vec<String> = Vec::new();
    for op in ["copy", "scale", "add", "triad", "read", "write"] {
        keys.extend([1024, 5120, 1 << 20].map(|n| format!("stream f32 {op} n{n}")));
    }
    keys.extend([64, 192, 16_384].map(|chains| format!("peak f32 fma c{chains} s64")));
    keys.extend(["latency i32 n16 s1024".to_string(), "latency i32 n65536 s65536".into()]);
    for dist in Distribution::ALL {
        prove_all(3, &Config { dist, ..Config::default() }, &keys);
    }
}

#[test]
fn what_the_host_cannot_do_is_unsupported_in_words_and_its_process_goes_on() {
    let (mut executor, device) = start(1);
    let config = Config::default();
    for (key, word) in [
        ("gemm i8.i32 m4 n4 k4 nt", "i32"),
        ("gemm f16 m4 n4 k4 nt", "not in f16"),
        ("peak f16 fma c64 s64", "f16"),
        ("peak f16.f32 matrix e8 t4 s64", "matrix unit"),
        ("launch i32 d8", "launch"),
    ] {
        let fault = prove(&mut executor, &device, &config, &key.parse().unwrap(), None).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported, "{key}: {fault}");
        assert!(fault.reason.contains(word), "{key}: {fault}");
    }
    let small = Config { memory_limit: 1000, ..config.clone() };
    let case = "gemm f32 m64 n64 k64 nn".parse().unwrap();
    assert_eq!(prove(&mut executor, &device, &small, &case, None).unwrap_err().kind, FaultKind::OutOfMemory);
    assert!(prove(&mut executor, &device, &config, &case, None).unwrap().0.passed());
    assert_eq!(executor.generation(), 1);
}

/// The program on a machine whose Vulkan loader finds no driver.
mod without_a_driver {
    use assert_cmd::Command;
    use predicates::prelude::*;
    use predicates::str::contains;

    #[test]
    fn the_processor_is_measured_and_reported_and_the_program_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let portamark = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
            command.current_dir(folder.path()).args(arguments);
            for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
                command.env(variable, "/nonexistent.json");
            }
            command
        };
        let said = || {
            contains("no GPU driver was found: only the CPU is benchmarked").and(
                contains("`portamark doctor` explains why").and(contains("-d host").and(contains("-d gpu"))),
            )
        };
        portamark(&["devices"]).assert().success().stdout(contains("0  host/")).stderr(said());
        std::fs::write(
            folder.path().join("two.toml"),
            "name = \"two\"\n[[case]]\nkey = \"gemm f32 m64 n64 k64 nn\"\n[[case]]\nkey = \"launch i32 d8\"\n",
        )
        .unwrap();
        let run = ["run", "two.toml", "-o", "results", "--report", "report", "--budget", "2s"];
        // Who asks for the CPU knows, and who asks for a GPU does not get another device.
        portamark(&["devices", "-d", "host"]).assert().success().stderr(contains("GPU").not());
        let none = portamark(&["run", "two.toml", "-d", "gpu", "-o", "none"]).assert().code(3);
        none.stderr(contains("no GPU was found").and(contains("`portamark doctor` explains why")));
        let unknown = portamark(&["run", "two.toml", "-d", "nvidia", "-o", "none"]).assert().code(2);
        unknown.stderr(
            contains("no device matches `nvidia`").and(contains("`portamark doctor` explains why another")),
        );
        assert!(!folder.path().join("none").exists());
        portamark(&run)
            .assert()
            .success()
            .stdout(contains("gemm crate 0.19, f32/library").and(contains("the host executor has no launch")))
            .stderr(said());
        let report = std::fs::read_to_string(folder.path().join("report/report.html")).unwrap();
        assert!(report.contains("gemm crate 0.19"), "the report names what computed it");
    }

    #[test]
    fn threads_are_part_of_the_device() {
        let devices = |threads: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
            command.args(["devices", "-d", "host/", "--threads", threads]);
            command.assert()
        };
        devices("1").success().stdout(contains("1 thread"));
        devices("3").success().stdout(contains("3 threads"));
        devices("0").code(2).stderr(contains("1..=1024"));
    }
}

#[test]
fn a_case_beyond_what_can_be_counted_is_refused_and_the_executor_lives_on() {
    let (mut executor, device) = start(1);
    // 2^32 elements and 2^40; the key itself ends at 2^48.
    for key in ["gemm f32 m65536 n65536 k16 nn", "gemm f32 m1048576 n1048576 k16 nn"] {
        let case: Case = key.parse().unwrap();
        let prepare = Prepare::new(&device, &case, None).but(|it| it.memory_limit = u64::MAX);
        let fault = executor.prepare(prepare, DEADLINE).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported, "{key}: {fault}");
        assert!(fault.reason.contains("the limit is 2^"), "{key}: {fault}");
    }
    assert_eq!(executor.starts(), 1);
}
