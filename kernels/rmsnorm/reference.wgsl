// Root mean square normalisation from the definition, an invocation a row. For every size and format.
//
// 4 FLOP an element; each invocation reads its row twice.
// Bindings: 0 x, 1 g, 2 y. Knobs: threads per workgroup; per, the items of an invocation.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const ROWS: u32 = {{ rows }}u;
const COLUMNS: u32 = {{ columns }}u;

{{ format.input(x, false, value) }}
{{ format.input(g, false, value) }}
{{ format.output(y, false, value) }}
// The root mean square of a row.
fn of_row(row: u32) -> f32 {
    var squares = 0.0;
    for (var i = 0u; i < COLUMNS; i++) {
        let v = load1_x(row * COLUMNS + i);
        squares += v * v;
    }
    return sqrt(squares / {{ columns }}.0 + {{ epsilon }});
}

fn element(at: u32, row: f32) -> f32 {
    return load1_x(at) * load1_g(at % COLUMNS) / row;
}

{% include "elements/along.wgsl" %}
