// Attention forward, O = softmax(Q K^T / sqrt(d)) V, for GPUs: FlashAttention (Dao et al. 2022) with
// online softmax (Milakov and Gimelshein 2018).
//
// 4 d FLOP for each visible (query, key) pair. Reads K and V once for each workgroup, Q once, and
// writes O once; no buffer of scores.
// One workgroup takes TILE query rows of one kv head and walks over the keys 32 at a time. Eight
// invocations share 4 rows: each computes the scores of 4 rows and 4 keys (x, x + 8, x + 16,
// x + 24) and keeps every eighth vector of the accumulators of those rows. K and V take turns in one
// block of workgroup memory, whose rows are one vector longer than needed to spread over the banks.
// Blocks beyond the causal diagonal are never visited; tiles with most work come first.
// Bindings: 0 q, 1 k, 2 v, 3 o, all dense. Knobs: tile, the rows of a workgroup; threads, tile * 2.

{% include "attention/sizes.wgsl" %}
const TILE: u32 = {{ tile }}u;
const TILES: u32 = {{ tiles }}u;
const HEAD_ROWS: u32 = {{ head_rows }}u;
const STRIDE: u32 = D4 + 1u;
{% set columns = d4 // 8 %}

@group(0) @binding(0) var<storage, read> q: array<Stored>;
@group(0) @binding(1) var<storage, read> k: array<Stored>;
@group(0) @binding(2) var<storage, read> v: array<Stored>;
@group(0) @binding(3) var<storage, read_write> o: array<Stored>;

var<workgroup> q_tile: array<Stored, {{ tile * (d4 + 1) }}u>;
var<workgroup> kv_tile: array<Stored, {{ 32 * (d4 + 1) }}u>;
// Weights: vector x of a row belongs to keys x, x + 8, x + 16 and x + 24.
var<workgroup> weights: array<vec4<f32>, {{ tile * 9 }}u>;
// The largest score of each invocation in each row.
var<workgroup> tops: array<f32, {{ tile * 8 }}u>;

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
    for (var i = lane; i < TILE * D4; i += THREADS) {
        let row = kv_head * HEAD_ROWS + min(first + i / D4, HEAD_ROWS - 1u);
        q_tile[(i / D4) * STRIDE + i % D4] = q[row * D4 + i % D4];
    }
    let x = lane % 8u;
    let y = (lane / 8u) * 4u;
{% for r in range(4) %}
    let inside{{ r }} = first + y + {{ r }}u;
{% if causal %}
    let visible{{ r }} = KEYS - QUERIES + min(inside{{ r }}, HEAD_ROWS - 1u) % QUERIES + 1u;
{% endif %}
    var m{{ r }} = LOWEST;
    var l{{ r }} = vec4<f32>(0.0);
{% for c in range(columns) %}
    var o{{ r }}_{{ c }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
{% if causal %}
    // A tile that runs into the next query head may hold any query.
    let end = KEYS - QUERIES + min(first % QUERIES + TILE, QUERIES);
{% else %}
    let end = KEYS;
{% endif %}
    for (var key = 0u; key < end; key += 32u) {
        workgroupBarrier();
        for (var i = lane; i < 32u * D4; i += THREADS) {
            let at = kv_head * KEYS + min(key + i / D4, KEYS - 1u);
            kv_tile[(i / D4) * STRIDE + i % D4] = k[at * D4 + i % D4];
        }
        workgroupBarrier();
{% for r in range(4) %}
        var s{{ r }} = vec4<f32>(0.0);
{% endfor %}
        for (var i = 0u; i < D4; i++) {
{% for j in range(4) %}
            let k{{ j }} = vec4<f32>(kv_tile[(x + {{ 8 * j }}u) * STRIDE + i]);
{% endfor %}
{% for r in range(4) %}
            let q{{ r }} = vec4<f32>(q_tile[(y + {{ r }}u) * STRIDE + i]);
            s{{ r }} += vec4<f32>(dot(q{{ r }}, k0), dot(q{{ r }}, k1), dot(q{{ r }}, k2), dot(q{{ r }}, k3));
{% endfor %}
        }
        let keys_of_lane = vec4<u32>(key + x) + vec4<u32>(0u, 8u, 16u, 24u);
{% for r in range(4) %}
        s{{ r }} = select(vec4<f32>(LOWEST), SCALE * s{{ r }}, keys_of_lane < vec4<u32>({% if causal %}visible{{ r }}{% else %}KEYS{% endif %}));
        tops[(y + {{ r }}u) * 8u + x] = max(max(s{{ r }}.x, s{{ r }}.y), max(s{{ r }}.z, s{{ r }}.w));
{% endfor %}
        // All have read K and written their maxima.
        workgroupBarrier();
        for (var i = lane; i < 32u * D4; i += THREADS) {
            let at = kv_head * KEYS + min(key + i / D4, KEYS - 1u);
            kv_tile[(i / D4) * STRIDE + i % D4] = v[at * D4 + i % D4];
        }
{% for r in range(4) %}
        var top{{ r }} = m{{ r }};
{% for j in range(8) %}
        top{{ r }} = max(top{{ r }}, tops[(y + {{ r }}u) * 8u + {{ j }}u]);
{% endfor %}
        weights[(y + {{ r }}u) * 9u + x] = exp2(s{{ r }} - vec4<f32>(top{{ r }}));
        let keep{{ r }} = exp2(m{{ r }} - top{{ r }});
        m{{ r }} = top{{ r }};
        l{{ r }} *= keep{{ r }};
{% for c in range(columns) %}
        o{{ r }}_{{ c }} *= keep{{ r }};
{% endfor %}
{% endfor %}
        workgroupBarrier();
        for (var i = 0u; i < 8u; i++) {
{% for r in range(4) %}
            let p{{ r }} = weights[(y + {{ r }}u) * 9u + i];
            l{{ r }} += p{{ r }};
{% endfor %}
{% for c in range(columns) %}
{% for j in range(4) %}
            let v{{ c }}_{{ j }} = vec4<f32>(kv_tile[(i + {{ 8 * j }}u) * STRIDE + x + {{ 8 * c }}u]);
{% for r in range(4) %}
            o{{ r }}_{{ c }} += p{{ r }}.{{ "xyzw"[j] }} * v{{ c }}_{{ j }};
{% endfor %}
{% endfor %}
{% endfor %}
        }
    }
{% for r in range(4) %}
    if inside{{ r }} < HEAD_ROWS {
        let factor = 1.0 / ((l{{ r }}.x + l{{ r }}.y) + (l{{ r }}.z + l{{ r }}.w));
        let at = (kv_head * HEAD_ROWS + inside{{ r }}) * D4 + x;
{% for c in range(columns) %}
        o[at + {{ 8 * c }}u] = Stored(factor * o{{ r }}_{{ c }});
{% endfor %}
    }
{% endfor %}
}
