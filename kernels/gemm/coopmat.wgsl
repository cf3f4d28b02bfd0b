// C = op(A) op(B) on the matrix unit: a workgroup is a grid of SGM x SGN subgroups, and each of them
// keeps a grid of GM x GN square matrices of C as accumulators.
//
// 2 M N K FLOP; A is read from memory N / BN times, B M / BM times, with BM = SGM GM EDGE and
// BN = SGN GN EDGE. Blocking as in Markidis et al., "NVIDIA tensor core programmability, performance
// and precision" (2018); the next tiles wait in registers while the present ones are multiplied.
//
// Staged: tiles of A and B go through workgroup memory in the element format of the unit, whatever
// format they have in storage, and lie there as they do in storage: the unit reads rows or columns.
// Turned: tiles lie along k in any case, as units want it that take the elements of a lane from there
// (AMD). A row is 16 bytes longer than needed, which spreads it over the banks and keeps it aligned.
// Beyond the edge there are zeros, so that control flow stays uniform as matrices need it.
// Straight: matrices are read from storage; subgroups at the edge move inwards and compute again
// what their neighbours do, which takes m >= GM EDGE, n >= GN EDGE and k % EDGE == 0.
//
// A matrix cannot be converted: where C has not the accumulator's format, or ends inside a tile, the
// results go to C through a strip of workgroup memory.
//
// Where tiles are too few to fill a GPU, k is split: each part computes a C of its own in f32, and
// reduce.wgsl adds them up.
//
// With a table of tiles, the rows of a tile are those of one expert, which has a B of its own (moe).
//
// Bindings: 0 a, 1 b (2 its scales), then c or the partial sums, then the table. Knobs: edge; sgm, sgn; gm, gn;
// threads; order, the rows of tiles whose tiles follow one another; flat: workgroup memory holds
// scalars, because matrices come through pointers to elements (Metal); staged: bk, the elements of k in
// workgroup memory (a multiple of edge and of 8); prefetch; turn; split, the parts of k.

{% import "format.wgsl" as format %}
{% import "gemm/matrix_memory.wgsl" as memory %}
{% import "gemm/stage.wgsl" as stage %}
enable wgpu_cooperative_matrix;
{% if enable_f16 %}
enable f16;
{% endif %}

