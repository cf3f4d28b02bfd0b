//! A device that tells what its compiler makes of each pipeline (`VK_KHR_pipeline_executable_properties`).
//!
//! wgpu does not ask for these statistics. The device is therefore opened here, with the extensions and features that
//! wgpu would ask for and this one besides, and handed to wgpu with a table of functions in which two are replaced:
//! the one that creates shader modules, to see the SPIR-V, and the one that creates compute pipelines, to ask for
//! statistics. All else is what wgpu does anyway, so what is told is told of exactly the pipelines that run.

use super::adapters::Found;
use super::declarations::Declarations;
use super::executables::executables;
use super::problem::Problem;
use crate::protocol::Failure;
use ash::vk;
use base64::Engine;
use portamark_model::compiled::Compiled;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What is kept of an observed device: the functions that were replaced, and what was seen.
struct Observed {
    create_module: vk::PFN_vkCreateShaderModule,
    create_pipelines: vk::PFN_vkCreateComputePipelines,
    properties: ash::khr::pipeline_executable_properties::Device,
    /// SPIR-V of the shader modules made so far, by handle.
    modules: HashMap<vk::ShaderModule, Vec<u32>>,
    /// Whether the texts of the compiler are kept, and the SPIR-V.
    texts: bool,
    /// Pipelines compiled since the last look.
    seen: Vec<Compiled>,
}

// Functions of Vulkan have no room for data of one's own: hence a table by device.
static OBSERVED: Mutex<Option<HashMap<vk::Device, Observed>>> = Mutex::new(None);

fn observed<T>(device: vk::Device, work: impl FnOnce(&mut Observed) -> T) -> Option<T> {
    let mut table = OBSERVED.lock().unwrap_or_else(PoisonError::into_inner);
    table.as_mut()?.get_mut(&device).map(work)
}

/// Handle of an observed device.
#[derive(Debug, Clone, Copy)]
pub struct Observer(vk::Device);

impl Observer {
    /// Chooses whether texts and SPIR-V of the pipelines to come are kept.
    pub fn keep_texts(self, texts: bool) {
        observed(self.0, |it| it.texts = texts);
    }

    /// Returns what the compiler told of the pipelines since the last call.
    pub fn take(self) -> Vec<Compiled> {
        observed(self.0, |it| std::mem::take(&mut it.seen)).unwrap_or_default()
    }
}

/// Opens `found` as wgpu would for `descriptor`, observed. `None` if the device or its API tells nothing of pipelines.
pub fn open(
    found: &Found,
    descriptor: &wgpu::DeviceDescriptor,
) -> Result<Option<(wgpu::Device, wgpu::Queue, Observer)>, Problem> {
    let problem = |reason: String| Problem::new(Failure::Failed, reason);
    let (open, observer) = {
        // SAFETY: the handle is used while the adapter exists, and is not kept.
        let Some(adapter) = (unsafe { found.adapter.as_hal::<wgpu::hal::api::Vulkan>() }) else {
            return Ok(None);
        };
        let extension = ash::khr::pipeline_executable_properties::NAME;
        if !adapter.physical_device_capabilities().supports_extension(extension) {
            return Ok(None);
        }
        let mut extensions = adapter.required_device_extensions(descriptor.required_features);
        extensions.push(extension);
        let mut features = adapter.physical_device_features(&extensions, descriptor.required_features);
        let mut executables = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
            .pipeline_executable_info(true);
        // The family that wgpu uses.
        let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
        let names: Vec<*const c_char> = extensions.iter().map(|name| name.as_ptr()).collect();
        let info = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&names)
            .push_next(&mut executables);
        let info = features.add_to_device_create(info);
        let instance = adapter.shared_instance().raw_instance();
        // SAFETY: the physical device belongs to this instance, and `info` asks only for what the adapter offers.
        let made = unsafe { instance.create_device(adapter.raw_physical_device(), &info, None) };
        let real = made.map_err(|error| problem(format!("cannot open the device: {error}")))?;
        let device = real.handle();
        let get = instance.fp_v1_0().get_device_proc_addr;
        let replaced = |name: &CStr| -> *const c_void {
            match name.to_bytes() {
                b"vkCreateShaderModule" => create_shader_module as *const c_void,
                b"vkCreateComputePipelines" => create_compute_pipelines as *const c_void,
                // SAFETY: `device` is open, and the name ends with a zero.
                _ => unsafe {
                    std::mem::transmute::<vk::PFN_vkVoidFunction, *const c_void>(get(device, name.as_ptr()))
                },
            }
        };
        // SAFETY: each function is that of this device, or a replacement of the same signature.
        let raw = unsafe { ash::Device::load_with(replaced, device) };
        let kept = Observed {
            create_module: real.fp_v1_0().create_shader_module,
            create_pipelines: real.fp_v1_0().create_compute_pipelines,
            properties: ash::khr::pipeline_executable_properties::Device::new(instance, &real),
            modules: HashMap::new(),
            texts: false,
            seen: Vec::new(),
        };
        let mut table = OBSERVED.lock().unwrap_or_else(PoisonError::into_inner);
        table.get_or_insert_default().insert(device, kept);
        drop(table);
        // SAFETY: the device was made with these extensions and features, and wgpu owns it from here on.
        let open = unsafe {
            adapter.device_from_raw(
                raw,
                None,
                &extensions,
                descriptor.required_features,
                &descriptor.required_limits,
                &descriptor.memory_hints,
                0,
                0,
            )
        };
        (open.map_err(|error| problem(format!("cannot open the device: {error}")))?, Observer(device))
    };
    // SAFETY: the device was opened from this adapter.
    let (device, queue) = unsafe { found.adapter.create_device_from_hal(open, descriptor) }
        .map_err(|error| problem(format!("cannot open the device: {error}")))?;
    Ok(Some((device, queue, observer)))
}

