// Y = transpose of X (m x n) without workgroup memory.
//
// No FLOP; each matrix once. An item turns `quads` blocks of 4 x 4 in registers, which lie below each
// other in X, so that each of its four rows of Y gets a run of 4 quads elements. With `scalar`, an
// item is one element, or the two of a word: for every size and format.
// Bindings: 0 x, 1 y. Knobs: threads per workgroup; per, the items of an invocation; quads.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const M: u32 = {{ m }}u;
const N: u32 = {{ n }}u;

{{ format.input(x, not scalar, value) }}
{{ format.output(y, not scalar, value) }}
{% if scalar %}
fn element(at: u32) -> f32 {
    return load1_x(at % M * N + at / M);
}
{% else %}
fn item(i: u32) {
    // Vec4 column of X, and the first of its blocks of four rows.
    let column = i % (N / 4u);
    let first = i / (N / 4u) * {{ quads }}u;
{% for q in range(quads) %}
    if first + {{ q }}u < M / 4u {
        let at = (first + {{ q }}u) * N + column;
        let a = load4_x(at);
        let b = load4_x(at + N / 4u);
        let c = load4_x(at + N / 2u);
        let d = load4_x(at + 3u * (N / 4u));
        let to = column * M + first + {{ q }}u;
        store4_y(to, vec4<f32>(a.x, b.x, c.x, d.x));
        store4_y(to + M / 4u, vec4<f32>(a.y, b.y, c.y, d.y));
        store4_y(to + M / 2u, vec4<f32>(a.z, b.z, c.z, d.z));
        store4_y(to + 3u * (M / 4u), vec4<f32>(a.w, b.w, c.w, d.w));
    }
{% endfor %}
}
{% endif %}

{% include "elements/each.wgsl" %}
