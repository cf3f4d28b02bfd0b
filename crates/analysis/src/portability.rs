//! Performance portability (PP) of the kernels over a set of devices: the score of each case and of each
//! family of cases, always shown with coverage, minimum and mean, and with the reason for every zero.
//!
//! The score is that of [`portamark_stats::Portability`]. A family counts as one problem: the efficiency of a
//! device on it is the harmonic mean of its efficiencies on the cases, as for a program that at its best
//! would spend equal time in each of them. A device supports a family if it supports every case. PP of a
//! family is then the harmonic mean over all pairs of case and device. Cases that were not tried on every
//! device are excluded.

use super::comparison::{CaseLine, Comparison};
use super::convergence::{Convergence, Coverage, KernelLines, convergence, coverage, used_by};
use super::efficiency::{Cell, Efficiencies, Efficiency};
use super::imported::ImportedRow;
use super::plausibility::Excess;
use portamark_model::kernel_text::KernelTexts;
use portamark_stats::{Bootstrap, Portability, harmonic_deviation, harmonic_mean};
use serde::Serialize;

/// Options of a portability study.
#[derive(Debug, Clone)]
pub struct StudyOptions {
    /// Kind of efficiency, i.e. what times are compared with.
    pub efficiency: Efficiency,
    /// Set H of devices, as indices into [`Comparison::devices`].
    pub devices: Vec<usize>,
    /// Bootstrap for the confidence intervals; `None` omits the intervals.
    pub bootstrap: Option<Bootstrap>,
    /// Maximum number of kernel sources to render for the code convergence.
    pub most_texts: usize,
}

/// Portability scores of all cases and families over a set of devices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Study {
    /// Kind of efficiency, i.e. what times are compared with.
    pub efficiency: Efficiency,
    /// Labels of the devices in H.
    pub devices: Vec<String>,
    /// Indices of the devices in H within [`Comparison::devices`].
    #[serde(skip)]
    pub places: Vec<usize>,
    /// Bootstrap that computed the intervals; `None` if there are no intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Bootstrap>,
    /// One score per family that has a case, in report order.
    pub families: Vec<FamilyScore>,
    /// One score per case that at least one device of H has a row of.
    pub cases: Vec<CaseScore>,
    /// Number of cases skipped because this kind of efficiency is not defined for them.
    pub left_out: usize,
    /// Imported times that are not counted as best known, because no device of H can be that fast; only for
    /// application efficiency.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_counted: Vec<NotCounted>,
}

/// Imported time that is not counted as best known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCounted {
    /// Case key.
    pub case: String,
    /// Program and library that the time is from.
    pub source: String,
    /// Roof that it exceeds, by how much, and the likely cause.
    pub reason: String,
}

/// Portability metrics over H, which must be shown together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// PP: 0 if a device is not supported; otherwise `None` if a device was not tried or its efficiency is
    /// unknown.
    pub pp: Option<f64>,
    /// 95 % confidence interval (lower, upper) of PP, from the samples of each device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// PP over only the supported devices with a known efficiency.
    pub supported_pp: Option<f64>,
    /// Arithmetic mean of these efficiencies.
    pub mean: Option<f64>,
    /// Minimum of these efficiencies.
    pub least: Option<f64>,
    /// Standard deviation of these efficiencies around their harmonic mean.
    pub deviation: Option<f64>,
    /// Number of supported devices, |S|.
    pub supported: usize,
    /// Number of devices, |H|.
    pub devices: usize,
    /// Number of devices that were not tried, or that are supported with an unknown efficiency.
    pub unknown: usize,
    /// Number of efficiencies above 1, which count as 1.
    pub above_one: usize,
}

/// Score of one case over H.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseScore {
    /// Case key, e.g. `gemm f32 m4 n4 k4 nn`.
    pub case: String,
    /// Family of the case: the first word of its key.
    pub family: &'static str,
    /// One outcome per device of H.
    pub cells: Vec<Cell>,
    /// Metrics of the case over H.
    pub score: Score,
}

