// Arithmetic peak of the vector unit: y[i] = x[i] after `steps` links x <- x * one + b_r.
//
// 2 FLOP a link; memory is read once per chain and once per round of 16 links. `one` is 1, but
// only the inputs' range says so: no compiler can fold the links. Each invocation keeps `per`
// independent vec4 chains in registers, enough to cover the latency of the unit.
//
// Bindings: 0 x (starts), 1 b (one step per round), 2 y. Knobs: threads per workgroup; per, vec4
// chains of each invocation, `threads` apart; fused, 1 for fma() and 0 for a product and a sum
// (which a driver may contract itself).

{% if half %}
enable f16;

{% endif %}
const VECTORS: u32 = {{ vectors }}u;
const ROUNDS: u32 = {{ rounds }}u;
const THREADS: u32 = {{ threads }}u;
const PER: u32 = {{ per }}u;

@group(0) @binding(0) var<storage, read> x: array<vec4<{{ element }}>>;
@group(0) @binding(1) var<storage, read> b: array<{{ element }}>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<{{ element }}>>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * groups.x + group.x) * THREADS * PER + lane;
    // Inputs lie within [-1, 1].
    let seen = b[0];
    let one = vec4<{{ element }}>(select({{ element }}(1.0), seen, seen > {{ element }}(2.0)));
{% for j in range(per) %}
    let i{{ j }} = first + {{ j }}u * THREADS;
    var x{{ j }} = x[min(i{{ j }}, VECTORS - 1u)];
{% endfor %}
    for (var round = 0u; round < ROUNDS; round++) {
        let step = vec4<{{ element }}>(b[round]);
{% for link in range(links) %}
{% for j in range(per) %}
        x{{ j }} = {% if fused %}fma(x{{ j }}, one, step){% else %}x{{ j }} * one + step{% endif %};
{% endfor %}
{% endfor %}
    }
{% for j in range(per) %}
    if i{{ j }} < VECTORS {
        y[i{{ j }}] = x{{ j }};
    }
{% endfor %}
}
