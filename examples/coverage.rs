//! How often the intervals of this program contain what they should, by simulation: the tables of docs/method.md.
//!
//! `cargo run --release --example coverage -- intervals|stopping|runs [TRIALS]`

use portamark_analysis::{Judgement, Verdict, VerdictRule};
use portamark_fixtures::series::{Series, Shape};
use portamark_stats::{
    Bootstrap, StoppingConfig, StoppingRule, Summary, is_drifting, median_interval, rank_interval,
    sorted_finite,
};
use rayon::prelude::*;

/// Correlations of neighbouring batches.
const CORRELATIONS: [f64; 5] = [0.0, 0.3, 0.6, 0.8, 0.9];
/// Numbers of batches.
const LENGTHS: [usize; 4] = [30, 60, 200, 1000];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let trials: u64 = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(4000);
    match words.first().map(String::as_str) {
        Some("intervals") => intervals(trials),
        Some("stopping") => stopping(trials),
        Some("runs") => runs(trials),
        _ => eprintln!("coverage intervals|stopping|runs [TRIALS]"),
    }
}

/// Prints how often the interval of the median of a series contains it, and how often a series is called drifting.
fn intervals(trials: u64) {
    println!("{trials} series each. Share of 95 % intervals that contain the median:\n");
    println!("| ρ | shape | batches | independent ranks | with correlation | called drifting |");
    println!("| ---: | --- | ---: | ---: | ---: | ---: |");
    for shape in [Shape::Normal, Shape::HeavyTails, Shape::Noisy] {
        for correlation in CORRELATIONS {
            for length in LENGTHS {
                println!("{}", row(shape, correlation, length, trials));
            }
        }
    }
}

/// Prints when the stopping rule stops, and how often the interval then contains the median.
fn stopping(trials: u64) {
    println!("At most 3000 batches of a spread of 2 %, {trials} series each:\n");
    println!("| ρ | batches, median | stopped by target | with correlation |");
    println!("| ---: | ---: | ---: | ---: |");
    for correlation in CORRELATIONS {
        println!("{}", stopped(correlation, trials));
    }
}

/// Prints how often runs of equal and of different kernels are told apart.
fn runs(trials: u64) {
    println!(
        "Runs of five processes with 31 batches. Standard deviations: runs 1 %, processes .4 %, batches 1 %."
    );
    println!("At the gate: p below .05/200, Holm's first step among 200 cases. {trials} comparisons each:\n");
    println!(
        "| runs, base and new | batches | ratio in its interval | equal called different | 5 % slower: called, at the \
         gate | 10 % slower: called, at the gate |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for runs in [[1, 1], [3, 1], [5, 5], [0, 0]] {
        for (shape, correlation) in [(Shape::Normal, 0.0), (Shape::Normal, 0.8), (Shape::HeavyTails, 0.0)] {
            println!("{}", compared(runs, shape, correlation, trials));
        }
    }
}

fn row(shape: Shape, correlation: f64, length: usize, trials: u64) -> String {
    let each = (0..trials).into_par_iter().map(|trial| {
        let mut series = Series::new(correlation, trial).shaped(shape).spread(0.05);
        let times: Vec<f64> = series.times().take(length).collect();
        let sorted = sorted_finite(&times).expect("times are finite");
        let exact = rank_interval(&sorted, 0.95).expect("thirty samples have an interval");
        let own = median_interval(&times, 0.95).expect("thirty samples have an interval");
        let contains = |lo: f64, hi: f64| f64::from(u8::from((lo..=hi).contains(&1.0)));
        let summary = Summary::from_samples(&times, 0.95).expect("times are finite");
        let drifts = summary.drift_p.zip(summary.drift).is_some_and(|(p, drift)| is_drifting(p, drift));
        [contains(exact.lo, exact.hi), contains(own.lo, own.hi), f64::from(u8::from(drifts))]
    });
    let sums = each.reduce(|| [0.0; 3], |a, b| std::array::from_fn(|at| a[at] + b[at]));
    let [exact, own, drifts] = sums.map(|sum| sum / trials as f64);
    format!(
        "| {correlation:.1} | {shape:?} | {length} | {:.1} % | {:.1} % | {:.1} % |",
        100.0 * exact,
        100.0 * own,
        100.0 * drifts
    )
}

/// Runs of a side, each with its processes and their batches.
type Runs = Vec<Vec<Vec<f64>>>;

