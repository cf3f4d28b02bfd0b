//! Comparison of portable kernels with vendor libraries: with imported results of other programs for the same
//! cases on the same device, and with library kernels that portamark measured through foreign executors.

use super::chip::Chip;
use super::comparison::Comparison;
use super::device::{Device, Entry};
use super::imported::ImportedRow;
use super::rate::Rate;
use portamark_model::plain_text::clean;
use portamark_model::variant::Path;
use portamark_model::workload::compare_keys;
use portamark_results::Row;
use std::collections::HashMap;

/// API under which portamark's own executor for the CPU lists its device.
const OWN_CPU_API: &str = "host";

/// Reference that a portable kernel is compared with.
#[derive(Debug, Clone)]
pub enum Reference<'a> {
    /// Result of another program, as reported by it.
    Imported(ImportedRow<'a>),
    /// Kernel of a library, measured and verified by portamark itself.
    Measured {
        /// Label of the device that ran the library, which is the same chip.
        label: String,
        /// Name of the library function, e.g. `torch.matmul`.
        kernel: &'a str,
    },
}

impl Reference<'_> {
    /// Returns the source of the number, e.g. `cuBLAS (nvbench 0.1.0)` or `torch.matmul (torch 2.9.0)`.
    pub fn source(&self) -> String {
        match self {
            Reference::Imported(import) => import.source(),
            Reference::Measured { label, kernel } => clean(&format!("{kernel} ({label})")),
        }
    }
}

/// Rate of a portable kernel compared with that of a library, for one case on one device.
#[derive(Debug, Clone)]
pub struct AgainstVendor<'a> {
    /// Case key.
    pub case: &'a str,
    /// Index of the device in [`Comparison::devices`].
    pub device: usize,
    /// Rate of portamark's portable kernel.
    pub portable: Rate,
    /// Rate of the library. Its interval is the spread that the other program reported, or the confidence
    /// interval of portamark's own samples.
    pub vendor: Rate,
    /// Source of the library's rate.
    pub reference: Reference<'a>,
    /// `portable` over `vendor`: above 1 if the portable kernel is faster.
    pub ratio: f64,
    /// Interval (lower, upper) of the ratio, from the 95 % confidence interval of portamark's rate and, if
    /// portamark measured both, from that of the library. The spread of another program's samples is not
    /// included: see [`AgainstVendor::vendor`].
    pub interval: Option<(f64, f64)>,
}

/// Whether a library's kernel computed `row` on `device`. The loops of portamark's own executor for the CPU bring
/// their kernels as a library does, but are portable code and no vendor's.
fn is_of_library(device: &Device, row: &Row) -> bool {
    let own = device.header.device.api == OWN_CPU_API;
    !own && row.kernel.as_ref().is_some_and(|kernel| kernel.variant.path == Path::Library)
}

/// Whether two devices are the same chip and their times can be compared. Software drivers report their own
/// name and not that of the CPU; those of one run share a CPU.
fn share_a_chip(a: &Device, b: &Device) -> bool {
    let (a, b) = (a.header, b.header);
    let processor = a.device.is_software() && b.device.is_software() && a.run == b.run;
    let alike = a.method == b.method && a.distribution() == b.distribution();
    alike && (processor || Chip::of(a).is(&Chip::of(b)))
}

/// Whether the comparison has any result to compare portable kernels with.
pub fn has_references(comparison: &Comparison) -> bool {
    let library = |device: &Device| device.entries.iter().any(|entry| is_of_library(device, entry.row));
    !comparison.imported.is_empty() || comparison.devices.iter().any(library)
}

