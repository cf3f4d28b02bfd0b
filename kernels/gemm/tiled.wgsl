// C = op(A) op(B) in tiles: a workgroup copies a BM x BK tile of A and a BK x BN tile of B to
// workgroup memory, and each invocation accumulates a TM x TN tile of C in registers.
//
// 2 M N K FLOP; A is read from memory N / BN times, B M / BM times. Volkov and Demmel,
// "Benchmarking GPUs to tune dense linear algebra" (2008).
//
// Both tiles lie k-major, so that the inner product reads vec4s along M and N; a row is one vec4
// longer than needed to spread it over the memory's banks. An operand whose contiguous extent is a
// multiple of 4 is loaded as vec4, otherwise element by element; beyond the edge there are zeros.
//
// Bindings: 0 a, 1 b, 2 c. Knobs: bm, bn, bk; tm, tn (multiples of 4).

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
{% set part = ["x", "y", "z", "w"] %}
{% set tx = bn // tn %}
{% set ty = bm // tm %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
const K: u32 = {{ k }}u;
const THREADS: u32 = {{ tx * ty }}u;
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

{% macro load(name, vector, outer, inner) %}
// Four elements of {{ name }} along its contiguous extent; zeros beyond the edge.
fn edge_{{ name }}(from_element: u32, outer: u32, inner: u32) -> Vec {
    var value = Vec();
{% if vector %}
    if outer < {{ outer }} && inner < {{ inner }} {
        value = load4_{{ name }}((from_element + outer * {{ inner }} + inner) / 4u);
    }
{% else %}
    if outer < {{ outer }} {
        let first = from_element + outer * {{ inner }} + inner;
{% for s in part %}
        if inner + {{ loop.index0 }}u < {{ inner }} {
            value.{{ s }} = load1_{{ name }}(first + {{ loop.index0 }}u);
        }
{% endfor %}
    }
{% endif %}
    return value;
}
{% endmacro %}
{% if a_transposed %}
{{ load("a", a_vector, "K", "M") }}
{% else %}
{{ load("a", a_vector, "M", "K") }}
{% endif %}
{% if b_transposed %}
{{ load("b", b_vector, "N", "K") }}
{% else %}
{{ load("b", b_vector, "K", "N") }}
{% endif %}
{% macro fill(name, along_k, extent, first, stride) %}
        for (var i = lane; i < {{ extent * bk // 4 }}u; i += THREADS) {
{% if along_k %}
            let e = i / {{ bk // 4 }}u;
            let p = i % {{ bk // 4 }}u * 4u;
            let value = edge_{{ name }}(from_{{ name }}, {{ first }} + e, from_k + p);
            let at = p * {{ stride }} + e / 4u;
            let side = e % 4u;
{% for s in part %}
            tile_{{ name }}[at + {{ loop.index0 }}u * {{ stride }}][side] = value.{{ s }};
{% endfor %}
{% else %}
            let p = i / {{ extent // 4 }}u;
            let e = i % {{ extent // 4 }}u;
            tile_{{ name }}[p * {{ stride }} + e] = edge_{{ name }}(from_{{ name }}, from_k + p, {{ first }} + e * 4u);
{% endif %}
        }
{% endmacro %}
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    // Tiles beyond the end lie below the last row: they load zeros and store nothing.
    let member = index / (ROW_TILES * COLUMN_TILES);
    let first_row = select(M, index / COLUMN_TILES % ROW_TILES * {{ bm }}u, member < {{ batch }}u);
{% include "gemm/offsets.wgsl" %}
    let first_column = index % COLUMN_TILES * {{ bn }}u;
    let x = lane % {{ tx }}u;
    let y = lane / {{ tx }}u;
{% for r in range(tm) %}
{% for q in range(tn // 4) %}
    var c{{ r }}_{{ q }} = Vec();
{% endfor %}
{% endfor %}
    for (var from_k = 0u; from_k < K; from_k += {{ bk }}u) {
{{ fill("a", not a_transposed, bm, "first_row", "A_STRIDE") -}}
{{ fill("b", b_transposed, bn, "first_column", "B_STRIDE") }}
        workgroupBarrier();
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
{% if n % 4 == 0 %}
        if column{{ q }} < N {
            store4_c((from_c + row{{ r }} * N + column{{ q }}) / 4u, c{{ r }}_{{ q }});
        }
{% else %}
{% for s in part %}
        if column{{ q }} + {{ loop.index0 }}u < N {
            store1_c(from_c + row{{ r }} * N + column{{ q }} + {{ loop.index0 }}u, c{{ r }}_{{ q }}.{{ s }});
        }
{% endfor %}
{% endif %}
{% endfor %}
    }
{% endfor %}
}
