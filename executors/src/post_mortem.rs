//! Explains why an executor process exited: its exit status, its last stderr lines, and whether it ran out of
//! memory.

use super::remote::FaultKind;
use std::collections::VecDeque;
use std::io::BufRead;
use std::process::ExitStatus;

/// Bytes that are kept of a line of stderr.
const MOST_OF_LINE: usize = 4096;
/// Number of characters that a fault quotes from the end of stderr.
const TOLD: usize = 1000;

/// Describes an exit status: the name of the signal on Unix, otherwise the exit code.
pub(super) fn describe(status: ExitStatus) -> String {
    if let Some(signal) = signal(status) {
        let name = match signal {
            4 => "SIGILL",
            6 => "SIGABRT",
            7 => "SIGBUS",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            15 => "SIGTERM",
            _ => return format!("ended by signal {signal}"),
        };
        return format!("ended by {name}");
    }
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => "ended".into(),
    }
}

fn signal(status: ExitStatus) -> Option<i32> {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    return Option::<i32>::None.filter(|_| status.success());
}

/// Reads a line and returns its first bytes, at most [`MOST_OF_LINE`]; `None` at the end. The rest is read and dropped:
/// a program that writes without end and without a newline must neither fill memory nor wait for a reader.
pub(super) fn next_start(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let (mut start, mut any) = (Vec::new(), false);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any.then_some(start));
        }
        any = true;
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let line = &buffer[..newline.unwrap_or(buffer.len())];
        start.extend_from_slice(&line[..line.len().min(MOST_OF_LINE - start.len())]);
        let used = newline.map_or(buffer.len(), |at| at + 1);
        reader.consume(used);
        if newline.is_some() {
            return Ok(Some(start));
        }
    }
}

/// Joins the last stderr lines into one line of at most [`TOLD`] characters, plus an ellipsis if cut.
pub(super) fn tail(lines: &VecDeque<String>) -> String {
    let text = lines.iter().filter(|line| !line.is_empty()).cloned().collect::<Vec<_>>().join(" | ");
    let length = text.chars().count();
    if length <= TOLD { text } else { format!("…{}", text.chars().skip(length - TOLD).collect::<String>()) }
}

/// Returns how many processes the Linux OOM killer has ended since boot. `None` if the system has no such
/// counter.
pub(super) fn memory_kills() -> Option<u64> {
    oom_kills(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

fn oom_kills(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// Phrases in the error messages of drivers, allocators and runtimes when memory runs out, in lower case.
const MEMORY_WORDS: [&str; 6] = [
    "out of memory",
    "out_of_device_memory",
    "out_of_host_memory",
    "cannot allocate memory",
    "memory allocation of",
    "bad_alloc",
];

/// Decides whether an executor that exited with `status` ran out of memory or crashed otherwise. `starved`:
/// the OOM killer, which sends SIGKILL, has ended some process in the meantime. `said`: the error message.
pub(super) fn kind_of_death(status: Option<ExitStatus>, starved: bool, said: &str) -> FaultKind {
    let killed = status.and_then(signal) == Some(9);
    let said = said.to_lowercase();
    if (killed && starved) || MEMORY_WORDS.iter().any(|words| said.contains(words)) {
        FaultKind::OutOfMemory
    } else {
        FaultKind::Crashed
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn of_a_line_without_an_end_only_the_start_is_kept() {
        // 64 MiB in one line, then a short one; only 4096 bytes of the first are ever held.
        let endless = std::io::Read::take(std::io::repeat(b'x'), 1 << 26);
        let mut reader = std::io::BufReader::new(std::io::Read::chain(endless, &b"\nlast\n\nend"[..]));
        let first = next_start(&mut reader).unwrap().unwrap();
        assert_eq!((first.len(), first.capacity() < 3 * MOST_OF_LINE), (4096, true));
        assert_eq!(next_start(&mut reader).unwrap().unwrap(), b"last");
        assert_eq!(next_start(&mut reader).unwrap().unwrap(), b"");
        assert_eq!(next_start(&mut reader).unwrap().unwrap(), b"end");
        assert_eq!(next_start(&mut reader).unwrap(), None);
    }
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_death_for_want_of_memory_is_told_from_a_crash() {
        let (killed, aborted) = (Some(ExitStatus::from_raw(9)), Some(ExitStatus::from_raw(6)));
        assert_eq!(kind_of_death(killed, true, ""), FaultKind::OutOfMemory);
        assert_eq!(kind_of_death(killed, false, ""), FaultKind::Crashed);
        assert_eq!(kind_of_death(aborted, true, ""), FaultKind::Crashed);
        let said = "memory allocation of 68719476736 bytes failed";
        assert_eq!(kind_of_death(aborted, false, said), FaultKind::OutOfMemory);
        assert_eq!(kind_of_death(None, false, "VK_ERROR_OUT_OF_DEVICE_MEMORY"), FaultKind::OutOfMemory);
    }

    #[test]
    fn the_kernel_s_count_is_found_among_the_others() {
        assert_eq!(oom_kills("pgfault 7\noom_kill 3\noom_kill_disable 9\n"), Some(3));
        assert_eq!(oom_kills("pgfault 7\n"), None);
    }

    #[test]
    fn the_end_of_what_was_said_is_kept() {
        let lines = VecDeque::from(["first".to_string(), String::new(), "x".repeat(TOLD - 5) + " last"]);
        let text = tail(&lines);
        assert!(text.starts_with('…') && text.ends_with("x last"), "{text}");
        assert_eq!(text.chars().count(), TOLD + 1);
        assert_eq!(tail(&VecDeque::from(["a".into(), "b".into()])), "a | b");
    }
}
