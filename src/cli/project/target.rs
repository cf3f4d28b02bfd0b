//! Targets of a projection: a measured device, or an accelerator of the catalogue.

use super::super::catalog::not_one;
use super::super::output::quoted;
use crate::error::{Error, Result};
use portamark_analysis::{
    ChainCheck, Comparison, Device, EfficiencySource, Projection, accelerator, measured_power, predict,
    project,
};
use portamark_model::catalog::{Accelerator, Catalog, Model, Models};
use portamark_model::suite::model::Pass;

/// A measured device, or an accelerator that is predicted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'c, 'a> {
    Measured(&'c Device<'a>),
    Predicted(&'static Accelerator),
}

/// Meaning of one value of `--compare`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word<'c, 'a> {
    Target(Target<'c, 'a>),
    Model(&'static Model),
}

impl Target<'_, '_> {
    pub(super) fn label(&self) -> String {
        match self {
            Target::Measured(device) => device.label.clone(),
            Target::Predicted(row) => row.full_name(),
        }
    }

    /// Returns its entry in the catalogue, if there is one.
    pub(super) fn accelerator(&self) -> Option<&'static Accelerator> {
        match self {
            Target::Measured(device) => accelerator(device.header),
            Target::Predicted(row) => Some(row),
        }
    }

    /// Returns the device memory in bytes: as the driver reports it, or else the published figure. `None` for a
    /// software driver: it uses host memory, whose size its heap does not report.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        match self {
            Target::Measured(device) => {
                let told = &device.header.device;
                told.limits.memory_bytes.filter(|_| !told.is_software())
            }
            Target::Predicted(row) => row.memory_gib.map(|size| (size * (1u64 << 30) as f64) as u64),
        }
    }

    /// Returns the power in watts measured while the cases of `projection` ran.
    pub(super) fn measured_power(&self, projection: &Projection) -> Option<f64> {
        match self {
            Target::Measured(device) => measured_power(device, projection),
            Target::Predicted(_) => None,
        }
    }

    /// Whether `name` means this target: an accelerator of the catalogue by its exact name, so that `h20` is not an
    /// H200, or else part of its label or id. The name of a package also means a die of it, which has the same name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        if let (Some(named), Some(own)) = (Catalog::embedded().named(name), self.accelerator()) {
            let by_id = named.id == name.trim().to_lowercase();
            return named.id == own.id || (!by_id && named.product() == own.product());
        }
        let part = name.trim().to_lowercase();
        let has = |text: &str| !part.is_empty() && text.to_lowercase().contains(&part);
        match self {
            Target::Measured(device) => has(&device.label) || has(&device.header.device.id),
            Target::Predicted(row) => has(&self.label()) || has(&row.id),
        }
    }

    /// Returns the measured layer chain and the sum of its parts, if both were measured.
    pub(super) fn chain(&self, model: &Model, pass: &Pass, projection: &Projection) -> Option<ChainCheck> {
        match self {
            Target::Measured(device) => ChainCheck::of(device, model, pass, projection),
            Target::Predicted(_) => None,
        }
    }

    /// Projects `pass` on it.
    ///
    /// # Errors
    /// Fails if it must be predicted and no efficiencies are given.
    pub(super) fn project(&self, pass: &Pass, source: Option<EfficiencySource>) -> Result<Projection> {
        match (self, source) {
            (Target::Measured(device), _) => Ok(project(device, pass)),
            (Target::Predicted(row), Some(source)) => Ok(predict(row, source, pass)),
            (Target::Predicted(_), None) => Err(Error::usage_hint(
                format!(
                    "{} has no rows in these files, and no efficiency is given to predict it",
                    self.label()
                ),
                "use --like DEVICE for the efficiency of a device in the files, or give your own with --efficiency 0.4..0.7",
            )),
        }
    }
}

/// Returns the accelerator called `name`, to be predicted.
pub(super) fn predicted(name: &str) -> Result<&'static Accelerator> {
    Catalog::embedded().named(name).ok_or_else(|| {
        let (message, hint) = not_one(name);
        Error::usage_hint(message, hint)
    })
}

/// Returns the meaning of `word`: a device of the files by number or part of its name, a model, or an accelerator
/// of the catalogue.
pub(super) fn word<'c, 'a>(comparison: &'c Comparison<'a>, word: &str) -> Result<Word<'c, 'a>> {
    let word = word.trim();
    if let Some(device) = word.parse().ok().and_then(|number: usize| comparison.devices.get(number)) {
        return Ok(Word::Target(Target::Measured(device)));
    }
    let devices = comparison.devices.iter().map(Target::Measured);
    let found: Vec<Target> = devices.filter(|device| device.is_called(word)).collect();
    match &found[..] {
        [one] => return Ok(Word::Target(*one)),
        [] => {}
        several => {
            let labels: Vec<String> = several.iter().map(Target::label).collect();
            return Err(Error::usage_hint(
                format!("`{word}` matches {} devices: {}", several.len(), labels.join("; ")),
                "give a longer part of the name, or its number from 0 in the order of the files",
            ));
        }
    }
    let (catalog, models) = (Catalog::embedded(), Models::embedded());
    if let Some(model) = models.find(word) {
        return Ok(Word::Model(model));
    }
    if let Some(row) = catalog.named(word) {
        return Ok(Word::Target(Target::Predicted(row)));
    }
    if catalog.containing(word).len() > 1 {
        let (message, hint) = not_one(word);
        return Err(Error::usage_hint(message, hint));
    }
    let nearest: Vec<&str> = catalog.nearest(word).into_iter().take(2).collect();
    let nearest = nearest.into_iter().chain(models.nearest(word).into_iter().take(2));
    Err(Error::usage_hint(
        format!("`{word}` is not a device in the files, an accelerator of the catalogue, or a model"),
        format!("similar names: {}", quoted(nearest)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    fn meaning(text: &str) -> std::result::Result<String, String> {
        let runs = fixture::three_devices();
        let comparison = Comparison::new(&runs);
        match word(&comparison, text) {
            Ok(Word::Target(Target::Measured(device))) => Ok(format!("measured {}", device.label)),
            Ok(Word::Target(Target::Predicted(row))) => Ok(format!("predicted {}", row.id)),
            Ok(Word::Model(model)) => Ok(format!("model {}", model.name)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_word_is_a_device_a_model_or_an_accelerator() {
        assert!(meaning("h100").unwrap().starts_with("measured NVIDIA H100"));
        assert!(meaning("nvidia-h100-sxm").unwrap().starts_with("measured NVIDIA H100"));
        assert!(meaning("1").unwrap().starts_with("measured llvmpipe"));
        assert_eq!(meaning("h20").as_deref(), Ok("predicted nvidia-h20"));
        // Another board of the same name's beginning is not the one that was measured.
        assert_eq!(meaning("nvidia-h100-pcie").as_deref(), Ok("predicted nvidia-h100-pcie"));
        assert_eq!(meaning("qwen3-8b").as_deref(), Ok("model Qwen3-8B"));
        assert!(meaning("llvmpipe").unwrap_err().starts_with("`llvmpipe` matches 2 devices"));
        assert!(meaning("h21").unwrap_err().contains("not a device in the files, an accelerator"));
    }
}
