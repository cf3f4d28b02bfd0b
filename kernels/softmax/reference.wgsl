// Softmax from the definition: an invocation goes through the whole row for its element, or for each
// of the two of a word. For every size and format.
//
// 5 FLOP an element are counted; 2 exponentials for each pair of elements of a row are done.
// Bindings: 0 x, 1 y. Knobs: threads per workgroup; per, the items of an invocation.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const COLUMNS: u32 = {{ columns }}u;

{{ format.input(x, false, value) }}
{{ format.output(y, false, value) }}
fn element(at: u32) -> f32 {
    let first = at / COLUMNS * COLUMNS;
    var top = load1_x(first);
    for (var i = 1u; i < COLUMNS; i++) {
        top = max(top, load1_x(first + i));
    }
    var sum = 0.0;
    for (var i = 0u; i < COLUMNS; i++) {
        sum += exp(load1_x(first + i) - top);
    }
    return exp(load1_x(at) - top) / sum;
}

{% include "elements/each.wgsl" %}
