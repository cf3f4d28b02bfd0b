//! Kernels of other programs on the same compilers.

use super::target::Target;
use portamark_executors::protocol::InspectSpirv;
use portamark_executors::{Executor, FaultKind};
use portamark_inspect::{Cell, Demand, Outcome, facts};
use std::time::Duration;

/// SPIR-V of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Name for the table, that of its file.
    pub name: String,
    /// Little-endian words.
    pub bytes: Vec<u8>,
    /// Name of the entry point.
    pub entry: String,
    /// Specialisation constants: id and value.
    pub constants: Vec<(u32, u32)>,
    /// Subgroup size that is required; `None` leaves it to the driver.
    pub subgroup_size: Option<u32>,
}

/// Compiles `foreign` on `target`. `deadline` is the time of the compilation.
pub fn inspect_foreign(target: &mut Target, foreign: &Foreign, deadline: Duration) -> Cell {
    let request =
        InspectSpirv::new(&target.device, &foreign.bytes, &foreign.entry, foreign.constants.clone())
            .with_subgroups(foreign.subgroup_size);
    let executor: &mut dyn Executor = target.executor.as_mut();
    let outcome = match executor.inspect_spirv(request, deadline) {
        Ok(compiled) => Outcome::Compiled { steps: vec![facts(target.compiler(), &compiled, target.chip)] },
        Err(fault) if fault.kind == FaultKind::Unsupported => Outcome::Unsupported { reason: fault.reason },
        Err(fault) => Outcome::Failed { reason: fault.reason },
    };
    let constants: Vec<String> =
        foreign.constants.iter().map(|(id, value)| format!("{id}={value}")).collect();
    let variant = std::iter::once(foreign.entry.clone()).chain(constants).collect::<Vec<_>>().join(" ");
    Cell::new(&foreign.name, &target.name, &target.title, &target.driver(), Demand::default(), outcome)
        .of_variant(variant)
}
