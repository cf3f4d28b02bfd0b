//! Foreign runtimes such as PyTorch, which bring vendor kernels. The built-in Python executor drives them.

use super::child::Program;
use super::family::TemporaryFolder;
use include_dir::{Dir, include_dir};
use portamark_model::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The Python executor: a folder that `python` can run. It needs no package except the runtime.
static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/python/portamark_executor");
/// Name of the folder, wherever it is unpacked.
const NAME: &str = "portamark_executor";
/// Runtimes that the Python executor supports.
pub const RUNTIMES: [&str; 4] = ["numpy", "torch", "jax", "onnx"];
/// Environment variable with the path of the Python interpreter, used if no flag names one.
const PYTHON: &str = "PORTAMARK_PYTHON";

/// Name of a runtime with an optional device, e.g. `torch:npu:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime(String);

impl Runtime {
    /// Parses a runtime such as `numpy`, `torch:cuda`, `onnx:CANN` or `torch:npu:1`. Returns `None` if the
    /// name is not one of `RUNTIMES`.
    ///
    /// # Errors
    /// Fails if the name is a runtime but the text after the colon is not a valid device.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let (name, device) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        if !RUNTIMES.contains(&name) {
            return Ok(None);
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_device = |device: &str| {
            let (kind, number) = device.split_once(':').unwrap_or((device, "0"));
            let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
            (1..=40).contains(&kind.len()) && kind.chars().all(word) && is_number
        };
        if device.is_none_or(is_device) {
            return Ok(Some(Runtime(text.into())));
        }
        Err(Error::refused_hint(
            format!("`{text}` is not a device of {name}"),
            "use a name with an optional index, e.g. torch:cuda, torch:npu:1, onnx:CANN",
        ))
    }

    /// Unpacks the executor and returns the command that starts it. The interpreter is `python` if given, else
    /// the value of PORTAMARK_PYTHON, else `python3` (`python` on Windows).
    ///
    /// # Errors
    /// Fails if the executor's files cannot be written to a temporary folder.
    pub fn program(&self, python: Option<&Path>) -> Result<Program> {
        let named = || std::env::var_os(PYTHON).filter(|name| !name.is_empty()).map(PathBuf::from);
        let usual = if cfg!(windows) { "python" } else { "python3" };
        let program = python.map(PathBuf::from).or_else(named).unwrap_or_else(|| usual.into());
        let failed = |error| Error::io("write", &std::env::temp_dir(), error);
        let folder = TemporaryFolder::new().map_err(failed)?;
        let unpacked = folder.path().join(NAME);
        std::fs::create_dir(&unpacked).map_err(failed)?;
        // Only `.py` files: the folder may also contain bytecode that another Python version compiled.
        for module in FOLDER.files().filter(|file| file.path().extension().is_some_and(|kind| kind == "py")) {
            std::fs::write(unpacked.join(module.path()), module.contents()).map_err(failed)?;
        }
        let arguments = vec!["-u".into(), unpacked.display().to_string(), self.0.clone()];
        Ok(Program { folder: Some(Arc::new(folder)), ..Program::new(program, arguments) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_a_known_name_with_a_plain_device() {
        let is = |text: &str| Runtime::parse(text).is_ok_and(|runtime| runtime.is_some());
        for text in ["numpy", "torch", "torch:npu", "torch:cuda:1", "jax:gpu", "onnx:CANN"] {
            assert!(is(text), "{text}");
        }
        for text in ["0", "all", "llvmpipe", "vulkan/torch/1", "torchvision", "host"] {
            assert_eq!(Runtime::parse(text).unwrap(), None, "{text}");
        }
        for text in ["torch:", "torch:../etc", "torch:cuda:x", "torch:cuda:1:2", "onnx:a b", "jax:gpu:1234"] {
            let error = Runtime::parse(text).unwrap_err();
            assert!(error.to_string().contains("is not a device of"), "{error}");
        }
    }

    #[test]
    fn its_program_is_the_folder_that_is_built_in() {
        let program = Runtime::parse("numpy").unwrap().unwrap().program(Some(Path::new("py"))).unwrap();
        assert_eq!(program.program, Path::new("py"));
        let folder = Path::new(&program.arguments[1]).to_owned();
        let main = std::fs::read_to_string(folder.join("__main__.py")).unwrap();
        assert_eq!(main, FOLDER.get_file("__main__.py").unwrap().contents_utf8().unwrap());
        assert_eq!(program.arguments[2], "numpy");
        drop(program);
        assert!(!folder.exists(), "it goes when nothing can start it any more");
    }
}
