//! Import of test-backend-ops results (llama.cpp) in its mode `perf`, printed to the console or with
//! `--output sql`.

use super::measured::{Import, Measured, number};
use crate::imported::{ImportUnit, Statistic};
use crate::tag::Tag;
use portamark_model::workload::{Case, DType, MOST_VECTORS, Precision};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const METHOD: &str = "test-backend-ops";

/// Start of the line of each result in SQL output.
const INSERT: &str = "INSERT INTO test_backend_ops (";

/// Escape sequences for the colours of a terminal.
static ESCAPES: LazyLock<Regex> = LazyLock::new(|| regex("\u{1b}\\[[0-9;]*m"));

/// `  MUL_MAT(type_a=f16,…):     114 runs -  8790.98 us/run -  60.13 GFLOP/run -   6.84 TFLOPS`
static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^\s*(?P<op>\w+)\((?P<params>.*)\):\s+(?P<runs>\d+) runs - +(?P<time>\S+) us/run\b(?P<rest>.*)$")
});

/// Console line of an operation that the backend does not support.
static LACKING: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s*(?P<op>\w+)\(.*\):\s+not supported"));

static BACKEND: LazyLock<Regex> = LazyLock::new(|| regex(r"^Backend \d+/\d+:?\s+\(?(?P<name>[^()]+)\)?\s*$"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Message that is printed instead of results if the CPU was not requested by name.
const SKIPPING: &str = "Skipping CPU backend";

/// Returns whether `text` is output of test-backend-ops.
pub(super) fn fits(text: &str) -> bool {
    text.contains(INSERT)
        || text.contains(SKIPPING)
        || (text.contains(" runs - ") && text.contains(" us/run"))
}

/// Reads the results in `text`, console or SQL output.
pub(super) fn read(text: &str) -> Result<Import, String> {
    if text.contains(INSERT) { sql(text) } else { console(text) }
}

fn console(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    let (mut backend, mut device) = (String::new(), String::new());
    for (at, line) in text.lines().enumerate() {
        let line = ESCAPES.replace_all(line, "");
        if let Some(found) = BACKEND.captures(&line) {
            (backend, device) = (found["name"].trim().to_string(), String::new());
        } else if let Some(description) = line.trim_start().strip_prefix("Device description: ") {
            device = description.trim().to_string();
        } else if let Some(found) = RESULT.captures(&line) {
            let place = format!("line {}: us/run", at + 1);
            let seconds = number(&found["time"], &place)? * 1e-6;
            let (op, parameters) = (&found["op"], &found["params"]);
            let mut measured = result(op, parameters, seconds, &place)?.library(&backend);
            measured = measured.on(&device, &api(&backend));
            if let Ok(runs) = found["runs"].parse() {
                measured = measured.samples(runs);
            }
            import.add(measured)?;
        } else if let Some(found) = LACKING.captures(&line) {
            import.leave_out(&found["op"], "not supported");
        } else if line.trim() == SKIPPING {
            import.leave_out(&backend, &format!("skipped by the program; its -b {backend} measures it"));
        }
    }
    Ok(import)
}

fn sql(text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    for (at, line) in text.lines().enumerate() {
        let Some(rest) = line.trim_start().strip_prefix(INSERT) else { continue };
        let place = |what: &str| format!("line {}: {what}", at + 1);
        // Quotes inside values are not escaped, so values are split at the separators between them.
        let parts = rest.split_once(") VALUES ('").and_then(|(names, values)| {
            Some((names, values.trim_end().strip_suffix("');").or(values.trim_end().strip_suffix("')"))?))
        });
        let (names, values) = parts.ok_or_else(|| place("the SQL statement is truncated"))?;
        let (names, values): (Vec<&str>, Vec<&str>) =
            (names.split(", ").collect(), values.split("', '").collect());
        if names.len() != values.len() {
            return Err(place(&format!("{} values for {} columns", values.len(), names.len())));
        }
        let fields: BTreeMap<&str, &str> = names.into_iter().zip(values).collect();
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        if field("test_mode") != "perf" {
            continue;
        }
        if field("supported") != "1" {
            import.leave_out(field("op_name"), "not supported");
            continue;
        }
        let seconds = number(field("time_us"), &place("time_us"))? * 1e-6;
        let (op, parameters) = (field("op_name"), field("op_params"));
        let mut measured = result(op, parameters, seconds, &place("time_us"))?
            .library(field("backend_name"))
            .on(field("device_description"), &interface(field("backend_reg_name"), field("backend_name")));
        // A build outside a Git checkout does not know its commit.
        if field("build_commit") != "unknown" {
            measured = measured.version(field("build_commit"));
        }
        if let Ok(runs) = field("n_runs").parse() {
            measured = measured.samples(runs);
        }
        import.add(measured)?;
        if import.started.is_none() {
            import.started = Some(field("test_time").to_string());
        }
    }
    Ok(import)
}

/// Returns the interface from the kind of a backend, or from the backend's own name if the kind is not
/// reported.
fn interface(kind: &str, backend: &str) -> String {
    if kind.is_empty() { api(backend) } else { kind.to_lowercase() }
}

/// Returns the interface of a backend called `CUDA0`, `Vulkan1` or `MTL0`.
fn api(backend: &str) -> String {
    match backend.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "MTL" => "metal".into(),
        kind => kind.to_lowercase(),
    }
}

/// Creates the result of one operation. Its time is a mean: that of all runs over their number.
fn result(op: &str, parameters: &str, seconds: f64, place: &str) -> Result<Measured, String> {
    let name = format!("{op}({parameters})");
    let measured = Measured::new(METHOD, &name, (ImportUnit::Seconds, Statistic::Mean), seconds, place)?;
    Ok(match product(op, parameters) {
        // ggml reports the formats that it reads and writes, but not the one it accumulates in.
        Some(case) => measured.of(Some(case)).tag(Tag::AccumulatorNotTold),
        None => measured,
    })
}

/// Value that each parameter of `MUL_MAT` has for a plain matrix product; `-` if it may have any value.
const PLAIN: [(&str, &str); 14] = [
    ("type_a", "-"),
    ("type_b", "f32"),
    ("m", "-"),
    ("n", "-"),
    ("k", "-"),
    ("bs", "-"),
    ("nr", "[1,1]"),
    ("per", "[0,1,2,3]"),
    ("v", "0"),
    ("k_v", "0"),
    ("o", "1"),
    ("m_v", "0"),
    ("src_overlap", "0"),
    ("pad", "0"),
];

/// Returns the case of portamark for a plain `MUL_MAT`. ggml computes Cᵀ = A·Bᵀ with m × k weights A, n × k
/// activations B in f32, and a result in f32 of n rows: m, n, k of portamark in layout `nt` are n, m, k of
/// ggml. With few rows the case is a `gemv`.
fn product(op: &str, parameters: &str) -> Option<Case> {
    if op != "MUL_MAT" {
        return None;
    }
    let mut values: BTreeMap<&str, String> = BTreeMap::new();
    let mut last = None;
    // A comma inside brackets belongs to a value.
    for part in parameters.split(',') {
        match (part.split_once('='), last) {
            (Some((name, value)), _) => {
                values.insert(name, value.to_string());
                last = Some(name);
            }
            (None, Some(name)) => *values.get_mut(name)? += &format!(",{part}"),
            (None, None) => return None,
        }
    }
    let plain = values.iter().all(|(name, value)| {
        PLAIN.iter().any(|(other, only)| other == name && (*only == "-" || only == value))
    });
    let size = |name: &str| values.get(name)?.parse::<u64>().ok();
    let (rows, columns, k) = (size("n")?, size("m")?, size("k")?);
    let batch = values.get("bs")?.strip_prefix('[')?.strip_suffix(']')?;
    let batch = batch.split(',').try_fold(1u64, |size, part| size.checked_mul(part.parse().ok()?))?;
    if !plain || !values.contains_key("type_b") || !values.contains_key("nr") {
        return None;
    }
    let weights = DType::parse(values.get("type_a")?).filter(|format| !format.is_integer())?;
    let precision = Precision { input: DType::F32, right: weights, accumulate: DType::F32 };
    let key = match batch {
        1 if rows <= MOST_VECTORS => format!("gemv {precision} m{rows} n{columns} k{k}"),
        1 => format!("gemm {precision} m{rows} n{columns} k{k} nt"),
        batch => format!("gemm {precision} b{batch} m{rows} n{columns} k{k} nt"),
    };
    key.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::measured::LeftOut;
    use super::*;

    #[test]
    fn a_plain_product_is_a_case_with_its_sides_exchanged() {
        let key = |parameters: &str| product("MUL_MAT", parameters).map(|case| case.key());
        let rest = "bs=[1,1],nr=[1,1],per=[0,1,2,3],v=0,o=1";
        for (parameters, expected) in [
            ("type_a=f16,type_b=f32,m=4096,n=512,k=14336", "gemm f32xf16 m512 n4096 k14336 nt"),
            ("type_a=f32,type_b=f32,m=4096,n=512,k=14336", "gemm f32 m512 n4096 k14336 nt"),
            ("type_a=q4_0,type_b=f32,m=4096,n=1,k=14336", "gemv f32xq4_0 m1 n4096 k14336"),
            ("type_a=bf16,type_b=f32,m=4096,n=9,k=64", "gemm f32xbf16 m9 n4096 k64 nt"),
        ] {
            assert_eq!(key(&format!("{parameters},{rest}")).as_deref(), Some(expected));
            let newer = "bs=[1,1],nr=[1,1],per=[0,1,2,3],k_v=0,o=1,src_overlap=0,m_v=0,pad=0";
            assert_eq!(key(&format!("{parameters},{newer}")).as_deref(), Some(expected));
        }
        let batched = "type_a=f16,type_b=f32,m=8,n=16,k=64,bs=[2,3],nr=[1,1],per=[0,1,2,3]";
        assert_eq!(key(batched).as_deref(), Some("gemm f32xf16 b6 m16 n8 k64 nt"));
    }

    #[test]
    fn a_processor_that_was_skipped_is_told_with_the_way_to_measure_it() {
        let text = "Testing 1 devices\n\nBackend 1/1: CPU\n  Skipping CPU backend\n1/1 backends passed\n\u{1b}[1;32mOK\u{1b}[0m\n";
        assert!(fits(text));
        let import = read(text).unwrap();
        assert!(import.measured.is_empty());
        assert_eq!(import.left_out, [LeftOut::new("CPU", "skipped by the program; its -b CPU measures it")]);
    }

    #[test]
    fn what_is_not_exactly_that_product_is_none() {
        let plain = "type_a=f16,type_b=f32,m=8,n=16,k=64,bs=[1,1],nr=[1,1],per=[0,1,2,3]";
        assert!(product("MUL_MAT", plain).is_some());
        for (from, to) in [
            ("type_a=f16", "type_a=q4_K"),
            ("type_a=f16", "type_a=q2_K"),
            ("type_a=f16", "type_a=i32"),
            ("type_b=f32", "type_b=f16"),
            ("nr=[1,1]", "nr=[2,1]"),
            ("per=[0,1,2,3]", "per=[0,2,1,3]"),
            ("per=[0,1,2,3]", "per=[0,1,2,3],v=1"),
            ("per=[0,1,2,3]", "per=[0,1,2,3],src_overlap=1"),
            ("per=[0,1,2,3]", "per=[0,1,2,3],pad=8"),
            ("per=[0,1,2,3]", "per=[0,1,2,3],later=0"),
            ("k=64", "k=0"),
            ("k=64", "k=-64"),
            ("m=8", "m=99999999999999"),
            ("bs=[1,1]", "bs=[18446744073709551615,2]"),
            ("type_b=f32,", ""),
        ] {
            assert_eq!(product("MUL_MAT", &plain.replace(from, to)), None, "{to}");
        }
        assert_eq!(product("MUL_MAT_ID", plain), None);
        assert_eq!(product("MUL_MAT", ""), None);
    }
}
