//! Sensors that the Linux kernel exposes as files: hwmon of the drivers amdgpu, i915 and xe, and the CPU's
//! frequency and energy. Units follow the kernel's hwmon documentation: Hz, microwatts, millidegrees,
//! microjoules.

use super::sensor::Sensor;
use portamark_results::Reading;
use std::path::{Path, PathBuf};

fn number(path: &Path) -> Option<f64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

/// Returns the folders in `folder` whose names begin with `prefix`, sorted.
fn folders(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(prefix);
    let mut found: Vec<PathBuf> = entries.filter(named).map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// Returns the number in the first of the files `names` under `folder` that holds one.
fn first(folder: &Path, names: &[&str]) -> Option<f64> {
    names.iter().find_map(|name| number(&folder.join(name)))
}

/// Sensors of one GPU, in its folder under `/sys/bus/pci/devices`.
#[derive(Debug)]
pub struct GpuFolder {
    folder: PathBuf,
    hwmon: Option<PathBuf>,
}

impl GpuFolder {
    /// Finds the GPU at the PCI address `slot`, or else the only one with these vendor and device ids.
    ///
    /// # Errors
    /// Fails if no GPU or several match.
    pub fn find(root: &Path, slot: Option<&str>, vendor: u32, device: u32) -> Result<Self, String> {
        let pci = root.join("sys/bus/pci/devices");
        // A slot must be a file name, not a path.
        let at_slot = slot.filter(|slot| !slot.is_empty() && !slot.contains(['/', '\\']));
        let folder = match at_slot.map(|slot| pci.join(slot.to_lowercase())).filter(|path| path.is_dir()) {
            Some(folder) => folder,
            None => {
                let id = |path: &Path, name: &str| {
                    let text = std::fs::read_to_string(path.join(name)).ok()?;
                    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
                };
                let same =
                    |path: &PathBuf| id(path, "vendor") == Some(vendor) && id(path, "device") == Some(device);
                let mut found: Vec<PathBuf> = folders(&pci, "").into_iter().filter(same).collect();
                match (found.pop(), found.len()) {
                    (Some(folder), 0) => folder,
                    (Some(_), others) => return Err(format!("there are {} cards of that kind", others + 1)),
                    (None, _) => return Err("sysfs lists no such card".into()),
                }
            }
        };
        let hwmon = folders(&folder.join("hwmon"), "hwmon").into_iter().next();
        Ok(GpuFolder { folder, hwmon })
    }

    /// Returns the clock in Hz if hwmon does not report it: i915 and xe expose it in other files, in MHz.
    fn intel_clock_hz(&self) -> Option<f64> {
        let card = folders(&self.folder.join("drm"), "card").into_iter().next();
        let names = ["gt_act_freq_mhz", "gt/gt0/rps_act_freq_mhz"];
        card.and_then(|card| first(&card, &names))
            .or_else(|| first(&self.folder, &["tile0/gt0/freq0/act_freq"]))
            .map(|mhz| mhz * 1e6)
    }
}

impl Sensor for GpuFolder {
    fn source(&self) -> &'static str {
        "sysfs"
    }

    fn read(&mut self) -> Reading {
        let at = |names: &[&str]| self.hwmon.as_ref().and_then(|hwmon| first(hwmon, names));
        Reading {
            clock_hz: at(&["freq1_input"]).or_else(|| self.intel_clock_hz()),
            memory_clock_hz: at(&["freq2_input"]),
            power_w: at(&["power1_average", "power1_input"]).map(|microwatts| microwatts * 1e-6),
            temperature_c: at(&["temp1_input"]).map(|millidegrees| millidegrees * 1e-3),
            energy_j: at(&["energy1_input"]).map(|microjoules| microjoules * 1e-6),
        }
    }
}

/// Sensors of the CPU, on which software devices run.
#[derive(Debug)]
pub struct Cpu {
    /// File `scaling_cur_freq` of each core, in kHz.
    cores: Vec<PathBuf>,
    /// Folders of the packages' energy counters, if they are readable.
    packages: Vec<PathBuf>,
    /// hwmon folder of the CPU; `None` if there is none.
    hwmon: Option<PathBuf>,
    /// Last value of each package's counter, and the sum of its wrap-arounds, both in joules.
    counted: Vec<(f64, f64)>,
}

impl Cpu {
    /// Finds the sensors of the CPU in the files under `root`.
    pub fn at(root: &Path) -> Self {
        let cores = folders(&root.join("sys/devices/system/cpu"), "cpu")
            .iter()
            .map(|core| core.join("cpufreq/scaling_cur_freq"))
            .filter(|path| number(path).is_some())
            .collect();
        // intel-rapl:0 is a package, intel-rapl:0:0 a part of it.
        let is_package = |path: &PathBuf| path.to_string_lossy().matches(':').count() == 1;
        let packages: Vec<PathBuf> = folders(&root.join("sys/class/powercap"), "intel-rapl:")
            .into_iter()
            .filter(is_package)
            .filter(|package| number(&package.join("energy_uj")).is_some())
            .collect();
        let is_processor = |path: &PathBuf| {
            std::fs::read_to_string(path.join("name"))
                .is_ok_and(|name| ["coretemp", "k10temp", "zenpower", "cpu_thermal"].contains(&name.trim()))
        };
        let hwmon = folders(&root.join("sys/class/hwmon"), "hwmon").into_iter().find(is_processor);
        let counted = vec![(0.0, 0.0); packages.len()];
        Cpu { cores, packages, hwmon, counted }
    }

