//! Projection of a model's forward pass onto a device, from the device's rows.
//!
//! A pass is a list of cases, each executed a number of times, one after the other. A measured case takes the
//! time of its row. Any other case is read off the curve of the measured ones: rows of the same family and
//! precision reach a fraction e = t_bound/t of the measured roof, with t_bound = max(FLOP/P, bytes/B)
//! (Williams, Waterman, Patterson, CACM 52(4) 2009); ln e is interpolated over ln t_bound between the nearest
//! smaller and the nearest larger case. That is an estimate and marked as one, as is a value beyond the ends
//! of the curve.

use super::ceiling::Ceilings;
use super::device::Device;
use super::projection_curve::{Curve, Neighbours};
use super::rate::proven_seconds;
use super::roofline::Resource;
use portamark_model::suite::model::{Part, Pass, Phase};
use portamark_model::workload::Case;
use serde::Serialize;

/// Basis of a time: how it was obtained.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "basis")]
pub enum Basis {
    /// Measured on the device.
    Measured,
    /// Interpolated between two measured cases.
    Interpolated {
        /// Key of the nearest case with less work.
        smaller: String,
        /// Key of the nearest case with more work.
        larger: String,
    },
    /// Extrapolated beyond the measured cases, with the efficiency of the nearest one.
    Extrapolated {
        /// Key of that nearest case.
        from: String,
    },
    /// Predicted without any measurement on the device: published peaks times an efficiency from elsewhere.
    Predicted {
        /// Assumed fraction of the published roof.
        efficiency: f64,
        /// Source of the efficiency, in words.
        from: String,
    },
    /// Shortest time that the compiled kernel can take by published figures: a bound, compiled and not measured.
    Compiled {
        /// Variant that was compiled.
        variant: String,
        /// Largest share of the published peak that it can issue. Absent if the bandwidth bounds it.
        ceiling: Option<f64>,
    },
}

/// Time of one part of a pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartTime {
    /// Name of the part in the model.
    pub name: String,
    /// Case key.
    pub case: String,
    /// Routing of the tokens to experts, in words; `None` if the case has no experts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<String>,
    /// Number of executions per pass.
    pub times: u64,
    /// Number of equal pieces in which one layer computes the operation, each of which is `case`.
    pub pieces: u64,
    /// Seconds of one execution.
    pub seconds: f64,
    /// Lower end of the time in seconds: that of the measured median's confidence interval, or the time at
    /// the best of the efficiencies that were used. `None` if the curve has only one measured case.
    pub lo: Option<f64>,
    /// Upper end of the time in seconds, in the same way.
    pub hi: Option<f64>,
    /// Median seconds of one execution in each process that measured the case; empty if it was not measured.
    #[serde(skip)]
    pub process_s: Vec<f64>,
    /// How the time was obtained.
    #[serde(flatten)]
    pub basis: Basis,
    /// Resource that needs more time, `compute` or `memory`; `None` if a ceiling is missing.
    pub binds: Option<&'static str>,
}

impl PartTime {
    /// Returns the seconds of all its executions in a pass.
    pub fn total_s(&self) -> f64 {
        self.times as f64 * self.seconds
    }
}

/// Projected time of a pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Projection {
    /// `prefill` or `decode`.
    pub phase: String,
    /// Number of sequences.
    pub batch: u64,
    /// Tokens per sequence: those that are prefilled, or those before the decoded one.
    pub context: u64,
    /// Whether this is a prediction from published figures, with nothing measured on the device.
    pub predicted: bool,
    /// Tokens that the pass processes, over all sequences.
    pub tokens: u64,
    /// Parts whose time is known.
    pub parts: Vec<PartTime>,
    /// Parts without a time, with the reason; also parts of the model that the projection does not cover.
    pub missing: Vec<String>,
    /// Total seconds of all known parts, without communication, host time and missing parts.
    pub seconds: f64,
    /// Sum of the lower ends in seconds; `None` unless all parts have one. All parts are assumed to be at
    /// their lower ends together, which is wider than if they were independent.
    pub lo: Option<f64>,
    /// Sum of the upper ends in seconds, in the same way.
    pub hi: Option<f64>,
    /// Tokens per second, over all sequences; `None` if a part is missing.
    pub tokens_per_s: Option<f64>,
}

/// Returns the shortest possible time of `case` in seconds by the measured ceilings, and the resource that
/// limits it. For a format without a roof the rate of another one takes its place: it cancels between two cases of
/// one format, which are all that is compared.
fn bound(ceilings: &Ceilings, case: &Case) -> Option<(f64, Resource)> {
    let compute = case.flop() as f64 / ceilings.compute_scale(case.precision())?;
    let memory = case.bytes() as f64 / ceilings.memory_roof()?.rate;
    let binds = if memory > compute { Resource::Memory } else { Resource::Compute };
    Some(compute.max(memory)).filter(|bound| *bound > 0.0 && bound.is_finite()).map(|bound| (bound, binds))
}

