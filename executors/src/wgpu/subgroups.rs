//! The subgroup sizes of an adapter: those that it may have, and those that a pipeline can ask for.

#[cfg(not(target_vendor = "apple"))]
use ash::vk;
use portamark_model::device::Capabilities;
use portamark_model::vendor::Vendor;

/// Returns the smallest and the largest subgroup size. wgpu does not ask Metal, and says 4 to 64: the SIMD groups of all
/// GPUs by Apple are of 32.
pub fn range(device: &Capabilities, info: &wgpu::AdapterInfo) -> (u32, u32) {
    let is_metal = info.backend == wgpu::Backend::Metal && Vendor::of(device) == Vendor::Apple;
    if is_metal { (32, 32) } else { (info.subgroup_min_size, info.subgroup_max_size) }
}

/// Returns the subgroup sizes that a pipeline can be given, the one that kernels use unless told otherwise first: 64 on
/// AMD, as its drivers choose for compute (32 lanes would have to share their matrices with twice the registers), 16 on
/// Intel, whose matrix unit wants it, and the smallest elsewhere.
#[cfg(not(target_vendor = "apple"))]
pub fn choice(adapter: &wgpu::Adapter, device: &Capabilities) -> Vec<u32> {
    let mut sizes = sizes(adapter);
    sizes.retain(|size| (device.subgroup_min..=device.subgroup_max).contains(size));
    let usual = match Vendor::of(device) {
        Vendor::Amd => 64,
        Vendor::Intel => 16,
        _ => device.subgroup_min,
    };
    sizes.sort_by_key(|size| (*size != usual, *size));
    sizes
}

/// Returns none: Metal has no way to ask for a size.
#[cfg(target_vendor = "apple")]
pub fn choice(_: &wgpu::Adapter, _: &Capabilities) -> Vec<u32> {
    Vec::new()
}

/// Sizes of subgroups that a compute pipeline of `adapter` can be given; empty if none can be asked for.
#[cfg(not(target_vendor = "apple"))]
fn sizes(adapter: &wgpu::Adapter) -> Vec<u32> {
    // SAFETY: the handle is only used to read plain data while the adapter exists, and is not kept.
    let Some(adapter) = (unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }) else { return Vec::new() };
    let capabilities = adapter.physical_device_capabilities();
    // Before Vulkan 1.3 it is an extension, which wgpu knows but cannot be asked about here.
    if capabilities.properties().api_version < vk::API_VERSION_1_3 {
        return Vec::new();
    }
    let mut sizes = vk::PhysicalDeviceSubgroupSizeControlProperties::default();
    let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut sizes);
    let mut offered = vk::PhysicalDeviceSubgroupSizeControlFeatures::default();
    let mut features = vk::PhysicalDeviceFeatures2::default().push_next(&mut offered);
    let instance = adapter.shared_instance().raw_instance();
    // SAFETY: the physical device belongs to that instance, and all structures live until the calls return.
    unsafe {
        instance.get_physical_device_properties2(adapter.raw_physical_device(), &mut properties);
        instance.get_physical_device_features2(adapter.raw_physical_device(), &mut features);
    }
    let can = offered.subgroup_size_control == vk::TRUE
        && offered.compute_full_subgroups == vk::TRUE
        && sizes.required_subgroup_size_stages.contains(vk::ShaderStageFlags::COMPUTE);
    if !can {
        return Vec::new();
    }
    let all = std::iter::successors(Some(sizes.min_subgroup_size.max(1)), |size| size.checked_mul(2));
    all.take_while(|size| *size <= sizes.max_subgroup_size).collect()
}
