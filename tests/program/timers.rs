//! The self-test of clocks catches each known lie by its name and accuses no honest clock.

use portamark_executors::fake::{Act, Fake, On, Rule, Script, Timer};
use portamark_executors::protocol::{Prepare, Request, Response};
use portamark_executors::{Executor, Fault, FaultKind};
use portamark_kernels::KernelSource;
use portamark_measure::{Config, Ended, Session, measure, measure_cache, self_test, settle};
use portamark_model::device::{Capabilities, Takes, TimerKind};
use portamark_results::{Status, TimerChoice, TimerFault, TimerReport, Timing};
use proptest::prelude::*;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// The self-test of the device that follows `script`, on `case`.
fn report(script: Script, case: &str) -> TimerReport {
    let device = script.devices[0].clone().but(|it| it.takes = Takes::Cases);
    let mut fake = Fake::from_script(Script { devices: vec![device.clone()], ..script });
    let prepare = Prepare::new(&device, &case.parse().unwrap(), None);
    let handle = fake.prepare(prepare, SOON).unwrap().handle;
    self_test(&mut fake, &device, handle, SOON).unwrap()
}

const WORK: &str = "stream f32 scale n262144";

#[test]
fn each_lie_is_caught_by_its_name_and_the_hosts_clock_is_used() {
    for (timer, factor, fault, words) in [
        (Timer::None, 1.0, TimerFault::AllZero, "every timestamp is zero or missing"),
        (Timer::Zero, 1.0, TimerFault::AllZero, "every timestamp is zero or missing"),
        (Timer::Negative, 1.0, TimerFault::Backwards, "go backwards"),
        (Timer::Wrapping, 1.0, TimerFault::Wrapping, "timestamps wrap around"),
        (Timer::Constant, 1.0, TimerFault::DoesNotScale, "twice the work takes"),
        (Timer::AboveHost, 10.0, TimerFault::AboveHost, "device time exceeds host time"),
        (Timer::WrongPeriod, 10.0, TimerFault::WrongPeriod, "device time is 10.0 % of host time"),
        // A period that is said to be 10 ns and is 41.67, as of some GPUs.
        (Timer::WrongPeriod, 4.167, TimerFault::WrongPeriod, "device time is 24.0 % of host time"),
        (Timer::WrongPeriod, 1.25, TimerFault::WrongPeriod, "device time is 80.0 % of host time"),
        // Too long times are above the host's too.
        (Timer::WrongPeriod, 0.5, TimerFault::AboveHost, "device time exceeds host time"),
    ] {
        let report = report(Script { timer, timer_factor: factor, ..Script::default() }, WORK);
        assert!(report.faults.contains(&fault), "{timer:?}: {report:?}");
        assert!(report.findings.join("; ").contains(words), "{timer:?}: {:?}", report.findings);
        assert_eq!(report.chosen, TimerChoice::Host, "{timer:?}");
        assert_eq!(report.faults.len(), report.findings.len());
    }
}

#[test]
fn no_lie_is_mistaken_for_another() {
    for (timer, faults) in [
        (Timer::Honest, &[][..]),
        (Timer::Zero, &[TimerFault::AllZero]),
        (Timer::Negative, &[TimerFault::Backwards]),
        (Timer::Wrapping, &[TimerFault::Wrapping]),
        (Timer::Constant, &[TimerFault::DoesNotScale]),
        (Timer::WrongPeriod, &[TimerFault::WrongPeriod]),
        (Timer::Coarse, &[TimerFault::CoarseTick]),
    ] {
        let report = report(Script { timer, ..Script::default() }, WORK);
        assert_eq!(report.faults, faults, "{timer:?}: {:?}", report.findings);
    }
}

#[test]
fn a_clock_of_65_microseconds_is_used_with_its_tick_known() {
    let report = report(Script { timer: Timer::Coarse, ..Script::default() }, WORK);
    assert_eq!((report.chosen, report.tick_ns), (TimerChoice::Device, Some(65_536.0)));
    assert_eq!(report.findings, ["the timer resolution is only 65.5 µs"]);
}

#[test]
fn one_pair_of_stamps_in_ten_that_is_unusable_forfeits_the_clock() {
    let report = report(Script { timer: Timer::Sporadic, ..Script::default() }, WORK);
    assert_eq!(report.faults.len(), 1);
    assert!(matches!(report.faults[0], TimerFault::Backwards | TimerFault::SometimesUnusable));
    assert!(report.findings[0].contains("zero or go backwards"), "{:?}", report.findings);
}

