//! Compiles SPIR-V that does not come from a plan: kernels of other programs, to see what the same compiler makes of them.
//!
//! The device is opened without wgpu, with the features of kernels that are there (16-bit and 8-bit storage, cooperative
//! matrices, subgroup sizes) and without checks of buffer bounds, as inference programs open theirs. Nothing is run.

use super::adapters::Found;
use super::declarations::Declarations;
use super::executables::executables;
use super::problem::Problem;
use crate::protocol::{Failure, InspectSpirv};
use ash::vk;
use base64::Engine;
use portamark_model::compiled::Compiled;
use std::ffi::{CStr, CString, c_char};
use std::time::Instant;

/// Bytes of push constants that are declared: what all devices have.
const PUSH_CONSTANTS: u32 = 128;

fn failed(reason: impl Into<String>) -> Problem {
    Problem::new(Failure::Failed, reason)
}

/// Closes the device at the end, with all that was made on it.
struct Open(ash::Device);

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: nothing runs on the device, and all that was made on it was destroyed.
        unsafe { self.0.destroy_device(None) };
    }
}

/// Compiles the program of `request` on `found`.
pub fn compile(found: &Found, request: &InspectSpirv) -> Result<Compiled, Problem> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(&request.spirv)
        .map_err(|error| failed(format!("the SPIR-V is not base64: {error}")))?;
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || words.is_empty() {
        return Err(failed(format!("{} bytes are not a whole number of words of SPIR-V", bytes.len())));
    }
    let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let declarations = Declarations::read(&words, &request.constants)
        .map_err(|reason| failed(format!("this is no SPIR-V: {reason}")))?;
    // SAFETY: the handle is used while the adapter exists, and is not kept.
    let adapter = unsafe { found.adapter.as_hal::<wgpu::hal::api::Vulkan>() };
    let adapter = adapter.ok_or_else(|| failed("only Vulkan takes SPIR-V"))?;
    let instance = adapter.shared_instance().raw_instance();
    let physical = adapter.raw_physical_device();
    let supports = |name: &CStr| adapter.physical_device_capabilities().supports_extension(name);
    let statistics = ash::khr::pipeline_executable_properties::NAME;
    if !supports(statistics) {
        return Err(Problem::new(
            Failure::Unsupported,
            "this driver does not tell what its compiler makes of a kernel",
        ));
    }
    let device = open(instance, physical, &supports)?;
    let told = ash::khr::pipeline_executable_properties::Device::new(instance, &device.0);
    let layouts = Layouts::new(&device.0, &declarations)?;
    let module = vk::ShaderModuleCreateInfo::default().code(&words);
    // SAFETY: the device is open. What a driver makes of broken SPIR-V costs this child process alone.
    let module = unsafe { device.0.create_shader_module(&module, None) };
    let module = module.map_err(|error| failed(format!("shader module: {error}")))?;
    let entry =
        CString::new(request.entry.as_str()).map_err(|_| failed("the name of the entry point has a zero"))?;
    let data: Vec<u8> = request.constants.iter().flat_map(|(_, value)| value.to_le_bytes()).collect();
    let entries: Vec<vk::SpecializationMapEntry> = request
        .constants
        .iter()
        .enumerate()
        .map(|(at, (id, _))| {
            vk::SpecializationMapEntry::default().constant_id(*id).offset(4 * at as u32).size(4)
        })
        .collect();
    let special = vk::SpecializationInfo::default().map_entries(&entries).data(&data);
    let mut of_subgroup = vk::PipelineShaderStageRequiredSubgroupSizeCreateInfo::default();
    let mut stage = vk::PipelineShaderStageCreateInfo::default()
        .stage(vk::ShaderStageFlags::COMPUTE)
        .module(module)
        .name(&entry)
        .specialization_info(&special);
    if let Some(size) = request.subgroup_size {
        of_subgroup = of_subgroup.required_subgroup_size(size);
        stage = stage
            .push_next(&mut of_subgroup)
            .flags(vk::PipelineShaderStageCreateFlags::REQUIRE_FULL_SUBGROUPS);
    }
    let mut flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR;
    if request.texts {
        flags |= vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
    }
    let info = vk::ComputePipelineCreateInfo::default().stage(stage).layout(layouts.pipeline).flags(flags);
    let started = Instant::now();
    // SAFETY: module, layout and names live until the call returns.
    let made = unsafe { device.0.create_compute_pipelines(vk::PipelineCache::null(), &[info], None) };
    let compile_ns = started.elapsed().as_nanos() as u64;
    let result = match made {
        Ok(pipelines) => {
            let mut compiled = Compiled::new(executables(&told, pipelines[0], request.texts), compile_ns);
            compiled.workgroup = declarations.workgroup(&request.entry);
            // SAFETY: it was made on this device, and nothing runs.
            unsafe { device.0.destroy_pipeline(pipelines[0], None) };
            Ok(compiled)
        }
        Err((_, error)) => Err(failed(format!("the driver does not make a pipeline of it: {error}"))),
    };
    // SAFETY: as above.
    unsafe { device.0.destroy_shader_module(module, None) };
    layouts.destroy(&device.0);
    result
}

