//! Templates that nobody has reviewed, rendered in a process of their own that has a deadline and a limit of memory.

use portamark_executors::{ChildExecutor, FaultKind, Program};
use portamark_kernels::{Renderer, Rendering};
use portamark_model::units;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

/// Bytes of memory that the process which renders may address. What the template engine counts stays below 320 MB, of
/// which some is there twice.
pub const RENDERER_MEMORY: u64 = 2_000_000_000;
/// Time that one rendering may take. The longest of the embedded kernels takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// Renders in a process of its own, which is started by the first rendering.
pub struct ChildRenderer {
    deadline: Duration,
    state: Mutex<State>,
}

struct State {
    child: ChildExecutor,
    /// Why templates of these names were given up: they are not tried again, each time for as long.
    given_up: BTreeMap<String, String>,
}

impl ChildRenderer {
    /// Creates a renderer whose process is `program`, one of portamark, with the arguments `executor render`.
    pub fn new(program: PathBuf) -> Self {
        let arguments = vec!["executor".into(), "render".into()];
        Self::of(Program::new(program, arguments), DEADLINE)
    }

    fn of(program: Program, deadline: Duration) -> Self {
        let state = State { child: ChildExecutor::new(program), given_up: BTreeMap::new() };
        ChildRenderer { deadline, state: Mutex::new(state) }
    }
}

impl fmt::Debug for ChildRenderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildRenderer").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Renderer for ChildRenderer {
    fn perform(&self, rendering: &Rendering) -> Result<Value, String> {
        let request = serde_json::to_vec(rendering).map_err(|error| error.to_string())?;
        let mut state = self.state.lock().map_err(|_| "an earlier rendering ended in a panic")?;
        let name = rendering.what.name();
        if let Some(reason) = state.given_up.get(name) {
            return Err(reason.clone());
        }
        let answer = state.child.ask(request, self.deadline).map_err(|fault| {
            if fault.kind == FaultKind::Timeout {
                let deadline = units::seconds(self.deadline.as_secs_f64());
                return format!("{name} takes longer than {deadline} to render and was given up");
            }
            let memory = units::bytes(RENDERER_MEMORY);
            format!("{name} was given up; it may need more than {memory} of memory: {}", fault.reason)
        });
        match answer {
            Ok(line) => serde_json::from_str(&line)
                .unwrap_or_else(|error| Err(format!("the answer of the renderer: {error}"))),
            Err(reason) => {
                state.given_up.insert(name.into(), reason.clone());
                Err(reason)
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use portamark_kernels::Template;
    use serde_json::json;

    fn rendering(name: &str) -> Rendering {
        let what = Template::Text { name: name.into(), text: "text".into() };
        Rendering { folder: None, what, values: json!({}) }
    }

    fn shell(script: &str, deadline: Duration) -> ChildRenderer {
        ChildRenderer::of(Program::new("sh", vec!["-c".into(), script.into()]), deadline)
    }

    #[test]
    fn answers_are_texts_values_and_reasons() {
        let answers = r#"read it; echo '{"Ok":"text"}'; read it; echo '{"Ok":[1]}'; read it; echo '{"Err":"no"}'; read it; echo 1; read it"#;
        let renderer = shell(answers, Duration::from_secs(60));
        assert_eq!(renderer.perform(&rendering("a")), Ok(json!("text")));
        assert_eq!(renderer.perform(&rendering("a")), Ok(json!([1])));
        assert_eq!(renderer.perform(&rendering("a")), Err("no".into()));
        assert!(renderer.perform(&rendering("a")).unwrap_err().contains("the answer of the renderer"));
    }

    #[test]
    fn a_template_that_does_not_end_or_kills_the_process_is_given_up_once() {
        let folder = tempfile::tempdir().unwrap();
        let starts = folder.path().join("starts");
        let count = || std::fs::read_to_string(&starts).unwrap().len();
        let script = |then: &str| format!("printf 1 >> {}; read it; {then}", starts.display());
        let slow = shell(&script("sleep 600"), Duration::from_millis(300));
        let reason = slow.perform(&rendering("own/slow")).unwrap_err();
        assert_eq!(reason, "own/slow takes longer than 300 ms to render and was given up");
        assert_eq!((slow.perform(&rendering("own/slow")), count()), (Err(reason), 1));
        // Another template gets a process of its own.
        slow.perform(&rendering("own/other")).unwrap_err();
        assert_eq!(count(), 2);

        let large = shell(&script("echo memory allocation of 9 bytes failed >&2; kill -ABRT $$"), DEADLINE);
        let reason = large.perform(&rendering("own/large")).unwrap_err();
        for part in ["own/large was given up", "2.00 GB", "memory allocation of 9 bytes failed"] {
            assert!(reason.contains(part), "{reason}");
        }
        assert_eq!((large.perform(&rendering("own/large")), count()), (Err(reason), 3));
    }
}
