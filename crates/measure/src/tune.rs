//! Search for the fastest kernel variant of a case: successive halving over verified candidates, then a final
//! against the default variant.
//!
//! K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
//! optimization", AISTATS 2016.

use super::batch_time::{LONGEST_WAIT_S, grown, waited};
use super::config::Config;
use super::decoy::Decoy;
use super::freshness::Freshness;
use super::memory::total;
use super::rotating::Rotating;
use super::rotation;
use super::sampling::batch_size;
use super::session::Session;
use super::verify::Oracle;
use portamark_executors::protocol::{Prepare, Prepared, Sampled};
use portamark_executors::{Fault, FaultKind};
use portamark_model::plan::Plan;
use portamark_model::possible::impossible;
use portamark_model::units;
use portamark_model::workload::{Case, Inputs};
use portamark_results::TimerChoice;
use portamark_stats::{median_of_unsorted, rank_interval, sorted_finite};
use std::time::Duration;

/// Limits of one tuning search.
pub struct Effort<'a> {
    /// Time limit of the search for this case.
    pub share: Duration,
    /// Maximum time to prepare a candidate; slower candidates are dropped.
    pub compile: Duration,
    /// Device memory that all candidates together may hold, in bytes.
    pub memory: u64,
    /// Clock that returns the time since an arbitrary but fixed start.
    pub clock: &'a dyn Fn() -> Duration,
}

/// Outcome of one candidate.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// Its time relative to the default, as of the last stage that it reached.
    Timed(f64),
    /// Its output differs from the oracle's; holds the reason.
    Wrong(String),
    /// It could not be prepared or run; holds the reason.
    Failed(String),
    /// It took too long to prepare; holds the seconds spent.
    SlowToCompile(f64),
}

/// Result of a tuning search.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// Index of the winner among the candidates; 0 if the default stays.
    pub winner: usize,
    /// Whether the winner runs with run-time checks; the search may have added them to its candidate.
    pub checks: bool,
    /// Time of the winner relative to the default in the final; 1 if the default stays.
    pub ratio: f64,
    /// Median time of one execution of the default, in seconds.
    pub default_s: f64,
    /// Outcomes, each with the index of its candidate. Candidates that were not reached in time have none.
    pub fates: Vec<(usize, Fate)>,
}

/// Reason why a search ended without a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Untuned {
    /// The default itself is wrong, fails or is missing; holds the reason.
    Default(String),
    /// One execution takes too long for [`Effort::share`]; holds the reason.
    NoTime(String),
}

/// Candidates slower than the best by more than this factor at the first look are dropped.
const EARLY_STOP: f64 = 3.0;
/// Maximum number of buffer sets per candidate; interleaved candidates also evict each other's buffers.
const MOST_SETS: u32 = 8;
/// Fractions of the time share after which no new candidate and no new round starts.
const FIRST_LOOK: f64 = 0.5;
const ROUNDS: f64 = 0.75;
/// A winner's time relative to the default is below this: two runs of the same kernel can differ by 2 %.
const MARGIN: f64 = 0.98;
/// Minimum and maximum number of turns of a final; with fewer there is no confidence interval.
const LEAST_TURNS: usize = 6;
const MOST_TURNS: usize = 24;
/// Number of executions in the shortest final, which has six turns of A B B A.
pub const FINAL: f64 = 4.0 * LEAST_TURNS as f64;
/// If the best other candidate is slower than the default by more than this factor, there is no final.
const CLEARLY_SLOWER: f64 = 1.5;
/// Minimum duration of a batch in seconds, so that a short disturbance does not decide a final.
const LEAST_BATCH_S: f64 = 2e-3;

/// Returns the seconds of a batch by the device clock, or by that of the host where the batch began and ended
/// within one tick of the device.
fn told_s(sampled: &Sampled) -> f64 {
    sampled.device_ns.filter(|ns| *ns > 0).unwrap_or(sampled.host_ns) as f64 * 1e-9
}

struct Runner<'p> {
    place: usize,
    plan: std::borrow::Cow<'p, Plan>,
    rotating: Rotating,
    held_bytes: u64,
    k: u32,
    /// Time of one execution at the first look, in seconds.
    first_s: f64,
    samples: Vec<f64>,
}

