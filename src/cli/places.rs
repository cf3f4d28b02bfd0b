//! Where devices are: which executors are asked for them, and how each is started.

use super::note;
use crate::error::{Error, Result};
use crate::executor::{
    BrowserExecutor, BrowserServer, ChildExecutor, Executor, Fault, FaultKind, Program, Runtime,
};
use crate::kernel::Capabilities;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A driver or a runtime may load for seconds at its first use.
const HELLO: Duration = Duration::from_secs(60);

/// A device and how its executor is started.
#[derive(Debug, Clone)]
pub struct Place {
    /// The device.
    pub device: Capabilities,
    /// Name and version of its executor.
    pub executor: String,
    launcher: Launcher,
}

/// How an executor is started.
#[derive(Debug, Clone)]
enum Launcher {
    /// A child process of its own.
    Program(Program),
    /// The page that is connected to this process.
    Browser(Arc<BrowserServer>),
}

impl Launcher {
    fn start(&self) -> Box<dyn Executor> {
        match self {
            Launcher::Program(program) => Box::new(ChildExecutor::new(program.clone())),
            Launcher::Browser(server) => Box::new(BrowserExecutor::new(Arc::clone(server))),
        }
    }
}

/// The device that a page in a browser has.
pub(in crate::cli) const BROWSER: &str = "browser";

impl Place {
    /// An executor of its own, which starts at its first request.
    pub fn start(&self) -> Box<dyn Executor> {
        self.launcher.start()
    }
}

/// Which executors there are to ask, and how they are started.
#[derive(Debug, Clone, clap::Args)]
pub struct Executors {
    /// Command of an external executor, instead of the built-in ones.
    #[arg(long, value_name = "COMMAND")]
    pub(in crate::cli) executor: Option<String>,
    /// Threads of the host's processor on the device `host`; without this one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(in crate::cli) threads: Option<u32>,
    /// Python that runs devices like `numpy`, `torch:npu` and `jax`; without this PORTAMARK_PYTHON, or
    /// python3.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) python: Option<PathBuf>,
    /// Port of the page of the device `browser`; 0 is a free one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) port: u16,
    /// Address where that page is served. Browsers offer WebGPU to pages of the same machine alone: a
    /// tunnel to this one serves others better than another address.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(in crate::cli) listen: IpAddr,
    /// The server of that page, once there is one.
    #[arg(skip)]
    server: Arc<OnceLock<Arc<BrowserServer>>>,
    /// This program in another build, which runs the built-in executors in place of this one.
    #[arg(skip)]
    pub(in crate::cli) binary: Option<PathBuf>,
    /// Variables for their environment.
    #[arg(skip)]
    pub(in crate::cli) environment: Vec<(String, String)>,
}

impl Default for Executors {
    fn default() -> Self {
        Executors {
            executor: None,
            threads: None,
            python: None,
            port: 0,
            listen: Ipv4Addr::LOCALHOST.into(),
            server: Arc::default(),
            binary: None,
            environment: Vec::new(),
        }
    }
}

