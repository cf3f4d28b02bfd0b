//! Writes the report's files, each either whole or not at all.

use super::plot::Charts;
use super::{html, markdown};
use crate::analysis::Comparison;
use crate::error::{Error, Result};
use crate::record::{RunFile, replace_file};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a report was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The Markdown text, which refers to the charts.
    pub markdown: PathBuf,
    /// The charts as files of their own, in the order of the report.
    pub charts: Vec<PathBuf>,
}

/// Writes `report.html`, `report.md` and `charts/*.svg` of `runs` into the folder `out`, which is
/// made if it is missing.
///
/// A file that exists is replaced in one step, so that a reader never sees half of it. Charts of an
/// earlier report that this one does not have stay.
///
/// # Errors
/// If the folder cannot be made or a file cannot be written.
pub fn write(runs: &[RunFile], out: &Path) -> Result<Written> {
    let comparison = Comparison::new(runs);
    let charts = Charts::new(&comparison);
    let folder = out.join("charts");
    std::fs::create_dir_all(&folder).map_err(|source| Error::io("create", &folder, source))?;

    let mut paths = Vec::new();
    for figure in charts.figures() {
        let path = folder.join(format!("{}.svg", figure.name));
        replace(&path, &figure.standalone())?;
        paths.push(path);
    }
    let written = Written { html: out.join("report.html"), markdown: out.join("report.md"), charts: paths };
    replace(&written.markdown, &markdown::render(&comparison, &charts))?;
    let page = html::render(&comparison, &charts)
        .map_err(|error| Error::io("write", &written.html, std::io::Error::other(format!("{error:#}"))))?;
    replace(&written.html, &page)?;
    Ok(written)
}

/// Puts `text` into the place of `path` in one step.
fn replace(path: &Path, text: &str) -> Result<()> {
    replace_file(path, |file| file.write_all(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture;

    #[test]
    fn all_files_are_written_and_a_second_time_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        let first = write(&fixture::two_devices(), &out).unwrap();
        assert_eq!(first.html, out.join("report.html"));
        let names: Vec<_> = first.charts.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "roofline-nvidia-h100-80gb-hbm3-580.82.07.svg",
                "roofline-llvmpipe-mesa-22.3.6.svg",
                "gemm.svg",
                "attention.svg",
                "decode.svg",
                "bandwidth.svg",
                "curve.svg",
                "cascade.svg",
                "errors.svg"
            ]
        );
        let markdown = std::fs::read_to_string(&first.markdown).unwrap();
        for name in names {
            assert!(markdown.contains(&format!("(charts/{name})")), "{name}");
        }
        let second = write(&[], &out).unwrap();
        assert!(second.charts.is_empty());
        assert!(std::fs::read_to_string(&second.html).unwrap().contains("No results"));
        // Nothing but the files themselves is left behind.
        let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = write(&[], &file).unwrap_err().to_string();
        assert!(error.starts_with("cannot create") && error.contains("charts"), "{error}");
    }

    #[test]
    fn ten_thousand_rows_take_seconds_at_most() {
        let rows: Vec<_> = (0..10_000)
            .map(|i| fixture::ok_row(&format!("gemm f32 m{} n{} k64 nn", 1 + i / 100, 1 + i % 100), 1e-3))
            .collect();
        let runs = [fixture::file(fixture::h100_header(), rows)];
        let folder = tempfile::tempdir().unwrap();
        let start = std::time::Instant::now();
        let written = write(&runs, folder.path()).unwrap();
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
        assert!(std::fs::metadata(written.html).unwrap().len() > 1_000_000);
    }
}
