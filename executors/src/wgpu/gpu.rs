//! An open device: guarded calls, waiting, and the kernels of the generator.

use super::adapters::Found;
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

/// A failure on the way to a response.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What kind.
    pub status: Failure,
    /// In words.
    pub reason: String,
}

impl Problem {
    /// A problem of kind `status`.
    pub fn new(status: Failure, reason: impl Into<String>) -> Self {
        Problem { status, reason: reason.into() }
    }
}

/// The text of the last panic on this process, kept by the hook that [`quiet_panics`] installs.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Keeps the text of panics for the response instead of printing a backtrace to the user.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = info.to_string().replace('\n', " ");
        }
    }));
}

/// A device opened with a set of features.
pub struct Gpu {
    /// The device.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// Workgroups along one dimension.
    pub dispatch_limit: u64,
    /// Timestamps around a pass, if the device offers them.
    pub timer: Option<PassTimer>,
    lost: Arc<AtomicBool>,
    writers: RefCell<HashMap<String, wgpu::ComputePipeline>>,
}

/// The query set and buffers of pass-boundary timestamps.
pub struct PassTimer {
    /// Two stamps.
    pub queries: wgpu::QuerySet,
    /// Where they are resolved.
    pub resolve: wgpu::Buffer,
    /// Where the host reads them.
    pub read: wgpu::Buffer,
    /// Nanoseconds of one tick.
    pub period: f64,
}

fn wgpu_features(features: &[Feature]) -> wgpu::Features {
    features.iter().fold(wgpu::Features::empty(), |all, feature| {
        all | match feature {
            Feature::ShaderF16 => wgpu::Features::SHADER_F16,
            Feature::Subgroup => wgpu::Features::SUBGROUP,
            Feature::CooperativeMatrix => wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX,
            // The driver refuses what needs one that is not known here.
            _ => wgpu::Features::empty(),
        }
    })
}

impl Gpu {
    /// Opens `found` with exactly `features`, and timestamps where there are any. Features that a
    /// plan does not need stay off: asking for subgroups changes how every pipeline is made.
    pub fn open(found: &Found, features: &[Feature]) -> Result<Self, Problem> {
        let stamps = found.adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
        let required_features = wgpu_features(features) | stamps;
        let experimental_features = if required_features.intersects(wgpu::Features::all_experimental_mask()) {
            // SAFETY: the only experimental feature asked for is cooperative matrices; every plan
            // that uses them is validated and its result is checked.
            unsafe { wgpu::ExperimentalFeatures::enabled() }
        } else {
            wgpu::ExperimentalFeatures::disabled()
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: None,
            required_features,
            required_limits: wgpu::Limits {
                max_storage_buffer_binding_size: found.capabilities.limits.binding_bytes,
                ..found.adapter.limits()
            },
            experimental_features,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            trace: wgpu::Trace::Off,
        };
        let opened =
            catch_unwind(AssertUnwindSafe(|| pollster::block_on(found.adapter.request_device(&descriptor))));
        let (device, queue) = match opened {
            Ok(Ok(pair)) => pair,
            Ok(Err(error)) => {
                return Err(Problem::new(Failure::Failed, format!("cannot open the device: {error}")));
            }
            Err(_) => return Err(panicked()),
        };
        let lost = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            flag.store(true, Ordering::SeqCst);
            eprintln!("device lost: {reason:?} {message}");
        });
        // Errors outside a scope would panic; they are printed and so reach the row of a crash.
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
        Ok(Gpu { device, queue, dispatch_limit, timer, lost, writers: RefCell::default() })
    }

    /// Runs `work` so that every error and panic of wgpu, naga or the driver comes back as words.
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

    /// Waits for a submission. wgpu panics when the device is lost while it waits.
    pub fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), Problem> {
        // The runner's deadline is the real one; this only bounds a wait nobody watches.
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

    /// The pipeline that fills buffers of `dtype` with generated values, or any with the poison when
    /// there is none; compiled at first use.
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
            self.guarded("the kernel that fills a buffer", |gpu| gpu.pipeline(&text, None, true))?;
        self.writers.borrow_mut().insert(format.into(), pipeline.clone());
        Ok(pipeline)
    }

    /// Compiles the entry point `main` of `text`. Without a layout one is derived from the text.
    pub fn pipeline(
        &self,
        text: &str,
        layout: Option<&wgpu::PipelineLayout>,
        checks: bool,
    ) -> wgpu::ComputePipeline {
        let descriptor =
            wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(text.into()) };
        let module = if checks {
            self.device.create_shader_module(descriptor)
        } else {
            // SAFETY: kernels guard their own accesses; what they write is verified before and
            // after timing, and a kernel that misbehaves takes down a child process only.
            unsafe {
                self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
            }
        };
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                zero_initialize_workgroup_memory: checks,
            },
            cache: None,
        })
    }
}

/// A buffer of `size` bytes.
pub fn buffer(device: &wgpu::Device, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

fn panicked() -> Problem {
    let text = LAST_PANIC.lock().map(|text| text.clone()).unwrap_or_default();
    Problem::new(Failure::Failed, format!("panicked: {}", shorten(&text)))
}

/// An error with its causes on one line.
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
