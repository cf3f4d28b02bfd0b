//! Text of RADV: what LLVM's disassembler prints of the program, one instruction a line behind a tab, with its encoding
//! behind a semicolon; blocks begin with `BB7:`.
//!
//! Mnemonics are those of AMD's ISA guides ("Polaris" = GCN 3 to "RDNA 4"). LDS instructions are `ds_read`, `ds_write`
//! up to RDNA 2 and `ds_load`, `ds_store` after; the words for widths change from `dwordx4` to `b128` likewise.

use super::matrix_name;
use crate::flow::{Block, Program};
use crate::instruction::{Class, Instruction};

/// Reads the text.
pub fn read(text: &str) -> Program {
    let mut blocks = vec![Block { falls_through: true, ..Block::default() }];
    for (number, line) in text.lines().enumerate() {
        let line = line.split(';').next().unwrap_or_default().trim();
        if let Some(label) = line.strip_suffix(':') {
            blocks.push(Block { label: label.into(), falls_through: true, ..Block::default() });
            continue;
        }
        let block = blocks.last_mut().expect("one at least");
        // A row of equal instructions: `(then repeated 5 times)`.
        if let Some(rest) = line.strip_prefix("(then repeated ") {
            let times = rest.split(' ').next().and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
            if let Some(last) = block.instructions.last_mut() {
                last.repeat = last.repeat.saturating_add(times);
            }
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        // Two operations of one instruction: `v_dual_fmac_f32 v0, v1, v2 :: v_dual_mul_f32 v3, v4, v5`.
        let second = line.split_once("::").and_then(|(_, second)| second.split_whitespace().next());
        block.instructions.push(instruction(name, second, number));
        if name.starts_with("s_cbranch") || name == "s_branch" {
            block.next.extend(words.next().map(String::from));
        }
        if matches!(name, "s_branch" | "s_endpgm" | "s_setpc_b64") {
            block.falls_through = false;
        }
        if !block.next.is_empty() || !block.falls_through {
            blocks.push(Block { falls_through: true, ..Block::default() });
        }
    }
    Program { blocks }
}

fn instruction(name: &str, second: Option<&str>, line: usize) -> Instruction {
    let class = class(name);
    // Of two operations, the multiply-add tells more.
    let class = match second.map(self::class) {
        Some(Class::MultiplyAdd) => Class::MultiplyAdd,
        _ => class,
    };
    let whole = second.map_or(name.to_string(), |second| format!("{name} :: {second}"));
    Instruction::new(&whole, class, line)
        .of_bytes(if memory(class) { bytes(name) } else { 0 })
        .of_flop(if class == Class::Matrix { matrix_name::flop(name).unwrap_or(0) } else { 0 })
}

fn memory(class: Class) -> bool {
    matches!(
        class,
        Class::WorkgroupLoad
            | Class::WorkgroupStore
            | Class::GlobalLoad
            | Class::GlobalStore
            | Class::ConstantLoad
            | Class::Scratch
    )
}

fn class(name: &str) -> Class {
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if begins(&["v_wmma", "v_swmmac", "v_mfma", "v_smfmac"]) {
        Class::Matrix
    } else if begins(&[
        "v_fma",
        "v_fmac",
        "v_pk_fma",
        "v_mac_f",
        "v_mad_f",
        "v_mad_mix",
        "v_madak",
        "v_madmk",
    ]) || begins(&["v_dot", "v_dual_fma", "v_dual_dot"])
    {
        Class::MultiplyAdd
    } else if begins(&["v_cvt"]) {
        Class::Conversion
    } else if begins(&["v_permlane", "v_readlane", "v_writelane", "ds_bpermute", "ds_permute", "ds_swizzle"])
        || name.ends_with("_dpp")
    {
        Class::Shuffle
    } else if begins(&["v_"]) {
        Class::Arithmetic
    } else if begins(&["ds_load", "ds_read"]) {
        Class::WorkgroupLoad
    } else if begins(&["ds_"]) {
        Class::WorkgroupStore
    } else if begins(&["scratch_"]) {
        Class::Scratch
    } else if begins(&["buffer_load", "global_load", "flat_load", "image_load", "tbuffer_load"]) {
        Class::GlobalLoad
    } else if begins(&["buffer_", "global_", "flat_", "image_", "tbuffer_"]) {
        Class::GlobalStore
    } else if begins(&["s_load", "s_buffer_load", "s_scratch_load"]) {
        Class::ConstantLoad
    } else if begins(&["s_barrier"]) {
        Class::Barrier
    } else if begins(&[
        "s_wait",
        "s_delay_alu",
        "s_nop",
        "s_clause",
        "s_set_inst_prefetch",
        "s_inst_prefetch",
    ]) {
        Class::Wait
    } else if begins(&["s_cbranch", "s_branch", "s_endpgm", "s_setpc"]) {
        Class::Branch
    } else if begins(&["s_"]) {
        Class::Scalar
    } else {
        Class::Other
    }
}

/// Bytes of one invocation, from the width in the name: `ds_load_2addr_b64` loads two times eight.
fn bytes(name: &str) -> u32 {
    let times =
        if name.contains("2addr") || name.contains("read2") || name.contains("write2") { 2 } else { 1 };
    let widths = [
        ("dwordx16", 64),
        ("dwordx8", 32),
        ("dwordx4", 16),
        ("dwordx3", 12),
        ("dwordx2", 8),
        ("dword", 4),
        ("b512", 64),
        ("b256", 32),
        ("b128", 16),
        ("b96", 12),
        ("b64", 8),
        ("b32", 4),
        ("short", 2),
        ("ubyte", 1),
        ("sbyte", 1),
        ("byte", 1),
        ("16", 2),
        ("8", 1),
    ];
    widths.iter().find(|(word, _)| name.contains(word)).map_or(4, |(_, bytes)| bytes * times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::loops;

    fn one(name: &str) -> (Class, u32) {
        let one = instruction(name, None, 0);
        (one.class, one.bytes)
    }

    #[test]
    fn mnemonics_of_all_generations_have_their_class_and_width() {
        assert_eq!(one("v_mac_f32_e32").0, Class::MultiplyAdd);
        assert_eq!(one("v_fma_mix_f32").0, Class::MultiplyAdd);
        assert_eq!(one("v_dot4_i32_iu8").0, Class::MultiplyAdd);
        // Integer arithmetic of addresses, and not the multiply-add that is counted.
        assert_eq!(one("v_mad_u32_u24").0, Class::Arithmetic);
        assert_eq!(one("v_mad_u64_u32").0, Class::Arithmetic);
        assert_eq!(one("v_cvt_f32_ubyte1_e32").0, Class::Conversion);
        assert_eq!(one("v_add_f32_dpp").0, Class::Shuffle);
        assert_eq!(one("ds_load_b64"), (Class::WorkgroupLoad, 8));
        assert_eq!(one("ds_read2_b32"), (Class::WorkgroupLoad, 8));
        assert_eq!(one("ds_load_2addr_b64"), (Class::WorkgroupLoad, 16));
        assert_eq!(one("ds_load_u16_d16_hi"), (Class::WorkgroupLoad, 2));
        assert_eq!(one("ds_write_b128"), (Class::WorkgroupStore, 16));
        assert_eq!(one("buffer_load_dwordx4"), (Class::GlobalLoad, 16));
        assert_eq!(one("buffer_load_d16_b16"), (Class::GlobalLoad, 2));
        assert_eq!(one("global_load_u8"), (Class::GlobalLoad, 1));
        assert_eq!(one("buffer_store_dword"), (Class::GlobalStore, 4));
        assert_eq!(one("scratch_load_b32"), (Class::Scratch, 4));
        assert_eq!(one("s_buffer_load_dwordx8"), (Class::ConstantLoad, 32));
        assert_eq!(one("s_wait_dscnt").0, Class::Wait);
        assert_eq!(one("s_waitcnt_depctr").0, Class::Wait);
        assert_eq!(one("s_barrier_signal").0, Class::Barrier);
        assert_eq!(one("s_fmac_f32").0, Class::Scalar);
        assert_eq!(instruction("v_wmma_f32_16x16x16_f16", None, 0).matrix_flop, 8192);
    }

    #[test]
    fn a_loop_is_read_with_its_branch_and_its_two_operations_in_one() {
        let text = "BB0:\n\ts_mov_b32 s0, 0            ; be800080\n\ts_branch BB1\nBB6:\n\tv_mov_b32_e32 v1, v2\nBB1:\n\
                    \tds_load_b128 v[0:3], v9 offset:16 ; d\n\
                    \tv_dual_mul_f32 v4, v5, v6 :: v_dual_fmac_f32 v7, v8, v9 ; c8\n\
                    \ts_cbranch_scc0 BB6                  ; bfa1fa73\nBB7:\n\ts_endpgm\n";
        let program = read(text);
        let found = loops(&program);
        assert_eq!(found.len(), 1);
        let mix = found[0].mix();
        assert_eq!(mix.to_string(), "1 multiply-add, 1 arithmetic, 1 workgroup load (16 B), 1 branch");
        assert_eq!(found[0].instructions[2].name, "v_dual_mul_f32 :: v_dual_fmac_f32");
    }
}
