// Byte j holds element j below and element j + 4 above, each with 8 added.
fn packed(word: u32) -> u32 {
    var nibbles = 0u;
    for (var j = 0u; j < 8u; j++) {
        nibbles |= u32(i32(element(8u * word + j)) + 8) << (8u * (j % 4u) + 4u * (j / 4u));
    }
    return nibbles;
}
