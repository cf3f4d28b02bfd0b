//! `portamark import` on results as other programs print them; tests/imports/README.md says whence.

use crate::shipped::shipped;
use assert_cmd::Command;
use portamark_results::import::{Format, ImportOptions, read, run_files};
use portamark_results::{self as results, ImportUnit, Row, SpreadKind, Statistic, Status};
use predicates::str::contains;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imports").join(name)
}

/// The rows of a fixture, which has to be recognised as `format`.
fn rows(name: &str, format: Format) -> Vec<Row> {
    let (seen, import) = read(&fixture(name), None).unwrap();
    assert_eq!(seen, format);
    run_files(import, &ImportOptions::default()).into_iter().flat_map(|(_, rows, _)| rows).collect()
}

fn case<'a>(rows: &'a [Row], key: &str) -> &'a Row {
    rows.iter().find(|row| row.case == key).unwrap_or_else(|| {
        panic!("{key} is not among {:#?}", rows.iter().map(|row| &row.case).collect::<Vec<_>>())
    })
}

#[test]
fn llama_bench_gives_tokens_per_second_of_each_test() {
    let of_json = rows("llama-bench/cuda.json", Format::LlamaBench);
    let row = case(&of_json, "llama-bench: qwen2 7B Q4_K - Medium tg128");
    let imported = row.imported.as_ref().unwrap();
    // The middle of 119.03, 120.178, 119.43, 118.307 and 117.464.
    assert_eq!((imported.value, imported.unit), (119.03, ImportUnit::TokenRate));
    assert_eq!(imported.spread.unwrap().what, SpreadKind::Range);
    assert_eq!(
        (imported.version.as_deref(), imported.library.as_deref()),
        (Some("5163 8cf427ff"), Some("CUDA"))
    );
    assert_eq!(imported.parameters["n_gpu_layers"], "99");
    assert_eq!((row.started.as_str(), row.imported_seconds()), ("2025-04-24T11:58:50Z", None));
    let of_lines = rows("llama-bench/cuda.jsonl", Format::LlamaBench);
    assert_eq!(of_lines.len(), 2);
    assert_eq!(of_lines[0].imported.as_ref().unwrap().value, 7276.44);
    assert!(!format!("{of_json:?}").contains("gguf"), "the name of the file is left out");
    let (_, import) = read(&fixture("llama-bench/cuda.json"), None).unwrap();
    assert_eq!(import.measured[0].device.name, "NVIDIA GeForce RTX 4080");
}

#[test]
fn test_backend_ops_gives_plain_products_as_cases_and_the_rest_by_its_name() {
    let console = rows("test-backend-ops/rocm.txt", Format::TestBackendOps);
    assert_eq!(console.len(), 7);
    let f16 = case(&console, "gemv f32xf16 m1 n4096 k14336");
    assert!((f16.imported_seconds().unwrap() - 587.86e-6).abs() < 1e-12);
    // 2·4096·14336 FLOP, as the program itself counts: 117.44 MFLOP.
    assert_eq!(f16.flop, 117_440_512);
    assert_eq!(f16.tags, [portamark_results::Tag::AccumulatorNotTold]);
    let imported = f16.imported.as_ref().unwrap();
    assert_eq!((imported.statistic, imported.samples), (Statistic::Mean, Some(1704)));
    assert_eq!(imported.library.as_deref(), Some("ROCm0"));
    for key in ["gemv f32 m1 n4096 k14336", "gemv f32xbf16 m1 n4096 k14336", "gemv f32xq4_0 m1 n4096 k14336"]
    {
        case(&console, key);
    }
    let own = console.iter().filter(|row| row.case.starts_with("test-backend-ops: MUL_MAT(")).count();
    assert_eq!(own, 3, "repeated and permuted operands, and q4_1");

    let (_, import) = read(&fixture("test-backend-ops/sycl.txt"), None).unwrap();
    assert_eq!(
        (import.measured.len(), &import.left_out[..]),
        (4, &["MUL_MAT: not supported".to_string()][..])
    );
    assert_eq!(import.measured[0].device.name, "Intel(R) Graphics [0x9a49]");

    let sql = rows("test-backend-ops/metal.sql", Format::TestBackendOps);
    assert_eq!(sql.len(), 3);
    let last = sql.last().unwrap();
    assert!((last.imported.as_ref().unwrap().value - 9870.634615e-6).abs() < 1e-12);
    assert_eq!(last.started, "2026-09-24T10:55:56Z");
}

