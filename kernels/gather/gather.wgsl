// Rows of a table: y_i = table[index_i].
//
// No FLOP; each row that occurs is read once and Y written once. Four elements an item, or, with
// `scalar`, one, or the two of a word: for every size and format.
// Bindings: 0 table, 1 index, 2 y. Knobs: threads per workgroup; per, the items of an invocation.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
// A row in elements or vec4s.
const COLUMNS: u32 = {{ columns if scalar else columns // 4 }}u;

@group(0) @binding({{ index.binding }}) var<storage, read> index: array<u32>;
{{ format.input(table, not scalar, value) }}
{{ format.output(y, not scalar, value) }}
{% if scalar %}
fn element(at: u32) -> f32 {
    return load1_table(index[at / COLUMNS] * COLUMNS + at % COLUMNS);
}
{% else %}
fn item(at: u32) {
    store4_y(at, load4_table(index[at / COLUMNS] * COLUMNS + at % COLUMNS));
}
{% endif %}

{% include "elements/each.wgsl" %}
