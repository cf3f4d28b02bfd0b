//! Kernels of other programs, as inference programs write them.

use crate::chips::{DEADLINE, compilers, open};
use portamark_executors::Program;
use portamark_inspect::Outcome;
use portamark_runner::{Foreign, inspect_foreign};
use std::process::Command;

/// Adds 1 to the halves of a buffer. The buffer is declared twice, the workgroup and the length of its memory follow from
/// constants 0 and 3, and there are constants that are pushed.
const TEXT: &str = r#"
OpCapability Shader
OpCapability Float16
OpCapability StorageBuffer16BitAccess
OpExtension "SPV_KHR_16bit_storage"
OpMemoryModel Logical GLSL450
OpEntryPoint GLCompute %main "main" %id
OpExecutionMode %main LocalSize 1 1 1
OpDecorate %threads SpecId 0
OpDecorate %rows SpecId 3
OpDecorate %size BuiltIn WorkgroupSize
OpDecorate %id BuiltIn LocalInvocationIndex
OpDecorate %halves ArrayStride 2
OpDecorate %words ArrayStride 4
OpMemberDecorate %by_half 0 Offset 0
OpDecorate %by_half Block
OpMemberDecorate %by_word 0 Offset 0
OpDecorate %by_word Block
OpMemberDecorate %pushed 0 Offset 0
OpDecorate %pushed Block
OpDecorate %in_halves DescriptorSet 0
OpDecorate %in_halves Binding 0
OpDecorate %in_words DescriptorSet 0
OpDecorate %in_words Binding 0
%void = OpTypeVoid
%nothing = OpTypeFunction %void
%uint = OpTypeInt 32 0
%half = OpTypeFloat 16
%three = OpTypeVector %uint 3
%zero = OpConstant %uint 0
%one = OpConstant %uint 1
%one_half = OpConstant %half 0x1p+0
%scope = OpConstant %uint 2
%semantics = OpConstant %uint 264
%threads = OpSpecConstant %uint 64
%rows = OpSpecConstant %uint 1
%size = OpSpecConstantComposite %three %threads %one %one
%length = OpSpecConstantOp %uint IMul %threads %rows
%shared = OpTypeArray %uint %length
%to_shared = OpTypePointer Workgroup %shared
%to_shared_word = OpTypePointer Workgroup %uint
%kept = OpVariable %to_shared Workgroup
%to_uint = OpTypePointer Input %uint
%id = OpVariable %to_uint Input
%halves = OpTypeRuntimeArray %half
%words = OpTypeRuntimeArray %uint
%by_half = OpTypeStruct %halves
%by_word = OpTypeStruct %words
%pushed = OpTypeStruct %uint
%to_by_half = OpTypePointer StorageBuffer %by_half
%to_by_word = OpTypePointer StorageBuffer %by_word
%to_half = OpTypePointer StorageBuffer %half
%to_word = OpTypePointer StorageBuffer %uint
%to_pushed = OpTypePointer PushConstant %pushed
%to_pushed_word = OpTypePointer PushConstant %uint
%in_halves = OpVariable %to_by_half StorageBuffer
%in_words = OpVariable %to_by_word StorageBuffer
%constants = OpVariable %to_pushed PushConstant
%main = OpFunction %void None %nothing
%start = OpLabel
%lane = OpLoad %uint %id
%first = OpAccessChain %to_pushed_word %constants %zero
%offset = OpLoad %uint %first
%place = OpIAdd %uint %lane %offset
%word_at = OpAccessChain %to_word %in_words %zero %place
%word = OpLoad %uint %word_at
%kept_at = OpAccessChain %to_shared_word %kept %lane
OpStore %kept_at %word
OpControlBarrier %scope %scope %semantics
%other = OpBitwiseXor %uint %lane %one
%other_at = OpAccessChain %to_shared_word %kept %other
%of_other = OpLoad %uint %other_at
OpStore %word_at %of_other
%half_at = OpAccessChain %to_half %in_halves %zero %of_other
%old = OpLoad %half %half_at
%new = OpFAdd %half %old %one_half
OpStore %half_at %new
OpReturn
OpFunctionEnd
"#;

#[test]
fn a_kernel_that_reads_one_buffer_in_two_widths_compiles_and_its_workgroup_is_known() {
    let Some(compilers) = compilers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (text, module) = (folder.path().join("kernel.spvasm"), folder.path().join("kernel.spv"));
    std::fs::write(&text, TEXT).unwrap();
    let paths = [&text, &module].map(|path| path.to_str().unwrap());
    let words = ["--target-env", "spv1.3", paths[0], "-o", paths[1]];
    let Program { program, arguments, .. } = compilers.tool("spirv-as", &words).unwrap();
    let assembled = Command::new(program).args(arguments).output().unwrap();
    assert!(assembled.status.success(), "{}", String::from_utf8_lossy(&assembled.stderr));
    let foreign = Foreign {
        name: "kernel.spv".into(),
        bytes: std::fs::read(&module).unwrap(),
        entry: "main".into(),
        constants: vec![(0, 256), (3, 40)],
        subgroup_size: None,
    };
    for (chip, resident) in [("navi31", None), ("ampere", Some(4))] {
        let cell = inspect_foreign(&mut open(&compilers, chip), &foreign, DEADLINE);
        let Outcome::Compiled { steps } = &cell.outcome else { panic!("{chip}: {:?}", cell.outcome) };
        let statistics = &steps[0].statistics;
        // 256 · 40 words.
        assert_eq!(statistics.workgroup_bytes, Some(40_960), "{chip}");
        // Two workgroups of 8 subgroups in 100 KiB, over four schedulers.
        let of_chip = statistics.resident.map(|resident| resident.subgroups);
        assert!(resident.is_none() || of_chip == resident, "{chip}: {of_chip:?}");
    }
}
