// C = op(A) op(B) in tiles: a workgroup copies a BM x BK tile of A and a BK x BN tile of B to
// workgroup memory, and each invocation accumulates a TM x TN tile of C in registers.
//
// 2 M N K FLOP; A is read from memory N / BN times, B M / BM times. Volkov and Demmel,
// "Benchmarking GPUs to tune dense linear algebra" (2008).
//
// Both tiles lie k-major, so that the inner product reads vec4s along M and N; a row is one vec4
// longer than needed to spread it over the memory's banks. An operand whose contiguous extent is a
// multiple of 4 is loaded as vec4, otherwise element by element; beyond the edge there are zeros.
// With prefetch the next tiles wait in registers while the present ones are multiplied: their way
// from memory is hidden even where few workgroups share a compute unit.
//
// Where tiles are too few to fill a GPU, k is split: each part computes a C of its own in f32 (i32 for
// integers), 8 split M N bytes more that are written and read, and reduce.wgsl adds them up.
//
// Bindings: a, b (and its scales), then c or the partial sums. Knobs: bm, bn, bk; tm, tn (all multiples
// of 4); prefetch; order, the rows of tiles whose tiles follow one another; split, the parts of k.

{% import "format.wgsl" as format %}
{% import "gemm/stage.wgsl" as stage %}
{% if enable_f16 %}
enable f16;

{% endif %}
{% set part = ["x", "y", "z", "w"] %}
{% set tx = bn // tn %}
{% set ty = bm // tm %}
{% set threads = tx * ty %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;
const THREADS: u32 = {{ threads }}u;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;
// vec4s between two rows of a tile in workgroup memory.
const A_STRIDE: u32 = {{ bm // 4 + 1 }}u;
const B_STRIDE: u32 = {{ bn // 4 + 1 }}u;

alias Vec = vec4<{{ value }}>;

{{ format.input(a, a_vector, value) }}
{{ format.input(b, b_vector, value) }}
{{ format.output(c, c_vector, value) }}
{{ format.multiply_add(value) }}
var<workgroup> tile_a: array<Vec, {{ bk * (bm // 4 + 1) }}>;
var<workgroup> tile_b: array<Vec, {{ bk * (bn // 4 + 1) }}>;

{{ stage.edge_load("a", a_vector, whole_a, "K" if a_transposed else "M", "M" if a_transposed else "K") }}
{{ stage.edge_load("b", b_vector, whole_b, "N" if b_transposed else "K", "K" if b_transposed else "N") }}
{# Extents of a tile as it lies in storage. #}
{% set a_outer, a_inner = (bk, bm) if a_transposed else (bm, bk) %}
{% set b_outer, b_inner = (bn, bk) if b_transposed else (bk, bn) %}
{% macro fetch_both(from_k) %}
{{ stage.fetch("a", a_outer, a_inner, threads, 1, from_k if a_transposed else "first_row", "first_row" if a_transposed else from_k) -}}
{{ stage.fetch("b", b_outer, b_inner, threads, 1, "first_column" if b_transposed else from_k, from_k if b_transposed else "first_column") -}}
{% endmacro %}
{# A tile that lies along k is turned round on its way to workgroup memory. #}
{% macro fill(name, along_k, outer, inner, stride) %}
{% for t in range(stage.turns(outer, inner, threads, 1)|int) %}
{{ stage.open(t, outer, inner, threads, 1) -}}
{% if along_k %}
            let e = unit / {{ bk // 4 }}u;
            let at = unit % {{ bk // 4 }}u * 4u * {{ stride }} + e / 4u;
            let side = e % 4u;
{% for s in part %}
            tile_{{ name }}[at + {{ loop.index0 }}u * {{ stride }}][side] = {{ name }}{{ t }}_0.{{ s }};
{% endfor %}
{% else %}
            tile_{{ name }}[unit / {{ inner // 4 }}u * {{ stride }} + unit % {{ inner // 4 }}u] = {{ name }}{{ t }}_0;
{% endif %}
        }
{% endfor %}
{% endmacro %}
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
{% include "gemm/order.wgsl" %}
    let x = lane % {{ tx }}u;
    let y = lane / {{ tx }}u;
{% for r in range(tm) %}
{% for q in range(tn // 4) %}
    var c{{ r }}_{{ q }} = Vec();
{% endfor %}
{% endfor %}
{{ stage.declare("a", a_outer, a_inner, threads, 1) -}}
{{ stage.declare("b", b_outer, b_inner, threads, 1) -}}
{% if prefetch %}
{{ fetch_both("first_k") -}}
{% endif %}
    for (var from_k = first_k; from_k < end_k; from_k += {{ bk }}u) {
{% if not prefetch %}
{{ fetch_both("from_k") -}}
{% endif %}
{{ fill("a", not a_transposed, a_outer, a_inner, "A_STRIDE") -}}
{{ fill("b", b_transposed, b_outer, b_inner, "B_STRIDE") }}
        workgroupBarrier();
{% if prefetch %}
        let next_k = from_k + {{ bk }}u;
        if next_k < end_k {
{{ fetch_both("next_k") }}
        }
{% endif %}
{% for p in range(bk) %}
        {
{% for r in range(tm // 4) %}
            let a{{ r }} = tile_a[{{ p }}u * A_STRIDE + {{ r * ty }}u + y];
{% endfor %}
{% for q in range(tn // 4) %}
            let b{{ q }} = tile_b[{{ p }}u * B_STRIDE + {{ q * tx }}u + x];
{% for r in range(tm) %}
            c{{ r }}_{{ q }} = multiply_add(a{{ r // 4 }}.{{ part[r % 4] }}, b{{ q }}, c{{ r }}_{{ q }});
{% endfor %}
{% endfor %}
        }
{% endfor %}
        workgroupBarrier();
    }
{% for r in range(tm) %}
    let row{{ r }} = first_row + ({{ r // 4 * ty }}u + y) * 4u + {{ r % 4 }}u;
    if row{{ r }} < M {
{% for q in range(tn // 4) %}
        let column{{ q }} = first_column + ({{ q * tx }}u + x) * 4u;
{% if c_vector %}
        if column{{ q }} < N {
            store4_c((to_c + row{{ r }} * N + column{{ q }}) / 4u, c{{ r }}_{{ q }});
        }
{% else %}
{% for s in part %}
        if column{{ q }} + {{ loop.index0 }}u < N {
            store1_c(to_c + row{{ r }} * N + column{{ q }} + {{ loop.index0 }}u, c{{ r }}_{{ q }}.{{ s }});
        }
{% endfor %}
{% endif %}
{% endfor %}
    }
{% endfor %}
}