/// Replaces `vkCreateShaderModule`: keeps the words.
unsafe extern "system" fn create_shader_module(
    device: vk::Device,
    info: *const vk::ShaderModuleCreateInfo<'_>,
    allocator: *const vk::AllocationCallbacks<'_>,
    module: *mut vk::ShaderModule,
) -> vk::Result {
    let Some(real) = observed(device, |it| it.create_module) else { return vk::Result::ERROR_UNKNOWN };
    // SAFETY: the arguments are passed on as they came.
    let result = unsafe { real(device, info, allocator, module) };
    if result == vk::Result::SUCCESS {
        // SAFETY: the call succeeded, so both pointers are valid, and `code_size` bytes are at `p_code`.
        let (module, words) = unsafe {
            let info = &*info;
            (*module, std::slice::from_raw_parts(info.p_code, info.code_size / 4).to_vec())
        };
        observed(device, |it| it.modules.insert(module, words));
    }
    result
}

/// Replaces `vkCreateComputePipelines`: asks for statistics, and reads them.
unsafe extern "system" fn create_compute_pipelines(
    device: vk::Device,
    cache: vk::PipelineCache,
    count: u32,
    infos: *const vk::ComputePipelineCreateInfo<'_>,
    allocator: *const vk::AllocationCallbacks<'_>,
    pipelines: *mut vk::Pipeline,
) -> vk::Result {
    let Some((real, texts)) = observed(device, |it| (it.create_pipelines, it.texts)) else {
        return vk::Result::ERROR_UNKNOWN;
    };
    // SAFETY: Vulkan demands `count` valid elements.
    let infos = unsafe { std::slice::from_raw_parts(infos, count as usize) };
    let mut flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR;
    if texts {
        flags |= vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
    }
    let asking: Vec<_> = infos
        .iter()
        .map(|info| vk::ComputePipelineCreateInfo { flags: info.flags | flags, ..*info })
        .collect();
    let started = Instant::now();
    // SAFETY: the arguments are those of the caller but for flags that the device's extension allows.
    let result = unsafe { real(device, cache, count, asking.as_ptr(), allocator, pipelines) };
    let compile_ns = started.elapsed().as_nanos() as u64 / u64::from(count.max(1));
    if result == vk::Result::SUCCESS {
        // SAFETY: the call succeeded, so `count` pipelines were written.
        let made = unsafe { std::slice::from_raw_parts(pipelines, count as usize) };
        observed(device, |it| {
            for (pipeline, info) in made.iter().zip(infos) {
                let mut compiled =
                    Compiled::new(executables(&it.properties, *pipeline, it.texts), compile_ns);
                let words = it.modules.get(&info.stage.module);
                compiled.spirv = words.filter(|_| it.texts).map(|words| base64_of(words));
                // SAFETY: Vulkan demands a name that ends with a zero.
                let entry = unsafe { CStr::from_ptr(info.stage.p_name) }.to_string_lossy();
                compiled.workgroup = words
                    .and_then(|words| Declarations::read(words, &[]).ok())
                    .and_then(|declared| declared.workgroup(&entry));
                it.seen.push(compiled);
            }
        });
    }
    result
}

fn base64_of(words: &[u32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
