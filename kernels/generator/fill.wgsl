// Fills a tensor with the generator's values: element i is a pure function of (seed, tensor, i).
// The definition and its test vectors are in src/workload/generator.rs.
//
// One invocation writes one 32-bit word: one f32, or two f16 packed low half first. Elements
// beyond the end are zero, so that vector loads may read the padding.
// Bindings: 0 the tensor as words, 1 the parameters.

struct Parameters {
    first_key: u32,
    second_key: u32,
    limit: u32,
    elements: u32,
    words: u32,
    step: f32, // 2^(scale - shift), exact
}

@group(0) @binding(0) var<storage, read_write> words: array<u32>;
@group(0) @binding(1) var<storage, read> parameters: Parameters;

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
    if index >= parameters.elements {
        return 0.0;
    }
    let hash = mix(mix(index ^ parameters.first_key) + parameters.second_key);
    let k = i32(hash % (2u * parameters.limit + 1u)) - i32(parameters.limit);
    return f32(k) * parameters.step;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = id.y * groups.x * 64u + id.x;
    if word >= parameters.words {
        return;
    }
{% if bits == 32 %}
    words[word] = bitcast<u32>(element(word));
{% else %}
    words[word] = pack2x16float(vec2<f32>(element(2u * word), element(2u * word + 1u)));
{% endif %}
}
