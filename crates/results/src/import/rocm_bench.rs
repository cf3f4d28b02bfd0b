//! Import of what hipblaslt-bench and rocblas-bench print: a line of column names for each function, and a line
//! of values for each problem below it.

use super::measured::{Import, Measured, number, told};
use crate::imported::{ImportUnit, Statistic};
use portamark_model::workload::Case;
use regex::Regex;
use std::sync::LazyLock;

/// One of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Program {
    /// Name of the program, which is also its method.
    pub name: &'static str,
    /// Column of the rate, which no other program has.
    rate: &'static str,
    /// Library that computes.
    library: &'static str,
}

/// hipblaslt-bench.
pub(super) const HIPBLASLT: Program =
    Program { name: "hipblaslt-bench", rate: "hipblaslt-Gflops", library: "hipBLASLt" };

/// rocblas-bench.
pub(super) const ROCBLAS: Program =
    Program { name: "rocblas-bench", rate: "rocblas-Gflops", library: "rocBLAS" };

/// `Device ID 0 : AMD Instinct MI350X gfx950:sramecc+:xnack-`
static DEVICE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^Device ID \d+ : (?P<name>.+?)(?: gfx\w+\S*)?\s*$"));

/// `hipBLASLt version: 1.4.0 commit-hash: cafe`
static VERSION: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?P<library>hipBLASLt|rocBLAS)(?: info:)? version: *(?P<version>\S+)"));

/// Number of the solution before column names: `[0]:transA,transB,…`.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| regex(r"^\[\d+\]:?"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Returns the column names in `line`, if it has those of `program`.
fn columns(program: Program, line: &str) -> Option<Vec<&str>> {
    let line = line.trim();
    let names = &line[NUMBER.find(line).map_or(0, |found| found.end())..];
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    (names.len() > 2 && names.contains(&program.rate) && names.contains(&"us")).then_some(names)
}

/// Returns whether `text` is output of `program`.
pub(super) fn fits(program: Program, text: &str) -> bool {
    text.contains(program.rate) && text.lines().any(|line| columns(program, line).is_some())
}

/// Line of values with the names of their columns.
struct Problem<'a> {
    names: &'a [&'a str],
    cells: Vec<&'a str>,
}

