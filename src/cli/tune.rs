//! `portamark tune`: the search for the fastest variant of each case, into a table that `run` reads.

use super::places::Place;
use super::run::{interrupt_flag, test_timer};
use super::subject::Subject;
use super::values::parse_time;
use super::{note, print};
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::kernel::{
    Capabilities, KernelSource, Plan, Takes, TunedEntry, TuningKey, TuningTable, Variant, space,
};
use crate::measure::{
    Config, Effort, Experience, FINAL, Fate, Predictor, Session, TimerReport, TooLarge, Tuned, Untuned, fits,
    tune,
};
use crate::record::{load_tuned, redact, save_tuned, tuned_path};
use crate::suite::Suite;
use crate::units;
use crate::workload::Case;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A candidate that compiles for longer is dropped.
const COMPILE: Duration = Duration::from_secs(5);
/// Bytes that the candidates of one case may hold together.
const MEMORY: u64 = 2 << 30;
/// So many variants of a case are tried at most.
const MOST_CANDIDATES: usize = 48;

/// Finds the fastest variant of each case and keeps it for `run`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    subject: Subject,
    /// Time for each device, compiling and proof included.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    budget: Duration,
    /// The table: a `.toml` file, or the folder of result files, which has tables in `tuned`.
    #[arg(short, long, value_name = "PATH", default_value = "results/local")]
    output: PathBuf,
}

/// Tunes what the arguments say.
pub fn run(arguments: &Arguments) -> Result<()> {
    let suite = arguments.subject.cases()?;
    let (chosen, _) = arguments.subject.places()?;
    let is_file = arguments.output.extension().is_some_and(|extension| extension == "toml");
    if is_file && chosen.len() > 1 {
        return Err(Error::usage_hint("one file cannot hold the tables of several devices", "name a folder"));
    }
    let stop = interrupt_flag();
    let mut broken = 0;
    for place in &chosen {
        let device = &place.device;
        if device.takes == Takes::Cases {
            return Err(Error::usage(format!(
                "{} brings its own kernels: there is nothing to tune",
                device.id
            )));
        }
        let path = if is_file { arguments.output.clone() } else { tuned_path(&arguments.output, device) };
        let mut tuner = Tuner::new(arguments, place, &path)?;
        tuner.suite(&suite, &stop)?;
        print(&tuner.summary());
        print(&format!("{}\n", path.display()));
        broken += tuner.broken;
    }
    if stop.load(Ordering::SeqCst) {
        return Err(Error::Interrupted("what was tuned is saved".into()));
    }
    if broken > 0 {
        return Err(Error::Gate(format!("{broken} variants are wrong or fail; they are not used")));
    }
    Ok(())
}

/// One line of the summary.
struct Line {
    key: String,
    default: String,
    tuned: String,
    ratio: Option<f64>,
}

/// The search on one device.
struct Tuner<'a> {
    device: &'a Capabilities,
    executor: Box<dyn Executor>,
    timer: TimerReport,
    config: Config,
    source: KernelSource,
    path: &'a Path,
    table: TuningTable,
    experience: Experience,
    predictor: Predictor,
    started: Instant,
    budget: Duration,
    lines: Vec<Line>,
    broken: usize,
}

impl<'a> Tuner<'a> {
    fn new(arguments: &Arguments, place: &'a Place, path: &'a Path) -> Result<Self> {
        let device = &place.device;
        let started = Instant::now();
        let config = arguments.subject.config(device);
        let source = arguments.subject.source();
        // What is not tuned anew stays, unless it is of another driver or wgpu.
        let mut table = TuningTable::new(device);
        if path.exists() {
            let before = load_tuned(path)?;
            if before.is_of(device) {
                table = before;
            } else {
                note(&format!(
                    "note: {} is of another device, driver or wgpu and is replaced",
                    path.display()
                ));
            }
        }
        let mut executor = place.start();
        let timer =
            test_timer(&mut *executor, device, &config, &source).map_err(|fault| Error::Executor {
                name: device.id.clone(),
                message: format!("the timer's self-test failed: {}", redact(&fault.reason)),
            })?;
        Ok(Tuner {
            device,
            executor,
            timer,
            config,
            source,
            path,
            table,
            experience: Experience::default(),
            predictor: Predictor::default(),
            started,
            budget: arguments.budget,
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
            let left = self.budget.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                note(&format!(
                    "the budget is spent; {} of {total} keys are left as they are",
                    total - number
                ));
                return Ok(());
            }
            // Twice an even share: many need less.
            let share = left.min(left * 2 / (total - number) as u32);
            let said = self.case(&key, case, share)?;
            note(&format!("[{}/{total}] {}: {case}: {said}", number + 1, self.device.name));
        }
        Ok(())
    }

