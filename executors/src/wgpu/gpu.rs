//! An open device: calls that catch errors and panics, waiting, and the kernels that fill buffers.

use super::adapters::Found;
use super::problem::Problem;
#[cfg(not(target_vendor = "apple"))]
use super::vulkan;
use crate::generator;
use crate::protocol::Failure;
use portamark_model::device::Feature;
use portamark_model::workload::DType;
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Message of the last panic in this process, stored by the hook that [`quiet_panics`] installs.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Installs a hook that stores panic messages for the response instead of printing them.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = info.to_string().replace('\n', " ");
        }
    }));
}

/// Device that is open with a certain set of features.
pub struct Gpu {
    /// Device of wgpu.
    pub device: wgpu::Device,
    /// Queue of the device.
    pub queue: wgpu::Queue,
    /// What only Vulkan can do; `None` on other APIs.
    #[cfg(not(target_vendor = "apple"))]
    pub vulkan: Option<vulkan::Opened>,
    /// Largest number of workgroups along one dimension of a dispatch.
    pub dispatch_limit: u64,
    /// Timestamps around a compute pass. `None` if the device does not support them.
    pub timer: Option<PassTimer>,
    lost: Arc<AtomicBool>,
    writers: RefCell<HashMap<String, wgpu::ComputePipeline>>,
}

/// Query set and buffers for the timestamps at the boundaries of a compute pass.
pub struct PassTimer {
    /// Query set of two timestamps: begin and end of the pass.
    pub queries: wgpu::QuerySet,
    /// Buffer of 16 bytes that the timestamps are resolved to.
    pub resolve: wgpu::Buffer,
    /// Buffer of 16 bytes from which the host reads the timestamps.
    pub read: wgpu::Buffer,
    /// Duration of one tick, in nanoseconds.
    pub period: f64,
}

fn wgpu_features(features: &[Feature]) -> wgpu::Features {
    features.iter().fold(wgpu::Features::empty(), |all, feature| {
        all | match feature {
            Feature::ShaderF16 => wgpu::Features::SHADER_F16,
            Feature::Subgroup => wgpu::Features::SUBGROUP,
            Feature::CooperativeMatrix => wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
            // Features unknown here are not requested; creating a pipeline that needs one fails.
            _ => wgpu::Features::empty(),
        }
    })
}

/// Returns what to ask of `found` for `features`, plus timestamps if they are supported.
fn descriptor(found: &Found, features: &[Feature]) -> wgpu::DeviceDescriptor<'static> {
    let stamps = found.adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
    let required_features = wgpu_features(features) | stamps;
    let experimental_features = if required_features.intersects(wgpu::Features::all_experimental_mask()) {
        // SAFETY: the only experimental feature requested is cooperative matrices; every plan
        // that uses them is validated and its result is verified.
        unsafe { wgpu::ExperimentalFeatures::enabled() }
    } else {
        wgpu::ExperimentalFeatures::disabled()
    };
    wgpu::DeviceDescriptor {
        label: None,
        required_features,
        required_limits: wgpu::Limits {
            max_storage_buffer_binding_size: found.capabilities.limits.binding_bytes,
            ..found.adapter.limits()
        },
        experimental_features,
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        trace: wgpu::Trace::Off,
    }
}

/// Runs `work`, and returns a panic of wgpu or the driver as a problem.
fn quietly<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()))
}

impl Gpu {
    /// Opens `found` with exactly `features`, plus timestamps if they are supported. Features that a plan does
    /// not need stay disabled: enabling subgroups changes how every pipeline is compiled.
    pub fn open(found: &Found, features: &[Feature]) -> Result<Self, Problem> {
        let descriptor = descriptor(found, features);
        #[cfg(not(target_vendor = "apple"))]
        if let Some((device, queue, opened)) = quietly(|| vulkan::open(found, &descriptor))? {
            return Ok(Gpu { vulkan: Some(opened), ..Self::of(device, queue, &descriptor) });
        }
        let opening = |descriptor: &wgpu::DeviceDescriptor| {
            let opened = pollster::block_on(found.adapter.request_device(descriptor));
            opened.map_err(|error| Problem::new(Failure::Failed, format!("cannot open the device: {error}")))
        };
        let (device, queue) = quietly(|| opening(&descriptor))?;
        Ok(Self::of(device, queue, &descriptor))
    }

    /// Chooses what the next pipelines are like.
    fn want(&self, subgroup: Option<u32>, checks: bool) -> Result<(), Problem> {
        #[cfg(not(target_vendor = "apple"))]
        if let Some(opened) = self.vulkan {
            opened.want(vulkan::Wanted { subgroup, unchecked: !checks });
            return Ok(());
        }
        // Metal and DX12 have no way to say it, and devices of theirs offer no sizes to choose from.
        let _ = checks;
        let told = |size| {
            Problem::new(Failure::Unsupported, format!("no pipeline here can ask for subgroups of {size}"))
        };
        subgroup.map_or(Ok(()), |size| Err(told(size)))
    }