#[test]
fn a_device_without_timestamps_is_measured_by_the_host() {
    let device = Script::device().but(|it| it.timer = TimerKind::Host);
    let report = report(Script { devices: vec![device], ..Script::default() }, WORK);
    assert_eq!(report.faults, [TimerFault::NoTimestamps]);
    assert_eq!((report.chosen, report.tick_ns), (TimerChoice::Host, None));
    assert!(report.empty_host_s > 0.0);
}

#[test]
fn an_honest_clock_passes_with_its_tick_and_empty_pass_measured() {
    let script = Script { tick_ns: 32.0, noise: 0.02, pass_ns: 3200.0, ..Script::default() };
    let report = report(script, WORK);
    assert_eq!((report.chosen, report.findings.len()), (TimerChoice::Device, 0), "{report:?}");
    assert_eq!(report.tick_ns, Some(32.0));
    // 3.2 µs up to 2 % and a tick off; 20 µs more on the host.
    assert!((report.empty_device_s.unwrap() - 3.2e-6).abs() <= 0.1e-6, "{report:?}");
    assert!((report.empty_host_s - 23.2e-6).abs() <= 0.1e-6, "{report:?}");
    assert!((report.device_over_host.unwrap() - 1.0).abs() < 0.01, "{report:?}");
    assert!((report.twice_over_once.unwrap() - 2.0).abs() < 0.1, "{report:?}");
}

/// What is measured of `WORK` on a device that follows `script`.
fn timing(script: Script) -> Timing {
    let timer = report(script.clone(), WORK);
    let device = script.devices[0].clone().but(|it| it.takes = Takes::Cases);
    let mut fake = Fake::from_script(Script { devices: vec![device.clone()], ..script });
    let mut session = Session {
        executor: &mut fake,
        device: &device,
        timer: &timer,
        sentinels: Default::default(),
        sentinel_start: None,
    };
    // Of no given length, so that the batches, and their noise, are the same in each run.
    let config = Config { warmup: Duration::ZERO, ..Config::default() };
    let measured = measure(&mut session, &config, &WORK.parse().unwrap(), None, None);
    measured.timing.unwrap_or_else(|| panic!("{:?}", measured.ended))
}

/// 1 MiB read and as much written at 100 GB/s.
const WORK_S: f64 = 20.97152e-6;

#[test]
fn the_hosts_clock_gives_the_time_of_the_kernel_without_that_of_its_submission() {
    let timing = timing(Script { timer: Timer::Zero, ..Script::default() });
    assert_eq!(timing.timer, TimerChoice::Host);
    // Each batch costs 20 µs and a pass of 1 µs, and is to last 20 of these, 420 µs. One execution
    // with them takes 42 µs: 11 at first. Those take 22.9 µs each: 19 from then on.
    assert_eq!(timing.k, 19);
    assert!((timing.taken_off_s.unwrap() - 21e-6).abs() < 5e-9, "{timing:?}");
    assert!((timing.summary.median - WORK_S).abs() < 1e-9, "{:?}", timing.summary);
    // With it the median would be longer by a nineteenth of 21 µs, which is 5 %.
    let with = timing.host_ns[0] as f64 * 1e-9 / 19.0;
    assert!((with - WORK_S - 21e-6 / 19.0).abs() < 1e-9, "{with}");
    assert_eq!(timing.seconds().len(), timing.host_ns.len());
    assert!(timing.seconds().iter().all(|seconds| (seconds - WORK_S).abs() < 1e-9));
}