impl Runner<'_> {
    fn median(&self) -> f64 {
        median_of_unsorted(&mut self.samples.clone()).unwrap_or(self.first_s)
    }
}

struct Search<'s, 'a, 'e> {
    session: &'s mut Session<'a>,
    config: &'s Config,
    case: &'s Case,
    effort: &'s Effort<'e>,
    started: Duration,
    /// Tile of the last candidate and its oracle; most candidates share them.
    oracle: Option<(portamark_model::workload::Tile, Oracle)>,
}

/// Reason why a candidate did not run.
enum Refused {
    Fate(Fate),
    /// The executor ended, so every handle is lost.
    Fatal(Fate),
}

/// Finds the fastest of `plans` for `case` on the session's device. The first plan is the default: it stays
/// unless another one is faster beyond noise.
///
/// # Errors
/// Fails if the default cannot run, or if the time does not suffice for a final.
pub fn tune(
    session: &mut Session<'_>,
    config: &Config,
    case: &Case,
    plans: &[Plan],
    effort: &Effort<'_>,
) -> Result<Tuned, Untuned> {
    let started = (effort.clock)();
    let mut search = Search { session, config, case, effort, started, oracle: None };
    let mut fates = Vec::new();
    let mut runners = Vec::new();
    let found = search.run(plans, &mut runners, &mut fates);
    for runner in runners {
        search.release(&runner);
    }
    found.map(|(winner, checks, ratio, default_s)| Tuned { winner, checks, ratio, default_s, fates })
}

type Found = (usize, bool, f64, f64);

impl<'p> Search<'_, '_, '_> {
    fn used(&self) -> f64 {
        let used = (self.effort.clock)().saturating_sub(self.started);
        used.as_secs_f64() / self.effort.share.as_secs_f64().max(1e-9)
    }

    fn left_s(&self) -> f64 {
        (1.0 - self.used()) * self.effort.share.as_secs_f64()
    }

    fn run(
        &mut self,
        plans: &'p [Plan],
        runners: &mut Vec<Runner<'p>>,
        fates: &mut Vec<(usize, Fate)>,
    ) -> Result<Found, Untuned> {
        self.first_look(plans, runners, fates)?;
        let default_s = runners[0].first_s;
        let final_s = FINAL * default_s;
        let lost = |fault: Fault| Untuned::Default(fault.reason);
        self.halve(runners, fates, final_s).map_err(lost)?;
        self.add_checked(runners, fates)?;
        // The best other candidate meets the default.
        let best = (1..runners.len()).min_by(|a, b| runners[*a].median().total_cmp(&runners[*b].median()));
        let kept = |runners: &[Runner], default_s| (0, runners[0].plan.variant.checks, 1.0, default_s);
        let Some(best) = best else { return Ok(kept(runners, default_s)) };
        let (seen, slower) = (&runners[best], runners[best].median() / runners[0].median());
        if slower > CLEARLY_SLOWER || slower > 1.05 && seen.samples.len() > 2 {
            fates.push((seen.place, Fate::Timed(slower)));
            return Ok(kept(runners, default_s));
        }
        let ratio = self.decide(runners, best).map_err(lost)?;
        let default_s = runners[0].median();
        if ratio.is_some()
            && let Some(reason) = self.accuse(&mut runners[best], false).map_err(lost)?
        {
            fates.push((runners[best].place, Fate::Wrong(reason)));
            return Ok(kept(runners, default_s));
        }
        let winner = &runners[best];
        fates.push((winner.place, Fate::Timed(ratio.unwrap_or(winner.median() / default_s))));
        Ok(match ratio {
            Some(ratio) => (winner.place, winner.plan.variant.checks, ratio, default_s),
            None => kept(runners, default_s),
        })
    }

