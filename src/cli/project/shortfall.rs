//! What a projection lacks: times of its parts, or room for the model; and what would help.

use super::target::Target;
use crate::error::{Error, Result};
use portamark_model::catalog::Model;
use portamark_model::suite::model::Deployment;
use portamark_model::units;
use portamark_model::workload::DType;
use portamark_report::ModelOnDevice;

/// Largest degree of tensor parallelism.
const MOST_DEVICES: u64 = 1024;

/// Formats of weights that are suggested, the larger first.
const SMALLER_FORMATS: [&str; 2] = ["q8_0", "q4_0"];

/// Fails if no device has an estimate for one of the passes that were asked for, and says which times are missing.
/// `text` is the model with how it runs.
pub(super) fn none_is_estimated(found: &[ModelOnDevice], targets: &[Target], text: &str) -> Result<()> {
    let pass = |one: &ModelOnDevice| {
        let projection = &one.projection;
        (one.model.clone(), projection.phase.clone(), projection.batch, projection.context)
    };
    let estimated = |one: &&ModelOnDevice| {
        found.iter().any(|other| pass(other) == pass(one) && other.projection.tokens_per_s.is_some())
    };
    let Some(first) = found.iter().find(|one| !estimated(one)) else { return Ok(()) };
    let projection = &first.projection;
    let missing = projection.missing.len();
    let parts = missing + projection.parts.len();
    let reason = projection.missing.first().map_or("it has no parts", String::as_str);
    let more = if missing > 1 { format!(" (and {} more)", missing - 1) } else { String::new() };
    let hint = if targets.iter().any(|target| matches!(target, Target::Measured(_))) {
        format!("`portamark run \"model:{text}\"` measures the cases that it needs")
    } else {
        "`portamark catalog NAME` shows which figures are published".into()
    };
    Err(Error::usage_hint(
        format!(
            "no estimate of {} of {}: {missing} of {parts} parts have no time: {reason}{more}",
            projection.phase, first.model
        ),
        hint,
    ))
}

/// Fails if no projection fits into the memory of its device, and says what would fit.
pub(super) fn none_fits(found: &[ModelOnDevice], models: &[&Model], deployment: &Deployment) -> Result<()> {
    let short = |one: &&ModelOnDevice| one.fits() == Some(false);
    let Some(least) = found.iter().min_by_key(|one| one.memory.total()) else { return Ok(()) };
    if found.iter().filter(short).count() < found.len() {
        return Ok(());
    }
    let memory = found.iter().filter_map(|one| one.device_memory_bytes).max().unwrap_or(0);
    let model = models.iter().find(|model| model.name == least.model);
    let changes = model.map_or_else(Vec::new, |model| {
        let (batch, context) = (least.projection.batch, least.projection.context);
        Setup { model, deployment, batch, context }.changes_that_fit(memory)
    });
    let help = match &changes[..] {
        [] => format!("it fits on no number of devices up to {MOST_DEVICES}, also with smaller weights"),
        [one] => format!("it would fit with {one}"),
        [first @ .., last] => format!("it would fit with {} or {last}", first.join(", ")),
    };
    let needs = units::memory(least.memory.total());
    Err(Error::Gate(format!(
        "{} does not fit: it needs at least {needs} on each device, and the largest has {}; {help}",
        least.model,
        units::memory(memory)
    )))
}

/// A model as it is to be run.
struct Setup<'a> {
    model: &'a Model,
    deployment: &'a Deployment,
    batch: u64,
    context: u64,
}

impl Setup<'_> {
    /// Returns the smallest changes of one setting each that make the model fit into `memory` bytes on each
    /// device, as they are written: more devices, a smaller format of weights, a smaller batch, a shorter context.
    /// If no single one does, more devices together with the smallest format.
    fn changes_that_fit(&self, memory: u64) -> Vec<String> {
        let smaller: Vec<&str> =
            SMALLER_FORMATS.into_iter().filter(|format| self.is_smaller(format)).collect();
        let fits = |deployment: &Deployment, batch: u64, context: u64| {
            deployment.memory(self.model, batch, context).is_ok_and(|needs| needs.total() <= memory)
        };
        let weights = |format: &str| Deployment { weights: format.into(), ..self.deployment.clone() };
        let shared = |by: &Deployment| {
            let more = std::iter::successors(Some(2u64), |degree| Some(2 * degree));
            more.take_while(|degree| *degree <= MOST_DEVICES)
                .filter(|degree| *degree > by.tensor_parallel)
                .find(|degree| {
                    fits(&Deployment { tensor_parallel: *degree, ..by.clone() }, self.batch, self.context)
                })
        };
        let halves = |size: u64| std::iter::successors(Some(size / 2), |size| Some(size / 2));
        let devices = shared(self.deployment).map(|degree| format!("tp{degree}"));
        let format = smaller.iter().find(|format| fits(&weights(format), self.batch, self.context));
        let batch = halves(self.batch).take_while(|batch| *batch > 0);
        let batch = batch.into_iter().find(|batch| fits(self.deployment, *batch, self.context));
        let context = halves(self.context).take_while(|context| *context > 0);
        let context = context.into_iter().find(|context| fits(self.deployment, self.batch, *context));
        let changes: Vec<String> = [
            devices,
            format.map(|format| format.to_string()),
            batch.map(|batch| format!("b{batch}")),
            context.map(|context| format!("c{context}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        match smaller.last() {
            Some(format) if changes.is_empty() => {
                shared(&weights(format)).map(|degree| format!("tp{degree} {format}")).into_iter().collect()
            }
            _ => changes,
        }
    }

    /// Whether weights in `format` need less memory than as they are.
    fn is_smaller(&self, format: &str) -> bool {
        let bytes = |name: &str| DType::parse(name).map(|format| format.bytes(1 << 20));
        bytes(format) < bytes(&self.deployment.weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::suite::model::parse;

    fn changes(text: &str, gigabytes: u64) -> Vec<String> {
        let (model, deployment) = parse(text).unwrap();
        let (batch, context) = (deployment.batch[0], deployment.context[0]);
        Setup { model, deployment: &deployment, batch, context }.changes_that_fit(gigabytes * 1_000_000_000)
    }

    #[test]
    fn each_change_that_would_help_is_named_and_no_other() {
        // 16.1 GB of weights, 8.0 GB of them on each of two devices; q8_0 takes 17/32 of 15.0 GB and 1.05 GB for
        // the embedding. A smaller batch of one or a shorter context saves too little.
        assert_eq!(changes("llama-3.1-8b", 10), ["tp2", "q8_0"]);
        // A cache of 64·4096·131072 B = 34.4 GB: half of the sequences, or of the context, leaves 33.2 GB.
        assert_eq!(changes("llama-3.1-8b b64", 39), ["tp2", "b32", "c2048"]);
        // Already shared by 8: twice as many, with 8.8 GB of weights each.
        assert_eq!(changes("llama-3.1-70b tp8", 12), ["tp16", "q8_0"]);
        // 32 devices would need key heads that they have: 1.4 TB fit nowhere in 1 GB.
        assert_eq!(changes("deepseek-v3 tp8", 1), [""; 0]);
    }
}
