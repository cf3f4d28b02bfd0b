// Fills a tensor with the generator's values: element i is a pure function of (seed, tensor, i).
// The definition and its test vectors are in src/workload/generator.rs.
//
// One invocation writes one 32-bit word: one f32, or two f16 packed low half first.
// Bindings: 0 the tensor as words.

const FIRST_KEY: u32 = {{ first }}u;
const SECOND_KEY: u32 = {{ second }}u;
const LIMIT: u32 = {{ limit }}u;
const ELEMENTS: u32 = {{ elements }}u;
const WORDS: u32 = {{ words }}u;
// 2^(scale - shift), exact.
const STEP: f32 = {{ step }};

@group(0) @binding(0) var<storage, read_write> words: array<u32>;

fn mix(value: u32) -> u32 {
    var x = value;
    x ^= x >> 16u;
    x *= 0x7feb352du;
    x ^= x >> 15u;
    x *= 0x846ca68bu;
    x ^= x >> 16u;
    return x;
}

fn element(index: u32) -> f32 {
    let hash = mix(mix(index ^ FIRST_KEY) + SECOND_KEY);
    let k = i32(hash % (2u * LIMIT + 1u)) - i32(LIMIT);
    return f32(k) * STEP;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = id.y * groups.x * 64u + id.x;
    if word >= WORDS {
        return;
    }
{% if bits == 32 %}
    words[word] = select(0u, bitcast<u32>(element(word)), word < ELEMENTS);
{% else %}
    let low = select(0.0, element(2u * word), 2u * word < ELEMENTS);
    let high = select(0.0, element(2u * word + 1u), 2u * word + 1u < ELEMENTS);
    words[word] = pack2x16float(vec2<f32>(low, high));
{% endif %}
}