/// Returns the time of one part from the rows of `device`.
///
/// # Errors
/// Returns a message if no measured row allows an estimate.
fn time(device: &Device<'_>, part: &Part) -> Result<PartTime, String> {
    let key = part.case.key();
    let bounded = bound(&device.ceilings, &part.case);
    let roof = device.ceilings.compute_roof(part.case.precision());
    let of = |seconds: f64, lo: Option<f64>, hi: Option<f64>, basis: Basis| PartTime {
        name: part.name.clone(),
        case: key.clone(),
        routing: part.case.routing(),
        times: part.times,
        pieces: part.pieces,
        seconds,
        lo,
        hi,
        process_s: Vec::new(),
        basis,
        binds: bounded.filter(|_| roof.is_some()).map(|(_, resource)| resource.name()),
    };
    let same = device.entries.iter().find(|entry| entry.row.case == key);
    if let Some((row, seconds)) = same.and_then(|entry| Some((entry.row, proven_seconds(entry.row)?))) {
        let summary = row.timing.as_ref().map(|timing| &timing.summary);
        let (lo, hi) = (summary.and_then(|s| s.ci_lo), summary.and_then(|s| s.ci_hi));
        let process_s = device.processes(row).into_iter().filter_map(proven_seconds).collect();
        return Ok(PartTime { process_s, ..of(seconds, lo, hi, Basis::Measured) });
    }
    let why = |reason: &str| {
        let told = same.map(|entry| format!("it is {} there", entry.row.status));
        format!("{}, `{key}`: {}{reason}", part.name, told.map_or(String::new(), |told| told + "; "))
    };
    let (bound_s, _) = bounded
        .ok_or_else(|| why("not measured, and there are no `peak` and `stream` rows to estimate it from"))?;
    let curve =
        Curve::of(device, &part.case, |_, case| bound(&device.ceilings, case).map(|(bound_s, _)| bound_s));
    let reading =
        curve.at(bound_s).ok_or_else(|| why("no case of the same family and formats was measured"))?;
    let (lo, hi) =
        reading.ends.map_or((None, None), |(low, high)| (Some(bound_s / high), Some(bound_s / low)));
    let basis = match reading.neighbours {
        Neighbours::Between(smaller, larger) => {
            Basis::Interpolated { smaller: smaller.into(), larger: larger.into() }
        }
        Neighbours::Beyond(from) => Basis::Extrapolated { from: from.into() },
    };
    Ok(of(bound_s / reading.middle, lo, hi, basis))
}

/// Projects `pass` onto `device`, using the rows measured there.
pub fn project(device: &Device<'_>, pass: &Pass) -> Projection {
    assemble(pass, |part| time(device, part))
}

