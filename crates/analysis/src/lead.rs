//! Leader of each case: the device with the highest rate, and whether it is faster than the second by the verdict
//! that a comparison of the same files reaches.

use super::case_verdict::variant;
use super::comparison::{CaseLine, Comparison};
use super::device::Entry;
use super::rate::Rate;
use super::verdict::{Absence, Verdict, VerdictRule};
use super::verdicts::verdicts;
use portamark_results::RunFile;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Leader of a case: the device with the highest rate, compared with the second.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// Index of the leading device in [`Comparison::devices`].
    pub device: usize,
    /// Index of the second-fastest device.
    pub over: usize,
    /// Rate of the leader over that of the second, at least 1.
    pub ratio: f64,
    /// Verdict on the leader against the second, from all processes of both.
    pub verdict: Verdict,
}

impl Lead {
    /// Whether the leader is shown to be faster.
    pub fn is_clear(&self) -> bool {
        self.verdict == Verdict::Faster
    }
}

/// A device and the one it leads by rate, with the ratio of the rates.
type Order = (usize, usize, f64);

impl<'a> Comparison<'a> {
    /// Returns the leader of each case by its key. A case has none if there are fewer than two rates, or if they
    /// were measured by different method versions or with inputs of different distributions.
    ///
    /// The cases of two devices are judged together, by the rule and with the corrections of
    /// [`verdicts`](crate::verdicts).
    pub fn leads(&self) -> HashMap<&'a str, Lead> {
        let mut pairs: BTreeMap<(usize, usize), Vec<(&CaseLine<'a>, Order)>> = BTreeMap::new();
        for line in &self.cases {
            if let Some((device, over, ratio)) = self.order(line) {
                pairs
                    .entry((device.min(over), device.max(over)))
                    .or_default()
                    .push((line, (device, over, ratio)));
            }
        }
        let mut leads = HashMap::new();
        for ((reference, new), lines) in pairs {
            let found = self.judged(reference, new, &lines);
            for (line, (device, over, ratio)) in lines {
                let verdict = found.get(line.key).cloned();
                let verdict = verdict.unwrap_or(Verdict::Missing(Absence::NoRatio));
                let verdict = match verdict {
                    Verdict::Faster if device == reference => Verdict::Slower,
                    Verdict::Slower if device == reference => Verdict::Faster,
                    verdict => verdict,
                };
                leads.insert(line.key, Lead { device, over, ratio, verdict });
            }
        }
        leads
    }

