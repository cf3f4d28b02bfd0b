//! Facts of earlier compilations. They depend on the plan, the device with its driver, and the code that reads them;
//! nothing else.

use super::of_plan::OfStep;
use portamark_executors::compiling_source;
use portamark_inspect::{Facts, reader_source};
use portamark_model::device::Capabilities;
use portamark_model::plan::{Plan, Step};
use portamark_results::replace_file;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Most entries of a file; beyond it begins anew.
const MOST: usize = 20_000;

/// Kept facts of one device, in a file of a folder.
#[derive(Debug, Default)]
pub struct Kept {
    path: Option<PathBuf>,
    base: String,
    file: File,
    changed: bool,
    steps: HashMap<String, OfStep>,
}

/// Contents of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    /// Hash of the driver, of the reader and of how pipelines are made; of another one, nothing is taken.
    base: String,
    facts: BTreeMap<String, Vec<Facts>>,
}

impl Kept {
    /// Reads what is kept of `device` in `folder` under the short `name` of its chip; `None` keeps nothing. A file that
    /// cannot be read is made anew.
    pub fn read(folder: Option<&Path>, name: &str, device: &Capabilities) -> Self {
        let Some(folder) = folder else { return Kept::default() };
        // What a plan makes of limits is in the plan; some drivers report the free memory of the moment.
        let base = hash(&[
            env!("CARGO_PKG_VERSION"),
            reader_source(),
            compiling_source(),
            name,
            &device.id,
            &device.driver,
            &device.driver_version,
        ]);
        let path = folder.join(format!("{name}.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let file = serde_json::from_str(&text).ok().filter(|file: &File| file.base == base);
        Kept { path: Some(path), file: file.unwrap_or_default(), base, ..Kept::default() }
    }

    /// Returns the facts of `plan`.
    pub fn find(&self, plan: &Plan) -> Option<&[Facts]> {
        self.path.as_ref()?;
        self.file.facts.get(&name(plan)).map(Vec::as_slice)
    }

    /// Keeps the facts of `plan`.
    pub fn add(&mut self, plan: &Plan, facts: &[Facts]) {
        if self.path.is_some() {
            if self.file.facts.len() >= MOST {
                self.file.facts.clear();
            }
            self.file.facts.insert(name(plan), facts.to_vec());
            self.changed = true;
        }
    }

    /// Returns what was made of the same text in this run: steps of several cases and variants have it in common.
    pub(super) fn step(&self, plan: &Plan, step: &Step) -> Option<&OfStep> {
        self.steps.get(&name_of_step(plan, step))
    }

    /// Forgets the steps of this run if they are too many.
    pub(super) fn make_room(&mut self) {
        if self.steps.len() >= MOST {
            self.steps.clear();
        }
    }

    /// Keeps what was made of `step`, for this run.
    pub(super) fn add_step(&mut self, plan: &Plan, step: &Step, made: OfStep) {
        self.steps.insert(name_of_step(plan, step), made);
    }

    /// Writes the file, if anything is new. An error is not told: nothing depends on it but the time of the next run.
    pub fn write(&mut self) {
        let Some(path) = self.path.as_ref().filter(|_| self.changed) else { return };
        self.file.base.clone_from(&self.base);
        let text = serde_json::to_vec(&self.file).unwrap_or_default();
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        if made.is_ok() && replace_file(path, |file| file.write_all(&text)).is_ok() {
            self.changed = false;
        }
    }
}

/// Returns a name for all that a compilation of `plan` depends on beside the device.
pub(super) fn name(plan: &Plan) -> String {
    hash(&[&plan.hash(), &format!("{:?} {}", plan.features, plan.variant)])
}

/// Returns a name for all that a compilation of `step` depends on beside the device.
pub(super) fn name_of_step(plan: &Plan, step: &Step) -> String {
    let writes: Vec<bool> = step.bindings.iter().map(|binding| binding.writes).collect();
    hash(&[&step.wgsl, &format!("{:?} {:?} {writes:?}", plan.features, plan.variant.checks)])
}

fn hash(parts: &[&str]) -> String {
    hex::encode(Sha256::new_with_prefix(parts.join("\0")).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_kernels::{KernelSource, default_plan};

    fn plan(n: u64) -> Plan {
        let case = format!("stream f32 copy n{n}").parse().unwrap();
        default_plan(&case, &Capabilities::example(), &KernelSource::embedded()).unwrap()
    }

    #[test]
    fn facts_are_kept_for_this_plan_on_this_device_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let device = Capabilities::example();
        let mut kept = Kept::read(Some(folder.path()), "x", &device);
        let facts = [Facts::default()];
        kept.add(&plan(4096), &facts);
        kept.write();
        let again = Kept::read(Some(folder.path()), "x", &device);
        assert_eq!(again.find(&plan(4096)), Some(&facts[..]));
        assert_eq!(again.find(&plan(8192)), None);
        // Another version of the driver.
        let other = device.clone().but(|it| it.driver_version = "2".into());
        assert_eq!(Kept::read(Some(folder.path()), "x", &other).find(&plan(4096)), None);
        assert_eq!(Kept::read(None, "x", &device).find(&plan(4096)), None);
    }

    #[test]
    fn a_file_that_is_broken_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let device = Capabilities::example();
        let path = folder.path().join("x.json");
        std::fs::write(&path, "{\"base\": 3").unwrap();
        let mut kept = Kept::read(Some(folder.path()), "x", &device);
        assert_eq!(kept.find(&plan(4096)), None);
        kept.add(&plan(4096), &[]);
        kept.write();
        assert_eq!(Kept::read(Some(folder.path()), "x", &device).find(&plan(4096)), Some(&[][..]));
    }
}
