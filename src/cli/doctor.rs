//! `portamark doctor`: why no GPU was found, and what to do about it.

use super::output::print;
use crate::error::Result;
use portamark_executors::loader::{Drivers, Env, Libraries, Nodes, Root};
use portamark_kernels::KernelSource;
use portamark_measure::{Config, test_timer};
use portamark_model::device::Capabilities;
use portamark_model::error::Error as Library;
use portamark_model::units;
use portamark_results::redact;
use portamark_results::{TimerChoice, TimerReport};
use std::fmt::Write;
use std::time::Duration;

/// Timeout of each message while a timer is tested.
const TIMER_DEADLINE: Duration = Duration::from_secs(20);

/// Severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing to do.
    Ok,
    /// A note: the device works, with a limitation.
    Note,
    /// An error: a device cannot be used.
    Problem,
}

impl Severity {
    /// Returns the word printed at the start of a finding.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Problem => "problem",
        }
    }
}

/// One result of the diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// The fact found, one sentence.
    pub what: String,
    /// Consequence of the fact; empty if obvious.
    pub why: Option<String>,
    /// Advice; empty if there is nothing to do.
    pub todo: Option<String>,
}

impl Finding {
    fn new(severity: Severity, what: impl Into<String>) -> Self {
        Finding { severity, what: what.into(), why: None, todo: None }
    }

    fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }
}

/// Explains why no GPU was found and what to do about it.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {}

/// Runs the command. Fails with the exit code for "no device" if there is none.
pub fn run(_: &Arguments) -> Result<()> {
    // A driver that breaks the executor is a finding, not the end of the examination.
    let (places, broken) = match super::places::built_in()?.gpus() {
        Ok(places) => (places, None),
        Err(error) => (Vec::new(), Some(Finding::new(Severity::Problem, error.to_string()))),
    };
    let devices: Vec<Capabilities> = places.iter().map(|place| place.device.clone()).collect();
    let mut findings = examine(&Root::system(), &|name| std::env::var(name).ok(), &devices);
    findings.extend(broken);
    for place in &places {
        let (device, mut executor) = (&place.device, place.start());
        let config = Config { timeout: TIMER_DEADLINE, ..Config::default() };
        let report = test_timer(&mut *executor, device, &config, &KernelSource::embedded());
        findings.push(match report {
            Ok(report) => clock(device, &report),
            Err(fault) => Finding::new(
                Severity::Problem,
                format!("{}: the timer test failed: {}", device.id, redact(&fault.reason)),
            ),
        });
    }
    print(&render(&findings))?;
    if devices.is_empty() {
        return Err(Library::NoDevice { message: "no device was found".into(), explained: true }.into());
    }
    Ok(())
}

/// Diagnoses this machine. `devices` are those that the executors list.
pub fn examine(root: &Root, env: Env, devices: &[Capabilities]) -> Vec<Finding> {
    let mut findings = listed(devices);
    match std::env::consts::OS {
        "linux" => findings.extend(linux(root, env, devices)),
        "macos" => findings.extend(macos(devices)),
        "windows" => findings.extend(windows(devices)),
        _ => {}
    }
    findings
}

/// Tests the timer of `device`.
fn clock(device: &Capabilities, report: &TimerReport) -> Finding {
    let facts: Vec<String> =
        [("tick", report.tick_ns.map(|ns| ns * 1e-9)), ("empty pass", report.empty_device_s)]
            .iter()
            .filter_map(|(name, value)| value.map(|s| format!("{name} {}", units::seconds(s))))
            .collect();
    let id = &device.id;
    match (report.chosen, report.findings.is_empty()) {
        (TimerChoice::Device, true) => Finding::new(
            Severity::Ok,
            format!("{id}: the device timer passes every test ({})", facts.join(", ")),
        ),
        (TimerChoice::Device, false) => {
            Finding::new(Severity::Note, format!("{id}: the device timer is used, with limitations"))
                .why(format!("{} ({}).", report.findings.join("; "), facts.join(", ")))
        }
        _ => Finding::new(Severity::Note, format!("{id}: the device timer is not used"))
            .why(format!("{}.", report.findings.join("; ")))
            .todo("nothing to do: the host clock is used instead; a newer driver may fix the timer"),
    }
}

