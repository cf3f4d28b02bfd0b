// Attention forward, O = softmax(Q K^T / sqrt(d)) V, for drivers that run on a processor.
//
// 2 (d + dv) FLOP for each visible (query, key) pair. Reads K and V once for each workgroup, Q once,
// and writes O once; no buffer of scores, no workgroup memory and no barrier.
// FlashAttention (Dao et al. 2022) with online softmax (Milakov and Gimelshein 2018), turned so that
// every invocation owns whole query rows: q and the accumulator stay private. Such drivers load from
// buffers one lane at a time and check every address, also where it is the same for all lanes:
// each lane loads another key, and a broadcast within the subgroup, which is the workgroup, hands it
// to the others. One load then serves THREADS PER multiplications. The running maximum moves once
// for each BLOCK of keys; keys that no row of the workgroup sees are not visited. Workgroups with
// most work come first.
// Bindings: q, k (and its scales), v (and its scales), o, all dense.
// Knobs: threads, the size of a subgroup; per, the query rows of an invocation, THREADS apart; block,
// the keys between two moves of the maximum, a multiple of THREADS.

{% import "format.wgsl" as format %}
{% include "attention/sizes.wgsl" %}
const PER: u32 = {{ per }}u;
const BLOCK: u32 = {{ block }}u;
const TILES: u32 = {{ tiles }}u;
const HEAD_ROWS: u32 = {{ head_rows }}u;

{{ format.input(q, true, "f32") }}
{{ format.input(k, true, "f32") }}
{{ format.input(v, true, "f32") }}
{{ format.output(o, true, "f32") }}
{% include "attention/visible.wgsl" %}
{% set loads = block // threads %}
{% set masked = causal or window or keys % block != 0 %}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the end repeat the last one.
    let number = min(group.y * groups.x + group.x, {{ groups - 1 }}u);
    let kv_head = number / TILES;
    let tile = {% if causal %}TILES - 1u - {% endif %}number % TILES;
{% for r in range(per) %}
    // Rows beyond the end repeat the last one and are not written.
    let inside{{ r }} = (tile * PER + {{ r }}u) * THREADS + lane;
    let row{{ r }} = kv_head * HEAD_ROWS + min(inside{{ r }}, HEAD_ROWS - 1u);
{% if masked %}
    let end{{ r }} = end_key(row{{ r }} % QUERIES);
{% endif %}
{% if window %}
    let first{{ r }} = first_key(row{{ r }} % QUERIES);
{% endif %}
    var m{{ r }} = LOWEST;
    var l{{ r }} = 0.0;
{% for i in range(d4) %}
    let q{{ r }}_{{ i }} = SCALE * load4_q(row{{ r }} * D4 + {{ i }}u);
{% endfor %}
{% for c in range(value_d4) %}
    var o{{ r }}_{{ c }} = vec4<f32>(0.0);
{% endfor %}
{% endfor %}
    let span = tile_queries(tile * THREADS * PER, THREADS * PER);
    let end = end_key(span.y);
    for (var key = first_key(span.x) / BLOCK * BLOCK; key < end; key += BLOCK) {
{% for g in range(loads) %}
        let own{{ g }} = kv_head * KEYS + min(key + {{ g * threads }}u + lane, KEYS - 1u);
{% for i in range(d4) %}
        let keys{{ g }}_{{ i }} = load4_k(own{{ g }} * D4 + {{ i }}u);
{% endfor %}
{# Few keys at a time, so that their scores stay in registers over the whole head. #}
{% for pair in range(g * threads, (g + 1) * threads, 2) %}
{% for r in range(per) %}
        var s{{ r }}_{{ pair }} = 0.0;
        var s{{ r }}_{{ pair + 1 }} = 0.0;
{% endfor %}
{% for i in range(d4) %}
{% for x in "xyzw" %}
{% for b in [pair, pair + 1] %}
        let k{{ b }}_{{ i }}{{ x }} = subgroupBroadcast(keys{{ g }}_{{ i }}.{{ x }}, {{ b % threads }}u);
{% for r in range(per) %}
        s{{ r }}_{{ b }} = fma(q{{ r }}_{{ i }}.{{ x }}, k{{ b }}_{{ i }}{{ x }}, s{{ r }}_{{ b }});
{% endfor %}
{% endfor %}
{% endfor %}
{% endfor %}
{% endfor %}
{% endfor %}
{% for r in range(per) %}
{% if masked %}
{% for b in range(block) %}
        s{{ r }}_{{ b }} = select(LOWEST, s{{ r }}_{{ b }}, key + {{ b }}u < end{{ r }}{% if window %} && key + {{ b }}u >= first{{ r }}{% endif %});
{% endfor %}
{% endif %}
        var top{{ r }} = m{{ r }};
{% for b in range(block) %}
        top{{ r }} = max(top{{ r }}, s{{ r }}_{{ b }});
{% endfor %}
        let keep{{ r }} = exp2(m{{ r }} - top{{ r }});
        m{{ r }} = top{{ r }};
        l{{ r }} *= keep{{ r }};
{% for b in range(block) %}
        let p{{ r }}_{{ b }} = exp2(s{{ r }}_{{ b }} - top{{ r }});
        l{{ r }} += p{{ r }}_{{ b }};
{% endfor %}
{% endfor %}
{% for c in range(value_d4) %}
{% for g in range(loads) %}
        let values{{ g }}_{{ c }} = load4_v(own{{ g }} * VALUE_D4 + {{ c }}u);
{% endfor %}
{# Half of the columns at a time, for the same reason. #}
{% for half in ["xy", "zw"] %}
{% for r in range(per) %}
        var t{{ r }}_{{ c }}{{ half }} = o{{ r }}_{{ c }}.{{ half }} * keep{{ r }};
{% endfor %}
{% for b in range(block) %}
        let v{{ b }}_{{ c }}{{ half }} = subgroupBroadcast(values{{ b // threads }}_{{ c }}.{{ half }}, {{ b % threads }}u);
{% for r in range(per) %}
        t{{ r }}_{{ c }}{{ half }} = fma(vec2<f32>(p{{ r }}_{{ b }}), v{{ b }}_{{ c }}{{ half }}, t{{ r }}_{{ c }}{{ half }});
{% endfor %}
{% endfor %}
{% endfor %}
{% for r in range(per) %}
        o{{ r }}_{{ c }} = vec4<f32>(t{{ r }}_{{ c }}xy, t{{ r }}_{{ c }}zw);
{% endfor %}
{% endfor %}
    }
{% for r in range(per) %}
    if inside{{ r }} < HEAD_ROWS {
        let factor = 1.0 / l{{ r }};
{% for c in range(value_d4) %}
        store4_o(row{{ r }} * VALUE_D4 + {{ c }}u, factor * o{{ r }}_{{ c }});
{% endfor %}
    }
{% endfor %}
}