/// Score of one family of cases over H.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyScore {
    /// Name of the family: the first word of its case keys.
    pub family: &'static str,
    /// Number of cases that were tried on every device.
    pub cases: usize,
    /// Number of other cases, which the metrics exclude.
    pub untried: usize,
    /// One outcome per device of H.
    pub cells: Vec<Cell>,
    /// Metrics over all cases that were tried on every device.
    pub score: Score,
    /// Number of cases that every device supports with a known efficiency.
    pub common: usize,
    /// Metrics over only these common cases; `None` if there are none or if all cases are common.
    pub common_score: Option<Score>,
    /// Share of kernel source that the devices have in common; `None` if unknown.
    pub convergence: Option<Convergence>,
    /// Reason why the convergence is unknown; `None` if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_convergence: Option<String>,
    /// Lines of kernel source that each device uses; empty if unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Vec<Coverage>>,
}

impl Score {
    /// Computes the metrics of `cells`, one cell per device. `above_one` is the number of efficiencies above
    /// 1, or `None` to count them in `cells`.
    pub(super) fn of(cells: &[Cell], above_one: Option<usize>) -> Self {
        let unknown =
            cells.iter().filter(|cell| matches!(cell, Cell::Unknown { .. } | Cell::Untried { .. })).count();
        let fails = cells.iter().any(|cell| matches!(cell, Cell::Unsupported { .. }));
        let supported = cells.iter().filter(|cell| cell.is_supported()).count();
        let known: Vec<Option<f64>> = cells.iter().map(Cell::value).filter(Option::is_some).collect();
        let metrics = Portability::of_measured(&known);
        let cut: Vec<f64> = known.iter().flatten().map(|e| e.min(1.0)).collect();
        let pp = match (fails, unknown) {
            (true, _) => Some(0.0),
            (false, 0) => metrics.map(|(metrics, _)| metrics.pp),
            (false, _) => None,
        };
        Score {
            pp,
            interval: None,
            supported_pp: metrics.and_then(|(metrics, _)| metrics.supported_pp),
            mean: metrics.filter(|(metrics, _)| metrics.supported > 0).map(|(metrics, _)| metrics.mean),
            least: metrics.and_then(|(metrics, _)| metrics.least),
            deviation: harmonic_deviation(&cut),
            supported,
            devices: cells.len(),
            unknown,
            above_one: above_one.unwrap_or_else(|| metrics.map_or(0, |(_, above)| above)),
        }
    }

    /// Adds the confidence interval over `lines` on the devices of `options` if PP is above 0.
    fn with_interval(
        mut self,
        efficiencies: &Efficiencies,
        lines: &[&CaseLine],
        options: &StudyOptions,
    ) -> Self {
        let Some(bootstrap) = options.bootstrap.filter(|_| self.pp.is_some_and(|pp| pp > 0.0)) else {
            return self;
        };
        let of_device = |device: &usize| {
            lines.iter().map(|line| efficiencies.sampled(line, *device)).collect::<Option<Vec<_>>>()
        };
        let sampled = options.devices.iter().map(of_device).collect::<Option<Vec<_>>>();
        let interval = sampled.and_then(|sampled| bootstrap.portability_interval(&sampled));
        self.interval = interval.map(|interval| (interval.lo, interval.hi));
        self
    }
}

impl StudyOptions {
    /// Returns options for `efficiency` over all devices of `comparison` except the sides of A/B runs,
    /// without confidence intervals.
    pub fn of_all(comparison: &Comparison, efficiency: Efficiency) -> Self {
        let is_platform = |index: &usize| comparison.devices[*index].header.ab.is_none();
        let devices = (0..comparison.devices.len()).filter(is_platform).collect();
        StudyOptions { efficiency, devices, bootstrap: None, most_texts: 1000 }
    }
}