/// Compares the portable kernel with the library for each case that both computed on the same device, in the
/// order of devices and then of cases. If a program has results of a case from several libraries, each gives
/// one comparison.
///
/// Imported results count for a case only if the import found an exact match and the rate is possible on the device;
/// their conditions (caches, clocks, choice of samples) are those of the other program.
pub fn against_vendor<'a>(comparison: &Comparison<'a>) -> Vec<AgainstVendor<'a>> {
    let mut found = Vec::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        let imports: Vec<&ImportedRow> =
            comparison.imported.iter().filter(|i| i.devices.contains(&index) && !i.is_impossible()).collect();
        let libraries: Vec<&Device> =
            comparison.devices.iter().filter(|other| share_a_chip(device, other)).collect();
        let entries: HashMap<&str, &Entry> =
            portable(device).map(|entry| (entry.row.case.as_str(), entry)).collect();
        found.extend(imports.into_iter().filter_map(|import| {
            let vendor = import.rate()?;
            // The other program's rate is taken as exact; its own interval shows its spread.
            let exact = Some((vendor.value, vendor.value));
            let own = entries.get(import.row.case.as_str())?;
            held_against(index, own, vendor, exact, Reference::Imported(import.clone()))
        }));
        for library in libraries {
            let of_library = library.entries.iter().filter(|entry| is_of_library(library, entry.row));
            found.extend(of_library.filter_map(|entry| {
                let vendor = entry.rate?;
                let kernel = entry.row.kernel.as_ref().map_or("", |kernel| kernel.variant.kernel.as_str());
                let reference = Reference::Measured { label: library.label.clone(), kernel };
                let own = entries.get(entry.row.case.as_str())?;
                held_against(index, own, vendor, vendor.interval, reference)
            }));
        }
    }
    // Keeps the results of several libraries for one case together.
    found.sort_by(|a, b| a.device.cmp(&b.device).then_with(|| compare_keys(a.case, b.case)));
    found
}

/// Iterates over the rows of `device` that portable kernels computed.
fn portable<'c, 'a>(device: &'c Device<'a>) -> impl Iterator<Item = &'c Entry<'a>> {
    device.entries.iter().filter(|entry| !is_of_library(device, entry.row))
}

