//! portable kernels against vendor libraries: what other programs measured of the same cases on the
//! same device, and what portamark measured itself of libraries through foreign executors.

use super::comparison::{Comparison, Device, Entry, case_order};
use super::label::clean;
use super::published::chip;
use super::rate::Rate;
use super::sensitivity::distribution;
use portamark_model::variant::Path;
use portamark_model::workload::Case;
use portamark_results::{Header, Imported, Row, RunFile};
use std::collections::HashMap;

/// A number of another program.
#[derive(Debug, Clone)]
pub struct ImportedRow<'a> {
    /// Its row.
    pub row: &'a Row,
    /// The header of its file.
    pub header: &'a Header,
    /// What the program told.
    pub imported: &'a Imported,
    /// The case of portamark that it is of, if it is of one.
    pub case: Option<Case>,
    /// The devices of the comparison that are the same chip, through whichever driver.
    pub devices: Vec<usize>,
}

/// Whose number the portable kernel's is held against.
#[derive(Debug, Clone)]
pub enum Reference<'a> {
    /// Another program's, as it told it.
    Imported(ImportedRow<'a>),
    /// A library's, which portamark measured and proved by its own method.
    Measured {
        /// The label of the device that has it, which is the same chip.
        label: String,
        /// What computed it, e.g. `torch.matmul`.
        kernel: &'a str,
    },
}

impl Reference<'_> {
    /// Whose number it is: `cuBLAS (nvbench 0.1.0)`, `torch.matmul (torch 2.9.0)`.
    pub fn source(&self) -> String {
        match self {
            Reference::Imported(import) => import.source(),
            Reference::Measured { label, kernel } => clean(&format!("{kernel} ({label})")),
        }
    }
}

/// The rate of a portable kernel over that of a library, on one case and one device.
#[derive(Debug, Clone)]
pub struct AgainstVendor<'a> {
    /// Key of the case.
    pub case: &'a str,
    /// Place of the device in [`Comparison::devices`].
    pub device: usize,
    /// The rate of portamark.
    pub portable: Rate,
    /// The rate of the library; its interval is the spread that another program told, or that of
    /// portamark's own samples.
    pub vendor: Rate,
    /// Whose that is.
    pub reference: Reference<'a>,
    /// The first rate over the second.
    pub ratio: f64,
    /// The ratio at the ends of the 95 % interval of portamark's rate; of what both sides' intervals leave
    /// open where portamark measured both. What another program's samples vary by is not in it: that is
    /// [`AgainstVendor::vendor`]'s interval.
    pub interval: Option<(f64, f64)>,
}

impl ImportedRow<'_> {
    /// The rate in what portamark counts for the case; its interval is the spread that the program told.
    /// None for what is no case, or has no time.
    pub fn rate(&self) -> Option<Rate> {
        let case = self.case.as_ref()?;
        let rate = Rate::of_seconds(
            Some(case),
            self.row,
            self.row.imported_seconds()?,
            self.row.imported_spread_s(),
        )?;
        // Half of a spread that may be a range is no half-width of an interval.
        Some(Rate { half_width: None, ..rate })
    }

    /// Whose number it is: `cuBLAS (nvbench 0.1.0)`, or only the program.
    pub fn source(&self) -> String {
        let program = match &self.imported.version {
            Some(version) => format!("{} {version}", self.imported.method),
            None => self.imported.method.clone(),
        };
        match &self.imported.library {
            Some(library) => clean(&format!("{library} ({program})")),
            None => clean(&program),
        }
    }
}

/// Whether every row of `run` is of another program.
pub(super) fn is_imported(run: &RunFile) -> bool {
    !run.rows.is_empty() && run.rows.iter().all(|row| row.imported.is_some())
}

