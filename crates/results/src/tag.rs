//! Remarks that qualify the numbers of a row.

use crate::words::words;

words! {
    /// A remark that qualifies the numbers of a row.
    Tag {
        /// The device ran slower during the case than at the start of the run, by its sentinels.
        Throttled = "throttled",
        /// The samples have a trend.
        Drifting = "drifting",
        /// The confidence interval of the median is wide.
        Noisy = "noisy",
        /// The case ended so many executors that it is not tried again in this run.
        Quarantined = "quarantined",
        /// The caches held the data of the case when an execution began.
        Warm = "warm",
        /// The program that measured the row does not state the format of its accumulator.
        AccumulatorNotTold = "accumulator-not-told",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_files_and_unknown_ones_stay() {
        for (word, tag) in [("throttled", Tag::Throttled), ("of later", Tag::Other("of later".into()))] {
            assert_eq!(Tag::from(word), tag);
            let json = serde_json::to_string(&tag).unwrap();
            assert_eq!(json, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<Tag>(&json).unwrap(), tag);
        }
    }
}
