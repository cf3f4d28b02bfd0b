//! Plain-text tables with aligned columns.

/// Formats `lines` as a table whose columns are two spaces apart. Columns for which `is_number` is true are
/// right-aligned, all others left-aligned.
pub fn columns<L: AsRef<[String]>>(lines: &[L], is_number: impl Fn(usize) -> bool) -> String {
    let lines: Vec<&[String]> = lines.iter().map(AsRef::as_ref).collect();
    let count = lines.iter().map(|line| line.len()).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| Some(line.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            text +=
                &if is_number(column) { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
        }
        out += text.trim_end();
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_left_and_numbers_right() {
        let line = |cells: [&str; 3]| cells.map(String::from).to_vec();
        let lines = [line(["case", "n", "why"]), line(["a", "100", "x"])];
        assert_eq!(columns(&lines, |column| column == 1), "case    n  why\na     100  x\n");
        assert_eq!(columns::<Vec<String>>(&[], |_| true), "");
    }
}