{% set part = ["x", "y", "z", "w"] %}
{% set subgroups = sgm * sgn %}
{% set bm = sgm * gm * edge %}
{% set bn = sgn * gn * edge %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;
const EDGE: u32 = {{ edge }}u;
const THREADS: u32 = {{ threads }}u;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;

alias Vec = vec4<{{ element }}>;
alias Left = coop_mat{{ edge }}x{{ edge }}<{{ element }}, A>;
alias Right = coop_mat{{ edge }}x{{ edge }}<{{ element }}, B>;
alias Sum = coop_mat{{ edge }}x{{ edge }}<{{ accumulate }}, C>;

{% set vector_a = staged and a_vector %}
{% set vector_b = staged and b_vector %}
{% if "wide" in [a_run, b_run] %}
{{ stage.eight() -}}
{% endif %}
{% if a_run == "wide" %}
@group(0) @binding({{ a.binding }}) var<storage, read> a: array<Eight>;
{% else %}
{{ format.input(a, vector_a, element) -}}
{% endif %}
{% if b_run == "wide" %}
@group(0) @binding({{ b.binding }}) var<storage, read> b: array<Eight>;
{% else %}
{{ format.input(b, vector_b, element) -}}
{% endif %}
{{ format.output(c, c_vector and not stores_matrices, accumulate) -}}
{% if table %}
// Expert, first row and end of each tile of rows.
@group(0) @binding({{ table }}) var<storage, read> tiles: array<u32>;
{% endif %}
{# Extents of a tile as it lies in storage and in workgroup memory. #}
{% set pad = 16 // (4 * element_bytes) %}
{% set a_outer, a_inner = (bk, bm) if a_transposed else (bm, bk) %}
{% set b_outer, b_inner = (bn, bk) if b_transposed else (bk, bn) %}
{% set a_columns = a_transposed and a_run != "turned" %}
{% set b_rows = not b_transposed and b_run != "turned" %}
{% set a_row = bm if a_columns else bk %}
{% set b_row = bn if b_rows else bk %}
{% macro at(index) %}{{ memory.at(index, flat) }}{% endmacro %}
{% if staged %}
// vec4s between two rows of a tile in workgroup memory.
const A_STRIDE: u32 = {{ a_row // 4 + pad }}u;
const B_STRIDE: u32 = {{ b_row // 4 + pad }}u;

{{ memory.declare("tile_a", element, (bk if a_columns else bm) * (a_row // 4 + pad), flat) -}}
{{ memory.declare("tile_b", element, (bk if b_rows else bn) * (b_row // 4 + pad), flat) }}
{% for name, run, vector, whole, outer, inner in [
    ("a", a_run, vector_a, whole_a, "K" if a_transposed else "M", "M" if a_transposed else "K"),
    ("b", b_run, vector_b, whole_b, "N" if b_transposed else "K", "K" if b_transposed else "N"),
] %}
{% if run == "wide" %}
{{ stage.wide_load(name, whole, outer, inner) -}}
{% else %}
{{ stage.edge_load(name, vector, whole, outer, inner) -}}
{% endif %}
{% endfor %}
{% endif %}
{# The lanes share runs of eight elements, 16 bytes of f16, or blocks of four by four. #}
{% macro fill(name, outer, inner, run) %}
{% for t in range(stage.turns(outer, inner, threads, run)|int) %}
{{ stage.open(t, outer, inner, threads, run) -}}
{{ memory.write("tile_" ~ name, name ~ t ~ "_", outer, inner, run, name|upper ~ "_STRIDE") -}}
        }
{% endfor %}
{% endmacro %}
{% macro fetch_both(from_k) %}
{{ stage.fetch("a", a_outer, a_inner, threads, a_run, from_k if a_transposed else "first_row", "first_row" if a_transposed else from_k) -}}
{{ stage.fetch("b", b_outer, b_inner, threads, b_run, "first_column" if b_transposed else from_k, from_k if b_transposed else "first_column") -}}
{% endmacro %}
{% if not stores_matrices %}
{# Columns of a strip, and vec4s between two of its rows. #}
{% set strip = hop * edge %}
{% set strip_stride = strip // 4 + (16 // (4 * accumulate_bytes)) %}
const STRIP_STRIDE: u32 = {{ strip_stride }}u;
// A strip of each subgroup.
{{ memory.declare("strips", accumulate, subgroups * edge * strip_stride, flat) -}}

{% endif %}
// First row and column of C of subgroup s of a workgroup.
fn row_of(first: u32, s: u32) -> u32 {
    let row = first + s / {{ sgn }}u * {{ gm * edge }}u;
    return {% if staged %}row{% else %}min(row, M - {{ gm * edge }}u){% endif %};
}
fn column_of(first: u32, s: u32) -> u32 {
    let column = first + s % {{ sgn }}u * {{ gn * edge }}u;
    return {% if staged %}column{% else %}min(column, N - {{ gn * edge }}u){% endif %};
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
{% if subgroups > 1 %}
    @builtin(subgroup_id) own: u32,
{% endif %}
) {
{% if subgroups == 1 %}
    const own = 0u;
{% endif %}
{% if table %}
{% include "moe/order.wgsl" %}
{% else %}
{% include "gemm/order.wgsl" %}
    const end_row = M;
{% endif %}
{% for i in range(gm) %}
{% for j in range(gn) %}
    var c{{ i }}_{{ j }} = Sum();
{% endfor %}
{% endfor %}
{% if staged %}
    // Where this subgroup's matrices start in the tiles.
    let sub_row = own / {{ sgn }}u * {{ gm * edge }}u;
    let sub_column = own % {{ sgn }}u * {{ gn * edge }}u;
{{ stage.declare("a", a_outer, a_inner, threads, a_run) -}}
{{ stage.declare("b", b_outer, b_inner, threads, b_run) -}}
{% if prefetch %}
{{ fetch_both("first_k") -}}
{% endif %}
    for (var from_k = first_k; from_k < end_k; from_k += {{ bk }}u) {
{% if not prefetch %}
{{ fetch_both("from_k") -}}
{% endif %}
{{ fill("a", a_outer, a_inner, a_run) -}}
{{ fill("b", b_outer, b_inner, b_run) }}
        workgroupBarrier();
{% if prefetch %}
        let next_k = from_k + {{ bk }}u;
        if next_k < end_k {
{{ fetch_both("next_k") }}
        }
{% endif %}
{% for step in range(bk // edge) %}
        {
{% for i in range(gm) %}
{% if a_columns %}
            let x{{ i }} = coopLoad<Left>(&tile_a[{{ at((step * edge) ~ "u * A_STRIDE + (sub_row + " ~ (i * edge) ~ "u) / 4u") }}], {{ at("A_STRIDE") }});
{% else %}
            let x{{ i }} = coopLoadT<Left>(&tile_a[{{ at("(sub_row + " ~ (i * edge) ~ "u) * A_STRIDE + " ~ (step * edge // 4) ~ "u") }}], {{ at("A_STRIDE") }});
{% endif %}
{% endfor %}
{% for j in range(gn) %}
{% if b_rows %}
            let y{{ j }} = coopLoadT<Right>(&tile_b[{{ at((step * edge) ~ "u * B_STRIDE + (sub_column + " ~ (j * edge) ~ "u) / 4u") }}], {{ at("B_STRIDE") }});
{% else %}
            let y{{ j }} = coopLoad<Right>(&tile_b[{{ at("(sub_column + " ~ (j * edge) ~ "u) * B_STRIDE + " ~ (step * edge // 4) ~ "u") }}], {{ at("B_STRIDE") }});
{% endif %}
{% for i in range(gm) %}
            c{{ i }}_{{ j }} = coopMultiplyAdd(x{{ i }}, y{{ j }}, c{{ i }}_{{ j }});
{% endfor %}
{% endfor %}
        }
{% endfor %}
        workgroupBarrier();
    }
{% else %}
    let row = row_of(first_row, own);
    let column = column_of(first_column, own);
    for (var p = 0u; p < K; p += EDGE) {
{% for i in range(gm) %}
{% if a_transposed %}
        let x{{ i }} = coopLoad<Left>(&a[from_a + p * M + row + {{ i * edge }}u], M);
{% else %}
        let x{{ i }} = coopLoadT<Left>(&a[from_a + (row + {{ i * edge }}u) * K + p], K);
{% endif %}
{% endfor %}
{% for j in range(gn) %}
{% if b_transposed %}
        let y{{ j }} = coopLoad<Right>(&b[from_b + (column + {{ j * edge }}u) * K + p], K);
{% else %}
        let y{{ j }} = coopLoadT<Right>(&b[from_b + p * N + column + {{ j * edge }}u], N);
{% endif %}
{% for i in range(gm) %}
        c{{ i }}_{{ j }} = coopMultiplyAdd(x{{ i }}, y{{ j }}, c{{ i }}_{{ j }});
{% endfor %}
{% endfor %}
    }
{% endif %}
{% if stores_matrices %}
    let to = to_c + row_of(first_row, own) * N + column_of(first_column, own);
    let stride = N;
{% for i in range(gm) %}
{% for j in range(gn) %}
    let to{{ i }}_{{ j }} = to + {{ i * edge }}u * N + {{ j * edge }}u;
    coopStoreT(c{{ i }}_{{ j }}, &c[to{{ i }}_{{ j }}], stride);
{% endfor %}
{% endfor %}
{% else %}
    let strip_at = {{ at("own * EDGE * STRIP_STRIDE") }};
    let strip_stride = {{ at("STRIP_STRIDE") }};
{% for i in range(gm) %}
{% for h in range(gn // hop) %}
{% if i + h > 0 %}
    workgroupBarrier();
{% endif %}
{% for j in range(hop) %}
    let at{{ i }}_{{ h * hop + j }} = strip_at + {{ j * edge if flat else j * edge // 4 }}u;
    coopStoreT(c{{ i }}_{{ h * hop + j }}, &strips[at{{ i }}_{{ h * hop + j }}], strip_stride);
{% endfor %}
    workgroupBarrier();
    for (var unit = lane; unit < {{ subgroups * edge * strip // 4 }}u; unit += THREADS) {
        let s = unit / {{ edge * strip // 4 }}u;
        let r = unit / {{ strip // 4 }}u % EDGE;
        let q = unit % {{ strip // 4 }}u;
        let row = row_of(first_row, s) + {{ i * edge }}u + r;
        let column = column_of(first_column, s) + {{ h * strip }}u + 4u * q;
        let value = get_strips((s * EDGE + r) * STRIP_STRIDE + q);
{% if c_vector %}
        if row < end_row && column < N {
            store4_c((to_c + row * N + column) / 4u, value);
        }
{% else %}
        if row < end_row {
{% for s in part %}
            if column + {{ loop.index0 }}u < N {
                store1_c(to_c + row * N + column + {{ loop.index0 }}u, value.{{ s }});
            }
{% endfor %}
        }
{% endif %}
    }
{% endfor %}
{% endfor %}
{% endif %}
}