#[test]
fn llama_bench_on_a_processor_is_of_the_processor_whatever_backends_were_loaded() {
    for (file, library) in [("cpu.json", "CPU"), ("no-device.json", "Vulkan")] {
        let (_, import) = read(&fixture(&format!("llama-bench/{file}")), None).unwrap();
        let first = &import.measured[0];
        assert_eq!((first.device.name.as_str(), first.device.api.as_str()), ("AMD EPYC", "cpu"), "{file}");
        assert_eq!(first.imported.library.as_deref(), Some(library));
        assert_eq!(first.imported.version.as_deref(), Some("11669 Debian"));
    }
    let of_cpu = rows("llama-bench/cpu.json", Format::LlamaBench);
    // The middle of 182.729, 200.865 and 190.998.
    let prompt = case(&of_cpu, "llama-bench: llama ?B F16 pp64").imported.as_ref().unwrap();
    assert_eq!((prompt.value, prompt.samples), (190.998, Some(3)));
    let (_, import) = read(&fixture("llama-bench/vulkan.jsonl"), None).unwrap();
    let device = &import.measured[0].device;
    assert_eq!((device.name.as_str(), device.api.as_str()), ("llvmpipe (LLVM 22.1.8, 256 bits)", "vulkan"));
    let names: Vec<&str> = import.measured.iter().map(|one| one.imported.name.as_str()).collect();
    let expected = ["pp32 @ d64", "tg8 @ d64", "pp16+tg4 @ d64"].map(|test| format!("llama ?B F16 {test}"));
    assert_eq!(names, expected);
}

#[test]
fn test_backend_ops_of_later_versions_says_more_of_a_plain_product() {
    let console = rows("test-backend-ops/cpu.txt", Format::TestBackendOps);
    assert_eq!(console.len(), 8);
    let f32 = case(&console, "gemv f32 m1 n4096 k14336");
    assert!((f32.imported_seconds().unwrap() - 18581.84e-6).abs() < 1e-12);
    for format in ["xf16", "xbf16", "xq4_0", "xq8_0"] {
        case(&console, &format!("gemv f32{format} m1 n4096 k14336"));
    }
    let own = console.iter().filter(|row| row.case.starts_with("test-backend-ops: MUL_MAT(")).count();
    assert_eq!(own, 3, "a view of a longer tensor, mxfp4 and q4_K");

    // In SQL it tells neither the device nor of which commit it is.
    let (_, import) = read(&fixture("test-backend-ops/cpu.sql"), None).unwrap();
    let cases = import.measured.iter().filter(|one| one.case.is_some()).count();
    assert_eq!((import.measured.len(), cases), (4, 2));
    let first = &import.measured[0];
    assert_eq!((first.device.name.as_str(), first.device.api.as_str()), ("", "cpu"));
    assert_eq!(first.imported.version, None);

    let (_, import) = read(&fixture("test-backend-ops/vulkan.txt"), None).unwrap();
    let device = &import.measured[0].device;
    assert_eq!((device.name.as_str(), device.api.as_str()), ("llvmpipe (LLVM 22.1.8, 256 bits)", "vulkan"));
    assert_eq!(
        (import.measured.len(), &import.left_out[..]),
        (3, &["MUL_MAT: not supported".to_string()][..])
    );
}

