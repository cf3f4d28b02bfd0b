//! Which rows a run has, how often their cases were tried, and which are not tried again.

use super::choice::Job;
use portamark_model::workload::Case;
use portamark_results::{Identity, Row, Status};
use std::collections::BTreeMap;

/// A case that has ended so many executors is not tried again in its run.
const QUARANTINE: u32 = 2;
/// The tag of its row.
const QUARANTINED: &str = "quarantined";

/// What is known of one row.
#[derive(Debug, Clone, Copy)]
struct Standing {
    status: Status,
    retry: u32,
    kills: u32,
    /// It is to be made anew.
    again: bool,
}

/// The rows of a run by case, text of the variant, and repeat.
#[derive(Debug, Default)]
pub(crate) struct Done(BTreeMap<Identity, Standing>);

impl Done {
    /// The rows of an earlier part of the run; with `retry`, those that failed are made anew.
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

    /// Takes a row that is on disk now, in place of the one that it stands for.
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

    /// Whether `job`, one of `jobs` for its case, has its row of `repeat`.
    pub(crate) fn is_done(&self, case: &Case, job: &Job, jobs: usize, repeat: u32) -> bool {
        self.of(case, job, jobs, repeat).is_some_and(|standing| !standing.again)
    }

    /// Fills in how often the case of `row` was tried and how many executors it has ended, once it is
    /// known how this try ended. `job` is one of `jobs` for its case.
    pub(crate) fn count_try(&self, row: &mut Row, case: &Case, job: &Job, jobs: usize) {
        let before = self.of(case, job, jobs, row.repeat);
        row.retry = before.map_or(0, |standing| standing.retry + 1);
        row.kills = before.map_or(0, |standing| standing.kills) + u32::from(row.status.ends_the_executor());
        if row.status.ends_the_executor() && row.kills >= QUARANTINE {
            row.tags.push(QUARANTINED.into());
            let reason = row.reason.get_or_insert_default();
            reason.push_str(&format!(
                "; the case has ended {} executors and is not tried again in this run",
                row.kills
            ));
        }
    }

    /// The row of the variant, or one without a variant, which stands for all. Where a case has one
    /// row, any row is it: a table may have changed since.
    fn of(&self, case: &Case, job: &Job, jobs: usize, repeat: u32) -> Option<Standing> {
        let (key, name) = (case.key(), job.name());
        let any = || {
            let fits = |(row, _, number): &Identity| jobs == 1 && *row == key && *number == repeat;
            self.0.iter().find(|(identity, _)| fits(identity)).map(|(_, standing)| standing)
        };
        let with = |variant: String| self.0.get(&(key.clone(), variant, repeat));
        with(name).or_else(|| with(String::new())).or_else(any).copied()
    }

    /// Rows there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Rows that mean that something is broken.
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
        assert_eq!((row.retry, row.kills, &*row.tags[0]), (1, 2, "quarantined"));
        assert!(row.reason.as_ref().unwrap().ends_with("is not tried again in this run"));
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
