//! The two products of attention for few query rows, as in a decode step. Each load of a key or value serves up
//! to four rows.

use super::vector::on_registers;
use pulp::{Simd, WithSimd};

/// Number of query rows that share a load.
const SHARED: usize = 4;

/// Computes scores\[r\]\[j\] = q\[r\]·k\[j\], for rows of `dim` elements.
pub fn scores(q: &[f32], k: &[f32], scores: &mut [f32], dim: usize) {
    on_registers(Scores { q, k, scores, dim });
}

struct Scores<'a> {
    q: &'a [f32],
    k: &'a [f32],
    scores: &'a mut [f32],
    dim: usize,
}

impl WithSimd for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Scores { q, k, scores, dim } = self;
        let count = k.len() / dim;
        for (rows, scores) in q.chunks(SHARED * dim).zip(scores.chunks_mut(SHARED * count)) {
            if rows.len() == SHARED * dim {
                shared::<S, SHARED>(simd, rows, k, scores, dim);
            } else {
                for (row, scores) in rows.chunks(dim).zip(scores.chunks_mut(count)) {
                    shared::<S, 1>(simd, row, k, scores, dim);
                }
            }
        }
    }
}

/// Computes the scores of R rows.
#[inline(always)]
fn shared<S: Simd, const R: usize>(simd: S, rows: &[f32], k: &[f32], scores: &mut [f32], dim: usize) {
    let count = k.len() / dim;
    let rows: [(&[S::f32s], &[f32]); R] = std::array::from_fn(|r| S::as_simd_f32s(&rows[r * dim..][..dim]));
    for (j, key) in k.chunks_exact(dim).enumerate() {
        let (key, rest) = S::as_simd_f32s(key);
        let mut sums = [simd.splat_f32s(0.0); R];
        for (at, key) in key.iter().enumerate() {
            for (sum, (row, _)) in sums.iter_mut().zip(&rows) {
                *sum = simd.mul_add_f32s(row[at], *key, *sum);
            }
        }
        for (r, (sum, (_, row))) in sums.iter().zip(&rows).enumerate() {
            let rest: f32 = row.iter().zip(rest).map(|(q, k)| q * k).sum();
            scores[r * count + j] = simd.reduce_sum_f32s(*sum) + rest;
        }
    }
}

/// Computes sums\[r\] += Σ_j weights\[r\]\[j\]·v\[j\], for rows of `width` elements. Rows of `v` begin
/// `stride` elements apart.
pub fn add_values(weights: &[f32], v: &[f32], stride: usize, sums: &mut [f32], width: usize) {
    on_registers(Values { weights, v, stride, sums, width });
}

struct Values<'a> {
    weights: &'a [f32],
    v: &'a [f32],
    stride: usize,
    sums: &'a mut [f32],
    width: usize,
}

impl WithSimd for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Values { weights, v, stride, sums, width } = self;
        let count = v.len().div_ceil(stride);
        for (weights, sums) in weights.chunks(SHARED * count).zip(sums.chunks_mut(SHARED * width)) {
            if sums.len() == SHARED * width {
                added::<S, SHARED>(simd, weights, v, stride, sums, width);
            } else {
                for (weights, sums) in weights.chunks(count).zip(sums.chunks_mut(width)) {
                    added::<S, 1>(simd, weights, v, stride, sums, width);
                }
            }
        }
    }
}

/// Adds the weighted values to the sums of R rows. It processes as many columns at a time as fit two vector
/// registers, so that their sums stay in registers.
#[inline(always)]
fn added<S: Simd, const R: usize>(
    simd: S,
    weights: &[f32],
    v: &[f32],
    stride: usize,
    sums: &mut [f32],
    width: usize,
) {
    let count = weights.len() / R;
    let lanes = S::F32_LANES;
    let mut column = 0;
    while column + 2 * lanes <= width {
        let mut totals = [[simd.splat_f32s(0.0); 2]; R];
        for j in 0..count {
            let (values, _) = S::as_simd_f32s(&v[j * stride + column..][..2 * lanes]);
            for (r, totals) in totals.iter_mut().enumerate() {
                let weight = simd.splat_f32s(weights[r * count + j]);
                totals[0] = simd.mul_add_f32s(weight, values[0], totals[0]);
                totals[1] = simd.mul_add_f32s(weight, values[1], totals[1]);
            }
        }
        for (r, totals) in totals.iter().enumerate() {
            let (sums, _) = S::as_mut_simd_f32s(&mut sums[r * width + column..][..2 * lanes]);
            sums[0] = simd.add_f32s(sums[0], totals[0]);
            sums[1] = simd.add_f32s(sums[1], totals[1]);
        }
        column += 2 * lanes;
    }
    for r in 0..R {
        for j in 0..count {
            for at in column..width {
                sums[r * width + at] += weights[r * count + j] * v[j * stride + at];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(len: usize, modulus: usize) -> Vec<f32> {
        (0..len).map(|i| (i * 7 % modulus) as f32 - (modulus / 2) as f32).collect()
    }

    #[test]
    fn both_products_are_those_of_the_formula_for_any_number_of_rows_and_columns() {
        for (rows, count, dim, width, stride) in [
            (1, 3, 64, 64, 64),
            (4, 5, 128, 96, 96),
            (7, 2, 40, 72, 72),
            (16, 9, 576, 512, 576),
            (5, 4, 17, 3, 17),
        ] {
            let (q, k) = (whole(rows * dim, 5), whole(count * dim, 3));
            let mut found = vec![0.0; rows * count];
            scores(&q, &k, &mut found, dim);
            for (r, j) in (0..rows).flat_map(|r| (0..count).map(move |j| (r, j))) {
                let exact: f32 = (0..dim).map(|x| q[r * dim + x] * k[j * dim + x]).sum();
                assert_eq!(found[r * count + j], exact, "{rows} {count} {dim}");
            }
            let (weights, v) = (whole(rows * count, 5), whole(count * stride, 7));
            let mut sums = vec![1.0; rows * width];
            add_values(&weights, &v, stride, &mut sums, width);
            for (r, x) in (0..rows).flat_map(|r| (0..width).map(move |x| (r, x))) {
                let exact: f32 = (0..count).map(|j| weights[r * count + j] * v[j * stride + x]).sum();
                assert_eq!(sums[r * width + x], 1.0 + exact, "{rows} {width} {stride}");
            }
        }
    }
}
