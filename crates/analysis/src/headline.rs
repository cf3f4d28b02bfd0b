//! Summary of a device: its headline rates, and the caveats that qualify them.

use super::device::{Device, Entry};
use super::plausibility::Roof;
use portamark_model::workload::{Attention, Case, DType, StreamOp};
use portamark_results::{Status, Tag, TimerChoice};

/// Best verified row for each of the four headline metrics.
#[derive(Debug, Clone, Copy)]
pub struct Headline<'d, 'a> {
    /// Matrix product in f32; `None` if there is no verified row, as in the other fields.
    pub gemm_f32: Option<&'d Entry<'a>>,
    /// Matrix product of f16 inputs, with any accumulator.
    pub gemm_f16: Option<&'d Entry<'a>>,
    /// Memory copy (`stream … copy`).
    pub copy: Option<&'d Entry<'a>>,
    /// Prefill attention, over whole sequences, in any precision.
    pub attention: Option<&'d Entry<'a>>,
}

/// Names of the four headline metrics, in report order.
pub const HEADLINES: [&str; 4] = ["f32 GEMM", "f16 GEMM", "copy", "attention"];

impl<'d, 'a> Headline<'d, 'a> {
    /// Finds the best verified rows of `device`.
    pub fn of(device: &'d Device<'a>) -> Self {
        let best = |wanted: fn(&Case) -> bool| {
            device
                .measured()
                .filter(|(_, case, _)| wanted(case))
                .max_by(|(.., a), (.., b)| a.value.total_cmp(&b.value))
                .map(|(entry, ..)| entry)
        };
        Headline {
            gemm_f32: best(|case| matches!(case, Case::Gemm(g) if g.precision.input == DType::F32)),
            gemm_f16: best(|case| matches!(case, Case::Gemm(g) if g.precision.input == DType::F16)),
            copy: best(|case| matches!(case, Case::Stream(s) if s.op == StreamOp::Copy)),
            attention: best(|case| matches!(case, Case::Attention(a) if !Attention::is_decode(a))),
        }
    }

    /// Returns the four metrics with their names, in report order.
    pub fn items(&self) -> [(&'static str, Option<&'d Entry<'a>>); 4] {
        let entries = [self.gemm_f32, self.gemm_f16, self.copy, self.attention];
        std::array::from_fn(|place| (HEADLINES[place], entries[place]))
    }
}

/// Returns the caveats on the numbers of a device, most important first, as clauses without a full stop.
pub fn caveats(device: &Device) -> Vec<String> {
    let mut out = Vec::new();
    let header = device.header;
    if header.device.is_software_driver() {
        out.push("software driver: measures the host CPU".into());
    }
    let wrong = device.count(Status::Wrong);
    if wrong > 0 {
        out.push(format!("{} wrong by the oracle", rows(wrong)));
    }
    if header.timer.chosen == TimerChoice::Host {
        let why: Vec<String> = header.timer.findings.iter().map(|f| super::clean(f)).collect();
        let why = if why.is_empty() { "no reason was recorded".into() } else { why.join("; ") };
        out.push(format!("timer fell back to the host clock: {why}"));
    }
    let broken = device.defects() - wrong;
    if broken > 0 {
        out.push(format!("{} failed, timed out or crashed", rows(broken)));
    }
    if device.interrupted() > 0 {
        out.push("the run was interrupted: cases are missing".into());
    }
    for tag in [Tag::Throttled, Tag::Noisy] {
        let tagged = device.tagged(&tag);
        if tagged > 0 {
            out.push(format!("{} {tag}", rows(tagged)));
        }
    }
    let above = |is: fn(&Roof) -> bool| {
        device.entries.iter().filter(|entry| entry.excess.is_some_and(|excess| is(&excess.roof))).count()
    };
    for (count, roof) in [
        (above(|roof| matches!(roof, Roof::Published(_))), "published"),
        (above(|roof| matches!(roof, Roof::Measured)), "measured"),
    ] {
        if count > 0 {
            out.push(format!("{} above the {roof} roof", rows(count)));
        }
    }
    let several = device.entries.iter().filter(|e| device.others_of(&e.row.case).next().is_some());
    match several.count() {
        0 => {}
        1 => out.push("1 case was measured by several kernel variants; its fastest is shown".into()),
        n => {
            out.push(format!(
                "{n} cases were measured by several kernel variants; the fastest of each is shown"
            ));
        }
    }
    if device.superseded > 0 {
        let n = device.superseded;
        out.push(format!("the newest row of each case is shown, {} skipped", older(n)));
    }
    let unknown = device.not_understood().count();
    if unknown > 0 {
        out.push(format!("{} not understood by this version", rows(unknown)));
    }
    out
}

fn rows(n: usize) -> String {
    if n == 1 { "1 row".into() } else { format!("{n} rows") }
}

fn older(n: usize) -> String {
    if n == 1 { "1 older one".into() } else { format!("{n} older ones") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Comparison;
    use portamark_fixtures::fixture;

    #[test]
    fn the_best_proven_row_of_each_kind_is_the_headline() {
        let runs = fixture::two_devices();
        let comparison = Comparison::new(&runs);
        let headline = Headline::of(&comparison.devices[0]);
        let keys: Vec<&str> =
            headline.items().iter().filter_map(|(_, e)| e.map(|e| e.row.case.as_str())).collect();
        assert_eq!(
            keys,
            [
                "gemm f32 m4096 n4096 k4096 nn",
                "gemm f16.f32 m4096 n4096 k4096 nn",
                "stream f32 copy n268435456",
                "attention f16.f32 b1 hq32 hkv8 q8192 kv8192 d128",
            ]
        );
    }

    #[test]
    fn the_caveat_that_matters_most_comes_first() {
        let runs = fixture::two_devices();
        let comparison = Comparison::new(&runs);
        let [hardware, software] = &comparison.devices[..] else { panic!("two devices") };
        assert_eq!(caveats(hardware), ["1 row throttled"]);
        let said = caveats(software);
        assert_eq!(said[0], "software driver: measures the host CPU");
        assert_eq!(said[1], "1 row wrong by the oracle");
        assert!(said[2].starts_with("timer fell back to the host clock: "), "{said:?}");
        assert!(said.contains(&"the run was interrupted: cases are missing".to_string()), "{said:?}");
    }

    #[test]
    fn a_row_above_the_roof_is_told_with_its_likely_cause() {
        let rows = vec![
            fixture::ok_row("peak f32 fma c64 s32", 1.0),
            fixture::ok_row("stream f32 copy n1024", 1.0),
            fixture::ok_row("gemm f32 m4 n4 k4 nn", 1e-3),
        ];
        let runs = [fixture::file(fixture::h100_header(), rows)];
        let comparison = Comparison::new(&runs);
        assert_eq!(caveats(&comparison.devices[0]), ["1 row above the measured roof"]);
        let excess = comparison.devices[0].entries.iter().find_map(|entry| entry.excess).unwrap();
        assert!(excess.words().contains("peak"), "{excess:?}");
    }
}
