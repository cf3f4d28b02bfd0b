//! The policy of tuning, on an executor whose variants are as fast as a script says.

use portamark_executors::fake::{Act, Fake, On, Rule, Script};
use portamark_executors::protocol::{Request, Response};
use portamark_executors::{Executor, Fault};
use portamark_kernels::{KernelSource, candidates};
use portamark_measure::{Config, Effort, Fate, Session, Tuned, Untuned, tune};
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use portamark_model::suite::Pattern;
use portamark_model::workload::Case;
use portamark_results::{TimerChoice, TimerReport};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const CASE: &str = "gemm f32 m64 n64 k64 nn";

/// Lets the virtual time of the executor be read while it is in use.
struct Clocked {
    fake: Fake,
    now: Rc<Cell<u64>>,
}

impl Executor for Clocked {
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
        let answer = self.fake.call(request, deadline);
        self.now.set(self.fake.now_ns());
        answer
    }
}

fn plans(device: &Capabilities) -> Vec<Plan> {
    let case: Case = CASE.parse().unwrap();
    let source = KernelSource::embedded();
    let list = candidates(&case, device).unwrap();
    list.iter().map(|(kernel, variant)| (kernel.plan)(&case, device, variant, &source).unwrap()).collect()
}

/// A rule for what is prepared of the variant at `place`.
fn rule(place: usize, act: Act, factor: f64) -> Rule {
    let name = plans(&Script::device())[place].variant.to_string();
    // The whole text, since one variant's can begin another's; its checked twin too.
    let variant = Pattern::parse(&format!("/^{name}( checked)?$/")).unwrap();
    Rule { variant, factor, ..Rule::new("*", On::Prepare, act) }
}

/// What tuning makes of the rules within `share` seconds; and the seconds that it took.
fn tuned(rules: Vec<Rule>, noise: f64, share: f64) -> (Result<Tuned, Untuned>, f64, usize) {
    tuned_among(&plans(&Script::device()), rules, noise, share)
}

/// The same of some plans alone.
fn tuned_among(
    plans: &[Plan],
    rules: Vec<Rule>,
    noise: f64,
    share: f64,
) -> (Result<Tuned, Untuned>, f64, usize) {
    let script = Script { rules, noise, seconds_per_flop: 1e-9, ..Script::default() };
    let device = Script::device();
    let now = Rc::new(Cell::new(0));
    let mut executor = Clocked { fake: Fake::from_script(script), now: Rc::clone(&now) };
    let timer = TimerReport::untested(String::new()).but(|it| {
        it.chosen = TimerChoice::Device;
        it.tick_ns = Some(1.0);
        it.empty_host_s = 20e-6;
        it.empty_device_s = Some(1e-6);
    });
    let mut session = Session {
        executor: &mut executor,
        device: &device,
        timer: &timer,
        sentinels: Default::default(),
        sentinel_start: None,
    };
    let read = Rc::clone(&now);
    let clock = move || Duration::from_nanos(read.get());
    let effort = Effort {
        share: Duration::from_secs_f64(share),
        compile: Duration::from_secs(5),
        memory: 1 << 30,
        clock: &clock,
    };
    let case = CASE.parse().unwrap();
    let found = tune(&mut session, &Config::default(), &case, plans, &effort);
    (found, now.get() as f64 * 1e-9, executor.fake.held())
}

#[test]
fn the_fastest_of_all_wins_and_nothing_stays_prepared() {
    let rules = vec![rule(2, Act::Slow, 0.6), rule(3, Act::Slow, 0.8), rule(1, Act::Slow, 5.0)];
    let (found, _, held) = tuned(rules, 0.01, 60.0);
    let found = found.unwrap();
    assert_eq!((found.winner, found.checks, held), (2, false, 0), "{found:?}");
    assert!((found.ratio - 0.6).abs() < 0.02, "{found:?}");
    // What is over three times the best goes after its first execution.
    let slow = found.fates.iter().find(|(place, _)| *place == 1).unwrap();
    assert!(matches!(slow.1, Fate::Timed(ratio) if ratio > 3.0), "{slow:?}");
}

