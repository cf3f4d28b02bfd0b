// Second step of a decode step of attention: combines the partial results of each row, weighted by
// exp(m - max m) (log-sum-exp; Flash-Decoding, Dao et al. 2023).
//
// Reads dv + 2 words and computes 2 dv FLOP for each row and part, writes dv elements for each row.
// One workgroup combines one row; invocations take vectors of the row THREADS apart.
// Bindings: 0 partial sums (f32), 1 pairs (m, l), 2 o. Knob: threads per workgroup.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
const ROWS: u32 = {{ rows }}u;
const DV4: u32 = {{ value_dim // 4 }}u;
const PARTS: u32 = {{ parts }}u;
const THREADS: u32 = {{ threads }}u;

@group(0) @binding(0) var<storage, read> sums: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> states: array<vec2<f32>>;
{{ format.output(o, true, "f32") }}
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.y * groups.x + group.x;
    if row >= ROWS {
        return;
    }
    // Times 1, which compilers do not know: they would unroll the loops as a whole.
    let parts = PARTS * groups.z;
    var top = -3.0e38;
    for (var part = 0u; part < parts; part++) {
        top = max(top, states[row * PARTS + part].x);
    }
{% macro add(count) %}
{% for i in range(count) %}
            let state{{ i }} = states[row * PARTS + part + {{ i }}u];
            let part_sum{{ i }} = sums[(row * PARTS + part + {{ i }}u) * DV4 + column];
{% endfor %}
{% for i in range(count) %}
            let weight{{ i }} = exp2(state{{ i }}.x - top);
            total += weight{{ i }} * state{{ i }}.y;
            sum += weight{{ i }} * part_sum{{ i }};
{% endfor %}
{% endmacro %}
    for (var column = lane; column < DV4; column += THREADS) {
        var sum = vec4<f32>(0.0);
        var total = 0.0;
{% set whole = parts // 4 * 4 %}
        for (var part = 0u; part + 3u < parts; part += 4u) {
{{ add(4) -}}
        }
{% for i in range(parts % 4) %}
        {
            const part = {{ whole + i }}u;
{{ add(1) -}}
        }
{% endfor %}
        store4_o(row * DV4 + column, sum / total);
    }
}
