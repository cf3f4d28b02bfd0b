//! The simulated executor, which follows a script.
//!
//! Time is virtual: even a sample of an hour returns at once; only a hang and times that are understated really wait. [`Fake`] is both a
//! [`Service`](crate::serve::Service), to run in a child process, and an [`Executor`], for tests within one process. As an
//! [`Executor`] it reports a hang as a timeout at once, and an exit or abort as a crash.

use super::outputs::Outputs;
use super::script::{Act, On, Rule, Script, Target};
use crate::protocol::{self, Failure, Prepare, Request, Response, Sampled};
use crate::remote::{Executor, Fault, FaultKind};
use portamark_model::device::{Capabilities, Feature, Takes, TimerKind};
use portamark_model::workload::generator::mix;
use portamark_model::workload::{Case, DType, Inputs, Tensor};
use std::collections::BTreeMap;
use std::time::Duration;

/// Simulated executor that follows a [`Script`].
#[derive(Debug)]
pub struct Fake {
    script: Script,
    handles: BTreeMap<u32, Prepared>,
    next_handle: u32,
    /// Number of restarts so far.
    restarts: u32,
    /// Number of matching requests so far, by rule and case.
    seen: BTreeMap<(usize, String), u32>,
    /// Number of samples so far, from which the noise is computed.
    samples: u32,
    now_ns: u64,
    requests: u64,
    /// Whether buffers were poisoned since the last batch.
    disturbed: bool,
}

#[derive(Debug)]
struct Prepared {
    outputs: Outputs,
    /// Text of the kernel variant; empty if there is no plan.
    variant: String,
    device: Capabilities,
    held_bytes: u64,
    /// Rule that matched the `prepare` request; it applies to every sample.
    always: Option<Rule>,
}

/// Reaction of the executor to a request.
pub(super) enum Reaction {
    Answer(Response),
    /// An answer that a process gives after this time.
    Late(Response, Duration),
    Garbage(Response),
    HalfLine(Response),
    Hang,
    Exit,
    Abort,
}

impl Fake {
    /// Creates an executor that follows `script`.
    pub fn from_script(script: Script) -> Self {
        Fake {
            script,
            handles: BTreeMap::new(),
            next_handle: 1,
            restarts: 0,
            seen: BTreeMap::new(),
            samples: 0,
            now_ns: 0,
            requests: 0,
            disturbed: false,
        }
    }

    /// Returns the virtual time since the start, in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Returns the number of requests received, answered or not.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Returns the number of preparations that are not released.
    pub fn held(&self) -> usize {
        self.handles.len()
    }

    /// Returns the time of one execution of `case` in seconds, without noise and failures.
    pub fn seconds(&self, case: &Case) -> f64 {
        let arithmetic = case.flop() as f64 * self.script.seconds_per_flop;
        arithmetic.max(case.bytes() as f64 / self.script.bytes_per_second)
    }

    pub(super) fn reaction(&mut self, request: Request) -> Reaction {
        self.requests += 1;
        let rule = self.rule(&request);
        match rule.as_ref().map(|rule| rule.act) {
            Some(Act::Hang) => Reaction::Hang,
            Some(Act::Exit) => Reaction::Exit,
            Some(Act::Abort) => Reaction::Abort,
            Some(Act::Garbage) => Reaction::Garbage(self.response(request, None)),
            Some(Act::HalfLine) => Reaction::HalfLine(self.response(request, None)),
            Some(Act::Error) => {
                let rule = rule.expect("it has an act");
                Reaction::Answer(Response::Error { status: rule.status, reason: rule.reason })
            }
            Some(Act::Understate) => {
                let before = self.now_ns;
                let response = self.response(request, rule);
                Reaction::Late(response, Duration::from_nanos(self.now_ns - before))
            }
            Some(Act::Wrong | Act::Unwritten | Act::Slow | Act::Skip | Act::Lie) | None => {
                Reaction::Answer(self.response(request, rule))
            }
        }
    }

    /// Returns the first rule that applies to `request`. Every rule that matches counts the request.
    fn rule(&mut self, request: &Request) -> Option<Rule> {
        let (on, subject) = On::of(request)?;
        let (case, variant) = match subject {
            Target::Nothing => (String::new(), String::new()),
            Target::New(prepare) => (prepare.case.clone(), variant_of(prepare)),
            Target::Handle(handle) => {
                let prepared = self.handles.get(&handle)?;
                (prepared.outputs.case.key(), prepared.variant.clone())
            }
        };
        let mut found = None;
        for (number, rule) in self.script.rules.iter().enumerate() {
            if rule.on != on || !rule.case.matches(&case) || !rule.variant.matches(&variant) {
                continue;
            }
            let seen = self.seen.entry((number, case.clone())).or_default();
            let nth = *seen;
            *seen += 1;
            let due = nth >= rule.after && rule.count.is_none_or(|count| nth - rule.after < count);
            if due && found.is_none() {
                found = Some(rule.clone());
            }
        }
        found
    }

