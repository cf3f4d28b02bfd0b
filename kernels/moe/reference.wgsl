// The grouped product of a mixture of experts from the definition: one element of C per invocation,
// or the two of a word. For every format and size.
//
// 2 N D FLOP a row. Bindings: a, b (and its scales), c, then `experts`: the expert of each row.
// Knobs: threads per workgroup; per, the items of an invocation.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const N: u32 = {{ n }}u;
const D: u32 = {{ dim }}u;

{{ format.input(a, false, value) }}
{{ format.input(b, false, value) }}
{{ format.output(c, false, value) }}
@group(0) @binding({{ table }}) var<storage, read> experts: array<u32>;

fn element(at: u32) -> {{ value }} {
    let row = at / N;
    let from_a = row * D;
    let from_b = (experts[row] * N + at % N) * D;
    var sum = {{ value }}(0);
    for (var p = 0u; p < D; p++) {
        sum += load1_a(from_a + p) * load1_b(from_b + p);
    }
    return sum;
}

{% include "elements/each.wgsl" %}
