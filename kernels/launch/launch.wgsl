// One dispatch of a chain: y = x + 1, or y = y + 1 after the first.
//
// No FLOP counted, one word. Bindings: the first dispatch has 0 x, 1 y; the others 0 y.

{% if first %}
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
{% else %}
@group(0) @binding(0) var<storage, read_write> y: array<i32>;
{% endif %}

@compute @workgroup_size(1)
fn main() {
    y[0] = {{ "x" if first else "y" }}[0] + 1i;
}
