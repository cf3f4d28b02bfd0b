//! Names that a written text declares, and words that a language keeps for itself.

use std::collections::BTreeSet;

/// Words of C++ that Metal's language and that of DirectX keep, in part for later.
const OF_C: &[&str] = &[
    "auto",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "const_cast",
    "continue",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "operator",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typedef",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
];

/// Words of Metal's language beside those of C: Metal Shading Language Specification 3.2, chapters 2 to 5, and C++14.
pub const METAL: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "asm",
    "atomic_int",
    "atomic_uint",
    "bfloat",
    "bfloat2",
    "bfloat3",
    "bfloat4",
    "bitand",
    "bitor",
    "bool",
    "bool2",
    "bool3",
    "bool4",
    "char2",
    "char4",
    "compl",
    "constant",
    "constexpr",
    "decltype",
    "device",
    "export",
    "extern",
    "float2",
    "float3",
    "float4",
    "fragment",
    "half",
    "half2",
    "half3",
    "half4",
    "int2",
    "int3",
    "int4",
    "kernel",
    "mesh",
    "metal",
    "noexcept",
    "not",
    "nullptr",
    "object",
    "object_data",
    "or",
    "packed_float4",
    "packed_half4",
    "patch",
    "ptrdiff_t",
    "quadgroup",
    "ray_data",
    "sampler",
    "short2",
    "short4",
    "size_t",
    "static_assert",
    "thread",
    "thread_local",
    "threadgroup",
    "threadgroup_imageblock",
    "uchar",
    "uchar4",
    "uint",
    "uint2",
    "uint3",
    "uint4",
    "ulong",
    "ushort",
    "ushort2",
    "ushort4",
    "vec",
    "vertex",
    "visible",
    "wchar_t",
    "xor",
];

/// Words of DirectX's language beside those of C: "Keywords" and "Reserved words" of its reference.
pub const DIRECTX: &[&str] = &[
    "AppendStructuredBuffer",
    "Buffer",
    "BlendState",
    "ByteAddressBuffer",
    "asm",
    "asm_fragment",
    "bool",
    "bool2",
    "bool3",
    "bool4",
    "cbuffer",
    "centroid",
    "column_major",
    "compile",
    "compile_fragment",
    "discard",
    "dword",
    "export",
    "extern",
    "float16_t",
    "float2",
    "float3",
    "float4",
    "float4x4",
    "fxgroup",
    "globallycoherent",
    "groupshared",
    "half",
    "half2",
    "half3",
    "half4",
    "in",
    "inout",
    "int16_t",
    "int2",
    "int3",
    "int4",
    "interface",
    "line",
    "lineadj",
    "linear",
    "matrix",
    "min10float",
    "min16float",
    "min16int",
    "min16uint",
    "min12int",
    "noinline",
    "nointerpolation",
    "noperspective",
    "null",
    "out",
    "packoffset",
    "pass",
    "payload",
    "pixelfragment",
    "point",
    "precise",
    "row_major",
    "sample",
    "sampler",
    "shared",
    "snorm",
    "stateblock",
    "string",
    "tbuffer",
    "technique",
    "texture",
    "triangle",
    "triangleadj",
    "uint",
    "uint16_t",
    "uint2",
    "uint3",
    "uint4",
    "uniform",
    "unorm",
    "vector",
    "vertexfragment",
];

/// Returns the names that `text` declares or uses where only a name of one's own can stand, and which `words` or C keep.
pub fn reserved<'t>(text: &'t str, words: &[&str]) -> BTreeSet<&'t str> {
    let tokens = tokens(text);
    let kept = |name: &str| words.contains(&name) || OF_C.contains(&name);
    let declared = tokens.windows(3).filter(|three| {
        let [before, name, after] = three else { return false };
        is_word(name)
            // A type, or its end.
            && (is_word(before) && !["return", "else", "case", "struct"].contains(before)
                || ["&", "*", ">", "]"].contains(before))
            && ["=", ";", ",", ")", "[", ":"].contains(after)
    });
    declared.map(|three| three[1]).filter(|name| kept(name)).collect()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Whether `word` stands in `text`.
pub fn says(text: &str, word: &str) -> bool {
    tokens(text).contains(&word)
}

/// Splits a text into words, numbers, `::` and single characters, without comments.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut rest = line.split("//").next().unwrap_or_default();
        while let Some(first) = rest.chars().next() {
            let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = match rest.find(|c| !in_word(c)) {
                Some(0) if rest.starts_with("::") => 2,
                Some(0) => first.len_utf8(),
                Some(end) => end,
                None => rest.len(),
            };
            let (token, after) = rest.split_at(end);
            if !first.is_whitespace() {
                tokens.push(token);
            }
            rest = after;
        }
    }
    tokens
}

#[test]
fn a_name_that_the_language_keeps_is_found_and_a_type_is_none() {
    let metal = "kernel void main_(device type_1 const& thread [[buffer(0)]]) {\n\
                 // int half = 0;\n    metal::float4 half = metal::float4(half2(1.0h), 2);\n    return;\n}";
    assert_eq!(reserved(metal, METAL), BTreeSet::from(["half", "thread"]));
    let directx = "groupshared float16_t line[8];\nvoid main(uint3 at : SV_GroupID) { uint in_ = at.x; }";
    assert_eq!(reserved(directx, DIRECTX), BTreeSet::from(["line"]));
    let none = "using metal::uint;\nthreadgroup half* x; const metal::half4 v = y ? half(1) : z;";
    assert!(reserved(none, METAL).is_empty());
}