    fn of(device: wgpu::Device, queue: wgpu::Queue, descriptor: &wgpu::DeviceDescriptor) -> Self {
        let stamps = descriptor.required_features & wgpu::Features::TIMESTAMP_QUERY;
        let lost = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            flag.store(true, Ordering::SeqCst);
            eprintln!("device lost: {reason:?} {message}");
        });
        // By default, an error outside an error scope panics. Printing it to stderr makes it part of the
        // fault if the process crashes.
        device.on_uncaptured_error(Arc::new(|error| eprintln!("uncaptured: {error}")));
        let timer = (!stamps.is_empty()).then(|| PassTimer {
            queries: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolve: buffer(&device, 16, wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            read: buffer(&device, 16, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
            period: f64::from(queue.get_timestamp_period()),
        });
        let dispatch_limit = u64::from(device.limits().max_compute_workgroups_per_dimension);
        Gpu {
            device,
            queue,
            #[cfg(not(target_vendor = "apple"))]
            vulkan: None,
            dispatch_limit,
            timer,
            lost,
            writers: RefCell::default(),
        }
    }

    /// Runs `work` and returns every error and panic of wgpu, naga or the driver as a [`Problem`]. `what` names
    /// the action in the message.
    pub fn guarded<T>(&self, what: &str, work: impl FnOnce(&Self) -> T) -> Result<T, Problem> {
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let result = catch_unwind(AssertUnwindSafe(|| work(self)));
        let internal = pollster::block_on(internal.pop());
        let memory = pollster::block_on(memory.pop());
        let validation = pollster::block_on(validation.pop());
        if self.lost.load(Ordering::SeqCst) {
            return Err(Problem::new(Failure::DeviceLost, format!("the device was lost ({what})")));
        }
        if let Some(error) = memory {
            return Err(Problem::new(Failure::OutOfMemory, format!("{what}: {}", words(&error))));
        }
        if let Some(error) = internal.or(validation) {
            return Err(Problem::new(Failure::Failed, format!("{what}: {}", words(&error))));
        }
        result.map_err(|_| panicked())
    }

    /// Waits until a submission completes. wgpu panics if the device is lost meanwhile; this returns the panic
    /// as an error.
    pub fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), Problem> {
        // The runner enforces the actual timeout; this one only prevents an endless wait without a runner.
        let poll = wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: Some(Duration::from_secs(3600)),
        };
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(poll))) {
            Ok(Ok(status)) if status.wait_finished() => Ok(()),
            Ok(Ok(_)) => Err(Problem::new(Failure::Failed, "the submission did not finish")),
            Ok(Err(error)) => Err(Problem::new(Failure::Failed, format!("waiting: {error}"))),
            Err(_) => {
                let panic = panicked();
                Err(Problem::new(
                    Failure::DeviceLost,
                    format!("the device was lost while it worked: {}", panic.reason),
                ))
            }
        }
    }

    /// Returns the pipeline that fills buffers of `dtype` with generated values, or for `None` the pipeline
    /// that fills any output with the poison pattern. It is compiled at first use.
    pub fn writer(&self, dtype: Option<DType>) -> Result<wgpu::ComputePipeline, Problem> {
        let format = dtype.map(DType::name).unwrap_or_default();
        if let Some(pipeline) = self.writers.borrow().get(format) {
            return Ok(pipeline.clone());
        }
        let text = match dtype {
            None => generator::POISON.to_owned(),
            Some(dtype) => generator::fill(dtype).ok_or_else(|| {
                Problem::new(Failure::Failed, format!("nothing fills a buffer of {format}"))
            })?,
        };
        let pipeline =
            self.guarded("the kernel that fills a buffer", |gpu| gpu.pipeline(&text, None, true, None))??;
        self.writers.borrow_mut().insert(format.into(), pipeline.clone());
        Ok(pipeline)
    }

    /// Compiles the entry point `main` of the WGSL source `text`. If `layout` is `None`, it is derived from the
    /// source. `checks` enables run-time bounds checks and zero-initialised workgroup memory. `subgroup` is the size that
    /// subgroups must have, which fails where none can be asked for.
    pub fn pipeline(
        &self,
        text: &str,
        layout: Option<&wgpu::PipelineLayout>,
        checks: bool,
        subgroup: Option<u32>,
    ) -> Result<wgpu::ComputePipeline, Problem> {
        self.want(subgroup, checks)?;
        let descriptor =
            wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(text.into()) };
        let module = if checks {
            self.device.create_shader_module(descriptor)
        } else {
            // SAFETY: the built-in kernels check their own accesses. Kernels of the user come here only if the user
            // asks for it (`--checks off`), and so vouches for theirs; by default they are compiled with checks. Output
            // is verified before and after timing, and this is a child process, so that a crash costs one row.
            unsafe {
                self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
            }
        };
        Ok(self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: checks,
            },
            cache: None,
        }))
    }
}

/// Creates a buffer of `size` bytes.
pub fn buffer(device: &wgpu::Device, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

fn panicked() -> Problem {
    let text = LAST_PANIC.lock().map(|text| text.clone()).unwrap_or_default();
    Problem::new(Failure::Failed, format!("panicked: {}", shorten(&text)))
}

/// Formats an error with all its causes on one line.
fn words(error: &wgpu::Error) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 600;
    if text.chars().count() <= LONGEST {
        text.to_string()
    } else {
        format!("{}…", text.chars().take(LONGEST).collect::<String>())
    }
}
