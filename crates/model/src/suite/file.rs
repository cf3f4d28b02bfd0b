//! Suite files in TOML:
//!
//! ```toml
//! name = "mine"
//!
//! [[case]]
//! key = "gemm f32 m512 n512 k512 nn"
//!
//! [[sweep]]                        # every combination
//! family = "gemm"
//! precision = ["f32", "f16.f32"]
//! m = [1, 16]
//! n = "512:4096:*2"                # a range, as on the command line
//! k = "n"                          # the same as n
//! layout = ["nn", "nt"]
//! ```
//!
//! In a sweep, numbers are sizes (`m = 512` becomes `m512` in the key), `true` adds the name itself
//! (`causal = true`), and `precision`, `layout`, `op` and `unit` are words of the key.

use super::cases::{Suite, nearest};
use super::filter::parse_list;
use crate::error::{Error, Result};
use crate::text_file::read_text;
use crate::workload::{Case, FAMILIES};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::{Spanned, Value};

/// Largest number of cases that a sweep may expand to.
const MOST_CASES: usize = 10_000;

/// Fields of a sweep whose values are words of the key, in the order of the key.
const WORDS: [&str; 4] = ["precision", "unit", "op", "layout"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuiteFile {
    name: Option<String>,
    #[serde(default)]
    case: Vec<CaseEntry>,
    #[serde(default)]
    sweep: Vec<Spanned<Sweep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseEntry {
    key: Spanned<String>,
}

type Sweep = BTreeMap<String, Spanned<Value>>;

/// Error in a suite file: its byte range in the text, and a message.
type Wrong = (Range<usize>, String);

/// Reads the suite file at `path`; messages name the line.
pub(super) fn read(path: &Path) -> Result<Suite> {
    let text = read_text(path)?;
    let stem = path.file_stem().map_or("suite".into(), |stem| stem.to_string_lossy().into_owned());
    parse(&text, &stem).map_err(|(span, message)| {
        let line = text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count() + 1;
        Error::input(path, format!("line {line}: {message}"))
    })
}

fn parse(text: &str, stem: &str) -> Result<Suite, Wrong> {
    let file: SuiteFile =
        toml::from_str(text).map_err(|e| (e.span().unwrap_or(0..0), e.message().replace('\n', ", ")))?;
    let mut cases = Vec::new();
    for entry in &file.case {
        cases.push(case(entry.key.get_ref(), entry.key.span())?);
    }
    for sweep in &file.sweep {
        cases.extend(expand(sweep.get_ref(), sweep.span())?);
    }
    if cases.is_empty() {
        return Err((0..0, "there is no [[case]] and no [[sweep]]".into()));
    }
    Ok(Suite::new(file.name.unwrap_or(stem.into()), cases))
}

fn case(key: &str, span: Range<usize>) -> Result<Case, Wrong> {
    let case: Case = key.parse().map_err(|e| (span.clone(), format!("{e}")))?;
    match case.too_large() {
        None => Ok(case),
        Some(reason) => Err((span, format!("`{key}`: {reason}"))),
    }
}

/// Returns every combination of the values of a sweep; the alphabetically last field varies fastest.
fn expand(sweep: &Sweep, span: Range<usize>) -> Result<Vec<Case>, Wrong> {
    let family = match sweep.get("family").map(|value| (value.get_ref(), value.span())) {
        Some((Value::String(family), _)) if FAMILIES.contains(&family.as_str()) => family,
        Some((value, span)) => {
            let mut message = format!("no family {value}; there are {}", FAMILIES.join(", "));
            if let Some(name) = value.as_str().and_then(|text| nearest(text, FAMILIES)) {
                message.push_str(&format!(" (did you mean `{name}`?)"));
            }
            return Err((span, message));
        }
        None => return Err((span, "the sweep has no `family`".into())),
    };
    let mut combinations: Vec<BTreeMap<&str, String>> = vec![BTreeMap::new()];
    let mut same = Vec::new();
    for (name, value) in sweep.iter().filter(|(name, _)| *name != "family") {
        if let Some(other) = value.get_ref().as_str().filter(|other| sweep.contains_key(*other)) {
            same.push((name.as_str(), other, value.span()));
            continue;
        }
        let words =
            words(name, value.get_ref()).map_err(|what| (value.span(), format!("`{name}`: {what}")))?;
        if combinations.len().saturating_mul(words.len()) > MOST_CASES {
            return Err((span, format!("the sweep expands to more than {MOST_CASES} cases")));
        }
        combinations = combinations
            .iter()
            .flat_map(|chosen| {
                words.iter().map(|word| {
                    let mut chosen = chosen.clone();
                    chosen.insert(name, word.clone());
                    chosen
                })
            })
            .collect();
    }
    let mut cases = Vec::new();
    for mut chosen in combinations {
        for (name, other, span) in &same {
            let number = chosen.get(other).and_then(|word| word.strip_prefix(other));
            let Some(number) = number else {
                return Err((span.clone(), format!("`{name}`: `{other}` is not a size of its own")));
            };
            let word = format!("{name}{number}");
            chosen.insert(name, word);
        }
        let heads = WORDS.iter().filter_map(|name| chosen.get(name));
        let sizes = chosen.iter().filter(|(name, _)| !WORDS.contains(name)).map(|(_, word)| word);
        let words: Vec<&str> =
            heads.chain(sizes).map(String::as_str).filter(|word| !word.is_empty()).collect();
        cases.push(case(&format!("{family} {}", words.join(" ")), span.clone())?);
    }
    Ok(cases)
}

/// Returns the words of the key that the value of a field stands for.
fn words(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let is_word = WORDS.contains(&name);
    match value {
        Value::Array(values) if values.is_empty() => Err("the list is empty".into()),
        Value::Array(values) => {
            let nested = values.iter().map(|value| match value {
                Value::Array(_) => Err("a list within a list".into()),
                value => words(name, value),
            });
            Ok(nested.collect::<Result<Vec<_>, String>>()?.concat())
        }
        Value::String(word) if is_word => Ok(vec![word.clone()]),
        Value::String(list) => {
            let values = parse_list(list).map_err(|e| e.to_string())?;
            Ok(values.iter().map(|value| format!("{name}{value}")).collect())
        }
        Value::Integer(value) if !is_word && *value < 1 => Err(format!("{value}: sizes start at 1")),
        Value::Integer(value) if !is_word => Ok(vec![format!("{name}{value}")]),
        Value::Boolean(value) if !is_word => Ok(vec![if *value { name.into() } else { String::new() }]),
        other => Err(format!("{other} is not understood here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        parse(text, "stem").unwrap().cases.iter().map(Case::key).collect()
    }

    #[test]
    fn cases_and_sweeps_become_keys() {
        let text = r#"
            name = "mine"
            [[case]]
            key = "gemm f32 m512 n512 k512 nn"
            [[sweep]]
            family = "gemm"
            precision = ["f32", "f16.f32"]
            m = [1, 16]
            n = "512:1024:*2"
            k = "n"
            layout = "nt"
        "#;
        assert_eq!(parse(text, "stem").unwrap().name, "mine");
        assert_eq!(
            keys(text),
            [
                "gemm f32 m512 n512 k512 nn",
                "gemm f32 m1 n512 k512 nt",
                "gemm f16.f32 m1 n512 k512 nt",
                "gemm f32 m1 n1024 k1024 nt",
                "gemm f16.f32 m1 n1024 k1024 nt",
                "gemm f32 m16 n512 k512 nt",
                "gemm f16.f32 m16 n512 k512 nt",
                "gemm f32 m16 n1024 k1024 nt",
                "gemm f16.f32 m16 n1024 k1024 nt",
            ]
        );
    }

    #[test]
    fn every_family_can_be_swept() {
        let attention =
            "family='attention'\nprecision='f32'\nb=1\nhq=8\nhkv=[8,1]\nq=64\nd=64\ncausal=[false,true]";
        assert_eq!(
            keys(&format!("[[sweep]]\n{attention}")),
            [
                "attention f32 b1 hq8 hkv8 q64 kv64 d64",
                "attention f32 b1 hq8 hkv1 q64 kv64 d64",
                "attention f32 b1 hq8 hkv8 q64 kv64 d64 causal",
                "attention f32 b1 hq8 hkv1 q64 kv64 d64 causal",
            ]
        );
        let stream = "family='stream'\nprecision='f32'\nop=['copy','read']\nn=1024";
        assert_eq!(keys(&format!("[[sweep]]\n{stream}")), ["stream f32 copy n1024", "stream f32 read n1024"]);
        let peak = "family='peak'\nprecision='f32'\nunit='fma'\nc=64\ns=16";
        assert_eq!(keys(&format!("[[sweep]]\n{peak}")), ["peak f32 fma c64 s16"]);
    }

    #[test]
    fn the_file_gives_the_name_when_the_text_does_not() {
        let case = "[[case]]\nkey = 'stream f32 copy n1024'\n";
        assert_eq!(parse(case, "stem").unwrap().name, "stem");
        assert_eq!(keys(&case.repeat(2)).len(), 1);
    }

    #[test]
    fn errors_name_the_file_the_line_and_what_is_wrong() {
        let sweep = "[[sweep]]\nfamily = 'gemm'\nprecision = 'f32'\nm = 1\nn = 1\nk = 1\nlayout = 'nn'\n";
        let folder = tempfile::tempdir().unwrap();
        for (text, line, part) in [
            ("name = 'a'\n", 1, "no [[case]] and no [[sweep]]"),
            ("name = 'a'\n\n[[case]]\nkey = 'gemm f32'\n", 4, "m<number> is missing"),
            ("\n[[case]]\nkey = 'conv f32'", 3, "no family `conv`"),
            ("[[case]]\nkye = 'gemm'", 2, "unknown field `kye`"),
            ("[[case]]\nkey = 5", 2, "invalid type"),
            ("[[case]\n", 1, ""),
            ("[[case]]\nkey = 'gemm f32 m99999 n1 k99999 nn'", 2, "the limit is 2^32 - 1"),
            (&sweep.replace("'gemm'", "'gem'"), 2, "did you mean `gemm`?"),
            (&sweep.replace("family", "fam"), 1, "the sweep has no `family`"),
            (&sweep.replace("m = 1", "m = '3:1:1'"), 4, "`m`: `3:1:1`: the range ends before it starts"),
            (&sweep.replace("n = 1", "n = []"), 5, "`n`: the list is empty"),
            (&sweep.replace("n = 1", "n = [[1]]"), 5, "a list within a list"),
            (&sweep.replace("n = 1", "n = 1.5"), 5, "`n`: 1.5 is not understood"),
            (&sweep.replace("n = 1", "n = -4"), 5, "`n`: -4: sizes start at 1"),
            (&sweep.replace("n = 1", "n = 'layout'"), 5, "`layout` is not a size of its own"),
            (&sweep.replace("'nn'", "'xx'"), 1, "`xx` is not understood"),
            (&sweep.replace("= 1", "= '1:100:1'"), 1, "more than 10000 cases"),
        ] {
            let path = folder.path().join("suite.toml");
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("suite.toml: line {line}: ")), "{text}\n{error}");
            assert!(error.contains(part), "{text}\n{error}");
        }
    }
}
