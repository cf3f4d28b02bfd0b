// Attention forward, O = softmax(Q K^T / sqrt(d)) V, for drivers that run on a processor.
//
// 4 d FLOP for each visible (query, key) pair. Reads K and V once for each workgroup, Q once, and
// writes O once; no buffer of scores, no workgroup memory and no barrier.
// FlashAttention (Dao et al. 2022) with online softmax (Milakov and Gimelshein 2018), turned so
// that every invocation owns whole query rows: addresses of K and V are uniform over the workgroup
// (a scalar load and a broadcast), q and the accumulator stay private. The running maximum moves
// once for each block of keys; blocks beyond the causal diagonal are never visited.
// Bindings: 0 q, 1 k, 2 v, 3 o, all dense.
// Knobs: threads, best one subgroup; per, the query rows of an invocation, THREADS apart; block,
// the keys between two moves of the maximum.

{% include "attention/sizes.wgsl" %}
const PER: u32 = {{ per }}u;
const BLOCK: u32 = {{ block }}u;
const TILES: u32 = {{ tiles }}u;
const HEAD_ROWS: u32 = {{ head_rows }}u;

@group(0) @binding(0) var<storage, read> q: array<Stored>;
@group(0) @binding(1) var<storage, read> k: array<Stored>;
@group(0) @binding(2) var<storage, read> v: array<Stored>;
@group(0) @binding(3) var<storage, read_write> o: array<Stored>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // A tile holds rows of one kv head: the query heads of a group lie one after the other.
    let number = group.y * groups.x + group.x;
    let kv_head = number / TILES;
    if kv_head >= ROWS / HEAD_ROWS {
        return;
    }
    let tile = {% if causal %}TILES - 1u - {% endif %}number % TILES;
{% for r in range(per) %}
    // Rows beyond the end repeat the last one and are not written.
    let inside{{ r }} = tile * THREADS * PER + {{ r }}u * THREADS + lane;
    let row{{ r }} = kv_head * HEAD_ROWS + min(inside{{ r }}, HEAD_ROWS - 1u);
{% if causal %}
    let visible{{ r }} = KEYS - QUERIES + row{{ r }} % QUERIES + 1u;
{% endif %}
    var m{{ r }} = LOWEST;
    var l{{ r }} = 0.0;
{% for i in range(d4) %}
    let q{{ r }}_{{ i }} = SCALE * vec4<f32>(q[row{{ r }} * D4 + {{ i }}u]);
    var o{{ r }}_{{ i }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
{% if causal %}
    // The last query of the tile sees most; a tile that runs into the next query head may hold
    // any query. Uniform, so that addresses in the loop stay uniform.
    let begin = (tile * THREADS * PER) % QUERIES;
    let end = KEYS - QUERIES + min(begin + THREADS * PER, QUERIES);
{% else %}
    let end = KEYS;
{% endif %}
    for (var key = 0u; key < end; key += BLOCK) {
{% for j in range(block) %}
        let at{{ j }} = (kv_head * KEYS + {% if keys % block == 0 %}key + {{ j }}u{% else %}min(key + {{ j }}u, KEYS - 1u){% endif %}) * D4;
{% for r in range(per) %}
        var s{{ r }}_{{ j }} = 0.0;
{% endfor %}
{% endfor %}
{% for i in range(d4) %}
{% for j in range(block) %}
        let k{{ j }}_{{ i }} = vec4<f32>(k[at{{ j }} + {{ i }}u]);
{% for r in range(per) %}
        s{{ r }}_{{ j }} += dot(q{{ r }}_{{ i }}, k{{ j }}_{{ i }});
{% endfor %}
{% endfor %}
{% endfor %}
{% for r in range(per) %}
{% if causal or keys % block != 0 %}
{% for j in range(block) %}
        s{{ r }}_{{ j }} = select(LOWEST, s{{ r }}_{{ j }}, key + {{ j }}u < {% if causal %}visible{{ r }}{% else %}KEYS{% endif %});
{% endfor %}
{% endif %}
        var top{{ r }} = m{{ r }};
{% for j in range(block) %}
        top{{ r }} = max(top{{ r }}, s{{ r }}_{{ j }});
{% endfor %}
        let keep{{ r }} = exp2(m{{ r }} - top{{ r }});
        m{{ r }} = top{{ r }};
        l{{ r }} *= keep{{ r }};
{% for j in range(block) %}
        let p{{ r }}_{{ j }} = exp2(s{{ r }}_{{ j }} - top{{ r }});
        l{{ r }} += p{{ r }}_{{ j }};
{% endfor %}
{% endfor %}
{% for i in range(d4) %}
{% for r in range(per) %}
        var t{{ r }}_{{ i }} = o{{ r }}_{{ i }} * keep{{ r }};
{% endfor %}
{% for j in range(block) %}
        let v{{ j }}_{{ i }} = vec4<f32>(v[at{{ j }} + {{ i }}u]);
{% for r in range(per) %}
        t{{ r }}_{{ i }} += p{{ r }}_{{ j }} * v{{ j }}_{{ i }};
{% endfor %}
{% endfor %}
{% for r in range(per) %}
        o{{ r }}_{{ i }} = t{{ r }}_{{ i }};
{% endfor %}
{% endfor %}
    }
{% for r in range(per) %}
    if inside{{ r }} < HEAD_ROWS {
        let factor = 1.0 / l{{ r }};
{% for i in range(d4) %}
        o[row{{ r }} * D4 + {{ i }}u] = Stored(factor * o{{ r }}_{{ i }});
{% endfor %}
    }
{% endfor %}
}
