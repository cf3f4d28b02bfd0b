//! JSON in the output of programs, which print other lines before, between and after it.

use super::measured::told;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// A JSON value in a text.
struct Found<'a> {
    /// The text from the first character of the line that starts the value.
    json: &'a str,
    /// Number of lines of the file before that line.
    before: usize,
}

/// Returns the first JSON value in `text`, which is preceded by `before` lines of the file. Drivers and
/// libraries print messages to the same stream.
fn beginning(text: &str, mut before: usize) -> Option<Found<'_>> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        // A tag like `[info]` begins like an array.
        let is_value = |rest: &str| {
            rest.starts_with('{')
                || rest.strip_prefix('[').is_some_and(|rest| {
                    rest.trim_start().is_empty() || rest.trim_start().starts_with(['{', '[', ']'])
                })
        };
        if is_value(line.trim_start()) {
            return Some(Found { json: &text[at..], before });
        }
        at += line.len();
        before += 1;
    }
    None
}

/// Parses the value at the start of `found`; returns it with the text after it and the number of lines of the
/// file before that text.
fn parse<'a, T: DeserializeOwned>(found: &Found<'a>) -> Result<(T, &'a str, usize), String> {
    let mut values = serde_json::Deserializer::from_str(found.json).into_iter::<T>();
    match values.next() {
        Some(Ok(value)) => {
            let (read, rest) = found.json.split_at(values.byte_offset());
            Ok((value, rest, found.before + read.matches('\n').count()))
        }
        Some(Err(error)) => Err(words(&error, found.before)),
        None => Err(NOTHING.into()),
    }
}

const NOTHING: &str = "there is no JSON in it";

/// Parses the first JSON value in `text`, for files that hold one.
pub(super) fn first<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    parse(&beginning(text, 0).ok_or(NOTHING)?).map(|(value, ..)| value)
}

/// Parses every JSON value in `text`: outputs of several runs are often kept in one file.
///
/// # Errors
/// Fails if there is none, or if one of them is not a `T`; the message has its line in the file.
pub(super) fn all<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, String> {
    let (mut values, mut rest, mut before) = (Vec::new(), text, 0);
    while let Some(found) = beginning(rest, before) {
        let (value, after, lines) = parse(&found)?;
        values.push(value);
        (rest, before) = (after, lines);
    }
    if values.is_empty() { Err(NOTHING.into()) } else { Ok(values) }
}

/// Parses every JSON value in `text`, each an array of entries or a single entry; returns the entries, each
/// with its place for messages: `line 3: ` for a single one, `[0]` in the first array, `line 9: [0]` in others.
pub(super) fn entries<T: DeserializeOwned>(text: &str) -> Result<Vec<(String, T)>, String> {
    let (mut entries, mut rest, mut before, mut arrays) = (Vec::new(), text, 0, 0);
    while let Some(found) = beginning(rest, before) {
        if found.json.trim_start().starts_with('[') {
            let (values, after, lines) = parse::<Vec<T>>(&found)?;
            let line = if arrays == 0 { String::new() } else { format!("line {}: ", found.before + 1) };
            entries
                .extend(values.into_iter().enumerate().map(|(at, entry)| (format!("{line}[{at}]"), entry)));
            (rest, before, arrays) = (after, lines, arrays + 1);
        } else {
            let (entry, after, lines) = parse(&found)?;
            entries.push((format!("line {}: ", found.before + 1), entry));
            (rest, before) = (after, lines);
        }
    }
    if entries.is_empty() && arrays == 0 { Err(NOTHING.into()) } else { Ok(entries) }
}

