//! One side of `run --ab`, as typed.

use crate::cli::values::joined_words;
use crate::error::{Error, Result};
use portamark_model::workload::Case;
use portamark_runner::command_words;
use std::path::{Path, PathBuf};

/// Words that may stand before `=`.
const WORDS: [&str; 7] = ["device", "icd", "variant", "kernels", "binary", "executor", "case"];

/// Settings of one side, where they differ from the common options.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Side {
    /// Device, as for `-d`.
    pub(super) device: Option<String>,
    /// Manifest of the Vulkan driver.
    pub(super) icd: Option<PathBuf>,
    /// Part of the name of the variant.
    pub(super) variant: Option<String>,
    /// Folder of kernel sources.
    pub(super) kernels: Option<PathBuf>,
    /// Path of another portamark, whose executor runs the kernels.
    pub(super) binary: Option<PathBuf>,
    /// Command of an external executor.
    pub(super) executor: Option<String>,
    /// Case to measure instead of the suite.
    pub(super) case: Option<Case>,
}

impl Side {
    /// Parses a device, or `word=value,word=value`; a comma that no word follows belongs to the value.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |message: String| {
            Error::usage_hint(
                format!("--ab {text}: {message}"),
                format!("a side is a device as for -d, or has {}=", WORDS.join("=, ")),
            )
        };
        let mut side = Side::default();
        let (head, pieces) = joined_words(text, &WORDS);
        // What stands before the first word is a device as for -d.
        for (word, value) in head.map(|device| ("device", device)).into_iter().chain(pieces) {
            let value = value.trim();
            if value.is_empty() {
                return Err(wrong(format!("{word}= has no value")));
            }
            let path = |path: &str| {
                let path = PathBuf::from(path);
                if path.exists() { Ok(path) } else { Err(wrong(format!("{} is not there", path.display()))) }
            };
            match word {
                "device" => side.device = Some(value.into()),
                "icd" => side.icd = Some(path(value)?),
                "variant" => side.variant = Some(value.into()),
                "kernels" => side.kernels = Some(path(value)?),
                "binary" => side.binary = Some(path(value)?),
                "executor" => side.executor = Some(value.into()),
                "case" => side.case = Some(value.parse::<Case>().map_err(|error| wrong(error.to_string()))?),
                _ => unreachable!("the words are known"),
            }
        }
        Ok(side)
    }

    /// Formats the side for its result file: as typed, but paths without their folders.
    pub(super) fn words(&self) -> String {
        let last = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let command = |command: &String| {
            let parts = command_words(command).unwrap_or_default();
            let names = parts.into_iter().map(|part| {
                let name = Path::new(&part).file_name();
                name.map_or(part.clone(), |name| name.to_string_lossy().into_owned())
            });
            names.collect::<Vec<String>>().join(" ")
        };
        let words = [
            ("device", self.device.clone()),
            ("icd", self.icd.as_ref().and_then(last)),
            ("variant", self.variant.clone()),
            ("kernels", self.kernels.as_ref().and_then(last)),
            ("binary", self.binary.as_ref().and_then(last)),
            ("executor", self.executor.as_ref().map(command)),
            ("case", self.case.as_ref().map(Case::key)),
        ];
        let given = words.into_iter().filter_map(|(word, value)| Some(format!("{word}={}", value?)));
        given.collect::<Vec<String>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_a_device_or_words_with_values() {
        let side = Side::parse("llvmpipe (LLVM 15.0.6, 256 bits)").unwrap();
        assert_eq!(side.device.as_deref(), Some("llvmpipe (LLVM 15.0.6, 256 bits)"));
        let side = Side::parse("0,variant=tiled bm64, bn64,case=gemm f32 m8 n8 k8 nn").unwrap();
        assert_eq!(side.device.as_deref(), Some("0"));
        assert_eq!(side.variant.as_deref(), Some("tiled bm64, bn64"));
        assert_eq!(side.words(), "device=0,variant=tiled bm64, bn64,case=gemm f32 m8 n8 k8 nn");
    }

    #[test]
    fn files_of_a_run_hold_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("my_icd.json");
        std::fs::write(&manifest, "{}").unwrap();
        let side = Side::parse(&format!("icd={},kernels={}", manifest.display(), folder.path().display()));
        let side = side.unwrap();
        assert_eq!(side.icd.as_deref(), Some(&*manifest));
        let name = folder.path().file_name().unwrap().to_string_lossy();
        assert_eq!(side.words(), format!("icd=my_icd.json,kernels={name}"));
        let side = Side { executor: Some("/home/me/bin/run --script /tmp/a.toml".into()), ..Side::default() };
        assert_eq!(side.words(), "executor=run --script a.toml");
    }

    #[test]
    fn a_mistake_is_named_with_what_a_side_may_be() {
        for (text, words) in [
            ("icd=no/such/file", "no/such/file is not there"),
            ("variant=", "variant= has no value"),
            ("case=gemm f32 m8", "--ab case=gemm f32 m8: "),
            ("", "device= has no value"),
        ] {
            let error = Side::parse(text).unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
            assert!(error.hint().unwrap().contains("icd="));
        }
    }
}
