//! Interleaved measurement of the two sides of a comparison, batch by batch in the order A B B A A B B A …,
//! so that disturbances of the machine affect both sides.
//!
//! Batch i of one side and batch i of the other are adjacent in time. A disturbance that lasts longer than
//! two batches (another program, a dropping clock) does not change their ratio, and each side goes first
//! equally often.

use super::config::Config;
use super::measurement::{Measurement, Ready, conclude, prepare};
use super::sampling::{Sampler, Sampling, sample};
use super::session::Session;
use portamark_executors::Fault;
use portamark_model::plan::Plan;
use portamark_model::workload::Case;
use portamark_stats::{StopReason, median_interval, median_of_unsorted};
use std::array::from_fn;
use web_time::Instant;

/// One side of a comparison: its case, plan and device.
pub struct Contestant<'a, 'b> {
    /// Executor and device of the side.
    pub session: Session<'a>,
    /// Settings of the method for its device.
    pub config: &'b Config,
    /// Case that the side runs.
    pub case: &'b Case,
    /// Plan of the case; `None` if the executor takes cases.
    pub plan: Option<&'b Plan>,
    /// Seconds of the time budget that the side may use; `None` if there is no limit.
    pub share_s: Option<f64>,
}

/// Target half-width of the ratio's confidence interval, as a multiple of the target for a median. It is
/// wider because a comparison has several processes, each with its own ratio.
const RATIO_WIDTHS: f64 = 2.0;
/// Number of pairs between two checks of the ratio's precision.
const LOOK_EVERY: usize = 5;
/// Sides whose execution times differ by less than this factor run batches of the same size, so that launch
/// overhead, which may be a twentieth of a batch, weighs the same on both.
const ALIKE: f64 = 2.0;

/// Measures both sides; `first` (0 or 1) is the side that starts. If one side ends early, the other is
/// measured alone.
///
/// Sampling ends when the median ratio of adjacent batches is known, that is, when its rank interval,
/// relative to the ratio, is at most twice as wide as the setting requires of a median. It also ends when
/// either side reaches a limit on time or number of samples.
pub fn measure_interleaved(mut sides: [Contestant<'_, '_>; 2], first: usize) -> [Measurement; 2] {
    let started = Instant::now();
    let mut measured: [Measurement; 2] = Default::default();
    let mut handles = [None, None];
    let prepared: [_; 2] = from_fn(|at| {
        let side = &mut sides[at];
        let (session, share_s) = (&mut side.session, side.share_s);
        let (measurement, handle) = (&mut measured[at], &mut handles[at]);
        prepare(session, side.config, side.case, side.plan, share_s, measurement, handle)
    });
    let mut both = match &prepared {
        [Ok(Ok(a)), Ok(Ok(b))] => take_turns(&mut sides, [a, b], first).map(|sampled| sampled.map(Some)),
        _ => [Ok(None), Ok(None)],
    };
    for (at, prepared) in prepared.into_iter().enumerate() {
        let side = &mut sides[at];
        let sampled = std::mem::replace(&mut both[at], Ok(None));
        let ended = prepared.and_then(|prepared| match prepared {
            Err(ended) => Ok(ended),
            Ok(ready) => {
                let sampling = match sampled? {
                    Some(sampling) => sampling,
                    None => alone(side, &ready)?,
                };
                conclude(&mut side.session, side.case, ready, sampling, &mut measured[at])
            }
        });
        measured[at].end(ended, &mut side.session, side.config, handles[at]);
        measured[at].spent.total_s = started.elapsed().as_secs_f64();
    }
    measured
}

fn alone(side: &mut Contestant, ready: &Ready) -> Result<Sampling, Fault> {
    sample(&mut side.session, ready.prepared(side.case))
}

/// Samples both sides in turns. After a fault of one side, the other is sampled alone.
fn take_turns(sides: &mut [Contestant; 2], ready: [&Ready; 2], first: usize) -> [Result<Sampling, Fault>; 2] {
    let mut samplers: [Sampler; 2] = from_fn(|at| {
        let side = &sides[at];
        Sampler::new(&side.session, ready[at].prepared(side.case))
    });
    match turns(sides, &mut samplers, first) {
        Ok(stop) => {
            let [a, b] = samplers;
            [a.finish(&mut sides[0].session, stop), b.finish(&mut sides[1].session, stop)]
        }
        Err((lost, fault)) => {
            from_fn(|at| if at == lost { Err(fault.clone()) } else { alone(&mut sides[at], ready[at]) })
        }
    }
}