    fn response(&mut self, request: Request, rule: Option<Rule>) -> Response {
        let unknown = |handle: u32| failed(format!("there is no handle {handle}"));
        match request {
            Request::Hello { .. } => Response::Hello {
                protocol: self.script.protocol,
                executor: self.script.executor.clone(),
                devices: self.script.devices.clone(),
            },
            Request::Prepare(prepare) => self.make(*prepare, rule).unwrap_or_else(|error| error),
            Request::Sample { handle, k, first_set } => {
                self.time(handle, k, first_set, rule).unwrap_or_else(|| unknown(handle))
            }
            Request::Read { handle, set, elements } => match self.handles.get(&handle) {
                Some(prepared) => prepared.outputs.read(set, &elements, rule.map(|rule| rule.act)),
                None => unknown(handle),
            },
            Request::Poison { handle } => match self.handles.get_mut(&handle) {
                Some(prepared) => {
                    prepared.outputs.poison();
                    self.disturbed = true;
                    Response::Done
                }
                None => unknown(handle),
            },
            Request::Release { handle } => match self.handles.remove(&handle) {
                Some(_) => Response::Done,
                None => unknown(handle),
            },
            Request::Inspect(inspect) => self.script.inspected(inspect.plan.steps.len()),
            Request::InspectSpirv(_) => self.script.inspected(1),
            Request::Bye => Response::Done,
        }
    }

    fn make(&mut self, prepare: Prepare, rule: Option<Rule>) -> Result<Response, Response> {
        let device = self.script.devices.iter().find(|device| device.id == prepare.device);
        let device =
            device.cloned().ok_or_else(|| failed(format!("there is no device {}", prepare.device)))?;
        let case: Case = prepare.case.parse().map_err(|e| failed(format!("{e}")))?;
        let precision = case.precision();
        // A plan may unpack f16 from 32-bit words without the feature; a runtime that takes cases may not.
        let wants_f16 = match &prepare.plan {
            Some(plan) => plan.features.contains(&Feature::ShaderF16),
            None => precision.uses(DType::F16),
        };
        if wants_f16 && !device.has(Feature::ShaderF16) {
            return Err(error(Failure::Unsupported, "no f16 here".into()));
        }
        let set_bytes = match (device.takes, &prepare.plan) {
            (Takes::Plans, None) => return Err(failed("this device takes plans, and there is none".into())),
            (_, Some(plan)) => plan.bytes(),
            (_, None) => case.tensors().iter().map(Tensor::bytes).sum(),
        };
        if prepare.sets == 0 {
            return Err(failed("there must be a buffer set".into()));
        }
        let held_bytes = set_bytes.saturating_mul(prepare.sets.into());
        let others: u64 = self.handles.values().map(|prepared| prepared.held_bytes).sum();
        let room = prepare.memory_limit.min(self.script.memory_bytes);
        if others.saturating_add(held_bytes) > room {
            let reason = format!("{held_bytes} bytes beside {others} are more than {room}");
            return Err(error(Failure::OutOfMemory, reason));
        }
        let kernel = (device.takes == Takes::Cases).then(|| "scripted".to_string());
        let slow = rule.as_ref().filter(|rule| rule.act == Act::Slow).map_or(1.0, |rule| rule.factor);
        let compile_ns = (self.script.compile_ns as f64 * slow) as u64;
        self.now_ns += compile_ns;
        let handle = self.next_handle;
        self.next_handle += 1;
        let prepared = Prepared {
            variant: variant_of(&prepare),
            outputs: Outputs::new(case, Inputs::new(prepare.seed, 0).of(prepare.dist), prepare.sets),
            device,
            held_bytes,
            always: rule,
        };
        self.handles.insert(handle, prepared);
        Ok(Response::Prepared(protocol::Prepared { handle, compile_ns, held_bytes, kernel }))
    }

