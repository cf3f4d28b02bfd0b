//! `portamark inspect` on a scripted executor: what it shows, and in which forms.

use crate::folder::Folder;
use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

const SUITE: &str = r#"
name = "small"
[[case]]
key = "gemm f32 m512 n512 k512 nn"
[[case]]
key = "stream f32 copy n4096"
"#;

/// A device of RADV with a chip that is known, and a compiler that tells the same of every step.
const SCRIPT: &str = r#"
[[devices]]
id = "vulkan/AMD Radeon RX 7900 XTX (RADV NAVI31)/Mesa 26.1.6"
name = "AMD Radeon RX 7900 XTX (RADV NAVI31)"
api = "vulkan"
driver = "radv"
driver_version = "Mesa 26.1.6"
device_type = "discrete"

[compiled]
compile_ns = 2000000
[[compiled.executables]]
name = "compute"
subgroup_size = 32
statistics = [
    { name = "VGPRs", value = 96 },
    { name = "Spilled VGPRs", value = 3 },
    { name = "LDS size", value = 8192 },
    { name = "Subgroups per SIMD", value = 12 },
    { name = "Instructions", value = 5 },
]
[[compiled.executables.listings]]
name = "Assembly"
text = """
BB0:
\ts_mov_b32 s0, 0 ; be800080
BB1:
\tds_load_b128 v[0:3], v9 ; d
\tv_dual_fmac_f32 v4, v0, v1 :: v_dual_fmac_f32 v5, v2, v3 ; c8
\tv_add_nc_u32_e32 v9, 16, v9 ; 4
\ts_cbranch_scc0 BB1 ; b
BB2:
\ts_endpgm ; b
"""
"#;

struct Bench {
    folder: Folder,
    executor: String,
}

impl Bench {
    fn new(script: &str) -> Self {
        let folder = Folder::with_suite(SUITE);
        let executor = folder.executor("script.toml", script);
        Bench { folder, executor }
    }

    fn inspect(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.portamark(&["inspect"]);
        command.args(arguments).args(["--executor", &self.executor, "--anew"]);
        command
    }

    fn shown(&self, arguments: &[&str]) -> String {
        let output = self.inspect(arguments).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    }
}

#[test]
fn a_table_has_the_numbers_of_each_kernel() {
    let text = Bench::new(SCRIPT).shown(&["small.toml"]);
    let row = text.lines().find(|line| line.starts_with("gemm f32 m512 n512 k512 nn")).unwrap();
    let words: Vec<&str> = row.split_whitespace().skip(6).collect();
    // Two multiply-adds in one cycle, beside one addition: half of the cycles, and all lanes in these.
    // The device is no chip by its name, so it has no bound.
    assert_eq!(words.join(" "), "96 3 12/16 8.19 kB 50 % fma - 3 registers spilled");
}

#[test]
fn csv_and_json_have_a_record_for_each_case() {
    let bench = Bench::new(SCRIPT);
    let csv = bench.shown(&["small.toml", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 2);
    let value = |name: &str| records[0][headers.iter().position(|head| head == name).unwrap()].to_string();
    assert_eq!(value("chip"), "vulkan-amd-radeon-rx-7900-xtx-radv-navi31-mesa-26.1.6");
    assert_eq!([value("spilled_registers"), value("loop_multiply_add"), value("ceiling")], ["3", "1", "0.5"]);
    let json: serde_json::Value =
        serde_json::from_str(&bench.shown(&["small.toml", "--format", "json"])).unwrap();
    assert_eq!(json["portamark_inspection"], 1);
    let step = &json["cells"][0]["outcome"]["steps"][0];
    assert_eq!(step["spills"]["Spilled VGPRs"], 3);
    assert_eq!(step["hot_loop"]["ceiling"]["share"], 0.5);
}

#[test]
fn the_instructions_are_shown_with_the_loop_marked() {
    let text = Bench::new(SCRIPT).shown(&["gemm f32 m512 n512 k512 nn", "--asm"]);
    let marked: Vec<&str> = text.lines().filter(|line| line.starts_with('>')).collect();
    assert_eq!(marked.len(), 4, "{text}");
    assert!(text.contains("issue ceiling: 50.0 % of the multiply-add peak"), "{text}");
    // More than one case cannot be shown.
    Bench::new(SCRIPT)
        .inspect(&["small.toml", "--asm"])
        .assert()
        .code(2)
        .stderr(contains("2 cases on 1 chips"));
}

#[test]
fn two_variants_stand_side_by_side() {
    let text = Bench::new(SCRIPT).shown(&["gemm f32 m512 n512 k512 nn", "--diff", "tiled", "reference"]);
    let registers = text.lines().find(|line| line.starts_with("registers")).unwrap();
    assert_eq!(registers.split_whitespace().collect::<Vec<_>>(), ["registers", "96", "96"]);
}

#[test]
fn a_driver_that_tells_nothing_is_said_to_be_so_and_one_that_refuses_fails_the_command() {
    let silent = Bench::new("").shown(&["small.toml"]);
    assert_eq!(silent.matches("cannot run: no compiler tells what it makes of kernels").count(), 2);
    let refusing = "[[rules]]\non = \"inspect\"\nact = \"error\"\nreason = \"internal compiler error\"\n";
    Bench::new(refusing)
        .inspect(&["small.toml"])
        .assert()
        .code(1)
        .stdout(contains("does not compile: internal compiler error").count(2))
        .stderr(contains("kernels that do not compile: 2"));
}

#[test]
fn a_driver_that_dies_while_it_compiles_costs_one_cell_after_the_other() {
    let dying = "[[rules]]\non = \"inspect\"\nact = \"abort\"\n";
    let assert = Bench::new(dying).inspect(&["small.toml"]).assert().code(1);
    assert.stdout(contains("does not compile: the executor exited").count(2));
}

#[test]
fn a_kernel_of_another_program_is_inspected_by_its_file() {
    let bench = Bench::new(SCRIPT);
    bench.folder.write("other.spv", "12345678");
    let text = bench.shown(&["--spirv", "other.spv", "--spec", "0=128,1=0x40"]);
    let row = text.lines().find(|line| line.starts_with("other.spv")).unwrap();
    assert!(row.contains("96") && row.contains("12/16") && row.contains("3 registers spilled"), "{row}");
    bench
        .inspect(&["--spirv", "other.spv", "--spec", "0:128"])
        .assert()
        .code(2)
        .stderr(contains("expected ID=VALUE"));
    bench.inspect(&["--spirv", "absent.spv"]).assert().code(2).stderr(contains("absent.spv"));
}

#[test]
fn names_of_chips_are_listed_and_others_refused() {
    let folder = Folder::with_suite(SUITE);
    folder.portamark(&["inspect", "--target", "list"]).assert().success().stdout(contains("navi31"));
    folder
        .portamark(&["inspect", "quick", "--target", "arc-b580"])
        .env("PORTAMARK_COMPILERS", "/nowhere")
        .assert()
        .code(2)
        .stderr(contains("no chip is called `arc-b580`").and(contains("`adreno-750`")));
    folder
        .portamark(&["inspect", "quick", "--target", "navi31"])
        .env("PORTAMARK_COMPILERS", "/nowhere")
        .assert()
        .code(2)
        .stderr(contains("which holds no stand-in").and(contains("scripts/drivers.sh compilers")));
}
