//! An executor in the runner's own process: it needs no child process, but does not isolate crashes.

use super::protocol::{Failure, Request, Response};
use super::remote::{Executor, Fault, FaultKind};
use super::serve::Service;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Factory of services, called for each start of an [`InProcessExecutor`].
#[derive(Clone)]
pub struct MakeService(Arc<dyn Fn() -> Box<dyn Service> + Send + Sync>);

impl MakeService {
    /// Creates a factory that calls `make` for each new service.
    pub fn new(make: impl Fn() -> Box<dyn Service> + Send + Sync + 'static) -> Self {
        MakeService(Arc::new(make))
    }
}

impl fmt::Debug for MakeService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MakeService")
    }
}

/// Executor in the runner's own process. It ignores timeouts: a driver that hangs blocks the whole process, and
/// one that crashes ends it. [`ChildExecutor`](super::ChildExecutor) protects the runner from both.
#[derive(Debug)]
pub struct InProcessExecutor {
    make: MakeService,
    service: Option<Running>,
    starts: u32,
}

struct Running(Box<dyn Service>);

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

impl InProcessExecutor {
    /// Creates an executor without starting a service. The first request starts it.
    pub fn new(make: MakeService) -> Self {
        InProcessExecutor { make, service: None, starts: 0 }
    }
}

impl Executor for InProcessExecutor {
    fn call(&mut self, request: &Request, _deadline: Duration) -> Result<Response, Fault> {
        if self.service.is_none() {
            self.starts += 1;
        }
        let make = &self.make;
        let service = self.service.get_or_insert_with(|| Running((make.0)()));
        match service.0.handle(request.clone()) {
            Response::Error { status: Failure::DeviceLost, reason } => {
                self.stop();
                Err(Fault::new(FaultKind::Crashed, reason))
            }
            response => Ok(response),
        }
    }

    fn generation(&self) -> u32 {
        self.starts + u32::from(self.service.is_none())
    }

    fn stop(&mut self) {
        self.service = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Act, Fake, On, Rule, Script};

    const SOON: Duration = Duration::from_secs(60);

    #[test]
    fn a_service_answers_and_a_stopped_one_is_made_anew() {
        let make = MakeService::new(|| Box::new(Fake::from_script(Script::default())));
        let mut executor = InProcessExecutor::new(make);
        // The number is that of the service which answers the next request, started or not.
        assert_eq!(executor.generation(), 1);
        let (_, devices) = executor.hello(SOON).unwrap();
        assert_eq!((devices.len(), executor.generation()), (1, 1));
        executor.hello(SOON).unwrap();
        assert_eq!(executor.generation(), 1);
        executor.stop();
        assert_eq!(executor.generation(), 2);
        executor.hello(SOON).unwrap();
        assert_eq!(executor.generation(), 2);
    }

    #[test]
    fn a_scripted_executor_counts_its_restarts_too() {
        let mut fake = Fake::from_script(Script::default());
        fake.hello(SOON).unwrap();
        assert_eq!(fake.generation(), 1);
        fake.stop();
        assert_eq!((fake.generation(), fake.held()), (2, 0));
        let crash = Rule::new("*", On::Hello, Act::Exit);
        let mut fake = Fake::from_script(Script { rules: vec![crash], ..Script::default() });
        assert!(fake.hello(SOON).unwrap_err().is_fatal());
        assert_eq!(fake.generation(), 2);
    }

    #[test]
    fn a_lost_device_ends_the_service() {
        struct Lost;
        impl Service for Lost {
            fn handle(&mut self, _: Request) -> Response {
                Response::Error { status: Failure::DeviceLost, reason: "gone".into() }
            }
        }
        let mut executor = InProcessExecutor::new(MakeService::new(|| Box::new(Lost)));
        let fault = executor.hello(SOON).unwrap_err();
        assert!(fault.is_fatal() && fault.kind == FaultKind::Crashed, "{fault:?}");
        assert!(executor.service.is_none());
    }
}