    fn time(&mut self, handle: u32, k: u32, first_set: u32, rule: Option<Rule>) -> Option<Response> {
        let prepared = self.handles.get(&handle)?;
        let rule = rule.or_else(|| prepared.always.clone());
        let factor = |act| rule.as_ref().filter(|rule| rule.act == act).map(|rule| rule.factor);
        let (slow, lie) = (factor(Act::Slow).unwrap_or(1.0), factor(Act::Lie));
        let skip = factor(Act::Skip);
        let act = rule.as_ref().map(|rule| rule.act);
        // Uniform in [-1, 1).
        let random = f64::from(mix(self.samples ^ mix(self.script.noise_seed))) / 2f64.powi(31) - 1.0;
        let poisoned = f64::from(prepared.outputs.poisoned(k, first_set));
        let executions = skip.map_or(f64::from(k), |factor| poisoned + (f64::from(k) - poisoned) / factor);
        let disturbance = if self.disturbed { self.script.disturbance } else { 1.0 };
        let work_ns = executions * self.seconds(&prepared.outputs.case) * 1e9 * disturbance;
        let device_ns = (self.script.pass_ns + work_ns * slow) * (1.0 + self.script.noise * random);
        let host_ns = (device_ns + self.script.overhead_ns).round().max(1.0) as u64;
        let has_stamps = prepared.device.timer == TimerKind::PassTimestamps;
        self.samples += 1;
        self.disturbed = false;
        self.now_ns += host_ns;

        self.handles.get_mut(&handle)?.outputs.compute(k, first_set, act);
        let (device_ns, invalid) = if has_stamps {
            self.script.stamps(device_ns, host_ns, self.samples, self.now_ns)
        } else {
            (None, 0)
        };
        let told = |ns: u64| factor(Act::Understate).map_or(ns, |factor| (ns as f64 / factor) as u64);
        let (device_ns, host_ns) = (device_ns.map(told), told(host_ns));
        let device_ns = lie.map_or(device_ns, |factor| Some((host_ns as f64 * factor) as u64));
        Some(Response::Sampled(Sampled { device_ns, host_ns, invalid }))
    }
}

fn variant_of(prepare: &Prepare) -> String {
    prepare.plan.as_ref().map_or(String::new(), |plan| plan.variant.to_string())
}

fn error(status: Failure, reason: String) -> Response {
    Response::Error { status, reason }
}

fn failed(reason: String) -> Response {
    error(Failure::Failed, reason)
}

impl Executor for Fake {
    /// Behaves like a child process that follows the script, but without a process and without waiting: a
    /// request that takes longer than `deadline` in virtual time is a timeout.
    fn call(&mut self, request: &Request, deadline: Duration) -> Result<Response, Fault> {
        let before = self.now_ns;
        let outcome = self.reaction(request.clone());
        let deadline_ns = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        let late = self.now_ns - before > deadline_ns;
        let (kind, reason) = match outcome {
            Reaction::Hang => (FaultKind::Timeout, "no answer in time"),
            _ if late => (FaultKind::Timeout, "no answer in time"),
            Reaction::Answer(response) | Reaction::Late(response, _) => {
                if matches!(&response, Response::Error { status: Failure::DeviceLost, .. }) {
                    self.restart();
                }
                return Ok(response);
            }
            Reaction::Garbage(_) => (FaultKind::Crashed, "answered with what is no JSON"),
            Reaction::HalfLine(_) => (FaultKind::Crashed, "ended within a line"),
            Reaction::Exit => (FaultKind::Crashed, "exited with status 3"),
            Reaction::Abort => (FaultKind::Crashed, "killed by signal 6"),
        };
        if kind == FaultKind::Timeout {
            self.now_ns = before.saturating_add(deadline_ns);
        }
        self.restart();
        Err(Fault::new(kind, reason))
    }

    fn generation(&self) -> u32 {
        self.restarts + 1
    }

    fn stop(&mut self) {
        self.restart();
    }
}