#[test]
fn overhead_and_time_of_an_execution_are_told_apart_each_with_its_interval() {
    let mut held = [0, 0];
    for noise_seed in 0..40 {
        let timing = timing(Script { noise: 0.01, noise_seed, ..Script::default() });
        assert_eq!((timing.timer, timing.taken_off_s), (TimerChoice::Device, None));
        assert_eq!(timing.quantiles, "Hyndman-Fan type 7");
        let fit = timing.fit.unwrap();
        let (overhead, slope) = (fit.intercept.interval.unwrap(), fit.slope.interval.unwrap());
        // 1 µs for each pass and 20.97 µs for each execution, of times that vary by 1 %.
        assert!((fit.slope.value / WORK_S - 1.0).abs() < 0.02, "{fit:?}");
        assert!(slope.hi - slope.lo < 0.1 * WORK_S, "{fit:?}");
        held[0] += u32::from(overhead.lo < 1e-6 && 1e-6 < overhead.hi);
        held[1] += u32::from(slope.lo < WORK_S && WORK_S < slope.hi);
    }
    // At 95 % two of forty are missed; six or more by a chance of 1 %.
    assert!(held[0] >= 35 && held[1] >= 35, "{held:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Clocks that tick from each nanosecond to each 100 µs, on devices from 10 GB/s to 5 TB/s, whose
    /// submissions cost from 1 µs to 1 ms and whose times vary by up to a tenth.
    #[test]
    fn no_honest_clock_is_accused(
        tick in 0.0..5.0f64,
        bandwidth in 10.0..12.7f64,
        overhead in 3.0..6.0f64,
        pass in 0.0..5.0f64,
        noise in 0.0..0.1f64,
        noise_seed: u32,
    ) {
        let tick_ns = 10f64.powf(tick).round();
        let script = Script {
            tick_ns,
            bytes_per_second: 10f64.powf(bandwidth),
            overhead_ns: 10f64.powf(overhead),
            pass_ns: 10f64.powf(pass),
            noise,
            noise_seed,
            ..Script::default()
        };
        let report = report(script, WORK);
        prop_assert_eq!(report.chosen, TimerChoice::Device, "{:?}", report);
        // That a clock is coarse is no accusation.
        prop_assert!(report.faults.iter().all(|fault| *fault == TimerFault::CoarseTick), "{:?}", report);
        // An estimate of the tick is some ticks, never a part of one.
        let ticks = report.tick_ns.unwrap() / tick_ns;
        prop_assert!(ticks >= 1.0 && ticks.fract() == 0.0, "{:?}", report);
    }
}

/// An executor that calls as many stamps of each batch unusable as a number can say.
struct Unusable(Fake);

impl Executor for Unusable {
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
        let mut answer = self.0.call(request, deadline)?;
        if let Response::Sampled(sampled) = &mut answer {
            sampled.invalid = u32::MAX;
        }
        Ok(answer)
    }
}

#[test]
fn the_count_of_unusable_stamps_ends_at_the_largest_number() {
    let (stuck, device) = Stuck::new(0, Duration::ZERO);
    let mut unusable = Unusable(stuck.fake);
    let timer = TimerReport::untested(String::new());
    let mut session = Session::new(&mut unusable, &device, &timer);
    let config = Config { max_samples: 40, warmup: Duration::ZERO, ..Config::default() };
    let measured = measure(&mut session, &config, &WORK.parse().unwrap(), None, None);
    assert_eq!(measured.timing.unwrap().invalid, u32::MAX);
}

/// An executor without a device clock whose host clock is stuck, while each execution takes its time.
struct Stuck {
    fake: Fake,
    host_ns: u64,
    /// Time that each execution really takes.
    each: Duration,
    /// Number of executions of each batch.
    batches: Vec<u32>,
}

impl Stuck {
    fn new(host_ns: u64, each: Duration) -> (Self, Capabilities) {
        let device = Script::device().but(|it| it.takes = Takes::Cases);
        let script = Script { devices: vec![device.clone()], ..Script::default() };
        (Stuck { fake: Fake::from_script(script), host_ns, each, batches: Vec::new() }, device)
    }

    /// A handle of `WORK`.
    fn prepared(&mut self, device: &Capabilities) -> u32 {
        self.prepare(Prepare::new(device, &WORK.parse().unwrap(), None), SOON).unwrap().handle
    }

    fn largest(&self) -> u32 {
        self.batches.iter().copied().max().unwrap_or(0)
    }
}

impl Executor for Stuck {
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
        let mut answer = self.fake.call(request, deadline)?;
        if let (Response::Sampled(sampled), Request::Sample { k, .. }) = (&mut answer, request) {
            (sampled.device_ns, sampled.host_ns) = (None, self.host_ns);
            self.batches.push(*k);
            std::thread::sleep(self.each * *k);
        }
        Ok(answer)
    }
}

/// What one execution of a [`Stuck`] takes where it takes any time.
const EACH: Duration = Duration::from_millis(4);

