// Attention forward, O = softmax(Q K^T / sqrt(d)) V, for GPUs: FlashAttention (Dao et al. 2022) with
// online softmax (Milakov and Gimelshein 2018).
//
// 2 (d + dv) FLOP for each visible (query, key) pair. Reads K and V once for each workgroup, Q once
// (once for each 32 keys where it is staged in chunks), and writes O once; no buffer of scores.
// One workgroup takes TILE query rows of one kv head and walks over the keys 32 at a time. Eight
// invocations share PER rows: each computes the scores of these rows and 4 keys (x, x + 8, x + 16,
// x + 24) and keeps every eighth vector of the accumulators of those rows. K and V take turns in one
// block of workgroup memory, CHUNK vectors of each row at a time, and its rows are one vector longer
// than needed to spread over the banks. Blocks of keys that no row of the tile sees are not visited,
// only blocks at an edge are masked, and tiles with most work come first.
// Bindings: q, k (and its scales), v (and its scales), o, all dense.
// Knobs: tile, the rows of a workgroup; per, the rows of eight invocations; threads, 8 tile / per;
// chunk, the vectors of a row in workgroup memory; shuffle, 1 when the eight exchange their maxima by
// subgroup operations, for subgroups of at least eight, and 0 when through workgroup memory.

{% import "format.wgsl" as format %}
{% include "attention/sizes.wgsl" %}
const TILE: u32 = {{ tile }}u;
const TILES: u32 = {{ tiles }}u;
const HEAD_ROWS: u32 = {{ head_rows }}u;
const CHUNK: u32 = {{ chunk }}u;
const STRIDE: u32 = CHUNK + 1u;
{% set columns = value_d4 // 8 %}
{% set whole = chunk == d4 %}

alias Staged = vec4<{{ staged }}>;

{{ format.input(q, true, staged) }}
{{ format.input(k, true, staged) }}
{{ format.input(v, true, staged) }}
{{ format.output(o, true, "f32") }}
{% include "attention/visible.wgsl" %}

var<workgroup> q_tile: array<Staged, {{ tile * (chunk + 1) }}>;
var<workgroup> kv_tile: array<Staged, {{ 32 * (chunk + 1) }}>;
// Weights: vector x of a row belongs to keys x, x + 8, x + 16 and x + 24.
var<workgroup> weights: array<vec4<f32>, {{ tile * 9 }}>;
{% if not shuffle %}
// The largest score of each invocation in each row.
var<workgroup> tops: array<f32, {{ tile * 8 }}>;
{% endif %}

// Copies CHUNK vectors of each query row from vector `from_vector` of the row on.
fn stage_q(kv_head: u32, first: u32, from_vector: u32, lane: u32) {
    for (var i = lane; i < TILE * CHUNK; i += THREADS) {
        let row = kv_head * HEAD_ROWS + min(first + i / CHUNK, HEAD_ROWS - 1u);
        q_tile[(i / CHUNK) * STRIDE + i % CHUNK] = load4_q(row * D4 + from_vector + i % CHUNK);
    }
}

{% macro stage(name, width) %}
// The same of 32 rows of {{ name }}.
fn stage_{{ name }}(kv_head: u32, key: u32, from_vector: u32, lane: u32) {
    for (var i = lane; i < 32u * CHUNK; i += THREADS) {
        let row = kv_head * KEYS + min(key + i / CHUNK, KEYS - 1u);
        kv_tile[(i / CHUNK) * STRIDE + i % CHUNK] = load4_{{ name }}(row * {{ width }} + from_vector + i % CHUNK);
    }
}
{% endmacro %}
{{ stage("k", "D4") }}
{{ stage("v", "VALUE_D4") }}
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the end repeat the last one: control flow stays uniform for the barriers.
    let number = min(group.y * groups.x + group.x, {{ groups - 1 }}u);
    let kv_head = number / TILES;
    let tile = {% if causal %}TILES - 1u - {% endif %}number % TILES;
    let first = tile * TILE;
{% if whole %}
    stage_q(kv_head, first, 0u, lane);
{% endif %}
    let x = lane % 8u;
    let y = (lane / 8u) * {{ per }}u;
{% for r in range(per) %}
    let inside{{ r }} = first + y + {{ r }}u;
    let query{{ r }} = min(inside{{ r }}, HEAD_ROWS - 1u) % QUERIES;
    let end{{ r }} = end_key(query{{ r }});
{% if window %}
    let first{{ r }} = first_key(query{{ r }});
{% endif %}
    var m{{ r }} = LOWEST;
    var l{{ r }} = vec4<f32>(0.0);
{% for c in range(columns) %}
    var o{{ r }}_{{ c }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
    let span = tile_queries(first, TILE);
    let end = end_key(span.y);
    // All rows see the keys from inner_first to inner_end - 1.
    let inner_end = end_key(span.x);
{% if window %}
    let inner_first = first_key(span.y);
{% endif %}
    for (var key = first_key(span.x) / 32u * 32u; key < end; key += 32u) {
{% for r in range(per) %}
        var s{{ r }} = vec4<f32>(0.0);
{% endfor %}
        for (var from_vector = 0u; from_vector < D4; from_vector += CHUNK) {
            workgroupBarrier();
{% if not whole %}
            stage_q(kv_head, first, from_vector, lane);
{% endif %}
            stage_k(kv_head, key, from_vector, lane);
            workgroupBarrier();
            for (var i = 0u; i < CHUNK; i++) {
{% for j in range(4) %}
                let k{{ j }} = vec4<f32>(kv_tile[(x + {{ 8 * j }}u) * STRIDE + i]);
{% endfor %}
{% for r in range(per) %}
                let q{{ r }} = vec4<f32>(q_tile[(y + {{ r }}u) * STRIDE + i]);
                s{{ r }} += vec4<f32>(dot(q{{ r }}, k0), dot(q{{ r }}, k1), dot(q{{ r }}, k2), dot(q{{ r }}, k3));
{% endfor %}
            }
        }
{% for r in range(per) %}
        s{{ r }} *= SCALE;
{% endfor %}
        if key + 32u > inner_end{% if window %} || key < inner_first{% endif %} {
            let keys_of_lane = vec4<u32>(key + x) + vec4<u32>(0u, 8u, 16u, 24u);
{% for r in range(per) %}
            s{{ r }} = select(vec4<f32>(LOWEST), s{{ r }}, keys_of_lane < vec4<u32>(end{{ r }}));
{% if window %}
            s{{ r }} = select(vec4<f32>(LOWEST), s{{ r }}, keys_of_lane >= vec4<u32>(first{{ r }}));
{% endif %}
{% endfor %}
        }
{% for r in range(per) %}
        var top{{ r }} = max(max(s{{ r }}.x, s{{ r }}.y), max(s{{ r }}.z, s{{ r }}.w));
{% if shuffle %}
{% for step in [1, 2, 4] %}
        top{{ r }} = max(top{{ r }}, subgroupShuffleXor(top{{ r }}, {{ step }}u));
{% endfor %}
{% else %}
        tops[(y + {{ r }}u) * 8u + x] = top{{ r }};
{% endif %}
{% endfor %}
{% for part in range(value_d4 // chunk) %}
        // All have read what was staged before{% if part == 0 and not shuffle %} and written their maxima{% endif %}.
        workgroupBarrier();
        stage_v(kv_head, key, {{ part * chunk }}u, lane);
{% if part == 0 %}
{% for r in range(per) %}
{% if not shuffle %}
{% for j in range(8) %}
        top{{ r }} = max(top{{ r }}, tops[(y + {{ r }}u) * 8u + {{ j }}u]);
{% endfor %}
{% endif %}
        top{{ r }} = max(top{{ r }}, m{{ r }});
        weights[(y + {{ r }}u) * 9u + x] = exp2(s{{ r }} - vec4<f32>(top{{ r }}));
        let keep{{ r }} = exp2(m{{ r }} - top{{ r }});
        m{{ r }} = top{{ r }};
        l{{ r }} *= keep{{ r }};
{% for c in range(columns) %}
        o{{ r }}_{{ c }} *= keep{{ r }};
{% endfor %}
{% endfor %}
{% endif %}
        workgroupBarrier();
        for (var i = 0u; i < 8u; i++) {
{% for r in range(per) %}
            let p{{ r }} = weights[(y + {{ r }}u) * 9u + i];
{% if part == 0 %}
            l{{ r }} += p{{ r }};
{% endif %}
{% endfor %}
{% for c in range(chunk // 8) %}
{% for j in range(4) %}
            let v{{ c }}_{{ j }} = vec4<f32>(kv_tile[(i + {{ 8 * j }}u) * STRIDE + x + {{ 8 * c }}u]);
{% for r in range(per) %}
            o{{ r }}_{{ part * (chunk // 8) + c }} += p{{ r }}.{{ "xyzw"[j] }} * v{{ c }}_{{ j }};
{% endfor %}
{% endfor %}
{% endfor %}
        }
{% endfor %}
    }
{% for r in range(per) %}
    if inside{{ r }} < HEAD_ROWS {
        let factor = 1.0 / ((l{{ r }}.x + l{{ r }}.y) + (l{{ r }}.z + l{{ r }}.w));
        let at = (kv_head * HEAD_ROWS + inside{{ r }}) * VALUE_D4 + x;
{% for c in range(columns) %}
        store4_o(at + {{ 8 * c }}u, factor * o{{ r }}_{{ c }});
{% endfor %}
    }
{% endfor %}
}
