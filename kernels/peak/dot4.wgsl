// Peak of packed dot products of 8-bit integers: y[i] after `steps` links x <- dot(bytes of x, pick) +
// b_r from x[i], that is the lowest byte of x as a signed integer plus the step of the round.
//
// 8 OP a link: four products and four sums. `pick` is the bytes 1, 0, 0, 0, but only the inputs' range
// says so: no compiler can fold the links. Memory is read once per chain and once per round of 16
// links. Each invocation keeps `per` independent chains in registers.
//
// Bindings: 0 x (starts, i8, four to a word), 1 b (one step per round, i8), 2 y (i32). Knobs: threads
// per workgroup; per, chains of each invocation, `threads` apart.

const CHAINS: u32 = {{ chains }}u;
const ROUNDS: u32 = {{ rounds }}u;
const THREADS: u32 = {{ threads }}u;
const PER: u32 = {{ per }}u;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;

// Byte i of a word of four i8, in word i / 4.
fn byte(word: u32, i: u32) -> i32 {
    return extractBits(bitcast<i32>(word), 8u * (i % 4u), 8u);
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * groups.x + group.x) * THREADS * PER + lane;
    // Inputs lie within [-127, 127].
    let pick = select(1u, b[0], byte(b[0], 0u) == -128);
{% for j in range(per) %}
    let i{{ j }} = first + {{ j }}u * THREADS;
    var x{{ j }} = byte(x[min(i{{ j }}, CHAINS - 1u) / 4u], i{{ j }});
{% endfor %}
    for (var round = 0u; round < ROUNDS; round++) {
        let step = byte(b[round / 4u], round);
{% for link in range(links) %}
{% for j in range(per) %}
        x{{ j }} = dot4I8Packed(bitcast<u32>(x{{ j }}), pick) + step;
{% endfor %}
{% endfor %}
    }
{% for j in range(per) %}
    if i{{ j }} < CHAINS {
        y[i{{ j }}] = x{{ j }};
    }
{% endfor %}
}
