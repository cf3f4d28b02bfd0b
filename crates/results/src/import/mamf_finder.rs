//! Import of the log of mamf-finder: the best matrix products of PyTorch over many shapes.

use super::measured::{Import, Measured, number};
use crate::imported::{ImportUnit, Statistic};
use crate::tag::Tag;
use portamark_model::workload::Case;
use regex::Regex;
use std::sync::LazyLock;

const METHOD: &str = "mamf-finder";

/// `     1 |  756.1(mean)  758.2(median)  762.3(max) @ 256x4096x4096        | best: …`
static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^\s*\d+ \|\s*(?P<mean>\S+)\(mean\)\s*(?P<median>\S+)\(median\)\s*(?P<max>\S+)\(max\) @ (?P<m>\d+)x(?P<n>\d+)x(?P<k>\d+)\s",
    )
});

static DEVICE: LazyLock<Regex> = LazyLock::new(|| regex(r"DeviceProperties\(name='(?P<name>[^']*)'"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Date from which M, N and K are in the usual order. Version 2 is two days older, so its first logs may mean
/// another product.
const ORDER_SINCE: &str = "2025-01-06";

/// Returns whether `text` is a log of mamf-finder.
pub(super) fn fits(text: &str) -> bool {
    text.contains("Benchmark started on ") && (text.contains("TFLOPS @ ") || text.contains("(median)"))
}

/// Reads the log in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let after = |mark: &str| {
        text.lines().find_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix(mark)).map(str::trim)
    };
    let version = after("benchmark version:").unwrap_or_default();
    let begun = after("Benchmark started on ").unwrap_or_default();
    let dtype = after("** Dtype:").unwrap_or_default().trim_start_matches("torch.");
    let torch = after("torch=").unwrap_or_default();
    let device = DEVICE.captures(text).map(|found| found["name"].to_string()).unwrap_or_default();
    let usual_order = version.parse::<u32>().is_ok_and(|version| version >= 2) && begun >= ORDER_SINCE;
    let mut import = Import::default();
    // In captured terminal output, each shape overwrites the one before with `\r`.
    for (at, line) in text.lines().enumerate() {
        for line in line.split('\r') {
            let Some(found) = SHAPE.captures(line) else { continue };
            let place = |what: &str| format!("line {}: {what}", at + 1);
            let rate = |what: &str| Ok::<f64, String>(number(&found[what], &place(what))? * 1e12);
            let name = format!("mm {dtype} {}x{}x{} (MxNxK)", &found["m"], &found["n"], &found["k"]);
            let value = (ImportUnit::FlopRate, Statistic::Median);
            // The slowest time is not reported, so mean and fastest do not make a spread.
            let (mean, fastest) = (rate("mean")?, rate("max")?);
            let mut measured = Measured::new(METHOD, &name, value, rate("median")?, &place("median"))?
                .version(version)
                .library(&format!("PyTorch {torch}"))
                .on(&device, "pytorch")
                .parameter("mean", &format!("{mean} FLOP/s"))
                .parameter("max", &format!("{fastest} FLOP/s"))
                .parameter("dtype", dtype);
            if usual_order {
                let case = product(dtype, &found["m"], &found["n"], &found["k"]);
                if case.is_some() {
                    measured = measured.of(case).tag(Tag::AccumulatorNotTold);
                }
            }
            import.measured.push(measured);
        }
    }
    Ok(import)
}

/// Returns the case of C = A·Bᵀ for contiguous matrices A (M × K) and B (N × K), with C in the format of the
/// inputs: layout `nt`. float8 has no case: torch._scaled_mm, which runs it, stores float8, whereas the
/// product of portamark stores f32.
fn product(dtype: &str, m: &str, n: &str, k: &str) -> Option<Case> {
    let precision = match dtype {
        "bfloat16" => "bf16.f32",
        "float16" => "f16.f32",
        "float32" => "f32",
        _ => return None,
    };
    format!("gemm {precision} m{m} n{n} k{k} nt").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "
Benchmark started on 2025-05-03 06:17:43

** Dtype: torch.bfloat16

** Platform/Device info:
- Linux secrethost 6.15.0 #1 SMP x86_64
- _CudaDeviceProperties(name='AMD Radeon Graphics', major=11, uuid=58580000-0000-0000-0000-000000000000)

** Critical software versions:
- torch=2.6.0

** Additional notes:
- benchmark version: 2

     1 |   25.0(mean)   25.6(median)   25.8(max) @ 1024x2048x512        | best:   25.0(mean)   25.6(median)   25.8(max) TFLOPS
";

    #[test]
    fn a_shape_of_version_2_is_a_product_of_layout_nt() {
        let import = read(LOG).unwrap();
        let [measured] = &import.measured[..] else { panic!("{import:?}") };
        assert_eq!(measured.case.as_ref().unwrap().key(), "gemm bf16.f32 m1024 n2048 k512 nt");
        assert_eq!((measured.imported.value, measured.imported.statistic), (25.6e12, Statistic::Median));
        assert_eq!(measured.device.name, "AMD Radeon Graphics");
        assert!(!format!("{import:?}").contains("secrethost"));
    }

    #[test]
    fn logs_that_may_mean_another_order_keep_their_own_name() {
        for (from, to) in [("benchmark version: 2", "benchmark version: 1"), ("2025-05-03", "2025-01-04")] {
            let import = read(&LOG.replace(from, to)).unwrap();
            assert_eq!(import.measured[0].case, None, "{to}");
            assert_eq!(import.measured[0].imported.name, "mm bfloat16 1024x2048x512 (MxNxK)");
        }
        assert_eq!(product("float8_e4m3fn", "1", "1", "1"), None);
    }

    #[test]
    fn a_number_that_is_none_is_refused_at_its_line() {
        let error =
            read(&LOG.replace("25.6(median)   25.8(max) @", "nan(median)   25.8(max) @")).unwrap_err();
        assert!(error.starts_with("line 16: median: "), "{error}");
    }
}
