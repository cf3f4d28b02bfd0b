//! What a device says of itself: everything a plan may depend on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Kind of device behind an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeviceType {
    /// A card of its own.
    Discrete,
    /// Shares memory with the host.
    Integrated,
    /// A partition of a card in a virtual machine.
    Virtual,
    /// A driver that computes on the host's processor.
    Software,
    /// The driver does not say.
    Other,
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceType::Discrete => "discrete",
            DeviceType::Integrated => "integrated",
            DeviceType::Virtual => "virtual",
            DeviceType::Software => "software",
            DeviceType::Other => "other",
        })
    }
}

/// How a device can be timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimerKind {
    /// Timestamps written by the device at the boundaries of a compute pass.
    PassTimestamps,
    /// Host clock around submission and completion.
    Host,
}

/// One cooperative-matrix shape that WGSL can express: square, f16 or f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct MatrixShape {
    /// Edge of the tile, 8 or 16.
    pub edge: u32,
    /// Formats of operands and accumulator, `f16.f32` as in case keys.
    pub input: crate::workload::DType,
    /// Format of the accumulator and result.
    pub accumulate: crate::workload::DType,
}

impl MatrixShape {
    /// Square tiles of `edge`, operands in `input`, sums in `accumulate`.
    pub fn new(edge: u32, input: crate::workload::DType, accumulate: crate::workload::DType) -> Self {
        MatrixShape { edge, input, accumulate }
    }
}

impl fmt::Display for MatrixShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{e}x{e}x{e} {}.{}", self.input, self.accumulate, e = self.edge)
    }
}

/// The limits that shape a plan, as the device reports them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct DeviceLimits {
    /// Bytes of workgroup memory.
    pub workgroup_memory: u64,
    /// Invocations of one workgroup.
    pub workgroup_size: u64,
    /// Workgroups along one dimension of a dispatch.
    pub dispatch: u64,
    /// Bytes of one storage binding.
    pub binding_bytes: u64,
    /// Bytes of one buffer.
    pub buffer_bytes: u64,
    /// Storage buffers of one shader stage.
    pub storage_buffers: u64,
    /// Bytes of the device's own memory, where its driver tells; it may share the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// Optional features that kernels use.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Feature {
    /// f16 in shaders and storage.
    ShaderF16,
    /// Subgroup operations.
    Subgroup,
    /// Cooperative matrices.
    CooperativeMatrix,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Feature::ShaderF16 => "shader-f16",
            Feature::Subgroup => "subgroup",
            Feature::CooperativeMatrix => "cooperative-matrix",
        })
    }
}

/// Whether an executor is given plans to run or cases to compute in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Takes {
    /// WGSL plans.
    Plans,
    /// Case keys; the executor brings its own kernels.
    Cases,
}

/// One device through one API and driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Capabilities {
    /// `api/name/driver version`, unique within an executor; what `-d` matches.
    pub id: String,
    /// Name as the driver gives it.
    pub name: String,
    /// `vulkan`, `metal`, `dx12`, or the name of a foreign runtime.
    pub api: String,
    /// Name of the driver.
    pub driver: String,
    /// Version text of the driver.
    pub driver_version: String,
    /// PCI vendor id, 0 when unknown.
    pub vendor_id: u32,
    /// PCI device id, 0 when unknown.
    pub device_id: u32,
    /// Kind of device.
    pub device_type: DeviceType,
    /// Whether it takes plans or cases.
    pub takes: Takes,
    /// Optional features it offers.
    pub features: Vec<Feature>,
    /// Smallest subgroup; 0 when it has none.
    pub subgroup_min: u32,
    /// Largest subgroup; 0 when it has none.
    pub subgroup_max: u32,
    /// Limits.
    pub limits: DeviceLimits,
    /// Cooperative-matrix shapes that WGSL can express.
    pub matrix_shapes: Vec<MatrixShape>,
    /// How it can be timed, before any self-test.
    pub timer: TimerKind,
    /// Whether run-time checks of kernels stay on whatever a variant says, as in a browser.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always_checked: bool,
    /// PCI address, to find the sensors of this card among its twins. It tells where a card is in
    /// someone's machine, so no file holds it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(skip)]
    pub pci_bus_id: Option<String>,
}

impl Capabilities {
    /// The same with what `change` makes of it.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// A device that brings its own kernels: what plans depend on is nothing, and its clock the host's.
    /// For one that takes plans it is the start, with all limits 0.
    pub fn without_plans(id: String, name: String, api: &str, device_type: DeviceType) -> Self {
        Capabilities {
            id,
            name,
            api: api.into(),
            driver: String::new(),
            driver_version: String::new(),
            vendor_id: 0,
            device_id: 0,
            device_type,
            takes: Takes::Cases,
            features: Vec::new(),
            subgroup_min: 0,
            subgroup_max: 0,
            limits: DeviceLimits::default(),
            matrix_shapes: Vec::new(),
            timer: TimerKind::Host,
            always_checked: false,
            pci_bus_id: None,
        }
    }

    /// A plain device to plan for where none is at hand: a GPU with subgroups of 8 and the least limits
    /// of WebGPU.
    pub fn example() -> Self {
        Capabilities {
            id: "test/Test/1".into(),
            name: "Test".into(),
            api: "test".into(),
            driver: "t".into(),
            driver_version: "1".into(),
            vendor_id: 0,
            device_id: 0,
            device_type: DeviceType::Discrete,
            takes: Takes::Plans,
            features: vec![Feature::Subgroup],
            subgroup_min: 8,
            subgroup_max: 8,
            limits: DeviceLimits {
                workgroup_memory: 16_384,
                workgroup_size: 256,
                dispatch: 65_535,
                binding_bytes: 128 << 20,
                buffer_bytes: 256 << 20,
                storage_buffers: 8,
                memory_bytes: None,
            },
            matrix_shapes: Vec::new(),
            timer: TimerKind::Host,
            always_checked: false,
            pci_bus_id: None,
        }
    }

    /// Whether the device offers `feature`.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Whether a plan runs on the host's processor: other kernels are fast there.
    pub fn is_software(&self) -> bool {
        self.device_type == DeviceType::Software
    }

    /// Whether a driver that is made for GPUs computes on the host's processor: its rates are those of the
    /// driver. A runtime that computes there is meant to.
    pub fn is_software_driver(&self) -> bool {
        self.is_software() && self.takes == Takes::Plans
    }

    /// The kind of device as people say it.
    pub fn kind(&self) -> String {
        match self.device_type {
            DeviceType::Software if self.takes == Takes::Cases => "host processor".into(),
            DeviceType::Software => "software driver".into(),
            other => other.to_string(),
        }
    }

    /// The fixed subgroup size, if the device has one size only.
    pub fn fixed_subgroup(&self) -> Option<u32> {
        (self.has(Feature::Subgroup) && self.subgroup_min == self.subgroup_max && self.subgroup_min > 0)
            .then_some(self.subgroup_min)
    }

    /// The name by which people tell it from others of one run: many runtimes compute on one chip.
    pub fn spoken(&self) -> String {
        match self.takes {
            Takes::Plans => self.name.clone(),
            Takes::Cases => format!("{} on {}", self.api, self.name),
        }
    }

    /// The name as a folder: lower case, words joined by dashes.
    pub fn slug(&self) -> String {
        let mut slug = String::new();
        for c in self.id.chars() {
            if c.is_ascii_alphanumeric() || c == '.' {
                slug.extend(c.to_lowercase());
            } else if !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_matches(['-', '.']);
        if slug.is_empty() { "device".into() } else { slug.chars().take(80).collect() }
    }
}
