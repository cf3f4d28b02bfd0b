//! Import of the log of mamf-finder: the best matrix products of PyTorch over many shapes. Versions before 3
//! print a line for each shape, later ones a table for each phase; both end in a summary, which people post
//! alone.

use super::measured::{Import, Measured, number};
use crate::imported::{ImportUnit, Statistic};
use crate::tag::Tag;
use portamark_model::workload::Case;
use regex::{Captures, Regex};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

const METHOD: &str = "mamf-finder";

/// `     1 |  756.1(mean)  758.2(median)  762.3(max) @ 256x4096x4096        | best: …`
static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^\s*\d+ \|\s*(?P<mean>\S+)\(mean\)\s*(?P<median>\S+)\(median\)\s*(?P<max>\S+)\(max\) @ (?P<m>\d+)x(?P<n>\d+)x(?P<k>\d+)\s",
    )
});

/// Column names of the tables of version 3 and later: `     #  MxNxK                mean median    max   best     W   MHz`.
static HEAD: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s*(?:# +)?MxNxK +(?P<columns>\w.*)$"));

/// A row of these tables: `    18  3072x2816x20480     828.4  828.6  831.6  828.4   506  1980  <- best mean`.
static ROW: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\s*(?:\d+ +)?(?P<m>\d+)x(?P<n>\d+)x(?P<k>\d+) +(?P<cells>\S.*)$"));

/// Heading of the table of one phase: `MSMF (sustainable) confirm: 10 shapes ...`.
static PHASE: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?P<kind>MAMF|MSMF) \(\w+\) confirm"));

/// A line of the summary: `median: 21.1 TFLOPS @ 3072x3072x1024 (MxNxK)`; before version 2
/// `The best outcome was 668.4TFLOPS @ …`; since version 3 `MSMF (max sustainable, saturated):   722 TFLOPS @ …`.
static BEST: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^\s*(?P<kind>mean:|median:|max:|The best outcome was|(?:MAMF|MSMF) \([^)]*\):)\s*(?P<rate>\S+?) ?TFLOPS @ (?P<m>\d+)x(?P<n>\d+)x(?P<k>\d+) \(MxNxK\)",
    )
});

static DEVICE: LazyLock<Regex> = LazyLock::new(|| regex(r"DeviceProperties\(name='(?P<name>[^']*)'"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Date from which M, N and K are in the usual order. Version 2 is two days older, so its first logs may mean
/// another product.
const ORDER_SINCE: &str = "2025-01-06";

/// Returns whether `text` is a log of mamf-finder, or its summary.
pub(super) fn fits(text: &str) -> bool {
    (text.contains("Benchmark started on ") && (text.contains("TFLOPS @ ") || text.contains("(median)")))
        || text.lines().any(|line| BEST.is_match(line))
}

/// Facts that hold for all numbers of a log.
struct About {
    version: String,
    dtype: String,
    library: String,
    device: String,
    /// Whether M, N and K are in the usual order.
    usual_order: bool,
}

/// Reads the log in `text`. A shape that was measured several times, by the same phase, counts once: the last
/// line of it, which in later versions is the one that the summary took.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let about = About::of(text);
    let mut import = Import::default();
    let mut phase = None;
    let mut columns: Vec<&str> = Vec::new();
    let mut bests: Vec<(usize, Captures)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        // In captured terminal output, each shape overwrites the one before with `\r`.
        for line in line.split('\r') {
            if let Some(found) = SHAPE.captures(line) {
                let rates = [("mean", &found["mean"]), ("median", &found["median"]), ("max", &found["max"])];
                if let Some(measured) = about.swept(&mut import, &found, &rates, at + 1)? {
                    import.add(measured)?;
                }
            } else if let Some(found) = PHASE.captures(line) {
                phase = Some(found["kind"].to_string());
                columns.clear();
            } else if let Some(found) = HEAD.captures(line) {
                columns = found.get(0).map_or("", |all| all.as_str()).split_whitespace().collect();
                columns.retain(|column| *column != "#" && *column != "MxNxK");
                if columns.first() != Some(&"TFLOPS") {
                    phase = None;
                }
            } else if let Some(found) = ROW.captures(line).filter(|_| !columns.is_empty()) {
                let cells = found.name("cells").map_or("", |cells| cells.as_str());
                // A window that ranks shapes is shorter, and one that is not steady is no result.
                if cells.ends_with("rank") || cells.ends_with("not steady") {
                    continue;
                }
                let rates: Vec<(&str, &str)> =
                    columns.iter().copied().zip(cells.split_whitespace()).collect();
                let measured = match &phase {
                    Some(kind) => Some(about.confirmed(kind, &found, cells, at + 1)?),
                    None => about.swept(&mut import, &found, &rates, at + 1)?,
                };
                let Some(measured) = measured else { continue };
                match places.get(&measured.imported.name) {
                    Some(place) => import.measured[*place] = measured,
                    None => {
                        places.insert(measured.imported.name.clone(), import.measured.len());
                        import.add(measured)?;
                    }
                }
            } else if let Some(found) = BEST.captures(line) {
                bests.push((at + 1, found));
            }
        }
    }
    about.add_bests(&mut import, &bests)?;
    Ok(import)
}