/// Warms up and samples both sides. The error holds the index of the side whose executor failed.
fn turns(
    sides: &mut [Contestant; 2],
    samplers: &mut [Sampler<'_>; 2],
    first: usize,
) -> Result<StopReason, (usize, Fault)> {
    let order = |round: usize| if (round + first).is_multiple_of(2) { [0, 1] } else { [1, 0] };
    let mut round = 0;
    while samplers.iter().any(|sampler| !sampler.is_warm()) {
        for at in order(round) {
            samplers[at].warm_up(&mut sides[at].session).map_err(|fault| (at, fault))?;
        }
        round += 1;
    }
    let alike = common_k(samplers.each_ref().map(|sampler| (sampler.k(), sampler.execution_s())));
    if let Some(k) = alike.filter(|k| samplers.iter().all(|sampler| *k <= sampler.most_k())) {
        samplers.iter_mut().for_each(|sampler| sampler.set_k(k));
    }
    for at in order(0) {
        samplers[at].begin(&mut sides[at].session).map_err(|fault| (at, fault))?;
    }
    let mut ratios = Vec::new();
    for round in 0.. {
        let mut seconds = [None, None];
        for at in order(round) {
            seconds[at] = samplers[at].batch(&mut sides[at].session).map_err(|fault| (at, fault))?;
        }
        if let [Some(a), Some(b)] = seconds {
            ratios.push(b / a);
        }
        let long_enough = samplers.iter().all(Sampler::is_long_enough);
        if long_enough && ratios.len().is_multiple_of(LOOK_EVERY) && is_known(&ratios, sides[0].config) {
            return Ok(StopReason::Target);
        }
        if let Some(limit) = samplers.iter().find_map(Sampler::limit) {
            return Ok(limit);
        }
    }
    unreachable!("the number of samples is limited")
}

/// Returns a common number of executions per batch if the sides' execution times are alike. Takes the number
/// and the seconds of one execution of each side.
fn common_k([(k, seconds), (other_k, other_s)]: [(u32, f64); 2]) -> Option<u32> {
    (seconds < ALIKE * other_s && other_s < ALIKE * seconds).then_some(k.max(other_k))
}

/// Whether the median ratio is known with the requested precision.
fn is_known(ratios: &[f64], config: &Config) -> bool {
    let stopping = &config.stopping;
    if ratios.len() < stopping.min_samples {
        return false;
    }
    let median = median_of_unsorted(&mut ratios.to_vec());
    median_interval(ratios, stopping.level).zip(median).is_some_and(|(interval, median)| {
        interval.half_width() <= RATIO_WIDTHS * stopping.relative_half_width * median
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_stats::StoppingConfig;

    #[test]
    fn sides_that_are_alike_take_batches_of_one_size() {
        assert_eq!(common_k([(10, 1.0), (13, 1.1)]), Some(13));
        // The larger number counts even if the empty passes of the clocks differ.
        assert_eq!(common_k([(40, 1.1), (10, 1.0)]), Some(40));
        // A device that is at least twice as fast keeps its own number.
        assert_eq!(common_k([(10, 1.0), (20, 0.5)]), None);
        assert_eq!(common_k([(20, 0.5), (10, 1.0)]), None);
    }

    #[test]
    fn a_ratio_is_known_when_its_interval_is_within_twice_the_width() {
        // 30 ratios around 1: the interval spans the ranks 10 to 21. With steps of d from rank to rank its
        // half-width is 5.5·d; the target is 2·0.005 = 0.01.
        let config = Config {
            stopping: StoppingConfig { relative_half_width: 0.005, ..Default::default() },
            ..Config::default()
        };
        // Out of order, because ratios in ascending order are worth only a few.
        let steps = |d: f64| (0..30).map(|i| 1.0 + d * (f64::from(i * 11 % 30) - 15.0)).collect::<Vec<f64>>();
        assert!(is_known(&steps(0.0018), &config));
        assert!(!is_known(&steps(0.0019), &config));
        assert!(!is_known(&steps(0.0018)[..25], &config));
    }
}
