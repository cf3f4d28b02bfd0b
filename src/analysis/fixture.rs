//! Made-up result files for tests: numbers like those of a data-centre card and of a software
//! driver, so that every axis spans decades, and rows of every status.

use crate::record::{End, Header, Outcome, Row, RunFile, Status};
use crate::stats::{StopReason, Summary};
use crate::workload::Case;
use serde_json::json;

/// A device by its names, as everything else of a header can be the same.
fn header(id: &str, name: &str, driver: [&str; 2], kind: &str, features: &[&str]) -> Header {
    let host = kind == "software";
    serde_json::from_value(json!({
        "schema": 1, "method": 1, "portamark": "0.1.0", "run": "5f2c9a", "started": "2026-03-14T09:26:53Z",
        "suite": "standard", "seed": 7, "platform": "linux x86_64", "executor": "wgpu 30.0.1",
        "device": {
            "id": id, "name": name, "api": "vulkan", "driver": driver[0], "driver_version": driver[1],
            "vendor_id": 4318, "device_id": 9008, "device_type": kind, "takes": "plans",
            "features": features, "subgroup_min": if host { 8 } else { 32 }, "subgroup_max": if host { 8 } else { 32 },
            "limits": {
                "workgroup_memory": 49152, "workgroup_size": 1024, "dispatch": 65535,
                "binding_bytes": 2147483647u32, "buffer_bytes": 4294967296u64, "storage_buffers": 16
            },
            "matrix_shapes": [], "timer": "pass-timestamps"
        },
        "timer": {
            "chosen": "device", "findings": [], "tick_ns": 32.0, "empty_host_s": 2.1e-5, "empty_device_s": 1.6e-6
        },
        "labels": {}, "options": {}
    }))
    .expect("the fixture is a header")
}

/// A card with matrix units.
pub fn h100_header() -> Header {
    header(
        "vulkan/NVIDIA H100 80GB HBM3/580.82.07",
        "NVIDIA H100 80GB HBM3",
        ["NVIDIA", "580.82.07"],
        "discrete",
        &["shader-f16", "subgroup", "cooperative-matrix"],
    )
}

/// A software driver without f16, whose timer failed its self-test.
pub fn software_header() -> Header {
    let mut header = header(
        "vulkan/llvmpipe (LLVM 15.0.6, 256 bits)/Mesa 22.3.6 (LLVM 15.0.6)",
        "llvmpipe (LLVM 15.0.6, 256 bits)",
        ["llvmpipe", "Mesa 22.3.6 (LLVM 15.0.6)"],
        "software",
        &["subgroup"],
    );
    header.timer.chosen = crate::record::TimerChoice::Host;
    header.timer.findings = vec!["device time is 0 for twice the work".into()];
    header.timer.tick_ns = None;
    header.timer.empty_device_s = None;
    header
}

/// A newer software driver, with f16.
pub fn newer_software_header() -> Header {
    header(
        "vulkan/llvmpipe (LLVM 19.1.7, 256 bits)/Mesa 25.0.7 (LLVM 19.1.7)",
        "llvmpipe (LLVM 19.1.7, 256 bits)",
        ["llvmpipe", "Mesa 25.0.7 (LLVM 19.1.7)"],
        "software",
        &["shader-f16", "subgroup"],
    )
}

/// What nvbench says of the card.
pub fn imported_header() -> Header {
    let mut header = header("cuda/NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3", ["", ""], "other", &[]);
    header.method = 0;
    header.device.api = "cuda".into();
    header.suite = "nvbench".into();
    header.executor = "nvbench 0.1.0".into();
    header
}

/// A row that nvbench measured of cuBLAS, with quartiles a tenth to each side.
pub fn imported_row(key: &str, seconds: f64) -> Row {
    let imported = crate::record::Imported {
        method: "nvbench".into(),
        version: Some("0.1.0".into()),
        name: format!("gemm {key}"),
        library: Some("cuBLAS".into()),
        unit: crate::record::ImportUnit::Seconds,
        statistic: crate::record::Statistic::Median,
        value: seconds,
        spread: Some(crate::record::Spread {
            what: crate::record::SpreadKind::Quartiles,
            lo: 0.9 * seconds,
            hi: 1.1 * seconds,
        }),
        samples: Some(500),
        values: Vec::new(),
        parameters: Default::default(),
    };
    let reason = "measured by nvbench, not by portamark: shown beside its rows and never judged";
    Row { imported: Some(Box::new(imported)), ..failed_row(key, Status::Imported, Some(reason)) }
}

