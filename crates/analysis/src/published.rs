//! Published figures of accelerators, to compare rows with.

use portamark_model::catalog::{Accelerator, Catalog};
use portamark_model::device::ChipKind;
use portamark_model::workload::{DType, Precision};
use portamark_results::Header;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// One published figure, with its meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// Accelerator that it belongs to.
    pub accelerator: &'static Accelerator,
    /// Field of the catalogue: `fp16`, `bandwidth`, …
    pub field: &'static str,
    /// Value in operations or bytes per second.
    pub per_second: f64,
    /// Meaning of the figure: sparsity, unit and accumulator.
    pub basis: &'static str,
}

/// Returns the catalogue entry for the device of `header`, matched by its kind and the name that its driver
/// reports, or otherwise by its PCI ids; `None` if the catalogue has no such device. See [`Catalog::identify`].
pub fn accelerator(header: &Header) -> Option<&'static Accelerator> {
    /// What identifies a device beside its name: its PCI ids, kind and memory.
    type Key = (u32, u32, ChipKind, Option<u64>);
    /// Earlier results, cached because every row of a report asks for them.
    type Found = HashMap<Key, HashMap<String, Option<&'static Accelerator>>>;
    static FOUND: LazyLock<Mutex<Found>> = LazyLock::new(Mutex::default);
    let device = &header.device;
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (device.vendor_id, device.device_id, device.chip_kind(), device.limits.memory_bytes);
    let names = found.entry(key).or_default();
    if let Some(known) = names.get(&device.name) {
        return *known;
    }
    let known = Catalog::embedded().identify(device);
    names.insert(device.name.clone(), known);
    known
}

/// Returns the catalogue fields that matrix products in `precision` are compared with, most suitable first,
/// each with its meaning. On chips whose published number adds the vector unit to the matrix unit, the matrix
/// unit alone is the ceiling of a product.
fn fields(precision: Precision) -> &'static [(&'static str, &'static str)] {
    match (precision.input, precision.accumulate) {
        (DType::F32, _) => &[("fp32", "dense, vector units")],
        (DType::F16, DType::F16) => &[
            ("fp16_acc16", "dense, matrix units, sums in f16"),
            ("fp16_matrix_only", "dense, matrix unit without the vector unit"),
            ("fp16", "dense, matrix units; the accumulator is not distinguished"),
        ],
        (DType::F16, _) => &[
            ("fp16_matrix_only", "dense, matrix unit without the vector unit"),
            ("fp16", "dense, matrix units, f32 accumulation where distinguished"),
        ],
        (DType::Bf16, _) => &[("bf16", "dense, matrix units, sums in f32")],
        (DType::E4m3, _) => &[("fp8", "dense, matrix units, f32 accumulation where distinguished")],
        (DType::I8, _) => &[
            ("int8_matrix_only", "dense, matrix unit without the vector unit"),
            ("int8", "dense, matrix units"),
        ],
        _ => &[],
    }
}

/// Returns the published dense peak of `accelerator` for matrix products in `precision`, in operations per
/// second; `None` if nothing is published.
pub fn published_peak(accelerator: &'static Accelerator, precision: Precision) -> Option<Published> {
    fields(precision).iter().find_map(|&(field, basis)| {
        let per_second = accelerator.peak_per_second(field)?;
        Some(Published { accelerator, field, per_second, basis })
    })
}

/// Returns the published memory bandwidth of `accelerator` in bytes per second.
pub fn published_bandwidth(accelerator: &'static Accelerator) -> Option<Published> {
    let per_second = accelerator.bandwidth_per_second()?;
    Some(Published { accelerator, field: "bandwidth", per_second, basis: "memory, 10⁹ bytes" })
}

/// Returns the seconds that `flop` and `bytes` need at the published figures of `accelerator`; `None` for a
/// figure that is not published.
pub(super) fn published_times(
    accelerator: &'static Accelerator,
    precision: Precision,
    flop: u128,
    bytes: u64,
) -> (Option<f64>, Option<f64>) {
    (
        published_peak(accelerator, precision).map(|p| flop as f64 / p.per_second),
        published_bandwidth(accelerator).map(|p| bytes as f64 / p.per_second),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(adapter: &str, precision: &str) -> Option<(&'static str, f64)> {
        let accelerator = Catalog::embedded().find(adapter).unwrap();
        let found = published_peak(accelerator, Precision::parse(precision).unwrap());
        found.map(|found| (found.field, found.per_second))
    }

    #[test]
    fn products_are_held_against_the_peak_of_their_precision() {
        assert_eq!(peak("NVIDIA H20", "f32"), Some(("fp32", 44e12)));
        assert_eq!(peak("NVIDIA H20", "f16.f32"), Some(("fp16", 148e12)));
        assert_eq!(peak("NVIDIA H20", "bf16.f32"), Some(("bf16", 148e12)));
        assert_eq!(peak("NVIDIA H20", "i8.i32"), Some(("int8", 296e12)));
        // The storage format of weights does not change the unit that multiplies.
        assert_eq!(peak("NVIDIA H20", "f16xq4_0.f32"), Some(("fp16", 148e12)));
    }

    #[test]
    fn the_matrix_unit_alone_is_the_ceiling_where_the_published_number_adds_another() {
        let (field, per_second) = peak("Ascend910B3", "f16.f32").unwrap();
        assert_eq!(field, "fp16_matrix_only");
        assert!(per_second < 313e12, "{per_second}");
    }

    #[test]
    fn what_is_not_published_stays_unknown() {
        assert_eq!(peak("NVIDIA H20", "e4m3.f32"), None);
        assert_eq!(peak("llvmpipe (LLVM 15.0.6, 256 bits)", "f32"), None);
        let llvmpipe = Catalog::embedded().find("llvmpipe").unwrap();
        assert_eq!(published_bandwidth(llvmpipe), None);
    }
}
