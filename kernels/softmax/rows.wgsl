// Softmax of each row, one workgroup a row: y = exp(x - m) / sum of exp(x - m), m the largest x.
//
// 5 FLOP an element; X is read once and Y written once where a row stays in registers or a cache.
// `per` above 0: each invocation holds its `per` vec4s of the row in registers. `per` 0: the row is
// read three times, for rows of any length and for drivers that compute on a processor.
//
// Bindings: 0 x, 1 y. Knobs: threads per workgroup; per; way, see elements/reduce.wgsl.

{% import "format.wgsl" as format %}
{% import "elements/reduce.wgsl" as reduction %}
{% if enable_f16 %}
enable f16;

{% endif %}
const ROWS: u32 = {{ rows }}u;
const C4: u32 = {{ columns // 4 }}u;
const THREADS: u32 = {{ threads }}u;
const LOG2E: f32 = 1.4426950408889634;
// Below every score; its exponential is 0.
const LOWEST: f32 = -1e30;

alias Vec = vec4<f32>;

{{ format.input(x, true, value) }}
{{ format.output(y, true, value) }}
{{ reduction.memory(way, "f32") }}
{{ reduction.reduce("largest", way, "f32", "subgroupMax", "max(a, b)") }}
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
    var top = Vec(LOWEST);
{% for j in range(per) %}
    let i{{ j }} = lane + {{ j * threads }}u;
    var x{{ j }} = Vec(LOWEST);
    if i{{ j }} < C4 {
        x{{ j }} = load4_x(first + i{{ j }});
    }
    top = max(top, x{{ j }});
{% else %}
    for (var i = lane; i < C4; i += THREADS) {
        top = max(top, load4_x(first + i));
    }
{% endfor %}
    let m = largest(max(max(top.x, top.y), max(top.z, top.w)), place);
    var sum = Vec();
{% for j in range(per) %}
    x{{ j }} = exp2((x{{ j }} - m) * LOG2E);
    sum += x{{ j }};
{% else %}
    for (var i = lane; i < C4; i += THREADS) {
        sum += exp2((load4_x(first + i) - m) * LOG2E);
    }
{% endfor %}
    let factor = 1.0 / total((sum.x + sum.y) + (sum.z + sum.w), place);
    if row < ROWS {
{% for j in range(per) %}
        if i{{ j }} < C4 {
            store4_y(first + i{{ j }}, factor * x{{ j }});
        }
{% else %}
        for (var i = lane; i < C4; i += THREADS) {
            store4_y(first + i, factor * exp2((load4_x(first + i) - m) * LOG2E));
        }
{% endfor %}
    }
}