impl About {
    fn of(text: &str) -> Self {
        let after = |mark: &str| {
            let mut lines = text.lines().map(|line| line.trim_start_matches(['-', ' ']));
            lines.find_map(|line| line.strip_prefix(mark)).map(str::trim).unwrap_or_default()
        };
        let (version, begun, torch) =
            (after("benchmark version:"), after("Benchmark started on "), after("torch="));
        About {
            version: version.into(),
            dtype: after("** Dtype:").trim_start_matches("torch.").into(),
            library: format!("PyTorch {torch}").trim_end().into(),
            device: DEVICE.captures(text).map(|found| found["name"].to_string()).unwrap_or_default(),
            usual_order: version.parse::<u32>().is_ok_and(|version| version >= 2) && begun >= ORDER_SINCE,
        }
    }

    /// Returns the name of the product of a shape. A summary alone does not tell the format.
    fn name(&self, kind: &str, shape: &Captures) -> String {
        let (m, n, k) = (&shape["m"], &shape["n"], &shape["k"]);
        let words = [kind, "mm", &self.dtype].into_iter().filter(|word| !word.is_empty());
        format!("{} {m}x{n}x{k} (MxNxK)", words.collect::<Vec<_>>().join(" "))
    }

    /// Returns the rate in `text` of TFLOPS as a result on `shape`.
    fn measured(
        &self,
        kind: &str,
        shape: &Captures,
        statistic: Statistic,
        text: &str,
        place: &str,
    ) -> Result<Measured, String> {
        let rate = number(text, place)? * 1e12;
        let value = (ImportUnit::FlopRate, statistic);
        let measured = Measured::new(METHOD, &self.name(kind, shape), value, rate, place)?
            .version(&self.version)
            .library(&self.library)
            .on(&self.device, "pytorch");
        Ok(if self.dtype.is_empty() { measured } else { measured.parameter("dtype", &self.dtype) })
    }

    /// Sets the case of portamark, if the number is of one.
    fn of_case(&self, measured: Measured, shape: &Captures) -> Measured {
        let case = self.usual_order.then(|| product(&self.dtype, &shape["m"], &shape["n"], &shape["k"]));
        match case.flatten() {
            Some(case) => measured.of(Some(case)).tag(Tag::AccumulatorNotTold),
            None => measured,
        }
    }

    /// Returns the median of a shape from its rates by column, or the peak of a table that has only that; `None`
    /// if all of them are 0.0, as those of small shapes are with one decimal.
    fn swept(
        &self,
        import: &mut Import,
        shape: &Captures,
        rates: &[(&str, &str)],
        line: usize,
    ) -> Result<Option<Measured>, String> {
        let rate = |what: &str| rates.iter().find(|(column, _)| *column == what).map(|(_, rate)| *rate);
        let place = |what: &str| format!("line {line}: {what}");
        if let Some(peak) = rate("peak") {
            return self.measured("peak of", shape, Statistic::Best, peak, &place("peak")).map(Some);
        }
        let (Some(mean), Some(median), Some(max)) = (rate("mean"), rate("median"), rate("max")) else {
            return Ok(None);
        };
        if [mean, median, max].iter().all(|rate| rate.parse() == Ok(0.0)) {
            import.leave_out(&self.name("", shape), "0.0 TFLOPS, less than the one decimal that is printed");
            return Ok(None);
        }
        // The slowest time is not reported, so mean and fastest do not make a spread.
        let (mean, fastest) = (number(mean, &place("mean"))? * 1e12, number(max, &place("max"))? * 1e12);
        let measured = self.measured("", shape, Statistic::Median, median, &place("median"))?;
        let measured = measured
            .parameter("mean", &format!("{mean} FLOP/s"))
            .parameter("max", &format!("{fastest} FLOP/s"));
        Ok(Some(self.of_case(measured, shape)))
    }

