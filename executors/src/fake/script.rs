//! Script of a simulated executor: its devices, its speed, and which failures occur when.

use crate::protocol::{Failure, PROTOCOL, Prepare, Request, Response};
use portamark_model::compiled::Compiled;
use portamark_model::device::{Capabilities, DeviceType, Feature, Takes, TimerKind};
use portamark_model::suite::Pattern;
use serde::{Deserialize, Deserializer};

/// Script of a simulated executor, in TOML:
///
/// ```toml
/// seconds_per_flop = 1e-9
/// timer = "coarse"
/// noise = 0.01
///
/// [[devices]]                      # fields not given here are those of `Script::device`
/// id = "fake/Other device/2.0"
///
/// [[rules]]
/// case = "gemm*"                   # a pattern, as for the option -k
/// on = "sample"
/// after = 10
/// act = "hang"
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Name and version of the executor, e.g. `fake 1.0`.
    pub executor: String,
    /// Protocol version that the executor reports.
    pub protocol: u32,
    /// Devices that the executor offers.
    #[serde(deserialize_with = "devices")]
    pub devices: Vec<Capabilities>,
    /// Time of one floating-point operation, in seconds.
    pub seconds_per_flop: f64,
    /// Memory bandwidth, in bytes per second. The time of an execution is the larger of its arithmetic time and
    /// its memory time.
    pub bytes_per_second: f64,
    /// Host time of a batch minus its device time, in nanoseconds.
    pub overhead_ns: f64,
    /// Device time of an empty batch, in nanoseconds. Every batch includes it.
    pub pass_ns: f64,
    /// Resolution of the device's timer, in nanoseconds: device times are multiples of it.
    pub tick_ns: f64,
    /// Time to compile the pipelines of one case, in nanoseconds.
    pub compile_ns: u64,
    /// Relative noise of device times: each is multiplied by a uniformly distributed factor between 1 − noise
    /// and 1 + noise.
    pub noise: f64,
    /// Seed of the random numbers of the noise.
    pub noise_seed: u32,
    /// Factor by which the first batch after poisoning takes longer, whatever was poisoned: caches hold poison then.
    pub disturbance: f64,
    /// Memory of the device, in bytes.
    pub memory_bytes: u64,
    /// Behaviour of the device's timer.
    pub timer: Timer,
    /// Factor by which [`Timer::WrongPeriod`] and [`Timer::AboveHost`] are wrong.
    pub timer_factor: f64,
    /// What the compiler tells of each step of any plan; `None`: it cannot tell.
    pub compiled: Option<Compiled>,
    /// Failures to simulate. The first rule that matches a request applies.
    pub rules: Vec<Rule>,
}

impl Default for Script {
    /// Device with 1 TFLOP/s, 100 GB/s, 8 GB of memory, and a timer with a resolution of 1 ns.
    fn default() -> Self {
        Script {
            executor: "fake 1.0".into(),
            protocol: PROTOCOL,
            devices: vec![Script::device()],
            seconds_per_flop: 1e-12,
            bytes_per_second: 1e11,
            overhead_ns: 20_000.0,
            pass_ns: 1000.0,
            tick_ns: 1.0,
            compile_ns: 1_000_000,
            noise: 0.0,
            noise_seed: 1,
            disturbance: 1.0,
            memory_bytes: 8_000_000_000,
            timer: Timer::Honest,
            timer_factor: 10.0,
            compiled: None,
            rules: Vec::new(),
        }
    }
}

impl Script {
    /// Returns the default device, used if a script names none: `fake/Fake device/1.0`.
    pub fn device() -> Capabilities {
        let (id, name) = ("fake/Fake device/1.0".into(), "Fake device".into());
        let mut device = Capabilities::without_plans(id, name, "fake", DeviceType::Software);
        device.takes = Takes::Plans;
        device.driver = "fake".into();
        device.driver_version = "1.0".into();
        device.features = vec![Feature::ShaderF16, Feature::Subgroup];
        (device.subgroup_min, device.subgroup_max) = (8, 8);
        device.limits.workgroup_memory = 32_768;
        device.limits.workgroup_size = 1024;
        device.limits.dispatch = 65_535;
        device.limits.binding_bytes = 128 << 20;
        device.limits.buffer_bytes = 1 << 30;
        device.limits.storage_buffers = 8;
        device.timer = TimerKind::PassTimestamps;
        // Invented, so that a test can detect whether an output file contains it.
        device.pci_bus_id = Some("0000:65:00.0".into());
        device
    }

