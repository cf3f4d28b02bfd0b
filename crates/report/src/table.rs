//! Summary shown in the terminal after a run.

use super::columns::cell_text;
use super::wording;
use portamark_analysis::{Comparison, Device, Entry, clean};
use portamark_model::units;
use portamark_results::{RunFile, Status};

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};

/// Terminal width in columns below which a status other than `ok` replaces the rate instead of having its own
/// column.
const WIDTH_WITH_STATUS: usize = 96;

/// Width reserved for notes, in characters. The kernel column and long keys get only what remains.
const NOTE: usize = 22;

/// Number of spaces between two columns.
const GAP: usize = 2;

/// Returns a table of all rows of `runs` for each device, followed by one summary line for each device.
///
/// `width` is the width of the terminal in columns. `None` means that the text does not go to a terminal:
/// each row then stays on one line, however long, and the text is ASCII.
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

/// Returns one line for each of the user's own kernels: its time, and that of the fastest built-in kernel.
pub fn own_kernels(runs: &[RunFile]) -> String {
    let comparison = Comparison::new(runs);
    let mut out = String::new();
    for device in &comparison.devices {
        for line in portamark_analysis::own_kernels(device) {
            let (own, built_in) = (units::seconds(line.own_s), units::seconds(line.built_in_s));
            let speed = units::significant(line.built_in_s / line.own_s);
            out += &format!(
                "{} on {}, {}: {own}, {speed} times the speed of {} with {built_in}\n",
                line.own,
                device.label,
                clean(line.case),
                line.built_in
            );
        }
    }
    out
}

/// A column of the table: heading, alignment and cells.
struct Column {
    name: &'static str,
    align: CellAlignment,
    cells: Vec<String>,
}

impl Column {
    fn new(
        name: &'static str,
        align: CellAlignment,
        device: &Device,
        text: impl Fn(&Entry) -> String,
    ) -> Self {
        Column { name, align, cells: device.all().map(|entry| cell_text(&text(entry))).collect() }
    }

    /// Returns the width of the longest cell on one line, including the gap after it.
    fn width(&self) -> usize {
        let lengths = self.cells.iter().map(|cell| cell.chars().count());
        lengths.chain([self.name.chars().count()]).max().unwrap_or(0) + GAP
    }
}

fn table(device: &Device, width: Option<u16>) -> Table {
    use CellAlignment::{Left, Right};
    let room = width.map_or(usize::MAX, |width| usize::from(width.max(40)));
    let with_status = room >= WIDTH_WITH_STATUS;
    let rate = |entry: &Entry| match entry.row.status {
        Status::Ok => wording::rate_or_none(entry),
        _ if with_status => wording::NONE.into(),
        status => status.name().into(),
    };
    let case = Column::new("case", Left, device, |entry| clean(&entry.row.case));
    let status = Column::new("status", Left, device, |entry| entry.row.status.name().into());
    let numbers = [
        Column::new("rate", Right, device, rate),
        Column::new("95 %", Right, device, wording::interval_or_none),
        Column::new("of roof", Right, device, wording::share_or_none),
    ];
    // Rows of the same case differ only in their variant, so show it in full.
    let name = if device.others.is_empty() { wording::kernel_short } else { wording::kernel_long };
    let kernel = Column::new("kernel", Left, device, |entry| name(entry.row));
    let note = Column::new("note", Left, device, wording::note);

    let least_note = note.width().min(NOTE);
    let mut fixed: Vec<Column> = Vec::new();
    fixed.extend(with_status.then_some(status));
    fixed.extend(numbers);
    let taken = |fixed: &[Column]| fixed.iter().map(Column::width).sum::<usize>() + least_note;
    // If space is short, drop the kernel column first; the HTML page shows it in full.
    if taken(&fixed) + kernel.width() + case.width() <= room {
        fixed.push(kernel);
    }
    let case_room = case.width().min(room.saturating_sub(taken(&fixed)).max(12));
    let columns: Vec<Column> = [case].into_iter().chain(fixed).chain([note]).collect();

    let mut table = Table::new();
    table.load_style(style(width.is_some()));
    if width.is_some() {
        table.set_width(room as u16).set_content_arrangement(ContentArrangement::Dynamic);
    }
    let cell = |text: &str, column: &Column| Cell::new(text).set_alignment(column.align);
    table.set_header(columns.iter().map(|column| cell(column.name, column)));
    for row in 0..device.all().count() {
        table.add_row(columns.iter().map(|column| cell(&column.cells[row], column)));
    }
    let last = columns.len() - 1;
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP as u16));
        if width.is_some() && index == 0 {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(case_room as u16)));
        } else if index < last {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// Returns a table style whose only line is below the header.
pub(super) fn style(unicode: bool) -> TableStyle {
    let line = if unicode { '─' } else { '-' };
    TableStyle::new().header_separator(LineStyle::none().fill(line).junction(line))
}

/// Converts `text` to ASCII: known symbols are spelled out, all other characters become question marks.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '±' => out.push_str("+/-"),
            '×' => out.push('x'),
            '≤' => out.push_str("<="),
            '≥' => out.push_str(">="),
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
    use portamark_fixtures::fixture;

    #[test]
    fn the_table_of_a_terminal_is_as_shown() {
        insta::assert_snapshot!(terminal(&fixture::two_devices(), Some(120)));
    }

    #[test]
    fn without_a_terminal_every_row_is_one_line_of_ascii() {
        let text = terminal(&fixture::two_devices(), None);
        assert!(text.is_ascii());
        let row = text.lines().find(|line| line.starts_with("gemm f32 m2048 n2048 k2048 nt")).unwrap();
        assert!(row.contains("crashed") && row.contains("killed by signal 11"), "{row}");
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
    fn notes_are_never_squeezed_to_a_letter_a_line() {
        for width in [60, 80, 100, 120, 140] {
            let text = terminal(&fixture::two_devices(), Some(width));
            let header = text.lines().find(|line| line.starts_with("case")).unwrap();
            assert!(header.ends_with("note"), "{width}: {header}");
            assert!(text.contains("throttled"), "{width}");
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
