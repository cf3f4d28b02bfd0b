//! Models, prices and predictions on the command line: whole answers, and clear words for bad input.
//!
//! Compared with `tests/snapshots`. After a change that is meant:
//! `INSTA_UPDATE=always cargo test --test models`.

use std::path::Path;
use std::process::Command;

/// What the program says and how it ends, in `folder`.
fn answer(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_portamark"))
        .args(arguments)
        .current_dir(folder)
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
    let (out, said) = (text(output.stdout), text(output.stderr));
    let said = said.lines().map(|line| format!("! {line}\n")).collect::<String>();
    format!("$ portamark {}\n{out}{said}= {}\n", arguments.join(" "), output.status.code().unwrap())
}

/// Several answers after one another.
fn answers(folder: &Path, lines: &[&[&str]]) -> String {
    lines.iter().map(|line| answer(folder, line)).collect::<Vec<_>>().join("\n")
}

/// A folder with the stored rows of a software driver, as if a published card had given them.
fn card() -> tempfile::TempDir {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("results/vulkan-llvmpipe-llvm-15.0.6-256-bits-mesa-22.3.6");
    let file = std::fs::read_dir(stored).unwrap().next().unwrap().unwrap().path();
    let software = std::fs::read_to_string(file).unwrap();
    let name = "\"name\":\"llvmpipe (LLVM 15.0.6, 256 bits)\"";
    let (kind, memory) = ("\"device_type\":\"software\"", "\"memory_bytes\":2147483648");
    let text = [
        (name, "\"name\":\"NVIDIA H100 80GB HBM3\""),
        (kind, "\"device_type\":\"discrete\""),
        (memory, "\"memory_bytes\":85899345920"),
    ]
    .iter()
    .fold(software.clone(), |text, (from, to)| {
        assert!(text.contains(from), "the stored header has another form: {from}");
        text.replace(from, to)
    });
    // The same device without a row, and the software driver itself.
    let header = text.lines().next().unwrap().to_string() + "\n";
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("rows", text), ("empty", header), ("software", software)] {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("rows.jsonl"), text).unwrap();
    }
    folder
}

#[test]
fn what_cannot_be_projected_is_said_with_what_to_do_and_the_exit_code() {
    let folder = card();
    let text = answers(
        folder.path(),
        &[
            // No such model, no such device, no such accelerator.
            &["project", "lama-3.1-8b", "rows"],
            &["project", "llama-3.1-8b", "rows", "-d", "h20"],
            &["project", "llama-3.1-8b", "rows", "--predict", "h21", "--efficiency", "0.5"],
            &["project", "llama-3.1-8b", "rows", "--compare", "h21"],
            &["project", "llama-3.1-8b", "rows", "--compare", "h20,nvidia-h20", "--efficiency", "0.5"],
            // No rows, or none that tell.
            &["project", "llama-3.1-8b"],
            &["project", "llama-3.1-8b", "nowhere"],
            &["project", "llama-3.1-8b decode", "empty"],
            &["project", "llama-3.1-8b bf16 decode", "rows"],
            // No efficiency, or none that can be carried over.
            &["project", "llama-3.1-8b", "rows", "--predict", "h20"],
            &["project", "llama-3.1-8b", "rows", "--predict", "h20", "--efficiency", "1.5"],
            &["project", "llama-3.1-8b", "rows", "--predict", "h20", "--efficiency", "conv=0.5"],
            &["project", "llama-3.1-8b e4m3 decode b16", "--predict", "h20", "--efficiency", "0.5"],
            &["project", "llama-3.1-8b decode", "empty", "--predict", "h20", "--like", "h100"],
            &["project", "llama-3.1-8b decode", "software", "--predict", "h20", "--like", "0"],
            &["project", "llama-3.1-8b decode", "rows", "--like", "h100"],
            // No price.
            &["project", "llama-3.1-8b", "rows", "--price", "free"],
            &["project", "llama-3.1-8b", "rows", "--price", "mi300x=2/h"],
            &[
                "project",
                "llama-3.1-8b decode",
                "rows",
                "--compare",
                "h20",
                "--efficiency",
                "0.5",
                "--by",
                "price",
            ],
            &["cost", "step-3", "--hardware", "b200"],
            &["cost", "step-3", "--price", "mlu590=1/h"],
            &["cost", "step-4"],
            &["cost", "whisper-large-v3"],
            &["cost", "step-3", "--prices", "nowhere.toml"],
            // Counts.
            &["count", "gemm f16.f32 m4"],
            &["count", "gemm f32 m4 n4 k4 nn", "--convention", "flashmla"],
            &["count", "gemm f32 m4 n4 k4 nn", "--convention", "blas"],
        ],
    );
    insta::assert_snapshot!("models_bad_input", text.replace("os error 3", "os error 2"));
}

