// C = A B^T of 8-bit integers by packed dot products, in tiles of workgroup memory, for GPUs.
//
// 2 M N K OP, eight for each dot4I8Packed: both operands run along K, four elements to a word. As in
// tiled.wgsl a workgroup copies a BM x BK tile of A and a BN x BK tile of B to workgroup memory, and
// each invocation accumulates a TM x TN tile of C; A is read N / BN times, B M / BM times.
//
// Tiles lie k-major in words, so that the inner loop reads vec4s along M and N; a row is one vec4
// longer than needed to spread it over the memory's banks. Needs K % 4 == 0; where K % 16 == 0 four
// words are loaded at once. Beyond the edge there are zeros.
//
// Bindings: 0 a (M x K), 1 b (N x K), 2 c (M x N, i32). Knobs: bm, bn; bk, in words and a multiple of
// 4; tm, tn (multiples of 4); words of a load, 4 or 1.

{% set part = ["x", "y", "z", "w"] %}
{% set tx = bn // tn %}
{% set ty = bm // tm %}
{% set held = "vec4<u32>" if words == 4 else "u32" %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;
// Loads of one row of A or B.
const LOADS: u32 = {{ k // (4 * words) }}u;
const THREADS: u32 = {{ tx * ty }}u;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;
// vec4s between two rows of a tile in workgroup memory.
const A_STRIDE: u32 = {{ bm // 4 + 1 }}u;
const B_STRIDE: u32 = {{ bn // 4 + 1 }}u;

@group(0) @binding(0) var<storage, read> a: array<{{ held }}>;
@group(0) @binding(1) var<storage, read> b: array<{{ held }}>;
@group(0) @binding(2) var<storage, read_write> c: array<i32>;

var<workgroup> tile_a: array<vec4<u32>, {{ bk * (bm // 4 + 1) }}>;
var<workgroup> tile_b: array<vec4<u32>, {{ bk * (bn // 4 + 1) }}>;

{% macro fill(name, extent, first, end, stride) %}
        for (var i = lane; i < {{ extent * bk // words }}u; i += THREADS) {
            let e = i / {{ bk // words }}u;
            let q = i % {{ bk // words }}u;
            var load = {{ held }}();
            if {{ first }} + e < {{ end }} && from_load + q < LOADS {
                load = {{ name }}[(from_{{ name }} + {{ first }} + e) * LOADS + from_load + q];
            }
{% for i in range(words) %}
            tile_{{ name }}[(q * {{ words }}u + {{ i }}u) * {{ stride }} + e / 4u][e % 4u] = load{% if words == 4 %}.{{ part[i] }}{% endif %};
{% endfor %}
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
    let first_column = index % COLUMN_TILES * {{ bn }}u;
    let from_a = member * M;
    let from_b = member * N;
    let x = lane % {{ tx }}u;
    let y = lane / {{ tx }}u;
{% for r in range(tm) %}
{% for q in range(tn // 4) %}
    var c{{ r }}_{{ q }} = vec4<i32>();
{% endfor %}
{% endfor %}
    for (var from_load = 0u; from_load < LOADS; from_load += {{ bk // words }}u) {
{{ fill("a", bm, "first_row", "M", "A_STRIDE") -}}
{{ fill("b", bn, "first_column", "N", "B_STRIDE") }}
        workgroupBarrier();
        for (var p = 0u; p < {{ bk }}u; p++) {
{% for r in range(tm // 4) %}
            let a{{ r }} = tile_a[p * A_STRIDE + {{ r * ty }}u + y];
{% endfor %}
{% for q in range(tn // 4) %}
            let b{{ q }} = tile_b[p * B_STRIDE + {{ q * tx }}u + x];
{% for r in range(tm) %}
{% set left = "a" ~ (r // 4) ~ "." ~ part[r % 4] %}
            c{{ r }}_{{ q }} += vec4<i32>(
{% for s in part %}
                dot4I8Packed({{ left }}, b{{ q }}.{{ s }}),
{% endfor %}
            );
{% endfor %}
{% endfor %}
        }
        workgroupBarrier();
    }
{% for r in range(tm) %}
    let row{{ r }} = first_row + ({{ r // 4 * ty }}u + y) * 4u + {{ r % 4 }}u;
    if row{{ r }} < M {
{% for q in range(tn // 4) %}
        let column{{ q }} = first_column + ({{ q * tx }}u + x) * 4u;
{% for s in part %}
        if column{{ q }} + {{ loop.index0 }}u < N {
            c[(from_a + row{{ r }}) * N + column{{ q }} + {{ loop.index0 }}u] = c{{ r }}_{{ q }}.{{ s }};
        }
{% endfor %}
{% endfor %}
    }
{% endfor %}
}
