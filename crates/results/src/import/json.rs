//! JSON in the output of programs, which print other lines before and after it.

use super::measured::told;
use serde::de::DeserializeOwned;

/// Returns the text from the first line that starts a JSON value, and the number of lines before it. Drivers
/// and libraries print messages to the same stream.
fn beginning(text: &str) -> Option<(&str, usize)> {
    let (mut at, mut before) = (0, 0);
    for line in text.split_inclusive('\n') {
        // A tag like `[info]` begins like an array.
        let is_value = |rest: &str| {
            rest.starts_with('{')
                || rest.strip_prefix('[').is_some_and(|rest| {
                    rest.trim_start().is_empty() || rest.trim_start().starts_with(['{', '[', ']'])
                })
        };
        if is_value(line.trim_start()) {
            return Some((&text[at..], before));
        }
        at += line.len();
        before += 1;
    }
    None
}

/// Parses the first JSON value in `text`.
pub(super) fn first<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let (json, before) = beginning(text).ok_or("there is no JSON in it")?;
    match serde_json::Deserializer::from_str(json).into_iter::<T>().next() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(words(&error, before)),
        None => Err("there is no JSON in it".into()),
    }
}

/// Parses every line that starts like an object; returns each value with its line number.
pub(super) fn lines<T: DeserializeOwned>(text: &str) -> Result<Vec<(usize, T)>, String> {
    let objects = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with('{'));
    let value = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map(|value| (at + 1, value)).map_err(|error| words(&error, at))
    };
    objects.map(value).collect()
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
    fn every_object_on_a_line_of_its_own_is_one() {
        let values = lines::<Numbers>("hi\n{\"a\":1}\n\n{\"a\":2}\n").unwrap();
        assert_eq!(
            values.iter().map(|(line, value)| (*line, value["a"])).collect::<Vec<_>>(),
            [(2, 1.0), (4, 2.0)]
        );
        assert!(lines::<Numbers>("{\"a\":1}\n{\"a\":").unwrap_err().starts_with("line 2, "));
    }
}