/// Builds the projection of `pass` from the time of each part, or from the reason why a part has none.
pub(super) fn assemble(pass: &Pass, time: impl Fn(&Part) -> Result<PartTime, String>) -> Projection {
    let mut parts = Vec::new();
    let mut missing = pass.left_out.clone();
    for part in &pass.parts {
        match time(part) {
            Ok(time) => parts.push(time),
            Err(reason) => missing.push(reason),
        }
    }
    let seconds: f64 = parts.iter().map(PartTime::total_s).sum();
    let sum = |end: fn(&PartTime) -> Option<f64>| {
        parts.iter().map(|part| Some(part.times as f64 * end(part)?)).sum::<Option<f64>>()
    };
    let tokens = match pass.phase {
        Phase::Prefill => pass.batch * pass.context,
        Phase::Decode => pass.batch,
    };
    let whole = missing.is_empty() && seconds > 0.0;
    Projection {
        phase: pass.phase.to_string(),
        batch: pass.batch,
        context: pass.context,
        predicted: false,
        tokens,
        seconds,
        lo: sum(|part| part.lo),
        hi: sum(|part| part.hi),
        tokens_per_s: whole.then(|| tokens as f64 / seconds),
        parts,
        missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Comparison;
    use portamark_fixtures::fixture;

    // P = 4096 FLOP/s in f32, B = 8192 B/s.
    const ROOF: [(&str, f64); 2] = [("peak f32 fma c64 s32", 1.0), ("stream f32 copy n1024", 1.0)];

    fn pass(keys: &[(&str, u64)]) -> Pass {
        let part = |(key, times): &(&str, u64)| Part {
            name: "part".into(),
            case: key.parse().unwrap(),
            times: *times,
            pieces: 1,
        };
        Pass {
            phase: Phase::Decode,
            batch: 4,
            context: 64,
            parts: keys.iter().map(part).collect(),
            left_out: Vec::new(),
        }
    }

    fn projected(rows: &[(&str, f64)], keys: &[(&str, u64)]) -> Projection {
        let rows = rows.iter().map(|(key, seconds)| fixture::ok_row(key, *seconds)).collect();
        let runs = [fixture::file(fixture::h100_header(), rows)];
        project(&Comparison::new(&runs).devices[0], &pass(keys))
    }

    #[test]
    fn measured_parts_add_up() {
        let rows = [("gemm f32 m4 n4 k4 nn", 0.25), ("gemm f32 m8 n8 k8 nn", 0.5)];
        let found = projected(&rows, &[("gemm f32 m4 n4 k4 nn", 3), ("gemm f32 m8 n8 k8 nn", 2)]);
        assert_eq!(found.seconds, 3.0 * 0.25 + 2.0 * 0.5);
        assert_eq!(found.tokens_per_s, Some(4.0 / 1.75));
        assert!(found.lo.unwrap() < 1.75 && found.hi.unwrap() > 1.75);
        assert!(found.parts.iter().all(|part| part.basis == Basis::Measured));
    }

    #[test]
    fn what_was_not_measured_lies_between_its_neighbours() {
        // t_bound of m = n = k = 32 is 2·32³/4096 = 16 s, of 128 it is 1024 s. They reach 1/4 and 1 of the
        // roof; the 128 s of 64 lie halfway between them in ln t_bound: e = 1/2.
        let rows = [&ROOF[..], &[("gemm f32 m32 n32 k32 nn", 64.0), ("gemm f32 m128 n128 k128 nn", 1024.0)]]
            .concat();
        let found = projected(&rows, &[("gemm f32 m64 n64 k64 nn", 1)]);
        let part = &found.parts[0];
        assert!((part.seconds / 256.0 - 1.0).abs() < 1e-9, "{part:?}");
        assert!((part.lo.unwrap() / 128.0 - 1.0).abs() < 1e-9, "{part:?}");
        assert!((part.hi.unwrap() / 512.0 - 1.0).abs() < 1e-9, "{part:?}");
        assert_eq!(part.binds, Some("compute"));
        let Basis::Interpolated { smaller, larger } = &part.basis else { panic!("{part:?}") };
        assert_eq!(
            (smaller.as_str(), larger.as_str()),
            ("gemm f32 m32 n32 k32 nn", "gemm f32 m128 n128 k128 nn")
        );
    }

    #[test]
    fn beyond_the_curve_the_nearest_case_tells_and_its_spread() {
        let rows = [&ROOF[..], &[("gemm f32 m32 n32 k32 nn", 64.0), ("gemm f32 m128 n128 k128 nn", 1024.0)]]
            .concat();
        // m = 256: t_bound 8192 s, as good as 128: e = 1, and at worst as bad as 32: e = 1/4.
        let found = projected(&rows, &[("gemm f32 m256 n256 k256 nn", 1)]);
        let part = &found.parts[0];
        assert!(
            (part.seconds / 8192.0 - 1.0).abs() < 1e-9 && (part.hi.unwrap() / 32768.0 - 1.0).abs() < 1e-9
        );
        assert_eq!(part.basis, Basis::Extrapolated { from: "gemm f32 m128 n128 k128 nn".into() });
        // A single case gives no range.
        let found = projected(&rows[..3], &[("gemm f32 m256 n256 k256 nn", 1)]);
        assert_eq!((found.parts[0].lo, found.lo), (None, None));
    }

    #[test]
    fn other_formats_and_prefill_tell_nothing_of_a_decode_step() {
        let rows =
            [&ROOF[..], &[("attention f32 b1 hq2 hkv2 q64 kv64 d64", 1.0), ("gemm f32 m32 n32 k32 nn", 1.0)]]
                .concat();
        for key in ["attention f32 b1 hq2 hkv2 q1 kv64 d64", "gemm f16.f32 m32 n32 k32 nn"] {
            let found = projected(&rows, &[(key, 1), ("gemm f32 m32 n32 k32 nn", 1)]);
            assert_eq!((found.parts.len(), found.tokens_per_s), (1, None));
            assert_eq!(
                found.missing,
                [format!("part, `{key}`: no case of the same family and formats was measured")]
            );
        }
    }

    #[test]
    fn without_ceilings_only_measured_cases_have_a_time() {
        let found = projected(&[("gemm f32 m32 n32 k32 nn", 1.0)], &[("gemm f32 m64 n64 k64 nn", 1)]);
        assert!(
            found.missing[0].ends_with("no `peak` and `stream` rows to estimate it from"),
            "{:?}",
            found.missing
        );
    }
}
