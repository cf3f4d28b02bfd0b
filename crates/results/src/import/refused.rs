//! Forms of output that are recognised but not read, each with the reason and what to do instead.

use regex::Regex;
use std::sync::LazyLock;

/// A form of output that is not read.
struct Refused {
    /// Whether a text has this form.
    fits: fn(&str) -> bool,
    /// What it is, why it is not read, and what to do.
    words: &'static str,
}

/// A line of SuperBench's summary: a node with metrics named `benchmark/metric:rank`.
static SUPERBENCH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""[\w:-]+/[\w./-]+(?::\d+)?"\s*:\s*(?:-?[\d.]+|null)"#).expect("a fixed pattern")
});

const REFUSED: [Refused; 7] = [
    Refused {
        fits: |text| text.contains("algbw") && text.contains("busbw"),
        words: "output of nccl-tests or rccl-tests: bandwidths of operations between several devices. portamark \
                has no case that several devices compute together, so none of them is comparable, whatever is \
                printed; to keep them beside other numbers, write them as CSV with named columns",
    },
    Refused {
        fits: |text| {
            text.contains("nvbandwidth Version")
                || (text.contains("\"nvbandwidth\"") && text.contains("\"testcases\""))
        },
        words: "output of nvbandwidth: transfers between host and devices, or between devices. portamark has no \
                case of a transfer, so none of them is comparable, with --json or without; for the memory of one \
                device run BabelStream with --csv, and to keep these numbers write them as CSV with named columns",
    },
    Refused {
        fits: |text| text.contains("\"node\"") && SUPERBENCH.is_match(text),
        words: "summary of SuperBench: its metrics are named without unit, sizes and formats, so none of them is \
                comparable. With log_raw_data: true in its configuration it keeps what each benchmark printed: \
                import that, e.g. the lines of hipblaslt-bench",
    },
    Refused {
        fits: |text| text.contains("# Benchmark Results") && text.contains("GPU Time"),
        words: "tables of nvbench, which are rounded: run it with --json FILE",
    },
    Refused {
        fits: |text| {
            text.lines().any(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                words.starts_with(&["Benchmark", "Time", "CPU"])
            })
        },
        words: "table of Google Benchmark, which is rounded: run it with --benchmark_format=json",
    },
    Refused {
        fits: |text| text.contains("Benchmark 1: ") && text.contains("Time (mean"),
        words: "text of hyperfine, which is rounded: run it with --export-json FILE",
    },
    Refused {
        fits: |text| text.lines().any(|line| line.contains("time:   [") && line.trim_end().ends_with(']')),
        words: "text of criterion, which is rounded: name its folder target/criterion",
    },
];

/// Returns the sentence for a form that is recognised but not read; `None` for any other text.
pub(super) fn why(text: &str) -> Option<&'static str> {
    REFUSED.iter().find(|form| (form.fits)(text)).map(|form| form.words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_named_with_what_to_do_instead() {
        for (text, name, instead) in [
            (
                "# nThread 1 nGpus 8 minBytes 8\n#   (B)  (elements)   type  redop  root   time   algbw   busbw\n",
                "nccl-tests or rccl-tests",
                "CSV with named columns",
            ),
            ("nvbandwidth Version: v0.7\nRunning host_to_device_memcpy_ce.\n", "nvbandwidth", "BabelStream"),
            ("{\"nvbandwidth\": {\"testcases\": []}}", "nvbandwidth", "BabelStream"),
            (
                "{\"kernel-launch/event_time:0\": 0.0059, \"gemm-flops/fp64:0\": 9031.3, \"node\": \"n0\"}\n",
                "SuperBench",
                "log_raw_data",
            ),
            ("# Benchmark Results\n## copy\n| Samples | CPU Time | GPU Time |\n", "nvbench", "--json"),
            (
                "Benchmark        Time      CPU   Iterations\naxpy   12 ns\n",
                "Google",
                "--benchmark_format=json",
            ),
            ("Benchmark 1: sleep 1\n  Time (mean ± σ): 1 s\n", "hyperfine", "--export-json"),
            ("sum/64    time:   [1.1 ns 1.2 ns 1.3 ns]\n", "criterion", "target/criterion"),
        ] {
            let words = why(text).unwrap_or_else(|| panic!("{text}"));
            assert!(words.contains(name) && words.contains(instead), "{words}");
        }
        assert_eq!(why("hello"), None);
    }
}
