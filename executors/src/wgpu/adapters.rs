//! Finds the GPU adapters and describes their capabilities.

use super::subgroups;
use portamark_model::device::{Capabilities, DeviceType, Feature, MatrixShape, Takes, TimerKind};
use portamark_model::workload::DType;
use std::collections::HashMap;

/// Adapter with its capabilities.
pub struct Found {
    /// Adapter of wgpu.
    pub adapter: wgpu::Adapter,
    /// Capabilities that the adapter reports.
    pub capabilities: Capabilities,
}

/// Returns all adapters of the native backends in the order of [`Capabilities::rank`]. A device appears once for
/// each combination of API and driver, even if several driver manifests name that driver.
pub fn find() -> Vec<Found> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12,
        // By default, debug builds enable validation and compile DX12 shaders without optimisation.
        flags: wgpu::InstanceFlags::empty(),
        // Makes excessive allocations fail where the driver reports its memory budget.
        memory_budget_thresholds: wgpu::MemoryBudgetThresholds {
            for_resource_creation: Some(90),
            for_device_loss: None,
        },
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let found = adapters.into_iter().map(|adapter| {
        let capabilities = describe(&adapter);
        (Slot::of(&adapter, &capabilities), Found { capabilities, adapter })
    });
    let mut found = once_each(found);
    found.sort_by_key(|found| found.capabilities.rank());
    // Two identical cards differ only in their slot, which could identify the machine: number them instead.
    let mut seen: HashMap<String, u32> = HashMap::new();
    for f in &mut found {
        let count = seen.entry(f.capabilities.id.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            f.capabilities.id = format!("{}#{count}", f.capabilities.id);
        }
    }
    found
}

/// What tells one device from an equal one beside it, as seen through one API and driver.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    /// Device id, which holds API, name and driver version.
    id: String,
    /// Universally unique identifier of the device; `None` where the API has none.
    uuid: Option<[u8; 16]>,
    /// PCI address; `None` where the driver does not report it.
    pci: Option<String>,
}

impl Slot {
    fn of(adapter: &wgpu::Adapter, device: &Capabilities) -> Self {
        Slot { id: device.id.clone(), uuid: device_uuid(adapter), pci: device.pci_bus_id.clone() }
    }

    /// Whether both are certainly the same device: without any identifier, two entries may be two cards.
    fn is(&self, other: &Slot) -> bool {
        self == other && (self.uuid.is_some() || self.pci.is_some())
    }
}

/// Keeps one entry of each device, and counts in it how often it came again.
fn once_each(listed: impl Iterator<Item = (Slot, Found)>) -> Vec<Found> {
    let mut kept: Vec<(Slot, Found)> = Vec::new();
    for (slot, found) in listed {
        match kept.iter_mut().find(|(other, _)| other.is(&slot)) {
            Some((_, first)) => first.capabilities.listed_again += 1,
            None => kept.push((slot, found)),
        }
    }
    kept.into_iter().map(|(_, found)| found).collect()
}

fn describe(adapter: &wgpu::Adapter) -> Capabilities {
    let info = adapter.get_info();
    let (features, limits) = (adapter.features(), adapter.limits());
    let matrix_shapes = matrix_shapes(adapter, features);
    let mut offered = Vec::new();
    if features.contains(wgpu::Features::SHADER_F16) {
        offered.push(Feature::ShaderF16);
    }
    if features.contains(wgpu::Features::SUBGROUP) {
        offered.push(Feature::Subgroup);
    }
    if !matrix_shapes.is_empty() {
        offered.push(Feature::CooperativeMatrix);
    }
    let timestamps = features.contains(wgpu::Features::TIMESTAMP_QUERY);
    let driver_version = driver_version(&info.driver_info);
    let subgroups = offered.contains(&Feature::Subgroup);
    let api = info.backend.to_string().to_lowercase();
    let version = if driver_version.is_empty() { info.driver.clone() } else { driver_version.clone() };
    let mut id = format!("{api}/{}", clean(&info.name));
    if !version.is_empty() {
        id = format!("{id}/{}", clean(&version));
    }
    let device_type = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => DeviceType::Discrete,
        wgpu::DeviceType::IntegratedGpu => DeviceType::Integrated,
        wgpu::DeviceType::VirtualGpu => DeviceType::Virtual,
        wgpu::DeviceType::Cpu => DeviceType::Software,
        wgpu::DeviceType::Other => DeviceType::Other,
    };
    let mut device = Capabilities::without_plans(id, clean(&info.name), &api, device_type);
    device.takes = Takes::Plans;
    device.driver = clean(&info.driver);
    device.driver_version = driver_version;
    device.vendor_id = info.vendor;
    device.device_id = info.device;
    device.features = offered;
    if subgroups {
        (device.subgroup_min, device.subgroup_max) = subgroups::range(&device, &info);
        device.subgroup_sizes = subgroups::choice(adapter, &device);
    }
    device.limits.workgroup_memory = u64::from(limits.max_compute_workgroup_storage_size);
    device.limits.workgroup_size = u64::from(limits.max_compute_invocations_per_workgroup)
        .min(u64::from(limits.max_compute_workgroup_size_x));
    device.limits.dispatch = u64::from(limits.max_compute_workgroups_per_dimension);
    device.limits.binding_bytes = limits.max_storage_buffer_binding_size;
    device.limits.buffer_bytes = limits.max_buffer_size;
    device.limits.storage_buffers = u64::from(limits.max_storage_buffers_per_shader_stage);
    device.limits.memory_bytes = device_memory(adapter);
    device.matrix_shapes = matrix_shapes;
    device.timer = if timestamps { TimerKind::PassTimestamps } else { TimerKind::Host };
    device.pci_bus_id = Some(info.device_pci_bus_id).filter(|id| !id.is_empty());
    device
}

