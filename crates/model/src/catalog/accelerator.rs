//! Catalogue of published accelerator figures.

use super::names;
use crate::device::ChipKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the catalogue format that this version of portamark reads.
pub(super) const SCHEMA: u32 = 1;

/// Catalogue of accelerators with their published figures.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Version of the file format.
    pub schema: u32,
    /// Date on which the figures were compiled: year, month and day.
    pub compiled: String,
    /// One entry for each product sold under its own name.
    #[serde(rename = "accelerator")]
    pub accelerators: Vec<Accelerator>,
}

/// Published figures of one accelerator. Unknown figures are absent and listed in `missing`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// Short name, unique in the catalogue, e.g. `nvidia-h20`.
    pub id: String,
    /// Name of the vendor, e.g. `NVIDIA`.
    pub vendor: String,
    /// Product name without the vendor, e.g. `H20`.
    pub name: String,
    /// Names that drivers report for it. Another row may have one of them if it has another memory size: then the
    /// memory of the device decides or, if it is not known, the order of the rows.
    pub aliases: Vec<String>,
    /// PCI ids `vendor:device` in hexadecimal that no other product has, except one of another memory size.
    #[serde(default)]
    pub pci: Vec<String>,
    /// Class of device: `gpu`, `npu` or `cpu-software`.
    pub class: String,
    /// Market in which it is sold: `global` or `china`.
    pub market: String,
    /// Launch year; `None` if unknown.
    pub launch_year: Option<u32>,
    /// Memory capacity as labelled by the vendor, in GiB or GB; `None` if unknown.
    pub memory_gib: Option<f64>,
    /// Type of memory, e.g. `HBM3`; `None` if unknown.
    pub memory_type: Option<String>,
    /// Memory bandwidth in GB/s (10⁹ bytes per second); `None` if unknown.
    pub bandwidth_gbs: Option<f64>,
    /// Board power in watts; `None` if unknown.
    pub board_power_w: Option<f64>,
    /// Interconnect bandwidth in GB/s as the vendor counts it, normally both directions; `None` if unknown.
    pub interconnect_gbs: Option<f64>,
    /// Name of the interconnect, e.g. `NVLink 4`; `None` if unknown.
    pub interconnect_name: Option<String>,
    /// Software stack of the vendor, e.g. `CUDA`.
    pub stack: String,
    /// Sparsity of the peaks: always `dense`; published sparse figures were halved.
    pub density: String,
    /// Confidence in the row as a whole: `high`, `medium`, `low`, or `none` if nothing is published.
    pub confidence: String,
    /// Names of figures that no source gives or that sources disagree on.
    pub missing: Vec<String>,
    /// Precisions that a source states to be unsupported.
    #[serde(default)]
    pub unsupported: Vec<String>,
    /// Notes needed to interpret the figures, including disagreements between sources.
    pub note: String,
    /// Sources of the figures.
    pub sources: Vec<Source>,
    /// Measurements on it that others published.
    #[serde(default)]
    pub measured: Vec<MeasuredElsewhere>,
    /// Published dense peaks by precision, in 10¹² operations per second. `fp64` and `fp32` are peaks of
    /// the vector units, `…_matrix` of the matrix units at that precision, and all others of the matrix
    /// units. Where the vendor distinguishes accumulators, `fp16` and `fp8` accumulate in f32 and `…_acc16`
    /// in f16. `…_matrix_only` excludes the vector units, which the published figure of the same precision
    /// includes.
    #[serde(default)]
    pub peak: BTreeMap<String, f64>,
    /// Dies of the package that runtimes show as devices of their own; `None` if it is one device. The figures of
    /// the row are those of the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dies: Option<Dies>,
    /// Id of the package that it is a die of; `None` for a whole product. Such rows are made from that of the
    /// package and are not in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    /// Interfaces through which programs can use it.
    pub reach: Reach,
}

/// Equal dies of one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dies {
    /// Number of dies in the package.
    pub count: u32,
    /// The vendor's word for one, e.g. `GCD`.
    pub name: String,
    /// Whether a device whose memory size is not known is a die and not the package.
    pub usual: bool,
}

/// Source of one or more figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Title of the document or page.
    pub title: String,
    /// URL of the source; empty if none was recorded.
    pub url: String,
    /// Kind of source: `vendor docs`, `press`, `aggregator`, …
    pub kind: String,
    /// Names of the figures that it supports.
    pub fields: Vec<String>,
}

/// Measurement that others published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredElsewhere {
    /// Description of what was measured and how.
    pub what: String,
    /// Measured value, in `unit`.
    pub value: f64,
    /// Unit of `value`.
    pub unit: String,
    /// Publication that contains the measurement.
    pub source: String,
}

