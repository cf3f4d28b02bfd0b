//! Device discovery: which executors are asked for devices, and how each executor is started.

use crate::events::{Events, Silent};
#[cfg(feature = "browser")]
use portamark_executors::{BrowserExecutor, BrowserServer};
use portamark_executors::{ChildExecutor, Executor, Fault, FaultKind, Program, Runtime};
#[cfg(any(feature = "host", feature = "wgpu"))]
use portamark_executors::{InProcessExecutor, MakeService};
use portamark_model::device::{Capabilities, DeviceType};
use portamark_model::error::{Error, Hint, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
#[cfg(feature = "browser")]
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Timeout of the first message; a driver or runtime may take seconds to load.
const HELLO: Duration = Duration::from_secs(60);

/// A device, and how its executor is started.
#[derive(Debug, Clone)]
pub struct Place {
    /// Capabilities of the device.
    pub device: Capabilities,
    /// Name and version of its executor.
    pub executor: String,
    launcher: Launcher,
}

/// How an executor is started.
#[derive(Debug, Clone)]
enum Launcher {
    /// As a child process.
    Program(Program),
    /// As a service in this process.
    #[cfg(any(feature = "host", feature = "wgpu"))]
    InProcess(MakeService),
    /// As the browser page that is connected to this process.
    #[cfg(feature = "browser")]
    Browser(Arc<BrowserServer>),
}

impl Launcher {
    fn start(&self) -> Box<dyn Executor> {
        match self {
            Launcher::Program(program) => Box::new(ChildExecutor::new(program.clone())),
            #[cfg(any(feature = "host", feature = "wgpu"))]
            Launcher::InProcess(make) => Box::new(InProcessExecutor::new(make.clone())),
            #[cfg(feature = "browser")]
            Launcher::Browser(server) => Box::new(BrowserExecutor::new(Arc::clone(server))),
        }
    }
}

/// Name of the CPU.
const HOST: &str = "host";
/// Name of the first device that is a GPU and not a software driver.
const GPU: &str = "gpu";

/// Name of the device that a page in a browser provides.
pub const BROWSER: &str = "browser";

impl Place {
    /// Returns a new executor for the device, which starts at its first request.
    pub fn start(&self) -> Box<dyn Executor> {
        self.launcher.start()
    }
}

/// Where the built-in executors run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BuiltIn {
    /// In this process. A driver that hangs or crashes takes the process with it.
    #[default]
    InProcess,
    /// In child processes of this portamark program. A driver that hangs or crashes costs only one case.
    Program(PathBuf),
}

/// Executors to ask for devices, and how to start them.
#[derive(Debug, Clone)]
pub struct Executors {
    /// Command of an external executor that replaces the built-in ones; `None` uses the built-in ones.
    pub command: Option<String>,
    /// Where the built-in executors run.
    pub built_in: BuiltIn,
    /// Program to run in place of the external executor's, with the same arguments.
    pub program: Option<PathBuf>,
    /// Names and values of environment variables for child processes.
    pub environment: Vec<(String, String)>,
    /// Number of CPU threads of the device `host`; `None` means one per core.
    pub threads: Option<u32>,
    /// Python interpreter for devices such as `numpy`, `torch:npu` and `jax`; `None` means PORTAMARK_PYTHON,
    /// or else python3.
    pub python: Option<PathBuf>,
    /// Address and port at which the page of the device `browser` is served; port 0 picks a free port.
    pub page: SocketAddr,
    /// Receives messages for the user: the address of that page and what happens there.
    pub say: fn(&str),
    /// Server of that page, once it is started.
    #[cfg(feature = "browser")]
    server: Arc<OnceLock<Arc<BrowserServer>>>,
}

impl Default for Executors {
    fn default() -> Self {
        Executors {
            command: None,
            built_in: BuiltIn::default(),
            program: None,
            environment: Vec::new(),
            threads: None,
            python: None,
            page: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            say: |_| {},
            #[cfg(feature = "browser")]
            server: Arc::default(),
        }
    }
}

/// Result of a device search.
#[derive(Debug, Clone)]
pub struct Found {
    /// Chosen devices, and how their executors are started.
    pub chosen: Vec<Place>,
    /// Ids of all devices that were listed in the search, chosen or not.
    pub present: Vec<String>,
}

