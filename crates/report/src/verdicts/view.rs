//! Verdicts and gates of a comparison, from which all output formats are made.

use super::table;
use portamark_analysis::{CaseVerdict, DeviceVerdicts, Gate, VerdictRule, clean};
use std::collections::BTreeMap;

/// Verdicts of a comparison, with the gates that it has to pass.
#[derive(Debug, Clone, Copy)]
pub struct Verdicts<'a> {
    /// Verdicts grouped by device.
    pub devices: &'a [DeviceVerdicts<'a>],
    /// Rule by which the verdicts were reached.
    pub rule: &'a VerdictRule,
    /// Gates: conditions that no case may meet.
    pub gates: &'a [Gate],
}

impl Verdicts<'_> {
    /// Returns a table for each device, followed by the number of verdicts of each kind.
    pub fn table(&self) -> String {
        let mut out = String::new();
        for device in self.devices {
            out +=
                &format!("{}\n\n{}", clean(&device.pair.label()), table::lines(&device.cases, "base", "new"));
            out += &changed(&device.cases).into_iter().map(|line| line + "\n").collect::<String>();
            out.push('\n');
        }
        out + &self.foot().map(|line| line + "\n").concat()
    }

    /// Returns the cases that `gate` stops.
    pub fn stopped(&self, gate: Gate) -> Vec<&CaseVerdict> {
        self.cases().filter(|case| gate.stops(case, self.rule)).collect()
    }

    /// Returns the gates that stop `case`.
    pub fn stopping(&self, case: &CaseVerdict) -> Vec<Gate> {
        self.gates.iter().copied().filter(|gate| gate.stops(case, self.rule)).collect()
    }

    /// Returns an iterator over the cases of all devices.
    pub fn cases(&self) -> impl Iterator<Item = &CaseVerdict> {
        self.devices.iter().flat_map(|device| &device.cases)
    }

    /// Returns the number of verdicts of each kind, and a note on how to read them.
    pub(super) fn foot(&self) -> [String; 2] {
        let level = 100.0 * self.rule.bootstrap.level;
        let together = self.cases().filter(|case| case.judgement.p.is_some()).count();
        let margin = 100.0 * self.rule.margin;
        let runs = table::run_spread(self.cases()).map_or(String::new(), |text| format!("; {text}"));
        [
            verdict_counts(self.cases()),
            format!(
                "ratio of times, new/base, with the {} % interval of each individual case; verdicts beyond a margin \
                 of {} % are corrected for {together} comparisons (Benjamini-Hochberg){runs}",
                rounded(level),
                rounded(margin),
            ),
        ]
    }
}

/// Rounds `percent` to six decimals to remove floating-point error.
fn rounded(percent: f64) -> f64 {
    (percent * 1e6).round() / 1e6
}

/// Counts the verdicts of each kind, e.g. `40 cases: 1 slower, 38 same, 1 unclear`.
pub fn verdict_counts<'a>(cases: impl Iterator<Item = &'a CaseVerdict>) -> String {
    let words: Vec<&str> = cases.map(|case| case.judgement.verdict.word()).collect();
    let count = |word: &str| words.iter().filter(|other| **other == word).count();
    let told = ["slower", "faster", "same", "unclear", "missing"].map(|word| (count(word), word));
    let told: Vec<String> =
        told.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let noun = if words.len() == 1 { "case" } else { "cases" };
    format!("{} {noun}: {}", words.len(), if told.is_empty() { "nothing".into() } else { told.join(", ") })
}

