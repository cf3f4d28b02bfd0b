//! What compilers make of kernels: in the rows of a run, and as a matrix of kernels and chips.

use crate::folder::Folder;
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use std::path::PathBuf;

const SUITE: &str = r#"
name = "small"
[[case]]
key = "stream f32 copy n4096"
[[case]]
key = "gemm f32 m32 n32 k32 nn"
"#;

/// A device whose driver tells that each kernel spills 40 registers and leaves room for one subgroup of 16.
const TELLS: &str = r#"
[[devices]]
name = "AMD Radeon RX 7900 XTX (RADV NAVI31)"
driver = "radv"
[compiled]
compile_ns = 1000
[[compiled.executables]]
name = "compute"
subgroup_size = 32
statistics = [
  { name = "VGPRs", value = 120.0 },
  { name = "Spilled VGPRs", value = 40.0 },
  { name = "Subgroups per SIMD", value = 1.0 },
  { name = "Instructions", value = 3521.0 },
]
"#;

/// A folder with the results of a run on an executor with `script`.
fn ran(script: &str, arguments: &[&str]) -> (Folder, String) {
    let folder = Folder::with_suite(SUITE);
    let executor = folder.executor("script.toml", script);
    let all = ["run", "small.toml", "-d", "all", "-o", "results", "--warmup", "5ms", "--executor", &executor];
    let output = folder.portamark(&[&all[..], arguments].concat()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, String::from_utf8(output.stdout).unwrap())
}

fn rows(folder: &Folder) -> Vec<portamark_results::Row> {
    let files = portamark_results::load_all(&[folder.path("results")]).unwrap();
    assert_eq!(files.len(), 1);
    files.into_iter().flat_map(|file| file.rows).collect()
}

/// The only file below the folder of results.
fn file(folder: &Folder) -> PathBuf {
    let device = fs::read_dir(folder.path("results")).unwrap().next().unwrap().unwrap().path();
    fs::read_dir(device).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn a_row_says_what_the_compiler_made_of_its_variant_and_a_table_what_is_bad_about_it() {
    let (folder, table) = ran(TELLS, &["--report", "report", "--repeats", "2"]);
    for row in rows(&folder) {
        let [step] = &row.compiled[..] else { panic!("{row:?}") };
        assert_eq!((step.statistics.vector_registers, step.spills()), (Some(120), 40), "{}", row.case);
        let resident = step.statistics.resident.unwrap();
        assert_eq!((resident.subgroups, resident.limit), (1, 16));
        assert!(step.mix.is_none(), "texts are not asked for");
    }
    let words = "40 registers spilled; 1 of 16 subgroups resident";
    assert!(table.contains(words), "{table}");
    let page = fs::read_to_string(folder.path("report/report.html")).unwrap();
    assert!(
        page.contains(words) && page.contains("id=\"compiled\"") && page.contains("Compiled, not measured.")
    );
    let markdown = fs::read_to_string(folder.path("report/report.md")).unwrap();
    assert!(markdown.contains("| `gemm f32 m32 n32 k32 nn` | S |"), "{markdown}");
    let exported = folder.portamark(&["export", "results", "--format", "csv"]).output().unwrap();
    let exported = String::from_utf8(exported.stdout).unwrap();
    let mut lines = exported.lines();
    let names = "vector_registers,spilled_registers,resident_subgroups,resident_limit";
    assert!(lines.next().unwrap().ends_with(names), "{exported}");
    assert!(lines.all(|line| line.ends_with(",120,40,1,16")), "{exported}");
}

#[test]
fn a_driver_that_cannot_tell_or_does_not_survive_the_question_costs_no_row() {
    for act in ["error", "exit", "hang"] {
        let rule = format!("[[rules]]\non = 'inspect'\nact = '{act}'\n");
        let (folder, _) = ran(&format!("{TELLS}{rule}"), &["--timeout", "2s"]);
        let rows = rows(&folder);
        assert!(
            rows.iter().all(|row| row.status.name() == "ok" && row.compiled.is_empty()),
            "{act}: {rows:?}"
        );
    }
    let (folder, table) = ran("", &[]);
    assert!(rows(&folder).iter().all(|row| row.compiled.is_empty()));
    // A row without facts has no field for them.
    assert!(!fs::read_to_string(file(&folder)).unwrap().contains("\"compiled\":["), "{table}");
}

#[test]
fn with_a_budget_that_is_short_the_compiler_is_not_asked() {
    // Two cases have three even shares of 0.4 s, at most 0.4 s each: less than the second that a question needs.
    let (folder, _) = ran(TELLS, &["--budget", "0.4s"]);
    assert!(rows(&folder).iter().all(|row| row.status.name() == "ok" && row.compiled.is_empty()));
}

/// A file as `inspect --format json` writes it.
fn inspection() -> String {
    serde_json::to_string(&portamark_inspect::Inspection::new(portamark_fixtures::compiled::cells())).unwrap()
}

#[test]
fn a_report_shows_the_files_of_inspect_with_results_and_without() {
    let (folder, _) = ran(TELLS, &[]);
    folder.write("matrix.json", &inspection());
    folder.write("results/other.json", "{\"cells\": []}");
    let report = |paths: &[&str]| {
        let arguments = [&["report"], paths, &["-o", "out"]].concat();
        folder.portamark(&arguments).assert().success();
        fs::read_to_string(folder.path("out/report.html")).unwrap()
    };
    let both = report(&["results", "matrix.json"]);
    assert!(
        both.contains("id=\"chip-one\"")
            && both.contains("RADV NAVI31")
            && both.contains("40 registers spilled")
    );
    let alone = report(&["matrix.json"]);
    assert!(alone.contains("<h1>Compiled kernels</h1>") && alone.contains("id=\"chip-two\""));
    assert!(!report(&["results"]).contains("id=\"chip-one\""));
    // In a folder it is found by its field.
    fs::rename(folder.path("matrix.json"), folder.path("results/matrix.json")).unwrap();
    assert!(report(&["results"]).contains("id=\"chip-one\""));
    folder.write("broken.json", "{\"portamark_inspection\": 1, \"cells\": [{}]}");
    let broken = folder.portamark(&["report", "broken.json", "-o", "out"]).assert().code(2);
    broken.stderr(contains("broken.json").and(contains("no file of `inspect`")));
}

#[test]
fn inspect_writes_a_page_beside_its_table() {
    let folder = Folder::with_suite(SUITE);
    // The host computes without plans: nothing compiles, and the reason is on the page.
    let done = folder
        .portamark(&["inspect", "small.toml", "-d", "host", "--report", "page.html", "--anew"])
        .assert();
    done.success().stderr(contains("wrote page.html"));
    let page = fs::read_to_string(folder.path("page.html")).unwrap();
    assert!(
        page.contains("<h1>2 cases on 1 chip</h1>") && page.contains("the host takes no plans"),
        "{page}"
    );
    assert!(page.contains("Compiled, not measured."));
    folder.portamark(&["inspect", "small.toml", "--report", "x.html", "--asm"]).assert().code(2);
}