impl Study {
    /// Computes the scores of `comparison`; `texts` provides the kernel sources for the code convergence.
    pub fn new(comparison: &Comparison, options: &StudyOptions, texts: &dyn KernelTexts) -> Self {
        let efficiencies = Efficiencies::new(comparison, options.efficiency);
        let mut families: Vec<(&'static str, Vec<&CaseLine>)> = Vec::new();
        let (mut cases, mut left_out) = (Vec::new(), 0);
        for line in &comparison.cases {
            let Some(case) = &line.case else { continue };
            if !options.devices.iter().any(|device| comparison.entry(line, *device).is_some()) {
                continue;
            }
            if !options.efficiency.applies_to(case) {
                left_out += 1;
                continue;
            }
            let cells: Vec<Cell> =
                options.devices.iter().map(|device| efficiencies.cell(line, *device)).collect();
            let score = Score::of(&cells, None).with_interval(&efficiencies, &[line], options);
            cases.push(CaseScore { case: line.key.into(), family: case.family(), cells, score });
            match families.last_mut().filter(|(family, _)| *family == case.family()) {
                Some((_, lines)) => lines.push(line),
                None => families.push((case.family(), vec![line])),
            }
        }
        let mut lines_of = KernelLines::of_texts(texts);
        let families = families
            .into_iter()
            .map(|(family, lines)| {
                let of_family: Vec<&CaseScore> = cases.iter().filter(|case| case.family == family).collect();
                family_score(comparison, options, &efficiencies, (family, &lines), &of_family, &mut lines_of)
            })
            .collect();
        Study {
            efficiency: options.efficiency,
            devices: options.devices.iter().map(|device| comparison.devices[*device].label.clone()).collect(),
            places: options.devices.clone(),
            bootstrap: options.bootstrap,
            families,
            cases,
            left_out,
            not_counted: not_counted(comparison, options),
        }
    }
}

/// Returns the imported times that are impossible on a device of H.
fn not_counted(comparison: &Comparison, options: &StudyOptions) -> Vec<NotCounted> {
    if options.efficiency != Efficiency::Application {
        return Vec::new();
    }
    let on_h = |import: &&ImportedRow| import.devices.iter().any(|device| options.devices.contains(device));
    let told = |import: &ImportedRow| {
        let reason = import.excess.filter(Excess::is_impossible)?.words();
        Some(NotCounted { case: import.row.case.clone(), source: import.source(), reason })
    };
    comparison.imported.iter().filter(on_h).filter_map(told).collect()
}

fn family_score(
    comparison: &Comparison,
    options: &StudyOptions,
    efficiencies: &Efficiencies,
    (family, lines): (&'static str, &[&CaseLine]),
    cases: &[&CaseScore],
    texts: &mut KernelLines<'_>,
) -> FamilyScore {
    let all = cases.len();
    let (cases, lines): (Vec<&CaseScore>, Vec<&CaseLine>) = cases
        .iter()
        .copied()
        .zip(lines.iter().copied())
        .filter(|(case, _)| !case.cells.iter().any(|cell| matches!(cell, Cell::Untried { .. })))
        .unzip();
    let (cases, lines) = (&cases[..], &lines[..]);
    let places = 0..options.devices.len();
    let cells: Vec<Cell> = places.clone().map(|place| of_cases(cases, place)).collect();
    let above = |cases: &[&CaseScore]| cases.iter().map(|case| case.score.above_one).sum::<usize>();
    let score = Score::of(&cells, Some(above(cases))).with_interval(efficiencies, lines, options);
    let is_common = |case: &CaseScore| case.cells.iter().all(|cell| cell.value().is_some());
    let (common, common_lines): (Vec<&CaseScore>, Vec<&CaseLine>) =
        cases.iter().copied().zip(lines.iter().copied()).filter(|(case, _)| is_common(case)).unzip();
    let common_score = (!common.is_empty() && common.len() < cases.len()).then(|| {
        let cells: Vec<Cell> = places.map(|place| of_cases(&common, place)).collect();
        Score::of(&cells, Some(above(&common))).with_interval(efficiencies, &common_lines, options)
    });
    let used = used_by(comparison, lines, &options.devices, texts, options.most_texts);
    let coverage = used
        .as_ref()
        .map_or(Vec::new(), |used| used.iter().map(|used| coverage(texts.texts, used)).collect());
    let convergence = used.and_then(|used| convergence(&used).ok_or("no kernel ran on any device".into()));
    FamilyScore {
        family,
        cases: cases.len(),
        untried: all - cases.len(),
        cells,
        score,
        common: common.len(),
        common_score,
        no_convergence: convergence.as_ref().err().cloned(),
        convergence: convergence.ok(),
        coverage,
    }
}

/// Returns the harmonic mean over `cases` on the device at index `place`; efficiencies above 1 count as 1. A
/// device supports the family if it supports every case.
fn of_cases(cases: &[&CaseScore], place: usize) -> Cell {
    let cells = || cases.iter().map(|case| &case.cells[place]);
    let mut zeros: Vec<(&'static str, &str)> = Vec::new();
    for cell in cells() {
        if let Cell::Unsupported { status, reason } = cell {
            zeros.push((*status, reason.as_str()));
        }
    }
    if let Some((status, reason)) = zeros.first() {
        let reason = format!("{} of {} cases, the first: {reason}", zeros.len(), cases.len());
        return Cell::Unsupported { status, reason };
    }
    let known: Option<Vec<f64>> = cells().map(|cell| cell.value().map(|e| e.min(1.0))).collect();
    if let Some(value) = known.and_then(|known| harmonic_mean(&known)) {
        return Cell::Efficiency { value };
    }
    let reason = cells().find_map(|cell| match cell {
        Cell::Unknown { reason } => Some(reason.clone()),
        _ => None,
    });
    Cell::Unknown { reason: reason.unwrap_or_else(|| "no case was measured on every device".into()) }
}

/// Cases that one device does not support, or whose efficiency is unknown, for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Zero {
    /// Label of the device in the comparison.
    pub device: String,
    /// Status of the rows; `unknown` or `no row` are only in [`Study::unknowns`].
    pub status: &'static str,
    /// Reason, as recorded for the first of the cases.
    pub reason: String,
    /// Keys of these cases.
    pub cases: Vec<String>,
}

impl Study {
    /// Returns why scores are 0: by device in the order of H, each reason once with its cases.
    pub fn zeros(&self) -> Vec<Zero> {
        self.gathered(|cell| match cell {
            Cell::Unsupported { status, reason } => Some((*status, reason.clone())),
            _ => None,
        })
    }

    /// Returns why efficiencies are unknown, in the same form.
    pub fn unknowns(&self) -> Vec<Zero> {
        self.gathered(|cell| match cell {
            Cell::Unknown { reason } => Some(("unknown", reason.clone())),
            Cell::Untried { status, reason } => Some((*status, reason.clone())),
            _ => None,
        })
    }

    fn gathered(&self, of: impl Fn(&Cell) -> Option<(&'static str, String)>) -> Vec<Zero> {
        let mut found: Vec<Zero> = Vec::new();
        for (place, device) in self.devices.iter().enumerate() {
            let from = found.len();
            for case in &self.cases {
                let Some((status, reason)) = of(&case.cells[place]) else { continue };
                let same = |zero: &&mut Zero| zero.status == status && alike(&zero.reason, &reason);
                match found[from..].iter_mut().find(same) {
                    Some(zero) => zero.cases.push(case.case.clone()),
                    None => {
                        let cases = vec![case.case.clone()];
                        found.push(Zero { device: device.clone(), status, reason, cases });
                    }
                }
            }
        }
        found
    }
}

/// Whether two reasons are equal except for numbers: then they have the same cause, and the first one
/// represents them all.
fn alike(a: &str, b: &str) -> bool {
    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|c: char| c.is_ascii_digit() || c == '.').filter(|word| !word.is_empty())
    }
    a == b || words(a).eq(words(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_model::kernel_text::NoTexts;
    use portamark_results::{RunFile, Status};

    fn options(devices: usize) -> StudyOptions {
        let devices = (0..devices).collect();
        let bootstrap = Some(Bootstrap { resamples: 200, ..Bootstrap::seeded(1) });
        StudyOptions { efficiency: Efficiency::Architectural, devices, bootstrap, most_texts: 100 }
    }

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-6)
    }

    /// A device whose roofs are 4096 FLOP/s and 1e12 B/s, with matrix products at these efficiencies; 0 means
    /// unsupported.
    fn file(number: usize, efficiencies: &[f64]) -> RunFile {
        let mut header = fixture::software_header();
        header.device.id = format!("test/{number}");
        header.device.name = format!("device {number}");
        let mut rows = vec![
            fixture::ok_row("peak f32 fma c64 s32", 1.0),
            fixture::ok_row("stream f32 copy n1048576", 8.388608e-6),
        ];
        for (place, efficiency) in efficiencies.iter().enumerate() {
            // 2·4·4·4·2^place FLOP.
            let key = format!("gemm f32 m{} n4 k4 nn", 4 << place);
            rows.push(if *efficiency == 0.0 {
                fixture::failed_row(&key, Status::Crashed, Some("signal 11"))
            } else {
                fixture::ok_row(&key, 128.0 * f64::from(1 << place) / 4096.0 / efficiency)
            });
        }
        fixture::file(header, rows)
    }

    fn one_case(efficiencies: &[f64]) -> Score {
        let runs: Vec<RunFile> =
            efficiencies.iter().enumerate().map(|(number, e)| file(number, &[*e])).collect();
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(runs.len()), &NoTexts);
        study.cases.iter().find(|case| case.family == "gemm").unwrap().score.clone()
    }

