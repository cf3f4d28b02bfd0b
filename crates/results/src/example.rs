//! Example of a small run, for tests.

use crate::{
    Cache, CacheReport, CacheSource, CurvePoint, End, Header, ImportUnit, Imported, KernelUsed, Row,
    RunOutcome, SCHEMA_VERSION, Spent, Spread, SpreadKind, Statistic, Status, TimerChoice, TimerReport,
    Timing, Verification,
};
use portamark_model::device::{Capabilities, DeviceType, Feature, Takes, TimerKind};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::Case;
use portamark_stats::{StopReason, Summary};
use std::collections::BTreeMap;

fn device() -> Capabilities {
    let (id, name) = ("vulkan/Example GPU/1.2.3".into(), "Example GPU".into());
    Capabilities::without_plans(id, name, "vulkan", DeviceType::Discrete).but(|it| {
        it.driver = "Example driver".into();
        it.driver_version = "1.2.3".into();
        (it.vendor_id, it.device_id) = (4660, 22_136);
        it.takes = Takes::Plans;
        it.features = vec![Feature::ShaderF16, Feature::Subgroup];
        (it.subgroup_min, it.subgroup_max) = (32, 32);
        it.limits.workgroup_memory = 49_152;
        it.limits.workgroup_size = 1024;
        it.limits.dispatch = 65_535;
        it.limits.binding_bytes = 2_147_483_644;
        it.limits.buffer_bytes = 2_147_483_644;
        it.limits.storage_buffers = 8;
        it.timer = TimerKind::PassTimestamps;
    })
}

/// Returns an example header.
pub(crate) fn header() -> Header {
    Header {
        schema: SCHEMA_VERSION,
        method: 1,
        portamark: "0.1.0".into(),
        run: "1f2e3d4c".into(),
        started: "2026-11-24T08:15:30Z".into(),
        suite: "quick".into(),
        seed: 42,
        device: device(),
        platform: "linux x86_64 (debian 12)".into(),
        executor: "wgpu 30.0.1".into(),
        timer: TimerReport {
            chosen: TimerChoice::Device,
            findings: vec![],
            faults: vec![],
            tick_ns: Some(32.0),
            empty_host_s: 0.00003125,
            empty_device_s: Some(0.0000025),
            twice_over_once: Some(2.0),
            device_over_host: Some(1.0),
        },
        cache: Some(CacheReport {
            bytes: 67_108_864,
            source: CacheSource::Measured,
            finding: "reads of 33.6 MB are 2.00 times as fast as those of 67.1 MB".into(),
            curve: [(33_554_432, 4e12), (67_108_864, 2e12), (134_217_728, 2e12)]
                .map(|(bytes, rate)| CurvePoint { bytes, rate })
                .to_vec(),
        }),
        sentinels: None,
        sensors: None,
        settled: None,
        labels: BTreeMap::from([("card".into(), "loan from the lab".into())]),
        options: BTreeMap::from([("budget".into(), "60s".into())]),
        ab: None,
    }
}

/// Returns a verified and timed row of `case`, with the work of a product of 512 if that is no key. All its times in
/// seconds are sums of a few powers of two, which JSON preserves exactly; batches are whole nanoseconds.
pub(crate) fn row(case: &str) -> Row {
    let parsed = case.parse::<Case>();
    let (flop, bytes) = parsed.map_or((268_435_456, 3_145_728), |it| (it.flop() as u64, it.bytes()));
    let device_ns = vec![976_562u64; 30];
    let seconds = [0.0009765625; 30];
    Row {
        case: case.into(),
        repeat: 1,
        status: Status::Ok,
        reason: None,
        flop,
        bytes,
        routing: None,
        started: "2026-11-24T08:15:31Z".into(),
        spent: Spent {
            total_s: 1.25,
            prepare_s: 0.25,
            compile_s: 0.125,
            verify_s: 0.25,
            warmup_s: 0.25,
            sample_s: 0.5,
        },
        kernel: Some(KernelUsed {
            variant: Variant::new("tiled", Path::Vector).with("bm", 64).with("bn", 64),
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            steps: 1,
            held_bytes: 12_582_912,
            tuned: false,
        }),
        verification: Some(Verification {
            passed: true,
            checked: 8192,
            total: 262_144,
            unwritten: 0,
            worst_ratio: Some(0.125),
            worst_error: Some(0.0000152587890625),
            worst_element: Some(77),
            bound_factor: 4.0,
            oracle_sha256: None,
        }),
        timing: Some(Timing {
            timer: TimerChoice::Device,
            k: 1,
            sets: 4,
            cache: Cache::Rotated,
            warmup_batches: 3,
            warmup_agreed: true,
            stop: StopReason::Target,
            host_ns: device_ns.iter().map(|ns| ns + 30_000).collect(),
            device_ns,
            invalid: 0,
            summary: Summary::from_samples(&seconds, 0.95).expect("thirty finite samples"),
            overhead_s: None,
            slope_s: None,
            fit: None,
            taken_off_s: None,
            quantiles: portamark_stats::QUANTILE_DEFINITION.into(),
            sentinel_s: vec![],
            bandwidth_sentinel_s: vec![],
            slowdowns: Default::default(),
        }),
        telemetry: None,
        compiled: vec![],
        predicted_s: None,
        tags: vec![],
        retry: 0,
        kills: 0,
        imported: None,
    }
}

/// Returns a row of `case` whose driver told that its only step spills 40 registers.
pub(crate) fn compiled(case: &str) -> Row {
    let step = serde_json::json!({
        "subgroup_size": 32, "vector_registers": 120, "spills": { "Spilled VGPRs": 40 }, "scratch_bytes": 160,
        "workgroup_bytes": 36_864, "instructions": 3521, "compile_ns": 2_000_000,
        "resident": { "subgroups": 1, "limit": 16, "limited_by": "registers" },
    });
    row(case).but(|it| it.compiled = vec![serde_json::from_value(step).expect("facts of a step")])
}

/// Returns a row of `case` that was skipped for `reason`.
pub(crate) fn skipped(case: &str, reason: &str) -> Row {
    Row {
        status: Status::Skipped,
        reason: Some(reason.into()),
        kernel: None,
        verification: None,
        timing: None,
        spent: Spent::default(),
        predicted_s: Some(64.0),
        ..row(case)
    }
}

/// Returns a row of `case` that nvbench measured in 0.0009765625 s.
pub(crate) fn imported(case: &str) -> Row {
    Row {
        status: Status::Imported,
        reason: Some("measured by nvbench, not by portamark: shown beside its rows and never judged".into()),
        kernel: None,
        verification: None,
        timing: None,
        spent: Spent::default(),
        imported: Some(Box::new(Imported {
            method: "nvbench".into(),
            version: Some("0.1.0".into()),
            name: "gemm m=512".into(),
            library: Some("cuBLAS".into()),
            unit: ImportUnit::Seconds,
            statistic: Statistic::Median,
            value: 0.0009765625,
            spread: Some(Spread { what: SpreadKind::Quartiles, lo: 0.000732421875, hi: 0.001953125 }),
            samples: Some(30),
            values: vec![],
            parameters: BTreeMap::from([("m".into(), "512".into())]),
        })),
        ..row(case)
    }
}

/// Returns the closing line of a file with `rows` rows.
pub(crate) fn end(rows: u64, outcome: RunOutcome) -> End {
    End { rows, wall_s: 12.5, outcome, energy: None }
}
