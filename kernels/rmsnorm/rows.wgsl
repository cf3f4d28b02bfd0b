// Root mean square normalisation, one workgroup a row: y = g x / sqrt(mean of x^2 + epsilon)
// (Zhang and Sennrich 2019).
//
// 4 FLOP an element; X is read once and Y written once where a row stays in registers or a cache.
// `per` above 0: each invocation holds its `per` vec4s of the row in registers. `per` 0: the row is
// read twice, for rows of any length and for drivers that compute on a processor.
//
// Bindings: 0 x, 1 g, 2 y. Knobs: threads per workgroup; per; way, see elements/reduce.wgsl.

{% import "format.wgsl" as format %}
{% import "elements/reduce.wgsl" as reduction %}
{% if enable_f16 %}
enable f16;

{% endif %}
const ROWS: u32 = {{ rows }}u;
const C4: u32 = {{ columns // 4 }}u;
const THREADS: u32 = {{ threads }}u;

alias Vec = vec4<f32>;

{{ format.input(x, true, value) }}
{{ format.input(g, true, value) }}
{{ format.output(y, true, value) }}
{{ reduction.memory(way, "f32") }}
{{ reduction.reduce("total", way, "f32", "subgroupAdd", "a + b") }}
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
{{ reduction.parameters(way) -}}
    @builtin(local_invocation_index) lane: u32,
) {
{{ reduction.place(way) -}}
    let row = group.y * groups.x + group.x;
    // Workgroups beyond the end do the last row again: control flow stays uniform for the barriers.
    let first = min(row, ROWS - 1u) * C4;
    var squares = Vec();
{% for j in range(per) %}
    let i{{ j }} = lane + {{ j * threads }}u;
    var x{{ j }} = Vec();
    if i{{ j }} < C4 {
        x{{ j }} = load4_x(first + i{{ j }});
    }
    squares += x{{ j }} * x{{ j }};
{% else %}
    for (var i = lane; i < C4; i += THREADS) {
        let v = load4_x(first + i);
        squares += v * v;
    }
{% endfor %}
    let sum = total((squares.x + squares.y) + (squares.z + squares.w), place);
    let factor = inverseSqrt(sum * {{ 1 / columns }} + {{ epsilon }});
    if row < ROWS {
{% for j in range(per) %}
        if i{{ j }} < C4 {
            store4_y(first + i{{ j }}, factor * x{{ j }} * load4_g(i{{ j }}));
        }
{% else %}
        for (var i = lane; i < C4; i += THREADS) {
            store4_y(first + i, factor * load4_x(first + i) * load4_g(i));
        }
{% endfor %}
    }
}