#[test]
fn nvbench_gives_each_state_on_its_device() {
    let (_, import) = read(&fixture("nvbench/axes.json"), None).unwrap();
    let names: Vec<&str> = import.measured.iter().map(|one| one.imported.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "simple",
            "simple",
            "copy_sweep_grid_shape BlockSize=64 NumBlocks=64",
            "copy_type_sweep T=U8",
            "copy_type_conversion_sweep In=I8 Out=I16",
        ]
    );
    let first = &import.measured[0];
    assert_eq!((first.device.name.as_str(), first.imported.value), ("Quadro GV100", 0.0010034715849794225));
    assert_eq!(import.measured[1].device.name, "Quadro GP100");
    let spread = first.imported.spread.unwrap();
    assert_eq!(spread.what, SpreadKind::Deviation);
    // The relative deviation is 0.000578.
    assert!((spread.hi / first.imported.value - 1.0 - 0.0005782350585973689).abs() < 1e-9);
    assert_eq!(first.imported.samples, Some(499));
    assert!(import.left_out[0].contains("Not a conversion"), "{:?}", import.left_out);
}

#[test]
fn mamf_finder_gives_the_shapes_that_a_terminal_kept() {
    let found = rows("mamf-finder/terminal.txt", Format::MamfFinder);
    let row = case(&found, "gemm bf16.f32 m13312 n15360 k6144 nt");
    // 2·13312·15360·6144 FLOP at 25.6 TFLOP/s.
    assert!((row.imported_seconds().unwrap() - 2_512_555_868_160.0 / 25.6e12).abs() < 1e-9);
    assert_eq!(found.len(), 1);
    let all = format!("{found:?}");
    assert!(!all.contains("4b8fdc8ee74c") && !all.contains("58580000"), "{all}");
}

#[test]
fn babelstream_gives_streams_of_f32_and_keeps_the_others_names() {
    let float = rows("babelstream/serial-float.csv", Format::BabelStream);
    let triad = case(&float, "stream f32 triad n1048576");
    assert_eq!(
        (triad.imported_seconds(), triad.imported_spread_s()),
        (Some(0.0073907), Some((0.000319135, 0.0284949)))
    );
    let imported = triad.imported.as_ref().unwrap();
    assert_eq!((imported.statistic, imported.samples), (Statistic::Mean, Some(4)));
    for op in ["copy", "scale", "add"] {
        case(&float, &format!("stream f32 {op} n1048576"));
    }
    case(&float, "babelstream: Dot n=1048576 sizeof=4");
    let double = rows("babelstream/serial-double.csv", Format::BabelStream);
    assert!(double.iter().all(|row| row.case.starts_with("babelstream: ")), "{double:?}");
    // Before the table this one says what it ran on.
    let (_, import) = read(&fixture("babelstream/opencl-float.txt"), None).unwrap();
    let device = &import.measured[0].device;
    assert_eq!((device.name.as_str(), device.api.as_str()), ("pthread-skylake-avx512-AMD EPYC", "opencl"));
    assert_eq!((device.driver_version.as_str(), import.measured.len()), ("3.1+debian", 5));
}

#[test]
fn google_benchmark_gives_medians_of_repetitions_or_aggregates_or_one_mean() {
    let seconds = |name: &str, key: &str| {
        let rows = rows(name, Format::GoogleBenchmark);
        let imported = case(&rows, key).imported.clone().unwrap();
        (imported.value * 1e9, imported.statistic)
    };
    let key = "google-benchmark: axpy/1024";
    let near = |(value, statistic): (f64, Statistic), ns: f64, of: Statistic| {
        assert!((value - ns).abs() < 1e-6 && statistic == of, "{value} {statistic}");
    };
    near(seconds("google-benchmark/repetitions.json", key), 1211.5730307984768, Statistic::Median);
    near(seconds("google-benchmark/aggregates.json", key), 1349.0553138372322, Statistic::Median);
    near(seconds("google-benchmark/once.json", key), 2382.279280078363, Statistic::Mean);
    let (_, import) = read(&fixture("google-benchmark/repetitions.json"), None).unwrap();
    assert_eq!(import.left_out, ["fails: no device"]);
    assert!(!format!("{import:?}").contains("secret-host"));
}

