//! A folder in which the program runs a suite, `small.toml`, on scripted executors.

use assert_cmd::Command;
use std::fs;
use std::path::PathBuf;

/// The folder; it goes when the test does.
pub struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// With the suite in it.
    pub fn with_suite(suite: &str) -> Self {
        let folder = Folder { folder: tempfile::tempdir().unwrap() };
        folder.write("small.toml", suite);
        folder
    }

    /// The path of what is called `name` there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The program, in the folder.
    pub fn portamark(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portamark"));
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    /// The command of a fake executor with `script`, which is kept under `name`.
    pub fn executor(&self, name: &str, script: &str) -> String {
        self.write(name, script);
        format!("{} executor fake --script {name}", env!("CARGO_BIN_EXE_portamark"))
    }
}
