// Attention forward, O = softmax(Q K^T / sqrt(d)) V, for every case: any formats, head dimensions,
// mask and window, paged or latent cache, prefill or decode.
//
// 2 (d + dv) FLOP for each visible (query, key) pair, and here 2 d dv / 4: every invocation owns one
// vector of four elements of O and computes the scores of its row itself. No barrier, no workgroup
// memory, and a text that any compiler is quick with; slow, and right for every shape.
// Online softmax (Milakov and Gimelshein 2018): a running maximum m and sum l rescale the accumulator
// whenever the maximum moves; division by l once at the end.
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

// Where the cache holds position `key` of a kv head of a sequence.
fn place(sequence: u32, kv_head: u32, key: u32) -> u32 {
{% if page %}
    let number = pages[sequence * {{ pages_each }}u + key / {{ page }}u];
    return (number * KV_HEADS + kv_head) * {{ page }}u + key % {{ page }}u;
{% else %}
    return (sequence * KV_HEADS + kv_head) * KEYS + key;
{% endif %}
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = (group.y * groups.x + group.x) * THREADS + lane;
    if at >= ROWS * VALUE_D4 {
        return;
    }
    let row = at / VALUE_D4;
    let column = at % VALUE_D4;
    let sequence = row / (QUERIES * HEADS);
    let kv_head = row / QUERIES % HEADS / GROUP;
    let end = end_key(row % QUERIES);
    var m = LOWEST;
    var l = 0.0;
    var sum = vec4<f32>(0.0);
    for (var key = first_key(row % QUERIES); key < end; key++) {
        let stored = place(sequence, kv_head, key);
        var products = vec4<f32>(0.0);
{# Written out in parts: some drivers end an invocation's loops after 65535 turns in all. #}
        for (var i = 0u; i < D4; i += {{ run }}u) {
{% for j in range(run) %}
            products += load4_q(row * D4 + i + {{ j }}u) * load4_k(stored * D4 + i + {{ j }}u);
{% endfor %}
        }
        let score = SCALE * ((products.x + products.y) + (products.z + products.w));
        let top = max(m, score);
        let keep = exp2(m - top);
        let p = exp2(score - top);
        m = top;
        l = l * keep + p;
        sum = sum * keep + p * load4_{{ "k" if latent else "v" }}(stored * {{ "D4" if latent else "VALUE_D4" }} + column);
    }
    store4_o(at, sum / l);
}
