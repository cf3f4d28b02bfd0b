//! Runs plans on the interpreter.

use portamark_model::plan::{Buffer, Content, Plan};
use portamark_model::workload::DType;
use portamark_races::{Buffer as Bound, Dispatch, Finding, Program};

/// What was found in a step of a plan.
pub struct Judged {
    pub findings: Vec<Finding>,
    /// Whether it has workgroup memory.
    pub shared: bool,
}

/// Bytes of a buffer: small numbers in whatever format.
fn contents(buffer: &Buffer) -> Vec<u8> {
    let mut bytes = vec![0; buffer.bytes() as usize];
    if let Content::Table { words } = &buffer.content {
        for (to, word) in bytes.chunks_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        return bytes;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        let noise = (i as u32).wrapping_mul(0x9e37_79b9) >> 16;
        *byte = match (buffer.dtype, i % 4) {
            // Top bytes of 0.5 to 2 with either sign.
            (DType::F32 | DType::Bf16, 3) | (DType::Bf16, 1) => 0x3f | (noise as u8 & 0x80),
            (DType::F16, 1 | 3) => 0x38 | (noise as u8 & 0x87),
            (DType::E4m3, _) => noise as u8 & 0xb7,
            _ => noise as u8,
        };
    }
    bytes
}

/// Up to three workgroups of a dispatch: the first, its neighbour and the last.
fn some_of([x, y, z]: [u32; 3]) -> Vec<[u32; 3]> {
    let next = [1, 0, 0].map(|by| by.min(x - 1));
    let next = if x > 1 { next } else { [0, 1.min(y - 1), u32::from(y == 1 && z > 1)] };
    let mut some = vec![[0; 3], next, [x - 1, y - 1, z - 1]];
    some.dedup();
    some
}

/// Runs a text as step `number` of `plan`, with `contents` of its buffers.
fn run(plan: &Plan, number: usize, text: &str, dispatch: &Dispatch, contents: &mut [Vec<u8>]) -> Judged {
    let step = &plan.steps[number];
    let program = Program::parse(text).unwrap_or_else(|error| panic!("{}: {error}", plan.variant));
    let of_binding = |number: usize| {
        let binding = &step.bindings[number];
        let whole = &contents[binding.buffer];
        let bytes = match &binding.range {
            Some(range) => whole[range.offset as usize..(range.offset + range.bytes) as usize].to_vec(),
            None => whole.clone(),
        };
        Bound { binding: number as u32, bytes }
    };
    let mut bound: Vec<Bound> = (0..step.bindings.len()).map(of_binding).collect();
    let findings = program.run(dispatch, &mut bound);
    let findings = findings.unwrap_or_else(|error| panic!("{}: {error}\n{text}", plan.variant));
    for (binding, bound) in step.bindings.iter().zip(bound).filter(|(binding, _)| binding.writes) {
        let from = binding.range.map_or(0, |range| range.offset as usize);
        contents[binding.buffer][from..from + bound.bytes.len()].copy_from_slice(&bound.bytes);
    }
    Judged { findings, shared: program.has_workgroup_memory() }
}

fn dispatch(plan: &Plan, number: usize, subgroup: u32, whole_vectors: bool) -> Dispatch {
    let groups = plan.steps[number].workgroups;
    Dispatch { subgroup, groups, run: some_of(groups), whole_vectors }
}

/// Runs the steps of a plan one after another.
pub fn faults(plan: &Plan, subgroup: u32, whole_vectors: bool) -> Vec<Judged> {
    let mut contents: Vec<Vec<u8>> = plan.buffers.iter().map(contents).collect();
    let step = |number: usize| {
        let dispatch = dispatch(plan, number, subgroup, whole_vectors);
        run(plan, number, &plan.steps[number].wgsl, &dispatch, &mut contents)
    };
    (0..plan.steps.len()).map(step).collect()
}

/// Returns what is found in a text that takes the place of step `number` of a plan.
pub fn faults_of_step(plan: &Plan, number: usize, text: &str, subgroup: u32) -> Vec<Finding> {
    let mut contents: Vec<Vec<u8>> = plan.buffers.iter().map(contents).collect();
    run(plan, number, text, &dispatch(plan, number, subgroup, false), &mut contents).findings
}

/// Returns the buffers after all workgroups of all steps ran.
pub fn outputs(plan: &Plan, subgroup: u32) -> Vec<Vec<u8>> {
    let mut contents: Vec<Vec<u8>> = plan.buffers.iter().map(contents).collect();
    for (number, step) in plan.steps.iter().enumerate() {
        let [x, y, z] = step.workgroups;
        let all = (0..z).flat_map(|z| (0..y).flat_map(move |y| (0..x).map(move |x| [x, y, z])));
        let dispatch = Dispatch { run: all.collect(), ..dispatch(plan, number, subgroup, false) };
        run(plan, number, &step.wgsl, &dispatch, &mut contents);
    }
    contents
}