    /// Returns the verdicts on device `new` against `reference` by case key.
    fn judged(
        &self,
        reference: usize,
        new: usize,
        lines: &[(&CaseLine<'a>, Order)],
    ) -> HashMap<&'a str, Verdict> {
        let rule = VerdictRule::seeded(u64::from(self.devices[new].header.seed));
        let spans = [new, reference].map(|device| self.devices[device].process_spans());
        let mut found = HashMap::new();
        let mut enough = HashSet::new();
        for (line, _) in lines {
            let [new, reference] = [(new, &spans[0]), (reference, &spans[1])].map(|(device, spans)| {
                let shown = self.entry(line, device).map(|entry| (line.key, entry.row.identity().1));
                shown.and_then(|shown| spans.get(&shown)).map_or(&[][..], Vec::as_slice)
            });
            match Verdict::of_few(new, reference, &rule) {
                // Most files have one process of a case, which takes no resamples.
                Some(verdict) => drop(found.insert(line.key, verdict)),
                None => drop(enough.insert(line.key)),
            }
        }
        if enough.is_empty() {
            return found;
        }
        let files = |device: usize| -> Vec<RunFile> {
            self.devices[device].files.iter().map(|file| only(file, &enough)).collect()
        };
        let shown =
            |line: &CaseLine, device: usize| self.entry(line, device).map(|entry: &Entry| variant(entry.row));
        let places: HashMap<&str, usize> =
            lines.iter().enumerate().map(|(place, (line, _))| (line.key, place)).collect();
        for judged in verdicts(&files(new), &files(reference), &rule) {
            let Some((line, (device, ..))) = places.get(judged.case.as_str()).map(|place| &lines[*place])
            else {
                continue;
            };
            if judged.variant.is_none() || judged.variant == shown(line, *device) {
                found.insert(line.key, judged.judgement.verdict);
            }
        }
        found
    }

    /// Returns the two fastest devices of a case and the ratio of their rates.
    fn order(&self, line: &CaseLine) -> Option<Order> {
        let mut rates: Vec<(usize, Rate)> = (0..self.devices.len())
            .filter_map(|device| Some((device, self.entry(line, device)?.rate?)))
            .collect();
        rates.sort_by(|(_, a), (_, b)| b.value.total_cmp(&a.value));
        let ((device, first), (over, second)) = (rates.first()?, rates.get(1)?);
        let method = |device: usize| {
            let header = self.devices[device].header;
            (header.method, header.distribution())
        };
        if first.unit != second.unit || rates.iter().any(|(d, _)| method(*d) != method(*device)) {
            return None;
        }
        let ratio = first.value / second.value;
        ratio.is_finite().then_some((*device, *over, ratio))
    }
}

/// Returns `file` with the rows of `cases` only.
pub(super) fn only(file: &RunFile, cases: &HashSet<&str>) -> RunFile {
    RunFile {
        // Keep only the file name: folders of the machine that makes a report are private.
        path: file.path.file_name().unwrap_or_default().into(),
        header: file.header.clone(),
        rows: file.rows.iter().filter(|row| cases.contains(row.case.as_str())).cloned().collect(),
        end: None,
        problems: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_results::{Header, Row};

    const KEY: &str = "gemm f32 m4 n4 k4 nn";

    /// A file with `processes` processes of a case that takes about `seconds`.
    fn file(header: Header, seconds: f64, processes: u32) -> RunFile {
        let row = |repeat: u32| -> Row {
            let own = seconds * (1.0 + 1e-3 * f64::from(repeat % 3));
            let mut row = fixture::ok_row(KEY, own).but(|it| it.repeat = repeat);
            if let Some(timing) = &mut row.timing {
                let batch = own * f64::from(timing.k) * 1e9;
                timing.device_ns =
                    (0..31u32).map(|place| (batch * (1.0 + 1e-4 * f64::from(place % 7))) as u64).collect();
                timing.host_ns = timing.device_ns.clone();
            }
            row
        };
        fixture::file(header, (1..=processes).map(row).collect())
    }

    fn lead(seconds: f64, processes: u32) -> Lead {
        let runs = [
            file(fixture::h100_header(), 1.0, processes),
            file(fixture::software_header(), seconds, processes),
        ];
        Comparison::new(&runs).leads().remove(KEY).unwrap()
    }

    #[test]
    fn a_lead_is_clear_where_a_comparison_of_the_files_says_faster() {
        // Five processes: by a factor of two, on either side; 1 % is what single runs may differ by.
        let few_runs = Verdict::Unclear(crate::Doubt::FewRuns { new: 1, reference: 1 });
        for (seconds, ratio, device, verdict) in [
            (2.0, 2.0, 0, Verdict::Faster),
            (0.5, 2.0, 1, Verdict::Faster),
            (1.01, 1.01, 0, few_runs.clone()),
        ] {
            let found = lead(seconds, 5);
            assert!((found.ratio - ratio).abs() < 1e-9, "{found:?}");
            assert_eq!((found.device, &found.verdict), (device, &verdict));
            let sides = [file(fixture::software_header(), seconds, 5), file(fixture::h100_header(), 1.0, 5)];
            let rule = VerdictRule::seeded(1);
            let compared = &verdicts(&sides[..1], &sides[1..], &rule)[0].judgement.verdict;
            let clear = matches!(compared, Verdict::Faster | Verdict::Slower);
            assert_eq!(found.is_clear(), clear, "{compared:?}");
        }
    }

    #[test]
    fn one_process_leads_by_more_than_half_only() {
        let found = lead(5.04, 1);
        assert!((found.ratio - 5.04).abs() < 1e-9 && found.is_clear());
        let sides = [file(fixture::software_header(), 5.04, 1), file(fixture::h100_header(), 1.0, 1)];
        let compared = verdicts(&sides[..1], &sides[1..], &VerdictRule::seeded(1));
        assert_eq!(compared[0].judgement.verdict, Verdict::Slower);
        let few = crate::Doubt::FewProcesses { new: 1, reference: 1, needed: 5 };
        assert_eq!(lead(1.45, 1).verdict, Verdict::Unclear(few));
    }
}
