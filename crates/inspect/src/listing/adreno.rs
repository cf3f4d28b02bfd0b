//! Text of ir3, the compiler of Turnip: `(sy)(ss)(rpt1)mad.f32 r15.w, r29.y, (r)r37.y, (r)r15.w`. `(rptN)` stands for
//! N + 1 equal instructions on the registers that follow, `(nopN)` for N empty slots. Labels are `l252:`; branches are
//! `br !p0.y, #l309` and `jump #l252`.
//!
//! The instruction set is described in Mesa (`docs/drivers/freedreno/ir3-notes.rst`, `src/freedreno/isa/*.xml`).

use crate::flow::{Block, Program};
use crate::instruction::{Class, Instruction};
use regex::Regex;
use std::sync::LazyLock;

/// Reads the text.
pub fn read(text: &str) -> Program {
    let mut blocks = vec![Block { falls_through: true, ..Block::default() }];
    // The preamble, from `shps #l24` to `shpe`, runs once for many subgroups and is no part of the program of each.
    let mut preamble = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '@']) || line.starts_with("Native code") {
            continue;
        }
        if let Some(label) = line.strip_suffix(':').filter(|label| !label.contains(' ')) {
            blocks.push(Block { label: label.into(), falls_through: true, ..Block::default() });
            continue;
        }
        let block = blocks.last_mut().expect("one at least");
        let Some(one) = instruction(line, number) else { continue };
        let inside = preamble || one.name == "shps";
        preamble = inside && one.name != "shpe";
        if inside {
            continue;
        }
        let (name, target) =
            (one.name.clone(), line.rsplit_once('#').map(|(_, label)| label.trim().to_string()));
        block.instructions.push(one);
        // Predication skips instructions of the same block: no branch.
        let branches =
            matches!(name.as_str(), "br" | "brao" | "braa" | "brac" | "jump" | "getone" | "getlast");
        if branches || name.starts_with("getlast") {
            block.next.extend(target);
            block.falls_through = name != "jump";
            blocks.push(Block { falls_through: true, ..Block::default() });
        } else if name == "end" {
            block.falls_through = false;
            blocks.push(Block { falls_through: true, ..Block::default() });
        }
    }
    Program { blocks }
}

fn instruction(line: &str, number: usize) -> Option<Instruction> {
    static FLAGS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?:\([a-z]+\d*\))*").expect("valid"));
    static REPEAT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\(rpt(\d+)\)").expect("valid"));
    let flags = FLAGS.find(line).map_or("", |found| found.as_str());
    let name = line[flags.len()..].split_whitespace().next()?;
    let repeat = REPEAT.captures(flags).and_then(|found| found[1].parse::<u32>().ok()).unwrap_or(0) + 1;
    let class = class(name);
    let loads =
        [Class::WorkgroupLoad, Class::WorkgroupStore, Class::GlobalLoad, Class::GlobalStore, Class::Scratch];
    let bytes = if loads.contains(&class) { bytes(name, line) } else { 0 };
    Some(Instruction::new(name, class, number).of_bytes(bytes).times(repeat))
}

fn class(name: &str) -> Class {
    let (word, _) = name.split_once('.').unwrap_or((name, ""));
    match word {
        "mad" | "madsh" if name.starts_with("mad.f") => Class::MultiplyAdd,
        "dp4acc" | "dp2acc" => Class::MultiplyAdd,
        "cov" => Class::Conversion,
        "shfl" | "brcst" | "quad_shuffle" => Class::Shuffle,
        "ldl" | "ldlw" | "ldlv" => Class::WorkgroupLoad,
        "stl" | "stlw" => Class::WorkgroupStore,
        "ldp" | "stp" => Class::Scratch,
        "isam" | "ldib" | "ldg" | "sam" | "isaml" => Class::GlobalLoad,
        "stib" | "stg" | "atomic" => Class::GlobalStore,
        "ldc" | "ldcu" | "stc" | "resinfo" => Class::ConstantLoad,
        "bar" | "fence" => Class::Barrier,
        "nop" => Class::Wait,
        "br" | "brao" | "braa" | "brac" | "jump" | "end" | "shps" | "shpe" | "getone" | "predt" | "prede"
        | "predf" | "kill" => Class::Branch,
        word if word.starts_with("getlast") => Class::Branch,
        "mova" | "mova1" => Class::Scalar,
        _ => Class::Arithmetic,
    }
}

/// Bytes of one invocation: components times the width of their format. `stib.b.untyped.1d.u32.4.imm` stores four words,
/// `ldl.u32 r1.x, l[r0.x], 4` loads four.
fn bytes(name: &str, line: &str) -> u32 {
    let parts: Vec<&str> = name.split('.').collect();
    let format =
        |part: &&str| matches!(*part, "u32" | "f32" | "s32" | "u16" | "f16" | "s16" | "u8" | "b32" | "b16");
    let width = match parts.iter().find(|part| format(part)) {
        Some(part) if part.ends_with("16") => 2,
        Some(part) if part.ends_with('8') => 1,
        _ => 4,
    };
    let components = if name.starts_with("isam") {
        // The components that are written stand behind the result, as in `isam.v.base0 (f32)(xyzw)r1.x`.
        let mask = line
            .split(['(', ')'])
            .find(|part| !part.is_empty() && part.bytes().all(|b| b"xyzw".contains(&b)));
        mask.map_or(1, str::len) as u32
    } else if name.starts_with("stib") || name.starts_with("ldib") {
        parts.iter().find_map(|part| part.parse::<u32>().ok()).unwrap_or(1)
    } else {
        line.rsplit([',', ' ']).next().and_then(|count| count.trim().parse().ok()).unwrap_or(1)
    };
    width * components.clamp(1, 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::loops;

    #[test]
    fn repeated_instructions_count_as_often_as_they_are_issued() {
        let text = "Native code for unnamed CL shader\n; num_ubos: 0\n@in(r48.x)\tin0 (wrmask=0x7)\nmov.u32u32 r48.w, 4096\n\
                    l309:\nldl.u32 r29.y, l[r0.x], 4\n(rpt1)mad.f32 r15.w, r29.y, (r)r37.y, (r)(last)r15.w\n\
                    (sy)(ss)(nop2) mad.f32 r1.x, r2.x, r3.x, r1.x\n(sy)(ss)br p0.y, #l400\njump #l309\nl400:\n\
                    stib.b.untyped.1d.u32.4.imm.base0 r0.x, r1.x, 0\nend\n";
        let program = read(text);
        let found = loops(&program);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mix().to_string(), "3 multiply-add, 2 branch, 1 workgroup load (16 B)");
        let with_preamble = format!("shps #l24\ngetone #l24\nmov.u32u32 r1.x, 1\n(sy)(ss)shpe\nl24:\n{text}");
        let count = |text: &str| read(text).instructions().count();
        assert_eq!(count(&with_preamble), count(text));
        let store = program.instructions().find(|one| one.class == Class::GlobalStore).unwrap();
        assert_eq!(store.bytes, 16);
    }
}