/// The card of [`two_devices`], with the times of a vendor's library for some of its cases and a number
/// that is of none.
pub fn card_and_vendor() -> Vec<RunFile> {
    let mut files = two_devices();
    files.truncate(1);
    let mut rows: Vec<Row> = files[0]
        .rows
        .iter()
        .filter(|row| row.case.starts_with("gemm") || row.case.contains(" copy "))
        .filter_map(|row| Some(imported_row(&row.case, row.seconds()? * 0.6)))
        .collect();
    let mut own = imported_row("nvbench: reduce n=1", 1.25e-4);
    own.imported.as_mut().expect("the row is imported").name = "reduce n=1".into();
    rows.push(own);
    files.push(file(imported_header(), rows));
    files
}

/// A file that is complete.
pub fn file(header: Header, rows: Vec<Row>) -> RunFile {
    let end = End { rows: rows.len() as u64, wall_s: 312.0, outcome: Outcome::Done, energy: None };
    RunFile { path: "results/made-up.jsonl".into(), header, rows, end: Some(end), problems: Vec::new() }
}

/// A row without numbers.
pub fn failed_row(key: &str, status: Status, reason: Option<&str>) -> Row {
    let case = key.parse::<Case>().ok();
    Row {
        case: key.into(),
        repeat: 1,
        status,
        reason: reason.map(Into::into),
        flop: case.as_ref().map_or(0, Case::flop),
        bytes: case.as_ref().map_or(0, Case::bytes),
        started: "2026-03-14T09:27:00Z".into(),
        spent: Default::default(),
        kernel: None,
        verification: None,
        timing: None,
        predicted_s: None,
        telemetry: None,
        tags: Vec::new(),
        retry: 0,
        kills: 0,
        imported: None,
    }
}

/// A proven row whose samples all lie within 1/1000 of `seconds`, which is their median.
pub fn ok_row(key: &str, seconds: f64) -> Row {
    spread_row(key, seconds, 1e-3)
}

/// A proven row with 31 samples, evenly spaced within the part `spread` of their median `seconds`.
pub fn spread_row(key: &str, seconds: f64, spread: f64) -> Row {
    let samples: Vec<f64> = (0..31)
        .map(|i| {
            // 7 and 31 have no common factor: every step from −15 to 15 comes once, out of order.
            let step = f64::from(i * 7 % 31 - 15);
            seconds * (1.0 + spread * step / 15.0)
        })
        .collect();
    let summary = Summary::from_samples(&samples, 0.95).expect("the samples are finite");
    let matrix = key.contains("f16.f32");
    let (kernel, path) = match key.split(' ').next() {
        Some("gemm" | "peak") if matrix => ("matrix", "coopmat"),
        Some("gemm") => ("tiled", "vector"),
        Some("attention") => ("online", "subgroup"),
        _ => ("grid", "vector"),
    };
    let k = (2e-3 / seconds).clamp(1.0, 512.0) as u32;
    Row {
        kernel: serde_json::from_value(json!({
            "variant": {
                "kernel": kernel, "path": path, "knobs": { "bm": 64, "bn": 64, "bk": 16 }, "checks": false
            },
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "steps": 1, "held_bytes": 201326592u64, "tuned": kernel == "tiled"
        }))
        .expect("the fixture is a kernel"),
        verification: serde_json::from_value(json!({
            "passed": true, "checked": 8192, "total": 16777216u64, "unwritten": 0, "worst_ratio": 0.0625,
            "worst_error": 3.1e-6, "worst_element": 4097, "bound_factor": 4.0
        }))
        .expect("the fixture is a proof"),
        timing: Some(crate::record::Timing {
            timer: crate::record::TimerChoice::Device,
            k,
            sets: 3,
            cache: crate::record::Cache::Rotated,
            warmup_batches: 5,
            warmup_agreed: true,
            stop: if spread < 0.01 { StopReason::Target } else { StopReason::TimeLimit },
            device_ns: Vec::new(),
            host_ns: Vec::new(),
            invalid: 0,
            summary,
            overhead_s: None,
            slope_s: None,
            fit: None,
            taken_off_s: None,
            quantiles: crate::stats::QUANTILE_DEFINITION.into(),
            sentinel_s: Vec::new(),
            bandwidth_sentinel_s: Vec::new(),
            slowdowns: Default::default(),
        }),
        ..failed_row(key, Status::Ok, None)
    }
}

/// How fast a made-up device is.
struct Speed {
    fma: f64,
    matrix: Option<f64>,
    f16: bool,
    bandwidth: f64,
    launch_s: f64,
    spread: f64,
    largest: u64,
}

