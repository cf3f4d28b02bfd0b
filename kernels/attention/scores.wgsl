// First of two passes of attention forward for drivers that run on a processor: S = Q K^T, and the
// largest score of each row in each tile.
//
// 2 d FLOP for each (query, key) pair of a tile that any of its rows sees; other tiles are not written.
// Q is read KEYS / (4 COLS) times, K HEAD_ROWS / (THREADS ROWS) times, S written once. A product of
// matrices for each kv head (its query heads are rows of one matrix), by the register tile of
// gemm/direct.wgsl: its loop is far shorter than one which keeps whole rows of Q and O, as
// FlashAttention does, and such drivers lose more by long texts than by S in memory. Scores of keys
// that a row does not see are LOWEST.
// Bindings: 0 a (Q), 1 b (K, 2 its scales), then S and the tops. Knobs: threads, the subgroup; rows of S
// of each lane; cols, vec4 columns of S of each workgroup; broadcast as in gemm/direct.wgsl; vcols of
// the second pass.

{% import "format.wgsl" as format %}
{% import "gemm/register_tile.wgsl" as tile %}
{% include "attention/sizes.wgsl" %}
{% set part = ["x", "y", "z", "w"] %}
const M: u32 = {{ head_rows }}u;
const N: u32 = KEYS;
const A_RUN: u32 = 4u * D4;
const B_RUN: u32 = 4u * D4;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ key_tiles }}u;
{% set masked = causal or window or keys % (4 * cols) != 0 %}

alias Vec = vec4<f32>;

{{ format.input(a, true, "f32") }}
{{ format.input(b, true, "f32") }}
@group(0) @binding({{ scores }}) var<storage, read_write> scores: array<vec4<f32>>;
@group(0) @binding({{ tops }}) var<storage, read_write> tops: array<f32>;
{{ format.multiply_add("f32") }}
{% include "attention/visible.wgsl" %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    let row_tile = index % ROW_TILES;
    let column_tile = index / ROW_TILES % COLUMN_TILES;
    let kv_head = index / (ROW_TILES * COLUMN_TILES);
    let span = tile_queries(row_tile * {{ rows }}u * THREADS, {{ rows }}u * THREADS);
    let column = column_tile * {{ 4 * cols }}u;
    if kv_head >= {{ kv_matrices }}u || column >= end_key(span.y) || column + {{ 4 * cols }}u <= first_key(span.x) {
        return;
    }
    let from_a = kv_head * M * A_RUN;
    let from_b = kv_head * N * B_RUN;
{{ tile.begin(rows, cols, threads, false, true, broadcast) -}}
{{ tile.multiply(rows, cols, threads, false, true, broadcast, "0u", "D4", false) -}}
{% for r in range(rows) %}
{% if masked %}
    let end{{ r }} = end_key(row{{ r }} % QUERIES);
{% if window %}
    let first{{ r }} = first_key(row{{ r }} % QUERIES);
{% endif %}
{% for q in range(cols) %}
    let keys{{ r }}_{{ q }} = vec4<u32>(column + {{ 4 * q }}u) + vec4<u32>(0u, 1u, 2u, 3u);
    c{{ r }}_{{ q }} = select(vec4<f32>(LOWEST), c{{ r }}_{{ q }}, keys{{ r }}_{{ q }} < vec4<u32>(end{{ r }}));
{% if window %}
    c{{ r }}_{{ q }} = select(vec4<f32>(LOWEST), c{{ r }}_{{ q }}, keys{{ r }}_{{ q }} >= vec4<u32>(first{{ r }}));
{% endif %}
{% endfor %}
{% endif %}
    if row{{ r }} < M {
        var top = c{{ r }}_0;
{% for q in range(1, cols) %}
        top = max(top, c{{ r }}_{{ q }});
{% endfor %}
        let at = kv_head * M + row{{ r }};
        tops[at * COLUMN_TILES + column_tile] = max(max(top.x, top.y), max(top.z, top.w));
{% for q in range(cols) %}
        if column + {{ 4 * q }}u < N {
            scores[at * (N / 4u) + column / 4u + {{ q }}u] = c{{ r }}_{{ q }};
        }
{% endfor %}
    }
{% endfor %}
}
