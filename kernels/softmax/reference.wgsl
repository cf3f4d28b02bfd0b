// Softmax from the definition, an invocation a row. For every size and format.
//
// 5 FLOP an element; each invocation reads its row three times.
// Bindings: 0 x, 1 y. Knobs: threads per workgroup; per, the items of an invocation.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const ROWS: u32 = {{ rows }}u;
const COLUMNS: u32 = {{ columns }}u;

{{ format.input(x, false, value) }}
{{ format.output(y, false, value) }}
// The largest element of a row, and the sum of the exponentials.
fn of_row(row: u32) -> vec2<f32> {
    let first = row * COLUMNS;
    var top = load1_x(first);
    for (var i = 1u; i < COLUMNS; i++) {
        top = max(top, load1_x(first + i));
    }
    var sum = 0.0;
    for (var i = 0u; i < COLUMNS; i++) {
        sum += exp(load1_x(first + i) - top);
    }
    return vec2<f32>(top, sum);
}

fn element(at: u32, row: vec2<f32>) -> f32 {
    return exp(load1_x(at) - row.x) / row.y;
}

{% include "elements/along.wgsl" %}
