//! What the compiler of a device that is measured makes of the plans that ran.

use super::kept::name;
use super::of_plan::facts_of;
use portamark_executors::protocol::Inspect;
use portamark_executors::{Executor, FaultKind};
use portamark_inspect::{Chip, Compiler, Facts, of_device};
use portamark_model::device::Capabilities;
use portamark_model::plan::Plan;
use std::collections::HashMap;
use std::time::Duration;

/// Least time that is given to a compilation: a driver may have to open the device once more.
const LEAST: Duration = Duration::from_secs(1);

/// Facts of the plans that ran on one device. Each plan is asked for once, and a device that cannot tell once.
#[derive(Debug)]
pub(crate) struct Asked {
    compiler: Compiler,
    chip: Option<&'static Chip>,
    /// Whether the device cannot tell, or its driver did not survive the question.
    silent: bool,
    known: HashMap<String, Vec<Facts>>,
}

impl Asked {
    /// Nothing is known of `device` yet.
    pub(crate) fn new(device: &Capabilities) -> Self {
        Asked {
            compiler: Compiler::of(device),
            chip: of_device(device),
            silent: false,
            known: HashMap::new(),
        }
    }

    /// Returns the facts of the steps of `plan`; none if they cannot be had. Compiles it at most once, within
    /// `patience`, and not at all if that is less than a second.
    pub(crate) fn facts(
        &mut self,
        executor: &mut dyn Executor,
        device: &Capabilities,
        plan: &Plan,
        patience: Duration,
    ) -> Vec<Facts> {
        let name = name(plan);
        if let Some(known) = self.known.get(&name) {
            return known.clone();
        }
        if self.silent || patience < LEAST {
            return Vec::new();
        }
        let found = match executor.inspect(Inspect::new(device, plan.clone(), false), patience) {
            Ok(steps) => facts_of(self.compiler, &steps, plan, self.chip),
            Err(fault) => {
                self.silent = fault.kind == FaultKind::Unsupported || fault.is_fatal();
                Vec::new()
            }
        };
        self.known.insert(name, found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_executors::Fault;
    use portamark_executors::protocol::{Failure, Request, Response};
    use portamark_kernels::{KernelSource, default_plan};
    use portamark_model::compiled::{Compiled, Executable, Statistic};

    /// Gives one answer to every question, and counts them.
    struct Driver {
        answer: Result<Response, Fault>,
        questions: usize,
    }

    impl Executor for Driver {
        fn call(&mut self, request: &Request, _: Duration) -> Result<Response, Fault> {
            assert!(matches!(request, Request::Inspect(inspect) if !inspect.texts));
            self.questions += 1;
            self.answer.clone()
        }
    }

    fn card() -> Capabilities {
        Capabilities::example().but(|it| {
            it.name = "AMD Radeon RX 7900 XTX (RADV NAVI31)".into();
            it.driver = "radv".into();
        })
    }

    /// Asks for the plans of `sizes` in turn, and returns the registers of each answer and the number of questions.
    fn asked(
        answer: Result<Response, Fault>,
        sizes: &[u64],
        patience: Duration,
    ) -> (Vec<Option<u32>>, usize) {
        let mut driver = Driver { answer, questions: 0 };
        let mut asked = Asked::new(&card());
        let registers = sizes.iter().map(|n| {
            let case = format!("stream f32 copy n{n}").parse().unwrap();
            let plan = default_plan(&case, &card(), &KernelSource::embedded()).unwrap();
            let steps = asked.facts(&mut driver, &card(), &plan, patience);
            steps.first().and_then(|step| step.statistics.vector_registers)
        });
        (registers.collect(), driver.questions)
    }

    fn told() -> Result<Response, Fault> {
        let mut program = Executable::new("cs", 32);
        program.statistics = vec![Statistic::new("VGPRs", 24.0), Statistic::new("Subgroups per SIMD", 16.0)];
        Ok(Response::Inspected { steps: vec![Compiled::new(vec![program], 1000)] })
    }

    const SOON: Duration = Duration::from_secs(60);

    #[test]
    fn the_invocations_of_a_step_are_those_of_its_dispatch() {
        let mut driver = Driver { answer: told(), questions: 0 };
        let case = "stream f32 copy n4096".parse().unwrap();
        let plan = default_plan(&case, &card(), &KernelSource::embedded()).unwrap();
        let steps = Asked::new(&card()).facts(&mut driver, &card(), &plan, SOON);
        // The driver told no workgroup: one invocation each.
        let workgroups: u32 = plan.steps[0].workgroups.iter().product();
        assert_eq!(steps[0].invocations, Some(u64::from(workgroups)));
    }

    #[test]
    fn a_plan_is_asked_for_once_however_often_it_runs() {
        assert_eq!(asked(told(), &[4096, 4096, 8192, 4096], SOON), (vec![Some(24); 4], 2));
    }

    #[test]
    fn a_device_that_cannot_tell_or_dies_of_it_is_asked_once() {
        let refused = |status| Ok(Response::Error { status, reason: "no".into() });
        let sizes = [4096, 8192, 16384];
        assert_eq!(asked(refused(Failure::Unsupported), &sizes, SOON), (vec![None; 3], 1));
        for kind in [FaultKind::Crashed, FaultKind::Timeout] {
            assert_eq!(asked(Err(Fault::new(kind, "gone")), &sizes, SOON), (vec![None; 3], 1));
        }
        // What fails for one plan may work for another.
        assert_eq!(asked(refused(Failure::Failed), &[4096, 4096, 8192], SOON), (vec![None; 3], 2));
    }

    #[test]
    fn with_less_than_a_second_left_nothing_is_asked() {
        assert_eq!(asked(told(), &[4096], Duration::from_millis(999)), (vec![None], 0));
    }
}
