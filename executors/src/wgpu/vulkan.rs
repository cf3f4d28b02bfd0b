//! Vulkan devices that can do what wgpu does not ask for: pipelines with a certain subgroup size, pipelines whose accesses
//! the driver does not check again (`VK_EXT_pipeline_robustness`), and statistics of the compiler
//! (`VK_KHR_pipeline_executable_properties`).
//!
//! The device is opened here, with the extensions and features that wgpu would ask for and these besides, and handed to
//! wgpu with a table of functions in which two are replaced: the one that creates shader modules, to see the SPIR-V, and
//! the one that creates compute pipelines. All else is what wgpu does anyway, so what is told of pipelines is told of
//! exactly those that run.

use super::adapters::Found;
use super::declarations::Declarations;
use super::executables::executables;
use super::problem::Problem;
use crate::protocol::Failure;
use ash::vk;
use base64::Engine;
use portamark_model::compiled::{Compiled, Workgroup};
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What is kept of a device: the functions that were replaced, what is wanted, and what was seen.
struct Kept {
    create_module: vk::PFN_vkCreateShaderModule,
    create_pipelines: vk::PFN_vkCreateComputePipelines,
    properties: Option<ash::khr::pipeline_executable_properties::Device>,
    /// Whether pipelines can be made without checks by the driver.
    unchecked: bool,
    /// What the pipelines to come are to be like.
    wanted: Wanted,
    /// SPIR-V of the shader modules made so far, by handle, if anything is asked or wanted of them.
    modules: HashMap<vk::ShaderModule, Vec<u32>>,
    /// What is asked of the compiler.
    asked: Asked,
    /// Pipelines compiled since the last look, if anything is asked.
    seen: Vec<Compiled>,
}

/// Properties of the pipelines to come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Size of subgroups in invocations; `None`: what the driver takes.
    pub subgroup: Option<u32>,
    /// Whether the driver need not check accesses to buffers, because the kernel does.
    pub unchecked: bool,
}

/// What is asked of the compiler about pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Nothing.
    Nothing,
    /// Statistics.
    Statistics,
    /// Statistics, instructions and the SPIR-V.
    Texts,
}

// Functions of Vulkan have no room for data of one's own: hence a table by device.
static DEVICES: Mutex<Option<HashMap<vk::Device, Kept>>> = Mutex::new(None);

fn kept<T>(device: vk::Device, work: impl FnOnce(&mut Kept) -> T) -> Option<T> {
    let mut table = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
    table.as_mut()?.get_mut(&device).map(work)
}

/// Handle of a device that was opened here.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    device: vk::Device,
    tells: bool,
}

impl Opened {
    /// Whether the driver tells what its compiler makes of a pipeline.
    pub fn tells(self) -> bool {
        self.tells
    }

    /// Chooses what the pipelines to come are like.
    pub fn want(self, wanted: Wanted) {
        kept(self.device, |it| it.wanted = wanted);
    }

    /// Chooses what is asked about the pipelines to come. Of a driver that tells nothing, nothing is asked.
    pub fn ask(self, asked: Asked) {
        kept(self.device, |it| it.asked = asked);
    }

    /// Returns what the compiler told of the pipelines since the last call.
    pub fn take(self) -> Vec<Compiled> {
        kept(self.device, |it| std::mem::take(&mut it.seen)).unwrap_or_default()
    }
}