    #[test]
    fn published_scores_come_out_of_rows() {
        // p3's test_pp.py and the synthetic programs of Sewall and others, 2020.
        assert!(close(one_case(&[1.0, 0.8, 0.5, 1.0, 0.2]).pp, 0.487805));
        assert!(close(one_case(&[1.0; 5]).pp, 1.0));
        assert_eq!(one_case(&[1.0, 0.8, 0.5, 0.0, 0.2]).pp, Some(0.0));
        assert!(close(one_case(&[0.2]).pp, 0.2));
        let mut single = [0.1; 10];
        single[3] = 1.0;
        assert!(close(one_case(&single).pp, 0.109890));
        assert!(close(one_case(&[1.0, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1]).pp, 0.181818));
        let inconsistent: Vec<f64> = (1..=10).map(|i| f64::from(i) / 10.0).collect();
        let score = one_case(&inconsistent);
        assert!(close(score.pp, 0.341417) && close(score.deviation, 0.323196));
        assert!(close(score.mean, 0.55) && close(score.least, 0.1));
    }

    #[test]
    fn a_zero_keeps_its_reason_and_the_rest_keeps_its_numbers() {
        let runs = [file(0, &[1.0, 0.5]), file(1, &[0.5, 0.0]), file(2, &[0.25])];
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(3), &NoTexts);
        let [first, second] = [0, 1].map(|place| {
            let gemm = study.cases.iter().filter(|case| case.family == "gemm");
            gemm.collect::<Vec<_>>()[place].clone()
        });
        // 3/(1 + 2 + 4).
        assert!(close(first.score.pp, 3.0 / 7.0) && first.score.supported == 3, "{first:?}");
        assert_eq!((second.score.pp, second.score.supported, second.score.devices), (Some(0.0), 1, 3));
        assert!(close(second.score.supported_pp, 0.5) && close(second.score.least, 0.5));
        let zeros = study.zeros();
        let told: Vec<(&str, &str, usize)> =
            zeros.iter().map(|zero| (&*zero.device, zero.status, zero.cases.len())).collect();
        assert_eq!(told, [("device 1 · Mesa 22.3.6", "crashed", 1)]);
        let unknowns = study.unknowns();
        assert_eq!((&*unknowns[0].device, unknowns[0].status), ("device 2 · Mesa 22.3.6", "no row"));
        let family = study.families.iter().find(|family| family.family == "gemm").unwrap();
        assert_eq!((family.cases, family.untried), (1, 1));
        assert!(close(family.score.pp, 3.0 / 7.0), "{family:?}");
        assert_eq!(zeros[0].reason, "signal 11");
    }

    #[test]
    fn a_family_is_the_harmonic_mean_over_cases_and_devices() {
        let runs = [file(0, &[1.0, 0.5]), file(1, &[0.25, 1.0])];
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(2), &NoTexts);
        let family = study.families.iter().find(|family| family.family == "gemm").unwrap();
        // 4/(1 + 2 + 4 + 1); on the devices 2/3 and 2/5.
        assert!(close(family.score.pp, 0.5), "{family:?}");
        assert!(close(family.cells[0].value(), 2.0 / 3.0) && close(family.cells[1].value(), 0.4));
        assert_eq!((family.cases, family.common, &family.common_score), (2, 2, &None));
        // One case less on one device: 0; over the common case alone it is 2/(1 + 4).
        let runs = [file(0, &[1.0, 0.5]), file(1, &[0.25, 0.0])];
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(2), &NoTexts);
        let family = study.families.iter().find(|family| family.family == "gemm").unwrap();
        assert_eq!((family.score.pp, family.score.supported, family.common), (Some(0.0), 1, 1));
        assert!(close(family.common_score.as_ref().unwrap().pp, 0.4));
        let Cell::Unsupported { reason, .. } = &family.cells[1] else { panic!("{family:?}") };
        assert_eq!(reason, "1 of 2 cases, the first: signal 11");
    }

    #[test]
    fn without_a_roof_the_score_is_not_known_and_not_0() {
        let mut bare = file(1, &[0.5]);
        bare.rows.remove(0);
        let runs = [file(0, &[1.0]), bare];
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(2), &NoTexts);
        let gemm = study.cases.iter().find(|case| case.family == "gemm").unwrap();
        assert_eq!((gemm.score.pp, gemm.score.unknown, gemm.score.supported), (None, 1, 2));
        assert!(close(gemm.score.supported_pp, 1.0));
        assert!(study.unknowns()[0].reason.contains("no peak row"));
        assert!(study.cases.iter().all(|case| case.family != "peak") && study.left_out == 1);
    }

    #[test]
    fn reasons_that_differ_in_numbers_alone_are_one() {
        assert!(alike("predicted 2.28 s, its share is 6 s", "predicted 18 s, its share is 6.91 s"));
        assert!(!alike("predicted 285 ms", "predicted 2 s") && !alike("signal 11", "no memory"));
    }

    #[test]
    fn what_was_not_tried_is_not_known_and_not_0() {
        let runs = [file(0, &[1.0, 0.5]), file(1, &[0.5])];
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(2), &NoTexts);
        let second = study.cases.iter().filter(|case| case.family == "gemm").nth(1).unwrap();
        let score = &second.score;
        assert_eq!((score.pp, score.supported, score.devices, score.unknown), (None, 1, 2, 1));
    }

    #[test]
    fn what_was_skipped_for_a_budget_is_not_known_and_not_0() {
        let mut skipped = file(1, &[0.5]);
        let reason = "predicted 18 s, its share is 6.91 s";
        skipped.rows.push(fixture::failed_row("gemm f32 m8 n4 k4 nn", Status::Skipped, Some(reason)));
        let runs = [file(0, &[1.0, 0.5]), skipped];
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(2), &NoTexts);
        let second = study.cases.iter().filter(|case| case.family == "gemm").nth(1).unwrap();
        assert_eq!((second.score.pp, second.score.supported, second.score.unknown), (None, 1, 1));
        assert_eq!(second.cells[1], Cell::Untried { status: "skipped", reason: reason.into() });
        // The family is scored over the case that both have: 2/(1 + 2).
        let family = study.families.iter().find(|family| family.family == "gemm").unwrap();
        assert_eq!((family.cases, family.untried), (1, 1));
        assert!(close(family.score.pp, 2.0 / 3.0), "{family:?}");
        assert!(study.zeros().is_empty());
        let unknown = &study.unknowns()[0];
        assert_eq!((unknown.status, &*unknown.reason), ("skipped", reason));
    }

    #[test]
    fn efficiencies_above_1_count_as_1_and_are_counted() {
        let score = one_case(&[2.0, 0.5]);
        // 2/(1 + 2).
        assert!(close(score.pp, 2.0 / 3.0) && score.above_one == 1, "{score:?}");
    }

    #[test]
    fn an_interval_is_there_where_samples_are() {
        assert_eq!(one_case(&[1.0, 0.5]).interval, None);
        let mut runs = [file(0, &[1.0]), file(1, &[0.5])];
        for row in runs.iter_mut().flat_map(|run| &mut run.rows) {
            let timing = row.timing.as_mut().unwrap();
            (timing.k, timing.timer) = (1, portamark_results::TimerChoice::Device);
            let ns = timing.summary.median * 1e9;
            timing.device_ns = [0.98, 0.99, 1.0, 1.01, 1.02].map(|part| (ns * part) as u64).to_vec();
        }
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(2), &NoTexts);
        let gemm = study.cases.iter().find(|case| case.family == "gemm").unwrap();
        let (lo, hi) = gemm.score.interval.unwrap();
        assert!(0.65 < lo && lo < 2.0 / 3.0 && 2.0 / 3.0 < hi && hi < 0.69, "{lo} {hi}");
        assert_eq!(study.bootstrap.unwrap().seed, 1);
    }

    #[test]
    fn without_the_texts_there_is_no_convergence_and_the_reason_is_told() {
        let runs = fixture::two_devices();
        let comparison = Comparison::new(&runs);
        let study = Study::new(&comparison, &options(2), &NoTexts);
        for family in &study.families {
            let why = family.no_convergence.as_ref().unwrap();
            assert!(why.ends_with(": the kernel sources are not available"), "{why}");
        }
    }
}
