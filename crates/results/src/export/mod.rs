//! Rows as flat tables: CSV, JSON lines and Parquet. `docs/export.md` has the columns.

mod columns;
#[cfg(feature = "parquet")]
mod parquet;
mod text;

pub use columns::{COLUMNS, Cell, Column, Kind};
#[cfg(feature = "parquet")]
pub use parquet::write as write_parquet;
pub use text::{write_csv, write_jsonl};
