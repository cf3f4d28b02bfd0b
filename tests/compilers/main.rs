//! What the compilers of GPUs make of the kernels, held against a table of floors.
//!
//! No GPU is needed: drivers of Mesa open cards that are not there (`scripts/drivers.sh compilers`). Without the
//! compilers the tests pass with a note, unless PORTAMARK_REQUIRE_COMPILERS is set.

mod chips;
mod crash;
mod floors;
mod foreign;
mod gate;
mod judge;
mod part;
mod planted;
mod sweep;
mod table;