/// Opens `found` as wgpu would for `descriptor`, with what else its driver can do. `None` if its API is not Vulkan.
pub fn open(
    found: &Found,
    descriptor: &wgpu::DeviceDescriptor,
) -> Result<Option<(wgpu::Device, wgpu::Queue, Opened)>, Problem> {
    let problem = |reason: String| Problem::new(Failure::Failed, reason);
    let (open, opened) = {
        // SAFETY: the handle is used while the adapter exists, and is not kept.
        let Some(adapter) = (unsafe { found.adapter.as_hal::<wgpu::hal::api::Vulkan>() }) else {
            return Ok(None);
        };
        let supports = |name: &CStr| adapter.physical_device_capabilities().supports_extension(name);
        let tells = supports(ash::khr::pipeline_executable_properties::NAME);
        let unchecked = supports(ash::ext::pipeline_robustness::NAME);
        let mut extensions = adapter.required_device_extensions(descriptor.required_features);
        let mut features = adapter.physical_device_features(&extensions, descriptor.required_features);
        let mut executables = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
            .pipeline_executable_info(true);
        let mut robustness =
            vk::PhysicalDevicePipelineRobustnessFeaturesEXT::default().pipeline_robustness(true);
        if tells {
            extensions.push(ash::khr::pipeline_executable_properties::NAME);
        }
        if unchecked {
            extensions.push(ash::ext::pipeline_robustness::NAME);
        }
        // The family that wgpu uses.
        let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
        let names: Vec<*const c_char> = extensions.iter().map(|name| name.as_ptr()).collect();
        let mut info =
            vk::DeviceCreateInfo::default().queue_create_infos(&queues).enabled_extension_names(&names);
        if tells {
            info = info.push_next(&mut executables);
        }
        if unchecked {
            info = info.push_next(&mut robustness);
        }
        let info = features.add_to_device_create(info);
        ask_for_full_subgroups(&info);
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
        let told = || ash::khr::pipeline_executable_properties::Device::new(instance, &real);
        let kept = Kept {
            create_module: real.fp_v1_0().create_shader_module,
            create_pipelines: real.fp_v1_0().create_compute_pipelines,
            properties: tells.then(told),
            unchecked,
            wanted: Wanted::default(),
            modules: HashMap::new(),
            asked: Asked::Nothing,
            seen: Vec::new(),
        };
        let mut table = DEVICES.lock().unwrap_or_else(PoisonError::into_inner);
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
        (open.map_err(|error| problem(format!("cannot open the device: {error}")))?, Opened { device, tells })
    };
    // SAFETY: the device was opened from this adapter.
    let (device, queue) = unsafe { found.adapter.create_device_from_hal(open, descriptor) }
        .map_err(|error| problem(format!("cannot open the device: {error}")))?;
    Ok(Some((device, queue, opened)))
}

/// Adds full subgroups to the features of `info`, if it asks for sizes of subgroups: wgpu asks only for those, and each
/// structure may be chained once.
fn ask_for_full_subgroups(info: &vk::DeviceCreateInfo<'_>) {
    let mut next = info.p_next.cast_mut().cast::<vk::BaseOutStructure<'_>>();
    while !next.is_null() {
        // SAFETY: each element of the chain begins as a `BaseOutStructure`, and is what its type says. All of them are
        // owned by the caller, who lends them to `info` mutably.
        unsafe {
            if (*next).s_type == vk::StructureType::PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES {
                let sizes = next.cast::<vk::PhysicalDeviceSubgroupSizeControlFeatures<'_>>();
                (*sizes).compute_full_subgroups = (*sizes).subgroup_size_control;
            }
            next = (*next).p_next;
        }
    }
}

/// Replaces `vkCreateShaderModule`: keeps the words, if they are asked for.
unsafe extern "system" fn create_shader_module(
    device: vk::Device,
    info: *const vk::ShaderModuleCreateInfo<'_>,
    allocator: *const vk::AllocationCallbacks<'_>,
    module: *mut vk::ShaderModule,
) -> vk::Result {
    let Some(real) = kept(device, |it| it.create_module) else { return vk::Result::ERROR_UNKNOWN };
    // SAFETY: the arguments are passed on as they came.
    let result = unsafe { real(device, info, allocator, module) };
    if result == vk::Result::SUCCESS {
        kept(device, |it| {
            if it.asked != Asked::Nothing || it.wanted.subgroup.is_some() {
                // SAFETY: the call succeeded, so both pointers are valid, and `code_size` bytes are at `p_code`.
                let (module, words) = unsafe {
                    let info = &*info;
                    (*module, std::slice::from_raw_parts(info.p_code, info.code_size / 4).to_vec())
                };
                it.modules.insert(module, words);
            }
        });
    }
    result
}

