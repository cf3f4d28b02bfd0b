//! Attention on the CPU. It processes blocks of keys with the online softmax of FlashAttention (Dao et al.
//! 2022), and splits the keys among threads if there are too few heads (Flash-Decoding, Dao et al. 2023). The
//! `gemm` crate computes the products, except those of few rows, see [`super::few_rows`].

use super::array::Array;
use super::few_rows;
use super::product::{Shape, product};
use super::unpack::Operand;
use super::vector::{exp, largest, sum, vectorized};
use super::work::Work;
use half::{bf16, f16};
use portamark_model::workload::{Attention, DType, Tensor, Workload};
use rayon::prelude::*;
use std::ops::Range;

/// Number of keys in one block, so that its K and V stay in the L2 cache.
const KEYS: usize = 256;
/// Target number of query rows that are computed while a block of keys is in the cache.
const ROWS: usize = 64;
/// Largest number of query rows for which the products avoid the `gemm` crate: packing the keys would cost
/// more than it saves.
const FEW: usize = 16;
/// Smallest number of keys in a split.
const LEAST_SPLIT: usize = 512;

/// Kernel of the attention case: one forward pass.
pub struct HostAttention {
    of: Attention,
    tensors: Vec<Tensor>,
    pages: Option<Vec<u32>>,
    /// Number of query positions of one task, which covers all query heads of one KV head.
    positions: usize,
    /// Number of query rows of one task: positions × query heads per KV head.
    rows: usize,
    blocks: usize,
    splits: usize,
    /// Partial results of each task, merged at the end: the weighted sums of values, and per row the largest
    /// score (`tops`) and the sum of weights (`totals`).
    sums: Vec<f32>,
    tops: Vec<f32>,
    totals: Vec<f32>,
}

impl HostAttention {
    /// Creates the kernel of `attention`.
    ///
    /// # Errors
    /// Returns a message if the case does not accumulate in f32, or if there is not enough memory.
    pub fn new(attention: &Attention) -> Result<Self, String> {
        if attention.precision.accumulate != DType::F32 {
            return Err(format!("the host executor sums in f32, not in {}", attention.precision.accumulate));
        }
        let group = attention.group() as usize;
        let positions = (ROWS / group).clamp(1, attention.queries as usize);
        let blocks = (attention.queries as usize).div_ceil(positions);
        let tasks = (attention.batch * attention.kv_heads) as usize * blocks;
        let seen = attention.visible(attention.queries - 1);
        let most = ((seen.end - seen.start) as usize / LEAST_SPLIT).max(1);
        let splits = (2 * rayon::current_num_threads()).div_ceil(tasks).min(most);
        let rows = positions * group;
        let room = |len: usize| {
            let mut room = Vec::new();
            room.try_reserve_exact(len).map_err(|_| "no room for sums".to_string())?;
            room.resize(len, 0f32);
            Ok::<_, String>(room)
        };
        let all = tasks * splits * rows;
        Ok(HostAttention {
            tensors: attention.tensors(),
            pages: attention.pages(),
            positions,
            rows,
            blocks,
            splits,
            sums: room(all * attention.value_dim as usize)?,
            tops: room(all)?,
            totals: room(all)?,
            of: attention.clone(),
        })
    }

    /// Returns the runs of consecutive cache rows that hold positions `keys` of one KV head of a sequence, each
    /// as (first row, number of rows). Without pages there is one run.
    fn runs(&self, sequence: usize, head: usize, keys: Range<usize>) -> Vec<(usize, usize)> {
        let (kv_heads, length) = (self.of.kv_heads as usize, self.of.keys as usize);
        let (Some(page), Some(pages)) = (self.of.page, &self.pages) else {
            return vec![((sequence * kv_heads + head) * length + keys.start, keys.len())];
        };
        let page = page as usize;
        let each = length.div_ceil(page);
        let mut runs = Vec::new();
        let mut at = keys.start;
        while at < keys.end {
            let end = ((at / page + 1) * page).min(keys.end);
            let number = pages[sequence * each + at / page] as usize;
            runs.push(((number * kv_heads + head) * page + at % page, end - at));
            at = end;
        }
        runs
    }

    /// Returns the range of keys that at least one query in `positions` attends to.
    fn seen(&self, positions: &Range<usize>) -> Range<usize> {
        let first = self.of.visible(positions.start as u64);
        let last = self.of.visible(positions.end as u64 - 1);
        first.start as usize..last.end as usize
    }
}