/// Returns `runs` runs of five processes with 31 batches, whose times are about `seconds`.
fn side(series: &mut Series, runs: usize, seconds: f64) -> Runs {
    let run = |series: &mut Series| {
        let of_run = 0.01 * series.draw();
        let process = |series: &mut Series| {
            let level = seconds * (of_run + 0.004 * series.draw()).exp();
            series.times().take(31).map(|time| level * time).collect()
        };
        (0..5).map(|_| process(series)).collect()
    };
    (0..runs).map(|_| run(series)).collect()
}

/// Judges a side of `new` runs that takes `seconds` against one of `base` runs that takes 1; no runs stand for seven
/// processes of both sides in turns, which share what runs differ in.
fn judge([base, new]: [usize; 2], series: &mut Series, seconds: f64) -> Judgement {
    let rule = VerdictRule::seeded(1);
    let rule = VerdictRule { bootstrap: Bootstrap { resamples: 400, ..rule.bootstrap }, ..rule };
    if base == 0 {
        let process = |series: &mut Series| {
            let level = (0.004 * 2f64.sqrt() * series.draw()).exp() * seconds;
            let reference: Vec<f64> = series.times().take(31).collect();
            series.times().take(31).map(|time| level * time).zip(reference).collect()
        };
        let pairs: Vec<Vec<(f64, f64)>> = (0..7).map(|_| process(series)).collect();
        return Judgement::paired(&pairs, &rule);
    }
    Judgement::of_runs(&side(series, new, seconds), &side(series, base, 1.0), &rule)
}

fn compared(runs: [usize; 2], shape: Shape, correlation: f64, trials: u64) -> String {
    let each = (0..trials).into_par_iter().map(|trial| {
        let mut series = Series::new(correlation, trial).shaped(shape);
        let one = |told: bool| f64::from(u8::from(told));
        let equal = judge(runs, &mut series, 1.0);
        let ratio = equal.ratio.expect("both sides have samples");
        let mut found = [0.0; 6];
        found[0] = one((ratio.lo..=ratio.hi).contains(&1.0));
        found[1] = one(matches!(equal.verdict, Verdict::Faster | Verdict::Slower));
        for (place, seconds) in [(2, 1.05), (4, 1.1)] {
            let slower = judge(runs, &mut series, seconds);
            found[place] = one(slower.verdict == Verdict::Slower);
            found[place + 1] =
                one(slower.p.is_some_and(|p| slower.verdict == Verdict::Slower && p.differs < 0.05 / 200.0));
        }
        found
    });
    let sums = each.reduce(|| [0.0; 6], |a, b| std::array::from_fn(|at| a[at] + b[at]));
    let [contained, different, five, five_gate, ten, ten_gate] = sums.map(|sum| 100.0 * sum / trials as f64);
    let words =
        if runs[0] == 0 { "in turns, 7 processes".into() } else { format!("{}, {}", runs[0], runs[1]) };
    let batches = match (shape, correlation) {
        (Shape::Normal, 0.0) => "independent".into(),
        (Shape::Normal, rho) => format!("ρ = {rho}"),
        _ => "heavy tails".to_string(),
    };
    format!(
        "| {words} | {batches} | {contained:.1} % | {different:.1} % | {five:.0} %, {five_gate:.0} % | {ten:.0} %, {ten_gate:.0} % |"
    )
}

fn stopped(correlation: f64, trials: u64) -> String {
    let mut each: Vec<(usize, bool, bool)> = (0..trials)
        .into_par_iter()
        .map(|trial| {
            let mut series = Series::new(correlation, trial).spread(0.02);
            let mut rule = StoppingRule::new(StoppingConfig::default());
            let mut taken = Vec::new();
            for time in series.times().take(3000) {
                taken.push(time);
                rule.push(time);
                if rule.decision().is_some() {
                    break;
                }
            }
            let interval = median_interval(&taken, 0.95).expect("thirty samples have an interval");
            let target = rule.decision() == Some(portamark_stats::StopReason::Target);
            (taken.len(), target, (interval.lo..=interval.hi).contains(&1.0))
        })
        .collect();
    each.sort_unstable();
    let share = |such: fn(&(usize, bool, bool)) -> bool| {
        100.0 * each.iter().filter(|one| such(one)).count() as f64 / trials as f64
    };
    format!(
        "| {correlation:.1} | {} | {:.0} % | {:.1} % |",
        each[each.len() / 2].0,
        share(|(_, target, _)| *target),
        share(|(.., contained)| *contained)
    )
}
