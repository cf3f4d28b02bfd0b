// Attention forward, O = softmax(Q K^T / sqrt(d)) V, one query row per invocation.
//
// 4 d FLOP for each visible (query, key) pair. Reads K and V once for each row (the caches share
// them), Q once, and writes O once; no buffer of scores.
// Online softmax (Milakov and Gimelshein 2018): a running maximum m and sum l rescale the
// accumulator whenever the maximum moves; division by l once at the end.
// Bindings: 0 q, 1 k, 2 v, 3 o, all dense. Knob: threads per workgroup.

{% include "attention/sizes.wgsl" %}

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
    let row = (group.y * groups.x + group.x) * THREADS + lane;
    if row >= ROWS {
        return;
    }
    let head = row / QUERIES;
    let kv_head = (head / HEADS) * KV_HEADS + (head % HEADS) / GROUP;
    let visible = {% if causal %}KEYS - QUERIES + row % QUERIES + 1u{% else %}KEYS{% endif %};
{% for i in range(d4) %}
    let q{{ i }} = SCALE * vec4<f32>(q[row * D4 + {{ i }}u]);
    var o{{ i }} = vec4<f32>(0.0);
{% endfor %}
    var m = LOWEST;
    var l = 0.0;
    var at = kv_head * KEYS * D4;
    for (var key = 0u; key < visible; key++) {
        var products = vec4<f32>(0.0);
{% for i in range(d4) %}
        products += q{{ i }} * vec4<f32>(k[at + {{ i }}u]);
{% endfor %}
        let score = (products.x + products.y) + (products.z + products.w);
        let top = max(m, score);
        let keep = exp2(m - top);
        let p = exp2(score - top);
        m = top;
        l = l * keep + p;
{% for i in range(d4) %}
        o{{ i }} = o{{ i }} * keep + p * vec4<f32>(v[at + {{ i }}u]);
{% endfor %}
        at += D4;
    }
    let factor = 1.0 / l;
{% for i in range(d4) %}
    o[row * D4 + {{ i }}u] = Stored(factor * o{{ i }});
{% endfor %}
}