impl Problem<'_> {
    /// Returns the first cell of that name: with a check on the CPU, later columns repeat names.
    fn get(&self, name: &str) -> Option<&str> {
        let at = self.names.iter().position(|other| other.eq_ignore_ascii_case(name))?;
        self.cells.get(at).copied()
    }

    /// Returns the columns before the rate, which describe the problem.
    fn described(&self, program: Program) -> impl Iterator<Item = (&str, &str)> {
        let known = self.names.iter().copied().zip(self.cells.iter().copied());
        known.take_while(move |(name, _)| *name != program.rate)
    }

    /// Returns a name: function and sizes of a product, and all columns of any other function.
    fn name(&self, program: Program) -> String {
        let part = |name: &str| self.get(name);
        let (Some(a), Some(b), Some(m), Some(n), Some(k)) =
            (part("transA"), part("transB"), part("m"), part("n"), part("k"))
        else {
            let all = self.described(program).map(|(name, value)| format!("{name}={value}"));
            return all.collect::<Vec<_>>().join(" ");
        };
        let mut name = format!("gemm {a}{b} {m}x{n}x{k} (MxNxK)");
        for more in ["batch_count", "a_type", "compute_type"] {
            if let Some(value) = part(more) {
                name += &format!(" {value}");
            }
        }
        name
    }

    /// Returns the case of a plain product D = op(A)·op(B). BLAS is column-major: its D (m × n) in memory is
    /// portamark's C (n × m) = op(B)ᵀ·op(A)ᵀ, so the sides are exchanged, and a transposed A is a B stored
    /// N × K. `None` without the formats, which rocblas-bench does not print.
    fn case(&self) -> Option<Case> {
        let size = |name: &str| self.get(name)?.parse::<u64>().ok();
        let (m, n, k) = (size("m")?, size("n")?, size("k")?);
        let batch = size("batch_count").unwrap_or(1);
        let is_transposed = |name: &str| match self.get(name)? {
            "N" => Some(false),
            "T" => Some(true),
            _ => None,
        };
        let (a, b) = (is_transposed("transA")?, is_transposed("transB")?);
        // What the program can do besides the product has to be absent or off.
        const PLAIN: [(&str, &[&str]); 16] = [
            ("grouped_gemm", &["0"]),
            ("alpha", &["1"]),
            ("beta", &["0"]),
            ("scaleA", &["0"]),
            ("scaleB", &["0"]),
            ("scaleC", &["0"]),
            ("scaleD", &["0"]),
            ("scaleAlpha_vector", &["0"]),
            ("amaxScaleA", &["0"]),
            ("amaxScaleB", &["0"]),
            ("amaxD", &["0"]),
            ("swizzle_a", &["0"]),
            ("swizzle_b", &["0"]),
            ("activation_type", &["none"]),
            ("bias_vector", &["0"]),
            ("gradient", &["0"]),
        ];
        let plain = PLAIN.iter().all(|(name, off)| self.get(name).is_none_or(|cell| off.contains(&cell)));
        let packed = [("lda", if a { k } else { m }), ("ldb", if b { n } else { k }), ("ldc", m), ("ldd", m)];
        let packed =
            packed.iter().all(|(name, least)| self.get(name).is_none() || size(name) == Some(*least));
        let (a_size, b_size, c_size) = (m.checked_mul(k)?, k.checked_mul(n)?, m.checked_mul(n)?);
        let strides =
            [("stride_a", a_size), ("stride_b", b_size), ("stride_c", c_size), ("stride_d", c_size)];
        let strided = batch == 1
            || strides.iter().all(|(name, least)| self.get(name).is_none() || size(name) == Some(*least));
        if !plain || !packed || !strided {
            return None;
        }
        let format = |name: &str| self.get(name);
        let input = format("a_type")?;
        let result = format("d_type").or(format("c_type"))?;
        let precision = match (input, result, format("compute_type")?) {
            ("f32_r", "f32_r", "f32_r") => "f32",
            ("f16_r" | "fp16_r", "f16_r" | "fp16_r", "f32_r") => "f16.f32",
            ("bf16_r", "bf16_r", "f32_r") => "bf16.f32",
            ("i8_r", "i32_r", "i32_r") => "i8.i32",
            _ => return None,
        };
        if format("b_type") != Some(input) || format("c_type").is_some_and(|c| c != result) {
            return None;
        }
        let letter = |transposed: bool| if transposed { 't' } else { 'n' };
        // A row-major matrix is the transpose of the same memory in columns.
        let layout = format!("{}{}", letter(b), letter(a));
        let batch = if batch == 1 { String::new() } else { format!("b{batch} ") };
        format!("gemm {precision} {batch}m{n} n{m} k{k} {layout}").parse().ok()
    }
}

