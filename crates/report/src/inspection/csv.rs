//! CSV: a line for each step of each cell.

use portamark_analysis::compiled_bound;
use portamark_inspect::{Cell, Class, Facts, Finding, Outcome};
use std::io::Write;

/// Writes `cells`, a line for each step; a case that did not compile has one line.
///
/// # Errors
/// Fails if `out` does.
pub fn inspection_csv(cells: &[Cell], out: impl Write) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let fixed = [
        "chip",
        "title",
        "driver",
        "case",
        "variant",
        "outcome",
        "reason",
        "remarks",
        "step",
        "subgroup_size",
        "vector_registers",
        "scalar_registers",
        "spilled_registers",
        "scratch_bytes",
        "workgroup_bytes",
        "resident_subgroups",
        "resident_limit",
        "limited_by",
        "code_bytes",
        "instructions",
        "static_cycles",
        "compile_s",
        "ceiling",
        "ceiling_of",
    ];
    let of_loop =
        Class::ALL.iter().map(|class| format!("loop_{}", class.to_string().replace([' ', '-'], "_")));
    let last = ["loop_workgroup_load_bytes", "loop_global_load_bytes", "bound_s"].map(String::from);
    writer.write_record(fixed.iter().map(|name| name.to_string()).chain(of_loop).chain(last))?;
    for cell in cells {
        let (outcome, reason) = match &cell.outcome {
            Outcome::Unsupported { reason } => ("unsupported", reason.as_str()),
            Outcome::Failed { reason } => ("failed", reason.as_str()),
            _ => ("compiled", ""),
        };
        let remarks = cell.findings().iter().map(Finding::to_string).collect::<Vec<_>>().join("; ");
        let head = [
            &cell.chip,
            &cell.title,
            &cell.driver,
            &cell.case,
            cell.variant.as_deref().unwrap_or_default(),
            outcome,
            reason,
            &remarks,
        ];
        let head: Vec<String> = head.iter().map(|text| text.to_string()).collect();
        let none = Facts::default();
        let steps: Vec<&Facts> =
            if cell.steps().is_empty() { vec![&none] } else { cell.steps().iter().collect() };
        for (number, facts) in steps.iter().enumerate() {
            let numbers =
                if cell.steps().is_empty() { vec![String::new(); 15] } else { numbers(number, facts) };
            let hot = facts.hot_loop.as_ref().map(|hot| &hot.mix);
            let counts =
                Class::ALL.iter().map(|class| hot.map_or(String::new(), |mix| mix.count(*class).to_string()));
            let mean = |class| {
                hot.and_then(|mix| mix.mean_width(class)).map_or(String::new(), |bytes| bytes.to_string())
            };
            let bound = compiled_bound(cell).map_or(String::new(), |bound| bound.seconds.to_string());
            let last = [mean(Class::WorkgroupLoad), mean(Class::GlobalLoad), bound];
            writer.write_record(head.iter().cloned().chain(numbers).chain(counts).chain(last))?;
        }
    }
    writer.flush()
}

fn numbers(step: usize, facts: &Facts) -> Vec<String> {
    fn told(value: Option<impl ToString>) -> String {
        value.map_or(String::new(), |value| value.to_string())
    }
    let statistics = &facts.statistics;
    let (resident, ceiling) = (statistics.resident, facts.ceiling());
    vec![
        step.to_string(),
        told(statistics.subgroup_size),
        told(statistics.vector_registers),
        told(statistics.scalar_registers),
        facts.spills().to_string(),
        told(statistics.scratch_bytes),
        told(statistics.workgroup_bytes),
        told(resident.map(|one| one.subgroups)),
        told(resident.map(|one| one.limit)),
        told(resident.map(|one| one.limited_by)),
        told(statistics.code_bytes),
        told(statistics.instructions),
        told(statistics.static_cycles),
        (facts.compile_ns as f64 * 1e-9).to_string(),
        told(ceiling.map(|one| one.share)),
        told(ceiling.map(|one| one.of)),
    ]
}
