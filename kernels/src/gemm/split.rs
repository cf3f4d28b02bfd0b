//! Plans of tiled products, in which k may be split into parts (split-K).
//!
//! Each part is a product of its own, whose partial sums go to a separate C; a second step adds these in the
//! order of k. Without a split there is only one step.

use super::sizes::{gemm, values};
use super::space::part_of;
use crate::error::PlanError;
use crate::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Plan, Step, spread};
use portamark_model::variant::Variant;
use portamark_model::workload::{Case, DType, Gemm, Tile};
use serde_json::{Value, json};

/// Invocations per workgroup of the second step: few, because it usually has few elements to distribute.
const REDUCE_THREADS: u64 = 64;

/// Format of the partial sums of `work`: i32 or f32, because f16 would lose digits.
pub(super) fn partial(work: &Gemm) -> DType {
    if work.precision.accumulate == DType::I32 { DType::I32 } else { DType::F32 }
}

/// Plan of `variant` whose first step is `template`, with one workgroup for each tile of C, each member of
/// the batch and each part of k.
pub(super) fn plan(
    case: &Case,
    device: &Capabilities,
    variant: &Variant,
    source: &KernelSource,
    template: &str,
    tile: Tile,
    more: Value,
) -> Result<Plan, PlanError> {
    let work = gemm(case);
    let knob = |name: &str| variant.knobs.get(name).copied();
    let (split, bk) = (knob("split").unwrap_or(1), knob("bk").unwrap_or(1));
    let part = part_of(work.k, split, bk)
        .ok_or_else(|| PlanError::NoSuchVariant(format!("k{} has no {split} parts", work.k)))?;
    let (row_tiles, column_tiles) = (work.m.div_ceil(tile.rows), work.n.div_ceil(tile.columns));
    let groups = u64::from(split) * work.batch * row_tiles * column_tiles;
    let mut values = values(case, device, variant, more);
    let whole = |extent: u64, by: u64| extent.is_multiple_of(by);
    for (name, value) in [
        ("row_tiles", json!(row_tiles)),
        ("column_tiles", json!(column_tiles)),
        ("groups", json!(groups)),
        ("parts", json!(split)),
        ("part_k", json!(part)),
        ("whole_a", json!(whole(work.m, tile.rows) && whole(work.k, bk.into()))),
        ("whole_b", json!(whole(work.n, tile.columns) && whole(work.k, bk.into()))),
    ] {
        values[name] = value;
    }
    if split == 1 {
        let wgsl = source.render(template, values)?;
        return Ok(Plan::single(case, device, variant, wgsl, groups, tile));
    }
    let mut buffers = Buffer::all(case);
    let (output, sums) = (buffers.len() - 1, buffers.len());
    let elements = work.batch * work.m * work.n;
    let sum = partial(work);
    let mut scratch = Buffer::scratch("sums", u64::from(split) * elements);
    scratch.dtype = sum;
    buffers.push(scratch);
    // The first step writes the partial sums at the binding of C.
    let c = values["c"].clone();
    values["c"]["format"] = json!(sum.name());
    values["c"]["packed"] = json!(false);
    let bindings = (0..output).map(Binding::read).chain([Binding::write(sums)]).collect();
    let product =
        Step::new(source.render(template, &values)?, bindings, spread(groups, device.limits.dispatch));
    let threads = REDUCE_THREADS.min(device.limits.workgroup_size);
    let vector = elements.is_multiple_of(4);
    values["c"] = c;
    values["c"]["binding"] = json!(1);
    values["sum"] = json!(sum.name());
    values["vector"] = json!(vector);
    values["threads"] = json!(threads);
    let items = if vector { elements / 4 } else { elements };
    let reduce = Step::new(
        source.render("gemm/reduce.wgsl", &values)?,
        vec![Binding::read(sums), Binding::write(output)],
        spread(items.div_ceil(threads), device.limits.dispatch),
    );
    Ok(Plan::new(buffers, vec![product, reduce], variant, tile))
}