/// The numbers of other programs in the order of cases: of each program, library, device and case that
/// of the newest file, and of several there the one in the middle.
pub(super) fn imported_rows<'a>(runs: &'a [RunFile], devices: &[Device]) -> Vec<ImportedRow<'a>> {
    type Key<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);
    let mut groups: Vec<(&RunFile, Vec<ImportedRow>)> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for run in runs {
        for row in &run.rows {
            let Some(imported) = &row.imported else { continue };
            let key = (&*run.header.device.id, &*imported.method, imported.library.as_deref(), &*row.case);
            let case = row.case.parse().ok();
            let found = ImportedRow { row, header: &run.header, imported, case, devices: Vec::new() };
            let place = *places.entry(key).or_insert_with(|| {
                groups.push((run, Vec::new()));
                groups.len() - 1
            });
            let (held, rows) = &mut groups[place];
            if std::ptr::eq(*held, run) {
                rows.push(found);
            } else if run.header.started >= held.header.started {
                (*held, *rows) = (run, vec![found]);
            }
        }
    }
    let chips: Vec<String> = devices.iter().map(|device| chip(device.header)).collect();
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut on = |header: &'a Header| {
        let found = places.entry(&header.device.name).or_insert_with(|| {
            let chip = chip(header);
            (0..chips.len()).filter(|device| chips[*device] == chip).collect()
        });
        found.clone()
    };
    let middle = |(_, mut rows): (&RunFile, Vec<ImportedRow<'a>>)| {
        rows.sort_by(|a, b| a.imported.value.total_cmp(&b.imported.value));
        let row = rows.swap_remove((rows.len() - 1) / 2);
        ImportedRow { devices: on(row.header), ..row }
    };
    let mut rows: Vec<ImportedRow> = groups.into_iter().map(middle).collect();
    rows.sort_by(|a, b| case_order(&a.row.case, &b.row.case).then_with(|| a.source().cmp(&b.source())));
    rows
}

/// Whether `row` is of a library's kernel.
fn is_of_library(row: &Row) -> bool {
    row.kernel.as_ref().is_some_and(|kernel| kernel.variant.path == Path::Library)
}

/// Whether two devices are one chip, and their times can be compared. Software drivers name themselves
/// and not the processor: those of one run had the same.
fn share_a_chip(a: &Device, b: &Device) -> bool {
    let (a, b) = (a.header, b.header);
    let processor = a.device.is_software() && b.device.is_software() && a.run == b.run;
    let alike = a.method == b.method && distribution(a) == distribution(b);
    alike && (processor || chip(a) == chip(b))
}

/// Whether there is anything to hold portable kernels against.
pub fn has_references(comparison: &Comparison) -> bool {
    let library = |device: &Device| device.entries.iter().any(|entry| is_of_library(entry.row));
    !comparison.imported.is_empty() || comparison.devices.iter().any(library)
}

/// For each case that both a portable kernel and a library computed on one device, how fast the portable
/// one is against it, in the order of devices and then of cases. A program that has a number of a case
/// by several libraries has one for each.
///
/// Of other programs, cases are the same where the import found them exactly the same; their conditions
/// (caches, clocks, which of the samples) are their own.
pub fn against_vendor<'a>(comparison: &Comparison<'a>) -> Vec<AgainstVendor<'a>> {
    let mut found = Vec::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        let imports: Vec<&ImportedRow> =
            comparison.imported.iter().filter(|import| import.devices.contains(&index)).collect();
        let libraries: Vec<&Device> =
            comparison.devices.iter().filter(|other| share_a_chip(device, other)).collect();
        let entries: HashMap<&str, &Entry> =
            portable(device).map(|entry| (entry.row.case.as_str(), entry)).collect();
        found.extend(imports.into_iter().filter_map(|import| {
            let vendor = import.rate()?;
            // What the other program's samples vary by is its own to tell.
            let exact = Some((vendor.value, vendor.value));
            let own = entries.get(import.row.case.as_str())?;
            held_against(index, own, vendor, exact, Reference::Imported(import.clone()))
        }));
        for library in libraries {
            let of_library = library.entries.iter().filter(|entry| is_of_library(entry.row));
            found.extend(of_library.filter_map(|entry| {
                let vendor = entry.rate?;
                let kernel = entry.row.kernel.as_ref().map_or("", |kernel| kernel.variant.kernel.as_str());
                let reference = Reference::Measured { label: library.label.clone(), kernel };
                let own = entries.get(entry.row.case.as_str())?;
                held_against(index, own, vendor, vendor.interval, reference)
            }));
        }
    }
    // What several libraries make of one case stands together.
    found.sort_by(|a, b| a.device.cmp(&b.device).then_with(|| case_order(a.case, b.case)));
    found
}

/// The rows of `device` that portable kernels computed.
fn portable<'c, 'a>(device: &'c Device<'a>) -> impl Iterator<Item = &'c Entry<'a>> {
    device.entries.iter().filter(|entry| !is_of_library(entry.row))
}

/// A portable row against the rate `vendor` of a library, which lies within `range`.
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

    const KEY: &str = "gemm f32 m512 n512 k512 nn";

    /// portamark in 2 ms, and another program in `seconds`.
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
        // Not proven, so without a rate.
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

    /// portamark through Vulkan in 2 ms, and by a library in `seconds` on a device called `name`.
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
        runs[1].header.device.device_type = portamark_model::device::DeviceType::Software;
        assert!(against_vendor(&Comparison::new(&runs)).is_empty());
        runs[1].header.run = runs[0].header.run.clone();
        assert_eq!(against_vendor(&Comparison::new(&runs)).len(), 1);
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
