//! Options of a run that its file states.

use crate::words::words;

words! {
    /// Name of an option that a file states, since it can affect numbers or what was measured.
    RunOption {
        /// Limit of the measuring time, in seconds, or `none`.
        Budget = "budget_s",
        /// State of the caches when an execution begins: `rotated` or `warm`.
        Cache = "cache",
        /// Size of the last-level cache in bytes. Written by earlier versions.
        CacheBytes = "cache_bytes",
        /// Distribution of the elements of inputs.
        Distribution = "dist",
        /// Unit with a process of its own: `device` or `case`.
        Isolation = "isolate",
        /// Half-width of the confidence interval of the median, as a fraction of it, at which sampling stops.
        MaxNoise = "max_noise",
        /// Memory limit of one case, in bytes.
        Memory = "memory_bytes",
        /// Number of processes in which each case is measured.
        Repeats = "repeats",
        /// Number of tuning tables in use.
        TuningTables = "tuning_tables",
        /// Least duration of the warm-up, in seconds; stated if it is not the default.
        Warmup = "warmup_s",
    }
}
