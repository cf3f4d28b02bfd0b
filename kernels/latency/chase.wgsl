// A chain of dependent loads by one invocation: p = (a[16 p] + k) mod LINES, for k from FIRST on.
//
// No FLOP; a line of 64 B each step. The steps of an execution are spread over several dispatches,
// which hand p on through `state`, to stay clear of watchdogs and of drivers that bound loops.
// Bindings: 0 a, 1 the state that is read and written; the first dispatch starts at 0, the last one
// writes the result instead. Knob: unroll, steps of a turn of the loop.

const LINES: u32 = {{ lines }}u;
const FIRST: u32 = {{ first }}u;
const LAST: u32 = {{ last }}u;

@group(0) @binding(0) var<storage, read> a: array<u32>;
{% if from_start %}
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
{% else %}
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<u32>;
{% endif %}

@compute @workgroup_size(1)
fn main() {
    var p = {{ "0u" if from_start else "state[0]" }};
    for (var k = FIRST; k < LAST; k += {{ unroll }}u) {
{% for j in range(unroll) %}
        p = (a[p * 16u] + k + {{ j }}u) & (LINES - 1u);
{% endfor %}
    }
    result[0] = p;
}