/// Reads the results of `program` in `text`. A time is a mean: that of all calls over their number.
pub(super) fn read(program: Program, text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    let (mut names, mut device, mut version) = (Vec::new(), String::new(), String::new());
    for (at, line) in text.lines().enumerate() {
        if let Some(found) = DEVICE.captures(line) {
            device = found["name"].into();
        } else if let Some(found) = VERSION.captures(line).filter(|f| &f["library"] == program.library) {
            version = found["version"].into();
        } else if let Some(found) = columns(program, line) {
            names = found;
            continue;
        }
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        // Some versions print more values than names, e.g. the index of the solution; none prints fewer.
        if names.is_empty() || cells.len() < names.len() {
            continue;
        }
        let problem = Problem { names: &names, cells };
        let place = format!("line {}, column `us`", at + 1);
        let name = problem.name(program);
        let us = problem.get("us").unwrap_or_default();
        if us.parse() == Ok(0.0) {
            import.leave_out(&name, "0 us");
            continue;
        }
        let seconds = number(us, &place)? * 1e-6;
        let value = (ImportUnit::Seconds, Statistic::Mean);
        let mut measured = Measured::new(program.name, &name, value, seconds, &place)?
            .of(problem.case())
            .version(&version)
            .library(program.library)
            .on(&device, "hip");
        for (name, value) in problem.described(program).filter(|(_, value)| !value.is_empty()) {
            measured = measured.parameter(name, value);
        }
        import.add(measured)?;
    }
    if import.measured.is_empty() && import.left_out.is_empty() {
        return Err(format!("no line of values follows the column names of {}", told(program.name)));
    }
    Ok(import)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LT: &str = "hipBLASLt version: 1.4.0 commit-hash: cafe
Device ID 0 : AMD Instinct MI350X gfx950:sramecc+:xnack-
[0]:transA,transB,grouped_gemm,batch_count,m,n,k,alpha,lda,stride_a,beta,ldb,stride_b,ldc,stride_c,ldd,stride_d,a_type,b_type,c_type,d_type,compute_type,scaleA,activation_type,bias_vector,hipblaslt-Gflops,hipblaslt-GB/s,us
    T,N,0,1,1024,512,256,1,256,262144,0,256,131072,1024,524288,1024,524288,bf16_r,bf16_r,bf16_r,bf16_r,f32_r,0,none,0,26843.5,190.7,10
    --Solution index: 302128
";

    fn key(text: &str) -> Option<String> {
        read(HIPBLASLT, text).unwrap().measured[0].case.as_ref().map(Case::key)
    }

    #[test]
    fn a_plain_product_is_a_case_with_its_sides_exchanged() {
        // D (1024 × 512) in columns is C (512 × 1024) in rows. A transposed A is stored K × M in columns, so
        // M × K in rows: B as N × K.
        assert_eq!(key(LT).as_deref(), Some("gemm bf16.f32 m512 n1024 k256 nt"));
        // Sizes whose product is beyond all numbers are of no case.
        let huge = LT.replace("1024,512,256", "18446744073709551615,512,18446744073709551615");
        assert_eq!(key(&huge), None);
        let import = read(HIPBLASLT, LT).unwrap();
        let one = &import.measured[0];
        assert!((one.imported.value - 10e-6).abs() < 1e-18 && one.imported.statistic == Statistic::Mean);
        assert_eq!(
            (&*one.device.name, one.imported.version.as_deref()),
            ("AMD Instinct MI350X", Some("1.4.0"))
        );
        assert_eq!(one.imported.name, "gemm TN 1024x512x256 (MxNxK) 1 bf16_r f32_r");
        assert_eq!(import.measured.len(), 1, "the index of the solution is no result");
        // N and N: lda is m, ldb is k; both operands are plain in rows too.
        let plain = LT.replace("T,N,0,1,1024,512,256,1,256,", "N,N,0,1,1024,512,256,1,1024,");
        assert_eq!(key(&plain).as_deref(), Some("gemm bf16.f32 m512 n1024 k256 nn"));
        // N and T: B is stored N × K in columns, K × N in rows: A as K × M.
        let other = plain.replace("N,N,0,1", "N,T,0,1").replace(",0,256,131072", ",0,512,131072");
        assert_eq!(key(&other).as_deref(), Some("gemm bf16.f32 m512 n1024 k256 tn"));
        let batch = LT.replace("T,N,0,1,", "T,N,0,4,");
        assert_eq!(key(&batch).as_deref(), Some("gemm bf16.f32 b4 m512 n1024 k256 nt"));
    }

    #[test]
    fn what_is_more_or_less_than_that_product_has_no_case() {
        for (from, to) in [
            ("256,1,256,262144,0,", "256,1,256,262144,1,"),
            ("256,1,256,", "256,2,256,"),
            (",none,0,", ",relu,0,"),
            (",none,0,", ",none,1,"),
            ("256,1,256,262144", "256,1,264,262144"),
            ("T,N,0,", "T,N,1,"),
            ("T,N,0,", "C,N,0,"),
            ("f32_r,0,none", "f32_r,1,none"),
            ("bf16_r,f32_r", "f32_r,f32_r"),
        ] {
            assert!(LT.contains(from), "{from}");
            assert_eq!(key(&LT.replace(from, to)), None, "{from} {to}");
        }
    }

    #[test]
    fn rocblas_does_not_print_formats_so_its_products_keep_their_name() {
        let text = "transA,transB,M,N,K,alpha,lda,beta,ldb,ldc,rocblas-Gflops,us,CPU-Gflops,us,norm_error\n\
                    N,T,4000,4000,4000,1,4000,0,4000,4000, 97190.6, 1317,1,2,0\n\
                    M,N,alpha,rocblas-Gflops,us\n7,8,1,5,0\n";
        assert!(fits(ROCBLAS, text) && !fits(HIPBLASLT, text));
        let import = read(ROCBLAS, text).unwrap();
        let [one] = &import.measured[..] else { panic!("{import:?}") };
        assert_eq!((one.case.as_ref(), &*one.imported.name), (None, "gemm NT 4000x4000x4000 (MxNxK)"));
        assert!((one.imported.value - 1317e-6).abs() < 1e-15);
        assert_eq!(import.left_out[0].to_string(), "M=7 N=8 alpha=1: 0 us");
        let error = read(ROCBLAS, &text.replace("1317", "nan")).unwrap_err();
        assert!(error.starts_with("line 2, column `us`: NaN is not"), "{error}");
    }
}
