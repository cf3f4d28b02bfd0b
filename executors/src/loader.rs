//! Inspects what a Vulkan program needs on Linux to find a driver: driver manifests, the libraries that they
//! name, and device nodes. It only looks at files and loads no library.
//!
//! The search folders and their order are those of the Khronos loader ("Driver interface to the Vulkan
//! Loader", section "Driver Discovery on Linux").

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Root of the file system to inspect: `/`, or another folder in tests.
#[derive(Debug, Clone)]
pub struct Root {
    base: PathBuf,
    refused: Vec<PathBuf>,
}

impl Root {
    /// Returns the root of this machine's file system.
    pub fn system() -> Self {
        Root::at("/")
    }

    /// Uses the folder `base` in place of `/`.
    pub fn at(base: impl Into<PathBuf>) -> Self {
        Root { base: base.into(), refused: Vec::new() }
    }

    /// Returns this root with `path` treated as not accessible, for tests.
    pub fn refusing(mut self, path: &str) -> Self {
        self.refused.push(path.into());
        self
    }

    fn place(&self, path: &Path) -> PathBuf {
        self.base.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Returns whether a file or folder exists at `path`.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.place(path.as_ref()).exists()
    }

    /// Returns the sorted names of the entries of a folder; empty if it cannot be read.
    pub fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let entries = std::fs::read_dir(self.place(folder.as_ref())).into_iter().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Reads the first 16 MiB of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.place(path))?.take(16 << 20).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns whether the permissions allow this user to read and write a device node.
    pub fn may_open(&self, path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        let opened = || OpenOptions::new().read(true).write(true).open(self.place(path));
        !self.refused.iter().any(|refused| refused == path)
            && !opened().is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// Function that returns the value of an environment variable, or `None` if it is not set.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Driver manifest: a JSON file that names the library of a Vulkan driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Path of the manifest.
    pub path: PathBuf,
    /// Library of the driver as written in the manifest, or the reason why there is none.
    pub library: Result<String, String>,
    /// Whether that library exists.
    pub found: bool,
}

/// Vulkan drivers that the loader would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drivers {
    /// Name of the environment variable that replaces all search folders. `None` if none is set.
    pub forced_by: Option<&'static str>,
    /// Searched folders, in order. Empty if a variable replaces them.
    pub places: Vec<PathBuf>,
    /// Paths in environment variables that do not exist.
    pub missing: Vec<PathBuf>,
    /// Manifests found, in search order.
    pub manifests: Vec<Manifest>,
}

impl Drivers {
    /// Searches for driver manifests like the loader: in the paths given by environment variables and in the
    /// standard folders.
    pub fn find(root: &Root, env: Env) -> Self {
        let set = |name: &'static str| Some((name, paths(&env(name).filter(|text| !text.is_empty())?)));
        let forced = set("VK_DRIVER_FILES").or_else(|| set("VK_ICD_FILENAMES"));
        let (forced_by, named, places) = match forced {
            Some((name, files)) => (Some(name), files, Vec::new()),
            None => {
                let added = set("VK_ADD_DRIVER_FILES").map(|(_, files)| files).unwrap_or_default();
                (None, added, places(env))
            }
        };
        let mut drivers = Drivers { forced_by, places, missing: Vec::new(), manifests: Vec::new() };
        let mut files = Vec::new();
        for path in named {
            // A variable may list folders as well as files.
            let inside = root.names(&path);
            if !root.exists(&path) {
                drivers.missing.push(path);
            } else if inside.is_empty() {
                files.push(path);
            } else {
                files.extend(inside.iter().map(|name| path.join(name)));
            }
        }
        for place in &drivers.places {
            files.extend(root.names(place).iter().map(|name| place.join(name)));
        }
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        let libraries = Libraries::find(root, env);
        drivers.manifests = files.into_iter().filter_map(|path| manifest(root, path, &libraries)).collect();
        drivers
    }

    /// Returns whether the file name of any manifest contains `vendor`.
    pub fn has(&self, vendor: &str) -> bool {
        self.manifests.iter().any(|manifest| {
            let name = manifest.path.file_name().unwrap_or_default().to_string_lossy();
            name.contains(vendor)
        })
    }
}

fn paths(list: &str) -> Vec<PathBuf> {
    list.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect()
}

