//! Load of this machine, measured with work of this process, so that disturbed times are not mistaken for faults
//! of an executor.

use portamark_model::units;
use portamark_stats::median_of_unsorted;
use std::hint::black_box;
use web_time::Instant;

/// Number of pieces of equal work.
const PIECES: usize = 40;
/// Duration of one piece on a quiet machine, roughly, in seconds: long enough that a scheduler interrupts it.
const PIECE_S: f64 = 5e-3;
/// A machine is busy if the median piece, or one piece in eight, takes longer than the fastest by this factor.
/// Clock frequencies that rise and fall change it less.
const BUSY: f64 = 1.3;

/// Returns what shows that other programs keep this machine busy; `None` if it is quiet. Takes about 0.2 s.
pub(super) fn busy() -> Option<String> {
    let mut steps = 1 << 16;
    while timed(steps) < PIECE_S && steps < 1 << 40 {
        steps *= 2;
    }
    words((0..PIECES).map(|_| timed(steps)).collect())
}

/// Returns the seconds that `steps` steps of arithmetic take.
fn timed(steps: u64) -> f64 {
    let started = Instant::now();
    let mut state = 1u64;
    for step in 0..steps {
        state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step));
    }
    black_box(state);
    started.elapsed().as_secs_f64()
}

/// Judges the times of equal pieces of work, in seconds.
fn words(mut pieces: Vec<f64>) -> Option<String> {
    let median = median_of_unsorted(&mut pieces)?;
    pieces.sort_unstable_by(f64::total_cmp);
    let (fastest, eighth) = (pieces[0], pieces[pieces.len() - 1 - pieces.len() / 8]);
    (median > BUSY * fastest || eighth > BUSY * fastest).then(|| {
        format!(
            "the same work of this process takes from {} to {}",
            units::seconds(fastest),
            units::seconds(*pieces.last().unwrap_or(&fastest))
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pieces_are_quiet_and_pieces_that_wait_are_busy() {
        assert_eq!(words(vec![5e-3; 40]), None);
        // Four of forty are fewer than one in eight; six are more.
        let with = |slow: usize| words([vec![5e-3; 40 - slow], vec![9e-3; slow]].concat());
        assert_eq!(with(4), None);
        assert_eq!(with(6).unwrap(), "the same work of this process takes from 5.00 ms to 9.00 ms");
        assert!(with(30).is_some());
    }
}
