// The grouped product of a mixture of experts without workgroup memory or barriers, for drivers that
// compute on a processor.
//
// 2 N D FLOP a row; the weights of an expert are read once for each tile of its rows. A workgroup
// takes up to `rows` rows of one expert and 4 `threads` columns: each lane four columns, whose weights
// it reads along D; A is read at uniform addresses. Lanes beyond the edge do the last columns again
// and drop them, and so it is with rows. Needs D % 4 == 0 and N % 4 == 0.
//
// Bindings: a, b (and its scales), c, then `tiles`: expert, first row and end of each tile of rows.
// Knobs: threads per workgroup; rows.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
{% set part = ["x", "y", "z", "w"] %}
const N: u32 = {{ n }}u;
const D4: u32 = {{ dim // 4 }}u;
const THREADS: u32 = {{ threads }}u;
const ROW_TILES: u32 = {{ row_tiles }}u;
const COLUMN_TILES: u32 = {{ column_tiles }}u;

alias Vec = vec4<{{ value }}>;

{{ format.input(a, true, value) }}
{{ format.input(b, true, value) }}
{{ format.output(c, true, value) }}
@group(0) @binding({{ table }}) var<storage, read> tiles: array<u32>;

{{ format.multiply_add(value) }}
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.y * groups.x + group.x;
    let tile = index / COLUMN_TILES;
    if tile >= ROW_TILES {
        return;
    }
    let expert = tiles[3u * tile];
    let first = tiles[3u * tile + 1u];
    let end = tiles[3u * tile + 2u];
    let column = (index % COLUMN_TILES * THREADS + lane) * 4u;
    let from_b = (expert * N + min(column, N - 4u)) * D4;
{% for r in range(rows) %}
    let a{{ r }} = min(first + {{ r }}u, end - 1u) * D4;
    var c{{ r }} = Vec();
{% endfor %}
    for (var p = 0u; p < D4; p++) {
{% for j in range(4) %}
        let y{{ j }} = load4_b(from_b + {{ j }}u * D4 + p);
{% endfor %}
{% for r in range(rows) %}
        let x{{ r }} = load4_a(a{{ r }} + p);
{% endfor %}
{% for s in part %}
        let z{{ s }} = Vec(y0.{{ s }}, y1.{{ s }}, y2.{{ s }}, y3.{{ s }});
{% for r in range(rows) %}
        c{{ r }} = multiply_add(x{{ r }}.{{ s }}, z{{ s }}, c{{ r }});
{% endfor %}
{% endfor %}
    }
    if column < N {
{% for r in range(rows) %}
        if first + {{ r }}u < end {
            store4_c(((first + {{ r }}u) * N + column) / 4u, c{{ r }});
        }
{% endfor %}
    }
}
