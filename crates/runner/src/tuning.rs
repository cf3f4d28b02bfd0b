//! Tuning: finds the fastest kernel variant of each case and stores it in a table that runs read.

use crate::events::Events;
use crate::options::Settings;
use crate::places::Place;
use crate::tuned::{add_tuned, load_tuned};
use portamark_executors::Executor;
use portamark_kernels::{KernelSource, TunedEntry, TuningKey, space};
use portamark_measure::{
    Config, Effort, Experience, FINAL, Fate, Predictor, Session, TooLarge, Tuned, Untuned, fits, test_timer,
    tune,
};
use portamark_model::device::Capabilities;
use portamark_model::error::{Error, Result};
use portamark_model::plan::Plan;
use portamark_model::suite::Suite;
use portamark_model::units;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use portamark_results::{TimerReport, redact};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Maximum time to prepare a candidate; slower ones are dropped.
const COMPILE: Duration = Duration::from_secs(5);
/// Device memory that the candidates of one case may hold together, in bytes.
const MEMORY: u64 = 2 << 30;
/// Maximum number of variants that are tried for a case.
const MOST_CANDIDATES: usize = 48;

/// Options of a tuning search.
#[derive(Debug, Clone)]
pub struct TuningOptions {
    /// Cases to tune; those that share a tuning key are tuned once.
    pub suite: Suite,
    /// Settings of the measuring method.
    pub settings: Settings,
    /// Where kernel sources come from.
    pub source: KernelSource,
    /// Time for each device, including compilation and verification.
    pub budget: Duration,
}

/// Tuning result for one key of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct TunedLine {
    /// Key of the entry in the tuning table.
    pub key: String,
    /// Variant that runs if no tuning table names another.
    pub default: String,
    /// Fastest variant, or a note that the default stays.
    pub tuned: String,
    /// Time of the fastest variant relative to the default; `None` if the default stays.
    pub ratio: Option<f64>,
}

/// Result of a tuning search on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// One line for each key that was tuned.
    pub lines: Vec<TunedLine>,
    /// Duration of the search.
    pub took: Duration,
    /// Number of variants that are wrong or fail; they are not used.
    pub broken: usize,
}

/// Finds the fastest variant of each case on the device of `place` and stores it in the table at `path`, key
/// by key. Other entries of the table are kept, unless they are for another device, driver or wgpu version.
/// If `stop` becomes true, the search ends after the current key.
///
/// # Errors
/// Fails if the table cannot be read or written, or the timer's self-test fails.
pub fn tune_suite(
    options: &TuningOptions,
    place: &Place,
    path: &Path,
    stop: &AtomicBool,
    events: &dyn Events,
) -> Result<Tuning> {
    let mut tuner = Tuner::new(options, place, path, events)?;
    tuner.suite(&options.suite, stop)?;
    Ok(Tuning { lines: tuner.lines, took: tuner.started.elapsed(), broken: tuner.broken })
}

/// A tuning search on one device.
struct Tuner<'a> {
    options: &'a TuningOptions,
    events: &'a dyn Events,
    device: &'a Capabilities,
    executor: Box<dyn Executor>,
    timer: TimerReport,
    config: Config,
    path: &'a Path,
    experience: Experience,
    predictor: Predictor,
    started: Instant,
    lines: Vec<TunedLine>,
    broken: usize,
}

impl<'a> Tuner<'a> {
    fn new(
        options: &'a TuningOptions,
        place: &'a Place,
        path: &'a Path,
        events: &'a dyn Events,
    ) -> Result<Self> {
        let device = &place.device;
        let started = Instant::now();
        let config = options.settings.config(device, 1);
        if path.is_file() && !load_tuned(path)?.is_of(device) {
            events.note(&format!(
                "note: {} was tuned on another device, driver or wgpu and is replaced",
                path.display()
            ));
        }
        let mut executor = place.start();
        let timer = test_timer(&mut *executor, device, &config, &options.source).map_err(|fault| {
            Error::Executor {
                name: device.id.clone(),
                message: format!("the timer's self-test failed: {}", redact(&fault.reason)),
            }
        })?;
        Ok(Tuner {
            options,
            events,
            device,
            executor,
            timer,
            config,
            path,
            experience: Experience::default(),
            predictor: Predictor::default(),
            started,
            lines: Vec::new(),
            broken: 0,
        })
    }

