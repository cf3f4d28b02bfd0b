fn packed(word: u32) -> u32 {
    return bitcast<u32>(i32(element(word)));
}
