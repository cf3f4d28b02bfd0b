//! How often the intervals of this program contain what they should, by simulation: the tables of docs/method.md.
//!
//! `cargo run --release --example coverage -- [TRIALS]`

use portamark_fixtures::series::{Series, Shape};
use portamark_stats::{
    StoppingConfig, StoppingRule, Summary, is_drifting, median_interval, rank_interval, sorted_finite,
};
use rayon::prelude::*;

/// Correlations of neighbouring batches.
const CORRELATIONS: [f64; 5] = [0.0, 0.3, 0.6, 0.8, 0.9];
/// Numbers of batches.
const LENGTHS: [usize; 4] = [30, 60, 200, 1000];

fn main() {
    let trials: u64 = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(4000);
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
    println!("\nWith the stopping rule, at most 3000 batches of a spread of 2 %:\n");
    println!("| ρ | batches, median | stopped by target | with correlation |");
    println!("| ---: | ---: | ---: | ---: |");
    for correlation in CORRELATIONS {
        println!("{}", stopped(correlation, trials));
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