impl Found {
    /// Creates the result of a search that chose one device and listed no others.
    pub fn one(place: Place) -> Self {
        Found { present: vec![place.device.id.clone()], chosen: vec![place] }
    }
}

impl Executors {
    /// Finds the devices that `wanted` names. Each name is a number, a part of an id, `gpu` for the first GPU, or
    /// `all`, out of the devices that the built-in or external executors list; or a foreign runtime, e.g.
    /// `torch:cuda`; or `browser`. Tells `events` if there is no GPU, unless only the CPU is wanted.
    ///
    /// # Errors
    /// Fails if a required executor does not start, or if a name matches no device or, as part of an id,
    /// several.
    pub fn find(&self, wanted: &[String], events: &dyn Events) -> Result<Found> {
        let mut listed: Option<Vec<Place>> = None;
        let mut chosen: Vec<Place> = Vec::new();
        for want in wanted {
            let runtime = if self.command.is_none() { Runtime::parse(want)? } else { None };
            let found = match runtime {
                Some(runtime) => self.runtime(want, &runtime)?,
                None if want == BROWSER && self.command.is_none() => self.browser()?,
                None => {
                    if listed.is_none() {
                        let wants_cpu = wanted.iter().all(|want| want == HOST || want.starts_with("host/"));
                        // `gpu` without a GPU is an error, which says the same.
                        let is_known = wants_cpu || wanted.iter().any(|want| want == GPU);
                        listed = Some(self.list(if is_known { &Silent } else { events })?);
                    }
                    let places = listed.as_deref().unwrap_or_default();
                    choose(places, want, self.command.is_none())?.into_iter().cloned().collect()
                }
            };
            for place in found {
                if !chosen.iter().any(|other| other.device.id == place.device.id) {
                    chosen.push(place);
                }
            }
        }
        let mut present: Vec<String> =
            listed.iter().flatten().chain(&chosen).map(|place| place.device.id.clone()).collect();
        present.sort();
        present.dedup();
        Ok(Found { chosen, present })
    }

