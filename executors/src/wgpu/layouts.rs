//! The layouts of a plan's bindings, and its pipelines.

use super::gpu::{Gpu, buffer};
use super::problem::Problem;
use portamark_model::plan::Plan;

/// Bind group layouts and pipeline layouts of a plan's steps.
pub struct Layouts {
    steps: Vec<wgpu::BindGroupLayout>,
    chain: wgpu::BindGroupLayout,
    pipelines: Vec<wgpu::PipelineLayout>,
}

impl Layouts {
    /// Creates the layouts of `plan`.
    pub fn made(gpu: &Gpu, plan: &Plan) -> Result<Self, Problem> {
        gpu.guarded("binding layouts", |gpu| Self::new(gpu, plan))
    }

    /// Compiles the pipeline of each step.
    pub fn compile(&self, gpu: &Gpu, plan: &Plan) -> Result<Vec<wgpu::ComputePipeline>, Problem> {
        (0..plan.steps.len()).map(|step| self.compile_step(gpu, plan, step)).collect()
    }

    /// Compiles the pipeline of the step `number`.
    pub fn compile_step(
        &self,
        gpu: &Gpu,
        plan: &Plan,
        number: usize,
    ) -> Result<wgpu::ComputePipeline, Problem> {
        let (step, layout) = (&plan.steps[number], &self.pipelines[number]);
        let what = format!("compiling step {number} of {}", plan.variant);
        gpu.guarded(&what, |gpu| gpu.pipeline(&step.wgsl, Some(layout), plan.variant.checks, plan.subgroup))?
    }

    fn new(gpu: &Gpu, plan: &Plan) -> Self {
        let entry = |binding: usize, writes: bool| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: !writes },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let layout = |entries: &[wgpu::BindGroupLayoutEntry]| {
            gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries })
        };
        let chain = layout(&[entry(0, true)]);
        let steps: Vec<_> = plan
            .steps
            .iter()
            .map(|step| {
                let entries: Vec<_> =
                    step.bindings.iter().enumerate().map(|(at, binding)| entry(at, binding.writes)).collect();
                layout(&entries)
            })
            .collect();
        let pipelines = steps
            .iter()
            .map(|step| {
                gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                    label: None,
                    bind_group_layouts: &[Some(step), Some(&chain)],
                    immediate_size: 0,
                })
            })
            .collect();
        Layouts { steps, chain, pipelines }
    }

    /// Creates the bind group of each step for one buffer set.
    pub fn groups(&self, gpu: &Gpu, plan: &Plan, buffers: &[wgpu::Buffer]) -> Vec<wgpu::BindGroup> {
        plan.steps
            .iter()
            .zip(&self.steps)
            .map(|(step, layout)| {
                let entries: Vec<_> = step
                    .bindings
                    .iter()
                    .enumerate()
                    .map(|(at, binding)| wgpu::BindGroupEntry {
                        binding: at as u32,
                        resource: match binding.range {
                            None => buffers[binding.buffer].as_entire_binding(),
                            Some(range) => wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                                buffer: &buffers[binding.buffer],
                                offset: range.offset,
                                size: std::num::NonZeroU64::new(range.bytes),
                            }),
                        },
                    })
                    .collect();
                gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: None,
                    layout,
                    entries: &entries,
                })
            })
            .collect()
    }

    /// Creates the bind group of the buffer that every dispatch binds and none accesses.
    pub fn chain_group(&self, gpu: &Gpu) -> wgpu::BindGroup {
        let chain = buffer(&gpu.device, 16, wgpu::BufferUsages::STORAGE);
        gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.chain,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: chain.as_entire_binding() }],
        })
    }
}
