//! The kernels in the languages of other APIs: Metal's and DirectX's, written by naga with the options that wgpu has
//! there, and the SPIR-V that a driver is given. Their compilers are not here, but much of what they refuse can be
//! seen in the text. `scripts/hlsl-check.sh` compiles the HLSL with Microsoft's compiler.

mod devices;
mod hlsl;
mod identifiers;
mod known;
mod matrices;
mod metal;
mod spirv;
mod texts;
