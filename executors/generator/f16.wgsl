fn packed(word: u32) -> u32 {
    return pack2x16float(vec2<f32>(element(2u * word), element(2u * word + 1u)));
}