/// Returns cache rows as f32: a slice of the cache if possible, otherwise a copy in `room`.
fn rows_of<'a>(
    operand: Operand<'a>,
    runs: &[(usize, usize)],
    width: usize,
    room: &'a mut [f32],
) -> &'a [f32] {
    if let [(start, count)] = *runs {
        return operand.read(start * width, count * width, room);
    }
    let mut at = 0;
    for (start, count) in runs {
        let len = count * width;
        let (_, rest) = room.split_at_mut(at);
        if let Some(plain) = operand.plain() {
            rest[..len].copy_from_slice(&plain[start * width..start * width + len]);
        } else {
            operand.read(start * width, len, rest);
        }
        at += len;
    }
    &room[..at]
}

/// Temporary buffers of one thread.
struct Rooms {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    scores: Vec<f32>,
}

impl HostAttention {
    fn rooms(&self) -> Rooms {
        let (dim, value_dim) = (self.of.dim as usize, self.of.value_dim as usize);
        Rooms {
            q: vec![0.0; self.rows * dim],
            k: vec![0.0; KEYS * dim],
            v: vec![0.0; if self.of.latent { 0 } else { KEYS * value_dim }],
            scores: vec![0.0; self.rows * KEYS],
        }
    }

    /// Computes one block of queries of a KV head over one split of the keys.
    fn task(
        &self,
        number: usize,
        [q, k, v]: [Operand; 3],
        rooms: &mut Rooms,
        (sums, tops, totals): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let (split, at) = (number % self.splits, number / self.splits);
        let (block, at) = (at % self.blocks, at / self.blocks);
        let (head, sequence) = (at % self.of.kv_heads as usize, at / self.of.kv_heads as usize);
        let (dim, value_dim) = (self.of.dim as usize, self.of.value_dim as usize);
        let (queries, group) = (self.of.queries as usize, self.of.group() as usize);
        let positions = block * self.positions..((block + 1) * self.positions).min(queries);
        let rows = group * positions.len();
        sums.fill(0.0);
        tops.fill(f32::NEG_INFINITY);
        totals.fill(0.0);
        let scale = self.of.softmax_scale() as f32;
        for member in 0..group {
            let row = (sequence * self.of.heads as usize + head * group + member) * queries + positions.start;
            let room = &mut rooms.q[member * positions.len() * dim..][..positions.len() * dim];
            match q.plain() {
                Some(plain) => room.copy_from_slice(&plain[row * dim..][..room.len()]),
                None => _ = q.read(row * dim, room.len(), room),
            }
            vectorized(
                #[inline(always)]
                || room.iter_mut().for_each(|value| *value *= scale),
            );
        }
        let seen = self.seen(&positions);
        let part = seen.len().div_ceil(self.splits).next_multiple_of(KEYS);
        let mine = (seen.start + split * part).min(seen.end)..(seen.start + (split + 1) * part).min(seen.end);
        for start in mine.clone().step_by(KEYS) {
            let keys = start..(start + KEYS).min(mine.end);
            let count = keys.len();
            let runs = self.runs(sequence, head, keys.clone());
            let k = rows_of(k, &runs, dim, &mut rooms.k);
            let scores = &mut rooms.scores[..rows * count];
            let shape = Shape {
                m: rows,
                n: count,
                k: dim,
                a: (dim as isize, 1),
                b: (1, dim as isize),
                c: count as isize,
            };
            let few = rows <= FEW;
            if few {
                few_rows::scores(&rooms.q[..rows * dim], k, scores, dim);
            } else {
                product(shape, &rooms.q[..rows * dim], k, scores, [0.0, 1.0], false, 1);
            }
            for (row, scores) in scores.chunks_mut(count).enumerate() {
                let position = positions.start + row % positions.len();
                let visible = self.of.visible(position as u64);
                let clip = |key: u64| (key as usize).clamp(keys.start, keys.end) - keys.start;
                let visible = clip(visible.start)..clip(visible.end).max(clip(visible.start));
                let sums = &mut sums[row * value_dim..][..value_dim];
                vectorized(
                    #[inline(always)]
                    || weigh(scores, visible, &mut tops[row], &mut totals[row], sums),
                );
            }
            let (v, stride) = if self.of.latent {
                (k, dim)
            } else {
                (rows_of(v, &runs, value_dim, &mut rooms.v), value_dim)
            };
            let shape = Shape {
                m: rows,
                n: value_dim,
                k: count,
                a: (count as isize, 1),
                b: (stride as isize, 1),
                c: value_dim as isize,
            };
            if few {
                few_rows::add_values(scores, v, stride, &mut sums[..rows * value_dim], value_dim);
            } else {
                product(shape, scores, v, sums, [0.0, 1.0], true, 1);
            }
        }
    }

