//! Short facts on what a report compares.

use portamark_analysis::{Comparison, clean};
use std::collections::BTreeSet;

/// Returns the numbers of cases and rows, the suites, versions and dates of a comparison, in a few words each.
pub(crate) fn facts(comparison: &Comparison) -> Vec<String> {
    let headers = || comparison.devices.iter().flat_map(|device| device.files.iter().map(|f| &f.header));
    let list = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
    let rows: usize = comparison.devices.iter().map(|device| device.entries.len()).sum();
    let dates: BTreeSet<String> = headers().map(|h| clean(&h.started).chars().take(10).collect()).collect();
    let date = match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(only), _) => only.clone(),
        _ => return vec!["there is no row".into()],
    };
    let mut facts = vec![
        format!("{} cases, {rows} rows", comparison.cases.len()),
        format!("suite {}", list(headers().map(|h| clean(&h.suite)).collect())),
        format!("method {}", list(headers().map(|h| h.method.to_string()).collect())),
        format!("portamark {}", list(headers().map(|h| clean(&h.portamark)).collect())),
        date,
    ];
    facts.retain(|fact| !fact.ends_with(' '));
    facts
}
