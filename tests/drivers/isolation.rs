//! What a driver does at its worst costs one row: a loop without end, accesses out of bounds, more
//! memory than there is. On each driver of `./test`.

use crate::shares::Shares;
use crate::start::start;
use portamark_results::{Row, Status, load};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Names the test's own processes.
const MARK: &str = "PORTAMARK_TEST_MARK";

/// Never ends on drivers that let it, and takes minutes on stock lavapipe, which ends a loop after
/// 65536 turns.
const ENDLESS: &str = r#"// portamark: case = "stream f32 copy n4194304"
// portamark: workgroups = "n / 256"
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var x = a[id.x];
    while x.x < 2.0 { x = min(x + a[id.x] * 0.0, vec4<f32>(1.0)); }
    y[id.x] = x;
}
"#;

/// Writes megabytes to gigabytes beyond its buffer, and nothing within.
const BEYOND: &str = r#"// portamark: case = "stream f32 copy n65536"
// portamark: workgroups = "n / 64"
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    y[4000000u + id.x * 16001u] = a[id.x];
}
"#;

/// More workgroups than any device takes along x.
const FAR: &str = r#"// portamark: case = "stream f32 copy n131072"
// portamark: workgroups = "4294967295"
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { y[id.x] = a[id.x]; }
"#;