#[test]
fn a_model_that_fits_nowhere_is_a_gate_that_fails() {
    let folder = card();
    let text = answers(
        folder.path(),
        &[
            &["project", "llama-3.1-405b decode", "--predict", "h20", "--efficiency", "0.5..0.8"],
            &["project", "llama-3.1-405b decode", "--compare", "h20,nvidia-b200", "--efficiency", "0.5..0.8"],
            &["project", "llama-3.1-70b decode", "--compare", "h20,nvidia-b200", "--efficiency", "0.5..0.8"],
        ],
    );
    insta::assert_snapshot!("models_that_do_not_fit", text);
}

#[test]
fn devices_and_models_are_ranked_in_one_table() {
    let folder = card();
    let compare =
        ["project", "llama-3.1-8b b8 c4096 decode", "rows", "--efficiency", "0.5..0.8,gemm=0.4..0.7"];
    let with = |more: &[&'static str]| -> Vec<&str> { [&compare[..], more].concat() };
    let prices = "h20=0.8/h,nvidia-h200=2.5/h";
    let text = answers(
        folder.path(),
        &[
            &with(&["--compare", "h20,nvidia-h200,nvidia-rtx-4090,qwen3-8b", "--price", prices]),
            &with(&["--compare", "h20,nvidia-h200", "--price", prices, "--by", "price"]),
            &with(&["--compare", "h20,nvidia-h200", "--power", "h20=300W", "--by", "energy"]),
        ],
    );
    insta::assert_snapshot!("models_ranked", text);
}

#[test]
fn a_chart_is_written_and_its_seed_repeats_the_table() {
    let folder = card();
    let arguments = [
        "project",
        "qwen3-8b c2048",
        "rows",
        "--compare",
        "h20,nvidia-l20",
        "--efficiency",
        "0.4..0.8",
        "-o",
        "chart.svg",
    ];
    let first = answer(folder.path(), &arguments);
    assert!(first.contains("! wrote chart.svg\n= 0"), "{first}");
    let chart = std::fs::read_to_string(folder.path().join("chart.svg")).unwrap();
    assert!(chart.starts_with("<svg") && chart.contains("predicted"), "{chart}");
    assert_eq!(first, answer(folder.path(), &arguments));
}

#[test]
fn the_rows_of_one_card_predict_another_and_stay_apart_from_them() {
    let folder = card();
    let arguments =
        ["project", "llama-3.1-8b decode", "rows", "--predict", "h20", "--like", "h100", "--json"];
    let text = answer(folder.path(), &arguments);
    let json = text.split_once('\n').unwrap().1.rsplit_once("= 0").unwrap().0;
    let found: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(found[0]["predicted"], true);
    for part in found[0]["parts"].as_array().unwrap() {
        assert_eq!(part["basis"], "predicted", "{part}");
        assert!(part["from"].as_str().unwrap().contains("H100"), "{part}");
    }
    // With the card itself beside it, its parts are measured or estimated and never predicted.
    let both =
        ["project", "llama-3.1-8b decode", "rows", "--compare", "h100,h20", "--like", "h100", "--json"];
    let text = answer(folder.path(), &both);
    let json = text.split_once('\n').unwrap().1.rsplit_once("= 0").unwrap().0;
    let found: serde_json::Value = serde_json::from_str(json).unwrap();
    let all: Vec<&serde_json::Value> = found[0]["ranked"].as_array().unwrap().iter().collect();
    assert_eq!(all.len(), 2, "{text}");
    for one in all {
        let predicted = one["device"] == "NVIDIA H20";
        assert_eq!(one["predicted"], predicted, "{one}");
        for part in one["parts"].as_array().unwrap() {
            assert_eq!(part["basis"] == "predicted", predicted, "{part}");
        }
    }
}

#[test]
fn costs_are_those_of_the_report_and_of_the_user() {
    let folder = card();
    let prices = "[[hardware]]\nname = \"H20\"\nper_hour = 5.6\n\n[[hardware]]\nname = \"Mine\"\nper_hour = 1.0\n\
                  flop_rate = 5e14\nbyte_rate = 2e12\n";
    std::fs::write(folder.path().join("prices.toml"), prices).unwrap();
    let text = answers(
        folder.path(),
        &[
            &["cost", "-c", "8192"],
            &["cost", "deepseek-v3", "--counting", "exact", "--cache-bytes", "2"],
            &["cost", "step-3", "llama-3.1-8b", "--prices", "prices.toml", "-c", "4096", "-o", "cost.svg"],
            &[
                "cost",
                "step-3",
                "-c",
                "8192",
                "--price",
                "h20=0.4/h,nvidia-h100-sxm=2.5/h",
                "--hardware",
                "h20,nvidia-h100-sxm",
            ],
        ],
    );
    insta::assert_snapshot!("models_cost", text);
    let chart = std::fs::read_to_string(folder.path().join("cost.svg")).unwrap();
    assert!(chart.contains("Mine") && chart.contains("Llama-3.1-8B"), "{chart}");
}

#[test]
fn counts_agree_with_the_published_ones_to_the_digit() {
    let folder = tempfile::tempdir().unwrap();
    let text = answers(
        folder.path(),
        &[
            &[
                "count",
                "gemm f16.f32 m4096 n7168 k16384 nt",
                "--rate",
                "1426T",
                "--from",
                "deepgemm",
                "--convention",
                "deepgemm",
            ],
            &[
                "count",
                "attention f16.f32 b128 hq128 hkv1 q2 kv4096 d576 dv512 causal latent",
                "--time",
                "2.379ms",
            ],
            &["count", "attention f16.f32 b2 hq16 q2048 d128 causal", "--time", "0.319ms"],
            &["count", "gemm f16.f32 m3456 n4096 k4096 nn", "--convention", "cutlass"],
        ],
    );
    for published in ["in 674.7 us", "122.8 TFLOP/s", "107.7 TFLOP/s", "115992428544"] {
        assert!(text.contains(published), "{published}: {text}");
    }
    insta::assert_snapshot!("models_counts", text);
}

#[test]
fn counts_beyond_64_bits_are_exact_and_what_cannot_be_counted_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let told = |arguments: &[&str]| answer(folder.path(), arguments);
    // 2·(2²¹)³ = 2⁶⁴.
    let text = told(&["count", "gemm f32 m2097152 n2097152 k2097152 nn", "--json"]);
    assert!(text.contains("\"flop\": 18446744073709551616,"), "{text}");
    // 2·(576 + 512)·128·128·2⁴⁰.
    let text = told(&["count", "attention f16.f32 b128 hq128 hkv1 q1048576 kv1048576 d576 dv512 latent"]);
    assert!(text.contains(&(2u128 * 1088 * (1 << 54)).to_string()), "{text}");
    // (2³¹)³ elements are none modulo 2⁶⁴.
    let key = "gemm f32 b2147483648 m2147483648 n2147483648 k2147483648 nn";
    std::fs::write(folder.path().join("vast.toml"), format!("[[case]]\nkey = \"{key}\"\n")).unwrap();
    for arguments in [&["count", key][..], &["run", "vast.toml", "-d", "host"]] {
        let text = told(arguments);
        assert!(text.contains("at most 2^48 can be counted") && text.ends_with("= 2\n"), "{text}");
    }
}

