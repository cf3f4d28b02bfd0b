// Exact values: the lower half of the f32 is zero.
fn packed(word: u32) -> u32 {
    let low = bitcast<u32>(element(2u * word)) >> 16u;
    return low | (bitcast<u32>(element(2u * word + 1u)) & 0xffff0000u);
}
