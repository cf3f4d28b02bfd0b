//! Device capabilities: everything a plan may depend on.

use crate::privacy::{identifier, identity};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::fmt;
use std::sync::LazyLock;

/// Kind of device behind an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeviceType {
    /// Discrete card.
    Discrete,
    /// Integrated device, which shares memory with the host.
    Integrated,
    /// Partition of a card, in a virtual machine.
    Virtual,
    /// Software driver, which computes on the host CPU.
    Software,
    /// Not reported by the driver.
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

/// Part of a machine that computes. Together with the name it identifies a chip: the CPU and the GPU of an
/// Apple M2 Ultra have one name, and so may an integrated and a discrete GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChipKind {
    /// The host CPU, also behind a software driver.
    Cpu,
    /// Accelerator that shares memory with the host.
    Integrated,
    /// Accelerator with memory of its own, whole or as a partition in a virtual machine.
    Card,
    /// Not told by the driver or by the program that measured.
    Unknown,
}

impl ChipKind {
    /// Returns the kind of a device of type `device_type`. If that is not told, an interface that exists only on
    /// CPUs (`api`: `cpu`, `blas`, `host`) tells it.
    pub fn of(device_type: DeviceType, api: &str) -> Self {
        match device_type {
            DeviceType::Software => ChipKind::Cpu,
            DeviceType::Integrated => ChipKind::Integrated,
            DeviceType::Discrete | DeviceType::Virtual => ChipKind::Card,
            DeviceType::Other if ["cpu", "blas", "host"].contains(&api.to_lowercase().as_str()) => {
                ChipKind::Cpu
            }
            DeviceType::Other => ChipKind::Unknown,
        }
    }

    /// Whether devices of one name and of these kinds can be the same chip: the kinds are equal, or one of them
    /// is not told.
    pub fn agrees(self, other: Self) -> bool {
        self == other || self == ChipKind::Unknown || other == ChipKind::Unknown
    }
}

/// Returns the name of a device without trademark signs: `Intel(R) Arc(TM) B580 Graphics` becomes
/// `Intel Arc B580 Graphics`.
pub fn without_marks(name: &str) -> String {
    static MARKS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i)\((?:r|tm|c)\)|[®™©]").expect("the pattern is valid"));
    let words = MARKS.replace_all(name, " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Method of timing a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimerKind {
    /// Timestamps written by the device at the boundaries of a compute pass.
    PassTimestamps,
    /// Host clock around submission and completion.
    Host,
}

/// Cooperative-matrix shape that WGSL can express: square tiles in f16 or f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct MatrixShape {
    /// Edge length of the tile in elements, 8 or 16.
    pub edge: u32,
    /// Number format of the operands.
    pub input: crate::workload::DType,
    /// Number format of the accumulator and the result.
    pub accumulate: crate::workload::DType,
}

impl MatrixShape {
    /// Creates a shape of square tiles with edge length `edge`, operands in `input` and accumulator in
    /// `accumulate`.
    pub fn new(edge: u32, input: crate::workload::DType, accumulate: crate::workload::DType) -> Self {
        MatrixShape { edge, input, accumulate }
    }
}

impl fmt::Display for MatrixShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{e}x{e}x{e} {}.{}", self.input, self.accumulate, e = self.edge)
    }
}

/// Largest subgroup size, in invocations, that plans are made for: eight times that of WebGPU.
const LARGEST_SUBGROUP: u32 = 1024;

/// Device limits that plans depend on, as reported by the device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct DeviceLimits {
    /// Largest workgroup memory, in bytes.
    pub workgroup_memory: u64,
    /// Largest number of invocations in one workgroup.
    pub workgroup_size: u64,
    /// Largest number of workgroups along one dimension of a dispatch.
    pub dispatch: u64,
    /// Largest storage binding, in bytes.
    pub binding_bytes: u64,
    /// Largest buffer, in bytes.
    pub buffer_bytes: u64,
    /// Largest number of storage buffers in one shader stage.
    pub storage_buffers: u64,
    /// Device memory in bytes, possibly shared with the host; `None` if the driver does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

impl DeviceLimits {
    /// Returns the largest number of invocations in one workgroup, but at most `most` and at least 1.
    pub fn threads(&self, most: u32) -> u32 {
        u32::try_from(self.workgroup_size).map_or(most, |limit| limit.min(most)).max(1)
    }
}

/// Optional device feature that kernels use.
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