#[test]
fn a_convention_in_json_has_the_name_that_the_command_line_takes() {
    let folder = tempfile::tempdir().unwrap();
    let key = "attention f16.f32 b1 hq4 hkv1 q1 kv64 d576 dv512 latent";
    let text = answer(folder.path(), &["count", key, "--json"]);
    let names: Vec<&str> =
        text.split("\"convention\": \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(names.contains(&"llama.cpp") && names.contains(&"step-3"), "{names:?}");
    for name in names {
        let text = answer(folder.path(), &["count", key, "--convention", name]);
        assert!(text.ends_with("= 0\n"), "{text}");
    }
}

#[test]
fn experts_are_in_the_sum_and_their_routing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let predict =
        |model: &str| answer(folder.path(), &["project", model, "--predict", "h20", "--efficiency", "0.5"]);
    let text = predict("deepseek-v3 b32 decode tp4");
    assert!(text.contains("uniform routing: 163 of 256 experts have rows (expected 163.3)"), "{text}");
    // 163 of 256 experts with 1024 x 7168 weights of 2 B at half of 4 TB/s: 1.2 ms in each of 58 layers.
    let part = text.lines().find(|line| line.starts_with("expert_gate_up")).unwrap();
    assert!(part.contains("1.20 ms"), "{part}");
    let text = predict("deepseek-v3 b32 decode");
    assert!(
        text.contains("expert_gate_up is computed in 2 pieces per layer") && text.contains("tokens/s"),
        "{text}"
    );
    // What fits is named: 1.34 TB of weights on cards of 103 GB.
    assert!(text.contains("it would fit with tp16") && text.ends_with("= 1\n"), "{text}");
}

#[test]
fn a_projection_that_lacks_times_fails_and_says_which() {
    let folder = card();
    let text = answer(folder.path(), &["project", "llama-3.1-8b bf16 decode", "rows"]);
    assert!(text.contains(
        "error: no estimate of decode of Llama-3.1-8B: 5 of 6 parts have no time: qkv, `gemv bf16.f32"
    ));
    assert!(text.contains("for 1 of 6 parts") && text.ends_with("= 2\n"), "{text}");
}