impl Fake {
    /// Discards all state that a new process would not have. Virtual time continues.
    fn restart(&mut self) {
        self.restarts += 1;
        self.handles.clear();
        self.seen.clear();
        self.next_handle = 1;
        self.samples = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Timer;
    use super::*;
    use crate::protocol::PROTOCOL;
    use crate::serve::serve;
    use portamark_model::workload::Expected;

    const CASE: &str = "gemm f32 m32 n32 k16 nn";
    const SOON: Duration = Duration::from_secs(10);

    /// Creates an executor that takes cases and follows `rules`.
    fn fake(rules: Vec<Rule>) -> Fake {
        let device = Script::device().but(|it| it.takes = Takes::Cases);
        Fake::from_script(Script { devices: vec![device], rules, ..Script::default() })
    }

    fn ask(case: &str, sets: u32) -> Prepare {
        Prepare {
            device: Script::device().id,
            case: case.into(),
            plan: None,
            tensors: Vec::new(),
            seed: 7,
            dist: Default::default(),
            sets,
            memory_limit: 1 << 30,
        }
    }

    /// Counts the elements of set 0 that exceed their bound or are poisoned, and returns the executor's own
    /// count of poisoned ones.
    fn check(fake: &mut Fake, handle: u32, case: &str) -> (usize, u64) {
        let case: Case = case.parse().unwrap();
        let points: Vec<u64> = (0..case.output().len).collect();
        let (values, poisoned) = fake.read(handle, 0, &points, SOON).unwrap();
        let expected = case.expected(Inputs::new(7, 0), &points);
        let good = |(value, e): &(&f64, &Expected)| (**value - e.value).abs() <= e.bound;
        (values.len() - values.iter().zip(&expected).filter(good).count(), poisoned)
    }

    #[test]
    fn values_are_poison_before_and_right_after_a_sample() {
        for case in [CASE, "stream f32 read n4096", "peak f16 fma c64 s16", "gemm f16.f32 m32 n32 k8 nt"] {
            let mut fake = fake(vec![]);
            let handle = fake.prepare(ask(case, 2), SOON).unwrap().handle;
            let len = case.parse::<Case>().unwrap().output().len;
            assert_eq!(check(&mut fake, handle, case), (len as usize, len), "{case}");
            // An empty batch computes nothing, and one execution on set 1 leaves set 0 as it is.
            fake.sample(handle, 0, 0, SOON).unwrap();
            fake.sample(handle, 1, 1, SOON).unwrap();
            assert_eq!(check(&mut fake, handle, case), (len as usize, len), "{case}");
            fake.sample(handle, 2, 1, SOON).unwrap();
            assert_eq!(check(&mut fake, handle, case), (0, 0), "{case}");
            fake.poison(handle, SOON).unwrap();
            assert_eq!(check(&mut fake, handle, case), (len as usize, len), "{case}");
            fake.release(handle, SOON).unwrap();
            assert_eq!(fake.held(), 0);
        }
    }

    #[test]
    fn time_follows_the_model() {
        let mut fake = fake(vec![]);
        let protocol::Prepared { handle, compile_ns, held_bytes: held, .. } =
            fake.prepare(ask("gemm f32 m1000 n1000 k1000 nn", 2), SOON).unwrap();
        // Two sets of three matrices of 4 MB; 2 GFLOP at 1 TFLOP/s are 2 ms.
        assert_eq!((compile_ns, held), (1_000_000, 24_000_000));
        let empty = fake.sample(handle, 0, 0, SOON).unwrap();
        assert_eq!(empty, Sampled { device_ns: Some(1000), host_ns: 21_000, invalid: 0 });
        let sampled = fake.sample(handle, 3, 0, SOON).unwrap();
        assert_eq!(sampled, Sampled { device_ns: Some(6_001_000), host_ns: 6_021_000, invalid: 0 });
        assert_eq!(fake.now_ns(), 1_000_000 + 21_000 + 6_021_000);
        // 128 MiB in and out at 100 GB/s.
        let copy: Case = "stream f32 copy n33554432".parse().unwrap();
        assert!((fake.seconds(&copy) - 2.68435456e-3).abs() < 1e-12);
    }

    #[test]
    fn noise_repeats_with_its_seed_and_stays_within_its_part() {
        let run = |noise_seed| -> Vec<u64> {
            let script = Script { noise: 0.1, noise_seed, ..fake(vec![]).script };
            let mut fake = Fake::from_script(script);
            let handle = fake.prepare(ask("gemm f32 m1000 n1000 k1000 nn", 1), SOON).unwrap().handle;
            (0..50).map(|_| fake.sample(handle, 1, 0, SOON).unwrap().device_ns.unwrap()).collect()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        // 2.001 ms, up and down by 10 %.
        assert!(run(1).iter().all(|ns| (1_800_900..=2_201_100).contains(ns)), "{:?}", run(1));
        assert!(run(1).iter().max().unwrap() - run(1).iter().min().unwrap() > 200_000);
    }

    #[test]
    fn timers_lie_as_told() {
        // A batch of 2.001 ms of device time and 2.021 ms of host time.
        for (timer, expected) in [
            (Timer::Honest, (Some(2_001_000), 0)),
            (Timer::None, (None, 0)),
            (Timer::Zero, (Some(0), 0)),
            (Timer::Negative, (None, 1)),
            (Timer::Coarse, (Some(31 * 65_536), 0)),
            (Timer::Constant, (Some(4096), 0)),
            (Timer::WrongPeriod, (Some(200_100), 0)),
            (Timer::AboveHost, (Some(20_210_000), 0)),
            // Compilation ends at 1 ms, the batch at 3.021 ms: no wrap yet.
            (Timer::Wrapping, (Some(2_001_000), 0)),
            // Only the tenth pair is unusable.
            (Timer::Sporadic, (Some(2_001_000), 0)),
        ] {
            let mut fake = Fake::from_script(Script { timer, ..fake(vec![]).script });
            let handle = fake.prepare(ask("gemm f32 m1000 n1000 k1000 nn", 1), SOON).unwrap().handle;
            let sampled = fake.sample(handle, 1, 0, SOON).unwrap();
            assert_eq!((sampled.device_ns, sampled.invalid), expected, "{timer:?}");
            assert_eq!(sampled.host_ns, 2_021_000);
        }
    }

    #[test]
    fn a_stamp_of_24_bits_wraps_each_16_8_ms() {
        let mut fake = Fake::from_script(Script { timer: Timer::Wrapping, ..fake(vec![]).script });
        let handle = fake.prepare(ask("gemm f32 m1000 n1000 k1000 nn", 1), SOON).unwrap().handle;
        let times: Vec<u64> =
            (0..9).map(|_| fake.sample(handle, 1, 0, SOON).unwrap().device_ns.unwrap()).collect();
        // After 1 ms of compilation, batches of 2.021 ms follow: the eighth passes 16.777 ms.
        let wrapped: Vec<usize> = (0..9).filter(|at| times[*at] > 1 << 60).collect();
        assert_eq!(wrapped, [7]);
        assert_eq!(times[7], 2_001_000u64.wrapping_sub(1 << 24));
    }

    #[test]
    fn wrong_and_unwritten_values_are_found_by_any_check() {
        // 1024 elements: every sixteenth one is wrong, or the last sixteenth is not written.
        for (act, bad) in [(Act::Wrong, (64, 0)), (Act::Unwritten, (64, 64))] {
            for on in [On::Prepare, On::Sample, On::Read] {
                for case in [CASE, "gemm f16.f32 m32 n32 k16 nn", "stream f32 copy n1024"] {
                    let mut fake = fake(vec![Rule::new("*", on, act)]);
                    let handle = fake.prepare(ask(case, 1), SOON).unwrap().handle;
                    fake.sample(handle, 1, 0, SOON).unwrap();
                    assert_eq!(check(&mut fake, handle, case), bad, "{act:?} on {on:?} of {case}");
                }
            }
        }
    }

    #[test]
    fn a_rule_begins_after_and_ends_with_its_count_and_asks_for_the_case() {
        let rule = Rule { after: 2, count: Some(1), ..Rule::new("gemm*nn", On::Sample, Act::Slow) };
        let mut fake = fake(vec![rule]);
        let handle = fake.prepare(ask("gemm f32 m1000 n1000 k1000 nn", 1), SOON).unwrap().handle;
        let other = fake.prepare(ask("gemm f32 m1000 n1000 k1000 nt", 1), SOON).unwrap().handle;
        let mut times = |handle| -> Vec<u64> {
            (0..4).map(|_| fake.sample(handle, 1, 0, SOON).unwrap().device_ns.unwrap()).collect()
        };
        assert_eq!(times(other), [2_001_000; 4]);
        assert_eq!(times(handle), [2_001_000, 2_001_000, 20_001_000, 2_001_000]);
    }

    #[test]
    fn mishaps_are_faults_and_a_fresh_executor_follows() {
        for (act, kind) in [
            (Act::Hang, FaultKind::Timeout),
            (Act::Exit, FaultKind::Crashed),
            (Act::Abort, FaultKind::Crashed),
            (Act::Garbage, FaultKind::Crashed),
            (Act::HalfLine, FaultKind::Crashed),
        ] {
            let mut fake = fake(vec![Rule::new("gemm*", On::Sample, act)]);
            let handle = fake.prepare(ask(CASE, 1), SOON).unwrap().handle;
            let fault = fake.sample(handle, 1, 0, SOON).unwrap_err();
            assert_eq!(fault.kind, kind, "{act:?}");
            assert!(fault.is_fatal());
            assert_eq!(fake.held(), 0, "handles died with it");
            let handle = fake.prepare(ask("stream f32 copy n1024", 1), SOON).unwrap().handle;
            assert_eq!(handle, 1);
            fake.sample(handle, 1, 0, SOON).unwrap();
        }
    }

    #[test]
    fn what_takes_longer_than_the_deadline_is_a_timeout_without_waiting() {
        let mut fake = fake(vec![]);
        let handle = fake.prepare(ask("gemm f32 m1000 n1000 k1000 nn", 1), SOON).unwrap().handle;
        let before = fake.now_ns();
        // 10 000 executions of 2 ms are 20 s.
        let fault = fake.sample(handle, 10_000, 0, SOON).unwrap_err();
        assert_eq!((fault.kind, fake.now_ns() - before), (FaultKind::Timeout, 10_000_000_000));
    }

    #[test]
    fn errors_have_the_status_and_reason_of_the_rule() {
        let rule = |status, reason: &str| Rule {
            status,
            reason: reason.into(),
            ..Rule::new("gemm*", On::Prepare, Act::Error)
        };
        let mut fake = fake(vec![rule(Failure::OutOfMemory, "VK_ERROR_OUT_OF_DEVICE_MEMORY")]);
        let fault = fake.prepare(ask(CASE, 1), SOON).unwrap_err();
        assert_eq!(fault, Fault::new(FaultKind::OutOfMemory, "VK_ERROR_OUT_OF_DEVICE_MEMORY"));
        fake.script.rules = vec![rule(Failure::DeviceLost, "lost")];
        let other = fake.prepare(ask("stream f32 copy n1024", 1), SOON).unwrap().handle;
        assert_eq!(fake.prepare(ask(CASE, 1), SOON).unwrap_err().kind, FaultKind::Crashed);
        assert!(fake.sample(other, 1, 0, SOON).is_err(), "the lost device took all handles along");
    }

    #[test]
    fn what_cannot_be_prepared_is_refused_in_words() {
        let mut fake = Fake::from_script(Script::default());
        let small = Prepare { memory_limit: 100, ..ask(CASE, 1) };
        for (prepare, kind, part) in [
            (ask(CASE, 1), FaultKind::Failed, "takes plans"),
            (Prepare { device: "x".into(), ..ask(CASE, 1) }, FaultKind::Failed, "no device x"),
            (ask("conv", 1), FaultKind::Failed, "no family `conv`"),
        ] {
            let fault = fake.prepare(prepare, SOON).unwrap_err();
            assert_eq!(fault.kind, kind);
            assert!(fault.reason.contains(part), "{fault}");
        }
        fake.script.devices[0].takes = Takes::Cases;
        fake.script.devices[0].features.clear();
        assert_eq!(fake.prepare(small, SOON).unwrap_err().kind, FaultKind::OutOfMemory);
        let f16 = ask("gemm f16.f32 m1 n1 k1 nn", 1);
        assert_eq!(fake.prepare(f16, SOON).unwrap_err().kind, FaultKind::Unsupported);
        assert!(fake.sample(9, 1, 0, SOON).unwrap_err().reason.contains("no handle 9"));
        let handle = fake.prepare(ask(CASE, 1), SOON).unwrap().handle;
        assert!(fake.read(handle, 1, &[], SOON).unwrap_err().reason.contains("no buffer set 1"));
        assert!(fake.read(handle, 0, &[1024], SOON).unwrap_err().reason.contains("below 1024"));
    }

    #[test]
    fn it_serves_the_protocol_and_breaks_it_as_told() {
        let hello = serde_json::to_string(&Request::Hello { protocol: PROTOCOL }).unwrap() + "\n";
        let run = |act: Option<Act>| {
            let rules = act.map(|act| Rule::new("*", On::Hello, act));
            let (mut fake, mut output) = (fake(rules.into_iter().collect()), Vec::new());
            let served = serve(&mut fake, hello.as_bytes(), &mut output).is_ok();
            (served, String::from_utf8(output).unwrap())
        };
        let (served, right) = run(None);
        let Response::Hello { executor, devices, .. } = serde_json::from_str(&right).unwrap() else {
            panic!()
        };
        assert_eq!((served, &*executor, devices.len()), (true, "fake 1.0", 1));
        let (served, garbage) = run(Some(Act::Garbage));
        assert!(served && serde_json::from_str::<Response>(garbage.lines().next().unwrap()).is_err());
        let (served, half) = run(Some(Act::HalfLine));
        assert!(!served && right.starts_with(&half) && !half.ends_with('\n'));
    }
}