    /// Returns the energy counter of all packages together, in joules, corrected for wrap-around.
    fn energy_j(&mut self) -> Option<f64> {
        let mut sum = None;
        for (package, (last, wraps)) in self.packages.iter().zip(&mut self.counted) {
            let now = number(&package.join("energy_uj"))? * 1e-6;
            if now < *last {
                *wraps += number(&package.join("max_energy_range_uj"))? * 1e-6;
            }
            *last = now;
            sum = Some(sum.unwrap_or(0.0) + now + *wraps);
        }
        sum
    }
}

impl Sensor for Cpu {
    fn source(&self) -> &'static str {
        "sysfs of the CPU"
    }

    fn read(&mut self) -> Reading {
        let clocks: Vec<f64> = self.cores.iter().filter_map(|path| number(path)).collect();
        let mean = clocks.iter().sum::<f64>() / clocks.len() as f64;
        let celsius = self.hwmon.as_ref().and_then(|hwmon| first(hwmon, &["temp1_input"]));
        Reading {
            clock_hz: (!clocks.is_empty()).then_some(mean * 1e3),
            temperature_c: celsius.map(|millidegrees| millidegrees * 1e-3),
            energy_j: self.energy_j(),
            ..Reading::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a file system with these files.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn amd(slot: &str) -> Vec<(String, &'static str)> {
        let at = |name: &str| format!("sys/bus/pci/devices/{slot}/{name}");
        vec![
            (at("vendor"), "0x1002\n"),
            (at("device"), "0x744c\n"),
            (at("hwmon/hwmon3/freq1_input"), "2304000000\n"),
            (at("hwmon/hwmon3/freq2_input"), "1249000000\n"),
            (at("hwmon/hwmon3/power1_average"), "215000000\n"),
            (at("hwmon/hwmon3/temp1_input"), "61000\n"),
        ]
    }

    #[test]
    fn a_card_of_amd_shows_clocks_power_and_temperature() {
        let files = amd("0000:03:00.0");
        let root = machine(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>());
        let mut sensor = GpuFolder::find(root.path(), None, 0x1002, 0x744c).unwrap();
        let expected = Reading {
            clock_hz: Some(2.304e9),
            memory_clock_hz: Some(1.249e9),
            power_w: Some(215.0),
            temperature_c: Some(61.0),
            energy_j: None,
        };
        assert_eq!(sensor.read(), expected);
        let missing = GpuFolder::find(root.path(), None, 0x8086, 1).unwrap_err();
        assert_eq!(missing, "sysfs lists no such card");
    }

    #[test]
    fn twins_are_told_apart_by_their_slot_or_not_at_all() {
        let files = [amd("0000:03:00.0"), amd("0000:83:00.0")].concat();
        let root = machine(&files.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>());
        let found = |slot| GpuFolder::find(root.path(), slot, 0x1002, 0x744c).map(|gpu| gpu.folder);
        assert_eq!(found(None).unwrap_err(), "there are 2 cards of that kind");
        assert!(found(Some("0000:83:00.0")).unwrap().ends_with("0000:83:00.0"));
        // A value that is not a slot name is ignored.
        assert_eq!(found(Some("../../..")).unwrap_err(), "there are 2 cards of that kind");
    }

    #[test]
    fn intel_shows_its_clock_beside_and_counts_energy() {
        let root = machine(&[
            ("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086"),
            ("sys/bus/pci/devices/0000:00:02.0/device", "0x56a0"),
            ("sys/bus/pci/devices/0000:00:02.0/drm/card1/gt_act_freq_mhz", "2050"),
            ("sys/bus/pci/devices/0000:00:02.0/hwmon/hwmon1/energy1_input", "7500000"),
        ]);
        let reading = GpuFolder::find(root.path(), None, 0x8086, 0x56a0).unwrap().read();
        assert_eq!((reading.clock_hz, reading.energy_j), (Some(2.05e9), Some(7.5)));
    }

    #[test]
    fn a_processor_shows_the_mean_of_its_clocks_and_its_counters_go_on_after_a_wrap() {
        let root = machine(&[
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2000000"),
            ("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "4000000"),
            ("sys/devices/system/cpu/cpufreq/boost", "1"),
            ("sys/class/powercap/intel-rapl:0/energy_uj", "9000000"),
            ("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000"),
            ("sys/class/powercap/intel-rapl:0:0/energy_uj", "5000000"),
            ("sys/class/hwmon/hwmon0/name", "nvme"),
            ("sys/class/hwmon/hwmon0/temp1_input", "40000"),
            ("sys/class/hwmon/hwmon1/name", "k10temp\n"),
            ("sys/class/hwmon/hwmon1/temp1_input", "55500"),
        ]);
        let mut cpu = Cpu::at(root.path());
        let before = cpu.read();
        assert_eq!(
            (before.clock_hz, before.temperature_c, before.energy_j),
            (Some(3e9), Some(55.5), Some(9.0))
        );
        std::fs::write(root.path().join("sys/class/powercap/intel-rapl:0/energy_uj"), "500000").unwrap();
        assert_eq!(cpu.read().energy_j, Some(10.5));
    }

    #[test]
    fn a_virtual_machine_shows_nothing() {
        let root = machine(&[("sys/devices/system/cpu/cpu0/online", "1")]);
        assert!(Cpu::at(root.path()).read().is_empty());
    }
}
