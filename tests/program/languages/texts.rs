//! The texts of kernels that a device is given.

use naga::valid::{Capabilities as NagaCapabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use portamark_kernels::{Kernel, KernelSource, candidates, space};
use portamark_model::device::{Capabilities, Feature};
use portamark_model::plan::Plan;
use portamark_model::suite::Suite;
use portamark_model::variant::Variant;
use portamark_model::workload::Case;
use std::collections::{BTreeMap, BTreeSet};

/// Variants of each kernel and format that are drawn from the space of one case.
const DRAWN: usize = 6;

/// One text, with what an executor knows of it.
pub struct Text {
    pub wgsl: String,
    /// Whether each binding is written, in order.
    pub writes: Vec<bool>,
    /// Whether the device is opened with arithmetic in f16.
    pub half: bool,
    /// Family and name of the kernel.
    pub kernel: String,
    /// A plan that has the text, for people.
    pub plan: String,
}

/// All cases of the built-in suites.
pub fn cases() -> Vec<Case> {
    let suites = ["quick", "standard", "full"].map(|name| Suite::builtin(name).unwrap());
    Suite::new("all", suites.into_iter().flat_map(|suite| suite.cases)).cases
}

/// Gathers texts. Of those that differ in numbers alone, as sizes do, only the first is kept: they are five times as
/// many, and no word of a language depends on them.
#[derive(Default)]
struct Gathered(BTreeMap<String, Text>);

impl Gathered {
    fn add(&mut self, case: &Case, device: &Capabilities, kernel: &Kernel, variant: &Variant) {
        let plan = kernel.plan(case, device, variant, &KernelSource::embedded());
        let plan: Plan = plan.unwrap_or_else(|error| panic!("{case} {variant} on {}: {error}", device.id));
        let half = plan.features.contains(&Feature::ShaderF16);
        for step in &plan.steps {
            self.0.entry(without_numbers(&step.wgsl)).or_insert_with(|| Text {
                wgsl: step.wgsl.clone(),
                writes: step.bindings.iter().map(|binding| binding.writes).collect(),
                half,
                kernel: format!("{} {}", kernel.family, kernel.name),
                plan: format!("{case} {variant} on {}", device.id),
            });
        }
    }
}

/// Returns the texts of all default variants of all cases of the suites on `devices`, and of some of those that tuning
/// tries: of the first case of each family and format, a few of each kernel, at even distances.
pub fn texts(devices: &[Capabilities]) -> Vec<Text> {
    let (mut gathered, cases) = (Gathered::default(), cases());
    for device in devices {
        let mut kinds = BTreeSet::new();
        for case in &cases {
            let Ok(list) = candidates(case, device) else { continue };
            for (kernel, variant) in &list {
                gathered.add(case, device, kernel, variant);
            }
            if kinds.insert((case.family(), case.precision().to_string())) {
                for (kernel, variant) in drawn(case, device) {
                    gathered.add(case, device, kernel, &variant);
                }
            }
        }
    }
    gathered.0.into_values().collect()
}

/// A plan, with its case and variant for people.
pub struct Wanted {
    pub plan: Plan,
    pub name: String,
}

/// Returns plans of all cases of the suites on `device`: by the first variant of each kernel, if that has a text that no
/// plan before it has.
pub fn plans(device: &Capabilities) -> Vec<Wanted> {
    let (mut seen, mut wanted) = (BTreeSet::new(), Vec::new());
    for case in cases() {
        let mut kernels = BTreeSet::new();
        for (kernel, variant) in candidates(&case, device).unwrap_or_default() {
            if !kernels.insert(kernel.name) {
                continue;
            }
            let Ok(plan) = kernel.plan(&case, device, &variant, &KernelSource::embedded()) else { continue };
            let news = plan.steps.iter().filter(|step| seen.insert(without_numbers(&step.wgsl))).count();
            if news > 0 {
                wanted.push(Wanted { plan, name: format!("{case} {variant}") });
            }
        }
    }
    wanted
}

/// Returns a text with each run of digits as one.
fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }) {
        if c != '0' || before != '0' {
            kept.push(c);
        }
        before = c;
    }
    kept
}

fn drawn(case: &Case, device: &Capabilities) -> Vec<(&'static Kernel, Variant)> {
    let mut of_kernel: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (kernel, variant) in space(case, device).unwrap_or_default() {
        of_kernel.entry(kernel.name).or_default().push((kernel, variant));
    }
    let spread = |list: Vec<_>| {
        let step = list.len().div_ceil(DRAWN).max(1);
        list.into_iter().step_by(step)
    };
    of_kernel.into_values().flat_map(spread).collect()
}

/// Reads a text as wgpu does before it hands it to a back end.
pub fn read(wgsl: &str) -> Result<(Module, ModuleInfo), String> {
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|error| error.emit_to_string(wgsl))?;
    let mut validator = Validator::new(ValidationFlags::all(), NagaCapabilities::all());
    let info = validator.validate(&module).map_err(|error| error.emit_to_string(wgsl))?;
    let entry = Some((ShaderStage::Compute, "main"));
    let set = naga::back::pipeline_constants::process_overrides(&module, &info, entry, &Default::default());
    let (module, info) = set.map_err(|error| format!("{error:?}"))?;
    Ok((module.into_owned(), info.into_owned()))
}

/// Returns the bytes of all variables in workgroup memory.
pub fn workgroup_bytes(module: &Module) -> u64 {
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).unwrap();
    let variables = module.global_variables.iter().map(|(_, variable)| variable);
    let shared = variables.filter(|variable| variable.space == naga::AddressSpace::WorkGroup);
    shared.map(|variable| u64::from(layouter[variable.ty].size)).sum()
}

#[test]
fn texts_that_differ_in_sizes_are_one_and_in_types_two() {
    assert_eq!(without_numbers("const M: u32 = 4096u; x10_2"), without_numbers("const M: u32 = 33u; x7_15"));
    assert_ne!(without_numbers("vec4<f16>"), without_numbers("vec4<u32>"));
}
