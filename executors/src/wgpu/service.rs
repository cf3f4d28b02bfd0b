//! The service that answers requests with wgpu.

use super::adapters::{self, Found};
use super::gpu::{Gpu, quiet_panics};
use super::inspection::{self, Inspector};
use super::prepared::Prepared;
use super::problem::Problem;
use crate::protocol::{self, Failure, Inspect, PROTOCOL, Prepare, Request, Response, encode_values};
use crate::serve::Service;
use portamark_model::device::Feature;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The GPU executor inside its own process.
#[derive(Default)]
pub struct WgpuService {
    found: Option<Vec<Found>>,
    /// Open devices, by identifier and enabled features.
    open: BTreeMap<(String, Vec<Feature>), Rc<Gpu>>,
    inspectors: BTreeMap<(String, Vec<Feature>), Inspector>,
    prepared: BTreeMap<u32, Prepared>,
    next_handle: u32,
    /// Upper limit on the binding size of all devices, in bytes. `None`: only the device's own limit applies.
    binding_bytes: Option<u64>,
}

impl WgpuService {
    /// Creates a service. It searches for devices at the first request that needs them.
    pub fn new() -> Self {
        quiet_panics();
        Self::default()
    }

    /// Creates a service whose devices allow bindings of at most `most` bytes, to test the behaviour on smaller
    /// devices.
    pub fn with_binding_bytes(most: u64) -> Self {
        WgpuService { binding_bytes: Some(most), ..Self::new() }
    }

    fn found(&mut self) -> &[Found] {
        let most = self.binding_bytes;
        self.found.get_or_insert_with(|| {
            let mut found = adapters::find();
            for limits in found.iter_mut().map(|found| &mut found.capabilities.limits) {
                limits.binding_bytes = most.unwrap_or(u64::MAX).min(limits.binding_bytes);
            }
            found
        })
    }

    fn gpu(&mut self, device: &str, features: &[Feature]) -> Result<Rc<Gpu>, Problem> {
        let key = key(device, features);
        if let Some(gpu) = self.open.get(&key) {
            return Ok(Rc::clone(gpu));
        }
        let gpu = { Rc::new(Gpu::open(self.device(device)?, &key.1)?) };
        self.open.insert(key, Rc::clone(&gpu));
        Ok(gpu)
    }

    fn device(&mut self, id: &str) -> Result<&Found, Problem> {
        let found = self.found().iter().find(|found| found.capabilities.id == id);
        found.ok_or_else(|| Problem::new(Failure::Failed, format!("no device `{id}`")))
    }

    fn inspect(&mut self, inspect: &Inspect) -> Result<Response, Problem> {
        let key = key(&inspect.device, &inspect.plan.features);
        if !self.inspectors.contains_key(&key) {
            let inspector = Inspector::open(self.device(&inspect.device)?, &inspect.plan)?;
            self.inspectors.insert(key.clone(), inspector);
        }
        let steps = self.inspectors[&key].inspect(&inspect.plan, inspect.texts)?;
        Ok(Response::Inspected { steps })
    }

    fn prepare(&mut self, prepare: &Prepare) -> Result<Response, Problem> {
        let features = prepare.plan.as_ref().map(|plan| plan.features.clone()).unwrap_or_default();
        let gpu = self.gpu(&prepare.device, &features)?;
        let prepared = Prepared::new(gpu, prepare)?;
        let (compile_ns, held_bytes) = (prepared.compile_ns, prepared.held_bytes);
        self.next_handle += 1;
        self.prepared.insert(self.next_handle, prepared);
        let handle = self.next_handle;
        Ok(Response::Prepared(protocol::Prepared { handle, compile_ns, held_bytes, kernel: None }))
    }

    fn prepared(&self, handle: u32) -> Result<&Prepared, Problem> {
        self.prepared.get(&handle).ok_or_else(|| Problem::new(Failure::Failed, format!("no handle {handle}")))
    }

    fn answer(&mut self, request: Request) -> Result<Response, Problem> {
        match request {
            Request::Hello { .. } => Ok(Response::Hello {
                protocol: PROTOCOL,
                executor: format!("wgpu {}", env!("CARGO_PKG_VERSION")),
                devices: self.found().iter().map(|f| f.capabilities.clone()).collect(),
            }),
            Request::Prepare(prepare) => self.prepare(&prepare),
            Request::Sample { handle, k, first_set } => {
                self.prepared(handle)?.sample(k, first_set).map(Response::Sampled)
            }
            Request::Read { handle, set, elements } => {
                let (values, poisoned) = self.prepared(handle)?.read(set, &elements)?;
                Ok(Response::Values { values: encode_values(&values), poisoned })
            }
            Request::Poison { handle } => self.prepared(handle)?.poison().map(|()| Response::Done),
            Request::Release { handle } => {
                self.prepared(handle)?;
                self.prepared.remove(&handle);
                Ok(Response::Done)
            }
            Request::Inspect(inspect) => self.inspect(&inspect),
            Request::InspectSpirv(inspect) => {
                let compiled = inspection::foreign(self.device(&inspect.device)?, &inspect)?;
                Ok(Response::Inspected { steps: vec![compiled] })
            }
            Request::Bye => Ok(Response::Done),
        }
    }
}

/// Devices are opened once for each set of features.
fn key(device: &str, features: &[Feature]) -> (String, Vec<Feature>) {
    let mut features = features.to_vec();
    features.sort_unstable();
    features.dedup();
    (device.to_string(), features)
}

impl Service for WgpuService {
    fn handle(&mut self, request: Request) -> Response {
        self.answer(request)
            .unwrap_or_else(|problem| Response::Error { status: problem.status, reason: problem.reason })
    }
}
