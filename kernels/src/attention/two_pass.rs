//! Prefill in two passes, with the scores kept in memory, for software drivers.
//!
//! The loops are short: they stay in the instruction cache and compile in milliseconds, which makes up for
//! the memory traffic of the scores.

use super::prefill::is_dense_prefill;
use super::sizes::{attention, check_operands, head_rows, values};
use crate::entry::Kernel;
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Content, Plan, Step, spread};
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::{Attention, Case, Tile, Workload};
use serde_json::{Value, json};

/// The two-pass prefill kernel.
pub const KERNELS: &[Kernel] = &[Kernel {
    family: Attention::FAMILY,
    name: "two_pass",
    summary: "scores in memory between two products of matrices, for software drivers",
    variants,
    space,
    plan,
}];

/// Maximum size of the scores in bytes; larger ones fit into no cache, and `flash_rows` is faster.
const MOST_SCORES: u64 = 64 << 20;

/// Knobs of a variant: rows per lane, vec4 columns per tile of scores, vec4 columns per tile of the output.
type Shape = (u32, u32, u32);

fn of_shapes(case: &Case, device: &Capabilities, shapes: &[Shape]) -> Result<Vec<Variant>, PlanError> {
    let work = attention(case);
    check_operands(work)?;
    let threads = match device.fixed_subgroup() {
        Some(threads) if device.is_software() && is_dense_prefill(work) => threads,
        _ => return Ok(Vec::new()),
    };
    // Scores are read as vec4s.
    if !work.keys.is_multiple_of(4) || 4 * scores(work) > MOST_SCORES.min(device.limits.binding_bytes) {
        return Ok(Vec::new());
    }
    let shared = |columns: u32| (4 * columns).is_multiple_of(threads);
    let fits = |&&(_, cols, vcols): &&Shape| {
        shared(cols) && shared(vcols) && (vcols <= 8 || u64::from(4 * vcols) <= work.value_dim)
    };
    let variant = |&(rows, cols, vcols): &Shape| {
        Variant::new("two_pass", Path::Subgroup)
            .with("threads", threads)
            .with("rows", rows)
            .with("cols", cols)
            .with("vcols", vcols)
    };
    Ok(shapes.iter().filter(fits).map(variant).collect())
}

fn variants(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    // The driver whose subgroups have four lanes gains nothing over `flash_rows`.
    let wide = device.fixed_subgroup().is_some_and(|lanes| lanes >= 8);
    let mut variants = if wide { of_shapes(case, device, &[(4, 8, 16), (4, 8, 8)])? } else { Vec::new() };
    variants.truncate(1);
    Ok(variants)
}

fn space(case: &Case, device: &Capabilities) -> Result<Vec<Variant>, PlanError> {
    let shapes = [(4, 8, 8), (4, 8, 16), (4, 4, 8), (8, 4, 4), (8, 8, 8), (4, 16, 16), (2, 8, 8), (2, 8, 16)];
    of_shapes(case, device, &shapes)
}

/// Number of scores over all sequences and heads.
fn scores(work: &Attention) -> u64 {
    work.batch * work.kv_heads * head_rows(work) * work.keys
}

fn plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
) -> Result<Plan, PlanError> {
    let work = attention(case);
    let knob = |name| u64::from(variant.knob(name));
    let tile_rows = knob("threads") * knob("rows");
    let row_tiles = head_rows(work).div_ceil(tile_rows);
    let key_tiles = work.keys.div_ceil(4 * knob("cols"));
    let value_tiles = work.value_dim.div_ceil(4 * knob("vcols"));
    let matrices = work.batch * work.kv_heads;
    let more = json!({
        "row_tiles": row_tiles,
        "key_tiles": key_tiles,
        "value_tiles": value_tiles,
        "kv_matrices": matrices,
        "broadcast": true,
    });
    let values = values(case, device, variant, more);
    let mut buffers = Buffer::all(case);
    let output = buffers.iter().position(|b| b.content == Content::Output).expect("attention is written");
    let (scores_at, tops_at) = (buffers.len(), buffers.len() + 1);
    buffers.push(Buffer::scratch("scores", scores(work)));
    buffers.push(Buffer::scratch("tops", matrices * head_rows(work) * key_tiles));
    // Returns an operand with another name and binding, and the indices of its buffers in order.
    let operand = |of: &str, name: &str, binding: usize| -> (Value, Vec<usize>) {
        let mut operand = values[of].clone();
        let numbers = ["binding", "scales"].map(|key| values[of][key].as_u64());
        let buffers: Vec<usize> = numbers.into_iter().flatten().map(|number| number as usize).collect();
        operand["name"] = json!(name);
        operand["binding"] = json!(binding);
        if buffers.len() > 1 {
            operand["scales"] = json!(binding + 1);
        }
        (operand, buffers)
    };
    let step =
        |template: &str, mut values: Value, rows: Value, reads: Vec<usize>, writes: Vec<usize>, groups| {
            values["rows"] = rows;
            let bindings = reads.into_iter().map(Binding::read);
            let bindings = bindings.chain(writes.into_iter().map(Binding::write));
            let wgsl = source.render(template, &values)?;
            let workgroups = spread(groups, device.limits.dispatch);
            Ok::<Step, PlanError>(Step::new(wgsl, bindings.collect(), workgroups))
        };
    let rows = json!(variant.knob("rows"));
    let (q, q_buffers) = operand("q", "a", 0);
    let (k, k_buffers) = operand("k", "b", q_buffers.len());
    let reads = [q_buffers, k_buffers].concat();
    let mut first = values.clone();
    (first["a"], first["b"]) = (q, k);
    first["scores"] = json!(reads.len());
    first["tops"] = json!(reads.len() + 1);
    let groups = matrices * row_tiles * key_tiles;
    let first = step("attention/scores.wgsl", first, rows.clone(), reads, vec![scores_at, tops_at], groups)?;
    let (v, v_buffers) = operand("v", "b", 2);
    let reads = [vec![scores_at, tops_at], v_buffers].concat();
    let mut second = values.clone();
    second["a"] = json!({ "name": "a", "format": "f32", "binding": 0, "packed": false, "scales": null });
    second["b"] = v;
    second["o"]["binding"] = json!(reads.len());
    let groups = matrices * row_tiles * value_tiles;
    let second = step("attention/weigh.wgsl", second, rows, reads, vec![output], groups)?;
    let steps = vec![first, second];
    let tile = Tile { rows: tile_rows, columns: 4 * knob("vcols") };
    Ok(Plan::new(buffers, steps, variant, tile))
}