/// Rows of a whole suite, by a model of time: launch + max(arithmetic, memory).
fn suite(speed: &Speed) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut push = |key: String, compute: f64, memory: f64| {
        let case: Case = key.parse().expect("the fixture has valid keys");
        if key.contains("f16") && !speed.f16 {
            let reason = "the device does not offer shader-f16";
            return rows.push(failed_row(&key, Status::Unsupported, Some(reason)));
        }
        if key.contains("matrix") && speed.matrix.is_none() {
            let reason = "the device offers no cooperative matrices";
            return rows.push(failed_row(&key, Status::Unsupported, Some(reason)));
        }
        let fast = if key.contains("f16.f32") { speed.matrix.unwrap_or(speed.fma * 0.8) } else { speed.fma };
        let work =
            (case.flop() as f64 / (fast * compute)).max(case.bytes() as f64 / (speed.bandwidth * memory));
        let wobble = 1.0 + 0.5 * (key.len() % 3) as f64;
        let row = spread_row(&key, speed.launch_s + work, speed.spread * wobble);
        if row.seconds() > Some(10.0) {
            let mut row = failed_row(&key, Status::Skipped, Some("predicted to take longer than its share"));
            row.predicted_s = Some(speed.launch_s + work);
            return rows.push(row);
        }
        rows.push(row);
    };
    let arrays = if speed.bandwidth > 1e11 { [1 << 24, 1 << 28] } else { [1 << 20, 1 << 24] };
    for (op, part) in
        [("copy", 0.92), ("scale", 0.92), ("add", 0.95), ("triad", 0.95), ("read", 1.0), ("write", 0.89)]
    {
        for n in arrays {
            push(format!("stream f32 {op} n{n}"), 1.0, part);
        }
    }
    push("peak f32 fma c1048576 s1024".into(), 0.99, 1.0);
    push("peak f16 fma c1048576 s1024".into(), 1.0, 1.0);
    push("peak f16.f32 matrix e16 t4096 s1024".into(), 0.97, 1.0);
    for format in ["f32", "f16.f32"] {
        for n in [128, 256, 512, 1024, 2048, 4096u64].into_iter().filter(|n| *n <= speed.largest) {
            push(format!("gemm {format} m{n} n{n} k{n} nn"), 0.72, 0.8);
        }
        push(format!("gemm {format} m4096 n16 k4096 nt"), 0.5, 0.7);
    }
    for causal in ["", " causal"] {
        for s in [512, 1024, 2048, 4096, 8192u64].into_iter().filter(|s| *s <= 2 * speed.largest) {
            let part = if causal.is_empty() { 0.55 } else { 0.43 };
            push(format!("attention f16.f32 b1 hq32 hkv8 q{s} kv{s} d128{causal}"), part, 0.8);
        }
    }
    for s in [512, 1024u64] {
        push(format!("attention f32 b1 hq32 hkv8 q{s} kv{s} d128 causal"), 0.3, 0.8);
    }
    for kv in [1024, 8192, 32768u64] {
        push(format!("attention f16.f32 b1 hq32 hkv8 q1 kv{kv} d128"), 0.5, 0.71);
        push(format!("attention f32 b1 hq32 hkv8 q1 kv{kv} d128"), 0.5, 0.78);
    }
    rows
}

/// A card and a software driver without f16; the rows of the latter have every status.
pub fn two_devices() -> Vec<RunFile> {
    let card = Speed {
        fma: 51.2e12,
        matrix: Some(495e12),
        f16: true,
        bandwidth: 3.02e12,
        launch_s: 2.6e-6,
        spread: 2e-3,
        largest: 4096,
    };
    let software = Speed {
        fma: 0.31e12,
        matrix: None,
        f16: false,
        bandwidth: 21.4e9,
        launch_s: 4.5e-5,
        spread: 0.03,
        largest: 1024,
    };
    let mut on_card = suite(&card);
    let throttled = on_card.iter_mut().find(|row| row.case == "gemm f32 m4096 n4096 k4096 nn");
    throttled.expect("the suite has it").tags.push("throttled".into());

    let mut on_software = suite(&software);
    let broken = [
        ("gemm f32 m512 n512 k512 tn", Status::Wrong, "element 4097 is 3.5 bounds away: 1.25 for 1.21875"),
        ("gemm f32 m1024 n1024 k1024 tn", Status::Failed, "shader: entry point `main` is <unknown> & lost"),
        ("gemm f32 m2048 n2048 k2048 nn", Status::Timeout, "no answer in 60 s; the executor was ended"),
        ("gemm f32 m2048 n2048 k2048 nt", Status::Crashed, "the executor died of signal 11"),
        ("gemm f32 m4096 n4096 k4096 nn", Status::OutOfMemory, "the device has no 201 MB left"),
        ("conv f32 n1 c64 h56 w56", Status::Skipped, "this case is of a later version"),
    ];
    on_software.extend(broken.map(|(key, status, reason)| failed_row(key, status, Some(reason))));
    for row in &mut on_software {
        if let Some(timing) = &mut row.timing {
            timing.timer = crate::record::TimerChoice::Host;
        }
        if row.timing.is_some() && row.case.starts_with("gemm") {
            row.tags.push("noisy".into());
        }
    }
    let mut software = file(software_header(), on_software);
    software.end = None;
    software.problems = vec!["the last line is torn and was left out".into()];
    vec![file(h100_header(), on_card), software]
}

