//! Export of rows as flat tables: CSV, JSON Lines and Parquet. `docs/export.md` lists the columns.

mod columns;
#[cfg(feature = "parquet")]
mod parquet;
mod text;

pub use columns::{COLUMNS, Cell, Column, Kind};
#[cfg(feature = "parquet")]
pub use parquet::write as write_parquet;
pub use text::{write_csv, write_jsonl};
