//! What the host does between measurements and after them: the f64 oracle, and reading and
//! reporting a large result file. Run with `cargo bench --bench oracle`; no device is needed.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use portamark_analysis as analysis;
use portamark_kernels::EmbeddedTexts;
use portamark_measure::Oracle;
use portamark_model::workload::{Case, Inputs, Tile};
use portamark_report as report;
use portamark_results as results;
use std::fmt::Write;
use std::path::Path;

fn oracle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("oracle");
    group.sample_size(10);
    for key in [
        "stream f32 triad n16777216",
        "gemm f32 m512 n512 k512 nn",
        "gemm f16.f32 m4096 n4096 k4096 nt",
        "attention f32 b1 hq8 hkv8 q512 kv512 d64 causal",
        "attention f16.f32 b1 hq32 hkv8 q2048 kv2048 d128 causal",
        "attention f32 b1 hq8 hkv1 q1 kv8192 d128",
    ] {
        let case: Case = key.parse().expect("a valid key");
        let tile = Tile { rows: 64, columns: 64 };
        group.bench_function(key, |bencher| {
            bencher.iter(|| Oracle::new(&case, Inputs::new(1, 0), tile));
        });
    }
    group.finish();
}

/// A result file of `count` rows, made from the examples in results/README.md.
fn result_file(path: &Path, device: usize, count: usize) {
    let readme = include_str!("../results/README.md");
    let mut examples = readme.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest));
    let mut line = || -> serde_json::Value {
        serde_json::from_str(examples.next().expect("an example")).expect("examples are JSON")
    };
    let (mut header, mut row) = (line(), line());
    header["device"]["id"] = format!("vulkan/card {device}/1").into();
    header["device"]["name"] = format!("card {device}").into();
    let mut text = format!("{header}\n");
    for i in 0..count {
        let case: Case =
            format!("gemm f32 m{} n{} k64 nn", 1 + i / 100, 1 + i % 100).parse().expect("a valid key");
        row["case"] = case.key().into();
        row["flop"] = (case.flop() as f64).into();
        row["bytes"] = case.bytes().into();
        writeln!(text, "{row}").expect("memory takes it");
    }
    std::fs::write(path, text).expect("a file can be written");
}

fn ten_thousand_rows(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("rows.jsonl");
    result_file(&path, 0, 10_000);
    let runs = [results::load(&path).expect("the file is readable")];
    assert_eq!(runs[0].rows.len(), 10_000, "{:?}", runs[0].problems);

    let mut group = criterion.benchmark_group("10,000 rows");
    group.sample_size(10);
    group.bench_function("load", |bencher| bencher.iter_with_large_drop(|| results::load(&path)));
    group.bench_function("compare", |bencher| {
        bencher.iter_with_large_drop(|| analysis::Comparison::new(&runs));
    });
    group.bench_function("table", |bencher| bencher.iter(|| report::terminal(&runs, None)));
    group.bench_function("report", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().expect("a folder can be made"),
            // The folder is handed back, so that removing it is not timed.
            |out| {
                report::write(&runs, None, &EmbeddedTexts, &[], out.path())
                    .map(|_| out)
                    .expect("the report is written")
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// The whole way from files to a report, as a team with many machines goes it.
fn two_hundred_devices(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for device in 0..200 {
        result_file(&folder.path().join(format!("{device}.jsonl")), device, 500);
    }
    let paths = [folder.path().to_path_buf()];
    let mut group = criterion.benchmark_group("100,000 rows of 200 devices");
    group.sample_size(10);
    group.bench_function("load", |bencher| bencher.iter_with_large_drop(|| results::load_all(&paths)));
    group.bench_function("load and report", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir().expect("a folder can be made"),
            |out| {
                let runs = results::load_all(&paths).expect("the files are readable");
                report::write(&runs, None, &EmbeddedTexts, &[], out.path()).expect("the report is written");
                (runs, out)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, oracle, ten_thousand_rows, two_hundred_devices);
criterion_main!(benches);
