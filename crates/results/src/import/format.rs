//! Formats of other programs' results, and the detection of the format of a file.

use super::measured::Import;
use super::{
    babelstream, backend_ops, clpeak, criterion, google_benchmark, hyperfine, llama_bench, mamf_finder,
    named_columns, nvbench, refused, rocm_bench, source,
};
use portamark_model::error::{Error, Hint, Result};
use std::fmt;
use std::path::Path;

/// Format in which a program writes its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// llama-bench of llama.cpp, JSON, JSONL or its table.
    LlamaBench,
    /// test-backend-ops of llama.cpp in its mode `perf`, SQL or console output.
    TestBackendOps,
    /// nvbench, JSON.
    Nvbench,
    /// clpeak, JSON, CSV, XML or its text.
    Clpeak,
    /// mamf-finder, log file or its summary.
    MamfFinder,
    /// BabelStream, CSV or its table.
    BabelStream,
    /// hipblaslt-bench, its lines of values.
    HipblasltBench,
    /// rocblas-bench, its lines of values.
    RocblasBench,
    /// Google Benchmark, JSON.
    GoogleBenchmark,
    /// criterion, its folder `target/criterion`.
    Criterion,
    /// hyperfine, JSON.
    Hyperfine,
    /// CSV with named columns, for any other program.
    Csv,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 12] = [
        Format::LlamaBench,
        Format::TestBackendOps,
        Format::Nvbench,
        Format::Clpeak,
        Format::MamfFinder,
        Format::BabelStream,
        Format::HipblasltBench,
        Format::RocblasBench,
        Format::GoogleBenchmark,
        Format::Criterion,
        Format::Hyperfine,
        Format::Csv,
    ];

    /// Returns the name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::LlamaBench => "llama-bench",
            Format::TestBackendOps => "test-backend-ops",
            Format::Nvbench => "nvbench",
            Format::Clpeak => "clpeak",
            Format::MamfFinder => "mamf-finder",
            Format::BabelStream => "babelstream",
            Format::HipblasltBench => rocm_bench::HIPBLASLT.name,
            Format::RocblasBench => rocm_bench::ROCBLAS.name,
            Format::GoogleBenchmark => "google-benchmark",
            Format::Criterion => "criterion",
            Format::Hyperfine => "hyperfine",
            Format::Csv => "csv",
        }
    }

    /// Parses the name used on the command line; `None` if it is unknown.
    pub fn parse(name: &str) -> Option<Self> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Returns the formats that `text` looks like.
    fn of_text(text: &str) -> Vec<Self> {
        Format::ALL.into_iter().filter(|format| format.fits(text)).collect()
    }

    fn fits(self, text: &str) -> bool {
        match self {
            Format::LlamaBench => llama_bench::fits(text),
            Format::TestBackendOps => backend_ops::fits(text),
            Format::Nvbench => nvbench::fits(text),
            Format::Clpeak => clpeak::fits(text),
            Format::MamfFinder => mamf_finder::fits(text),
            Format::BabelStream => babelstream::fits(text),
            Format::HipblasltBench => rocm_bench::fits(rocm_bench::HIPBLASLT, text),
            Format::RocblasBench => rocm_bench::fits(rocm_bench::ROCBLAS, text),
            Format::GoogleBenchmark => google_benchmark::fits(text),
            Format::Criterion => false,
            Format::Hyperfine => hyperfine::fits(text),
            Format::Csv => named_columns::fits(text),
        }
    }

    /// Reads `text` in this format. Fails for a format that is a folder.
    pub(super) fn read_text(self, text: &str) -> std::result::Result<Import, String> {
        match self {
            Format::LlamaBench => llama_bench::read(text),
            Format::TestBackendOps => backend_ops::read(text),
            Format::Nvbench => nvbench::read(text),
            Format::Clpeak => clpeak::read(text),
            Format::MamfFinder => mamf_finder::read(text),
            Format::BabelStream => babelstream::read(text),
            Format::HipblasltBench => rocm_bench::read(rocm_bench::HIPBLASLT, text),
            Format::RocblasBench => rocm_bench::read(rocm_bench::ROCBLAS, text),
            Format::GoogleBenchmark => google_benchmark::read(text),
            Format::Criterion => Err("criterion's results are a folder: name target/criterion".into()),
            Format::Hyperfine => hyperfine::read(text),
            Format::Csv => named_columns::read(text),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn words(formats: &[Format]) -> String {
    formats.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// Reads the file or folder `path` as `format`, or as the format that it looks like if that is `None`.
///
/// # Errors
/// Fails if the path cannot be read, looks like none or several of the formats, holds a number that is not a
/// plausible measurement, or holds no number at all; the error names the place.
pub fn read(path: &Path, format: Option<Format>) -> Result<(Format, Import)> {
    let (format, import) = match format {
        Some(Format::Criterion) => (Format::Criterion, criterion::read(path)?),
        None if path.is_dir() => {
            if !criterion::fits(path) {
                let message = "not a criterion folder: no benchmark in it has a run called `new`";
                let hint = Some("name the files of other programs one by one".into());
                return Err(Error::Input { path: path.into(), message: message.into(), hint });
            }
            (Format::Criterion, criterion::read(path)?)
        }
        format => {
            let text = source::text(path)?;
            let format = match format {
                Some(format) => format,
                None => detect(path, &text)?,
            };
            let read = format.read_text(&text);
            (format, read.map_err(|why| Error::input(path, format!("as results of {format}: {why}")))?)
        }
    };
    if import.measured.is_empty() {
        let left_out = match import.left_out.len() {
            0 => String::new(),
            n => format!("; cases without a number: {n}, the first: {}", import.left_out[0]),
        };
        return Err(Error::input(path, format!("as results of {format}: no number was found{left_out}")));
    }
    Ok((format, import))
}

fn detect(path: &Path, text: &str) -> Result<Format> {
    let found = Format::of_text(text);
    let message = match found[..] {
        [format] => return Ok(format),
        [] => match refused::why(text) {
            Some(words) => return Err(Error::input(path, words)),
            None => "not recognised as the output of a supported program".into(),
        },
        _ => format!("looks like the results of several programs: {}", words(&found)),
    };
    let hint = Some(Hint::NameFormat(words(&Format::ALL)));
    Err(Error::Input { path: path.into(), message, hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.name()), Some(format));
        }
        assert_eq!(Format::parse("vkpeak"), None);
    }

    #[test]
    fn a_text_of_no_program_or_of_several_is_refused_with_the_way_to_say_which() {
        let path = Path::new("x.txt");
        let error = detect(path, "hello").unwrap_err();
        let Some(Hint::NameFormat(known)) = error.hint() else { panic!("{error:?}") };
        assert!(known.starts_with("llama-bench, "), "{known}");
        let both = "case,value,unit\nfunction,num_times,n_elements,sizeof,x\n";
        let error = detect(path, both).unwrap_err().to_string();
        assert!(error.ends_with("several programs: babelstream, csv"), "{error}");
    }
}