    /// Lists the devices of the external executor, or of the built-in ones: those of GPU drivers, in the order of
    /// [`Capabilities::rank`], then the CPU. The first is the default.
    ///
    /// # Errors
    /// Fails if the external executor, or the built-in one for the CPU, does not start.
    pub fn list(&self, events: &dyn Events) -> Result<Vec<Place>> {
        if let Some(command) = &self.command {
            let program = self.external(command)?;
            let name = program.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return ask(&Launcher::Program(program), &name);
        }
        let (mut places, error) = match self.gpus() {
            Ok(places) => (places, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        for place in places.iter().filter(|place| place.device.listed_again > 0) {
            let (id, times) = (&place.device.id, place.device.listed_again + 1);
            events.note(&format!(
                "note: {id} is listed {times} times because several driver manifests name its driver; it counts as one device"
            ));
        }
        let any = !places.is_empty();
        places.extend(self.host()?);
        if !any {
            events.no_gpu(error.as_ref());
        }
        Ok(places)
    }

    /// Lists only the devices of GPU drivers.
    ///
    /// # Errors
    /// Fails if their executor does not start or breaks.
    pub fn gpus(&self) -> Result<Vec<Place>> {
        match &self.built_in {
            BuiltIn::Program(program) => ask(&self.child(program, &["wgpu"]), "wgpu"),
            #[cfg(feature = "wgpu")]
            BuiltIn::InProcess => {
                let make = MakeService::new(|| Box::new(portamark_executors::WgpuService::new()));
                ask(&Launcher::InProcess(make), "wgpu")
            }
            #[cfg(not(feature = "wgpu"))]
            BuiltIn::InProcess => Ok(Vec::new()),
        }
    }

    /// Lists the CPU as a device.
    ///
    /// # Errors
    /// Fails if its executor does not start or breaks.
    pub fn host(&self) -> Result<Vec<Place>> {
        match (&self.built_in, self.threads) {
            (BuiltIn::Program(program), None) => ask(&self.child(program, &["host"]), "host"),
            (BuiltIn::Program(program), Some(threads)) => {
                ask(&self.child(program, &["host", "--threads", &threads.to_string()]), "host")
            }
            #[cfg(feature = "host")]
            (BuiltIn::InProcess, threads) => {
                let make = MakeService::new(move || Box::new(portamark_executors::HostService::new(threads)));
                ask(&Launcher::InProcess(make), "host")
            }
            #[cfg(not(feature = "host"))]
            (BuiltIn::InProcess, _) => Ok(Vec::new()),
        }
    }

    fn runtime(&self, want: &str, runtime: &Runtime) -> Result<Vec<Place>> {
        ask(&Launcher::Program(runtime.program(self.python.as_deref())?), want)
    }

    /// Waits until a browser opens the page, and returns its device.
    #[cfg(feature = "browser")]
    fn browser(&self) -> Result<Vec<Place>> {
        let failed = |error: std::io::Error| {
            let message = format!("cannot serve a page at {}: {error}", self.page);
            Error::refused_hint(message, Hint::OtherAddress)
        };
        let server = match self.server.get() {
            Some(server) => server,
            None => {
                let server = BrowserServer::start(self.page, Arc::new(self.say)).map_err(failed)?;
                server.welcome().map_err(failed)?;
                self.server.get_or_init(|| Arc::new(server))
            }
        };
        ask(&Launcher::Browser(Arc::clone(server)), BROWSER)
    }

    #[cfg(not(feature = "browser"))]
    fn browser(&self) -> Result<Vec<Place>> {
        let message = "this build does not include measuring in a browser".into();
        Err(Error::NoDevice { message, explained: true })
    }

    /// Returns the server of the page, so that progress can be shown there too; `None` if no page is served.
    #[cfg(feature = "browser")]
    pub fn audience(&self) -> Option<Arc<BrowserServer>> {
        self.server.get().cloned()
    }

    /// Returns a launcher that runs `program` as a built-in executor.
    fn child(&self, program: &std::path::Path, arguments: &[&str]) -> Launcher {
        let arguments = ["executor"].iter().chain(arguments).map(|word| word.to_string()).collect();
        Launcher::Program(Program {
            environment: self.environment.clone(),
            ..Program::new(program, arguments)
        })
    }

    /// Returns the program of an external executor, whose `command` is split as a shell splits it.
    fn external(&self, command: &str) -> Result<Program> {
        let words = command_words(command);
        let mut words =
            words.ok_or_else(|| Error::refused("the executor command has an unclosed quote"))?.into_iter();
        let program = words.next().ok_or_else(|| Error::refused("the command of the executor is empty"))?;
        let program = self.program.clone().unwrap_or_else(|| program.into());
        let arguments = words.collect();
        Ok(Program { environment: self.environment.clone(), ..Program::new(program, arguments) })
    }
}

/// Splits a command into words as a POSIX shell does; quotes keep spaces together. On Windows a backslash is part of
/// a path and escapes nothing. `None` if a quote is not closed.
pub fn command_words(command: &str) -> Option<Vec<String>> {
    if cfg!(windows) { shlex::split(&command.replace('\\', "\\\\")) } else { shlex::split(command) }
}

/// Starts the executor of `launcher` and asks it for its devices.
fn ask(launcher: &Launcher, name: &str) -> Result<Vec<Place>> {
    let refused = |fault: Fault| match fault.kind {
        FaultKind::Unsupported => {
            let message = format!("there is no device {name}: {}", fault.reason);
            Error::NoDevice { message, explained: true }
        }
        _ => Error::Executor { name: name.into(), message: fault.reason },
    };
    let (executor, devices) = launcher.start().hello(HELLO).map_err(refused)?;
    let place = |device| Place { device, executor: executor.clone(), launcher: launcher.clone() };
    Ok(devices.into_iter().map(place).collect())
}

/// Returns the elements of `places` that `want` names: a number, `all`, `gpu`, or a part of the id. `built_in` says
/// whether they are those of the built-in executors.
fn choose<'a>(places: &'a [Place], want: &str, built_in: bool) -> Result<Vec<&'a Place>> {
    if places.is_empty() {
        return Err(Error::NoDevice { message: "no device was found".into(), explained: false });
    }
    if want == "all" {
        return Ok(places.iter().collect());
    }
    if let Ok(index) = want.parse::<usize>() {
        let found = places.get(index).ok_or_else(|| {
            Error::refused_hint(
                format!("there is no device {index}; number of devices: {}", places.len()),
                Hint::ListDevices,
            )
        })?;
        return Ok(vec![found]);
    }
    if want == GPU && built_in {
        let gpu = places.iter().find(|place| place.device.device_type != DeviceType::Software);
        let message = "no GPU was found, only devices that compute on the CPU".into();
        return gpu.map(|gpu| vec![gpu]).ok_or(Error::NoDevice { message, explained: false });
    }
    let part = want.to_lowercase();
    let mut found: Vec<&Place> = places.iter().filter(|place| place.device.id == want).collect();
    if found.is_empty() {
        found = places.iter().filter(|place| place.device.id.to_lowercase().contains(&part)).collect();
    }
    let ids = |places: &mut dyn Iterator<Item = &Place>| {
        places.map(|place| place.device.id.as_str()).collect::<Vec<_>>().join("; ")
    };
    match found.len() {
        0 => {
            let ids = ids(&mut places.iter());
            // Why an external executor does not list a device is known to that executor only.
            let hint = if built_in { Hint::OtherDevice(ids) } else { format!("devices found: {ids}").into() };
            Err(Error::refused_hint(format!("no device matches `{want}`"), hint))
        }
        1 => Ok(found),
        count => Err(Error::refused_hint(
            format!("`{want}` matches {count} devices: {}", ids(&mut found.into_iter())),
            "give a longer part of the name, or its number",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::fake::Script;

    #[test]
    fn a_command_is_split_as_a_shell_splits_it() {
        assert_eq!(
            command_words("python3 -u 'my file.py' a\"b c\"").unwrap(),
            ["python3", "-u", "my file.py", "ab c"]
        );
        assert_eq!(command_words("python3 'unclosed"), None);
    }

    fn places(ids: &[&str]) -> Vec<Place> {
        let launcher = Launcher::Program(Program::new("none", Vec::new()));
        let place = |id: &&str| Place {
            device: Script::device().but(|it| it.id = id.to_string()),
            executor: "test 1".into(),
            launcher: launcher.clone(),
        };
        ids.iter().map(place).collect()
    }

    fn two() -> Vec<Place> {
        places(&["vulkan/llvmpipe/Mesa 22.3.6", "vulkan/llvmpipe/Mesa 25.0.7"])
    }

    #[test]
    fn a_device_is_named_by_number_part_or_all() {
        let places = two();
        let ids = |want: &str| -> Vec<String> {
            choose(&places, want, true).unwrap().into_iter().map(|place| place.device.id.clone()).collect()
        };
        assert_eq!(ids("1"), ["vulkan/llvmpipe/Mesa 25.0.7"]);
        assert_eq!(ids("mesa 22"), ["vulkan/llvmpipe/Mesa 22.3.6"]);
        assert_eq!(ids("all").len(), 2);
    }

    #[test]
    fn an_ambiguous_or_unknown_name_is_an_error_that_lists_devices() {
        let places = two();
        let message = |want: &str| {
            let error = choose(&places, want, true).unwrap_err();
            let hint = error.hint().map(ToString::to_string);
            format!("{error} / {}", hint.unwrap_or_default())
        };
        assert!(message("llvmpipe").contains("matches 2 devices: vulkan/llvmpipe/Mesa 22.3.6; vulkan/"));
        assert!(message("nvidia").contains("vulkan/llvmpipe/Mesa 22.3.6"));
        assert!(message("7").contains("number of devices: 2"));
        assert!(matches!(choose(&[], "all", true), Err(Error::NoDevice { explained: false, .. })));
    }

    #[test]
    fn the_first_gpu_is_no_software_driver_and_its_absence_is_no_device() {
        let mut places = two();
        let none = choose(&places, "gpu", true).unwrap_err();
        assert!(matches!(&none, Error::NoDevice { explained: false, .. }), "{none:?}");
        places[1].device.device_type = DeviceType::Discrete;
        assert_eq!(choose(&places, "gpu", true).unwrap()[0].device.id, places[1].device.id);
        // Of an external executor it is a part of a name, as any other.
        assert!(choose(&places, "gpu", false).unwrap_err().to_string().contains("no device matches `gpu`"));
    }

    #[test]
    fn what_cannot_be_a_device_of_a_runtime_is_refused_before_anything_is_started() {
        let executors = Executors { python: Some("/nonexistent".into()), ..Executors::default() };
        let error = executors.find(&["torch:../../etc".into()], &Silent).unwrap_err();
        assert!(error.to_string().contains("torch:../../etc"), "{error}");
    }
}