#[test]
fn the_batches_of_a_stuck_clock_grow_no_further_than_the_runner_waits() {
    // The self-test: 16 executions take more than 50 ms, twice as many more than is needed of long work.
    let (mut stuck, device) = Stuck::new(0, EACH);
    let handle = stuck.prepared(&device);
    let report = self_test(&mut stuck, &device, handle, SOON).unwrap();
    assert_eq!(report.chosen, TimerChoice::Host);
    assert!(stuck.largest() <= 32, "{}", stuck.largest());

    // The wait for a steady clock: two batches of half a second, which are 125 executions each.
    let (mut stuck, device) = Stuck::new(0, EACH);
    let handle = stuck.prepared(&device);
    let longest = Duration::from_secs(1);
    let settled = settle(&mut stuck, handle, TimerChoice::Host, SOON, longest).unwrap();
    assert!(!settled.steady && stuck.batches.len() <= 250, "{}: {settled:?}", stuck.batches.len());

    // The curve of the cache: batches of a second.
    let (mut stuck, device) = Stuck::new(0, EACH);
    let timer = TimerReport::untested(String::new());
    measure_cache(&mut stuck, &device, &timer, &Config::default(), &KernelSource::embedded());
    assert!(stuck.largest() <= 250, "{}", stuck.largest());
}

#[test]
fn a_row_of_a_stuck_clock_fails_before_its_batches_grow() {
    // No device computes in no time: 4 and then 16 executions, for which the runner waits more than 20 ms, say so too.
    // 2·64³ FLOP in 1 ns may be, but not as often in it as the runner waits a second for.
    for (host_ns, words, largest) in [(0, "took no time", 16), (1, "less than a device takes", 250)] {
        let (mut stuck, device) = Stuck::new(host_ns, EACH);
        let timer = TimerReport::untested(String::new());
        let mut session = Session::new(&mut stuck, &device, &timer);
        let case = "gemm f32 m64 n64 k64 nn".parse().unwrap();
        let measured = measure(&mut session, &Config::default(), &case, None, None);
        let Ended::Fault(fault) = &measured.ended else { panic!("{:?}", measured.ended) };
        assert_eq!(fault.kind, FaultKind::Failed);
        assert!(fault.reason.contains(words) && fault.reason.contains("clock"), "{fault}");
        assert!(stuck.largest() <= largest && stuck.batches.len() <= 8, "{:?}", stuck.batches);
    }
}

#[test]
fn a_clock_too_coarse_for_one_execution_is_no_fault() {
    /// An executor whose host clock ticks each millisecond.
    struct Coarse(Fake);
    impl Executor for Coarse {
        fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
            let mut answer = self.0.call(request, deadline)?;
            if let Response::Sampled(sampled) = &mut answer {
                (sampled.device_ns, sampled.host_ns) = (None, sampled.host_ns / 1_000_000 * 1_000_000);
            }
            Ok(answer)
        }
    }
    let (stuck, device) = Stuck::new(0, Duration::ZERO);
    let mut coarse = Coarse(stuck.fake);
    let timer = TimerReport::untested(String::new()).but(|it| it.tick_ns = Some(1e6));
    let mut session = Session::new(&mut coarse, &device, &timer);
    let config = Config { max_samples: 40, warmup: Duration::ZERO, ..Config::default() };
    let measured = measure(&mut session, &config, &WORK.parse().unwrap(), None, None);
    // 42 µs are no tick, nor are 4 executions; 64 of 21 µs are one.
    assert_eq!(measured.ended, Ended::Ok);
    let median = measured.timing.unwrap().summary.median;
    assert!((median / WORK_S - 1.0).abs() < 0.02, "{median}");
}

#[test]
fn times_that_no_device_can_reach_are_a_fault_of_the_clock_and_not_a_result() {
    // A batch of one or more copies of 8192 elements of 4 bytes (65.5 kB read and written) in 1 ns: k is 4096 for
    // so short a time, and 4096·65.5 kB are 268 MB, or 268 PB/s. 2·2048³ FLOP in 30 ns are 573 PFLOP/s and more.
    let stream = "stream f32 copy n8192";
    for (key, host_ns, each, words) in [
        (stream, 0, Duration::ZERO, "took no time"),
        (stream, 1, Duration::ZERO, "more than any device can move"),
        ("gemm f32 m2048 n2048 k2048 nn", 30, EACH, "more than any device can do"),
    ] {
        let (mut stuck, device) = Stuck::new(host_ns, each);
        let config = Config { max_samples: 40, warmup: Duration::from_millis(1), ..Config::default() };
        let timer = TimerReport::untested(String::new());
        let mut session = Session::new(&mut stuck, &device, &timer);
        let measured = measure(&mut session, &config, &key.parse().unwrap(), None, None);
        let Ended::Fault(fault) = &measured.ended else { panic!("{key}: {:?}", measured.ended) };
        assert_eq!(fault.kind, FaultKind::Failed);
        assert!(fault.reason.contains(words) && fault.reason.contains("clock"), "{fault}");
        assert!(measured.timing.is_none() && measured.verification.unwrap().passed);
    }
}

