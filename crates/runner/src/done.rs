//! Rows that a run already has, how often their cases were tried, and which are not tried again.

use super::choice::Job;
use portamark_model::workload::Case;
use portamark_results::{Identity, Row, Status, Tag};
use std::collections::BTreeMap;

/// Number of executors that a case may end before it is no longer tried in its run.
const QUARANTINE: u32 = 2;

/// State of one row.
#[derive(Debug, Clone, Copy)]
struct Standing {
    status: Status,
    retry: u32,
    kills: u32,
    /// Whether the row is to be measured again.
    again: bool,
}

/// Rows of a run by case, name of the variant, and repeat.
#[derive(Debug, Default)]
pub(crate) struct Done(BTreeMap<Identity, Standing>);

impl Done {
    /// Takes over the rows of an earlier part of the run; with `retry`, those that failed are measured again.
    pub(crate) fn from_rows(rows: &[Row], retry: bool) -> Self {
        let mut done = Done::default();
        for row in rows {
            done.note(row);
        }
        for standing in done.0.values_mut() {
            standing.again = retry && standing.status.may_be_retried() && standing.kills < QUARANTINE;
        }
        done
    }

    /// Records a row that is now on disk, in place of the one that it replaces.
    pub(crate) fn note(&mut self, row: &Row) {
        let identity = row.identity();
        if row.retry > 0 && !self.0.contains_key(&identity) {
            let failed =
                |(key, old): &(&Identity, &Standing)| key.0 == row.case && key.2 == row.repeat && old.again;
            let old = self.0.iter().find(failed).map(|(key, _)| key.clone());
            old.map(|key| self.0.remove(&key));
        }
        let Row { status, retry, kills, .. } = *row;
        self.0.insert(identity, Standing { status, retry, kills, again: false });
    }

    /// Whether `job`, one of `jobs` for its case, already has its row for `repeat`.
    pub(crate) fn is_done(&self, case: &Case, job: &Job, jobs: usize, repeat: u32) -> bool {
        self.of(case, job, jobs, repeat).is_some_and(|standing| !standing.again)
    }

    /// Fills in how often the case of `row` was retried and how many executors it has ended, including this
    /// try. `job` is one of `jobs` for its case.
    pub(crate) fn count_try(&self, row: &mut Row, case: &Case, job: &Job, jobs: usize) {
        let before = self.of(case, job, jobs, row.repeat);
        row.retry = before.map_or(0, |standing| standing.retry + 1);
        row.kills = before.map_or(0, |standing| standing.kills) + u32::from(row.status.ends_the_executor());
        if row.status.ends_the_executor() && row.kills >= QUARANTINE {
            row.tags.push(Tag::Quarantined);
            let reason = row.reason.get_or_insert_default();
            reason.push_str(&format!(
                "; the case crashed {} executors and is not retried in this run",
                row.kills
            ));
        }
    }

    /// Returns the row of the variant, or one without a variant, which stands for all variants. If the case
    /// has only one job, any of its rows counts, because the tuning table may have changed since.
    fn of(&self, case: &Case, job: &Job, jobs: usize, repeat: u32) -> Option<Standing> {
        let (key, name) = (case.key(), job.name());
        let any = || {
            let fits = |(row, _, number): &Identity| jobs == 1 && *row == key && *number == repeat;
            self.0.iter().find(|(identity, _)| fits(identity)).map(|(_, standing)| standing)
        };
        let with = |variant: String| self.0.get(&(key.clone(), variant, repeat));
        with(name).or_else(|| with(String::new())).or_else(any).copied()
    }

    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the number of rows that indicate a defect.
    pub(crate) fn defects(&self) -> usize {
        self.0.values().filter(|standing| standing.status.is_defect()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_kernels::PlanError;

    const KEY: &str = "gemm f32 m8 n8 k8 nn";

    fn ended(status: Status) -> Row {
        Row::new(KEY, 1024, 768).but(|it| {
            it.status = status;
            it.reason = Some("no answer".into());
        })
    }

    #[test]
    fn a_case_that_ended_two_executors_is_not_tried_a_third_time() {
        let (case, job): (Case, _) = (KEY.parse().unwrap(), Job::Refused(PlanError::Template("x".into())));
        let mut row = ended(Status::Crashed);
        Done::default().count_try(&mut row, &case, &job, 1);
        assert_eq!((row.retry, row.kills, row.tags.len()), (0, 1, 0));
        let rows = [row];
        assert!(Done::from_rows(&rows, false).is_done(&case, &job, 1, 1));
        let mut done = Done::from_rows(&rows, true);
        assert!(!done.is_done(&case, &job, 1, 1));
        let mut row = ended(Status::Timeout);
        done.count_try(&mut row, &case, &job, 1);
        assert_eq!((row.retry, row.kills, &row.tags[0]), (1, 2, &Tag::Quarantined));
        assert!(row.reason.as_ref().unwrap().ends_with("is not retried in this run"));
        done.note(&row);
        assert_eq!((done.len(), done.defects(), done.is_done(&case, &job, 1, 1)), (1, 1, true));
        assert!(Done::from_rows(&[row], true).is_done(&case, &job, 1, 1), "not even with --retry");
    }

    #[test]
    fn what_was_refused_or_wrong_is_not_tried_again() {
        let (case, job): (Case, _) = (KEY.parse().unwrap(), Job::Case);
        for (status, again) in [
            (Status::Failed, true),
            (Status::OutOfMemory, true),
            (Status::Wrong, false),
            (Status::Unsupported, false),
            (Status::Skipped, false),
            (Status::Ok, false),
        ] {
            assert_eq!(
                !Done::from_rows(&[ended(status)], true).is_done(&case, &job, 1, 1),
                again,
                "{status}"
            );
        }
    }
}
