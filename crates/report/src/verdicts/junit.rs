//! Verdicts as JUnit XML, which CI servers show as tests.
//!
//! The format has no official specification; this is the common part that Jenkins, GitLab and GitHub's
//! actions read: `testsuites` of `testsuite`s of `testcase`s with `failure` or `skipped`. A case fails if a
//! gate of `--fail-on` stops it, is skipped if its verdict is missing or unclear and no gate stops it, and
//! passes otherwise.

use super::table;
use super::view::Verdicts;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use portamark_analysis::{CaseVerdict, Verdict, clean};
use serde::Serialize;

/// File name and text of the template. The name ends in `.xml`, which turns on XML escaping.
const TEMPLATE: (&str, &str) = ("junit.xml", include_str!("junit.xml"));

#[derive(Serialize)]
struct Suite {
    name: String,
    tests: usize,
    failures: usize,
    skipped: usize,
    cases: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    /// Time of one execution on the new side in seconds; `None` if unknown.
    time: Option<String>,
    /// Names of the gates that stop the case; `None` if it passes all of them.
    failure: Option<String>,
    skipped: bool,
    message: String,
    details: String,
}

fn test(verdicts: &Verdicts, case: &CaseVerdict) -> Test {
    let gates: Vec<&str> = verdicts.stopping(case).into_iter().map(|gate| gate.name()).collect();
    let cells = table::cells(case);
    let changes = case.changes.iter().map(|c| format!("; {}: {} -> {}", c.field, c.reference, c.new));
    let details = format!(
        "base {}, new {}, new/base {} ({}), {}{}",
        cells[1],
        cells[2],
        cells[3],
        cells[4],
        cells[5],
        changes.collect::<String>()
    );
    let open = matches!(case.judgement.verdict, Verdict::Missing(_) | Verdict::Unclear(_));
    Test {
        name: clean(&case.name()),
        time: case.new_s.filter(|seconds| seconds.is_finite()).map(|seconds| format!("{seconds:.9}")),
        skipped: gates.is_empty() && open,
        failure: (!gates.is_empty()).then(|| gates.join(" ")),
        message: cells[5].clone(),
        details: clean(&details),
    }
}

impl Verdicts<'_> {
    /// Returns JUnit XML with one test for each case, which fails if a gate stops the case.
    ///
    /// # Errors
    /// Fails if the template cannot be rendered, which can only be due to a defect in the template.
    pub fn junit(&self) -> Result<String, minijinja::Error> {
        let suites: Vec<Suite> = self
            .devices
            .iter()
            .map(|device| {
                let cases: Vec<Test> = device.cases.iter().map(|case| test(self, case)).collect();
                Suite {
                    name: clean(&device.pair.label()),
                    tests: cases.len(),
                    failures: cases.iter().filter(|case| case.failure.is_some()).count(),
                    skipped: cases.iter().filter(|case| case.skipped).count(),
                    cases,
                }
            })
            .collect();
        let sum = |value: fn(&Suite) -> usize| suites.iter().map(value).sum::<usize>();
        let (tests, failures, skipped) =
            (sum(|suite| suite.tests), sum(|suite| suite.failures), sum(|suite| suite.skipped));
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.add_template(TEMPLATE.0, TEMPLATE.1)?;
        let suites = Value::from(Serde(suites));
        let document = environment.get_template(TEMPLATE.0)?;
        Ok(document.render(context! { suites, tests, failures, skipped })? + "\n")
    }
}