    /// Returns the device time that the timer reports for a batch of `true_ns`, and the number of unusable
    /// pairs of timestamps. The batch is that with number `samples`, counted from 1, and ends at `now_ns`.
    pub(super) fn stamps(&self, true_ns: f64, host_ns: u64, samples: u32, now_ns: u64) -> (Option<u64>, u32) {
        let ticks = |ns: f64, tick: f64| (ns / tick).round() * tick;
        let ns = match self.timer {
            Timer::Honest => ticks(true_ns, self.tick_ns),
            Timer::None => return (None, 0),
            Timer::Zero => 0.0,
            Timer::Negative => return (None, 1),
            Timer::Coarse => ticks(true_ns, 65_536.0),
            Timer::Constant => 4096.0,
            Timer::WrongPeriod => ticks(true_ns / self.timer_factor, self.tick_ns),
            Timer::AboveHost => ticks(host_ns as f64 * self.timer_factor, self.tick_ns),
            Timer::Wrapping => {
                // `now_ns` already includes this batch, so it is the end of the batch.
                let stamp = |ns: u64| ns & 0xff_ffff;
                let end = now_ns;
                return (Some(stamp(end).wrapping_sub(stamp(end - true_ns as u64))), 0);
            }
            Timer::Sporadic if samples.is_multiple_of(10) => return (None, 1),
            Timer::Sporadic => ticks(true_ns, self.tick_ns),
        };
        (Some(ns as u64), 0)
    }

    /// Parses a script.
    ///
    /// # Errors
    /// Returns a message with the line if `text` is not TOML or has an unknown field or value.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }
}

/// Deserializes devices. Fields that are not given have the values of [`Script::device`].
fn devices<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Capabilities>, D::Error> {
    use serde::de::Error;
    let given = Vec::<serde_json::Map<String, serde_json::Value>>::deserialize(from)?;
    given
        .into_iter()
        .map(|fields| {
            let mut device = serde_json::to_value(Script::device()).map_err(D::Error::custom)?;
            for (name, value) in fields {
                match device.get_mut(&name) {
                    Some(field) => *field = value,
                    None => return Err(D::Error::custom(format!("a device has no `{name}`"))),
                }
            }
            serde_json::from_value(device).map_err(D::Error::custom)
        })
        .collect()
}

/// Behaviour of a device's timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// The timer works correctly.
    #[default]
    Honest,
    /// The device reports no timestamps.
    None,
    /// Every difference is zero, and the executor does not notice.
    Zero,
    /// Timestamps go backwards; the executor counts them as invalid.
    Negative,
    /// The resolution is 65.536 µs.
    Coarse,
    /// Every batch has the same device time of 4096 ns.
    Constant,
    /// Device times are too small by [`Script::timer_factor`], as if the driver reported a wrong period.
    WrongPeriod,
    /// Device time is host time multiplied by [`Script::timer_factor`].
    AboveHost,
    /// Timestamps have 24 bits but are subtracted as 64-bit numbers, so that the difference is huge when they
    /// wrap around.
    Wrapping,
    /// Every tenth pair of timestamps is unusable.
    Sporadic,
}

/// Rule that simulates a failure of certain requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Pattern of the keys of the cases, as for the option `-k`; all cases by default.
    #[serde(default = "every_case", deserialize_with = "pattern")]
    pub case: Pattern,
    /// Pattern of the kernel variants, matched against their text; all variants by default.
    #[serde(default = "every_case", deserialize_with = "pattern")]
    pub variant: Pattern,
    /// Kind of request that the rule applies to.
    pub on: On,
    /// Failure that occurs.
    pub act: Act,
    /// Number of matching requests of each case that pass before the rule applies; 0 by default.
    #[serde(default)]
    pub after: u32,
    /// Number of requests of each case that the rule applies to; `None` for all that follow.
    pub count: Option<u32>,
    /// Status of the response for [`Act::Error`]; `failed` by default.
    #[serde(default = "failed")]
    pub status: Failure,
    /// Reason in the response for [`Act::Error`].
    #[serde(default = "scripted")]
    pub reason: String,
    /// Factor of [`Act::Slow`], [`Act::Skip`], [`Act::Lie`] and [`Act::Understate`]; 10 by default.
    #[serde(default = "ten")]
    pub factor: f64,
}

impl Rule {
    /// Creates the rule that `act` occurs at every request `on` of the cases that match `case`.
    ///
    /// # Panics
    /// Panics if `case` is not a valid pattern.
    pub fn new(case: &str, on: On, act: Act) -> Self {
        Rule {
            case: Pattern::parse(case).expect("a pattern"),
            variant: every_case(),
            on,
            act,
            after: 0,
            count: None,
            status: failed(),
            reason: scripted(),
            factor: ten(),
        }
    }
}