    /// Returns the rate that a phase confirmed. MSMF is the mean over seconds of full load, with caches cleared
    /// before each product; MAMF is the median of the five fastest after pauses, which is no typical product.
    fn confirmed(&self, kind: &str, shape: &Captures, cells: &str, line: usize) -> Result<Measured, String> {
        let rate = cells.split_whitespace().next().unwrap_or_default();
        let place = format!("line {line}: {kind}");
        if kind == "MSMF" {
            let measured = self.measured(kind, shape, Statistic::Mean, rate, &place)?;
            return Ok(self.of_case(measured, shape));
        }
        self.measured(kind, shape, Statistic::Best, rate, &place)
    }

    /// Adds what only the summary has: the best outcomes of shapes whose lines are not in the text.
    fn add_bests(&self, import: &mut Import, bests: &[(usize, Captures)]) -> Result<(), String> {
        let kind = |found: &Captures| {
            found["kind"].split([' ', ':']).next().map_or_else(String::new, str::to_string)
        };
        let mut known: HashSet<String> =
            import.measured.iter().map(|one| one.imported.name.clone()).collect();
        let has_median = bests.iter().any(|(_, found)| kind(found) == "median");
        for (line, found) in bests {
            let place = |what: &str| format!("line {line}: {what}");
            let measured = match kind(found).as_str() {
                word @ ("MAMF" | "MSMF") => self.confirmed(word, found, &found["rate"], *line)?,
                "median" => {
                    let median =
                        self.measured("", found, Statistic::Median, &found["rate"], &place("median"))?;
                    self.of_case(median, found)
                }
                // Mean and max are those of other shapes, or of the one whose median is here.
                "mean" | "max" if has_median => continue,
                "mean" => self.measured("", found, Statistic::Mean, &found["rate"], &place("mean"))?,
                "max" => self.measured("peak of", found, Statistic::Best, &found["rate"], &place("max"))?,
                _ => self.measured("", found, Statistic::Unknown, &found["rate"], &place("outcome"))?,
            };
            if known.insert(measured.imported.name.clone()) {
                import.add(measured)?;
            }
        }
        Ok(())
    }
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

    const SUMMARY: &str = "
Tried 24 shapes => the best outcomes were:
mean:   35.1 TFLOPS @ 512x512x512 (MxNxK)
median: 35.2 TFLOPS @ 1024x512x512 (MxNxK)
max:    36.9 TFLOPS @ 2048x512x512 (MxNxK)
";

    const LATER: &str = "
     #  MxNxK                mean median    max   best     W   MHz
     1  1024x1024x512       800.0  801.0  802.0  800.0   500  1980\r     2  3072x2816x512       820.4  821.6  830.6  820.4   506  1980  <- best mean

MAMF recall screen: 8 shapes ...
     #  MxNxK                peak   MHz
     1  3072x2816x512       837.7  1965  <- best peak

MSMF (sustainable) confirm: 10 shapes ...
  MxNxK              TFLOPS     W   MHz
  3072x2816x256       700.0   680  1610  rank
  3072x2816x512       710.0   680  1610 drop   2.0% spread  9.9%  not steady
  3072x2816x256       720.5   680  1610 drop   0.7% spread  4.2%  locked in  <- MSMF

MAMF (achievable) confirm: 10 shapes ...
  MxNxK              TFLOPS     W   MHz  top peaks
  3072x2816x512       842.3   172  1980  842.8 842.3 842.3 841.9 841.2  <- MAMF

Tried 24 shapes => the best outcomes were:
MAMF (max achievable,  boost burst): 842 TFLOPS @ 3072x2816x512 (MxNxK)  172W 1980MHz
MSMF (max sustainable, saturated):   721 TFLOPS @ 3072x2816x256 (MxNxK)  680W 1610MHz
";

