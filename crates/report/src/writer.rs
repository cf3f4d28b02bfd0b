//! Writing of a report's files. Each file is replaced atomically.

use super::plot::Charts;
use super::{html, markdown};
use portamark_analysis::ReportModel;
use portamark_inspect::Cell;
use portamark_model::error::{Error, Result};
use portamark_model::kernel_text::KernelTexts;
use portamark_model::plain_text::printable;
use portamark_results::{RunFile, replace_file};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Paths of the files of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Path of the HTML page.
    pub html: PathBuf,
    /// Path of the Markdown text, which refers to the charts.
    pub markdown: PathBuf,
    /// Paths of the charts as SVG files, in the order of the report.
    pub charts: Vec<PathBuf>,
}

/// Writes `report.html`, `report.md` and `charts/*.svg` for `runs` into the folder `out`, which is created if
/// it does not exist.
///
/// `devices` are the indices of the devices to report on, in that order; `None` means all devices. If there
/// are more than [`portamark_analysis::MOST_DEVICES`], the fastest are shown in full, and one table lists all.
/// `cells` are what compilers made of kernels for further chips; those that the rows have are shown beside them.
///
/// An existing file is replaced in one step, so that a reader never sees a partial file. Charts of an earlier
/// report that this one does not have are kept.
///
/// # Errors
/// Fails if the folder cannot be created or a file cannot be written.
pub fn write(
    runs: &[RunFile],
    devices: Option<&[usize]>,
    texts: &dyn KernelTexts,
    cells: &[Cell],
    out: &Path,
) -> Result<Written> {
    let model = ReportModel::new(runs, devices, texts);
    let charts = Charts::new(&model);
    let folder = out.join("charts");
    std::fs::create_dir_all(&folder).map_err(|source| Error::io("create", &folder, source))?;

    let mut paths = Vec::new();
    for figure in charts.figures() {
        let path = folder.join(format!("{}.svg", figure.name));
        replace(&path, &figure.standalone())?;
        paths.push(path);
    }
    let written = Written { html: out.join("report.html"), markdown: out.join("report.md"), charts: paths };
    replace(&written.markdown, &markdown::render(&model, &charts, cells))?;
    let page = html::render(&model, &charts, cells)
        .map_err(|error| Error::io("write", &written.html, std::io::Error::other(format!("{error:#}"))))?;
    replace(&written.html, &page)?;
    Ok(written)
}

/// Replaces the file at `path` by `text`, which then only shows itself, in one step.
fn replace(path: &Path, text: &str) -> Result<()> {
    replace_file(path, |file| file.write_all(printable(text).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::MOST_DEVICES;
    use portamark_fixtures::fixture;
    use portamark_model::kernel_text::NoTexts;

    #[test]
    fn all_files_are_written_and_a_second_time_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        let first = write(&fixture::two_devices(), None, &NoTexts, &[], &out).unwrap();
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
        let second = write(&[], None, &NoTexts, &[], &out).unwrap();
        assert!(second.charts.is_empty());
        assert!(std::fs::read_to_string(&second.html).unwrap().contains("No results"));
        // No temporary files are left behind.
        let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = write(&[], None, &NoTexts, &[], &file).unwrap_err().to_string();
        assert!(error.starts_with("cannot create") && error.contains("charts"), "{error}");
    }

    /// Returns runs of `devices` devices with `cases` cases each. A higher device number is slower; the
    /// slowest comes first.
    fn crowd(devices: u32, cases: u32) -> Vec<RunFile> {
        let run = |device: u32| {
            let key = |i: u32| format!("gemm f32 m{} n{} k64 nn", 1 + i / 100, 1 + i % 100);
            let seconds = 1e-3 * f64::from(device + 1);
            let rows = (0..cases).map(|i| fixture::ok_row(&key(i), seconds)).collect();
            let mut header = fixture::h100_header();
            header.device.id = format!("vulkan/card {device}/1");
            header.device.name = format!("card {device}");
            fixture::file(header, rows)
        };
        (0..devices).rev().map(run).collect()
    }

    fn files(runs: &[RunFile], devices: Option<&[usize]>) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let written = write(runs, devices, &NoTexts, &[], folder.path()).unwrap();
        let text = |path| std::fs::read_to_string(path).unwrap();
        (text(&written.html), text(&written.markdown))
    }

    #[test]
    fn of_many_devices_the_first_are_shown_in_full_and_all_in_a_table() {
        let runs = crowd(30, 20);
        let (html, markdown) = files(&runs, None);
        assert!(html.contains("<h1>30 devices</h1>"));
        assert_eq!(html.matches("<article class=\"card\"").count(), MOST_DEVICES);
        // The fastest, which is the last file, comes first; the slowest is in the table alone.
        let place = |text: &str, name: &str| text.find(name).unwrap();
        assert!(place(&html, "card 0 ") < place(&html, "card 1 "));
        assert_eq!(html.matches("card 29 ").count(), 1);
        assert!(place(&markdown, "card 0 ") < place(&markdown, "card 29 "));
        assert_eq!(html.matches("<tr id=\"row-").count(), MOST_DEVICES * 20);

        let (html, _) = files(&runs, Some(&[0, 29]));
        assert_eq!(html.matches("<article class=\"card\"").count(), 2);
        assert!(place(&html, "card 29 ") < place(&html, "card 0 ") && !html.contains("card 15 "));
    }

    #[test]
    fn more_rows_than_a_page_holds_are_thinned_and_counted() {
        let (html, markdown) = files(&crowd(2, 10_000), None);
        assert_eq!(html.matches("<tr id=\"row-").count(), 2 * 3000);
        assert_eq!(html.matches("<tr id=\"case-").count(), 3000);
        assert!(html.contains("7000 more rows") && html.contains("7000 more cases"));
        assert!(markdown.contains("750 of 10000 cases"));
        assert!(html.len() < 12_000_000 && markdown.len() < 500_000, "{} {}", html.len(), markdown.len());
    }
}