/// Formats the findings for a terminal, without colour.
pub fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { severity, what, why, todo } in findings {
        let _ = writeln!(text, "{:<8} {what}", severity.name());
        for (mark, lines) in [("", why), ("  do:", todo)] {
            for (number, line) in lines.iter().flat_map(|lines| lines.lines()).enumerate() {
                let _ = writeln!(text, "{:<8} {line}", if number == 0 { mark } else { "" });
            }
        }
    }
    text
}

fn has_gpu(devices: &[Capabilities]) -> bool {
    devices.iter().any(|device| !device.is_software())
}

/// Returns the devices that the executors list.
fn listed(devices: &[Capabilities]) -> Vec<Finding> {
    if devices.is_empty() {
        return vec![Finding::new(Severity::Problem, "no device is found")];
    }
    let mut findings: Vec<Finding> = devices
        .iter()
        .map(|device| Finding::new(Severity::Ok, format!("{} ({})", device.id, device.device_type)))
        .collect();
    if !has_gpu(devices) {
        findings.push(
            Finding::new(Severity::Note, "only software drivers are found")
                .why("They run on the CPU: slow, but enough to try portamark."),
        );
    }
    findings
}

const LOADER: &str = "libvulkan.so.1";

fn linux(root: &Root, env: Env, devices: &[Capabilities]) -> Vec<Finding> {
    let libraries = Libraries::find(root, env);
    let drivers = Drivers::find(root, env);
    let nodes = Nodes::find(root);
    let mut findings = Vec::new();
    if libraries.has(root, LOADER, None) {
        findings.push(Finding::new(Severity::Ok, format!("the Vulkan loader {LOADER} is installed")));
    } else {
        findings.push(
            Finding::new(Severity::Problem, format!("the Vulkan loader {LOADER} is not installed"))
                .why("Without it no Vulkan driver can be reached.")
                .todo(
                    "install it: `apt install libvulkan1` (Debian, Ubuntu), `dnf install vulkan-loader` \
                     (Fedora, RHEL)\nor `pacman -S vulkan-icd-loader` (Arch)",
                ),
        );
    }
    findings.extend(driver_files(root, &drivers, &libraries, env, devices));
    // NVIDIA's card without NVIDIA's files is told below, with what to do about it.
    if drivers.manifests.is_empty() && nodes.nvidia.is_empty() {
        findings.push(no_driver(&drivers));
    }
    let seen = device_nodes(&nodes, &drivers, env, devices);
    let is_problem = |finding: &Finding| finding.severity == Severity::Problem;
    let unexplained = seen.is_empty() && !findings.iter().any(is_problem);
    findings.extend(seen);
    if !has_gpu(devices) && unexplained {
        findings.push(
            Finding::new(Severity::Note, "no GPU was found, for an unknown reason")
                .why("There may be none, its driver may not know it, or it may lack what portamark needs.")
                .todo("check the loader's log: `VK_LOADER_DEBUG=error,warn,driver portamark devices`"),
        );
    }
    findings
}

/// Checks the manifests of Vulkan drivers.
fn driver_files(
    root: &Root,
    drivers: &Drivers,
    libraries: &Libraries,
    env: Env,
    devices: &[Capabilities],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    // With a GPU at hand a broken file of another driver is no more than untidy.
    let broken = if has_gpu(devices) { Severity::Note } else { Severity::Problem };
    if let Some(variable) = drivers.forced_by {
        findings.push(
            Finding::new(Severity::Note, format!("{variable} is set"))
                .why("Only the drivers that it names are looked at.")
                .todo(format!("to use all that are installed: `unset {variable}`")),
        );
    }
    for variable in ["VK_LOADER_DRIVERS_SELECT", "VK_LOADER_DRIVERS_DISABLE"] {
        if env(variable).is_some_and(|value| !value.is_empty()) {
            findings.push(Finding::new(Severity::Note, format!("{variable} is set and excludes drivers")));
        }
    }
    for path in &drivers.missing {
        findings.push(
            Finding::new(broken, format!("the driver file {} does not exist", path.display()))
                .todo("correct the variable that names it"),
        );
    }
    for manifest in &drivers.manifests {
        let path = manifest.path.display();
        findings.push(match &manifest.library {
            Err(reason) => Finding::new(broken, format!("the driver file {path} is broken"))
                .why(format!("The loader skips it: {reason}."))
                .todo("reinstall the package that it belongs to, or remove it"),
            Ok(library) if !manifest.found => {
                Finding::new(broken, format!("the driver file {path} names {library}, which does not exist"))
                    .why("The loader skips this driver.")
                    .todo("install or reinstall the driver's package")
            }
            Ok(library) if needs_x11(library) && !X11.iter().all(|x| libraries.has(root, x, None)) => {
                Finding::new(broken, format!("{library} is installed, but not {}", X11.join(" and ")))
                    .why("NVIDIA's driver needs them even without a display.")
                    .todo("install them: `apt install libx11-6 libxext6` (Debian, Ubuntu)")
            }
            Ok(library) => Finding::new(Severity::Ok, format!("driver file {path} names {library}")),
        });
    }
    findings
}