/// Interfaces through which a program can use an accelerator. For an API, the value is `yes` if a source or
/// a common driver confirms it, `expected` if the vendor's driver family has it, `no`, or `no_evidence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Availability of Vulkan.
    pub vulkan: String,
    /// Availability of Direct3D 12.
    pub dx12: String,
    /// Availability of Metal.
    pub metal: String,
    /// Availability of WebGPU, and through which of these APIs.
    pub webgpu: String,
    /// PyTorch device string, e.g. `cuda`.
    pub torch_device: String,
    /// Package that PyTorch needs to use it.
    pub torch_plugin: String,
    /// Command that lists the cards in a machine, e.g. `nvidia-smi`.
    pub query_command: String,
    /// Descriptions of all known ways to use it, as free text.
    #[serde(default)]
    pub routes: Vec<String>,
}

impl Accelerator {
    /// Returns vendor and product name, e.g. `NVIDIA H20`; the vendor is not repeated if the name begins with it.
    pub fn full_name(&self) -> String {
        if self.name.starts_with(&self.vendor) {
            self.name.clone()
        } else {
            format!("{} {}", self.vendor, self.name)
        }
    }

    /// Returns the id of the whole product: of the package for a die, otherwise its own.
    pub fn product(&self) -> &str {
        self.part_of.as_deref().unwrap_or(&self.id)
    }

    /// Returns its normalised names.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + use<'_> {
        self.aliases.iter().chain([&self.name]).map(|name| names::plain(name))
    }

    /// Returns one die of the package as a row of its own; `None` if it has no dies. Memory, bandwidth and peaks are
    /// those of the package over the number of dies. Power and interconnect are of the whole package and stay open.
    pub(super) fn die(&self) -> Option<Self> {
        let dies = self.dies.as_ref()?;
        let share = |figure: f64| figure / f64::from(dies.count);
        let mut missing = self.missing.clone();
        for field in ["power", "interconnect"] {
            if !missing.iter().any(|name| name == field) {
                missing.push(field.into());
            }
        }
        Some(Accelerator {
            id: format!("{}-{}", self.id, dies.name.to_lowercase()),
            name: format!("{} (one of {} {}s)", self.name, dies.count, dies.name),
            memory_gib: self.memory_gib.map(share),
            bandwidth_gbs: self.bandwidth_gbs.map(share),
            peak: self.peak.iter().map(|(field, value)| (field.clone(), share(*value))).collect(),
            board_power_w: None,
            interconnect_gbs: None,
            interconnect_name: None,
            missing,
            note: format!("Each figure is that of the package over {}. {}", dies.count, self.note),
            measured: Vec::new(),
            dies: None,
            part_of: Some(self.id.clone()),
            ..self.clone()
        })
    }

    /// Whether a device of this kind can be it: only the rows of software drivers compute on the CPU.
    pub(super) fn may_be(&self, kind: ChipKind) -> bool {
        match kind {
            ChipKind::Cpu => self.class == "cpu-software",
            ChipKind::Unknown => true,
            ChipKind::Integrated | ChipKind::Card => self.class != "cpu-software",
        }
    }

    /// Returns the published dense peak `field` in operations per second; `None` if unknown.
    pub fn peak_per_second(&self, field: &str) -> Option<f64> {
        self.peak.get(field).map(|tera| tera * 1e12)
    }

    /// Returns the published memory bandwidth in bytes per second; `None` if unknown.
    pub fn bandwidth_per_second(&self) -> Option<f64> {
        self.bandwidth_gbs.map(|giga| giga * 1e9)
    }

    /// Returns the sources of `field`, spelled as in [`Source::fields`].
    pub fn sources_of<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(move |source| source.fields.iter().any(|f| f == field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_vendor_once() {
        let full = |name: &str| Catalog::embedded().named(name).unwrap().full_name();
        assert_eq!(full("Apple M4"), "Apple M4 GPU (10 cores)");
        assert_eq!(full("H20"), "NVIDIA H20");
    }

    #[test]
    fn ascend_has_the_ceiling_of_its_matrix_unit_beside_the_published_one() {
        let ascend = Catalog::embedded().find("Ascend910B3").unwrap();
        assert_eq!(ascend.peak_per_second("fp16"), Some(313e12));
        // 20 cores of 16 x 16 x 16 products at 1.8 GHz.
        let derived = 20.0 * 4096.0 * 2.0 * 1.8e9;
        let of_matrix = ascend.peak_per_second("fp16_matrix_only").unwrap();
        assert!((of_matrix / derived - 1.0).abs() < 1e-3, "{of_matrix}");
    }

    #[test]
    fn the_embedded_catalogue_is_sound() {
        assert_eq!(
            Catalog::parse(include_str!("accelerators.toml")).map(|catalog| catalog.accelerators.len()),
            Ok(113)
        );
    }
}
