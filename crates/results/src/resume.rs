//! Search for the earlier file that a run continues, with the reason if a similar file does not match.

use super::find::find_in;
use super::load::{Scan, scan};
use super::run_option::RunOption;
use super::schema::Header;
use portamark_model::error::{Error, Hint, Result};
use std::path::{Path, PathBuf};

/// Criteria for the earlier file that a run continues.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// Header that a new file of the run would have.
    pub header: &'a Header,
    /// Whether a finished file is accepted too.
    pub finished: bool,
    /// Ids of all devices present: a file of another one of them is not accepted.
    pub present: &'a [String],
}

/// Options that affect only how much is measured, or that each row states itself: another value changes no
/// number. The cache size is taken from the earlier file.
const INDIFFERENT: [RunOption; 5] = [
    RunOption::Budget,
    RunOption::CacheBytes,
    RunOption::Isolation,
    RunOption::Memory,
    RunOption::TuningTables,
];

/// Returns the newest file under `dir` that the run can continue: one of the same suite, device, method,
/// seed, and options that affect numbers. `None` if there is no similar file.
///
/// # Errors
/// Fails if there is none but a file of the same suite and chip differs in something else; the error names
/// the field.
pub fn find_earlier(dir: &Path, wanted: Earlier<'_>) -> Result<Option<PathBuf>> {
    let mut paths = Vec::new();
    if find_in(dir, &mut paths).is_err() {
        return Ok(None);
    }
    let fits = |scan: &Scan| {
        let (file, device) = (&scan.file, &scan.file.header.device);
        file.header.suite == wanted.header.suite
            && (wanted.finished || file.is_interrupted())
            && !scan.mixed
            && file.header.ab == wanted.header.ab
            && device.name == wanted.header.device.name
            && device.chip_kind() == wanted.header.device.chip_kind()
            && (device.id == wanted.header.device.id || !wanted.present.contains(&device.id))
    };
    let mut files: Vec<_> =
        paths.iter().filter_map(|path| scan(path).ok()).filter(fits).map(|scan| scan.file).collect();
    // Times in UTC to the second sort as text.
    files.sort_by(|a, b| (&b.header.started, &b.path).cmp(&(&a.header.started, &a.path)));
    let mut reasons = Vec::new();
    for file in files {
        match difference(&file.header, wanted.header) {
            None => return Ok(Some(file.path)),
            Some(reason) => reasons.push((file.path, reason)),
        }
    }
    match reasons.into_iter().next() {
        None => Ok(None),
        Some((path, reason)) => Err(Error::Input {
            path,
            message: format!("cannot be resumed: {reason}"),
            hint: Some(Hint::BeginAnew),
        }),
    }
}

/// Returns the first difference that could change numbers, in words.
fn difference(had: &Header, wanted: &Header) -> Option<String> {
    let differs = |field: &str, had: &str, wanted: &str| {
        (had != wanted).then(|| format!("its {field} is {had}, this run's is {wanted}"))
    };
    let number = |field: &str, had: u32, wanted: u32| differs(field, &had.to_string(), &wanted.to_string());
    number("method", had.method, wanted.method)
        .or_else(|| differs("device", &had.device.id, &wanted.device.id))
        .or_else(|| number("seed", had.seed, wanted.seed))
        .or_else(|| {
            let names = had.options.keys().chain(wanted.options.keys());
            names.filter(|name| !INDIFFERENT.contains(name)).find_map(|name| {
                let value =
                    |header: &Header| header.options.get(name).map_or("not set".into(), String::clone);
                differs(&format!("option {name}"), &value(had), &value(wanted))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::schema::RunOutcome;
    use super::super::store::RunWriter;
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn add(&self, started: &str, change: fn(&mut Header), outcome: Option<RunOutcome>) -> PathBuf {
            let mut header = Header { started: started.into(), ..example::header() };
            change(&mut header);
            let writer = RunWriter::create(self.0.path(), header).unwrap();
            let path = writer.path().to_path_buf();
            if let Some(outcome) = outcome {
                writer.finish(example::end(0, outcome)).unwrap();
            }
            path
        }

        fn find(&self, change: fn(&mut Header), finished: bool) -> Result<Option<PathBuf>> {
            let mut header = example::header();
            change(&mut header);
            let present = ["other".to_string(), header.device.id.clone()];
            find_earlier(self.0.path(), Earlier { header: &header, finished, present: &present })
        }
    }

    #[test]
    fn the_newest_file_of_the_same_kind_is_gone_on_with() {
        let folder = Folder(tempfile::tempdir().unwrap());
        assert_eq!(folder.find(|_| {}, false).unwrap(), None);
        let hard = folder.add("2026-01-01T00:00:00Z", |_| {}, None);
        assert_eq!(folder.find(|_| {}, false).unwrap(), Some(hard.clone()));
        let soft = folder.add("2026-01-02T00:00:00Z", |h| h.seed = 7, Some(RunOutcome::Interrupted));
        let done = folder.add("2026-01-03T00:00:00Z", |_| {}, Some(RunOutcome::Done));
        folder.add("2026-01-04T00:00:00Z", |h| h.suite = "full".into(), None);
        folder.add("2026-01-05T00:00:00Z", |h| h.method = 2, None);
        folder.add("2026-01-06T00:00:00Z", |h| h.device.id = "other".into(), None);
        std::fs::write(folder.0.path().join("broken.jsonl"), "?").unwrap();
        assert_eq!(folder.find(|_| {}, false).unwrap(), Some(hard));
        assert_eq!(folder.find(|h| h.seed = 7, false).unwrap(), Some(soft));
        assert_eq!(folder.find(|_| {}, true).unwrap(), Some(done));
        let nowhere = Earlier { header: &example::header(), finished: true, present: &[] };
        assert_eq!(find_earlier(Path::new("no/such/folder"), nowhere).unwrap(), None);
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        for (change, words) in [
            ((|h| h.seed = 7) as fn(&mut Header), "its seed is 7, this run's is 42"),
            (|h| h.method = 2, "its method is 2, this run's is 1"),
            (
                |h| h.device.id = "vulkan/Example GPU/1.2.2".into(),
                "its device is vulkan/Example GPU/1.2.2, this run's is vulkan/Example GPU/1.2.3",
            ),
            (
                |h| drop(h.options.insert(RunOption::Cache, "warm".into())),
                "its option cache is warm, this run's is not set",
            ),
        ] {
            let folder = Folder(tempfile::tempdir().unwrap());
            folder.add("2026-01-01T00:00:00Z", change, None);
            let error = folder.find(|_| {}, false).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.hint(), Some(&Hint::BeginAnew));
        }
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.add("2026-01-01T00:00:00Z", |h| drop(h.options.insert(RunOption::Budget, "5".into())), None);
        assert!(folder.find(|_| {}, false).unwrap().is_some(), "a budget changes no number");
    }
}
