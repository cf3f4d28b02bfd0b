// The exponent's bias is 7 instead of 127, and 20 bits of the fraction are zero.
fn byte(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    let small = ((bits >> 24u) & 0x80u) | (((bits >> 20u) & 0x7ffu) - (120u << 3u));
    return select(small, 0u, value == 0.0);
}

fn packed(word: u32) -> u32 {
    var bytes = 0u;
    for (var j = 0u; j < 4u; j++) {
        bytes |= byte(element(4u * word + j)) << (8u * j);
    }
    return bytes;
}