#[test]
fn a_clock_that_lies_only_after_its_self_test_is_found_out_by_the_hosts() {
    // 512 MB read and as much written at 100 GB/s take 10 ms, far more than 20 empty batches of 21 µs by the host.
    let key = "stream f32 copy n134217728";
    let ended = |factor: f64| {
        let device = Script::device().but(|it| it.takes = Takes::Cases);
        let rules = vec![Rule { factor, ..Rule::new("*copy*", On::Sample, Act::Lie) }];
        let script = Script { devices: vec![device.clone()], rules, ..Script::default() };
        let timer = report(script.clone(), WORK);
        assert_eq!((timer.chosen, &timer.faults[..]), (TimerChoice::Device, &[][..]));
        let mut fake = Fake::from_script(script);
        let config = Config { max_samples: 40, warmup: Duration::from_millis(1), ..Config::default() };
        let mut session = Session::new(&mut fake, &device, &timer);
        measure(&mut session, &config, &key.parse().unwrap(), None, None).ended
    };
    for factor in [0.01, 0.49] {
        let Ended::Fault(fault) = ended(factor) else { panic!("{factor}: {:?}", ended(factor)) };
        assert!(fault.reason.contains("the clock of the executor is at fault"), "{fault}");
    }
    // So much may be delays of the host.
    assert_eq!(ended(0.51), Ended::Ok);
}

#[test]
fn clocks_of_a_process_that_both_lie_are_found_out_by_the_runners_own() {
    /// An executor that takes 15 ms more for each batch than it says.
    struct Late(Fake, bool);
    impl Executor for Late {
        fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
            if matches!(request, Request::Sample { .. }) {
                std::thread::sleep(Duration::from_millis(15));
            }
            self.0.call(request, deadline)
        }

        fn takes_real_time(&self) -> bool {
            self.1
        }
    }
    // 67 MB read and as much written at 100 GB/s take 1.34 ms, which is a batch.
    let key = "stream f32 copy n16777216";
    let ended = |takes_real_time: bool| {
        let (stuck, device) = Stuck::new(0, Duration::ZERO);
        let mut late = Late(stuck.fake, takes_real_time);
        let timer = TimerReport::untested(String::new());
        let mut session = Session::new(&mut late, &device, &timer);
        let config = Config { max_samples: 12, warmup: Duration::ZERO, ..Config::default() };
        measure(&mut session, &config, &key.parse().unwrap(), None, None).ended
    };
    let Ended::Fault(fault) = ended(true) else { panic!("no fault") };
    assert!(fault.reason.contains("the runner waited at least") && fault.reason.contains("clock"), "{fault}");
    assert_eq!(ended(false), Ended::Ok);
}

#[test]
fn a_program_that_understates_both_times_of_a_case_has_a_failed_row() {
    // 2·48³ FLOP at 10⁷ per second take 22 ms, of which the executor tells 0.22 ms; the others take what they tell.
    let keys = ["gemm f32 m16 n16 k16 nn", "gemm f32 m48 n48 k48 nn"];
    let folder =
        crate::folder::Folder::with_suite(&keys.map(|key| format!("[[case]]\nkey = '{key}'\n")).concat());
    let rule = "[[rules]]\ncase = '*m48*'\non = 'sample'\nact = 'understate'\nfactor = 100.0\n";
    let executor = folder.executor("script.toml", &format!("seconds_per_flop = 1e-7\n{rule}"));
    let run = ["run", "small.toml", "-o", "results", "--warmup", "1ms", "--max-time", "200ms", "--executor"];
    folder.portamark(&run).arg(&executor).assert().code(1);
    let rows = portamark_results::load_all(&[folder.path("results")]).unwrap().remove(0).rows;
    let row = |key: &str| rows.iter().find(|row| row.case == key).unwrap();
    assert_eq!(row(keys[0]).status, Status::Ok, "{:?}", row(keys[0]).reason);
    let reason = row(keys[1]).reason.as_deref().unwrap();
    assert_eq!(row(keys[1]).status, Status::Failed, "{reason}");
    assert!(reason.contains("the runner waited at least") && reason.contains("clock"), "{reason}");
}
