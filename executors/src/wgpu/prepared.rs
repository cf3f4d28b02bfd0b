//! A plan prepared on a device: creates its buffers, inputs and pipelines, runs it and reads its output.

use super::gpu::{Gpu, buffer};
use super::layouts::Layouts;
use super::problem::Problem;
use crate::protocol::{Failure, Prepare, Sampled, poison};
use portamark_model::plan::{Buffer, Content, PARAMETER_STRIDE, Plan, READ_BACK, spread};
use portamark_model::units;
use portamark_model::workload::generator::Keys;
use portamark_model::workload::{DType, Distribution, Inputs, dist_of};
use std::rc::Rc;
use std::time::Instant;

/// Number of 32-bit parameters of a kernel that fills a buffer: the size of the larger of the two `Parameters`
/// structures in the generator's WGSL sources.
const PARAMETERS: usize = 8;

/// Prepared plan: the result of a `prepare` request.
pub struct Prepared {
    gpu: Rc<Gpu>,
    plan: Plan,
    pipelines: Vec<wgpu::ComputePipeline>,
    /// Bind group of each step, for each buffer set.
    groups: Vec<Vec<wgpu::BindGroup>>,
    /// Buffers of the plan, for each buffer set.
    sets: Vec<Vec<wgpu::Buffer>>,
    /// Bind group of a buffer that every dispatch binds read-write but never accesses. It prevents consecutive
    /// executions from overlapping, so that the time of a batch is the sum of its kernel times.
    chain: wgpu::BindGroup,
    /// Time taken to compile the pipelines, in nanoseconds.
    pub compile_ns: u64,
    /// Total size of all buffers, in bytes.
    pub held_bytes: u64,
}

/// One dispatch that fills a buffer or a part of it.
struct Fill {
    buffer: wgpu::Buffer,
    /// Byte offset at which filling begins.
    offset: u64,
    words: u64,
    pipeline: wgpu::ComputePipeline,
    parameters: [u32; PARAMETERS],
}

/// Contiguous part of a buffer.
struct Stretch {
    /// Index of its first element.
    first: u64,
    /// Size in bytes.
    bytes: u64,
}

impl Prepared {
    /// Compiles the plan of `prepare`, creates its buffers, and fills inputs and outputs.
    pub fn new(gpu: Rc<Gpu>, prepare: &Prepare) -> Result<Self, Problem> {
        let plan =
            prepare.plan.clone().ok_or_else(|| Problem::new(Failure::Failed, "this executor takes plans"))?;
        let sets = prepare.sets;
        if sets == 0 {
            return Err(Problem::new(Failure::Failed, "there must be a buffer set"));
        }
        // The generator counts elements in 32 bits.
        if let Some(large) = plan.buffers.iter().find(|buffer| buffer.len > u64::from(u32::MAX)) {
            let reason = format!("buffer {} has {} elements; the limit is 2^32 - 1", large.name, large.len);
            return Err(Problem::new(Failure::Unsupported, reason));
        }
        let held_bytes = plan.held_bytes(u64::from(sets));
        if held_bytes > prepare.memory_limit {
            return Err(Problem::new(
                Failure::OutOfMemory,
                format!(
                    "needs {} for {sets} buffer sets, the limit is {}",
                    units::bytes(held_bytes),
                    units::bytes(prepare.memory_limit)
                ),
            ));
        }
        let started = Instant::now();
        let layouts = Layouts::made(&gpu, &plan)?;
        let pipelines = layouts.compile(&gpu, &plan)?;
        let compile_ns = started.elapsed().as_nanos() as u64;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffers: Vec<Vec<wgpu::Buffer>> = gpu.guarded("making buffers", |gpu| {
            (0..sets)
                .map(|_| plan.buffers.iter().map(|b| buffer(&gpu.device, b.bytes(), usage)).collect())
                .collect()
        })?;
        let (groups, chain) = gpu.guarded("binding buffers", |gpu| {
            let groups = buffers.iter().map(|set| layouts.groups(gpu, &plan, set)).collect();
            (groups, layouts.chain_group(gpu))
        })?;
        let prepared =
            Prepared { gpu, plan, pipelines, groups, sets: buffers, chain, compile_ns, held_bytes };
        prepared.fill_inputs(prepare.seed, prepare.dist)?;
        prepared.poison()?;
        Ok(prepared)
    }

