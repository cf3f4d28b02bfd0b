fn packed(word: u32) -> u32 {
    var bytes = 0u;
    for (var j = 0u; j < 4u; j++) {
        bytes |= (bitcast<u32>(i32(element(4u * word + j))) & 0xffu) << (8u * j);
    }
    return bytes;
}
