// Fills an output with a NaN that no kernel produces; what still holds it later was not written.
// Bindings: 0 the output as words, 1 the parameters.

struct Parameters {
    pattern: u32,
    words: u32,
}

@group(0) @binding(0) var<storage, read_write> words: array<u32>;
@group(0) @binding(1) var<storage, read> parameters: Parameters;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let word = id.y * groups.x * 64u + id.x;
    if word < parameters.words {
        words[word] = parameters.pattern;
    }
}