/// Kind of work that an executor accepts: plans to run, or cases to compute in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Takes {
    /// WGSL plans.
    Plans,
    /// Case keys; the executor brings its own kernels.
    Cases,
}

/// Capabilities of one device, as seen through one API and driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Capabilities {
    /// Identifier `api/name/driver version`, unique within an executor; `-d` is matched against it.
    pub id: String,
    /// Name of the device, as reported by the driver.
    pub name: String,
    /// API: `vulkan`, `metal`, `dx12`, or the name of a foreign runtime.
    pub api: String,
    /// Name of the driver; may be empty.
    pub driver: String,
    /// Version of the driver, as free text; may be empty.
    pub driver_version: String,
    /// PCI vendor id; 0 if unknown.
    pub vendor_id: u32,
    /// PCI device id; 0 if unknown.
    pub device_id: u32,
    /// Kind of device, as reported by the driver.
    pub device_type: DeviceType,
    /// Kind of work that the device accepts: plans or cases.
    pub takes: Takes,
    /// Optional features that the device offers.
    pub features: Vec<Feature>,
    /// Smallest subgroup size, in invocations; 0 if the device has no subgroups.
    pub subgroup_min: u32,
    /// Largest subgroup size, in invocations; 0 if the device has no subgroups.
    pub subgroup_max: u32,
    /// Subgroup sizes that a pipeline can be given, the usual one first; empty if a kernel cannot ask for a size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subgroup_sizes: Vec<u32>,
    /// Limits that plans depend on.
    pub limits: DeviceLimits,
    /// Supported cooperative-matrix shapes that WGSL can express.
    pub matrix_shapes: Vec<MatrixShape>,
    /// Timing method that the device offers, before any self-test.
    pub timer: TimerKind,
    /// Whether run-time checks of kernels stay enabled whatever the variant says, as in a browser.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always_checked: bool,
    /// PCI address, used to find the sensors of this card among identical cards; `None` if unknown. Executors
    /// send it to the runner. It reveals where a card sits in the user's machine, so headers of result files
    /// are written without it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(skip)]
    pub pci_bus_id: Option<String>,
    /// The `id` in the words of the executor, which requests to it name; `None` if it is `id`. It may identify a
    /// machine or a user, so it is never written.
    #[serde(skip)]
    pub own_id: Option<String>,
    /// Number of further entries of this same device in the list of its API, because several driver manifests name
    /// one driver. The device is listed once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub listed_again: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Capabilities {
    /// Returns the capabilities modified by `change`.
    pub fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Returns the device as it may stand in a result file: each text is an [`identity`], and `own_id` has the id
    /// in the words of the executor if that differs.
    pub fn without_private(mut self) -> Self {
        let own = std::mem::take(&mut self.id);
        self.id = identifier(&own);
        self.own_id = (self.id != own).then_some(own);
        for text in [&mut self.name, &mut self.api, &mut self.driver, &mut self.driver_version] {
            *text = identity(text);
        }
        self
    }

    /// Returns the id in the words of the executor, for requests to it.
    pub fn id_of_executor(&self) -> &str {
        self.own_id.as_deref().unwrap_or(&self.id)
    }

    /// Creates a device that brings its own kernels: nothing is set that plans depend on, and timing uses
    /// the host clock. For a device that takes plans, this is a starting point with all limits 0.
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
            subgroup_sizes: Vec::new(),
            limits: DeviceLimits::default(),
            matrix_shapes: Vec::new(),
            timer: TimerKind::Host,
            always_checked: false,
            pci_bus_id: None,
            own_id: None,
            listed_again: 0,
        }
    }

    /// Returns an example device for planning without hardware: a GPU with subgroups of 8 and the minimum
    /// limits of WebGPU.
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
            subgroup_sizes: Vec::new(),
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
            own_id: None,
            listed_again: 0,
        }
    }

    /// Returns what no device that takes plans can have: a limit of 0 or a subgroup size that is none. `None` if all
    /// is possible. Devices that bring their own kernels need no limits.
    pub fn impossible(&self) -> Option<String> {
        if self.takes != Takes::Plans {
            return None;
        }
        let limits = &self.limits;
        let needed = [
            ("workgroup_memory", limits.workgroup_memory),
            ("workgroup_size", limits.workgroup_size),
            ("dispatch", limits.dispatch),
            ("binding_bytes", limits.binding_bytes),
            ("buffer_bytes", limits.buffer_bytes),
            ("storage_buffers", limits.storage_buffers),
        ];
        if let Some((name, _)) = needed.iter().find(|(_, limit)| *limit == 0) {
            return Some(format!("takes plans, but its limit {name} is 0"));
        }
        let sizes = [("subgroup_min", self.subgroup_min), ("subgroup_max", self.subgroup_max)];
        let is_size = |size: u32| size == 0 || size.is_power_of_two() && size <= LARGEST_SUBGROUP;
        if let Some((name, size)) = sizes.iter().find(|(_, size)| !is_size(*size)) {
            return Some(format!("has {name} {size}, but sizes are powers of two up to {LARGEST_SUBGROUP}"));
        }
        let (min, max) = (self.subgroup_min, self.subgroup_max);
        let is_range = min <= max && (min > 0 || max == 0);
        if !is_range {
            return Some(format!("has subgroup sizes from {min} to {max}"));
        }
        let outside = |size: &&u32| !size.is_power_of_two() || !(min..=max).contains(*size);
        let size = self.subgroup_sizes.iter().find(outside)?;
        Some(format!("offers subgroups of {size}, but has sizes from {min} to {max}"))
    }

    /// Whether the device offers `feature`.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Whether the device computes on the host CPU, where other kernels are fast.
    pub fn is_software(&self) -> bool {
        self.device_type == DeviceType::Software
    }

    /// Whether a driver made for GPUs computes on the host CPU, so that measured rates describe the driver.
    /// A runtime that is meant to compute on the CPU does not count.
    pub fn is_software_driver(&self) -> bool {
        self.is_software() && self.takes == Takes::Plans
    }

    /// Returns the part of the machine that computes, which tells apart chips of one name.
    pub fn chip_kind(&self) -> ChipKind {
        ChipKind::of(self.device_type, &self.api)
    }

    /// Returns the place of the device in lists of devices, whose first is the default: hardware with memory of its
    /// own before integrated, virtual and software devices; then the native API first (Metal, Vulkan, DX12, and
    /// Vulkan on top of DX12 last); then the one with the most memory. Devices that are equal in all of this keep
    /// the order of their driver.
    pub fn rank(&self) -> impl Ord + use<> {
        let kind = match self.device_type {
            DeviceType::Discrete => 0,
            DeviceType::Integrated => 1,
            DeviceType::Virtual => 2,
            DeviceType::Other => 3,
            DeviceType::Software => 4,
        };
        // Mesa's Dozen names its devices after the layer below.
        let layered = self.name.starts_with("Microsoft Direct3D12");
        let api = match self.api.as_str() {
            "metal" => 0,
            "vulkan" if !layered => 1,
            "dx12" => 2,
            _ => 3,
        };
        (kind, api, Reverse(self.limits.memory_bytes.unwrap_or(0)))
    }

    /// Returns the kind of device in words, e.g. `discrete` or `software driver`.
    pub fn kind(&self) -> String {
        match self.device_type {
            DeviceType::Software if self.takes == Takes::Cases => "host processor".into(),
            DeviceType::Software => "software driver".into(),
            other => other.to_string(),
        }
    }

    /// Returns the device as a kernel sees it whose pipelines have subgroups of `size`.
    pub fn with_subgroup(&self, size: u32) -> Self {
        self.clone().but(|it| (it.subgroup_min, it.subgroup_max) = (size, size))
    }

    /// Returns the subgroup size that kernels can rely on and must ask for, because the device has several; `None` if it
    /// has only one, or if no size can be asked for.
    pub fn asked_subgroup(&self) -> Option<u32> {
        let varies = self.has(Feature::Subgroup) && self.subgroup_min < self.subgroup_max;
        self.subgroup_sizes.first().copied().filter(|_| varies)
    }

    /// Returns the subgroup size if the device has only one; otherwise `None`.
    pub fn fixed_subgroup(&self) -> Option<u32> {
        (self.has(Feature::Subgroup) && self.subgroup_min == self.subgroup_max && self.subgroup_min > 0)
            .then_some(self.subgroup_min)
    }

    /// Returns the name shown to users. For a device that takes cases it includes the runtime, because
    /// several runtimes may compute on one chip.
    pub fn spoken(&self) -> String {
        match self.takes {
            Takes::Plans => self.name.clone(),
            Takes::Cases => format!("{} on {}", self.api, self.name),
        }
    }

    /// Returns the id as a folder name: lower case, words joined by dashes, at most 80 characters.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trademark_signs_are_no_part_of_a_name() {
        for (name, plain) in [
            ("Intel(R) Arc(TM) B580 Graphics", "Intel Arc B580 Graphics"),
            ("Qualcomm(R) Adreno(TM) X1-85 GPU", "Qualcomm Adreno X1-85 GPU"),
            ("Intel(R) Arc(tm) A770 Graphics (DG2)", "Intel Arc A770 Graphics (DG2)"),
            ("Adreno™ 740", "Adreno 740"),
            ("Radeon (RADV NAVI31)", "Radeon (RADV NAVI31)"),
        ] {
            assert_eq!(without_marks(name), plain);
        }
    }

    #[test]
    fn the_first_device_is_the_discrete_gpu_through_its_native_api_with_the_most_memory() {
        let device = |api: &str, name: &str, device_type, gib: u64| {
            let id = format!("{api}/{name}");
            Capabilities::without_plans(id, name.into(), api, device_type)
                .but(|it| it.limits.memory_bytes = Some(gib << 30))
        };
        let mut devices = [
            device("vulkan", "llvmpipe", DeviceType::Software, 64),
            device("dx12", "NVIDIA GeForce RTX 4090", DeviceType::Discrete, 0),
            device("vulkan", "Microsoft Direct3D12 (NVIDIA GeForce RTX 4090)", DeviceType::Discrete, 24),
            device("vulkan", "AMD Radeon Graphics", DeviceType::Integrated, 32),
            device("vulkan", "Intel(R) UHD Graphics 770", DeviceType::Integrated, 16),
            device("vulkan", "NVIDIA GeForce GT 1030", DeviceType::Discrete, 2),
            device("vulkan", "Virtio-GPU Venus", DeviceType::Virtual, 8),
            device("vulkan", "NVIDIA GeForce RTX 4090", DeviceType::Discrete, 24),
        ];
        devices.sort_by_key(Capabilities::rank);
        assert_eq!(
            devices.map(|device| device.id),
            [
                "vulkan/NVIDIA GeForce RTX 4090",
                "vulkan/NVIDIA GeForce GT 1030",
                "dx12/NVIDIA GeForce RTX 4090",
                "vulkan/Microsoft Direct3D12 (NVIDIA GeForce RTX 4090)",
                "vulkan/AMD Radeon Graphics",
                "vulkan/Intel(R) UHD Graphics 770",
                "vulkan/Virtio-GPU Venus",
                "vulkan/llvmpipe",
            ]
        );
    }

    #[test]
    fn a_device_without_room_or_with_subgroups_of_no_size_cannot_exist() {
        let told = |change: fn(&mut Capabilities)| Capabilities::example().but(change).impossible();
        assert_eq!(told(|_| ()), None);
        assert_eq!(told(|it| (it.subgroup_min, it.subgroup_max) = (0, 0)), None);
        for change in [
            (|it| it.limits.workgroup_size = 0) as fn(&mut Capabilities),
            |it| it.limits.dispatch = 0,
            |it| it.limits.storage_buffers = 0,
        ] {
            assert!(told(change).unwrap().ends_with("is 0"));
            // Its kernels are its own, so none of these limits matters.
            let own = Capabilities::example().but(change).but(|it| it.takes = Takes::Cases);
            assert_eq!(own.impossible(), None);
        }
        for (min, max) in [(8, 12), (u32::MAX, u32::MAX), (16, 8), (0, 8), (8, 0), (2048, 2048)] {
            let device = Capabilities::example().but(|it| (it.subgroup_min, it.subgroup_max) = (min, max));
            assert!(device.impossible().is_some(), "{min} {max}");
        }
    }

    #[test]
    fn threads_are_at_least_one_whatever_the_limit() {
        let threads = |limit| DeviceLimits { workgroup_size: limit, ..DeviceLimits::default() }.threads(64);
        // 2^32 and 2^32 + 1 do not fit in 32 bits; cut off, they would be 0 and 1.
        assert_eq!([0, 1, 63, 64, 1 << 32, (1 << 32) + 1, u64::MAX].map(threads), [1, 1, 63, 64, 64, 64, 64]);
    }

    #[test]
    fn an_interface_that_only_cpus_have_tells_the_kind_where_the_type_does_not() {
        assert_eq!(ChipKind::of(DeviceType::Other, "BLAS"), ChipKind::Cpu);
        assert_eq!(ChipKind::of(DeviceType::Other, "cuda"), ChipKind::Unknown);
        assert_eq!(ChipKind::of(DeviceType::Virtual, "vulkan"), ChipKind::Card);
        assert!(!ChipKind::Integrated.agrees(ChipKind::Card) && ChipKind::Unknown.agrees(ChipKind::Card));
    }
}