    /// Tunes one key on `case` and says what came of it.
    fn case(&mut self, key: &TuningKey, case: &Case, share: Duration) -> Result<String> {
        if let Some(reason) = case.too_large() {
            return Ok(format!("unsupported: {reason}"));
        }
        let all = match space(case, self.device) {
            Ok(all) => all,
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
            match kernel.plan(case, self.device, variant, &self.source) {
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
                return Ok(format!("not tuned, its default cannot run: {}", redact(&reason)));
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
                    note(&format!("note: {case}: {}: dropped, compiling took {took}", tried[*place]));
                }
            }
        }
        self.experience.note(key, &tried, &found.fates);
        self.keep(key, case, &tried, &found)
    }

    fn complain(&mut self, case: &Case, variant: &Variant, reason: &str) {
        self.broken += 1;
        note(&format!("warning: {case}: {variant}: {reason}"));
    }

    /// Writes down what was found for `key`.
    fn keep(&mut self, key: &TuningKey, case: &Case, tried: &[Variant], found: &Tuned) -> Result<String> {
        let variant = Variant { checks: found.checks, ..tried[found.winner].clone() };
        let default = tried[0].to_string();
        // Three digits are more than the noise leaves.
        let ratio = (found.ratio * 1000.0).round() / 1000.0;
        let entry =
            TunedEntry { variant: variant.clone(), case: case.key(), default: default.clone(), ratio };
        let stays = entry.keeps_default();
        self.lines.push(Line {
            key: key.to_string(),
            default,
            tuned: if stays { "the default stays".into() } else { variant.to_string() },
            ratio: (!stays).then_some(ratio),
        });
        self.table.entries.insert(key.clone(), entry);
        save_tuned(self.path, &self.table)?;
        // Its fates are of all that ran but the default.
        let looked = 1 + found.fates.iter().map(|(place, _)| place).filter(|place| **place > 0).count();
        let seconds = units::seconds(found.default_s);
        Ok(if stays {
            format!("{seconds}, the default stays, best of {looked}")
        } else {
            format!("{seconds}, ×{ratio:.3} by {variant}, best of {looked}")
        })
    }

    /// The table of what was found.
    fn summary(&self) -> String {
        let mut text = format!("{}\n", self.device.id);
        let width = |of: fn(&Line) -> &str, name: &str| {
            self.lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0).max(name.len())
        };
        let (key, default, tuned) =
            (width(|l| &l.key, "key"), width(|l| &l.default, "default"), width(|l| &l.tuned, "tuned"));
        text += &format!("  {:<key$}  {:<default$}  {:<tuned$}  time\n", "key", "default", "tuned");
        for line in &self.lines {
            let ratio = line.ratio.map_or("1".into(), |ratio| format!("{ratio:.3}"));
            text += &format!(
                "  {:<key$}  {:<default$}  {:<tuned$}  {ratio}\n",
                line.key, line.default, line.tuned
            );
        }
        let faster = self.lines.iter().filter(|line| line.ratio.is_some()).count();
        let (keys, took) = (self.lines.len(), units::seconds(self.started.elapsed().as_secs_f64()));
        text + &format!(
            "{keys} keys tuned in {took}, {faster} of them faster; time is that of the default times so much\n"
        )
    }
}
