//! Verdicts as comma-separated values (CSV).

use super::document::VerdictLine;
use super::view::Verdicts;
use portamark_analysis::clean;

const COLUMNS: [&str; 21] = [
    "device",
    "case",
    "reference_case",
    "variant",
    "verdict",
    "reason",
    "ratio",
    "lo",
    "hi",
    "reference_s",
    "new_s",
    "reference_processes",
    "new_processes",
    "paired",
    "reference_status",
    "new_status",
    "p",
    "p_reading",
    "p_gate",
    "stopped_by",
    "changed",
];

fn or_empty(value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// Cleans `text` and quotes it so that no spreadsheet reads it as a formula.
fn text(text: &str) -> String {
    let text = clean(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

impl Verdicts<'_> {
    /// Returns a line of column names, then one line of comma-separated values for each case. Unknown values
    /// are empty.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(COLUMNS).expect("a vector takes every byte");
        for device in self.devices {
            for case in &device.cases {
                let line = VerdictLine::of(self, case);
                let changed: Vec<String> = line
                    .changes
                    .iter()
                    .map(|c| format!("{}: {} -> {}", c.field, c.reference, c.new))
                    .collect();
                let cells: [String; 21] = [
                    text(&device.pair.label()),
                    text(line.case),
                    text(line.reference_case.unwrap_or_default()),
                    text(line.variant.unwrap_or_default()),
                    line.verdict.into(),
                    text(&line.reason.unwrap_or_default()),
                    or_empty(line.ratio),
                    or_empty(line.lo),
                    or_empty(line.hi),
                    or_empty(line.reference_s),
                    or_empty(line.new_s),
                    or_empty(line.reference_processes),
                    or_empty(line.new_processes),
                    or_empty(line.paired),
                    or_empty(line.reference_status),
                    or_empty(line.new_status),
                    or_empty(line.p.map(|p| p.differs)),
                    or_empty(line.p.map(|p| p.differs_reading)),
                    or_empty(line.p.map(|p| p.differs_gate)),
                    line.stopped_by.join(" "),
                    text(&changed.join("; ")),
                ];
                writer.write_record(&cells).expect("a vector takes every byte");
            }
        }
        let bytes = writer.into_inner().expect("a vector takes every byte");
        String::from_utf8(bytes).expect("cells are text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_text() {
        assert_eq!(text("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(text("gemm\tf32"), "gemm f32");
    }
}
