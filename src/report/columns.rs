//! Plain text in columns.

/// `lines` with their cells in columns two spaces apart: words to the left in the first `left` columns and
/// the last if `last_left`, numbers to the right in the others.
pub fn columns(lines: &[Vec<String>], left: usize, last_left: bool) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| Some(line.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for line in lines {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            if column < left || last_left && column + 1 == count {
                text += &format!("{cell:<width$}  ");
            } else {
                text += &format!("{cell:>width$}  ");
            }
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
        assert_eq!(columns(&lines, 1, true), "case    n  why\na     100  x\n");
        assert_eq!(columns(&[], 1, true), "");
    }
}