    fn suite(&mut self, suite: &Suite, stop: &AtomicBool) -> Result<()> {
        // Cases that share a key are tuned once.
        let mut keys: Vec<(TuningKey, &Case)> = Vec::new();
        for case in &suite.cases {
            let key = TuningKey::of(case);
            if !keys.iter().any(|(known, _)| *known == key) {
                keys.push((key, case));
            }
        }
        let total = keys.len();
        for (number, (key, case)) in keys.into_iter().enumerate() {
            if stop.load(Ordering::SeqCst) {
                return Ok(());
            }
            let left = self.options.budget.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                self.events.note(&format!(
                    "the time budget is used up; {} of {total} keys were not tuned",
                    total - number
                ));
                return Ok(());
            }
            // Twice an even share, because many keys need less.
            let share = left.min(left * 2 / (total - number) as u32);
            let said = self.case(&key, case, share)?;
            self.events.note(&format!("[{}/{total}] {}: {case}: {said}", number + 1, self.device.name));
        }
        Ok(())
    }

    /// Tunes one key on `case` and returns a one-line summary.
    fn case(&mut self, key: &TuningKey, case: &Case, share: Duration) -> Result<String> {
        if let Some(reason) = case.too_large() {
            return Ok(format!("unsupported: {reason}"));
        }
        let all = match space(case, self.device) {
            Ok(all) => {
                let checked = self.options.source.is_checked();
                let own = |variant: Variant| variant.but(|it| it.checks |= checked);
                all.into_iter().map(|(kernel, variant)| (kernel, own(variant))).collect::<Vec<_>>()
            }
            Err(error) => return Ok(format!("unsupported: {error}")),
        };
        let variants: Vec<Variant> = all.iter().map(|(_, variant)| variant.clone()).collect();
        if let Some(seconds) = self.predictor.predict(case).filter(|s| FINAL * s > share.as_secs_f64()) {
            return Ok(format!(
                "not tuned: predicted {} for one execution; its share of the budget is {}",
                units::seconds(seconds),
                units::seconds(share.as_secs_f64())
            ));
        }
        let mut order = self.experience.order(key, &variants);
        order.truncate(MOST_CANDIDATES);
        let mut plans: Vec<Plan> = Vec::new();
        let mut places = Vec::new();
        for place in order {
            let (kernel, variant) = &all[place];
            match kernel.plan(case, self.device, variant, &self.options.source) {
                Ok(plan) => match fits(case, Some(&plan), self.device, self.config.memory_limit) {
                    Err(TooLarge::ForDevice(reason)) if place == 0 => {
                        return Ok(format!("unsupported: {reason}"));
                    }
                    Err(TooLarge::ForLimit(reason)) if place == 0 => {
                        return Ok(format!("not tuned: {reason}"));
                    }
                    Err(_) => {}
                    Ok(()) => {
                        plans.push(plan);
                        places.push(place);
                    }
                },
                Err(error) if place == 0 => return Ok(format!("failed: {error}")),
                Err(error) => self.complain(case, variant, &error.to_string()),
            }
        }
        let started = self.started;
        let clock = move || started.elapsed();
        let effort = Effort { share, compile: COMPILE, memory: MEMORY, clock: &clock };
        let mut session = Session {
            executor: &mut *self.executor,
            device: self.device,
            timer: &self.timer,
            sentinels: Default::default(),
            sentinel_start: None,
        };
        let found = match tune(&mut session, &self.config, case, &plans, &effort) {
            Ok(found) => found,
            Err(Untuned::NoTime(reason)) => return Ok(format!("not tuned: {reason}")),
            Err(Untuned::Default(reason)) => {
                self.broken += 1;
                return Ok(format!("not tuned, the default variant failed: {}", redact(&reason)));
            }
        };
        self.predictor.note(case, found.default_s * found.ratio);
        let tried: Vec<Variant> = places.iter().map(|place| variants[*place].clone()).collect();
        for (place, fate) in &found.fates {
            match fate {
                Fate::Timed(_) => {}
                Fate::Wrong(reason) => self.complain(case, &tried[*place], &format!("wrong: {reason}")),
                Fate::Failed(reason) => self.complain(case, &tried[*place], &redact(reason)),
                Fate::SlowToCompile(seconds) => {
                    let took = units::seconds(*seconds);
                    self.events
                        .note(&format!("note: {case}: {}: dropped, compiling took {took}", tried[*place]));
                }
            }
        }
        self.experience.note(key, &tried, &found.fates);
        self.keep(key, case, &tried, &found)
    }

    fn complain(&mut self, case: &Case, variant: &Variant, reason: &str) {
        self.broken += 1;
        self.events.note(&format!("warning: {case}: {variant}: {reason}"));
    }

    /// Stores the result for `key` in the table and returns a one-line summary.
    fn keep(&mut self, key: &TuningKey, case: &Case, tried: &[Variant], found: &Tuned) -> Result<String> {
        let variant = tried[found.winner].clone().but(|it| it.checks = found.checks);
        let default = tried[0].to_string();
        // Further digits would be noise.
        let ratio = (found.ratio * 1000.0).round() / 1000.0;
        let entry =
            TunedEntry { variant: variant.clone(), case: case.key(), default: default.clone(), ratio };
        let stays = entry.keeps_default();
        self.lines.push(TunedLine {
            key: key.to_string(),
            default,
            tuned: if stays { "default kept".into() } else { variant.to_string() },
            ratio: (!stays).then_some(ratio),
        });
        add_tuned(self.path, self.device, key.clone(), entry)?;
        // The fates cover every candidate that ran except the default.
        let looked = 1 + found.fates.iter().map(|(place, _)| place).filter(|place| **place > 0).count();
        let seconds = units::seconds(found.default_s);
        Ok(if stays {
            format!("{seconds}, default kept, best of {looked}")
        } else {
            format!("{seconds}, ×{ratio:.3} by {variant}, best of {looked}")
        })
    }
}