    /// Prepares, verifies and times each candidate once, until half of the time is used.
    fn first_look(
        &mut self,
        plans: &'p [Plan],
        runners: &mut Vec<Runner<'p>>,
        fates: &mut Vec<(usize, Fate)>,
    ) -> Result<(), Untuned> {
        let mut queue: Vec<usize> = (0..plans.len()).rev().collect();
        while let Some(place) = queue.pop() {
            if place > 0 && self.used() > FIRST_LOOK {
                break;
            }
            let best = runners.iter().map(|runner| runner.first_s).min_by(f64::total_cmp);
            match self.prepare(place, std::borrow::Cow::Borrowed(&plans[place]), best) {
                Ok(runner) => {
                    if best.is_some_and(|best| runner.first_s > EARLY_STOP * best) {
                        fates.push((place, Fate::Timed(runner.first_s / runners[0].first_s)));
                        self.release(&runner);
                    } else {
                        let seconds = runner.first_s;
                        runners.push(runner);
                        if place == 0 && FINAL * seconds > self.left_s() {
                            return Err(Untuned::NoTime(format!(
                                "one execution takes {}, a final needs {FINAL} of them, and its share of the \
                                 budget is {}",
                                units::seconds(seconds),
                                units::seconds(self.effort.share.as_secs_f64())
                            )));
                        }
                        self.make_room(runners, fates);
                    }
                }
                Err(Refused::Fate(fate)) if place > 0 => fates.push((place, fate)),
                Err(Refused::Fatal(fate)) if place > 0 => {
                    fates.push((place, fate));
                    // The executor process is gone with all its handles: prepare the survivors again.
                    let lost: Vec<usize> = runners.drain(..).map(|runner| runner.place).collect();
                    queue.extend(lost.into_iter().rev());
                }
                Err(Refused::Fate(fate) | Refused::Fatal(fate)) => {
                    let reason = match fate {
                        Fate::Wrong(reason) | Fate::Failed(reason) => reason,
                        Fate::Timed(_) | Fate::SlowToCompile(_) => "it did not run".into(),
                    };
                    return Err(Untuned::Default(reason));
                }
            }
        }
        if runners.is_empty() {
            return Err(Untuned::Default("there is no candidate".into()));
        }
        Ok(())
    }

    /// Drops the slowest candidates, but never the default, until the rest fits in memory.
    fn make_room(&mut self, runners: &mut Vec<Runner<'p>>, fates: &mut Vec<(usize, Fate)>) {
        while runners.len() > 2 && total(runners.iter().map(|r| r.held_bytes)) > self.effort.memory {
            self.drop_slowest(runners, fates);
        }
    }

    fn drop_slowest(&mut self, runners: &mut Vec<Runner<'p>>, fates: &mut Vec<(usize, Fate)>) {
        let slowest = (1..runners.len()).max_by(|a, b| runners[*a].median().total_cmp(&runners[*b].median()));
        let Some(slowest) = slowest else { return };
        let runner = runners.remove(slowest);
        fates.push((runner.place, Fate::Timed(runner.median() / runners[0].median())));
        self.release(&runner);
    }

    fn release(&mut self, runner: &Runner<'_>) {
        // A failure to release shows at the next request.
        let _ = self.session.executor.release(runner.rotating.handle(), self.config.timeout);
    }