/// Returns `text` with `null` for each number that JSON does not have: `NaN`, `Infinity` and `inf` outside
/// strings, in any case and with a sign. Programs in C++ and Python print them as they are.
pub(super) fn without_nan(text: &str) -> Cow<'_, str> {
    const NUMBERS: [&str; 3] = ["infinity", "nan", "inf"];
    let bytes = text.as_bytes();
    let (mut out, mut copied, mut at, mut quoted) = (String::new(), 0, 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            // No JSON string spans lines, but a message before the JSON may have a lone quote.
            b'\n' => quoted = false,
            b'n' | b'N' | b'i' | b'I' | b'-' | b'+' if !quoted => {
                let signed = usize::from(matches!(bytes[at], b'-' | b'+'));
                let word = |name: &&&str| {
                    let end = at + signed + name.len();
                    let same = bytes.get(at + signed..end);
                    let ends = !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
                    ends && same.is_some_and(|same| same.eq_ignore_ascii_case(name.as_bytes()))
                };
                if let Some(name) = NUMBERS.iter().find(word) {
                    out.push_str(&text[copied..at]);
                    out.push_str("null");
                    at += signed + name.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Returns serde's message after its position, with the line counted from the start of the file.
fn words(error: &serde_json::Error, before: usize) -> String {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    format!("line {}, column {}: {}", error.line() + before, error.column(), told(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    type Numbers = BTreeMap<String, f64>;

    #[test]
    fn greetings_before_and_after_do_not_matter_and_lines_are_those_of_the_file() {
        let text = "ggml_cuda: found 1 device\n[info] x\n{\n \"a\": 1\n}\nbye\n";
        assert_eq!(first::<Numbers>(text).unwrap()["a"], 1.0);
        let error = first::<Numbers>(&text.replace("1\n}", "\"NaN\"\n}")).unwrap_err();
        assert!(error.starts_with("line 4, column "), "{error}");
        let error = first::<Numbers>("x\n{\"a\": 1e999}").unwrap_err();
        assert!(error.starts_with("line 2, column ") && error.contains("out of range"), "{error}");
        let error = first::<Numbers>("{\"a\": NaN}").unwrap_err();
        assert!(error.starts_with("line 1, column "), "{error}");
        assert_eq!(first::<Numbers>("hello").unwrap_err(), "there is no JSON in it");
    }

    #[test]
    fn every_value_of_a_text_is_read_and_lines_are_those_of_the_file() {
        let text = "hi\n{\"a\":1}\n\nFA on:\n{\n\"a\":2}{\"a\":3}\nbye\n";
        let values: Vec<f64> = all::<Numbers>(text).unwrap().iter().map(|value| value["a"]).collect();
        assert_eq!(values, [1.0, 2.0, 3.0]);
        let error = all::<Numbers>(&text.replace(":2", ":x")).unwrap_err();
        assert!(error.starts_with("line 6, column "), "{error}");
        assert_eq!(all::<Numbers>("hello").unwrap_err(), "there is no JSON in it");
    }

    #[test]
    fn entries_are_those_of_arrays_and_single_ones_each_with_its_place() {
        let text = "off\n[\n{\"a\":1}, {\"a\":2}]\non\n[{\"a\":3}]\n{\"a\":4}\n";
        let found = entries::<Numbers>(text).unwrap();
        let found: Vec<(&str, f64)> = found.iter().map(|(place, value)| (&**place, value["a"])).collect();
        assert_eq!(found, [("[0]", 1.0), ("[1]", 2.0), ("line 5: [0]", 3.0), ("line 6: ", 4.0)]);
        assert!(entries::<Numbers>("{\"a\":1}\n{\"a\":").unwrap_err().starts_with("line 2, "));
        assert_eq!(entries::<Numbers>("hello").unwrap_err(), "there is no JSON in it");
    }

    #[test]
    fn numbers_that_json_does_not_have_are_null_and_words_stay() {
        let text = r#"{"NaN \" nan": NaN, "b": [-Infinity,inf, -nan], "c": "NaN", "info": 1}"#;
        let expected = r#"{"NaN \" nan": null, "b": [null,null, null], "c": "NaN", "info": 1}"#;
        assert_eq!(without_nan(text), expected);
        assert_eq!(without_nan(&format!("a 5\" disk\n{text}")), format!("a 5\" disk\n{expected}"));
        assert!(matches!(without_nan(r#"{"a": -1e5, "b": null}"#), Cow::Borrowed(_)));
    }
}