/// Opens the device with all features of compute kernels that it has, but without checks of buffer bounds.
fn open(
    instance: &ash::Instance,
    physical: vk::PhysicalDevice,
    supports: &dyn Fn(&CStr) -> bool,
) -> Result<Open, Problem> {
    let wanted = [
        ash::khr::pipeline_executable_properties::NAME,
        ash::khr::cooperative_matrix::NAME,
        c"VK_KHR_shader_bfloat16",
        c"VK_EXT_shader_float8",
        c"VK_NV_cooperative_matrix2",
        c"VK_KHR_workgroup_memory_explicit_layout",
    ];
    let extensions: Vec<*const c_char> =
        wanted.iter().filter(|name| supports(name)).map(|name| name.as_ptr()).collect();
    let mut core_1_1 = vk::PhysicalDeviceVulkan11Features::default();
    let mut core_1_2 = vk::PhysicalDeviceVulkan12Features::default();
    let mut core_1_3 = vk::PhysicalDeviceVulkan13Features::default();
    let mut told = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default();
    let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
    let mut explicit = vk::PhysicalDeviceWorkgroupMemoryExplicitLayoutFeaturesKHR::default();
    let mut features = vk::PhysicalDeviceFeatures2::default()
        .push_next(&mut core_1_1)
        .push_next(&mut core_1_2)
        .push_next(&mut core_1_3)
        .push_next(&mut told);
    if supports(ash::khr::cooperative_matrix::NAME) {
        features = features.push_next(&mut matrices);
    }
    if supports(c"VK_KHR_workgroup_memory_explicit_layout") {
        features = features.push_next(&mut explicit);
    }
    // SAFETY: the chain lives until the call returns, and holds only structures of versions and extensions that are there.
    unsafe { instance.get_physical_device_features2(physical, &mut features) };
    features.features.robust_buffer_access = vk::FALSE;
    let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
    let info = vk::DeviceCreateInfo::default()
        .queue_create_infos(&queues)
        .enabled_extension_names(&extensions)
        .push_next(&mut features);
    // SAFETY: asked for is only what the device has just told that it has.
    let device = unsafe { instance.create_device(physical, &info, None) };
    device.map(Open).map_err(|error| failed(format!("cannot open the device: {error}")))
}

/// Layouts of the bindings that the SPIR-V declares.
struct Layouts {
    sets: Vec<vk::DescriptorSetLayout>,
    pipeline: vk::PipelineLayout,
}

impl Layouts {
    fn new(device: &ash::Device, declarations: &Declarations<'_>) -> Result<Self, Problem> {
        let declared = declarations.bindings();
        let mut made = Layouts { sets: Vec::new(), pipeline: vk::PipelineLayout::null() };
        let last = declared.keys().last().copied();
        for number in 0..last.map_or(0, |last| last.saturating_add(1)).min(32) {
            let none = Default::default();
            let bindings = declared.get(&number).unwrap_or(&none).iter().map(|(binding, (kind, count))| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(*binding)
                    .descriptor_type(*kind)
                    .descriptor_count(*count)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            });
            let bindings: Vec<_> = bindings.collect();
            let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            // SAFETY: the bindings live until the call returns.
            match unsafe { device.create_descriptor_set_layout(&info, None) } {
                Ok(set) => made.sets.push(set),
                Err(error) => {
                    made.destroy(device);
                    return Err(failed(format!("binding layout: {error}")));
                }
            }
        }
        let constants = [vk::PushConstantRange::default()
            .stage_flags(vk::ShaderStageFlags::COMPUTE)
            .size(PUSH_CONSTANTS)];
        let info =
            vk::PipelineLayoutCreateInfo::default().set_layouts(&made.sets).push_constant_ranges(&constants);
        // SAFETY: the set layouts were made on this device.
        match unsafe { device.create_pipeline_layout(&info, None) } {
            Ok(layout) => made.pipeline = layout,
            Err(error) => {
                made.destroy(device);
                return Err(failed(format!("pipeline layout: {error}")));
            }
        }
        Ok(made)
    }

    fn destroy(&self, device: &ash::Device) {
        // SAFETY: they were made on this device, and no pipeline needs them any more. A null handle is ignored.
        unsafe {
            device.destroy_pipeline_layout(self.pipeline, None);
            self.sets.iter().for_each(|set| device.destroy_descriptor_set_layout(*set, None));
        }
    }
}
