// Fills a tensor with the generator's values: element i is a pure function of (seed, tensor, i).
// The definition and its test vectors are in crates/model/src/workload/generator.rs and distribution.rs.
//
// One invocation writes one 32-bit word: as many elements as it holds, the first in the lowest bits
// (of 4-bit integers, byte j holds element j below and element j + 4 above). Elements beyond the end
// are zero, so that vector loads may read the padding.
// Bindings: 0 the tensor as words, 1 the parameters. A text of each format follows, which packs the elements
// of one word.

struct Parameters {
    first_key: u32,
    second_key: u32,
    limit: u32,
    elements: u32,
    words: u32,
    step: f32, // 2^(scale - shift), exact
    distribution: u32, // 0 uniform, 1 normal, 2 zeros, 3 sparse
    first: u32, // element at which the bound part of the tensor begins
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

fn element(place: u32) -> f32 {
    let index = parameters.first + place;
    if index >= parameters.elements {
        return 0.0;
    }
    let hash = mix(mix(index ^ parameters.first_key) + parameters.second_key);
    var k = i32(hash % (2u * parameters.limit + 1u)) - i32(parameters.limit);
    switch parameters.distribution {
        case 1u: {
            // A sum of four bytes, 0 to 1020; of a large limit the upper 20 bits, so that nothing overflows.
            let sum = (hash & 0xffu) + ((hash >> 8u) & 0xffu) + ((hash >> 16u) & 0xffu) + (hash >> 24u);
            let bits = 32u - countLeadingZeros(parameters.limit);
            let shift = max(bits, 20u) - 20u;
            let limit = parameters.limit >> shift;
            k = (i32((2u * sum + 1u) * (2u * limit + 1u) / 2042u) - i32(limit)) * i32(1u << shift);
        }
        case 2u: {
            k = 0;
        }
        case 3u: {
            // Four bits for each of six ways to keep two of four.
            let group = mix(mix((index / 4u) ^ parameters.second_key) + parameters.first_key);
            let kept = 0x00ca6953u >> (4u * (group % 6u));
            k = select(0, k, ((kept >> (index % 4u)) & 1u) == 1u);
        }
        default: {}
    }
    return f32(k) * parameters.step;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = id.y * groups.x * 64u + id.x;
    if word >= parameters.words {
        return;
    }
    words[word] = packed(word);
}
