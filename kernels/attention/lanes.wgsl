// First step of a decode step of attention for drivers that run on a processor: partial results
// over parts of the keys (Flash-Decoding, Dao et al. 2023).
//
// 4 d FLOP for each (query row, key) pair. Reads K and V once for each ROWS_PER query rows that
// share a kv head; writes d + 2 words of partial result for each row and part.
// Every invocation owns a part: keys THREADS apart, its own running maximum m, sum l (Milakov and
// Gimelshein 2018) and accumulator. No barrier and no exchange between invocations.
// Bindings: 0 q, 1 k, 2 v, 3 partial sums (f32, not divided by l), 4 pairs (m, l).
// Knobs: threads, best one subgroup; span, the keys of a part; pack, the query rows of an
// invocation; block, the keys between two moves of the maximum.

{% include "attention/sizes.wgsl" %}
const SPAN: u32 = {{ span }}u;
const PARTS: u32 = {{ parts }}u;
const PACKS: u32 = {{ packs }}u;
const BLOCKS_OF_KEYS: u32 = {{ parts // threads }}u;

@group(0) @binding(0) var<storage, read> q: array<Stored>;
@group(0) @binding(1) var<storage, read> k: array<Stored>;
@group(0) @binding(2) var<storage, read> v: array<Stored>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> states: array<vec2<f32>>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = group.y * groups.x + group.x;
    let part = (number % BLOCKS_OF_KEYS) * THREADS + lane;
    let first = (number % BLOCKS_OF_KEYS) * THREADS * SPAN + lane;
    let pack = (number / BLOCKS_OF_KEYS) % PACKS;
    let kv_head = number / (BLOCKS_OF_KEYS * PACKS);
    if kv_head * GROUP >= ROWS {
        return;
    }
    // A step with one query has a row for each query head.
    let row = kv_head * GROUP + pack * {{ pack }}u;
{% for r in range(pack) %}
    var m{{ r }} = LOWEST;
    var l{{ r }} = 0.0;
{% for i in range(d4) %}
    let q{{ r }}_{{ i }} = SCALE * vec4<f32>(q[(row + {{ r }}u) * D4 + {{ i }}u]);
    var o{{ r }}_{{ i }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
    for (var j = 0u; j < SPAN; j += {{ block }}u) {
{% for j in range(block) %}
        let key{{ j }} = first + (j + {{ j }}u) * THREADS;
        let at{{ j }} = (kv_head * KEYS + min(key{{ j }}, KEYS - 1u)) * D4;
{% for r in range(pack) %}
        var s{{ r }}_{{ j }} = 0.0;
{% endfor %}
{% for i in range(d4) %}
        let k{{ j }}_{{ i }} = vec4<f32>(k[at{{ j }} + {{ i }}u]);
{% for r in range(pack) %}
        s{{ r }}_{{ j }} += dot(q{{ r }}_{{ i }}, k{{ j }}_{{ i }});
{% endfor %}
{% endfor %}
{% endfor %}
{% for r in range(pack) %}
        var top{{ r }} = m{{ r }};
{% for j in range(block) %}
        s{{ r }}_{{ j }} = select(LOWEST, s{{ r }}_{{ j }}, key{{ j }} < KEYS);
        top{{ r }} = max(top{{ r }}, s{{ r }}_{{ j }});
{% endfor %}
        let keep{{ r }} = exp2(m{{ r }} - top{{ r }});
        m{{ r }} = top{{ r }};
        l{{ r }} *= keep{{ r }};
{% for j in range(block) %}
        let p{{ r }}_{{ j }} = select(0.0, exp2(s{{ r }}_{{ j }} - top{{ r }}), key{{ j }} < KEYS);
        l{{ r }} += p{{ r }}_{{ j }};
{% endfor %}
{% endfor %}
{% for i in range(d4) %}
{% for r in range(pack) %}
        o{{ r }}_{{ i }} *= keep{{ r }};
{% endfor %}
{% for j in range(block) %}
        let v{{ j }}_{{ i }} = vec4<f32>(v[at{{ j }} + {{ i }}u]);
{% for r in range(pack) %}
        o{{ r }}_{{ i }} += p{{ r }}_{{ j }} * v{{ j }}_{{ i }};
{% endfor %}
{% endfor %}
{% endfor %}
    }
{% for r in range(pack) %}
    states[(row + {{ r }}u) * PARTS + part] = vec2<f32>(m{{ r }}, l{{ r }});
{% for i in range(d4) %}
    sums[((row + {{ r }}u) * PARTS + part) * D4 + {{ i }}u] = o{{ r }}_{{ i }};
{% endfor %}
{% endfor %}
}
