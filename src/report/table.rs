//! The summary that a terminal shows after a run.

use super::wording;
use crate::analysis::{Comparison, Device, clean};
use crate::record::{RunFile, Status};

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};

/// Below this width the kernel is left out, since the case and its note say more.
const WIDTH_WITH_KERNEL: u16 = 110;

/// Below this width a status other than `ok` stands in place of the rate.
const WIDTH_WITH_STATUS: u16 = 96;

/// Every row of `runs` in a table for each device, and after them a line that sums up each device.
///
/// `width` is that of the terminal. None means that the text does not go to a terminal: then every
/// row stays on one line, however long, and the text is ASCII.
pub fn terminal(runs: &[RunFile], width: Option<u16>) -> String {
    let comparison = Comparison::new(runs);
    let mut out = String::new();
    for device in &comparison.devices {
        out += &format!("{}\n\n", heading(device));
        for line in table(device, width).lines() {
            out += line.trim_end();
            out.push('\n');
        }
        out.push('\n');
    }
    for device in &comparison.devices {
        out += &wording::one_look(device);
        out.push('\n');
    }
    if comparison.devices.is_empty() {
        out += "no results\n";
    }
    if width.is_none() { ascii(&out) } else { out }
}

fn heading(device: &Device) -> String {
    let told = &device.header.device;
    let driver = clean(&format!("{} {}", told.driver, told.driver_version));
    let api = clean(&told.api);
    format!("{} ({}, {api}, {driver})", device.label, told.device_type)
}

fn table(device: &Device, width: Option<u16>) -> Table {
    let with_kernel = width.is_none_or(|width| width >= WIDTH_WITH_KERNEL);
    let with_status = width.is_none_or(|width| width >= WIDTH_WITH_STATUS);
    let right = |text: String| Cell::new_owned(text).set_alignment(CellAlignment::Right);
    let mut table = Table::new();
    table.load_style(style(width.is_some()));
    match width {
        Some(width) => table.set_width(width.max(40)).set_content_arrangement(ContentArrangement::Dynamic),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let columns = |case: Cell, status: Cell, numbers: [Cell; 3], kernel: Cell, note: Cell| {
        let mut row = vec![case];
        row.extend(with_status.then_some(status));
        row.extend(numbers);
        row.extend(with_kernel.then_some(kernel));
        row.push(note);
        row
    };
    let head = |text: &str| Cell::new(text);
    let numbers = ["rate", "95 %", "of roof"].map(|text| right(text.into()));
    table.set_header(columns(head("case"), head("status"), numbers, head("kernel"), head("note")));
    for entry in &device.entries {
        let status = entry.row.status;
        let rate = match status {
            Status::Ok => wording::rate_or_none(entry),
            _ if with_status => wording::NONE.into(),
            status => status.name().into(),
        };
        table.add_row(columns(
            Cell::new_owned(clean(&entry.row.case)),
            Cell::new(status),
            [rate, wording::interval_or_none(entry), wording::share_or_none(entry)].map(right),
            Cell::new_owned(wording::kernel_short(entry.row)),
            Cell::new_owned(wording::note(entry)),
        ));
    }
    let longest = device.entries.iter().map(|entry| entry.row.case.chars().count() + 2).max().unwrap_or(0);
    let last = table.column_count() - 1;
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        match width {
            // A key that breaks is hard to read; a note that breaks is not.
            Some(width) if index == 0 => {
                let share = if with_status { width / 20 * 9 } else { width / 3 };
                let least = longest.min(usize::from(share)) as u16;
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
            }
            _ if index < last => {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            _ => {}
        }
    }
    table
}

/// No lines but one below the header.
fn style(unicode: bool) -> TableStyle {
    let line = if unicode { '─' } else { '-' };
    TableStyle::new().header_separator(LineStyle::none().fill(line).junction(line))
}

/// `text` in ASCII: our own signs spelled out, foreign letters as question marks.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '±' => out.push_str("+/-"),
            '×' => out.push('x'),
            '·' | '–' => out.push('-'),
            '…' => out.push_str("..."),
            'µ' => out.push('u'),
            '™' => out.push_str("(TM)"),
            '®' => out.push_str("(R)"),
            c if c.is_ascii() => out.push(c),
            _ => out.push('?'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture;

    #[test]
    fn the_table_of_a_terminal_is_as_shown() {
        insta::assert_snapshot!(terminal(&fixture::two_devices(), Some(120)));
    }

    #[test]
    fn without_a_terminal_every_row_is_one_line_of_ascii() {
        let text = terminal(&fixture::two_devices(), None);
        assert!(text.is_ascii());
        let row = text.lines().find(|line| line.starts_with("gemm f32 m2048 n2048 k2048 nt")).unwrap();
        assert!(row.contains("crashed") && row.contains("died of signal 11"), "{row}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 80, 100, 200] {
            let text = terminal(&fixture::two_devices(), Some(width));
            let (tables, _) = text.rsplit_once("\n\n").unwrap();
            for line in tables.lines().filter(|line| !line.contains('(')) {
                assert!(line.chars().count() <= usize::from(width).max(80), "{width}: {line}");
            }
        }
    }

    #[test]
    fn hostile_texts_and_numbers_reach_no_terminal() {
        for width in [Some(1), Some(80), None] {
            let text = terminal(&fixture::hostile(), width);
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        }
        assert_eq!(terminal(&[], Some(80)), "no results\n");
    }
}
