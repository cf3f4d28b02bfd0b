//! How far a run is, on stderr.

use super::super::note;
use crate::executor::{BrowserServer, Ended, Progress as Shown};
use crate::kernel::Capabilities;
use crate::record::{Row, Status};
use crate::units;
use crate::workload::Case;
use std::cell::{Cell, RefCell};
use std::io::IsTerminal;
use std::sync::Arc;

/// A bar on a terminal, plain lines otherwise, always on stderr; and on the page, where a browser takes
/// part.
pub(super) struct Progress {
    bar: Option<indicatif::ProgressBar>,
    total: usize,
    at: Cell<usize>,
    audience: Option<Arc<BrowserServer>>,
    /// The device and the case that run.
    running: RefCell<Option<(String, String)>>,
}

impl Progress {
    pub(super) fn new(total: usize, audience: Option<Arc<BrowserServer>>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = indicatif::ProgressBar::new(total as u64);
            let style = indicatif::ProgressStyle::with_template("{bar:24} {pos}/{len} {eta} left  {msg}");
            bar.set_style(style.expect("a valid template"));
            bar
        });
        Progress { bar, total, at: Cell::new(0), audience, running: RefCell::default() }
    }

    pub(super) fn begin(&self, device: &Capabilities, case: &Case) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{case}, {}", device.spoken()));
        }
        self.running.replace(Some((device.spoken(), case.key())));
        self.show(None);
    }

    pub(super) fn step(&self) {
        self.at.set(self.at.get() + 1);
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Tells the page how far the run is, and of the row that was made last.
    fn show(&self, row: Option<Ended>) {
        let Some(audience) = &self.audience else { return };
        let (device, case) = self.running.borrow().clone().unzip();
        audience.tell(Shown { at: self.at.get(), total: self.total, case, device }, row);
    }

    pub(super) fn end(&self, device: &Capabilities, row: &Row, with_variant: bool) {
        self.step();
        let what = match (row.status, row.seconds()) {
            (Status::Ok, Some(seconds)) => {
                let case: Option<Case> = row.case.parse().ok();
                let integers = case.as_ref().is_some_and(|case| case.precision().accumulate.is_integer());
                let rate = match row.flop_rate() {
                    Some(rate) if !case.is_some_and(|case| case.is_bandwidth()) => {
                        if integers {
                            units::op_rate(rate)
                        } else {
                            units::flop_rate(rate)
                        }
                    }
                    _ => units::byte_rate(row.byte_rate().unwrap_or(f64::NAN)),
                };
                format!("{}, {rate}", units::seconds(seconds))
            }
            (status, _) => format!("{status}: {}", row.reason.as_deref().unwrap_or("no reason given")),
        };
        let variant = match &row.kernel {
            Some(kernel) if with_variant => format!(" by {}", kernel.variant),
            _ => String::new(),
        };
        self.show(Some(Ended {
            case: format!("{}{variant}", row.case),
            device: device.name.clone(),
            status: row.status.to_string(),
            text: row.reason.clone().unwrap_or_else(|| what.clone()),
        }));
        let (at, total) = (self.at.get(), self.total);
        let line = format!("[{at}/{total}] {}: {}{variant}: {what}", device.spoken(), row.case);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(&line),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