/// Returns the size of the largest device-local memory heap, in bytes. wgpu does not report it, so this asks
/// Vulkan; `None` for other APIs.
#[cfg(not(target_vendor = "apple"))]
fn device_memory(adapter: &wgpu::Adapter) -> Option<u64> {
    // SAFETY: the handle is only used to read plain data while the adapter exists, and is not kept.
    let adapter = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let instance = adapter.shared_instance().raw_instance();
    // SAFETY: the physical device belongs to that instance.
    let memory = unsafe { instance.get_physical_device_memory_properties(adapter.raw_physical_device()) };
    /// Vulkan's VK_MEMORY_HEAP_DEVICE_LOCAL_BIT.
    const DEVICE_LOCAL: u32 = 1;
    let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
    heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
}

/// Returns the identifier that Vulkan gives the device (`VkPhysicalDeviceIDProperties::deviceUUID`), which is the
/// same in all instances and processes; `None` for other APIs, and for Vulkan 1.0.
#[cfg(not(target_vendor = "apple"))]
fn device_uuid(adapter: &wgpu::Adapter) -> Option<[u8; 16]> {
    // SAFETY: the handle is only used to read plain data while the adapter exists, and is not kept.
    let adapter = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let shared = adapter.shared_instance();
    let versions =
        [shared.instance_api_version(), adapter.physical_device_capabilities().properties().api_version];
    if versions.iter().any(|version| *version < ash::vk::API_VERSION_1_1) {
        return None;
    }
    let mut ids = ash::vk::PhysicalDeviceIDProperties::default();
    let mut properties = ash::vk::PhysicalDeviceProperties2::default().push_next(&mut ids);
    let instance = shared.raw_instance();
    // SAFETY: the physical device belongs to that instance, and both structures live until the call returns.
    unsafe { instance.get_physical_device_properties2(adapter.raw_physical_device(), &mut properties) };
    Some(ids.device_uuid).filter(|uuid| uuid.iter().any(|byte| *byte != 0))
}

/// Returns `None`: Metal has no such identifier, and lists each device once.
#[cfg(target_vendor = "apple")]
fn device_uuid(_: &wgpu::Adapter) -> Option<[u8; 16]> {
    None
}

/// Returns `None`: the memory size is not available through wgpu on Metal.
#[cfg(target_vendor = "apple")]
fn device_memory(_: &wgpu::Adapter) -> Option<u64> {
    None
}

/// Returns the cooperative-matrix shapes that WGSL can express: square tiles of 8 or 16 in floating-point
/// formats. The list may be empty although the feature bit is set.
fn matrix_shapes(adapter: &wgpu::Adapter, features: wgpu::Features) -> Vec<MatrixShape> {
    if !features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        return Vec::new();
    }
    let dtype = |scalar| match scalar {
        wgpu::CooperativeScalarType::F32 => Some(DType::F32),
        wgpu::CooperativeScalarType::F16 => Some(DType::F16),
        _ => None,
    };
    let mut shapes: Vec<MatrixShape> = Vec::new();
    for p in adapter.cooperative_matrix_properties() {
        let square = p.m_size == p.n_size && p.n_size == p.k_size && [8, 16].contains(&p.m_size);
        if let (true, Some(input), Some(accumulate)) = (square, dtype(p.ab_type), dtype(p.cr_type)) {
            let shape = MatrixShape::new(p.m_size, input, accumulate);
            if !p.saturating_accumulation && !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
    }
    shapes
}

/// Extracts the version from the driver's free text: `Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)` → `Mesa 25.0.7`.
fn driver_version(text: &str) -> String {
    let text = clean(text);
    let Some(rest) = text.strip_prefix("Mesa ") else { return text };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    format!("Mesa {}", rest[..end].trim_end_matches('.'))
}

/// Returns text of a driver without control characters, with slashes replaced because they separate the parts
/// of an identifier, cut to 120 characters.
fn clean(text: &str) -> String {
    let text: String =
        text.chars().filter(|c| !c.is_control()).map(|c| if c == '/' { '-' } else { c }).collect();
    text.trim().chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_cut_out_of_the_text_of_a_mesa_driver() {
        assert_eq!(driver_version("Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)"), "Mesa 25.0.7");
        assert_eq!(driver_version("Mesa 26.1.6-1"), "Mesa 26.1.6");
        assert_eq!(driver_version("580.82.07"), "580.82.07");
        assert_eq!(driver_version(""), "");
    }

    #[test]
    fn only_what_is_surely_one_device_is_taken_for_one() {
        let slot = |id: &str, uuid: Option<u8>, pci: Option<&str>| Slot {
            id: id.into(),
            uuid: uuid.map(|byte| [byte; 16]),
            pci: pci.map(String::from),
        };
        // One driver named by two manifests.
        let one = slot("vulkan/llvmpipe/Mesa 22.3.6", Some(1), None);
        assert!(one.is(&one.clone()));
        // Another version of the driver on the same device, another card, and entries that nothing tells apart.
        assert!(!one.is(&slot("vulkan/llvmpipe/Mesa 25.0.7", Some(1), None)));
        let card = slot("vulkan/NVIDIA H20/580", Some(1), Some("0000:01:00.0"));
        assert!(!card.is(&slot("vulkan/NVIDIA H20/580", Some(2), Some("0000:41:00.0"))));
        let untold = slot("dx12/NVIDIA H20/580", None, None);
        assert!(!untold.is(&untold.clone()));
    }

    #[test]
    fn names_cannot_break_an_id() {
        assert_eq!(clean("A/B\n\u{1b}[31mC "), "A-B[31mC");
    }
}
