//! Loops counted by hand, instruction by instruction, against what the readers say.
//!
//! Each file of `counted` is the text of a real compiler (Mesa 26.1.6) for one kernel of portamark, as it was on
//! 2026-11-30: the hot loop whole, of the rest only labels and branches. Each line begins with a letter that was set by
//! hand from the instruction set's manual, a space outside of the hot loop. The shares below are worked out by hand too.

use portamark_inspect::{Ceiling, Class, Compiler, Loop, ceiling, chip, instructions, loops};
use std::fs;
use std::path::Path;

/// Class of each letter.
const LETTERS: &[(char, Class)] = &[
    ('M', Class::Matrix),
    ('F', Class::MultiplyAdd),
    ('C', Class::Conversion),
    ('A', Class::Arithmetic),
    ('H', Class::Shuffle),
    ('S', Class::Scalar),
    ('l', Class::WorkgroupLoad),
    ('s', Class::WorkgroupStore),
    ('g', Class::GlobalLoad),
    ('k', Class::ConstantLoad),
    ('b', Class::Barrier),
    ('w', Class::Wait),
    ('j', Class::Branch),
];

/// Reads a file: the text, and line and class of each instruction of the hot loop.
fn counted(name: &str) -> (String, Vec<(usize, Class)>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/counted").join(name);
    let whole = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = whole.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let class = |line: &str| {
        let letter = line.chars().next().unwrap();
        LETTERS.iter().find(|(known, _)| *known == letter).map(|(_, class)| *class)
    };
    let of_loop = lines.iter().enumerate().filter_map(|(at, line)| Some((at, class(line)?)));
    let text: Vec<&str> = lines.iter().map(|line| &line[2..]).collect();
    (text.join("\n"), of_loop.collect())
}

/// Checks each instruction of the hot loop, and returns the loop and its ceiling.
fn checked(name: &str, compiler: Compiler, on: &str, subgroup: u32) -> (Loop, Ceiling) {
    let (text, by_hand) = counted(name);
    let hot = loops(&instructions(compiler, &text)).remove(0);
    let told: Vec<(usize, Class)> = hot.instructions.iter().map(|one| (one.line, one.class)).collect();
    assert!(by_hand.len() > 20, "{name}: {} instructions", by_hand.len());
    for (hand, told) in by_hand.iter().zip(&told) {
        assert_eq!(hand, told, "{name}: {}", text.lines().nth(hand.0).unwrap());
    }
    assert_eq!(by_hand.len(), told.len(), "{name}");
    let found = ceiling(chip(on).unwrap().scheduler, &hot, subgroup).unwrap();
    (hot, found)
}

fn share(found: Ceiling, unit: f64, port: f64) {
    assert!((found.share - unit / port).abs() < 1e-12, "{} and not {}", found.share, unit / port);
}

#[test]
fn a_product_on_radv() {
    let (hot, found) = checked("navi31_product.txt", Compiler::Radv, "navi31", 64);
    // 256 multiply-adds of two operands in one cycle each; six moves in one. The block that fetches the next tile (seven
    // instructions of the vector unit) is left out in the last pass, so it is not in the bound.
    share(found, 256.0, 256.0 + 6.0);
    assert_eq!(hot.mix().mean_width(Class::WorkgroupLoad), Some(8.0));
    assert_eq!(hot.mix().mean_width(Class::GlobalLoad), Some(16.0));
}

#[test]
fn a_product_on_the_matrix_unit_of_nvk() {
    let (hot, found) = checked("ampere_product.txt", Compiler::Nvk, "ampere", 32);
    // Two products of 16 x 8 x 16: 4096 operations each at 128 in a cycle. 119 instructions are issued.
    share(found, 2.0 * 32.0, 119.0);
    assert_eq!(hot.mix().mean_width(Class::GlobalLoad), Some(2.0));
}

#[test]
fn attention_on_radv() {
    let (hot, found) = checked("navi31_attention.txt", Compiler::Radv, "navi31", 64);
    // 16 mixed multiply-adds of two cycles, for which both sets of lanes would take one. Beside them add3, min, lshl_add
    // and cmp of two cycles, lshlrev of one, and three additions across lanes of two. The block that one lane of eight
    // stores in is not in every pass.
    share(found, 16.0, 32.0 + 4.0 * 2.0 + 1.0 + 3.0 * 2.0);
    assert_eq!(hot.mix().mean_width(Class::GlobalLoad), Some(16.0));
}