fn no_driver(drivers: &Drivers) -> Finding {
    let why = match drivers.forced_by {
        Some(variable) => format!("{variable} names none that can be used."),
        None => {
            let parent = |place: &std::path::PathBuf| place.to_string_lossy().replace("/vulkan/icd.d", "");
            let places: Vec<String> = drivers.places.iter().map(parent).collect();
            format!("Looked in vulkan/icd.d of {}.", places.join(", "))
        }
    };
    Finding::new(Severity::Problem, "no Vulkan driver is installed").why(why).todo(
        "AMD, Intel: `apt install mesa-vulkan-drivers` (Debian, Ubuntu), with dnf on Fedora\n\
         NVIDIA: install the graphics part of its driver, not only the compute part\n\
         no GPU: mesa-vulkan-drivers too, which has the software driver lavapipe",
    )
}

/// Libraries that NVIDIA's `libGLX_nvidia` is linked with and `libEGL_nvidia` is not.
const X11: [&str; 2] = ["libX11.so.6", "libXext.so.6"];

fn needs_x11(library: &str) -> bool {
    library.contains("libGLX_nvidia")
}

/// Checks the device nodes in `/dev`, and whether a container hides them.
fn device_nodes(nodes: &Nodes, drivers: &Drivers, env: Env, devices: &[Capabilities]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !nodes.refused.is_empty() {
        let todo = if nodes.container {
            "start the container with the node's group: `--group-add` and the number that \
             `stat -c %g` gives for it"
        } else {
            "join the groups that own it: `sudo usermod -aG render,video \"$USER\"`, then log in again"
        };
        findings.push(
            Finding::new(Severity::Problem, format!("no permission for {}", nodes.refused.join(", ")))
                .why("The driver cannot open the GPU and lists no device.")
                .todo(todo),
        );
    }
    if !nodes.nvidia.is_empty() && !drivers.has("nvidia") {
        let found = Finding::new(
            Severity::Problem,
            format!("{} exists, but no NVIDIA driver file", nodes.nvidia.join(", ")),
        );
        let given = env("NVIDIA_DRIVER_CAPABILITIES");
        let capabilities: Vec<&str> = given.iter().flat_map(|list| list.split(',')).map(str::trim).collect();
        let has_graphics = capabilities.iter().any(|word| ["all", "graphics"].contains(word));
        findings.push(if nodes.container && !has_graphics {
            let given = given.as_deref().unwrap_or("not set, which means utility,compute");
            found
                .why(format!(
                    "The container has no graphics part of the driver (NVIDIA_DRIVER_CAPABILITIES is {given})."
                ))
                .todo("start it with `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics`")
        } else if nodes.container {
            found
                .why("The host's driver did not bring its Vulkan files into the container.")
                .todo("install the graphics part of NVIDIA's driver on the host, then restart the container")
        } else {
            found
                .why("The compute part of the driver is installed without its Vulkan part.")
                .todo("install that too: `apt install nvidia-vulkan-icd` (Debian) or `libnvidia-gl-<version>` (Ubuntu)")
        });
    }
    let no_nodes = nodes.usable.is_empty() && nodes.refused.is_empty() && nodes.nvidia.is_empty();
    if nodes.wsl {
        findings.push(
            Finding::new(Severity::Note, "this is the Windows Subsystem for Linux")
                .why("Its GPU is reached through Direct3D only; Mesa's Vulkan on top of that is incomplete.")
                .todo("run portamark for Windows to measure the GPU"),
        );
    } else if no_nodes && !has_gpu(devices) {
        let found =
            Finding::new(Severity::Note, "there is no GPU in /dev (no /dev/dri/renderD*, no /dev/nvidia*)");
        findings.push(if nodes.container {
            found
                .why("A container sees only the devices that it is given.")
                .todo("start it with `--device /dev/dri` (AMD, Intel) or `--gpus all` (NVIDIA)")
        } else {
            found.why("There is none, or its kernel driver is not loaded.")
        });
    }
    findings
}