/// As [`two_devices`], with a newer software driver that has f16.
pub fn three_devices() -> Vec<RunFile> {
    let newer = Speed {
        fma: 0.34e12,
        matrix: None,
        f16: true,
        bandwidth: 22.9e9,
        launch_s: 3.9e-5,
        spread: 0.02,
        largest: 2048,
    };
    let mut files = two_devices();
    files.push(file(newer_software_header(), suite(&newer)));
    files
}

/// The case of [`variants`].
pub const MANY: &str = "gemm f32 m512 n512 k512 nn";

/// One case by four variants: without checks, with them a quarter slower, the user's own three times
/// slower, and a wrong one.
pub fn variants() -> RunFile {
    let row = |kernel: &str, checks: bool, seconds: f64| {
        let mut row = ok_row(MANY, seconds);
        let used = row.kernel.as_mut().expect("the fixture has a kernel");
        used.variant.kernel = kernel.into();
        used.variant.checks = checks;
        used.tuned = false;
        row
    };
    let wrong = Row {
        kernel: row("broken", false, 1.0).kernel,
        ..failed_row(MANY, Status::Wrong, Some("element 3 is 2, the oracle says 1"))
    };
    let rows =
        vec![row("own/mine", false, 3e-3), row("tiled", true, 1.25e-3), row("tiled", false, 1e-3), wrong];
    file(h100_header(), rows)
}

/// A device whose every text tries to be something else, and rows with absurd numbers.
pub fn hostile() -> Vec<RunFile> {
    let text = "<script src=https://evil.example/x.js></script>\"'>|`[x](https://evil.example)@here \u{1b}[31m\u{202e}\u{0}";
    let mut header = h100_header();
    header.device.name = text.into();
    header.device.id = text.into();
    header.device.driver = text.into();
    header.device.driver_version = text.into();
    header.device.api = text.into();
    header.executor = text.into();
    header.platform = text.into();
    header.suite = text.into();
    header.started = text.into();
    header.portamark = text.into();
    header.timer.findings = vec![text.into()];
    header.labels.insert(text.into(), text.into());
    header.options.insert(text.into(), text.into());
    let mut rows = suite(&Speed {
        fma: 1e12,
        matrix: Some(1e13),
        f16: true,
        bandwidth: 1e11,
        launch_s: 1e-5,
        spread: 0.01,
        largest: 4096,
    });
    let numbers = [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-308, 1e308, f64::MIN_POSITIVE];
    for (i, row) in rows.iter_mut().enumerate() {
        row.tags.push(text.into());
        let kernel = row.kernel.as_mut().expect("every row of this suite ran");
        kernel.variant.kernel = text.into();
        kernel.variant.knobs.insert(text.into(), u32::MAX);
        kernel.sha256 = text.into();
        let summary = &mut row.timing.as_mut().expect("every row of this suite ran").summary;
        match i % 4 {
            0 => summary.median = numbers[i / 4 % numbers.len()],
            1 => summary.ci_lo = Some(numbers[i / 4 % numbers.len()]),
            2 => (row.flop, row.bytes) = (u64::MAX * (i as u64 & 1), u64::MAX * (i as u64 >> 1 & 1)),
            _ => {
                row.verification.as_mut().expect("proven").worst_ratio = Some(numbers[i / 4 % numbers.len()])
            }
        }
    }
    rows.push(failed_row(text, Status::Failed, Some(text)));
    rows.push(failed_row("", Status::Ok, None));
    let mut file = file(header, rows);
    file.problems = vec![text.into()];
    file.path = text.into();
    vec![file]
}