    fn fill_inputs(&self, seed: u32, dist: Distribution) -> Result<(), Problem> {
        let mut fills = Vec::new();
        for (set, buffers) in self.sets.iter().enumerate() {
            for (spec, buffer) in self.plan.buffers.iter().zip(buffers) {
                match &spec.content {
                    Content::Generated { number, grid, scale } => {
                        let keys = Keys::new(seed, Inputs::new(seed, set as u32).stream(*number));
                        let step = 2f32.powi(i32::from(*scale) - i32::from(grid.shift)).to_bits();
                        for Stretch { first, bytes } in self.stretches(spec) {
                            let words = bytes / 4;
                            fills.push(Fill {
                                buffer: buffer.clone(),
                                offset: spec.dtype.bytes(first),
                                words,
                                pipeline: self.gpu.writer(Some(spec.dtype))?,
                                parameters: [
                                    keys.first,
                                    keys.second,
                                    grid.limit,
                                    spec.len as u32,
                                    words as u32,
                                    step,
                                    dist_of(*number, dist).number(),
                                    first as u32,
                                ],
                            });
                        }
                    }
                    Content::Table { words } => {
                        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                        self.gpu
                            .guarded("writing a table", |gpu| gpu.queue.write_buffer(buffer, 0, &bytes))?;
                    }
                    Content::Output | Content::Scratch => {}
                    other => {
                        let reason = format!("a buffer of this kind is not known here: {other:?}");
                        return Err(Problem::new(Failure::Failed, reason));
                    }
                }
            }
        }
        self.write(&fills)
    }

    /// Divides a buffer into the parts that are filled by one dispatch each: the whole buffer if it fits in one
    /// binding, otherwise parts whose length is the largest power of two of elements that fits.
    fn stretches(&self, spec: &Buffer) -> Vec<Stretch> {
        let most = self.gpu.device.limits().max_storage_buffer_binding_size;
        if spec.bytes() <= most {
            return vec![Stretch { first: 0, bytes: spec.bytes() }];
        }
        let powers = (0..32).take_while(|power| spec.dtype.bytes(1u64 << power) <= most).count();
        let length = 1u64 << (powers.max(1) - 1);
        let part = |first: u64| Stretch {
            first,
            bytes: spec.dtype.bytes(length).min(spec.bytes() - spec.dtype.bytes(first)),
        };
        (0..spec.len.div_ceil(length)).map(|number| part(number * length)).collect()
    }

    /// Fills all outputs of all buffer sets with the poison pattern.
    pub fn poison(&self) -> Result<(), Problem> {
        let mut fills = Vec::new();
        for buffers in &self.sets {
            for (spec, buffer) in self.plan.buffers.iter().zip(buffers) {
                if spec.content != Content::Output {
                    continue;
                }
                let pattern = match spec.dtype.bits() {
                    32 => poison::BITS_32,
                    _ => u32::from(poison::BITS_16) << 16 | u32::from(poison::BITS_16),
                };
                for Stretch { first, bytes } in self.stretches(spec) {
                    let (offset, words) = (spec.dtype.bytes(first), bytes / 4);
                    let parameters = [pattern, words as u32, 0, 0, 0, 0, 0, 0];
                    let pipeline = self.gpu.writer(None)?;
                    fills.push(Fill { buffer: buffer.clone(), offset, words, pipeline, parameters });
                }
            }
        }
        self.write(&fills)
    }

