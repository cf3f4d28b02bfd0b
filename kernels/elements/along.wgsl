{# Writes y row by row from of_row(row), what a row has in common, and element(at, of its row): one row
   an item, or two where elements share words (`pair`), since a row may end inside one. #}
fn item(i: u32) {
{% if pair %}
    let first = of_row(2u * i);
    let second = of_row(min(2u * i + 1u, ROWS - 1u));
    for (var j = 0u; j < COLUMNS; j++) {
        let at = 2u * (i * COLUMNS + j);
        if at < ROWS * COLUMNS {
            // What lies behind the last element is written and never read.
            let next = min(at + 1u, ROWS * COLUMNS - 1u);
            let from_second = (2u * i + 1u) * COLUMNS;
            let x = element(at, select(first, second, at >= from_second));
            store2_y(at / 2u, vec2<f32>(x, element(next, select(first, second, next >= from_second))));
        }
    }
{% else %}
    let row = of_row(i);
    for (var j = 0u; j < COLUMNS; j++) {
        store1_y(i * COLUMNS + j, element(i * COLUMNS + j, row));
    }
{% endif %}
}

{% include "elements/each.wgsl" %}
