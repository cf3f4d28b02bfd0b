//! Places of rows in a file, found by what they are rows of.

use super::schema::{Identity, Row};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Places of rows by identity, and of those rows of a case that a retry may replace.
#[derive(Default)]
pub(super) struct Places {
    /// Place and line number of the row of each identity.
    of: BTreeMap<Identity, (usize, u64)>,
    /// Places of the rows that may be retried, by case and repeat; looked up for each retry.
    failed: HashMap<(String, u32), BTreeSet<usize>>,
}

impl Places {
    /// Returns place and line number of the row that `row` replaces, if any: the row of the same identity or, for a
    /// retry, the first failed row of the case, whose variant may have changed in between.
    pub(super) fn replaced_by(&self, row: &Row, rows: &[Row]) -> Option<(usize, u64)> {
        let failed = || {
            let first = self.failed.get(&(row.case.clone(), row.repeat))?.first()?;
            self.of.get(&rows[*first].identity())
        };
        let same = self.of.get(&row.identity());
        same.or_else(|| if row.retry > 0 { failed() } else { None }).copied()
    }

    /// Notes that `row` of line `number` stands at `at`.
    pub(super) fn add(&mut self, row: &Row, at: usize, number: u64) {
        self.of.insert(row.identity(), (at, number));
        if row.status.may_be_retried() {
            self.failed.entry((row.case.clone(), row.repeat)).or_default().insert(at);
        }
    }

    /// Forgets `row`, which stood at `at`.
    pub(super) fn remove(&mut self, row: &Row, at: usize) {
        self.of.remove(&row.identity());
        if let Some(places) = self.failed.get_mut(&(row.case.clone(), row.repeat)) {
            places.remove(&at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::{Record, Status};
    use super::super::{example, load};

    #[test]
    fn many_retries_take_no_longer_than_as_many_rows() {
        // Each retry looks for a failed row of its case. Among 20,000 rows a search row by row compares
        // 400,000,000 texts, which takes minutes in a debug build.
        let failed = |number: u32, retry: u32| {
            let row = example::skipped(&format!("case {number}"), "x");
            let row = row.but(|row| (row.status, row.retry) = (Status::Failed, retry));
            serde_json::to_string(&Record::Row(Box::new(row))).unwrap() + "\n"
        };
        let lines: String = (0..20_000).map(|number| failed(number, 0)).collect();
        let again: String = (0..20_000).map(|number| failed(number + 10_000, 1)).collect();
        let started = std::time::Instant::now();
        let header = serde_json::to_string(&Record::Header(Box::new(example::header()))).unwrap() + "\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        std::fs::write(&path, [header, lines, again].concat()).unwrap();
        let file = load(&path).unwrap();
        assert_eq!((file.rows.len(), file.rows[10_000].retry, file.rows[9_999].retry), (30_000, 1, 0));
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}