    /// Runs one dispatch for each of `fills`, in submissions of at most 16, because a driver's watchdog stops
    /// submissions that take seconds.
    fn write(&self, fills: &[Fill]) -> Result<(), Problem> {
        if fills.is_empty() {
            return Ok(());
        }
        let gpu = &self.gpu;
        let mut bytes = vec![0u8; fills.len() * PARAMETER_STRIDE as usize];
        for (fill, chunk) in fills.iter().zip(bytes.chunks_exact_mut(PARAMETER_STRIDE as usize)) {
            for (word, place) in fill.parameters.iter().zip(chunk.chunks_exact_mut(4)) {
                place.copy_from_slice(&word.to_le_bytes());
            }
        }
        let submission = gpu.guarded("filling buffers", |gpu| {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            let parameters = buffer(&gpu.device, bytes.len() as u64, usage);
            gpu.queue.write_buffer(&parameters, 0, &bytes);
            let mut last = None;
            for (chunk_number, chunk) in fills.chunks(16).enumerate() {
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                {
                    let mut pass = encoder.begin_compute_pass(&Default::default());
                    for (number, fill) in chunk.iter().enumerate() {
                        let offset = (chunk_number * 16 + number) as u64 * PARAMETER_STRIDE;
                        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                            label: None,
                            layout: &fill.pipeline.get_bind_group_layout(0),
                            entries: &[
                                wgpu::BindGroupEntry {
                                    binding: 0,
                                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                                        buffer: &fill.buffer,
                                        offset: fill.offset,
                                        size: std::num::NonZeroU64::new(4 * fill.words),
                                    }),
                                },
                                wgpu::BindGroupEntry {
                                    binding: 1,
                                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                                        buffer: &parameters,
                                        offset,
                                        size: std::num::NonZeroU64::new(4 * PARAMETERS as u64),
                                    }),
                                },
                            ],
                        });
                        pass.set_pipeline(&fill.pipeline);
                        pass.set_bind_group(0, &group, &[]);
                        let [x, y, z] = spread(fill.words.div_ceil(64), gpu.dispatch_limit);
                        pass.dispatch_workgroups(x, y, z);
                    }
                }
                last = Some(gpu.queue.submit([encoder.finish()]));
            }
            last
        })?;
        submission.map_or(Ok(()), |submission| gpu.wait(submission))
    }

    /// Times `k` executions back to back in one compute pass; `k` = 0 times an empty pass.
    pub fn sample(&self, k: u32, first_set: u32) -> Result<Sampled, Problem> {
        let gpu = &self.gpu;
        let (submission, started) = gpu.guarded("running", |gpu| {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            {
                let timestamp_writes = gpu.timer.as_ref().map(|timer| wgpu::ComputePassTimestampWrites {
                    query_set: &timer.queries,
                    beginning_of_pass_write_index: Some(0),
                    end_of_pass_write_index: Some(1),
                });
                let mut pass = encoder
                    .begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
                if k > 0 {
                    pass.set_bind_group(1, &self.chain, &[]);
                }
                for execution in 0..k {
                    let set = (first_set as usize + execution as usize) % self.groups.len();
                    for (step, (pipeline, group)) in
                        self.plan.steps.iter().zip(self.pipelines.iter().zip(&self.groups[set]))
                    {
                        pass.set_pipeline(pipeline);
                        pass.set_bind_group(0, group, &[]);
                        let [x, y, z] = step.workgroups;
                        pass.dispatch_workgroups(x, y, z);
                    }
                }
            }
            if let Some(timer) = &gpu.timer {
                encoder.resolve_query_set(&timer.queries, 0..2, &timer.resolve, 0);
                encoder.copy_buffer_to_buffer(&timer.resolve, 0, &timer.read, 0, 16);
            }
            let commands = encoder.finish();
            let started = Instant::now();
            (gpu.queue.submit([commands]), started)
        })?;
        gpu.wait(submission)?;
        let host_ns = started.elapsed().as_nanos() as u64;
        let mut sampled = Sampled { device_ns: None, host_ns, invalid: 0 };
        if let Some(timer) = &gpu.timer {
            let stamps = self.read_bytes(&timer.read, 16)?;
            let stamp = |at: usize| u64::from_le_bytes(stamps[at..at + 8].try_into().expect("16 bytes"));
            (sampled.device_ns, sampled.invalid) = between(stamp(0), stamp(8), timer.period, k > 0);
        }
        Ok(sampled)
    }

    /// Reads elements of the outputs of buffer set `set`, and counts the poisoned elements of all its outputs.
    /// Indices run through the outputs one after another.
    pub fn read(&self, set: u32, elements: &[u64]) -> Result<(Vec<f64>, u64), Problem> {
        let missing = || Problem::new(Failure::Failed, "no such buffer set or no output");
        let buffers = self.sets.get(set as usize).ok_or_else(missing)?;
        let outputs = || {
            let all = self.plan.buffers.iter().zip(buffers);
            all.filter(|(spec, _)| spec.content == Content::Output)
        };
        let all: u64 = outputs().map(|(spec, _)| spec.len).sum();
        if all == 0 {
            return Err(missing());
        }
        if let Some(beyond) = elements.iter().find(|element| **element >= all) {
            let reason = format!("element {beyond} is beyond {all}");
            return Err(Problem::new(Failure::Failed, reason));
        }
        let (mut values, mut poisoned) = (vec![f64::NAN; elements.len()], 0);
        let mut first = 0;
        for (spec, buffer) in outputs() {
            let wanted = elements.iter().zip(&mut values).filter_map(|(element, value)| {
                let own = element.checked_sub(first).filter(|own| *own < spec.len)?;
                Some((own, value))
            });
            poisoned += self.read_output(spec, buffer, wanted.collect())?;
            first += spec.len;
        }
        Ok((values, poisoned))
    }

    /// Reads the `wanted` elements of one output. Returns the number of poisoned elements in the whole output.
    fn read_output(
        &self,
        spec: &Buffer,
        output: &wgpu::Buffer,
        mut wanted: Vec<(u64, &mut f64)>,
    ) -> Result<u64, Problem> {
        let size = spec.dtype.bytes(1) as usize;
        let pattern: &[u8] = match size {
            4 => &poison::BITS_32.to_le_bytes(),
            _ => &poison::BITS_16.to_le_bytes(),
        };
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self
            .gpu
            .guarded("reading back", |gpu| buffer(&gpu.device, spec.bytes().min(READ_BACK), usage))?;
        let mut poisoned = 0;
        let mut from = 0;
        while from < spec.bytes() {
            let length = (spec.bytes() - from).min(READ_BACK);
            let submission = self.gpu.guarded("reading back", |gpu| {
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                encoder.copy_buffer_to_buffer(output, from, &staging, 0, length);
                gpu.queue.submit([encoder.finish()])
            })?;
            self.gpu.wait(submission)?;
            let bytes = self.read_bytes(&staging, length)?;
            // Each part holds whole elements, because its length is a multiple of 16 bytes.
            let first = from / size as u64;
            let used = bytes.len().min((spec.len - first.min(spec.len)) as usize * size);
            let used = &bytes[..used];
            poisoned += used.chunks_exact(size).filter(|element| *element == pattern).count() as u64;
            for (element, value) in &mut wanted {
                let place = (*element as usize).wrapping_sub(first as usize).wrapping_mul(size);
                if *element >= first && place < used.len() {
                    **value = decode(spec.dtype, &used[place..place + size]).ok_or_else(|| {
                        Problem::new(Failure::Failed, format!("no output can be in {}", spec.dtype))
                    })?;
                }
            }
            from += length;
        }
        Ok(poisoned)
    }

    fn read_bytes(&self, buffer: &wgpu::Buffer, size: u64) -> Result<Vec<u8>, Problem> {
        let bytes = self.gpu.guarded("mapping", |gpu| {
            let slice = buffer.slice(0..size);
            slice.map_async(wgpu::MapMode::Read, |_| {});
            // The copy has completed, so one poll suffices to finish the mapping.
            let _ = gpu.device.poll(wgpu::PollType::wait_indefinitely());
            let bytes = slice.get_mapped_range().map(|range| range.to_vec());
            buffer.unmap();
            bytes
        })?;
        bytes.map_err(|error| Problem::new(Failure::Failed, format!("mapping: {error}")))
    }
}

