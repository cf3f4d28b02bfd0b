//! Parsing of one line of a result file. Files come from anywhere, so texts in them are cut and lose what a
//! terminal or a page would interpret.

use super::schema::{Record, Row};
use portamark_model::plain_text::{acts, clean, cut};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Start of each row line that portamark writes.
const ROW: &[u8] = br#"{"type":"row","#;
/// Largest number of characters of a text. The longest that portamark writes are reasons, of 4000 characters.
const TEXT_LIMIT: usize = 10_000;

/// Parses a line by its type. Rows, which are nearly all lines, bypass the buffer that serde fills to find
/// the type of a line.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Record> {
    let bytes = &*harmless(bytes);
    let record = if bytes.starts_with(ROW) {
        serde_json::from_slice::<Box<Row>>(bytes).map(Record::Row)
    } else {
        serde_json::from_slice(bytes)
    };
    record.map(|mut record| {
        // Vectors grow by doubling; there can be a hundred thousand rows.
        if let Record::Row(row) = &mut record
            && let Some(timing) = &mut row.timing
        {
            timing.device_ns.shrink_to_fit();
            timing.host_ns.shrink_to_fit();
            timing.widen_old_interval();
        }
        record
    })
}

/// Returns the line with harmless texts. A line that has none of others, as nearly all, is returned as it is.
fn harmless(bytes: &[u8]) -> Cow<'_, [u8]> {
    if is_harmless(bytes) {
        return Cow::Borrowed(bytes);
    }
    // What is not JSON is refused later, with a reason.
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return Cow::Borrowed(bytes) };
    clean_texts(&mut value);
    serde_json::to_vec(&value).map_or(Cow::Borrowed(bytes), Cow::Owned)
}

/// Whether no text of a line can have a character that acts, or be too long: nothing is escaped but quotes,
/// backslashes and slashes.
fn is_harmless(bytes: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(bytes) else { return false };
    let mut escaped = false;
    for c in line.chars() {
        if acts(c) || (escaped && !matches!(c, '"' | '\\' | '/')) {
            return false;
        }
        escaped = c == '\\' && !escaped;
    }
    line.len() <= TEXT_LIMIT || longest_text(line) <= TEXT_LIMIT
}

/// Returns the number of bytes of the longest text in a line of JSON.
fn longest_text(line: &str) -> usize {
    let (mut longest, mut length, mut inside, mut escaped) = (0, 0, false, false);
    for byte in line.bytes() {
        if inside && (byte != b'"' || escaped) {
            length += 1;
            escaped = byte == b'\\' && !escaped;
        } else if byte == b'"' {
            longest = longest.max(length);
            (inside, length) = (!inside, 0);
        }
    }
    longest.max(length)
}

/// Cuts all texts in `value`, names of fields too, and removes what a terminal or a page would interpret.
pub(super) fn clean_texts(value: &mut Value) {
    match value {
        Value::String(text) => clean_text(text),
        Value::Array(values) => values.iter_mut().for_each(clean_texts),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            *fields = old
                .into_iter()
                .map(|(mut name, mut value)| {
                    clean_text(&mut name);
                    clean_texts(&mut value);
                    (name, value)
                })
                .collect::<Map<_, _>>();
        }
        _ => {}
    }
}

fn clean_text(text: &mut String) {
    if text.chars().any(acts) {
        *text = clean(text);
    }
    // A character has at least one byte.
    if text.len() > TEXT_LIMIT {
        *text = cut(text, TEXT_LIMIT);
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    const CASE: &str = "gemm f32 m512 n512 k512 nn";

    fn line(reason: &str) -> String {
        let row = example::row(CASE).but(|it| it.reason = Some(reason.into()));
        serde_json::to_string(&Record::Row(Box::new(row))).unwrap()
    }

    fn read(line: &str) -> Row {
        match parse(line.as_bytes()).unwrap() {
            Record::Row(row) => *row,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_line_without_anything_that_acts_is_taken_as_it_is() {
        for reason in ["plain", "a \"quoted\" b\\c µs", "Adreno™ 740"] {
            let line = line(reason);
            assert!(matches!(harmless(line.as_bytes()), Cow::Borrowed(_)), "{line}");
            assert_eq!(read(&line).reason.as_deref(), Some(reason));
        }
    }

    #[test]
    fn what_acts_is_gone_however_it_is_written_and_all_else_stays() {
        let plain = read(&line("a b"));
        // serde_json writes ESC as an escape and the override as it is.
        for reason in ["a\u{1b}b", "a\u{202e}b", "a\nb", "a\u{9b}b", "a\u{200d}b"] {
            assert_eq!(read(&line(reason)), plain, "{reason:?}");
        }
        assert_eq!(read(&line("a b").replace("a b", "a\\u202eb")), plain);
        // The name of a field too: an unknown one is ignored, as before.
        assert_eq!(read(&line("a b").replacen("{", "{\"\\u001b\":1,", 1)), plain);
    }

    #[test]
    fn a_long_text_is_cut_and_a_long_list_is_not() {
        let reason = read(&line(&"x".repeat(1 << 20))).reason.unwrap();
        assert_eq!(reason.chars().count(), TEXT_LIMIT);
        let long = line(&"x".repeat(TEXT_LIMIT));
        assert!(matches!(harmless(long.as_bytes()), Cow::Borrowed(_)));
    }
}
