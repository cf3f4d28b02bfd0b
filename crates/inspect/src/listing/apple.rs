//! Text of Mesa's compiler for Apple GPUs: what Honeykrisp prints with `AGX_MESA_DEBUG=shaders`. It prints each program
//! several times while it works on it; read is the last one of the main program, with registers assigned:
//! `block7 {`, `$r0...r3 = device_load u0:u1, #9, xyzw, #0x0, slot 0`, `} -> block1 from block5 block6`. The preamble,
//! a program of its own that runs once before all others, stores uniforms.
//!
//! The instruction set is described in Dougall Johnson's "Apple G13 GPU Architecture Reference".

use crate::flow::{Block, Program};
use crate::instruction::{Class, Instruction};

/// Reads the text.
pub fn read(text: &str) -> Program {
    let mut programs: Vec<Program> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(label) = line.strip_suffix(" {").filter(|label| is_label(label)) {
            if label == "block0" {
                programs.push(Program::default());
            }
            if let Some(program) = programs.last_mut() {
                program.blocks.push(Block { label: label.into(), ..Block::default() });
                inside = true;
            }
            continue;
        }
        let Some(block) =
            programs.last_mut().and_then(|program| program.blocks.last_mut()).filter(|_| inside)
        else {
            continue;
        };
        if let Some(end) = line.strip_prefix('}') {
            let next = end.split(" from ").next().unwrap_or_default();
            block.next = next.split_whitespace().filter(|word| is_label(word)).map(String::from).collect();
            inside = false;
        } else {
            block.instructions.extend(instruction(line, number));
        }
    }
    let is_preamble = |program: &Program| program.instructions().any(|one| one.name == "uniform_store");
    programs.into_iter().rev().find(|program| !is_preamble(program)).unwrap_or_default()
}

fn is_label(word: &str) -> bool {
    word.strip_prefix("block")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn instruction(line: &str, number: usize) -> Option<Instruction> {
    let operation = line.split_once(" = ").map_or(line, |(_, operation)| operation);
    let name = operation.split([' ', ',']).next().filter(|name| !name.is_empty())?;
    // Of no instruction: they say where values come from, and the last pass has only few left.
    if matches!(name, "phi" | "split" | "collect" | "begin_cf" | "logical_end" | "preload" | "export") {
        return None;
    }
    let class = match name {
        "ffma" | "hfma" | "fma" => Class::MultiplyAdd,
        "simd_matrix_fmul" | "simd_matrix_fma" => Class::Matrix,
        "convert" => Class::Conversion,
        "local_load" => Class::WorkgroupLoad,
        "local_store" | "local_atomic" => Class::WorkgroupStore,
        "device_load" => Class::GlobalLoad,
        "device_store" | "atomic" | "image_write" => Class::GlobalStore,
        "stack_load" | "stack_store" | "stack_adjust" => Class::Scratch,
        "uniform_store" => Class::ConstantLoad,
        "threadgroup_barrier" | "memory_barrier" | "memory_barrier_2" | "memory_barrier_3" => Class::Barrier,
        "wait" | "nop" | "no_varyings" | "trap" => Class::Wait,
        "stop" | "get_sr" => {
            if name == "stop" {
                Class::Branch
            } else {
                Class::Scalar
            }
        }
        name if name.starts_with("jmp") || name.starts_with("if_") || name.starts_with("else_") => {
            Class::Branch
        }
        name if name.starts_with("while_") || name.starts_with("pop_exec") || name.starts_with("break_") => {
            Class::Branch
        }
        name if name.starts_with("shuffle") || name.starts_with("simd_") || name.starts_with("quad_") => {
            Class::Shuffle
        }
        _ => Class::Arithmetic,
    };
    let loads =
        [Class::WorkgroupLoad, Class::WorkgroupStore, Class::GlobalLoad, Class::GlobalStore, Class::Scratch];
    let bytes = if loads.contains(&class) { bytes(line) } else { 0 };
    Some(Instruction::new(name, class, number).of_bytes(bytes))
}

/// Bytes of one invocation: as many components as are named (`xyzw`), of 32 bits, or of 16 if the register that holds the
/// first of them is half of one, as in `$r68l...r69h = local_load r68l, #0, xyzw, #0x0`. A byte is read into a half, too.
fn bytes(line: &str) -> u32 {
    let (result, operation) = line.split_once(" = ").unwrap_or(("", line));
    let is_mask = |word: &&str| !word.is_empty() && "xyzw".starts_with(*word);
    let mask = operation.split([',', ' ']).map(str::trim).find(is_mask);
    // A store names what it stores first.
    let stored = || operation.split([' ', ',']).nth(1).unwrap_or_default();
    let register = if result.is_empty() { stored() } else { result };
    let first = register.split("...").next().unwrap_or_default();
    let width = if first.trim_start_matches(['$', '^']).starts_with('r') && first.ends_with(['l', 'h']) {
        2
    } else {
        4
    };
    width * mask.map_or(1, str::len) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::loops;

    #[test]
    fn the_last_text_of_the_main_program_is_read_and_not_its_preamble() {
        let text = "shader: MESA_SHADER_COMPUTE\n    block b0:  // preds:\nblock0 {\n   4 = ffma 1, 2, 3\n} -> block1\n\n\
                    block0 {\n   r4 = mov1 r0, #0\n} -> block1\n\nblock1 {\n   r0...r3 = local_load r9h, #0, xyzw, #0x0\n\
                    \x20  r4 = ffma r0, r1, r4\n   jmp_exec_any #0x55\n} -> block1 block2  from block0 block1\n\n\
                    block2 {\n   device_store r4, u0:u1, r5, x, #0x0, slot 0\n   stop \n}\n\n\
                    block0 {\n   uniform_store ^r4...r5, #12, xy, #0x0\n   stop \n}\n   0: 3800  wait a\n";
        let program = read(text);
        assert_eq!(program.blocks.len(), 3);
        let found = loops(&program);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mix().to_string(), "1 multiply-add, 1 workgroup load (16 B), 1 branch");
        let store = program.instructions().find(|one| one.class == Class::GlobalStore).unwrap();
        assert_eq!(store.bytes, 4);
        let of = |line: &str| instruction(line, 0).unwrap().bytes;
        assert_eq!(of("$r68l...r69h = local_load r68l, #0, xyzw, #0x0"), 8);
        assert_eq!(of("$r0h = device_load r10:r11, r9.abs, x, #0x0, slot 0"), 2);
        assert_eq!(of("$r72...r75 = local_load r69l, #0, xyzw, #0x0"), 16);
        assert_eq!(of("local_store $r4h, r9l, #0, x, #0x0"), 2);
    }
}
