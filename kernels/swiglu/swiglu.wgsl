// SwiGLU (Shazeer 2020): y = silu(gate) up, silu(z) = z / (1 + exp(-z)).
//
// 4 FLOP an element; both inputs read once, Y written once. Four elements an item, or, with `scalar`,
// one, or the two of a word: for every size and format.
// Bindings: 0 gate, 1 up, 2 y. Knobs: threads per workgroup; per, the items of an invocation.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
{{ format.input(gate, not scalar, value) }}
{{ format.input(up, not scalar, value) }}
{{ format.output(y, not scalar, value) }}
{% if scalar %}
fn element(i: u32) -> f32 {
    let z = load1_gate(i);
    return z / (1.0 + exp(-z)) * load1_up(i);
}
{% else %}
fn item(i: u32) {
    let z = load4_gate(i);
    store4_y(i, z / (1.0 + exp(-z)) * load4_up(i));
}
{% endif %}

{% include "elements/each.wgsl" %}