#[test]
fn attention_on_nvk() {
    let (hot, found) = checked("ampere_attention.txt", Compiler::Nvk, "ampere", 32);
    // 105 instructions, five of them in the block in which one lane stores.
    share(found, 15.0, 105.0 - 5.0);
    assert_eq!(hot.mix().mean_width(Class::GlobalLoad), Some(4.0));
}

#[test]
fn a_gemv_on_radv() {
    let (_, found) = checked("navi31_gemv.txt", Compiler::Radv, "navi31", 64);
    // 4 mixed multiply-adds of two cycles; add_lshl and cmpx of two, lshlrev and two additions of one.
    share(found, 4.0, 8.0 + 2.0 * 2.0 + 3.0);
}

#[test]
fn a_gemv_on_nvk() {
    let (_, found) = checked("ampere_gemv.txt", Compiler::Nvk, "ampere", 32);
    // Four instructions of the head, 21 of the block that works, four of the last; six of the block that ends the loop are
    // on another way.
    share(found, 2.0, 4.0 + 21.0 + 4.0);
}

#[test]
fn a_product_on_turnip() {
    let (hot, found) = checked("adreno750_product.txt", Compiler::Turnip, "adreno-750", 64);
    // 128 multiply-adds, each repeated once. Of 38 others of categories 1 to 3, nine are in the block that fetches the next
    // tile, which is left out in the last pass.
    share(found, 256.0, 256.0 + 38.0 - 9.0);
    assert_eq!(hot.mix().count(Class::MultiplyAdd), 256);
    assert_eq!(hot.mix().mean_width(Class::GlobalLoad), Some(16.0));
    // Eight stores of one word, and two of four.
    assert_eq!(hot.mix().mean_width(Class::WorkgroupStore), Some(6.4));
}

#[test]
fn attention_on_turnip() {
    let (hot, found) = checked("adreno750_attention.txt", Compiler::Turnip, "adreno-750", 64);
    // 72 multiply-adds and 28 that are repeated once. Eight additions of floats are repeated once, one of integers twice,
    // and there are 20 more instructions.
    share(found, 72.0 + 28.0 * 2.0, 128.0 + 8.0 * 2.0 + 3.0 + 20.0);
    assert_eq!(hot.mix().mean_width(Class::WorkgroupLoad), Some(16.0));
}

#[test]
fn a_gemv_on_turnip() {
    let (hot, found) = checked("adreno750_gemv.txt", Compiler::Turnip, "adreno-750", 64);
    // 26 instructions of categories 2 and 3, and eight conversions, one of them repeated twice.
    share(found, 1.0, 1.0 + 26.0 + 7.0 + 3.0);
    assert_eq!(hot.mix().count(Class::Conversion), 10);
    // Of each vector of four, one word is written.
    assert_eq!(hot.mix().mean_width(Class::GlobalLoad), Some(4.0));
}

#[test]
fn a_product_on_honeykrisp() {
    let (_, found) = checked("m1_product.txt", Compiler::Honeykrisp, "apple-m1", 32);
    // One multiply-add of 21 instructions, two of which wait.
    share(found, 1.0, 21.0 - 2.0);
}

#[test]
fn attention_on_honeykrisp() {
    let (hot, found) = checked("m1_attention.txt", Compiler::Honeykrisp, "apple-m1", 32);
    // 17 operations on integers and 16 on floats, 12 loads, and three instructions of the loop itself.
    share(found, 128.0, 128.0 + 17.0 + 16.0 + 12.0 + 3.0);
    assert_eq!(hot.mix().count(Class::MultiplyAdd), 128);
    // Four loads of four words, eight of four halves.
    assert_eq!(hot.mix().mean_width(Class::WorkgroupLoad), Some((4.0 * 16.0 + 8.0 * 8.0) / 12.0));
}

#[test]
fn a_gemv_on_honeykrisp() {
    let (hot, found) = checked("m1_gemv.txt", Compiler::Honeykrisp, "apple-m1", 32);
    // 83 instructions, eight of which wait.
    share(found, 8.0, 83.0 - 8.0);
    // Words of two halves.
    assert_eq!(hot.mix().mean_width(Class::GlobalLoad), Some(4.0));
}