/// As it should be, for the case that comes last.
const GOOD: &str = r#"// portamark: case = "stream f32 copy n262144"
// portamark: workgroups = "n / 64"
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { y[id.x] = a[id.x]; }
"#;

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Bench(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_portamark"))
            .current_dir(self.0.path())
            .args(["run", "-o", "results", "--max-time", "100ms"])
            .args(arguments)
            .env(MARK, self.0.path())
            .output()
            .unwrap()
    }

    /// The rows of the only file, by case and whether the kernel was the test's own.
    fn rows(&self) -> Vec<Row> {
        let folder = fs::read_dir(self.path("results")).unwrap().next().unwrap().unwrap().path();
        let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let run = load(&file).unwrap();
        assert_eq!(run.problems, Vec::<String>::new());
        run.rows
    }

    /// Fails when a process of this bench outlives its run by more than its moment of grace.
    fn expect_no_process(&self) {
        let mark = format!("{MARK}={}", self.0.path().display()).into_bytes();
        let is_ours = |environment: Vec<u8>| environment.split(|b| *b == 0).any(|word| word == mark);
        let lives = || {
            let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
            processes.filter_map(|process| fs::read(process.path().join("environ")).ok()).any(is_ours)
        };
        let started = Instant::now();
        while lives() {
            assert!(started.elapsed() < Duration::from_secs(20), "an executor outlives its run");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn kernels_that_hang_or_reach_beyond_cost_one_row_each_and_the_run_goes_on() {
    if start().is_none() {
        return;
    }
    let bench = Bench::new();
    for (name, text) in
        [("endless.wgsl", ENDLESS), ("beyond.wgsl", BEYOND), ("far.wgsl", FAR), ("good.wgsl", GOOD)]
    {
        bench.write(name, text);
    }
    let kernels: Vec<&str> = ["endless.wgsl", "beyond.wgsl", "far.wgsl", "good.wgsl"]
        .into_iter()
        .flat_map(|k| ["--kernel", k])
        .collect();
    // Four of the eight rows must answer within the timeout on a machine that is busy with other tests: warm
    // caches need one set of buffers instead of as many as exceed the cache.
    let options = ["--timeout", "20s", "--checks", "off", "--cache", "warm"];
    let output = bench.run(&[&kernels[..], &options].concat());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = bench.rows();
    let own = |name: &str| {
        let is_it =
            |row: &&Row| row.kernel.as_ref().is_some_and(|k| k.variant.kernel == format!("own/{name}"));
        rows.iter().find(is_it).unwrap_or_else(|| panic!("no row of {name}: {rows:#?}"))
    };
    let endless = own("endless");
    assert_eq!(endless.status, Status::Timeout, "{:?}", endless.reason);
    assert!(endless.reason.as_ref().unwrap().contains("no answer within 20.0 s"), "{:?}", endless.reason);
    // A driver may drop such writes, which leaves the output as it was, or die of them.
    let beyond = own("beyond");
    assert!(matches!(beyond.status, Status::Wrong | Status::Crashed | Status::Failed), "{beyond:?}");
    assert!(beyond.timing.is_none() && beyond.reason.is_some());
    assert_eq!(own("good").status, Status::Ok, "{:?}", own("good").reason);
    // The built-in kernels of the four cases are untouched by what came before them; the one kernel
    // that cannot be dispatched has a row without a plan.
    let others: Vec<&Row> = rows
        .iter()
        .filter(|row| row.kernel.as_ref().is_some_and(|k| !k.variant.kernel.starts_with("own/")))
        .collect();
    assert_eq!(others.len(), 4);
    assert!(others.iter().all(|row| row.status == Status::Ok), "{others:#?}");
    let far = rows.iter().find(|row| row.kernel.is_none()).expect("a row of the kernel that reaches too far");
    assert_eq!(far.status, Status::Failed);
    assert!(far.reason.as_ref().unwrap().contains("4294967295 is not a whole number from 1 to"));
    assert_eq!(rows.len(), 8);
    bench.expect_no_process();
}

/// A suite of a case that is too large and a small one after it.
fn suite(large: &str) -> String {
    format!("name = \"large\"\n[[case]]\nkey = \"{large}\"\n[[case]]\nkey = \"stream f32 copy n65536\"\n")
}

#[test]
fn a_case_larger_than_device_or_limit_is_refused_with_its_sizes_before_it_is_made() {
    if start().is_none() {
        return;
    }
    let bench = Bench::new();
    bench.write("large.toml", &suite("stream f32 copy n4294966272"));
    let output = bench.run(&["large.toml", "--memory", "20GB"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = bench.rows();
    assert!(matches!(rows[0].status, Status::Unsupported | Status::Skipped), "{:?}", rows[0]);
    let reason = rows[0].reason.as_ref().unwrap();
    assert!(reason.starts_with("needs 34.5 GB in 2 buffers, the largest (y) 17.2 GB; "), "{reason}");
    assert_eq!(rows[1].status, Status::Ok);

    let bench = Bench::new();
    bench.write("large.toml", &suite("stream f32 copy n1048576"));
    assert_eq!(bench.run(&["large.toml", "--memory", "10MB"]).status.code(), Some(0));
    let rows = bench.rows();
    assert_eq!(rows[0].status, Status::Skipped);
    assert!(rows[0].reason.as_ref().unwrap().ends_with("one case may hold 10.0 MB, see --memory"));
    assert_eq!(rows[1].status, Status::Ok);
    bench.expect_no_process();
}

/// Kibibytes of address space that the starved executor has.
const STARVED_KIB: u64 = 4 << 20;

#[test]
fn a_driver_that_gets_no_memory_costs_one_row() {
    let Some((_, devices)) = start() else { return };
    if !devices[0].is_software() || !Path::new("/bin/sh").exists() {
        eprintln!("only a software device's memory can be bounded");
        return;
    }
    let bench = Bench::new();
    // Two sets of three arrays are more than the executor gets.
    let limits = &devices[0].limits;
    let each = limits.buffer_bytes.min(1 << 30) / 16384 * 16384;
    bench.write("large.toml", &suite(&format!("stream f32 add n{}", each / 4)));
    let program = env!("CARGO_BIN_EXE_portamark");
    bench.write("starve.sh", &format!("ulimit -v {STARVED_KIB}\nexec {program} executor wgpu\n"));
    let output = bench.run(&["large.toml", "--memory", "100GB", "--executor", "sh starve.sh"]);
    let rows = bench.rows();
    eprintln!("{each} bytes an array, {STARVED_KIB} KiB in all: {:?}", rows[0].reason);
    // A driver that does not look at what it is given dies of it: Mesa 25 by SIGSEGV.
    let starved = rows[0].status == Status::OutOfMemory;
    assert!(starved || rows[0].status == Status::Crashed, "{:?}", rows[0]);
    assert!(rows[0].reason.is_some() && rows[0].timing.is_none());
    assert_eq!(rows[1].status, Status::Ok, "{:?}", rows[1].reason);
    let code = if starved { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    bench.expect_no_process();
}

/// Cases whose tensors take 1 to 4 MiB.
const RANGES: &str = r#"
name = "ranges"
[[case]]
key = "stream f32 copy n524288"
[[case]]
key = "stream f32 triad n700416"
[[case]]
key = "stream f32 read n1048576"
[[case]]
key = "gemv f32 m1 n700 k1024"
[[case]]
key = "gemv f16xq4_0.f32 m1 n3000 k1024"
[[case]]
key = "gemm f32 m1000 n64 k512 nn"
"#;

#[test]
fn tensors_larger_than_a_binding_are_computed_in_ranges() {
    if !Shares::of_this_run().is_first() || start().is_none() {
        return;
    }
    let bench = Bench::new();
    bench.write("ranges.toml", RANGES);
    let program = env!("CARGO_BIN_EXE_portamark");
    let executor = format!("{program} executor wgpu --binding-bytes 1048576");
    let output = bench.run(&["ranges.toml", "--executor", &executor]);
    let rows = bench.rows();
    for row in &rows {
        assert_eq!(row.status, Status::Ok, "{}: {:?}", row.case, row.reason);
        assert!(row.kernel.as_ref().unwrap().steps > 1, "{} fits one binding", row.case);
    }
    assert_eq!((rows.len(), output.status.code()), (6, Some(0)));
}