    /// Prepares a candidate and verifies it before it is timed; a wrong candidate has no time.
    fn prepare(
        &mut self,
        place: usize,
        plan: std::borrow::Cow<'p, Plan>,
        best_s: Option<f64>,
    ) -> Result<Runner<'p>, Refused> {
        let config = self.config;
        let refuse = |fault: Fault| {
            let fate = Fate::Failed(fault.reason.clone());
            if fault.is_fatal() { Refused::Fatal(fate) } else { Refused::Fate(fate) }
        };
        let memory = config.memory_limit.min(self.effort.memory);
        let (sets, _) = rotation::sets(plan.bytes(), config.cache_bytes, memory);
        let sets = sets.clamp(1, MOST_SETS);
        let prepare =
            Prepare::new(self.session.device, self.case, Some(plan.clone().into_owned())).but(|it| {
                it.seed = config.seed;
                it.dist = config.dist;
                it.sets = sets;
                it.memory_limit = config.memory_limit;
            });
        let (compile, before) = (self.effort.compile, (self.effort.clock)());
        // A preparation that takes twice the limit may never end. The default gets the full timeout, as in a
        // run.
        let deadline = if place == 0 { config.timeout } else { (2 * compile).min(config.timeout) };
        let Prepared { handle, held_bytes, .. } =
            self.session.executor.prepare(prepare, deadline).map_err(|fault| match fault.kind {
                FaultKind::Timeout if deadline < config.timeout => {
                    Refused::Fatal(Fate::SlowToCompile(deadline.as_secs_f64()))
                }
                _ => refuse(fault),
            })?;
        let mut runner = Runner {
            place,
            plan,
            rotating: Rotating::new(handle, sets),
            held_bytes,
            k: 1,
            first_s: 0.0,
            samples: Vec::new(),
        };
        let proven = self.prove(&mut runner, before, best_s);
        match proven {
            Ok(None) => Ok(runner),
            Ok(Some(fate)) => {
                self.release(&runner);
                Err(Refused::Fate(fate))
            }
            Err(fault) => {
                if !fault.is_fatal() {
                    self.release(&runner);
                }
                Err(refuse(fault))
            }
        }
    }

    fn prove(
        &mut self,
        runner: &mut Runner<'_>,
        before: Duration,
        best_s: Option<f64>,
    ) -> Result<Option<Fate>, Fault> {
        let config = self.config;
        // The last set, so that a kernel that reads the first set's inputs does not pass.
        let (handle, set) = (runner.rotating.handle(), runner.rotating.sets() - 1);
        let cold = self.session.executor.sample(handle, 1, set, config.timeout)?;
        let cold_s = told_s(&cold);
        // Some drivers compile at the first execution.
        let took = (self.effort.clock)().saturating_sub(before);
        if runner.place > 0 && took > self.effort.compile {
            return Ok(Some(Fate::SlowToCompile(took.as_secs_f64())));
        }
        let tile = runner.plan.tile;
        if self.oracle.as_ref().is_none_or(|(of, oracle)| *of != tile || oracle.inputs.set != set) {
            let inputs = Inputs::new(config.seed, set).of(config.dist);
            self.oracle = Some((tile, Oracle::new(self.case, inputs, tile)));
        }
        let (_, oracle) = self.oracle.as_ref().expect("just made");
        let verdict = oracle.check(self.session.executor, handle, config.timeout)?;
        if let Some(reason) = verdict.reason() {
            return Ok(Some(Fate::Wrong(reason)));
        }
        // If the first execution is slower than compilation can explain, no second one is needed.
        runner.first_s = cold_s;
        let mut waited_s = took.as_secs_f64();
        if best_s.is_none_or(|best| cold_s < 10.0 * best + 0.5) {
            let (warm, warm_waited_s) = waited(self.session.executor, handle, 1, config.timeout)?;
            (runner.first_s, waited_s) = (told_s(&warm), warm_waited_s);
        }
        if let Some(reason) = impossible(self.case.flop(), self.case.bytes(), runner.first_s) {
            return Ok(Some(Fate::Failed(reason)));
        }
        let batch_s = LEAST_BATCH_S.max(runner.first_s);
        let whole = (batch_s / runner.first_s.max(1e-9)) as u32;
        let wanted = batch_size(runner.first_s, self.session.timer).max(whole).max(1);
        runner.k = grown(1, wanted, waited_s, LONGEST_WAIT_S);
        Ok(self.accuse(runner, true)?.map(Fate::Wrong))
    }

    /// Returns what batches on poisoned outputs show to be wrong with a candidate; `None` if nothing is. A
    /// `glance` at a kernel that looks right is one pair of batches.
    fn accuse(&mut self, runner: &mut Runner<'_>, glance: bool) -> Result<Option<String>, Fault> {
        let (executor, config) = (&mut *self.session.executor, self.config);
        let (choice, tile) = (self.session.timer.chosen, runner.plan.tile);
        let decoy = Decoy::new(self.case, self.session.device, runner.rotating.sets(), config);
        let mut freshness = Freshness::new(self.case, tile, choice, decoy, config);
        if glance && !freshness.looks_wrong(executor, config, &mut runner.rotating, runner.k)? {
            return Ok(None);
        }
        freshness.conclude(executor, config, &mut runner.rotating, runner.k)
    }

    /// Runs one batch and returns the seconds of one execution, by the clock that the self-test chose.
    fn sample(&mut self, runner: &mut Runner<'_>) -> Result<f64, Fault> {
        let sampled = runner.rotating.run(self.session.executor, runner.k, self.config.timeout)?;
        let batch_s = match self.session.timer.chosen {
            TimerChoice::Device => told_s(&sampled),
            _ => sampled.host_ns as f64 * 1e-9,
        };
        let seconds = batch_s / f64::from(runner.k);
        runner.samples.push(seconds);
        Ok(seconds)
    }

    /// Runs rounds of interleaved samples, each with twice as many samples as the last, and keeps the faster
    /// half after each. The default is never dropped.
    fn halve(
        &mut self,
        runners: &mut Vec<Runner<'p>>,
        fates: &mut Vec<(usize, Fate)>,
        final_s: f64,
    ) -> Result<(), Fault> {
        let mut count = 2;
        while runners.len() > 2 {
            for turn in 0..count {
                for at in 0..runners.len() {
                    // A B C, then C B A: a machine that slows down meanwhile favours no candidate.
                    let at = if turn % 2 == 0 { at } else { runners.len() - 1 - at };
                    if self.used() > ROUNDS || self.left_s() < final_s {
                        break;
                    }
                    self.sample(&mut runners[at])?;
                }
            }
            let keep = (runners.len() - 1).div_ceil(2);
            let out_of_time = self.used() > ROUNDS || self.left_s() < final_s;
            let keep = if out_of_time { 1 } else { keep };
            while runners.len() > keep + 1 {
                self.drop_slowest(runners, fates);
            }
            count *= 2;
        }
        Ok(())
    }

    /// Adds the best candidate with run-time checks: on some drivers they cost nothing or even save time.
    fn add_checked(
        &mut self,
        runners: &mut Vec<Runner<'p>>,
        fates: &mut Vec<(usize, Fate)>,
    ) -> Result<(), Untuned> {
        let best = runners.iter().min_by(|a, b| a.median().total_cmp(&b.median()));
        let Some(best) = best.filter(|_| self.used() < FIRST_LOOK) else { return Ok(()) };
        let (place, best_s) = (best.place, best.median());
        let mut plan = best.plan.clone().into_owned();
        plan.variant.checks = true;
        match self.prepare(place, std::borrow::Cow::Owned(plan), Some(best_s)) {
            Ok(mut runner) => {
                let sampled = (0..4).try_for_each(|_| self.sample(&mut runner).map(drop));
                if sampled.is_ok() && runner.median() < MARGIN * best_s {
                    runners.push(runner);
                } else {
                    self.release(&runner);
                }
            }
            Err(Refused::Fate(fate)) => fates.push((place, fate)),
            Err(Refused::Fatal(fate)) => {
                fates.push((place, fate));
                for runner in runners.iter_mut() {
                    let again = self.prepare(runner.place, runner.plan.clone(), None);
                    let again = again.map_err(|_| Untuned::Default("it did not come back".into()))?;
                    runner.rotating = again.rotating;
                }
            }
        }
        Ok(())
    }

    /// Runs turns of A B B A between the default and `best`. Returns the median ratio of their times if
    /// `best` is faster beyond noise, otherwise `None`.
    fn decide(&mut self, runners: &mut [Runner<'p>], best: usize) -> Result<Option<f64>, Fault> {
        let mut ratios = Vec::new();
        while ratios.len() < MOST_TURNS {
            let mut sums = [0.0, 0.0];
            for (side, at) in [(0, 0), (1, best), (1, best), (0, 0)] {
                sums[side] += self.sample(&mut runners[at])?;
            }
            ratios.push(sums[1] / sums[0]);
            let Some(sorted) = sorted_finite(&ratios) else { return Ok(None) };
            let median = sorted[sorted.len() / 2];
            if ratios.len() < LEAST_TURNS {
                // A clearly slower candidate needs no more turns.
                if ratios.len() >= 3 && median > 1.0 || self.used() > 2.0 {
                    return Ok(None);
                }
                continue;
            }
            let Some(interval) = rank_interval(&sorted, 0.95) else { continue };
            if interval.hi < MARGIN {
                return Ok(Some(median));
            }
            if interval.lo > MARGIN || self.used() > 1.0 {
                return Ok(None);
            }
        }
        Ok(None)
    }
}
