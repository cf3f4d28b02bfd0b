// Root mean square normalisation from the definition: an invocation goes through the whole row for
// its element, or for each of the two of a word. For every size and format.
//
// 4 FLOP an element are counted; a square for each pair of elements of a row is done.
// Bindings: 0 x, 1 g, 2 y. Knobs: threads per workgroup; per, the items of an invocation.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const COLUMNS: u32 = {{ columns }}u;

{{ format.input(x, false, value) }}
{{ format.input(g, false, value) }}
{{ format.output(y, false, value) }}
fn element(at: u32) -> f32 {
    let first = at / COLUMNS * COLUMNS;
    var squares = 0.0;
    for (var i = 0u; i < COLUMNS; i++) {
        let v = load1_x(first + i);
        squares += v * v;
    }
    return load1_x(at) * load1_g(at - first) / sqrt(squares / {{ columns }}.0 + {{ epsilon }});
}

{% include "elements/each.wgsl" %}
