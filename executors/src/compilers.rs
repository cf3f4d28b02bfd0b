//! Where the compilers of GPUs that are not here are found, and how an executor is started on one of them.
//!
//! A driver of Mesa is opened with a stand-in for the kernel's graphics driver ([`StandIn`]) loaded before it. Both may be
//! installed on the system (Debian 13 and later: `mesa-vulkan-drivers`, `mesa-drm-shim`), or lie in a folder with a
//! system of its own, which `scripts/drivers.sh compilers` makes. From there the executor is started by the loader of
//! that folder with its libraries, so that neither root nor a container is needed.

use super::child::Program;
use portamark_inspect::StandIn;
use std::path::{Path, PathBuf};

/// Environment variable that names the folder.
pub const VARIABLE: &str = "PORTAMARK_COMPILERS";

/// Place of the drivers and their stand-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compilers {
    /// `/`, or a folder with a system of its own.
    root: PathBuf,
}

/// Names of the architecture: the folder of Debian's libraries and the file of the dynamic loader.
const fn architecture() -> (&'static str, &'static str) {
    if cfg!(target_arch = "aarch64") {
        ("aarch64-linux-gnu", "ld-linux-aarch64.so.1")
    } else {
        ("x86_64-linux-gnu", "ld-linux-x86-64.so.2")
    }
}

impl Compilers {
    /// Finds the drivers: in the folder that `PORTAMARK_COMPILERS` names, in `target/drivers/trixie` of the checkout that
    /// this program was built in or is run in, or on the system.
    ///
    /// # Errors
    /// Says where it looked.
    pub fn find() -> Result<Self, String> {
        if !cfg!(target_os = "linux") {
            return Err("compilers of GPUs that are not here are opened on Linux only".into());
        }
        if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
            let root = PathBuf::from(named);
            let refused = || format!("{VARIABLE} names {}, which holds no stand-in of a GPU", root.display());
            return Self::at(&root).ok_or_else(refused);
        }
        // The program lies in target/debug or target/release.
        let own = std::env::current_exe().ok();
        let target = own.as_deref().and_then(Path::parent).and_then(Path::parent).map(Path::to_path_buf);
        let folders = target.into_iter().chain([PathBuf::from("target")]);
        let found = folders.map(|target| target.join("drivers/trixie")).chain([PathBuf::from("/")]);
        found.filter_map(|root| Self::at(&root)).next().ok_or_else(|| {
            "no compiler of a GPU that is not here was found: no folder target/drivers/trixie, and no package \
             mesa-drm-shim on this system"
                .into()
        })
    }

    /// Uses the folder `root`; `None` if no stand-in is there.
    pub fn at(root: &Path) -> Option<Self> {
        // Started by the loader, the program may be in another folder than here.
        let root = root.canonicalize().ok()?;
        let here = Compilers { root };
        here.libraries().join("libamdgpu_noop_drm_shim.so").exists().then_some(here)
    }

    fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib").join(architecture().0)
    }

    /// Returns the command that runs the program `name` that is there, e.g. `spirv-val`, with `arguments`.
    ///
    /// # Errors
    /// Says which file is missing.
    pub fn tool(&self, name: &str, arguments: &[&str]) -> Result<Program, String> {
        let program = self.root.join("usr/bin").join(name);
        if !program.exists() {
            return Err(format!("{} is missing", program.display()));
        }
        let given = arguments.iter().map(|argument| argument.to_string());
        if self.root == Path::new("/") {
            return Ok(Program::new(program, given.collect()));
        }
        let libraries = self.libraries();
        let words = ["--library-path".into(), libraries.to_string_lossy().into_owned()];
        let program = program.to_string_lossy().into_owned();
        let words = words.into_iter().chain([program]).chain(given);
        Ok(Program::new(libraries.join(architecture().1), words.collect()))
    }

    /// Returns the command that starts the executor `program` with `arguments` on the chip of `stand_in`.
    ///
    /// # Errors
    /// Says which file is missing.
    pub fn start(&self, program: &Path, arguments: &[&str], stand_in: &StandIn) -> Result<Program, String> {
        let libraries = self.libraries();
        let library = libraries.join(stand_in.library);
        let manifest = self.root.join("usr/share/vulkan/icd.d").join(stand_in.manifest);
        for (file, package) in [(&library, "mesa-drm-shim"), (&manifest, "mesa-vulkan-drivers")] {
            if !file.exists() {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                return Err(format!("{name} is missing (Debian's package {package})"));
            }
        }
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let given = arguments.iter().map(|argument| argument.to_string());
        let mut environment = vec![
            ("VK_DRIVER_FILES".to_string(), text(&manifest)),
            // Set for the user's own drivers, it would win over the one above or add to it.
            ("VK_ICD_FILENAMES".to_string(), text(&manifest)),
            ("VK_ADD_DRIVER_FILES".to_string(), String::new()),
            ("XDG_RUNTIME_DIR".to_string(), "/tmp".into()),
            // What is compiled is to be seen, not what was compiled before.
            ("MESA_SHADER_CACHE_DISABLE".to_string(), "1".into()),
        ];
        environment
            .extend(stand_in.variables.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let mut start = if self.root == Path::new("/") {
            environment.push(("LD_PRELOAD".into(), text(&library)));
            Program::new(program, given.collect())
        } else {
            let words = ["--library-path", &text(&libraries), "--preload", &text(&library), &text(program)];
            let words = words.iter().map(|word| word.to_string());
            Program::new(libraries.join(architecture().1), words.chain(given).collect())
        };
        start.environment = environment;
        Ok(start)
    }
}

/// Returns the source text that decides how pipelines are compiled: what is kept of compilers is asked anew when it changes.
pub fn compiling_source() -> &'static str {
    concat!(include_str!("wgpu/gpu.rs"), include_str!("wgpu/vulkan.rs"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_inspect::chip;
    use std::fs;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_folder_is_started_by_its_own_loader_and_a_missing_driver_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Compilers::at(folder.path()), None);
        let libraries = folder.path().join("usr/lib").join(architecture().0);
        let manifests = folder.path().join("usr/share/vulkan/icd.d");
        fs::create_dir_all(&libraries).unwrap();
        fs::create_dir_all(&manifests).unwrap();
        fs::write(libraries.join("libamdgpu_noop_drm_shim.so"), "").unwrap();
        fs::write(manifests.join("radeon_icd.json"), "").unwrap();
        let here = Compilers::at(folder.path()).unwrap();
        let start = |name: &str| {
            here.start(Path::new("/x/portamark"), &["executor", "wgpu"], &chip(name).unwrap().stand_in)
        };
        let program = start("navi31").unwrap();
        assert!(program.program.ends_with(architecture().1));
        assert_eq!(&program.arguments[4..], ["/x/portamark", "executor", "wgpu"]);
        assert!(program.environment.contains(&("AMDGPU_GPU_ID".into(), "navi31".into())));
        assert!(here.tool("spirv-val", &[]).unwrap_err().ends_with("usr/bin/spirv-val is missing"));
        fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
        fs::write(folder.path().join("usr/bin/spirv-val"), "").unwrap();
        let tool = here.tool("spirv-val", &["a.spv"]).unwrap();
        assert!(tool.program.ends_with(architecture().1));
        assert!(tool.arguments[2].ends_with("usr/bin/spirv-val"));
        assert_eq!(tool.arguments[3], "a.spv");
        let missing = start("ampere").unwrap_err();
        assert_eq!(missing, "libnouveau_noop_drm_shim.so is missing (Debian's package mesa-drm-shim)");
    }
}