#[test]
fn hyperfine_gives_medians_of_processes_and_leaves_out_what_failed() {
    let found = rows("hyperfine/sleep.json", Format::Hyperfine);
    let imported = case(&found, "hyperfine: sleep 0.01").imported.as_ref().unwrap();
    // The middle of 16.219807 and 21.401781 ms; six samples have a 95 % interval.
    assert!((imported.value - 0.018810794).abs() < 1e-12);
    assert_eq!(imported.spread.unwrap().what, SpreadKind::Interval);
    assert_eq!((imported.values.len(), &*imported.parameters["t"]), (6, "0.01"));
    let (_, import) = read(&fixture("hyperfine/failing.json"), None).unwrap();
    assert_eq!(
        (import.measured.len(), &import.left_out[..]),
        (1, &["false: ended with a failure".to_string()][..])
    );
}

#[test]
fn clpeak_gives_rates_and_times_in_base_units() {
    let (_, import) = read(&fixture("clpeak/pocl.json"), None).unwrap();
    let told = |name: &str| {
        let found = import.measured.iter().find(|one| one.imported.name == name);
        let imported = &found.unwrap_or_else(|| panic!("{name}")).imported;
        (imported.value, imported.unit)
    };
    let near = |(value, unit): (f64, ImportUnit), expected: f64, of: ImportUnit| {
        assert!((value / expected - 1.0).abs() < 1e-9 && unit == of, "{value} {unit}");
    };
    near(told("single_precision_compute float2"), 0.6421e9, ImportUnit::FlopRate);
    near(told("integer_compute int"), 0.1902e9, ImportUnit::OpRate);
    near(told("global_memory_bandwidth float2"), 3.2615e9, ImportUnit::ByteRate);
    near(told("kernel_launch_latency dispatch"), 22.1804e-6, ImportUnit::Seconds);
    assert_eq!(import.left_out.len(), 2);
    assert!(
        import.left_out[0].starts_with("half_precision_compute half: unsupported: "),
        "{:?}",
        import.left_out
    );
    let device = &import.measured[0].device;
    assert_eq!((device.api.as_str(), device.driver_version.as_str()), ("opencl", "3.1+debian"));
}

#[test]
fn criterion_gives_the_median_of_the_last_run_of_each_benchmark() {
    let found = rows("criterion", Format::Criterion);
    let names: Vec<&str> = found.iter().map(|row| row.case.as_str()).collect();
    assert_eq!(names, ["criterion: keys/gemm", "criterion: sum/loop/256", "criterion: sum/loop/64"]);
    let imported = found[2].imported.as_ref().unwrap();
    // The mean of the two in the middle of ten times over their iterations, in nanoseconds.
    assert!((imported.value * 1e9 - 616.5907379037405).abs() < 1e-6, "{}", imported.value);
    assert_eq!((imported.samples, imported.spread.unwrap().what), (Some(10), SpreadKind::Interval));
    assert_eq!(imported.parameters["throughput bytes"], "512");
}

