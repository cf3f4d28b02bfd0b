//! Text of NAK, the compiler of NVK. Blocks are `block.u 3 L4 [1, 2] -> {`: number, label, and the numbers of the blocks
//! before it. Instructions are `@!p0 r1 = ffma.ftz r2 r3 r1 // delay=1 wt=000001`: predicate, results, mnemonic, operands.
//!
//! Mnemonics are those of NVIDIA's cuobjdump ("CUDA Binary Utilities", instruction set reference) in lower case, with
//! memory spaces in words: `ld.shared.strong.cta.b128`. A result in `ur4` is in a uniform register.

use super::matrix_name;
use crate::flow::{Block, Program};
use crate::instruction::{Class, Instruction};
use std::collections::BTreeMap;

/// Reads the text.
pub fn read(text: &str) -> Program {
    let mut blocks: Vec<Block> = Vec::new();
    let mut labels: BTreeMap<String, usize> = BTreeMap::new();
    // Blocks before each block, by their numbers.
    let mut before: Vec<Vec<String>> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if line.starts_with("block") && line.ends_with('{') {
            let words: Vec<&str> = line.split_whitespace().collect();
            let own = words.get(1).unwrap_or(&"").to_string();
            let listed = line.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
            before.push(
                listed.map_or("", |(list, _)| list).split(',').map(|one| one.trim().to_string()).collect(),
            );
            labels.insert(own.clone(), blocks.len());
            blocks.push(Block { label: own, ..Block::default() });
            continue;
        }
        let Some(block) = blocks.last_mut() else { continue };
        block.instructions.extend(instruction(line, number));
    }
    for (at, before) in before.iter().enumerate() {
        let own = blocks[at].label.clone();
        for number in before {
            if let Some(from) = labels.get(number) {
                blocks[*from].next.push(own.clone());
            }
        }
    }
    Program { blocks }
}

fn instruction(line: &str, number: usize) -> Option<Instruction> {
    let line = match line.strip_prefix('@') {
        Some(guarded) => guarded.split_once(' ').map_or("", |(_, rest)| rest).trim(),
        None => line,
    };
    let (results, operation) = line.split_once(" = ").unwrap_or(("", line));
    let name = operation.split_whitespace().next().filter(|name| *name != "}")?;
    let uniform = results.trim_start().starts_with("ur") || results.trim_start().starts_with("up");
    let class = class(name, uniform);
    let loads = [
        Class::WorkgroupLoad,
        Class::WorkgroupStore,
        Class::GlobalLoad,
        Class::GlobalStore,
        Class::ConstantLoad,
        Class::Scratch,
    ];
    let bytes = if loads.contains(&class) { bytes(name) } else { 0 };
    let flop = if class == Class::Matrix { matrix_name::flop(name).unwrap_or(0) } else { 0 };
    Some(Instruction::new(name, class, number).of_bytes(bytes).of_flop(flop))
}

fn class(name: &str, uniform: bool) -> Class {
    let (word, rest) = name.split_once('.').unwrap_or((name, ""));
    match word {
        "hmma" | "imma" | "bmma" | "dmma" | "qmma" => Class::Matrix,
        "ffma" | "hfma2" | "dfma" | "idp4" | "idp2" | "fswzadd" => Class::MultiplyAdd,
        "f2f" | "f2i" | "i2f" | "i2i" | "f2fp" | "frnd" => Class::Conversion,
        "shfl" | "vote" | "movm" | "redux" | "match" => Class::Shuffle,
        "ldsm" => Class::WorkgroupLoad,
        "ld" if rest.starts_with("shared") => Class::WorkgroupLoad,
        "st" if rest.starts_with("shared") => Class::WorkgroupStore,
        "atoms" => Class::WorkgroupStore,
        "ld" | "st" if rest.starts_with("local") => Class::Scratch,
        "ld" => Class::GlobalLoad,
        "st" | "atom" | "red" => Class::GlobalStore,
        "ldc" | "ldcu" => Class::ConstantLoad,
        "bar" | "membar" => Class::Barrier,
        "bra" | "exit" | "bssy" | "bsync" | "bclear" | "break" | "brx" | "call" | "ret" | "warpsync" => {
            Class::Branch
        }
        "nop" | "depbar" => Class::Wait,
        "s2r" | "s2ur" | "cs2r" | "r2ur" => Class::Scalar,
        _ if uniform => Class::Scalar,
        _ => Class::Arithmetic,
    }
}

/// Bytes of one invocation. `ldsm.16.m8n8.x4` loads four matrices of 8 by 8 elements of 16 bits for 32 invocations: 16
/// bytes each.
fn bytes(name: &str) -> u32 {
    let ends = |word: &str| name.split('.').any(|part| part == word);
    if name.starts_with("ldsm") {
        return match name {
            _ if ends("x4") => 16,
            _ if ends("x2") => 8,
            _ => 4,
        };
    }
    let widths =
        [("b128", 16), ("b64", 8), ("b32", 4), ("u16", 2), ("i16", 2), ("b16", 2), ("u8", 1), ("i8", 1)];
    widths.iter().find(|(word, _)| ends(word)).map_or(4, |(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::loops;

    fn one(line: &str) -> (Class, u32) {
        let one = instruction(line, 0).unwrap();
        (one.class, one.bytes)
    }

    #[test]
    fn instructions_have_their_class_and_width() {
        assert_eq!(one("r35       = ffma.ftz r109 r5 r35").0, Class::MultiplyAdd);
        assert_eq!(one("ur1       = iadd3 ur1 ur2 rZ").0, Class::Scalar);
        assert_eq!(one("r8 p0     = iadd3 r8 c[0x1][0x0] rZ").0, Class::Arithmetic);
        assert_eq!(one("@!p0              bra pT L49").0, Class::Branch);
        assert_eq!(one("r8        = ld.global.a64.constant.b32 [r8..10], p0"), (Class::GlobalLoad, 4));
        assert_eq!(one("st.shared.strong.cta.b64 [r1] r2..4"), (Class::WorkgroupStore, 8));
        assert_eq!(one("r4..8 = ldsm.16.m8n8.x4 [r1]"), (Class::WorkgroupLoad, 16));
        assert_eq!(one("r4 = ld.local.strong.cta.b32 [r1]"), (Class::Scratch, 4));
        let product = instruction("r4..8 = hmma.m16n8k16.f32 r1..5 r6..8 r4..8", 7).unwrap();
        assert_eq!((product.class, product.matrix_flop, product.line), (Class::Matrix, 4096, 7));
        assert_eq!(instruction("}", 0), None);
    }

    #[test]
    fn blocks_are_joined_by_the_blocks_before_them() {
        let text = "block.u 0 L2 [] -> {\n   nop // delay=1\n}\nblock.u 1 L1 [0, 3] -> {\n   bra !up0 L4 // delay=1\n}\n\
                    block.u 2 L5 [1] -> {\n   exit\n}\nblock 3 L4 [1] -> {\n   r1 = ffma.ftz r2 r3 r1 // delay=1\n}\n";
        let found = loops(&read(text));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mix().to_string(), "1 multiply-add, 1 branch");
        assert_eq!(found[0].instructions[1].line, 10);
    }
}