/// Replaces `vkCreateComputePipelines`: adds what is wanted, asks for statistics, and reads them.
unsafe extern "system" fn create_compute_pipelines(
    device: vk::Device,
    cache: vk::PipelineCache,
    count: u32,
    infos: *const vk::ComputePipelineCreateInfo<'_>,
    allocator: *const vk::AllocationCallbacks<'_>,
    pipelines: *mut vk::Pipeline,
) -> vk::Result {
    // SAFETY: Vulkan demands `count` valid elements.
    let infos = unsafe { std::slice::from_raw_parts(infos, count as usize) };
    let of_device = |it: &mut Kept| {
        let asked = if it.properties.is_some() { it.asked } else { Asked::Nothing };
        let workgroups: Vec<_> = infos.iter().map(|info| workgroup(&it.modules, info)).collect();
        (it.create_pipelines, it.wanted, it.unchecked, asked, workgroups)
    };
    let Some((real, wanted, can_be_unchecked, asked, workgroups)) = kept(device, of_device) else {
        return vk::Result::ERROR_UNKNOWN;
    };
    let mut flags = vk::PipelineCreateFlags::empty();
    if asked != Asked::Nothing {
        flags |= vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR;
    }
    if asked == Asked::Texts {
        flags |= vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
    }
    // What wgpu chains to stages and pipelines stays behind these.
    let size = wanted.subgroup.map(|size| {
        vk::PipelineShaderStageRequiredSubgroupSizeCreateInfo::default().required_subgroup_size(size)
    });
    let mut sizes: Vec<_> = size.iter().flat_map(|size| infos.iter().map(move |_| *size)).collect();
    let off = vk::PipelineRobustnessBufferBehaviorEXT::DISABLED;
    let mut bare: Vec<_> = infos
        .iter()
        .filter(|_| wanted.unchecked && can_be_unchecked)
        .map(|_| vk::PipelineRobustnessCreateInfoEXT::default().storage_buffers(off).uniform_buffers(off))
        .collect();
    let mut changed: Vec<vk::ComputePipelineCreateInfo<'_>> = infos.to_vec();
    for (at, info) in changed.iter_mut().enumerate() {
        info.flags |= flags;
        if let Some(size) = sizes.get_mut(at) {
            size.p_next = info.stage.p_next.cast_mut();
            info.stage.p_next = std::ptr::from_ref(size).cast();
            info.stage.flags &= !vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE;
            if workgroups[at]
                .is_some_and(|workgroup| workgroup.size[0].is_multiple_of(size.required_subgroup_size))
            {
                info.stage.flags |= vk::PipelineShaderStageCreateFlags::REQUIRE_FULL_SUBGROUPS;
            }
        }
        if let Some(bare) = bare.get_mut(at) {
            bare.p_next = info.p_next;
            info.p_next = std::ptr::from_ref(bare).cast();
        }
    }
    let started = Instant::now();
    // SAFETY: the arguments are those of the caller but for flags and structures that features of the device allow,
    // and which live until the call returns.
    let result = unsafe { real(device, cache, count, changed.as_ptr(), allocator, pipelines) };
    let compile_ns = started.elapsed().as_nanos() as u64 / u64::from(count.max(1));
    if result == vk::Result::SUCCESS && asked != Asked::Nothing {
        let texts = asked == Asked::Texts;
        // SAFETY: the call succeeded, so `count` pipelines were written.
        let made = unsafe { std::slice::from_raw_parts(pipelines, count as usize) };
        kept(device, |it| {
            let Some(properties) = &it.properties else { return };
            for ((pipeline, info), workgroup) in made.iter().zip(infos).zip(&workgroups) {
                let mut compiled = Compiled::new(executables(properties, *pipeline, texts), compile_ns);
                compiled.spirv =
                    it.modules.get(&info.stage.module).filter(|_| texts).map(|words| base64_of(words));
                compiled.workgroup = *workgroup;
                it.seen.push(compiled);
            }
        });
    }
    // wgpu makes a module for each pipeline, and destroys it after this.
    kept(device, |it| infos.iter().for_each(|info| drop(it.modules.remove(&info.stage.module))));
    result
}

/// Returns the workgroup of the entry point of `info`, if the words of its module are kept.
fn workgroup(
    modules: &HashMap<vk::ShaderModule, Vec<u32>>,
    info: &vk::ComputePipelineCreateInfo<'_>,
) -> Option<Workgroup> {
    let words = modules.get(&info.stage.module)?;
    // SAFETY: Vulkan demands a name that ends with a zero.
    let entry = unsafe { CStr::from_ptr(info.stage.p_name) }.to_string_lossy();
    Declarations::read(words, &[]).ok()?.workgroup(&entry)
}

fn base64_of(words: &[u32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