/// Compares a portable row with the library's rate `vendor`, which lies within `range`.
fn held_against<'a>(
    device: usize,
    own: &Entry<'a>,
    vendor: Rate,
    range: Option<(f64, f64)>,
    reference: Reference<'a>,
) -> Option<AgainstVendor<'a>> {
    let portable = own.rate?;
    let ratio = portable.value / vendor.value;
    let interval = portable.interval.zip(range).map(|((lo, hi), (least, most))| (lo / most, hi / least));
    let sound = portable.unit == vendor.unit && ratio.is_finite() && ratio > 0.0;
    let case = &own.row.case;
    sound.then_some(AgainstVendor { case, device, portable, vendor, reference, ratio, interval })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RateUnit;
    use portamark_fixtures::fixture;
    use portamark_model::device::DeviceType;
    use portamark_results::RunFile;

    const KEY: &str = "gemm f32 m512 n512 k512 nn";

    /// portamark takes 2 ms, another program takes `seconds`.
    fn runs(seconds: &[f64]) -> Vec<RunFile> {
        let rows = seconds.iter().map(|s| fixture::imported_row(KEY, *s)).collect();
        vec![
            fixture::file(fixture::h100_header(), vec![fixture::ok_row(KEY, 2e-3)]),
            fixture::file(fixture::imported_header(), rows),
        ]
    }

    #[test]
    fn the_ratio_is_rate_over_rate_with_the_interval_of_portamark() {
        let runs = runs(&[5e-4]);
        let comparison = Comparison::new(&runs);
        assert_eq!((comparison.devices.len(), comparison.imported.len()), (1, 1));
        let found = against_vendor(&comparison);
        let [against] = &found[..] else { panic!("{found:?}") };
        assert!((against.ratio - 0.25).abs() < 1e-12, "{}", against.ratio);
        // 2·512³ FLOP in 0.5 ms; its quartiles are 10 % to each side.
        assert_eq!(against.vendor.unit, RateUnit::Flop);
        assert!((against.vendor.value / 5.36870912e11 - 1.0).abs() < 1e-9);
        let (lo, hi) = against.vendor.interval.unwrap();
        assert!((lo * 1.1 / against.vendor.value - 1.0).abs() < 1e-9);
        assert!((hi * 0.9 / against.vendor.value - 1.0).abs() < 1e-9);
        let (lo, hi) = against.interval.unwrap();
        let row = &comparison.devices[0].entries[0].row.timing.as_ref().unwrap().summary;
        assert!(
            (lo - 5e-4 / row.ci_hi.unwrap()).abs() < 1e-9 && (hi - 5e-4 / row.ci_lo.unwrap()).abs() < 1e-9
        );
        assert_eq!(against.reference.source(), "cuBLAS (nvbench 0.1.0)");
    }

    #[test]
    fn only_the_same_case_on_the_same_chip_is_compared() {
        let mut other = runs(&[1e-3]);
        other[1].header.device.name = "NVIDIA H20".into();
        assert!(against_vendor(&Comparison::new(&other)).is_empty());
        other[1].header.device.name = "nvidia h100  80GB HBM3".into();
        assert_eq!(against_vendor(&Comparison::new(&other)).len(), 1);
        other[1].rows[0].case = "nvbench: gemm 512".into();
        assert!(against_vendor(&Comparison::new(&other)).is_empty());
        // Not verified, so without a rate.
        let mut wrong = runs(&[1e-3]);
        wrong[0].rows[0].verification = None;
        assert!(against_vendor(&Comparison::new(&wrong)).is_empty());
    }

    #[test]
    fn of_several_numbers_the_newest_files_middle_one_counts() {
        let mut runs = runs(&[4e-3, 1e-3, 3e-3]);
        let mut older = runs[1].clone();
        older.header.started = "2020-01-01T00:00:00Z".into();
        older.rows.iter_mut().for_each(|row| row.imported.as_mut().unwrap().value = 1.0);
        runs.push(older);
        let found = against_vendor(&Comparison::new(&runs));
        assert_eq!(found.len(), 1);
        assert!((found[0].ratio - 1.5).abs() < 1e-9, "{}", found[0].ratio);
    }

    /// portamark takes 2 ms through Vulkan, a library takes `seconds` on a device called `name`.
    fn with_library(name: &str, seconds: f64) -> Vec<RunFile> {
        let mut runs = runs(&[]);
        runs.truncate(1);
        let mut header = fixture::h100_header();
        header.executor = "torch 2.9.0".into();
        header.device.id = format!("torch/{name}/2.9.0");
        header.device.name = name.into();
        header.device.api = "torch".into();
        header.run = "another".into();
        let mut row = fixture::ok_row(KEY, seconds);
        row.kernel = Some(portamark_results::KernelUsed::of_library("torch.matmul", 1));
        runs.push(fixture::file(header, vec![row]));
        runs
    }

    #[test]
    fn a_library_that_portamark_measured_itself_has_an_interval_on_both_sides() {
        let runs = with_library("NVIDIA H100 80GB HBM3", 1e-3);
        let comparison = Comparison::new(&runs);
        assert!(has_references(&comparison));
        let found = against_vendor(&comparison);
        let [against] = &found[..] else { panic!("{found:?}") };
        assert_eq!(comparison.devices[against.device].header.device.api, "vulkan");
        assert!((against.ratio - 0.5).abs() < 1e-9);
        let ((own_lo, _), (_, vendor_hi)) =
            (against.portable.interval.unwrap(), against.vendor.interval.unwrap());
        assert!((against.interval.unwrap().0 - own_lo / vendor_hi).abs() < 1e-12);
        let source = against.reference.source();
        assert!(source.starts_with("torch.matmul (NVIDIA H100 80GB HBM3"), "{source}");
        // Another card's library says nothing of this one.
        assert!(against_vendor(&Comparison::new(&with_library("NVIDIA H20", 1e-3))).is_empty());
    }

    #[test]
    fn a_software_driver_is_held_against_libraries_on_the_same_processor_in_the_same_run() {
        let mut runs = with_library("AMD EPYC 9654", 1e-3);
        runs[0].header = fixture::software_header();
        runs[1].header.device.device_type = DeviceType::Software;
        assert!(against_vendor(&Comparison::new(&runs)).is_empty());
        runs[1].header.run = runs[0].header.run.clone();
        assert_eq!(against_vendor(&Comparison::new(&runs)).len(), 1);
        // portamark's own loops for the CPU are no vendor's library, but are held against one.
        let mut own = runs[1].clone();
        own.header.device.api = "host".into();
        own.header.device.id = "host/AMD EPYC 9654/2 threads".into();
        own.header.executor = "host 0.1.0".into();
        runs.push(own);
        let alone = [runs[0].clone(), runs[2].clone()];
        let alone = Comparison::new(&alone);
        assert!(!has_references(&alone) && against_vendor(&alone).is_empty());
        let comparison = Comparison::new(&runs);
        let found = against_vendor(&comparison);
        let apis: Vec<&str> =
            found.iter().map(|one| &*comparison.devices[one.device].header.device.api).collect();
        assert_eq!(apis, ["vulkan", "host"]);
    }

    #[test]
    fn rows_of_a_cpu_are_no_reference_of_the_gpu_of_the_same_name() {
        // What `portamark import` makes of the CPU rows of test-backend-ops on an Apple M2 Ultra.
        let mut runs = runs(&[1e-3]);
        for run in &mut runs {
            run.header.device.name = "Apple M2 Ultra".into();
            (run.header.device.vendor_id, run.header.device.device_id) = (0, 0);
        }
        runs[0].header.device.device_type = DeviceType::Integrated;
        runs[1].header.device.api = "cpu".into();
        assert!(against_vendor(&Comparison::new(&runs)).is_empty());
        runs[1].header.device.api = "metal".into();
        assert_eq!(against_vendor(&Comparison::new(&runs)).len(), 1);
    }

    #[test]
    fn a_number_that_no_such_device_can_reach_is_in_no_ratio() {
        // 2·512³ FLOP; the H100 has 67 TFLOP/s in fp32. 400 TFLOP/s is 597 % of it.
        let runs = runs(&[268_435_456.0 / 400e12]);
        let comparison = Comparison::new(&runs);
        let excess = comparison.imported[0].excess.unwrap();
        let words = excess.words();
        assert!(excess.is_impossible(), "{words}");
        assert!(words.starts_with("597 % of the published 67.0 TFLOP/s"), "{words}");
        assert!(against_vendor(&comparison).is_empty());
        // 80 TFLOP/s is 120 %: a clock can be that high, so it is marked and counts.
        let boosted = super::tests::runs(&[268_435_456.0 / 80e12]);
        let comparison = Comparison::new(&boosted);
        let excess = comparison.imported[0].excess.unwrap();
        assert!(!excess.is_impossible() && against_vendor(&comparison).len() == 1, "{excess:?}");
        // Of several results of a file the middle one of those that are possible counts.
        let mixed = super::tests::runs(&[5e-4, 1e-7, 1e-7]);
        let found = against_vendor(&Comparison::new(&mixed));
        assert!((found[0].ratio - 0.25).abs() < 1e-12, "{}", found[0].ratio);
    }

    #[test]
    fn where_nothing_is_published_only_what_far_exceeds_the_measured_roof_is_impossible() {
        // `copy n1024` moves 8192 bytes, by portamark in 1 s.
        let device = |name: &str| {
            let mut header = fixture::h100_header();
            header.device.name = name.into();
            (header.device.vendor_id, header.device.device_id) = (0, 0);
            header
        };
        let copy = "stream f32 copy n1024";
        let told = |seconds: f64| {
            let mut header = fixture::imported_header();
            header.device.name = "Accelerator of my own".into();
            let own = fixture::file(device("Accelerator of my own"), vec![fixture::ok_row(copy, 1.0)]);
            let runs = vec![own, fixture::file(header, vec![fixture::imported_row(copy, seconds)])];
            let comparison = Comparison::new(&runs);
            assert_eq!(comparison.imported[0].devices, [0]);
            comparison.imported[0].excess.map(|excess| excess.words())
        };
        assert_eq!(told(1.0 / 1.9), None);
        let words = told(1.0 / 3.0).unwrap();
        assert!(words.starts_with("300 % of the measured roof: no clock"), "{words}");
    }

    #[test]
    fn a_processor_of_the_same_name_as_a_gpu_is_not_that_gpu() {
        let mut runs = runs(&[1e-3]);
        runs[0].header.device.name = "Apple M2 Ultra".into();
        runs[1].header.device.name = "Apple M2 Ultra".into();
        assert_eq!(Comparison::new(&runs).imported[0].devices, [0]);
        runs[1].header.device.api = "cpu".into();
        assert_eq!(Comparison::new(&runs).imported[0].devices, [0; 0]);
        runs[0].header.device.device_type = portamark_model::device::DeviceType::Software;
        assert_eq!(Comparison::new(&runs).imported[0].devices, [0]);
    }

    #[test]
    fn imported_rows_are_no_device_and_take_no_part_in_one() {
        let mut runs = runs(&[1e-3]);
        let rows = runs[1].rows.clone();
        runs[0].rows.extend(rows);
        let comparison = Comparison::new(&runs);
        assert_eq!((comparison.devices.len(), comparison.devices[0].all().count()), (1, 1));
        assert_eq!(Comparison::new(&runs[1..]).devices.len(), 0);
    }
}