/// Returns the time between two timestamps in nanoseconds, `None` if they are unusable, and the number of unusable
/// pairs. `period` is the number of nanoseconds of a tick.
fn between(begin: u64, end: u64, period: f64, has_work: bool) -> (Option<u64>, u32) {
    match end.checked_sub(begin) {
        _ if begin == 0 || end == 0 => (None, u32::from(has_work)),
        // A pass without work may begin and end on the same tick.
        Some(0) if has_work => (None, 1),
        Some(ticks) => (Some((ticks as f64 * period).round() as u64), 0),
        None => (None, 1),
    }
}

/// Decodes one element of an output. `None` if outputs cannot have this format.
fn decode(dtype: DType, bytes: &[u8]) -> Option<f64> {
    Some(match dtype {
        DType::F32 => f32::from_le_bytes(bytes.try_into().ok()?).into(),
        DType::F16 => half::f16::from_le_bytes(bytes.try_into().ok()?).to_f64(),
        DType::Bf16 => half::bf16::from_le_bytes(bytes.try_into().ok()?).to_f64(),
        DType::I32 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn timestamps_that_are_zero_equal_or_backwards_around_work_give_no_time() {
        // 30 ticks of 2.5 ns.
        assert_eq!(between(100, 130, 2.5, true), (Some(75), 0));
        for (begin, end) in [(0, 0), (0, 9), (9, 0), (100, 100), (100, 99)] {
            assert_eq!(between(begin, end, 2.5, true), (None, 1), "{begin} {end}");
        }
        // An empty pass may take less than a tick, or have no timestamps.
        assert_eq!(between(100, 100, 2.5, false), (Some(0), 0));
        assert_eq!(between(0, 0, 2.5, false), (None, 0));
        assert_eq!(between(100, 99, 2.5, false), (None, 1));
    }
}