#[test]
fn a_wrong_candidate_is_dropped_however_fast_it_is() {
    // The first rule that fits is taken: the wrong one would win otherwise, taking no time to be right.
    let (found, ..) = tuned(vec![rule(1, Act::Wrong, 0.1), rule(2, Act::Slow, 0.7)], 0.0, 60.0);
    let found = found.unwrap();
    assert_eq!(found.winner, 2);
    assert!(found.fates.iter().any(|(place, fate)| *place == 1 && matches!(fate, Fate::Wrong(_))));
}

#[test]
fn the_default_stays_when_it_is_not_beaten_beyond_noise() {
    for (factor, noise) in [(1.0, 0.05), (0.99, 0.05), (0.985, 0.0), (1.2, 0.0)] {
        let (found, ..) = tuned(vec![rule(1, Act::Slow, factor)], noise, 60.0);
        let found = found.unwrap();
        assert_eq!((found.winner, found.ratio), (0, 1.0), "{factor}");
    }
}

#[test]
fn what_hangs_dies_or_compiles_for_ever_costs_itself_only() {
    for act in [Act::Hang, Act::Exit, Act::Error] {
        let (found, _, held) = tuned(vec![rule(1, act, 1.0), rule(2, Act::Slow, 0.5)], 0.0, 600.0);
        let found = found.unwrap_or_else(|error| panic!("{act:?}: {error:?}"));
        assert_eq!((found.winner, held), (2, 0), "{act:?}");
    }
    // A millisecond of compiling, times 7000.
    let (found, ..) = tuned(vec![rule(1, Act::Slow, 7000.0)], 0.0, 600.0);
    let fates = found.unwrap().fates;
    assert!(
        fates.iter().any(|(place, fate)| *place == 1 && matches!(fate, Fate::SlowToCompile(_))),
        "{fates:?}"
    );
}

#[test]
fn the_share_of_time_is_kept() {
    for share in [0.1, 0.5, 2.0] {
        let (_, took, held) = tuned(vec![rule(2, Act::Slow, 0.9)], 0.2, share);
        assert!(took <= 1.5 * share, "{took} of {share}");
        assert_eq!(held, 0);
    }
    let (found, ..) = tuned(vec![], 0.0, 0.005);
    assert!(matches!(found, Err(Untuned::NoTime(_))), "{found:?}");
}

#[test]
fn a_default_that_is_wrong_is_an_error() {
    let (found, _, held) = tuned(vec![rule(0, Act::Wrong, 1.0)], 0.0, 60.0);
    assert!(matches!(found, Err(Untuned::Default(_))), "{found:?}");
    assert_eq!(held, 0);
}

#[test]
fn a_candidate_that_skips_finished_work_is_dropped_and_a_default_is_an_error() {
    let (found, _, held) = tuned(vec![rule(1, Act::Skip, 20.0), rule(2, Act::Slow, 0.7)], 0.02, 60.0);
    let found = found.unwrap();
    assert_eq!((found.winner, held), (2, 0), "{found:?}");
    let fate = found.fates.iter().find(|(place, _)| *place == 1).unwrap();
    assert!(matches!(&fate.1, Fate::Wrong(reason) if reason.contains("done already")), "{fate:?}");
    let (found, _, held) = tuned(vec![rule(0, Act::Skip, 20.0)], 0.02, 60.0);
    assert!(matches!(&found, Err(Untuned::Default(reason)) if reason.contains("done already")), "{found:?}");
    assert_eq!(held, 0);
}

#[test]
fn a_default_that_hangs_says_so() {
    let (found, ..) = tuned(vec![rule(0, Act::Hang, 1.0)], 0.0, 600.0);
    assert!(
        matches!(&found, Err(Untuned::Default(reason)) if reason.contains("no answer in time")),
        "{found:?}"
    );
}

#[test]
fn a_default_with_checks_stays_with_checks() {
    let mut plans = plans(&Script::device());
    plans.truncate(2);
    plans.iter_mut().for_each(|plan| plan.variant.checks = true);
    // Alone, and beside one that takes twice as long: neither comes to a final.
    for count in [1, 2] {
        let (found, ..) = tuned_among(&plans[..count], vec![rule(1, Act::Slow, 2.0)], 0.0, 60.0);
        let found = found.unwrap();
        assert_eq!((found.winner, found.checks), (0, true), "{count}");
    }
}