/// Returns one line for each field that changed, with the number of cases in which it did.
pub(super) fn changed(cases: &[CaseVerdict]) -> Vec<String> {
    // If the values differ between cases, only their number is shown; the explanation of a case shows its
    // own.
    let mut found: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for change in cases.iter().flat_map(|case| &case.changes) {
        let values = clean(&format!("{} -> {}", change.reference, change.new));
        *found.entry(change.field).or_default().entry(values).or_default() += 1;
    }
    let all =
        cases.iter().filter(|case| case.new_status.is_some() && case.reference_status.is_some()).count();
    let line = |(field, values): (&str, BTreeMap<String, usize>)| {
        let many: usize = values.values().sum();
        let told = match values.keys().next() {
            Some(only) if values.len() == 1 => only.clone(),
            _ => format!("{} kinds", values.len()),
        };
        let of = if many == all { "all".to_string() } else { format!("{many} of {all}") };
        format!("changed in {of} cases: {field}, {told}")
    };
    found.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{explain, explain_json};
    use super::*;
    use portamark_analysis::{Matching, compare};
    use portamark_fixtures::{fixture, simulated};
    use portamark_results::{RunFile, Status};
    use portamark_stats::Bootstrap;
    use regex::Regex;

    fn rule() -> VerdictRule {
        let rule = VerdictRule::seeded(1);
        // Less than by default, so that single runs can be the same.
        VerdictRule { bootstrap: Bootstrap { resamples: 300, ..rule.bootstrap }, run_spread: 0.001, ..rule }
    }

    /// Returns the new side and the reference, with a case that is the same, one slower, one wrong in one
    /// process, one that the new driver does not support, one of another precision, and one that is new.
    fn sides() -> [RunFile; 2] {
        let named = |names: &[(&str, f64)]| {
            simulated::run(
                &names.iter().map(|(key, s)| (key.to_string(), *s)).collect::<Vec<_>>(),
                5,
                names.len() as u64,
            )
        };
        let reference = named(&[
            ("gemm f32 m64 n64 k64 nn", 1e-3),
            ("gemm f32 m128 n64 k64 nn", 2e-3),
            ("gemm f32 m256 n64 k64 nn", 4e-3),
            ("gemm f16 m512 n64 k64 nn", 8e-3),
            ("stream f32 copy n4096", 1e-4),
        ]);
        let mut new = named(&[
            ("gemm f32 m64 n64 k64 nn", 1e-3),
            ("gemm f32 m128 n64 k64 nn", 2.2e-3),
            ("gemm f32 m256 n64 k64 nn", 4e-3),
            ("gemm f16.f32 m512 n64 k64 nn", 8e-3),
            ("stream f32 copy n4096", 1e-4),
            ("stream f32 read n4096", 1e-4),
        ]);
        new.header.device.driver_version = "600.1".into();
        new.header.device.id = "vulkan/NVIDIA H100 80GB HBM3/600.1".into();
        for row in &mut new.rows {
            let (case, repeat) = (row.case.clone(), row.repeat);
            if case.contains("m256") && repeat == 3 {
                let reason = Some("element 3 is 2, the oracle says 1 | <b>");
                *row = fixture::failed_row(&case, Status::Wrong, reason).but(|it| it.repeat = repeat);
            } else if case.contains("copy") {
                *row = fixture::failed_row(&case, Status::Unsupported, Some("no f32"))
                    .but(|it| it.repeat = repeat);
            } else if case.contains("m128") {
                row.kernel.as_mut().unwrap().sha256 = "0123456789abcdef".into();
            }
        }
        [new, reference]
    }

    /// Cuts long decimals in `text` to six digits, because the last digits depend on the machine.
    fn cut(text: &str) -> String {
        let long = Regex::new(r"\d+\.\d{5,}(e-?\d+)?|\d+e-\d+").unwrap();
        let six = |found: &regex::Captures| format!("{:.5e}", found[0].parse::<f64>().unwrap());
        long.replace_all(text, six).into_owned()
    }

    fn written(form: impl Fn(&Verdicts) -> String) -> String {
        let [new, reference] = sides();
        let (new, reference, rule) = ([new], [reference], rule());
        let devices = compare(&new, &reference, Matching::default(), &rule).unwrap();
        form(&Verdicts { devices: &devices, rule: &rule, gates: &[Gate::Slower, Gate::Wrong, Gate::Failed] })
    }

    #[test]
    fn the_table_is_as_shown() {
        insta::assert_snapshot!(written(|verdicts| verdicts.table()));
    }

    #[test]
    fn the_markdown_is_as_shown() {
        insta::assert_snapshot!(written(|verdicts| verdicts.markdown()));
    }

    #[test]
    fn the_document_is_as_shown() {
        insta::assert_snapshot!(cut(&written(|verdicts| verdicts.json())));
    }

    #[test]
    fn the_lines_are_as_shown() {
        insta::assert_snapshot!(cut(&written(|verdicts| verdicts.jsonl())));
    }

    #[test]
    fn the_values_are_as_shown() {
        insta::assert_snapshot!(cut(&written(|verdicts| verdicts.csv())));
    }

    #[test]
    fn junits_xml_is_as_shown_and_well_formed() {
        let text = written(|verdicts| verdicts.junit().unwrap());
        let document = roxmltree::Document::parse(&text).unwrap();
        let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!((count("testcase"), count("failure"), count("skipped")), (6, 2, 3));
        let sum = |name: &str| document.root_element().attribute(name).unwrap().to_string();
        assert_eq!([sum("tests"), sum("failures"), sum("skipped")], ["6", "2", "3"]);
        insta::assert_snapshot!(cut(&text));
    }

    #[test]
    fn the_explanation_is_as_shown() {
        let text = written(|verdicts| {
            let device = &verdicts.devices[0];
            let explained = device.cases[1..3].iter().map(|case| explain(verdicts, device, case));
            explained.collect::<Vec<String>>().join("\n")
        });
        insta::assert_snapshot!(text);
        let document = written(|verdicts| {
            let device = &verdicts.devices[0];
            explain_json(verdicts, device, &device.cases[2])
        });
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["new"]["processes"][2]["status"], "wrong");
        assert_eq!(document["reference"]["processes"][0]["samples_s"].as_array().unwrap().len(), 31);
        assert_eq!(document["new"]["measured"]["driver"], "NVIDIA 600.1");
    }

    #[test]
    fn hostile_texts_are_no_xml_no_markup_and_no_control() {
        let rule = rule();
        let [new, reference] = [fixture::hostile(), fixture::hostile()];
        let devices = compare(&new, &reference, Matching::default(), &rule).unwrap();
        let verdicts = Verdicts { devices: &devices, rule: &rule, gates: &Gate::ALL };
        let junit = verdicts.junit().unwrap();
        roxmltree::Document::parse(&junit).unwrap();
        for text in [verdicts.table(), verdicts.csv(), verdicts.markdown(), junit] {
            assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text}");
        }
        for text in [verdicts.json(), verdicts.jsonl().lines().next().unwrap().to_string()] {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
        let device = &devices[0];
        let text = explain(&verdicts, device, &device.cases[0]);
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text}");
    }

    #[test]
    fn counts_are_in_words() {
        assert_eq!(verdict_counts([].into_iter()), "0 cases: nothing");
    }
}
