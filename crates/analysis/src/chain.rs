//! A layer measured as one chain of launches, compared with the sum of its parts: tells whether separately
//! measured times may be added up.

use super::device::Device;
use super::projection::Projection;
use super::rate::proven_seconds;
use portamark_model::catalog::Model;
use portamark_model::suite::model::Pass;
use serde::Serialize;

/// Sum of a layer's part times, each counted once, compared with the layer measured as one chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainCheck {
    /// Case key of the chain.
    pub case: String,
    /// Sum of the part times in seconds, as projected.
    pub parts_s: f64,
    /// Measured time of the chain in seconds.
    pub chain_s: f64,
    /// `parts_s` over `chain_s`: 1 if times add up exactly.
    pub ratio: f64,
}

impl ChainCheck {
    /// Checks `projection` of `pass` on `device`. `None` unless `run --chain` measured the layer there and
    /// all its parts have a time.
    pub fn of(device: &Device, model: &Model, pass: &Pass, projection: &Projection) -> Option<Self> {
        let case = pass.layer(model)?.key();
        let entry = device.entries.iter().find(|entry| entry.row.case == case)?;
        let chain_s = proven_seconds(entry.row)?;
        let part = |name: &str, case: String| {
            projection.parts.iter().find(|part| part.name == name && part.case == case)
        };
        let parts_s = pass
            .layer_parts(model)
            .map(|own| Some(own.pieces as f64 * part(&own.name, own.case.key())?.seconds))
            .sum::<Option<f64>>()?;
        Some(ChainCheck { case, parts_s, chain_s, ratio: parts_s / chain_s })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Comparison, project};
    use portamark_fixtures::fixture;
    use portamark_model::suite::model::parse;

    #[test]
    fn the_parts_without_the_head_are_held_against_the_chain() {
        let (model, deployment) = parse("llama-3.1-8b b1 c512 decode").unwrap();
        let pass = &deployment.passes(model).unwrap()[0];
        // Parts of 1, 2, 4, … ms; one of them is the head.
        let key = |place: usize| pass.parts[place].case.key();
        let mut rows: Vec<_> = (0..pass.parts.len())
            .map(|place| fixture::ok_row(&key(place), 1e-3 * (1 << place) as f64))
            .collect();
        let head = pass.parts.iter().position(|part| part.times == 1).unwrap();
        let check = |rows: &[portamark_results::Row]| {
            let runs = [fixture::file(fixture::h100_header(), rows.to_vec())];
            let comparison = Comparison::new(&runs);
            let device = &comparison.devices[0];
            ChainCheck::of(device, model, pass, &project(device, pass))
        };
        assert_eq!(check(&rows), None, "no chain was measured");
        let chain = pass.layer(model).unwrap().key();
        rows.push(fixture::ok_row(&chain, 0.05));
        let found = check(&rows).unwrap();
        let parts_s = 1e-3 * (63 - (1 << head)) as f64;
        assert!((found.parts_s - parts_s).abs() < 1e-12 && found.chain_s == 0.05, "{found:?}");
        assert!((found.ratio - parts_s / 0.05).abs() < 1e-9);
        // If one part is missing, the layer has no sum.
        rows.remove(if head == 0 { 1 } else { 0 });
        assert_eq!(check(&rows), None);
    }
}
