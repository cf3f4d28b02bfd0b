// Second step of a product whose k was split: C is the sum of the partial products of its parts.
//
// Reads PARTS words and computes PARTS - 1 FLOP for each element of C, which is written once. Parts
// are added in the order of k, whatever order they were computed in: results are the same in each run,
// which they would not be with atomics (deterministic split-K, as in CUTLASS and llama.cpp).
//
// Bindings: 0 the partial sums, PARTS times C in f32 or i32; 1 c. An invocation adds four elements, or
// one where C is no whole number of vec4s.

{% import "format.wgsl" as format %}
{% if enable_f16 %}
enable f16;

{% endif %}
{% set held = "vec4<" ~ sum ~ ">" if vector else sum %}
const ITEMS: u32 = {{ batch * m * n // (4 if vector else 1) }}u;
const THREADS: u32 = {{ threads }}u;

@group(0) @binding(0) var<storage, read> sums: array<{{ held }}>;
{{ format.output(c, vector, sum) }}
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.y * groups.x + group.x) * THREADS + lane;
    if i >= ITEMS {
        return;
    }
    // All loads come before the first addition that needs one.
{% for part in range(parts) %}
    let sum{{ part }} = sums[{{ part }}u * ITEMS + i];
{% endfor %}
    store{{ 4 if vector else 1 }}_c(i, {% for part in range(parts) %}{% if part > 0 %} + {% endif %}sum{{ part }}{% endfor %});
}