fn every_case() -> Pattern {
    Pattern::parse("*").expect("a star is a pattern")
}

fn failed() -> Failure {
    Failure::Failed
}

fn scripted() -> String {
    "as the script says".into()
}

fn ten() -> f64 {
    10.0
}

fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<Pattern, D::Error> {
    Pattern::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// Kind of request that a rule applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// `hello`; its case counts as empty.
    Hello,
    /// `prepare`.
    Prepare,
    /// `sample`, including empty batches.
    Sample,
    /// `read`.
    Read,
    /// `poison`.
    Poison,
    /// `release`.
    Release,
    /// `inspect`.
    Inspect,
}

impl Script {
    /// Returns the answer to `inspect` for a plan of `steps` steps.
    pub(super) fn inspected(&self, steps: usize) -> Response {
        match &self.compiled {
            Some(compiled) => Response::Inspected { steps: vec![compiled.clone(); steps] },
            None => Response::Error {
                status: Failure::Unsupported,
                reason: "no compiler tells what it makes of kernels".into(),
            },
        }
    }
}

impl On {
    /// Returns the kind of `request` and its subject. `None` for `bye`.
    pub(super) fn of(request: &Request) -> Option<(On, Target<'_>)> {
        Some(match request {
            Request::Hello { .. } => (On::Hello, Target::Nothing),
            Request::Prepare(prepare) => (On::Prepare, Target::New(prepare)),
            Request::Sample { handle, .. } => (On::Sample, Target::Handle(*handle)),
            Request::Read { handle, .. } => (On::Read, Target::Handle(*handle)),
            Request::Poison { handle } => (On::Poison, Target::Handle(*handle)),
            Request::Release { handle } => (On::Release, Target::Handle(*handle)),
            Request::Inspect(_) | Request::InspectSpirv(_) => (On::Inspect, Target::Nothing),
            Request::Bye => return None,
        })
    }
}

/// Target of a request: none, a new preparation, or a handle.
pub(super) enum Target<'a> {
    Nothing,
    New(&'a Prepare),
    Handle(u32),
}

/// Failure that a rule simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The executor never answers.
    Hang,
    /// The process exits with status 3.
    Exit,
    /// The process aborts, which ends it by a signal.
    Abort,
    /// The executor writes a line that is not JSON, then the correct response.
    Garbage,
    /// The executor writes the first half of the response, then exits.
    HalfLine,
    /// Some output elements exceed their error bound. On `read` only that answer is wrong, on `sample` that
    /// batch computes wrong values, on `prepare` every later sample does.
    Wrong,
    /// The last sixteenth of the output stays poisoned; `read`, `sample` and `prepare` work as for `Wrong`.
    Unwritten,
    /// Executions take longer by [`Rule::factor`]. On `sample` this affects that batch, on `prepare` the
    /// compilation and every later sample.
    Slow,
    /// Executions whose output is computed already are shorter by [`Rule::factor`], as of a kernel that looks at
    /// its output first.
    Skip,
    /// The reported device time is the host time multiplied by [`Rule::factor`].
    Lie,
    /// The process really takes the time of the batch, and reports both times divided by [`Rule::factor`].
    Understate,
    /// The executor answers with an error of [`Rule::status`] and [`Rule::reason`].
    Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_toml_and_devices_name_only_what_differs() {
        let script = Script::from_toml(
            r#"
            seconds_per_flop = 1e-9
            timer = "above-host"
            [[devices]]
            id = "fake/Big/2.0"
            device_type = "discrete"
            [[devices]]
            takes = "cases"
            [[rules]]
            case = "gemm f32*"
            on = "sample"
            act = "half-line"
            after = 3
            "#,
        )
        .unwrap();
        assert_eq!((script.seconds_per_flop, script.timer), (1e-9, Timer::AboveHost));
        assert_eq!((&*script.devices[0].id, script.devices[0].subgroup_max), ("fake/Big/2.0", 8));
        assert_eq!(script.devices[1], Script::device().but(|it| it.takes = Takes::Cases));
        assert!(script.rules[0].case.matches("gemm f32 m32 n32 k16 nn"));
        assert_eq!((script.rules[0].act, script.rules[0].after), (Act::HalfLine, 3));
        for (text, part) in [
            ("speed = 1", "speed"),
            ("[[devices]]\nvolume = 3", "a device has no `volume`"),
            ("[[rules]]\non = 'sample'\nact = 'dance'", "dance"),
            ("[[rules]]\non = 'sample'\nact = 'hang'\ncase = '[a'", "not a pattern"),
        ] {
            let error = Script::from_toml(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