/// Returns the folders that the loader searches if no variable replaces them.
fn places(env: Env) -> Vec<PathBuf> {
    let set = |name: &str| env(name).filter(|text| !text.is_empty());
    let home = |rest: &str| set("HOME").map(|home| format!("{home}/{rest}"));
    let lists = [
        set("XDG_CONFIG_HOME").or_else(|| home(".config")),
        Some(set("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg".into())),
        Some("/usr/local/etc:/etc".into()),
        set("XDG_DATA_HOME").or_else(|| home(".local/share")),
        Some(set("XDG_DATA_DIRS").unwrap_or("/usr/local/share:/usr/share".into())),
        // Some distributions build this folder into their loader.
        Some("/run/opengl-driver/share".into()),
    ];
    let mut found: Vec<PathBuf> = Vec::new();
    for place in lists.iter().flatten().flat_map(|list| paths(list)) {
        let place = place.join("vulkan/icd.d");
        if !found.contains(&place) {
            found.push(place);
        }
    }
    found
}

/// Reads a manifest. `None` if it is for a different pointer width than that of this program.
fn manifest(root: &Root, path: PathBuf, libraries: &Libraries) -> Option<Manifest> {
    let library = match root.read(&path) {
        Err(error) => Err(format!("it cannot be read: {}", error.kind())),
        Ok(bytes) => match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Err(error) => Err(format!("it is not JSON: {error}")),
            Ok(json) => {
                let other_width = json["ICD"]["library_arch"]
                    .as_str()
                    .is_some_and(|bits| bits.parse().is_ok_and(|bits: u32| bits != usize::BITS));
                if other_width {
                    return None;
                }
                let library = json["ICD"]["library_path"].as_str().map(String::from);
                library.ok_or("it names no library".into())
            }
        },
    };
    let found = library.as_ref().is_ok_and(|library| libraries.has(root, library, path.parent()));
    Some(Manifest { path, library, found })
}

/// Search paths and cache of the dynamic linker.
#[derive(Debug)]
pub struct Libraries {
    folders: Vec<PathBuf>,
    cache: Vec<u8>,
}

impl Libraries {
    /// Collects the folders of `LD_LIBRARY_PATH`, the standard folders and those in the linker's configuration,
    /// and reads its cache.
    pub fn find(root: &Root, env: Env) -> Self {
        let arch = std::env::consts::ARCH;
        let mut folders = paths(&env("LD_LIBRARY_PATH").unwrap_or_default());
        for parent in ["/usr/local", "/usr", "/"] {
            for name in [format!("lib/{arch}-linux-gnu"), "lib64".into(), "lib".into()] {
                folders.push(Path::new(parent).join(name));
            }
        }
        folders.push("/run/opengl-driver/lib".into());
        let config = Path::new("/etc/ld.so.conf.d");
        for name in root.names(config) {
            let text = root.read(&config.join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            folders.extend(text.lines().map(str::trim).filter(|l| l.starts_with('/')).map(PathBuf::from));
        }
        let cache = root.read(Path::new("/etc/ld.so.cache")).unwrap_or_default();
        Libraries { folders, cache }
    }

    /// Returns whether `library` exists. It may be an absolute path, a path relative to the folder `beside`, or
    /// a plain name to search for.
    pub fn has(&self, root: &Root, library: &str, beside: Option<&Path>) -> bool {
        if library.contains('/') {
            return root.exists(beside.unwrap_or(Path::new("/")).join(library));
        }
        let cached = [b"\0", library.as_bytes(), b"\0"].concat();
        self.folders.iter().any(|folder| root.exists(folder.join(library)))
            // The cache stores names and paths as zero-terminated strings.
            || self.cache.windows(cached.len()).any(|window| window == cached)
    }
}

/// GPU device nodes, and the environment of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes {
    /// Paths of the render nodes that this user may open.
    pub usable: Vec<String>,
    /// Paths of the render and NVIDIA nodes that this user may not open.
    pub refused: Vec<String>,
    /// Paths of the nodes of NVIDIA GPUs: `/dev/nvidia0` and so on.
    pub nvidia: Vec<String>,
    /// Whether this process runs in a container.
    pub container: bool,
    /// Whether this process runs in the Windows Subsystem for Linux with its paravirtual GPU.
    pub wsl: bool,
}

