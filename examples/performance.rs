//! The ratios of docs/performance.md from result files:
//! `cargo run --release --example performance -- FOLDER…`. The suite is docs/performance.toml.

use portamark_model::units;
use portamark_results::{Row, RunFile, load_all};
use std::path::PathBuf;

/// What a rate is compared with.
enum Against {
    /// The best of the multiply-add probes.
    Fma,
    /// The cooperative-matrix probe.
    Matrix,
    /// Reading so many f32.
    Read(u64),
    /// The time of another case: how many times as fast.
    Case(&'static str),
}

use Against::{Case, Fma, Matrix, Read};

const RATIOS: &[(&str, Against)] = &[
    ("gemm f32 m512 n512 k512 nn", Fma),
    ("gemm f32 m1024 n1024 k1024 nn", Fma),
    ("gemm f32 m1024 n1024 k1024 nt", Fma),
    ("gemm f32 m1024 n1024 k1024 tn", Fma),
    ("gemm f32 m1000 n1001 k1003 nn", Fma),
    ("gemm f16.f32 m1024 n1024 k1024 nt", Fma),
    ("gemm f16.f32 m1024 n1024 k1024 nt", Matrix),
    ("gemm f16.f32 m512 n512 k512 nn", Case("gemm f32 m512 n512 k512 nn")),
    ("gemm f16.f32 m1024 n1024 k1024 nt", Case("gemm f32 m1024 n1024 k1024 nt")),
    ("gemm bf16.f32 m1024 n1024 k1024 nt", Case("gemm f32 m1024 n1024 k1024 nt")),
    ("gemm i8.i32 m1024 n1024 k1024 nt", Case("gemm f32 m1024 n1024 k1024 nt")),
    ("gemm f16xq4_0.f32 m1024 n1024 k1024 nt", Case("gemm f32 m1024 n1024 k1024 nt")),
    ("attention f32 b1 hq4 hkv4 q512 kv512 d64", Fma),
    ("attention f16.f32 b1 hq4 hkv4 q1024 kv1024 d128 causal", Fma),
    ("attention f32 b1 hq4 hkv4 q1024 kv1024 d64 causal", Case("attention f32 b1 hq4 hkv4 q1024 kv1024 d64")),
    ("gemv f32 m1 n4096 k4096", Read(16_777_216)),
    ("gemv f16.f32 m1 n4096 k4096", Read(8_388_608)),
    ("gemv f16xq8_0.f32 m1 n4096 k4096", Case("gemv f16.f32 m1 n4096 k4096")),
    ("gemv f16xq4_0.f32 m1 n4096 k4096", Case("gemv f16.f32 m1 n4096 k4096")),
    ("attention f32 b1 hq8 hkv8 q1 kv8192 d128", Read(16_777_216)),
    ("attention f32 b1 hq8 hkv1 q1 kv8192 d128", Read(2_097_152)),
    ("attention f16.f32 b1 hq32 hkv8 q1 kv8192 d128", Read(8_388_608)),
];

/// The fastest row of the cases that `wanted` accepts.
fn fastest(run: &RunFile, wanted: impl Fn(&str) -> bool) -> Option<&Row> {
    let rows = run.rows.iter().filter(|row| wanted(&row.case) && row.timing.is_some());
    rows.min_by(|a, b| seconds(a).total_cmp(&seconds(b)))
}

fn seconds(row: &Row) -> f64 {
    row.timing.as_ref().map_or(f64::INFINITY, |timing| timing.summary.median)
}

/// The highest FLOP/s among the rows whose key begins with `probe`.
fn peak(run: &RunFile, probe: &str) -> Option<f64> {
    run.rows
        .iter()
        .filter(|row| row.case.starts_with(probe))
        .filter_map(Row::flop_rate)
        .max_by(f64::total_cmp)
}

fn line(run: &RunFile, case: &str, against: &Against) -> Option<String> {
    let row = fastest(run, |key| key == case)?;
    let (of, ratio) = match against {
        Fma => ("f32 FMA", row.flop_rate()? / peak(run, "peak f32 fma")?),
        Matrix => ("matrix unit", row.flop_rate()? / peak(run, "peak f16.f32 matrix")?),
        Read(n) => {
            let read = format!("stream f32 read n{n}");
            ("read", row.byte_rate()? / fastest(run, |key| key == read)?.byte_rate()?)
        }
        Case(other) => (*other, seconds(fastest(run, |key| key == *other)?) / seconds(row)),
    };
    let rate = if case.starts_with("gemv") || case.contains(" q1 ") {
        units::byte_rate(row.byte_rate()?)
    } else {
        units::flop_rate(row.flop_rate()?)
    };
    let ratio = match against {
        Case(_) => format!("{ratio:.2} x"),
        _ => format!("{:.0} %", 100.0 * ratio),
    };
    let kernel = row.kernel.as_ref().map(|used| used.variant.to_string()).unwrap_or_default();
    Some(format!("| `{case}` | {rate} | {ratio} of {of} | `{kernel}` |"))
}

fn main() {
    let places: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let runs = load_all(&places).unwrap_or_else(|error| panic!("{error}"));
    for run in &runs {
        println!(
            "\n### {}\n\n| case | rate | ratio | kernel |\n| --- | --- | --- | --- |",
            run.header.device.id
        );
        for (case, against) in RATIOS {
            match line(run, case, against) {
                Some(line) => println!("{line}"),
                None => println!("| `{case}` | - | not measured | - |"),
            }
        }
    }
}
