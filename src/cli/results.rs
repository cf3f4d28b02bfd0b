//! Reading of result files and selection of devices in them.

use super::output::note;
use crate::error::{Error, Result};
use portamark_analysis::Comparison;
use portamark_results::{self as results, RunFile};
use std::path::PathBuf;

/// Maximum number of problems in files reported one by one.
const MOST_NOTES: usize = 20;

/// Reads result files and prints their problems to stderr.
pub(super) fn load_files(paths: &[PathBuf]) -> Result<Vec<RunFile>> {
    let files = results::load_all(paths)?;
    let problems = || files.iter().flat_map(|file| file.problems.iter().map(move |problem| (file, problem)));
    for (file, problem) in problems().take(MOST_NOTES) {
        note(&format!("note: {}: {problem}", file.path.display()));
    }
    let more = problems().count().saturating_sub(MOST_NOTES);
    if more > 0 {
        note(&format!("note: and {more} more problems in these files"));
    }
    Ok(files)
}

/// Returns the devices named by `wanted`, in that order: each by its number or part of its label or id.
///
/// # Errors
/// Fails if a name matches no device, several devices, or one already named; the message lists them.
pub(super) fn choose_devices(comparison: &Comparison, wanted: &[String]) -> Result<Vec<usize>> {
    let label = |index: usize| comparison.devices[index].label.clone();
    let all = || (0..comparison.devices.len()).map(label).collect::<Vec<_>>().join("; ");
    let mut chosen: Vec<usize> = Vec::new();
    for want in wanted {
        let part = want.to_lowercase();
        let has = |index: &usize| {
            let device = &comparison.devices[*index];
            [&device.label, &device.header.device.id].iter().any(|text| text.to_lowercase().contains(&part))
        };
        let found: Vec<usize> = match want.parse::<usize>() {
            Ok(index) if index < comparison.devices.len() => vec![index],
            _ if part.is_empty() => Vec::new(),
            _ => (0..comparison.devices.len()).filter(has).collect(),
        };
        match found[..] {
            [] => {
                let hint = format!("the files have {}", all());
                return Err(Error::usage_hint(format!("no device of these files matches `{want}`"), hint));
            }
            [one] if chosen.contains(&one) => {
                return Err(Error::usage(format!("`{want}` names {} a second time", label(one))));
            }
            [one] => chosen.push(one),
            _ => {
                let matches: Vec<String> = found.iter().map(|index| label(*index)).collect();
                return Err(Error::usage_hint(
                    format!("`{want}` matches {} devices: {}", found.len(), matches.join("; ")),
                    "give a longer part of the name, or its number from 0 in the order of the files",
                ));
            }
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    fn chosen(wanted: &[&str]) -> std::result::Result<Vec<usize>, String> {
        let runs = fixture::three_devices();
        let wanted: Vec<String> = wanted.iter().map(|text| text.to_string()).collect();
        choose_devices(&Comparison::new(&runs), &wanted).map_err(|error| error.to_string())
    }

    #[test]
    fn devices_are_named_by_number_or_part_and_keep_the_order_given() {
        assert_eq!(chosen(&["mesa 22", "0"]), Ok(vec![1, 0]));
        assert_eq!(chosen(&["H100", "25.0"]), Ok(vec![0, 2]));
    }

    #[test]
    fn what_matches_none_several_or_twice_is_an_error_that_lists_them() {
        assert!(chosen(&["mi300"]).unwrap_err().contains("`mi300`"));
        assert!(chosen(&["llvmpipe"]).unwrap_err().contains("2 devices: llvmpipe"));
        assert!(chosen(&["0", "h100"]).unwrap_err().contains("second time"));
        assert!(chosen(&[""]).is_err() && chosen(&["99"]).is_err());
    }
}