fn macos(devices: &[Capabilities]) -> Vec<Finding> {
    if has_gpu(devices) {
        return Vec::new();
    }
    vec![
        Finding::new(Severity::Problem, "Metal lists no GPU")
            .why("Every Mac that runs a supported macOS has one; virtual machines and remote sessions may not.")
            .todo("run portamark in a session on the machine itself"),
    ]
}

fn windows(devices: &[Capabilities]) -> Vec<Finding> {
    if has_gpu(devices) {
        return Vec::new();
    }
    vec![
        Finding::new(Severity::Problem, "neither Vulkan nor Direct3D 12 lists a GPU")
            .why("Windows' own display driver does not offer them, and remote sessions may hide the GPU.")
            .todo("install the GPU vendor's driver, and run portamark in a session on the machine itself"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::fake::Script;
    use portamark_model::device::DeviceType;
    use std::path::Path;

    /// A folder with empty files and driver files.
    struct Machine {
        folder: tempfile::TempDir,
        env: Vec<(&'static str, &'static str)>,
        devices: Vec<Capabilities>,
        refused: Vec<&'static str>,
    }

    impl Machine {
        fn new(files: &[&str]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let machine = Machine { folder, env: vec![], devices: vec![], refused: vec![] };
            for file in files {
                machine.write(file, "");
            }
            machine
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.folder.path().join(Path::new(path).strip_prefix("/").unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn driver(self, path: &str, library: &str) -> Self {
            self.write(path, &format!(r#"{{"ICD":{{"library_path":"{library}"}}}}"#));
            self
        }

        fn set(mut self, name: &'static str, value: &'static str) -> Self {
            self.env.push((name, value));
            self
        }

        fn device(mut self, id: &str, device_type: DeviceType) -> Self {
            self.devices.push(Script::device().but(|it| {
                it.id = id.into();
                it.device_type = device_type;
            }));
            self
        }

        fn text(&self) -> String {
            let env = |name: &str| self.env.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
            let mut root = Root::at(self.folder.path());
            for path in &self.refused {
                root = root.refusing(path);
            }
            let mut findings = listed(&self.devices);
            findings.extend(linux(&root, &env, &self.devices));
            render(&findings)
        }
    }

    const LVP: &str = "/usr/share/vulkan/icd.d/lvp_icd.json";
    const NVIDIA: &str = "/etc/vulkan/icd.d/nvidia_icd.json";

    #[test]
    fn no_loader() {
        insta::assert_snapshot!(Machine::new(&[]).text());
    }

    #[test]
    fn a_loader_without_drivers() {
        insta::assert_snapshot!(Machine::new(&["/usr/lib/libvulkan.so.1"]).set("HOME", "/home/x").text());
    }

    #[test]
    fn a_driver_file_without_its_library() {
        let machine = Machine::new(&["/usr/lib/libvulkan.so.1", "/dev/dri/renderD128"]);
        machine.write("/etc/vulkan/icd.d/broken.json", "{");
        insta::assert_snapshot!(machine.driver(LVP, "/usr/lib/libvulkan_lvp.so").text());
    }

    #[test]
    fn an_nvidia_container_without_graphics() {
        let machine =
            Machine::new(&["/.dockerenv", "/usr/lib/libvulkan.so.1", "/dev/nvidia0", "/dev/nvidiactl"]);
        insta::assert_snapshot!(machine.set("NVIDIA_DRIVER_CAPABILITIES", "compute,utility").text());
    }

    #[test]
    fn an_nvidia_container_without_x_libraries() {
        let files =
            ["/.dockerenv", "/usr/lib64/libvulkan.so.1", "/dev/nvidia0", "/usr/lib64/libGLX_nvidia.so.0"];
        insta::assert_snapshot!(Machine::new(&files).driver(NVIDIA, "libGLX_nvidia.so.0").text());
    }

    #[test]
    fn a_render_node_without_permission() {
        let files = ["/usr/lib/libvulkan.so.1", "/usr/lib/libvulkan_radeon.so", "/dev/dri/renderD128"];
        let mut machine =
            Machine::new(&files).driver("/usr/share/vulkan/icd.d/radeon_icd.json", "libvulkan_radeon.so");
        machine.refused.push("/dev/dri/renderD128");
        insta::assert_snapshot!(machine.text());
    }

    #[test]
    fn software_only() {
        let files = ["/.dockerenv", "/usr/lib/libvulkan.so.1", "/usr/lib/libvulkan_lvp.so"];
        let machine = Machine::new(&files).driver(LVP, "libvulkan_lvp.so");
        insta::assert_snapshot!(machine.device("vulkan/llvmpipe/22.3", DeviceType::Software).text());
    }

    #[test]
    fn the_subsystem_of_windows() {
        let files = ["/dev/dxg", "/usr/lib/libvulkan.so.1", "/usr/lib/libvulkan_lvp.so"];
        let machine = Machine::new(&files).driver(LVP, "libvulkan_lvp.so").set("VK_ICD_FILENAMES", LVP);
        insta::assert_snapshot!(machine.device("vulkan/llvmpipe/22.3", DeviceType::Software).text());
    }

    #[test]
    fn all_good() {
        let files = [
            "/usr/lib/libvulkan.so.1",
            "/usr/lib/libGLX_nvidia.so.0",
            "/usr/lib/libX11.so.6",
            "/usr/lib/libXext.so.6",
            "/dev/nvidia0",
        ];
        let machine = Machine::new(&files).driver(NVIDIA, "libGLX_nvidia.so.0");
        let text = machine.device("vulkan/Example GPU/1.2.3", DeviceType::Discrete).text();
        insta::assert_snapshot!(text);
        assert!(!text.contains("problem") && !text.contains("note"));
    }

    #[test]
    fn every_problem_says_what_to_do_except_the_empty_list_itself() {
        for findings in [macos(&[]), windows(&[])] {
            assert!(findings.iter().all(|finding| finding.todo.is_some()));
        }
        let gpu = Script::device().but(|it| it.device_type = DeviceType::Discrete);
        assert_eq!((macos(std::slice::from_ref(&gpu)), windows(&[gpu])), (vec![], vec![]));
        assert!(!examine(&Root::system(), &|_| None, &[]).is_empty());
    }

    #[test]
    fn a_clock_is_told_with_what_speaks_against_it() {
        use portamark_results::TimerFault;
        let honest = TimerReport::untested(String::new()).but(|it| {
            it.chosen = TimerChoice::Device;
            it.findings = vec![];
            it.faults = vec![];
            it.tick_ns = Some(32.0);
            it.empty_device_s = Some(2e-6);
        });
        let finding = clock(&Script::device(), &honest);
        assert_eq!(finding.severity, Severity::Ok);
        assert!(finding.what.contains("passes every test (tick 32.0 ns, empty pass 2.00 µs)"), "{finding:?}");
        let coarse = honest.clone().but(|it| {
            it.faults = vec![TimerFault::CoarseTick];
            it.findings = vec!["the timer resolution is only 65.5 µs".into()];
        });
        let finding = clock(&Script::device(), &coarse);
        assert_eq!(finding.severity, Severity::Note);
        assert!(finding.why.unwrap().contains("65.5 µs"));
        let zero = TimerReport::untested("every timestamp is zero or missing".into());
        let text = render(&[clock(&Script::device(), &zero)]);
        assert!(
            text.contains("the device timer is not used") && text.contains("the host clock is used"),
            "{text}"
        );
    }
}
