//! `portamark import` on results as other programs print them; tests/imports/README.md says whence.

use crate::shipped::shipped;
use assert_cmd::Command;
use portamark_results::import::{Format, Import, ImportOptions, read, run_files};
use portamark_results::{self as results, ImportUnit, Row, SpreadKind, Statistic, Status};
use predicates::prelude::PredicateBooleanExt;
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

/// What of a file has no number, and why.
fn left_out(import: &Import) -> Vec<String> {
    import.left_out.iter().map(ToString::to_string).collect()
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
    assert_eq!((import.measured.len(), left_out(&import)), (4, vec!["MUL_MAT: not supported".into()]));
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
    assert_eq!((import.measured.len(), left_out(&import)), (3, vec!["MUL_MAT: not supported".into()]));
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
    assert!(import.left_out[0].reason.contains("Not a conversion"), "{:?}", import.left_out);
}

#[test]
fn mamf_finder_gives_the_shapes_that_a_terminal_kept() {
    let found = rows("mamf-finder/terminal.txt", Format::MamfFinder);
    let row = case(&found, "gemm bf16.f32 m13312 n15360 k6144 nt");
    // 2·13312·15360·6144 FLOP at 25.6 TFLOP/s.
    assert!((row.imported_seconds().unwrap() - 2_512_555_868_160.0 / 25.6e12).abs() < 1e-9);
    // The best median of the summary, whose own line the terminal did not keep.
    case(&found, "gemm bf16.f32 m15360 n3072 k1024 nt");
    assert_eq!(found.len(), 2);
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
    assert_eq!(left_out(&import), ["fails: no device"]);
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
    assert_eq!((import.measured.len(), left_out(&import)), (1, vec!["false: ended with a failure".into()]));
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
        import.left_out[0].to_string().starts_with("half_precision_compute half: unsupported: "),
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

#[test]
fn llama_bench_s_table_gives_means_on_the_card_that_was_listed() {
    let (format, import) = read(&fixture("llama-bench/table.md"), None).unwrap();
    assert_eq!((format, import.measured.len()), (Format::LlamaBench, 3));
    let first = &import.measured[0];
    assert_eq!(first.device.name, "AMD Radeon RX 7900 XTX (RADV NAVI31)");
    assert_eq!(
        (first.imported.name.as_str(), first.imported.value),
        ("llama 8B Q4_K - Medium pp512", 3021.4)
    );
    assert_eq!(
        (first.imported.statistic, first.imported.version.as_deref()),
        (Statistic::Mean, Some("5163 8cf427ff"))
    );
}

#[test]
fn llama_bench_of_2024_does_not_put_a_gpu_s_rates_on_the_processor_and_every_array_counts() {
    let (_, import) = read(&fixture("llama-bench/vulkan-2024.txt"), None).unwrap();
    let told: Vec<(&str, &str, f64)> = import
        .measured
        .iter()
        .map(|one| (one.device.name.as_str(), one.device.api.as_str(), one.imported.value))
        .collect();
    assert_eq!(told, [("", "vulkan", 1024.0), ("", "vulkan", 1100.0)]);
    let files = run_files(import, &ImportOptions::default());
    let rows: Vec<&str> = files[0].1.iter().map(|row| row.case.as_str()).collect();
    let of = |fa: &str| format!("llama-bench: llama 7B Q4_0 pp512 flash_attn={fa}");
    assert_eq!(rows, [of("false"), of("true")]);
}

#[test]
fn babelstream_s_table_gives_best_rates_under_its_own_names() {
    let found = rows("babelstream/console.txt", Format::BabelStream);
    assert_eq!(found.len(), 5);
    let triad = case(&found, "babelstream: Triad double 268.4 MB").imported.as_ref().unwrap();
    assert_eq!((triad.value, triad.statistic), (1_280_000.125e6, Statistic::Best));
    assert_eq!((triad.library.as_deref(), triad.samples), (Some("HIP"), Some(99)));
}

#[test]
fn clpeak_s_other_forms_give_what_its_json_gives() {
    let told = |name: &str| {
        let (format, import) = read(&fixture(name), None).unwrap();
        assert_eq!(format, Format::Clpeak, "{name}");
        let one = |one: &portamark_results::import::Measured| {
            format!(
                "{} {:e} {} on {}",
                one.imported.name, one.imported.value, one.imported.unit, one.device.name
            )
        };
        (import.measured.iter().map(one).collect::<Vec<_>>(), left_out(&import))
    };
    let xml = told("clpeak/version-1.xml");
    assert_eq!(xml.0[0], "global_memory_bandwidth float 2.405e11 B/s on Tesla T4");
    assert_eq!(xml.0[2], "single_precision_compute float 8.0005e12 FLOP/s on Tesla T4");
    assert!(xml.0[3].starts_with("kernel_launch_latency 5.5") && xml.0[3].contains("e-6 s on"), "{xml:?}");
    let text = told("clpeak/version-1.txt");
    assert_eq!((&text.0[..3], text.0.len()), (&xml.0[..3], 7));
    assert_eq!(text.1, ["half_precision_compute: unsupported"]);
    let xml = told("clpeak/version-2.xml");
    assert_eq!(
        xml.0[0],
        "single_precision_compute float 4.55e13 FLOP/s on AMD Radeon RX 7900 XTX (RADV NAVI31)"
    );
    assert_eq!(xml.1, ["single_precision_compute double: unsupported: no fp64"]);
    assert_eq!(told("clpeak/version-2.csv"), xml);
    let text = told("clpeak/version-2.txt");
    assert_eq!(text.0[2], "global_memory_bandwidth float 1.845e11 B/s on Apple M1 Pro");
    assert_eq!((text.0.len(), text.1.len()), (3, 1));
}

#[test]
fn mamf_finder_of_later_versions_gives_sustained_rates_as_cases_and_bursts_as_its_own() {
    let found = rows("mamf-finder/version-4.txt", Format::MamfFinder);
    let value = |key: &str| case(&found, key).imported.as_ref().unwrap().value / 1e12;
    assert!((value("gemm bf16.f32 m3072 n2816 k20480 nt") - 821.5).abs() < 1e-9);
    let twice: Vec<&Row> = found.iter().filter(|row| row.case.ends_with("k8192 nt")).collect();
    let [swept, sustained] = &twice[..] else { panic!("{twice:?}") };
    // 811.5 TFLOP/s in the sweep and 720.5 under load.
    assert!(swept.imported_seconds() < sustained.imported_seconds());
    assert!((value("mamf-finder: MAMF mm bfloat16 3072x2816x20480 (MxNxK)") - 840.5).abs() < 1e-9);
    assert_eq!(found.len(), 5);
    assert!(!format!("{found:?}").contains("secret-host"));
    let summary = rows("mamf-finder/summary.txt", Format::MamfFinder);
    assert_eq!(summary.len(), 1);
    assert!((summary[0].imported.as_ref().unwrap().value / 1e12 - 21.5).abs() < 1e-9);
}

#[test]
fn products_of_rocm_s_benches_are_cases_where_they_tell_the_formats() {
    let found = rows("hipblaslt-bench/gemm.txt", Format::HipblasltBench);
    let product = case(&found, "gemm bf16.f32 m512 n4096 k8192 nt");
    assert!((product.imported_seconds().unwrap() - 100e-6).abs() < 1e-12);
    // 2·512·4096·8192 FLOP in 100 µs are the 343 597 GFLOP/s that it prints.
    assert_eq!(product.flop / 100, 343_597_383);
    assert_eq!(found.len(), 2, "with beta and an activation it is another product");
    let found = rows("rocblas-bench/gemm.txt", Format::RocblasBench);
    let imported = case(&found, "rocblas-bench: gemm NT 4000x4000x4000 (MxNxK)").imported.as_ref().unwrap();
    assert!((imported.value - 5e-3).abs() < 1e-12);
    let (_, import) = read(&fixture("rocblas-bench/gemm.txt"), None).unwrap();
    assert_eq!(import.measured[0].device.name, "AMD Instinct MI210");
}

#[test]
fn a_counter_that_is_no_number_does_not_cost_the_file() {
    let found = rows("google-benchmark/nan-counter.json", Format::GoogleBenchmark);
    let imported =
        case(&found, "google-benchmark: device_reduce<float>/manual_time").imported.as_ref().unwrap();
    assert!((imported.value - 1.25e-3).abs() < 1e-12);
}

#[test]
fn what_is_recognised_but_not_read_is_named_with_what_to_do_instead() {
    for (name, program, instead) in [
        ("refused/nccl-tests.txt", "nccl-tests or rccl-tests", "CSV with named columns"),
        ("refused/nvbandwidth.txt", "nvbandwidth", "BabelStream with --csv"),
        ("refused/superbench.jsonl", "SuperBench", "log_raw_data"),
    ] {
        let path = fixture(name);
        portamark(&["import", path.to_str().unwrap()])
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(program).and(contains(instead)));
    }
}

#[cfg(unix)]
#[test]
fn a_device_without_an_end_is_refused_with_the_limit() {
    let zero = "/dev/zero";
    portamark(&["import", zero]).assert().code(2).stderr(contains("larger than 64 MiB"));
    portamark(&["portability", "--table", zero]).assert().code(2).stderr(contains("larger than 16 MiB"));
    portamark(&["report", zero]).assert().code(2).stderr(contains("its first line does not end"));
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
        ("mamf-finder/version-4.txt", "720.5", "line 35: MSMF"),
        ("llama-bench/table.md", "115.50", "line 6, column `t/s`"),
        ("babelstream/console.txt", "1340000.250", "line 14, column `MBytes/sec`"),
    ] {
        let text = std::fs::read_to_string(fixture(name)).unwrap();
        assert!(text.contains(number), "{name}: {number}");
        for hostile in ["NaN", "1e999", "-1", "0", "1e-300"] {
            // clpeak and the table of llama-bench write as 0 what is below their decimals.
            if hostile == "0" && (name.starts_with("clpeak") || name.ends_with("table.md")) {
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