    /// Name, rate in TFLOP/s and statistic of each number.
    fn told(text: &str) -> Vec<(String, f64, Statistic)> {
        let import = read(text).unwrap();
        let told =
            |one: &Measured| (one.imported.name.clone(), one.imported.value / 1e12, one.imported.statistic);
        import.measured.iter().map(told).collect()
    }

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
        let error = read(&LATER.replace("720.5", "inf")).unwrap_err();
        assert!(error.starts_with("line 13: MSMF: inf is not"), "{error}");
    }

    #[test]
    fn a_shape_whose_rates_round_to_zero_is_left_out_and_the_others_stay() {
        let zero = "     2 |    0.0(mean)    0.0(median)    0.0(max) @ 16x16x16             | best: \n";
        let import = read(&format!("{LOG}{zero}")).unwrap();
        assert_eq!((import.measured.len(), import.left_out.len()), (1, 1));
        assert_eq!(import.left_out[0].name, "mm bfloat16 16x16x16 (MxNxK)");
    }

    #[test]
    fn a_summary_adds_its_median_and_stands_alone_without_a_case() {
        let expected = [("mm 1024x512x512 (MxNxK)".to_string(), 35.2, Statistic::Median)];
        assert!(fits(SUMMARY));
        let found = told(SUMMARY);
        assert_eq!((found.len(), &found[0].0, found[0].2), (1, &expected[0].0, Statistic::Median));
        assert!((found[0].1 - 35.2).abs() < 1e-9);
        assert_eq!(read(SUMMARY).unwrap().measured[0].case, None);
        let with_log = read(&format!("{LOG}{SUMMARY}")).unwrap();
        let keys: Vec<String> =
            with_log.measured.iter().filter_map(|one| one.case.as_ref().map(Case::key)).collect();
        assert_eq!(keys, ["gemm bf16.f32 m1024 n2048 k512 nt", "gemm bf16.f32 m1024 n512 k512 nt"]);
        let oldest = "The best outcome was 227.1TFLOPS @ 4096x4096x4096 (MxNxK) (tried 1 shapes)";
        assert!(fits(oldest));
        assert_eq!(told(oldest)[0].2, Statistic::Unknown);
    }

    #[test]
    fn the_phases_of_version_3_are_kept_apart_and_only_typical_rates_are_cases() {
        let head = LOG.split_once("     1 |").unwrap().0.replace("version: 2", "version: 3");
        let import = read(&format!("{head}{LATER}")).unwrap();
        let told = |one: &Measured| {
            let case = one.case.as_ref().map(Case::key).unwrap_or_default();
            (one.imported.name.clone(), (one.imported.value / 1e11).round() / 10.0, case)
        };
        let found: Vec<(String, f64, String)> = import.measured.iter().map(told).collect();
        let expected = [
            ("mm bfloat16 1024x1024x512 (MxNxK)", 801.0, "gemm bf16.f32 m1024 n1024 k512 nt"),
            ("mm bfloat16 3072x2816x512 (MxNxK)", 821.6, "gemm bf16.f32 m3072 n2816 k512 nt"),
            ("peak of mm bfloat16 3072x2816x512 (MxNxK)", 837.7, ""),
            ("MSMF mm bfloat16 3072x2816x256 (MxNxK)", 720.5, "gemm bf16.f32 m3072 n2816 k256 nt"),
            ("MAMF mm bfloat16 3072x2816x512 (MxNxK)", 842.3, ""),
        ];
        let expected = expected.map(|(name, rate, case)| (name.to_string(), rate, case.to_string()));
        assert_eq!(found, expected);
        // The summary alone has both, rounded.
        let alone = LATER.split_once("Tried").unwrap().1;
        let rates: Vec<f64> = super::tests::told(alone).iter().map(|(_, rate, _)| rate.round()).collect();
        assert_eq!(rates, [842.0, 721.0]);
    }
}