    /// Merges the partial results of all splits into the output row of query `position`. `head` counts the
    /// query heads of all sequences.
    fn row(&self, head: usize, position: usize, values: &mut [f32]) {
        let (heads, group, width) = (self.of.heads as usize, self.of.group() as usize, values.len());
        let (sequence, head) = (head / heads, head % heads);
        let (kv_head, member, block) = (head / group, head % group, position / self.positions);
        let in_block = self.positions.min(self.of.queries as usize - block * self.positions);
        let row = member * in_block + position % self.positions;
        let task = ((sequence * self.of.kv_heads as usize + kv_head) * self.blocks + block) * self.splits;
        let places = (0..self.splits).map(|split| (task + split) * self.rows + row);
        let top = places.clone().map(|at| self.tops[at]).fold(f32::NEG_INFINITY, f32::max);
        values.fill(0.0);
        let mut total = 0.0;
        for at in places {
            let weight = exp(self.tops[at] - top);
            total += weight * self.totals[at];
            for (value, sum) in values.iter_mut().zip(&self.sums[at * width..][..width]) {
                *value += weight * sum;
            }
        }
        values.iter_mut().for_each(|value| *value /= total);
    }
}

/// Step of the online softmax for one row: turns scores into weights (0 outside `visible`), and updates the
/// row's largest score, sum of weights and weighted sums.
#[inline(always)]
fn weigh(scores: &mut [f32], visible: Range<usize>, top: &mut f32, total: &mut f32, sums: &mut [f32]) {
    scores[..visible.start].fill(0.0);
    scores[visible.end..].fill(0.0);
    let scores = &mut scores[visible];
    if scores.is_empty() {
        return;
    }
    let before = *top;
    let now = before.max(largest(scores));
    if now > before {
        let fade = exp(before - now);
        *total *= fade;
        sums.iter_mut().for_each(|sum| *sum *= fade);
        *top = now;
    }
    scores.iter_mut().for_each(|score| *score = exp(*score - now));
    *total += sum(scores);
}

/// Computes every row of `output` with `row`, which gets the index of the row, and converts it with `round`.
fn write<T: Send>(
    output: &mut [T],
    width: usize,
    round: impl Fn(f32) -> T + Sync,
    row: impl Fn(usize, &mut [f32]) + Sync,
) {
    output.par_chunks_mut(width).enumerate().for_each_init(
        || vec![0f32; width],
        |values, (number, output)| {
            row(number, values);
            output.iter_mut().zip(&*values).for_each(|(output, value)| *output = round(*value));
        },
    );
}

impl Work for HostAttention {
    fn kernel(&self) -> String {
        format!("blocks of {KEYS} keys, gemm crate 0.19")
    }

    fn held_bytes(&self) -> u64 {
        4 * (self.sums.len() + self.tops.len() + self.totals.len()) as u64
    }

    fn run(&mut self, inputs: &[Array], output: &mut Array) {
        let (q, rest) = Operand::take(&self.tensors[0], inputs);
        let (k, rest) = Operand::take(&self.tensors[1], rest);
        let v = if self.of.latent { k } else { Operand::take(&self.tensors[2], rest).0 };
        let [mut sums, mut tops, mut totals] =
            [&mut self.sums, &mut self.tops, &mut self.totals].map(std::mem::take);
        let (rows, width) = (self.rows, self.of.value_dim as usize);
        sums.par_chunks_mut(rows * width)
            .zip(tops.par_chunks_mut(rows).zip(totals.par_chunks_mut(rows)))
            .with_max_len(1)
            .enumerate()
            .for_each_init(
                || self.rooms(),
                |rooms, (number, (sums, (tops, totals)))| {
                    self.task(number, [q, k, v], rooms, (sums, tops, totals));
                },
            );
        (self.sums, self.tops, self.totals) = (sums, tops, totals);
        let queries = self.of.queries as usize;
        let row = |number: usize, values: &mut [f32]| self.row(number / queries, number % queries, values);
        match output {
            Array::F32(output) => write(output, width, |value| value, row),
            Array::F16(output) => write(output, width, f16::from_f32, row),
            Array::Bf16(output) => write(output, width, bf16::from_f32, row),
            _ => unreachable!("attention is in floating point"),
        }
    }
}
