// Second of two passes of attention forward for drivers that run on a processor: O = P V / l, with
// weights P = exp2(S - m) made as the scores of attention/scores.wgsl are loaded.
//
// 2 dv FLOP for each (query, key) pair of a tile that any of its rows sees. S is read DV / (4 VCOLS)
// times, V HEAD_ROWS / (THREADS ROWS) times, O written once. The register tile of gemm/direct.wgsl; m is
// the largest of the tops of a row, l the sum of its weights.
// Bindings: 0 a (S), 1 the tops, 2 b (V, 3 its scales), then o. Knobs: as for the first pass.

{% import "format.wgsl" as format %}
{% import "gemm/register_tile.wgsl" as tile %}
{% include "attention/sizes.wgsl" %}
const M: u32 = {{ head_rows }}u;
const N: u32 = 4u * VALUE_D4;
const A_RUN: u32 = KEYS;
const B_RUN: u32 = N;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ value_tiles }}u;
// Tiles of keys of the first pass, and the vec4s of one.
const KEY_TILES: u32 = {{ key_tiles }}u;
const KEY_TILE4: u32 = {{ cols }}u;

alias Vec = vec4<f32>;

{{ format.input(a, true, "f32") }}
@group(0) @binding(1) var<storage, read> tops: array<f32>;
{{ format.input(b, true, "f32") }}
{{ format.output(o, true, "f32") }}
{{ format.multiply_add("f32") }}
{% include "attention/visible.wgsl" %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    let kv_head = index / (ROW_TILES * COLUMN_TILES);
    if kv_head >= {{ kv_matrices }}u {
        return;
    }
    let row_tile = {% if causal %}ROW_TILES - 1u - {% endif %}index / COLUMN_TILES % ROW_TILES;
    let column = index % COLUMN_TILES * {{ 4 * vcols }}u;
    let span = tile_queries(row_tile * {{ rows }}u * THREADS, {{ rows }}u * THREADS);
    let first_tile = first_key(span.x) / (4u * KEY_TILE4);
    let end_tile = (end_key(span.y) - 1u) / (4u * KEY_TILE4) + 1u;
    let from_a = kv_head * M * A_RUN;
    let from_b = kv_head * KEYS * B_RUN;
{{ tile.begin(rows, vcols, threads, false, false, broadcast) -}}
{% for r in range(rows) %}
    var m{{ r }} = LOWEST;
    var l{{ r }} = Vec();
    let tops{{ r }} = (kv_head * M + min(row{{ r }}, M - 1u)) * KEY_TILES;
{% endfor %}
    for (var t = first_tile; t < end_tile; t++) {
{% for r in range(rows) %}
        m{{ r }} = max(m{{ r }}, tops[tops{{ r }} + t]);
{% endfor %}
    }
    let end = min(end_tile * KEY_TILE4, KEYS / 4u);
{{ tile.multiply(rows, vcols, threads, false, false, broadcast, "first_tile * KEY_TILE4", "end", true) -}}
{% for r in range(rows) %}
    if row{{ r }} < M {
        let factor = 1.0 / ((l{{ r }}.x + l{{ r }}.y) + (l{{ r }}.z + l{{ r }}.w));
        let to = (kv_head * M + row{{ r }}) * VALUE_D4 + column / 4u;
{% for q in range(vcols) %}
        if column + {{ 4 * q }}u < N {
            store4_o(to + {{ q }}u, factor * c{{ r }}_{{ q }});
        }
{% endfor %}
    }
{% endfor %}
}
