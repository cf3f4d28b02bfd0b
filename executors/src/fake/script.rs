//! What a fake executor is told to be: its devices, its speed, and what goes wrong when.

use crate::protocol::{Failure, PROTOCOL, Prepare, Request};
use portamark_model::device::{Capabilities, DeviceType, Feature, Takes, TimerKind};
use portamark_model::suite::Pattern;
use serde::{Deserialize, Deserializer};

/// A script, in TOML:
///
/// ```toml
/// seconds_per_flop = 1e-9
/// timer = "coarse"
/// noise = 0.01
///
/// [[devices]]                      # what is not named is as in `Script::device`
/// id = "fake/Other device/2.0"
///
/// [[rules]]
/// case = "gemm*"                   # as for -k
/// on = "sample"
/// after = 10
/// act = "hang"
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Name and version of the executor.
    pub executor: String,
    /// The version of the protocol that it claims to speak.
    pub protocol: u32,
    /// Its devices.
    #[serde(deserialize_with = "devices")]
    pub devices: Vec<Capabilities>,
    /// Time of one FLOP.
    pub seconds_per_flop: f64,
    /// Memory bandwidth. An execution takes as long as the slower of arithmetic and memory.
    pub bytes_per_second: f64,
    /// What host time has over device time for each batch.
    pub overhead_ns: f64,
    /// Device time of an empty pass, also part of each batch.
    pub pass_ns: f64,
    /// Device times are multiples of this.
    pub tick_ns: f64,
    /// Time to compile.
    pub compile_ns: u64,
    /// Device times vary evenly by up to this part, up and down.
    pub noise: f64,
    /// Seed of the noise.
    pub noise_seed: u32,
    /// Bytes that the device has.
    pub memory_bytes: u64,
    /// How the device's timer behaves.
    pub timer: Timer,
    /// What [`Timer::WrongPeriod`] and [`Timer::AboveHost`] multiply by.
    pub timer_factor: f64,
    /// What goes wrong; the first rule that fits a request is taken.
    pub rules: Vec<Rule>,
}

impl Default for Script {
    /// A device of 1 TFLOP/s and 100 GB/s whose timer ticks each nanosecond, with 8 GB of memory.
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
            memory_bytes: 8_000_000_000,
            timer: Timer::Honest,
            timer_factor: 10.0,
            rules: Vec::new(),
        }
    }
}

impl Script {
    /// The device that is there when a script names none: `fake/Fake device/1.0`.
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
        // Made up, so that a test sees it if a file ever holds one.
        device.pci_bus_id = Some("0000:65:00.0".into());
        device
    }

    /// Reads a script; the error names the line.
    ///
    /// # Errors
    /// When it is not TOML or has a word that no script has.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }
}

/// Reads devices of which only what differs from [`Script::device`] is given.
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

/// How a device's timer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// As it should.
    #[default]
    Honest,
    /// There are no timestamps.
    None,
    /// Every difference is zero, and the executor does not notice.
    Zero,
    /// Timestamps go backwards; the executor counts them as invalid.
    Negative,
    /// It ticks each 65.536 µs.
    Coarse,
    /// The same time for every batch, however long.
    Constant,
    /// Times are too small by the factor: the driver's period is wrong.
    WrongPeriod,
    /// Device time exceeds host time by the factor.
    AboveHost,
    /// Stamps are of 24 bits, and their difference is taken in 64: it is huge where they wrap.
    Wrapping,
    /// Every tenth pair of stamps is unusable.
    Sporadic,
}

/// What goes wrong, with which requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Cases, as for `-k`; all when it is not given.
    #[serde(default = "every_case", deserialize_with = "pattern")]
    pub case: Pattern,
    /// Variants by their text; all when it is not given.
    #[serde(default = "every_case", deserialize_with = "pattern")]
    pub variant: Pattern,
    /// Which request.
    pub on: On,
    /// What happens.
    pub act: Act,
    /// So many requests of a case pass before.
    #[serde(default)]
    pub after: u32,
    /// To so many requests of a case it happens; to all that follow when it is not given.
    pub count: Option<u32>,
    /// The status of an error.
    #[serde(default = "failed")]
    pub status: Failure,
    /// The reason of an error.
    #[serde(default = "scripted")]
    pub reason: String,
    /// What a slow request's time, or a lying clock, is multiplied by.
    #[serde(default = "ten")]
    pub factor: f64,
}

impl Rule {
    /// The rule that `act` happens on each request `on` of the cases that match.
    ///
    /// # Panics
    /// When `case` is no pattern.
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

/// The requests that rules can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// `hello`; its case is empty.
    Hello,
    /// `prepare`.
    Prepare,
    /// `sample`; an empty batch is one too.
    Sample,
    /// `read`.
    Read,
    /// `poison`.
    Poison,
    /// `release`.
    Release,
}

impl On {
    /// Which one a request is, and its handle or case.
    pub(super) fn of(request: &Request) -> Option<(On, Subject<'_>)> {
        Some(match request {
            Request::Hello { .. } => (On::Hello, Subject::Nothing),
            Request::Prepare(prepare) => (On::Prepare, Subject::New(prepare)),
            Request::Sample { handle, .. } => (On::Sample, Subject::Handle(*handle)),
            Request::Read { handle, .. } => (On::Read, Subject::Handle(*handle)),
            Request::Poison { handle } => (On::Poison, Subject::Handle(*handle)),
            Request::Release { handle } => (On::Release, Subject::Handle(*handle)),
            Request::Bye => return None,
        })
    }
}

/// What a request is about.
pub(super) enum Subject<'a> {
    Nothing,
    New(&'a Prepare),
    Handle(u32),
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// No answer, ever.
    Hang,
    /// The process ends with status 3.
    Exit,
    /// The process ends by a signal.
    Abort,
    /// A line that is no JSON, and on as if nothing were.
    Garbage,
    /// The first half of the response, then the process ends.
    HalfLine,
    /// Output elements beyond their bound: a `read` gives them, a `sample` computes them, after a
    /// `prepare` each sample does.
    Wrong,
    /// Output elements at the end keep the poison, in the same way.
    Unwritten,
    /// Executions take longer by the factor: those of a `sample`, or after a `prepare` all; compiling
    /// does too.
    Slow,
    /// The device's clock says the factor times what the host's does.
    Lie,
    /// An error.
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