impl Executors {
    /// The devices that `wanted` names: numbers, parts of an id, or `all` of those that the built-in or
    /// the external executor lists; or a foreign runtime, e.g. `torch:cuda`, or the browser. They come
    /// with the ids of all devices that were listed.
    ///
    /// # Errors
    /// When an executor that is needed does not start, or `wanted` names no device, or several.
    pub fn find(&self, wanted: &[String]) -> Result<(Vec<Place>, Vec<String>)> {
        let mut listed: Option<Vec<Place>> = None;
        let mut chosen: Vec<Place> = Vec::new();
        for want in wanted {
            let runtime = if self.executor.is_none() { Runtime::parse(want)? } else { None };
            let found = match runtime {
                Some(runtime) => self.runtime(want, &runtime)?,
                None if want == BROWSER && self.executor.is_none() => self.browser()?,
                None => {
                    if listed.is_none() {
                        listed = Some(self.list()?);
                    }
                    choose(listed.as_deref().unwrap_or_default(), want)?.into_iter().cloned().collect()
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
        Ok((chosen, present))
    }

    /// The devices of the external executor, or of the built-in ones: those of GPU drivers, then the
    /// host's processor.
    ///
    /// # Errors
    /// When the external executor does not start, or none of the built-in ones does.
    pub fn list(&self) -> Result<Vec<Place>> {
        if let Some(command) = &self.executor {
            return discover(&self.external(command)?, "the executor");
        }
        let mut places = match self.gpus() {
            Ok(places) => places,
            Err(error) => {
                note(&format!(
                    "note: no GPU driver can be used: {error}; `portamark doctor` looks for the cause"
                ));
                Vec::new()
            }
        };
        let any = !places.is_empty();
        places.extend(discover(&self.host()?, "host")?);
        if !any {
            note("note: no GPU driver was found: the host's processor is measured");
        }
        Ok(places)
    }

    /// The devices of GPU drivers alone.
    ///
    /// # Errors
    /// When their executor does not start or breaks.
    pub fn gpus(&self) -> Result<Vec<Place>> {
        discover(&self.own(&["wgpu"])?, "wgpu")
    }

    fn host(&self) -> Result<Program> {
        match self.threads {
            Some(threads) => self.own(&["host", "--threads", &threads.to_string()]),
            None => self.own(&["host"]),
        }
    }

    fn runtime(&self, want: &str, runtime: &Runtime) -> Result<Vec<Place>> {
        discover(&runtime.program(self.python.as_deref())?, want)
    }

    /// The device of a browser, once one has opened the page.
    fn browser(&self) -> Result<Vec<Place>> {
        let failed = |error: std::io::Error| {
            let address = SocketAddr::new(self.listen, self.port);
            Error::usage_hint(
                format!("cannot serve a page at {address}: {error}"),
                "--port names another port, 0 a free one; --listen an address of this machine",
            )
        };
        let server = match self.server.get() {
            Some(server) => server,
            None => {
                let address = SocketAddr::new(self.listen, self.port);
                let server = BrowserServer::start(address, Arc::new(note)).map_err(failed)?;
                server.welcome().map_err(failed)?;
                self.server.get_or_init(|| Arc::new(server))
            }
        };
        ask(&Launcher::Browser(Arc::clone(server)), BROWSER)
    }

    /// The server of the page, if there is one: people look at the page too.
    pub(in crate::cli) fn audience(&self) -> Option<Arc<BrowserServer>> {
        self.server.get().cloned()
    }

    /// This program as an executor.
    fn own(&self, arguments: &[&str]) -> Result<Program> {
        let program = match &self.binary {
            Some(binary) => binary.clone(),
            None => std::env::current_exe().map_err(|error| Error::Executor {
                name: arguments[0].into(),
                message: format!("cannot find this program: {error}"),
            })?,
        };
        let arguments = ["executor"].iter().chain(arguments).map(|word| word.to_string()).collect();
        Ok(Program { environment: self.environment.clone(), ..Program::new(program, arguments) })
    }

    /// An external executor: its command, split at spaces.
    fn external(&self, command: &str) -> Result<Program> {
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().ok_or_else(|| Error::usage("--executor needs a command"))?;
        let program = self.binary.clone().unwrap_or_else(|| program.into());
        let arguments = words.collect();
        Ok(Program { environment: self.environment.clone(), ..Program::new(program, arguments) })
    }
}

/// Asks the executor that `program` starts for its devices.
fn discover(program: &Program, name: &str) -> Result<Vec<Place>> {
    ask(&Launcher::Program(program.clone()), name)
}

/// Asks the executor that `launcher` starts for its devices.
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

/// The places among `places` that `want` names: a number, `all`, or a part of the id.
fn choose<'a>(places: &'a [Place], want: &str) -> Result<Vec<&'a Place>> {
    if places.is_empty() {
        return Err(Error::NoDevice { message: "no device was found".into(), explained: false });
    }
    if want == "all" {
        return Ok(places.iter().collect());
    }
    if let Ok(index) = want.parse::<usize>() {
        let found = places.get(index).ok_or_else(|| {
            Error::usage_hint(
                format!("there is no device {index}; there are {}", places.len()),
                "`portamark devices` lists them with their numbers",
            )
        })?;
        return Ok(vec![found]);
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
        0 => Err(Error::usage_hint(
            format!("no device matches `{want}`"),
            format!("there is {}", ids(&mut places.iter())),
        )),
        1 => Ok(found),
        count => Err(Error::usage_hint(
            format!("`{want}` matches {count} devices: {}", ids(&mut found.into_iter())),
            "give more of the name, or its number",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::fake::Script;

    fn places(ids: &[&str]) -> Vec<Place> {
        let launcher = Launcher::Program(Program::new("none", Vec::new()));
        let place = |id: &&str| Place {
            device: Capabilities { id: id.to_string(), ..Script::device() },
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
            choose(&places, want).unwrap().into_iter().map(|place| place.device.id.clone()).collect()
        };
        assert_eq!(ids("1"), ["vulkan/llvmpipe/Mesa 25.0.7"]);
        assert_eq!(ids("mesa 22"), ["vulkan/llvmpipe/Mesa 22.3.6"]);
        assert_eq!(ids("all").len(), 2);
    }

    #[test]
    fn an_ambiguous_or_unknown_name_is_an_error_that_lists_devices() {
        let places = two();
        let message = |want: &str| {
            let error = choose(&places, want).unwrap_err();
            assert_eq!(error.exit() as u8, 2);
            format!("{error} / {}", error.hint().unwrap_or_default())
        };
        assert!(message("llvmpipe").contains("matches 2 devices: vulkan/llvmpipe/Mesa 22.3.6; vulkan/"));
        assert!(message("nvidia").contains("there is vulkan/llvmpipe/Mesa 22.3.6"));
        assert!(message("7").contains("there are 2"));
        assert_eq!(choose(&[], "all").unwrap_err().exit() as u8, 3);
    }

    #[test]
    fn what_cannot_be_a_device_of_a_runtime_is_refused_before_anything_is_started() {
        let executors = Executors { python: Some("/nonexistent".into()), ..Executors::default() };
        let error = executors.find(&["torch:../../etc".into()]).unwrap_err();
        assert_eq!(error.exit() as u8, 2);
        assert!(error.to_string().contains("torch:../../etc"), "{error}");
    }
}
