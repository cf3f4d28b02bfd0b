//! The house stays as it was drawn.

mod arrows;
mod circles;
mod files;
mod recipes;
mod sources;
mod table;
mod wgpu;
