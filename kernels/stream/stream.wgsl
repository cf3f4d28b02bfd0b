// STREAM (McCalpin 1995): one pass over arrays of f32.
//
//   copy  y[i] = a[i]           8 B and 0 FLOP an element
//   scale y[i] = s a[i]         8 B, 1 FLOP
//   add   y[i] = a[i] + b[i]   12 B, 1 FLOP
//   triad y[i] = a[i] + s b[i] 12 B, 2 FLOP
//   write y[i] = s              4 B, 0 FLOP
//
// Bindings in this order, each only where the pattern uses it: a, b, s, y.
// Knobs: threads per workgroup; per, the vectors of each invocation, which lie `threads` apart so
// that neighbouring invocations touch neighbouring addresses.

const VECTORS: u32 = {{ vectors }}u;
const THREADS: u32 = {{ threads }}u;
const PER: u32 = {{ per }}u;

{% if "a" in binding %}
@group(0) @binding({{ binding.a }}) var<storage, read> a: array<{{ element }}>;
{% endif %}
{% if "b" in binding %}
@group(0) @binding({{ binding.b }}) var<storage, read> b: array<{{ element }}>;
{% endif %}
{% if "s" in binding %}
@group(0) @binding({{ binding.s }}) var<storage, read> s: array<f32>;
{% endif %}
@group(0) @binding({{ binding.y }}) var<storage, read_write> y: array<{{ element }}>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * groups.x + group.x) * THREADS * PER + lane;
{% if "s" in binding %}
    let factor = s[0];
{% endif %}
    for (var j = 0u; j < PER; j++) {
        let i = first + j * THREADS;
        if i < VECTORS {
{% if op == "copy" %}
            y[i] = a[i];
{% elif op == "scale" %}
            y[i] = factor * a[i];
{% elif op == "add" %}
            y[i] = a[i] + b[i];
{% elif op == "triad" %}
            y[i] = a[i] + factor * b[i];
{% else %}
            y[i] = {{ element }}(factor);
{% endif %}
        }
    }
}
