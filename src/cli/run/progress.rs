//! Progress of a run, on stderr.

use super::super::output::note;
use super::super::talk::Talk;
use portamark_analysis::Rate;
use portamark_executors::{BrowserServer, Ended, Progress as Shown};
use portamark_model::device::Capabilities;
use portamark_model::error::Error;
use portamark_model::plain_text::{clean, printable};
use portamark_model::units;
use portamark_model::workload::Case;
use portamark_results::{Row, Status};
use portamark_runner::Events;
use std::cell::{Cell, OnceCell, RefCell};
use std::io::IsTerminal;
use std::sync::Arc;

/// Shows progress on stderr: a bar on a terminal, plain lines otherwise; also on the page, if a browser is
/// measured.
pub(super) struct Progress {
    /// Created when the number of rows is known.
    bar: OnceCell<indicatif::ProgressBar>,
    total: Cell<usize>,
    at: Cell<usize>,
    audience: Option<Arc<BrowserServer>>,
    /// Device and case in progress.
    running: RefCell<Option<(String, String)>>,
}

impl Progress {
    pub(super) fn new(audience: Option<Arc<BrowserServer>>) -> Self {
        Progress {
            bar: OnceCell::new(),
            total: Cell::new(0),
            at: Cell::new(0),
            audience,
            running: RefCell::default(),
        }
    }

    /// Sends the progress and the newest row to the page.
    fn show(&self, row: Option<Ended>) {
        let Some(audience) = &self.audience else { return };
        let (device, case) = self.running.borrow().clone().unzip();
        audience.tell(Shown { at: self.at.get(), total: self.total.get(), case, device }, row);
    }
}

/// Returns the style of the bar after `at` rows. The time that is left follows from the rows that are done: before
/// the first one it is unknown, and the bar would say that it is 0.
fn style(at: usize) -> indicatif::ProgressStyle {
    indicatif::ProgressStyle::with_template(template(at)).expect("a valid template")
}

fn template(at: usize) -> &'static str {
    if at == 0 { "{bar:24} {pos}/{len}  {msg}" } else { "{bar:24} {pos}/{len} {eta} left  {msg}" }
}

/// Describes the time of one execution of `row`, and its rate: of a chain of steps the time of a step.
fn measured(row: &Row, seconds: f64) -> String {
    let case: Option<Case> = row.case.parse().ok();
    let rate = Rate::of(case.as_ref(), row).map(|rate| format!(", {}", portamark_report::rate(&rate)));
    format!("{}{}", units::seconds(seconds), rate.unwrap_or_default())
}

impl Events for Progress {
    fn note(&self, text: &str) {
        Talk.note(text);
    }

    fn no_gpu(&self, error: Option<&Error>) {
        Talk.no_gpu(error);
    }

    fn planned(&self, rows: usize) {
        self.total.set(rows);
        if std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_init(|| indicatif::ProgressBar::new(rows as u64));
            bar.set_style(style(0));
        }
    }

    fn begin(&self, device: &Capabilities, case: &Case) {
        if let Some(bar) = self.bar.get() {
            bar.set_message(clean(&format!("{case}, {}", device.spoken())));
        }
        self.running.replace(Some((device.spoken(), case.key())));
        self.show(None);
    }

    fn kept(&self) {
        self.at.set(self.at.get() + 1);
        if let Some(bar) = self.bar.get() {
            bar.set_style(style(self.at.get()));
            bar.inc(1);
        }
    }

    fn row(&self, device: &Capabilities, row: &Row, among_several: bool) {
        self.kept();
        let what = match (row.status, row.seconds()) {
            (Status::Ok, Some(seconds)) => measured(row, seconds),
            (status, _) => format!("{status}: {}", row.reason.as_deref().unwrap_or("no reason given")),
        };
        let variant = match &row.kernel {
            Some(kernel) if among_several => format!(" by {}", kernel.variant),
            _ => String::new(),
        };
        self.show(Some(Ended {
            case: format!("{}{variant}", row.case),
            device: device.name.clone(),
            status: row.status.to_string(),
            text: row.reason.clone().unwrap_or_else(|| what.clone()),
        }));
        let (at, total) = (self.at.get(), self.total.get());
        let line = format!("[{at}/{total}] {}: {}{variant}: {what}", device.spoken(), row.case);
        // A reason of several lines must not look like the line of another row.
        let line = printable(&line).trim_end().replace('\n', "\n    ");
        match self.bar.get() {
            Some(bar) => bar.println(line),
            None => note(&line),
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    #[test]
    fn the_time_that_is_left_is_told_when_a_row_is_done() {
        assert!(!template(0).contains("left") && template(1).contains("{eta} left"));
        // Both are templates.
        let _ = (style(0), style(1));
    }

    #[test]
    fn launches_are_told_by_their_time_and_not_by_their_bytes() {
        // Eight dispatches in 80 µs: 10 µs each.
        let row = fixture::ok_row("launch i32 d8", 80e-6);
        assert_eq!(measured(&row, 80e-6), "80.0 µs, 10.0 µs/step");
    }
}