/// All files among the fixtures, but for those of criterion, which is a folder.
fn texts() -> Vec<(Format, String)> {
    let mut texts = Vec::new();
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Criterion) {
        let Ok(folder) = std::fs::read_dir(fixture(format.name())) else { continue };
        for entry in folder.flatten() {
            texts.push((format, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
    assert!(texts.len() >= 10, "{}", texts.len());
    texts
}

/// Reads `text` as a file, detected or as said.
fn read_text(text: &[u8], format: Option<Format>) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.txt");
    std::fs::write(&path, text).unwrap();
    let read = read(&path, format).map_err(|error| error.to_string());
    if let Err(error) = &read {
        assert!(error.contains("hostile.txt"), "{error}");
        assert!(error.chars().count() < 1000 && !error.contains('\n'), "{error}");
    }
    read.map(|(_, import)| {
        let files = run_files(import, &ImportOptions::default());
        for row in files.iter().flat_map(|(_, rows, _)| rows) {
            let value = row.imported.as_ref().unwrap().value;
            assert!(value.is_finite() && value > 0.0 && row.status == Status::Imported, "{row:?}");
        }
        files.len()
    })
}

#[test]
fn every_file_is_recognised_and_none_is_taken_for_another() {
    for (format, text) in texts() {
        assert!(read_text(text.as_bytes(), None).is_ok(), "{format}");
        for other in Format::ALL.into_iter().filter(|other| *other != format) {
            assert!(read_text(text.as_bytes(), Some(other)).is_err(), "{format} as {other}");
        }
    }
}

#[test]
fn hostile_numbers_are_refused_with_the_place() {
    for (name, number, place) in [
        ("llama-bench/cuda.json", "6863.1", "samples_ts[0]"),
        ("llama-bench/cuda.json", "7100.002165", "avg_ts"),
        ("llama-bench/cuda.jsonl", "7155.74", "line 1: samples_ts[0]"),
        ("test-backend-ops/rocm.txt", "  9930.30", "line 11: us/run"),
        ("test-backend-ops/metal.sql", "407.101409", "time_us"),
        ("nvbench/axes.json", "0.0010034715849794225", "benchmark `simple`, state 0, nv/cold/time/gpu/mean"),
        ("babelstream/serial-float.csv", "0.000295775", "line 2, column `avg_runtime`"),
        ("google-benchmark/once.json", "2.3822792800783632e+03", "benchmarks[0].real_time"),
        ("clpeak/pocl.json", "0.2332", "entries[0].value"),
        ("hyperfine/sleep.json", "0.021401781", "results[0].times[0]"),
        ("mamf-finder/terminal.txt", "25.6(median)   25.8(max) @", "line 25: median"),
    ] {
        let text = std::fs::read_to_string(fixture(name)).unwrap();
        assert!(text.contains(number), "{name}: {number}");
        for hostile in ["NaN", "1e999", "-1", "0", "1e-300"] {
            // clpeak writes as 0 what is below its four decimals.
            if hostile == "0" && name.starts_with("clpeak") {
                continue;
            }
            let rest = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
            let error = read_text(text.replacen(number, &format!(" {hostile}{rest}"), 1).as_bytes(), None);
            let error = error.unwrap_err();
            // JSON itself has no NaN and no 1e999, so there the place is a line and a column.
            let by_json = name.contains(".json") && error.contains("line ") && error.contains("column ");
            assert!(error.contains(place) || by_json, "{name}, {hostile}: {error}");
        }
    }
}

#[test]
fn whatever_is_nested_without_end_is_refused() {
    for text in ["[".repeat(200_000), "{\"a\":".repeat(200_000), "[{".repeat(100_000)] {
        for format in Format::ALL {
            let _ = read_text(text.as_bytes(), Some(format));
        }
        assert!(read_text(text.as_bytes(), Some(Format::LlamaBench)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_format_panics_whatever_the_file_holds(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for format in Format::ALL {
            let _ = read_text(&bytes, Some(format));
        }
        let _ = read_text(&bytes, None);
    }

    #[test]
    fn no_damage_of_a_real_file_panics(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(),
        with in proptest::collection::vec(any::<u8>(), 0..8), cut in 0usize..40,
    ) {
        let texts = texts();
        let (format, text) = which.get(&texts);
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with);
        let _ = read_text(&bytes, Some(*format));
        let _ = read_text(&bytes, None);
    }
}

fn portamark(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
    command.args(arguments);
    command
}

#[test]
fn the_command_writes_files_that_load_and_prints_their_paths() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let (ops, bench) = (fixture("test-backend-ops/rocm.txt"), fixture("nvbench/axes.json"));
    let output = portamark(&["import", ops.to_str().unwrap(), bench.to_str().unwrap(), "-o", out])
        .args(["--label", "card=loan"])
        .assert()
        .success()
        .stderr(contains(
            "7 rows from test-backend-ops on AMD Radeon Graphics, 4 of them match portamark cases",
        ))
        .stderr(contains("not imported: copy_type_conversion_sweep In=I8 Out=I8: skipped"));
    let stdout = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let files = results::load_all(&[folder.path().to_path_buf()]).unwrap();
    assert_eq!((stdout.lines().count(), files.len()), (3, 3));
    for file in &files {
        assert!(file.problems.is_empty() && !file.is_interrupted(), "{:?}", file.problems);
        assert_eq!((file.header.method, &*file.header.labels["card"]), (0, "loan"));
    }
    // A second time nothing is overwritten.
    portamark(&["import", ops.to_str().unwrap(), "-o", out]).assert().success();
    assert_eq!(results::load_all(&[folder.path().to_path_buf()]).unwrap().len(), 4);
}

#[test]
fn what_cannot_be_imported_writes_nothing_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (text, out) = (folder.path().join("notes.txt"), folder.path().join("out"));
    std::fs::write(&text, "hello").unwrap();
    let (text, out_path) = (text.to_str().unwrap(), out.to_str().unwrap());
    let good = fixture("test-backend-ops/rocm.txt");
    portamark(&["import", good.to_str().unwrap(), text, "-o", out_path])
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("notes.txt: not recognised as the output of a supported program"))
        .stderr(contains("hint: name the format with --from"));
    assert!(!out.exists());
    portamark(&["import", text, "--from", "vkpeak"]).assert().code(2).stderr(contains("nvbench"));
    portamark(&["import", text, "--from", "hyperfine"])
        .assert()
        .code(2)
        .stderr(contains("as results of hyperfine: there is no JSON in it"));
    portamark(&["import", folder.path().to_str().unwrap()])
        .assert()
        .code(2)
        .stderr(contains("not a criterion folder"));
    portamark(&["import", "no/such/file"]).assert().code(2).stderr(contains("cannot read no/such/file"));
}

#[test]
fn a_report_sets_a_vendors_number_beside_that_of_portamark() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let shipped = results::load_all(&shipped()).unwrap();
    let run = shipped.iter().find(|run| run.rows.iter().any(|row| row.seconds().is_some())).unwrap();
    let row = run.rows.iter().find(|row| row.case.starts_with("gemm") && row.seconds().is_some()).unwrap();
    // Twice as fast as portamark was.
    let table = format!(
        "case,value,unit,library,device\n{},{},s,OpenBLAS,\"{}\"\n",
        row.case,
        row.seconds().unwrap() / 2.0,
        run.header.device.name
    );
    let (csv, out, report) = (root.join("vendor.csv"), root.join("imported"), root.join("report"));
    std::fs::write(&csv, table).unwrap();
    portamark(&["import", csv.to_str().unwrap(), "-o", out.to_str().unwrap()]).assert().success();
    let results = [run.path.to_str().unwrap(), out.to_str().unwrap()];
    portamark(&["report", results[0], results[1], "-o", report.to_str().unwrap()]).assert().success();
    let markdown = std::fs::read_to_string(report.join("report.md")).unwrap();
    let section = markdown.split("\n## Portable against vendor library").nth(1).unwrap();
    let line = section.lines().find(|line| line.contains(&row.case)).unwrap();
    assert!(line.contains("OpenBLAS (csv)") && line.contains("| 0.500 ("), "{line}");
    assert!(report.join("charts/vendor.svg").exists());
}