impl Nodes {
    /// Searches `/dev` for GPU device nodes and checks their permissions.
    pub fn find(root: &Root) -> Self {
        let numbered = |folder: &str, prefix: &str| -> Vec<String> {
            let is = |name: &String| {
                let rest = name.strip_prefix(prefix);
                rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
            };
            root.names(folder).into_iter().filter(is).map(|name| format!("{folder}/{name}")).collect()
        };
        let render = numbered("/dev/dri", "renderD");
        let nvidia = numbered("/dev", "nvidia");
        let (usable, mut refused): (Vec<_>, Vec<_>) =
            render.into_iter().partition(|node| root.may_open(node));
        refused.extend(nvidia.iter().filter(|node| !root.may_open(node)).cloned());
        Nodes {
            usable,
            refused,
            nvidia,
            container: ["/.dockerenv", "/run/.containerenv"].iter().any(|path| root.exists(path)),
            wsl: root.exists("/dev/dxg"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn names(drivers: &Drivers) -> Vec<(&str, bool)> {
        drivers.manifests.iter().map(|m| (m.path.file_name().unwrap().to_str().unwrap(), m.found)).collect()
    }

    #[test]
    fn places_follow_the_variables_of_the_desktop() {
        let env = |name: &str| match name {
            "HOME" => Some("/home/x".to_string()),
            "XDG_DATA_DIRS" => Some("/a:/usr/share".to_string()),
            "XDG_CONFIG_DIRS" => Some(String::new()),
            _ => None,
        };
        let found: Vec<_> = places(&env).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(
            found,
            [
                "/home/x/.config/vulkan/icd.d",
                "/etc/xdg/vulkan/icd.d",
                "/usr/local/etc/vulkan/icd.d",
                "/etc/vulkan/icd.d",
                "/home/x/.local/share/vulkan/icd.d",
                "/a/vulkan/icd.d",
                "/usr/share/vulkan/icd.d",
                "/run/opengl-driver/share/vulkan/icd.d",
            ]
        );
    }

    #[test]
    fn libraries_are_absolute_relative_to_the_file_or_searched_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let icd = |library: &str| format!(r#"{{"ICD":{{"library_path":"{library}"}}}}"#);
        let place = "/usr/share/vulkan/icd.d";
        write(at, &format!("{place}/a.json"), &icd("/opt/liba.so"));
        write(at, &format!("{place}/b.json"), &icd("../../../lib/libb.so"));
        write(at, &format!("{place}/c.json"), &icd("libc_driver.so.1"));
        write(at, &format!("{place}/d.json"), &icd("libd.so"));
        write(at, &format!("{place}/e.json"), &icd("libe.so"));
        write(at, &format!("{place}/f.json"), r#"{"ICD":{"library_arch":"16","library_path":"x"}}"#);
        write(at, &format!("{place}/notes.txt"), "");
        for path in ["/opt/liba.so", "/usr/lib/libb.so", "/lib64/libc_driver.so.1", "/opt/d/libd.so"] {
            write(at, path, "");
        }
        write(at, "/etc/ld.so.conf.d/d.conf", "# a comment\n/opt/d\n");
        let root = Root::at(at);
        let drivers = Drivers::find(&root, &|_| None);
        assert_eq!(
            names(&drivers),
            [("a.json", true), ("b.json", true), ("c.json", true), ("d.json", true), ("e.json", false)]
        );
        write(at, "/etc/ld.so.cache", "glibc\0libe.so\0/far/libe.so\0");
        assert!(names(&Drivers::find(&root, &|_| None)).contains(&("e.json", true)));
    }

    #[test]
    fn a_variable_replaces_all_places_and_another_adds_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write(at, "/usr/share/vulkan/icd.d/usual.json", "{}");
        write(at, "/x/one.json", "{}");
        write(at, "/y/two.json", "{");
        let root = Root::at(at);
        let with = |variable: &'static str| {
            let files = "/x/one.json:/y:/z.json".to_string();
            Drivers::find(&root, &move |name| (name == variable).then(|| files.clone()))
        };
        let forced = with("VK_ICD_FILENAMES");
        assert_eq!(forced.forced_by, Some("VK_ICD_FILENAMES"));
        assert_eq!(names(&forced), [("one.json", false), ("two.json", false)]);
        assert_eq!(forced.missing, [Path::new("/z.json")]);
        assert_eq!(forced.manifests[0].library, Err("it names no library".into()));
        assert!(forced.manifests[1].library.as_ref().is_err_and(|e| e.starts_with("it is not JSON")));
        let added = with("VK_ADD_DRIVER_FILES");
        assert_eq!((added.forced_by, added.manifests.len()), (None, 3));
        assert!(added.has("usual") && !added.has("nvidia"));
    }

    #[test]
    fn nodes_are_those_with_a_number() {
        let folder = tempfile::tempdir().unwrap();
        for path in
            ["/dev/dri/renderD128", "/dev/dri/card0", "/dev/nvidia0", "/dev/nvidia-uvm", "/dev/nvidiactl"]
        {
            write(folder.path(), path, "");
        }
        let root = Root::at(folder.path()).refusing("/dev/nvidia0");
        let nodes = Nodes::find(&root);
        assert_eq!((&*nodes.usable[0], &*nodes.refused[0]), ("/dev/dri/renderD128", "/dev/nvidia0"));
        assert_eq!((nodes.usable.len(), nodes.refused.len(), nodes.nvidia.len()), (1, 1, 1));
        assert!(!nodes.container && !nodes.wsl);
    }
}
