//! The program, and what its libraries come to together, where no device is needed.

mod architecture;
mod browser;
#[cfg(unix)]
mod chaos;
mod cli;
mod compare;
mod compiled;
mod executor_check;
mod export;
mod folder;
mod freshness;
mod host;
mod hostile;
mod imports;
mod inspect;
mod kernels;
mod languages;
mod models;
#[cfg(target_os = "linux")]
mod orphans;
mod outputs;
mod portability;
mod protocol;
mod repeats;
mod reproducible;
mod results;
mod run;
mod shipped;
mod timers;
mod tune;
mod untrusted;
