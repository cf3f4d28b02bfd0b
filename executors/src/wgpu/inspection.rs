//! Compiles a plan without running it, and asks the driver what its compiler made of it.

use super::adapters::Found;
use super::problem::Problem;
use crate::protocol::{Failure, InspectSpirv};
use portamark_model::compiled::Compiled;
use portamark_model::plan::Plan;

#[cfg(not(target_vendor = "apple"))]
use {
    super::foreign,
    super::gpu::Gpu,
    super::layouts::Layouts,
    super::vulkan::{Asked, Opened},
    crate::printed::printed_by,
    portamark_model::compiled::Listing,
};

/// Device that tells what its compiler makes of a plan.
#[cfg(not(target_vendor = "apple"))]
pub struct Inspector {
    gpu: Gpu,
    opened: Opened,
}

/// No device: Metal tells nothing of a pipeline.
#[cfg(target_vendor = "apple")]
pub struct Inspector {}

#[cfg(not(target_vendor = "apple"))]
impl Inspector {
    /// Opens `found` with the features of `plan`.
    pub fn open(found: &Found, plan: &Plan) -> Result<Self, Problem> {
        let gpu = Gpu::open(found, &plan.features)?;
        let opened = gpu.vulkan.filter(|opened| opened.tells()).ok_or_else(tells_nothing)?;
        Ok(Inspector { gpu, opened })
    }

    /// Compiles the steps of `plan`, in order. `texts`: with the instructions and the SPIR-V, where the driver tells
    /// them.
    pub fn inspect(&self, plan: &Plan, texts: bool) -> Result<Vec<Compiled>, Problem> {
        let layouts = Layouts::made(&self.gpu, plan)?;
        self.opened.ask(if texts { Asked::Texts } else { Asked::Statistics });
        self.opened.take();
        let mut told = Vec::new();
        for step in 0..plan.steps.len() {
            let (compiled, printed) = printed_by(|| layouts.compile_step(&self.gpu, plan, step));
            compiled?;
            let compiled = self.opened.take().pop().ok_or_else(tells_nothing)?;
            told.push(if texts { with_printed(compiled, &printed) } else { compiled });
        }
        Ok(told)
    }
}

#[cfg(target_vendor = "apple")]
impl Inspector {
    /// Fails.
    pub fn open(_: &Found, _: &Plan) -> Result<Self, Problem> {
        Err(tells_nothing())
    }

    /// Fails.
    pub fn inspect(&self, _: &Plan, _: bool) -> Result<Vec<Compiled>, Problem> {
        Err(tells_nothing())
    }
}

/// Compiles SPIR-V that does not come from a plan, with what the compiler printed.
#[cfg(not(target_vendor = "apple"))]
pub fn foreign(found: &Found, request: &InspectSpirv) -> Result<Compiled, Problem> {
    let (compiled, printed) = printed_by(|| foreign::compile(found, request));
    compiled.map(|compiled| with_printed(compiled, &printed))
}

/// Fails.
#[cfg(target_vendor = "apple")]
pub fn foreign(_: &Found, _: &InspectSpirv) -> Result<Compiled, Problem> {
    Err(tells_nothing())
}

/// Mesa's driver for Apple hands no text over, but prints it if its environment says so.
#[cfg(not(target_vendor = "apple"))]
fn with_printed(mut compiled: Compiled, printed: &str) -> Compiled {
    if let Some(program) = compiled.executables.first_mut().filter(|_| !printed.is_empty()) {
        program.listings.push(Listing::new("printed", printed));
    }
    compiled
}

fn tells_nothing() -> Problem {
    let reason = "this driver does not tell what its compiler makes of a kernel";
    Problem::new(Failure::Unsupported, format!("{reason} (VK_KHR_pipeline_executable_properties)"))
}
