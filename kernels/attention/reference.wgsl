// Attention forward, O = softmax(Q K^T / sqrt(d)) V, for every case: any formats, head dimensions,
// mask and window, paged or latent cache, prefill or decode.
//
// 2 (d + dv) FLOP for each visible (query, key) pair. A workgroup owns one query row and reads K and V
// once for it (the caches share them between workgroups), Q once for each THREADS keys, and writes O
// once; no buffer of scores.
// Each invocation computes the score of one of THREADS keys, then adds all of them, weighted, to its
// own columns of O. Online softmax (Milakov and Gimelshein 2018): a running maximum m and sum l
// rescale the accumulator whenever the maximum moves; division by l once at the end.
// Bindings: q, k (and its scales), v (and its scales; none when latent), the table of pages if any,
// o, all dense. Knob: threads per workgroup.

{% import "format.wgsl" as format %}
{% include "attention/sizes.wgsl" %}

{{ format.input(q, true, "f32") }}
{{ format.input(k, true, "f32") }}
{% if not latent %}
{{ format.input(v, true, "f32") }}
{% endif %}
{% if page %}
@group(0) @binding({{ pages.binding }}) var<storage, read> pages: array<u32>;
{% endif %}
{{ format.output(o, true, "f32") }}
{% include "attention/visible.wgsl" %}
{% set columns = (value_d4 + threads - 1) // threads %}

// Where the cache holds position `key` of a kv head of a sequence.
fn place(sequence: u32, kv_head: u32, key: u32) -> u32 {
{% if page %}
    let number = pages[sequence * {{ pages_each }}u + key / {{ page }}u];
    return (number * KV_HEADS + kv_head) * {{ page }}u + key % {{ page }}u;
{% else %}
    return (sequence * KV_HEADS + kv_head) * KEYS + key;
{% endif %}
}

var<workgroup> scores: array<f32, {{ threads }}>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Workgroups beyond the end repeat the last one: control flow stays uniform for the barriers.
    let row = min(group.y * groups.x + group.x, ROWS - 1u);
    let sequence = row / (QUERIES * HEADS);
    let kv_head = row / QUERIES % HEADS / GROUP;
    let end = end_key(row % QUERIES);
{% for c in range(columns) %}
    let column{{ c }} = min({{ c * threads }}u + lane, VALUE_D4 - 1u);
    var o{{ c }} = vec4<f32>(0.0);
{% endfor %}
    var m = LOWEST;
    var l = 0.0;
    for (var first = first_key(row % QUERIES); first < end; first += THREADS) {
        var score = LOWEST;
        if first + lane < end {
            let at = place(sequence, kv_head, first + lane) * D4;
            var products = vec4<f32>(0.0);
            for (var i = 0u; i < D4; i++) {
                products += load4_q(row * D4 + i) * load4_k(at + i);
            }
            score = SCALE * ((products.x + products.y) + (products.z + products.w));
        }
        // All have read the scores before.
        workgroupBarrier();
        scores[lane] = score;
        workgroupBarrier();
        let count = min(THREADS, end - first);
        var top = m;
        for (var j = 0u; j < count; j++) {
            top = max(top, scores[j]);
        }
        let keep = exp2(m - top);
        m = top;
        l *= keep;
{% for c in range(columns) %}
        o{{ c }} *= keep;
{% endfor %}
        for (var j = 0u; j < count; j++) {
            let p = exp2(scores[j] - top);
            l += p;
            let at = place(sequence, kv_head, first + j) * {{ "D4" if latent else "VALUE_D4" }};
{% for c in range(columns) %}
            o{{ c }} += p * load4_{{ "k" if latent else "v" }}(at + column{{ c }});
{% endfor %}
        }
    }
    let factor = 1.0 / l;
{% for c in range(columns) %}
    if {{ c * threads }}u + lane < VALUE_D4 {
        store4_o(row * VALUE_D4 + column{{ c }}, factor * o{{ c }});
    }
{% endfor %}
}
