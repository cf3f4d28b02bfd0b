//! The table of processes of Linux: which processes descend from another, and how they are ended.

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};
use std::fs;
use std::path::Path;
use std::sync::Once;
use std::thread;
use std::time::Duration;

/// Times that adopted processes are searched for: the end of one may bring its children here.
const ROUNDS: usize = 100;

/// Makes this process the one that adopts those of its descendants whose parent ends.
pub(super) fn adopt() {
    static ONCE: Once = Once::new();
    // Without it, on an old system, what leaves its group and loses its parent is not found.
    ONCE.call_once(|| {
        let _ = set_child_subreaper(Some(getpid()));
    });
}

/// Number, parent and session of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    number: i32,
    parent: i32,
    session: i32,
}

/// Reads a line of `/proc/NUMBER/stat`: number, name in parentheses (which may have any characters), state, parent,
/// process group, session.
fn parse(stat: &str) -> Option<Process> {
    let number = stat.split_whitespace().next()?.parse().ok()?;
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace().skip(1);
    let parent = rest.next()?.parse().ok()?;
    let session = rest.nth(1)?.parse().ok()?;
    Some(Process { number, parent, session })
}

/// Returns all processes that there are, also those that have exited and are not waited for. None is known where
/// `/proc` numbers them in another way than the system calls, as that of another namespace does.
fn processes() -> Vec<Process> {
    let own = own_number().to_string();
    if !fs::read_link("/proc/self").is_ok_and(|own_entry| own_entry == Path::new(&own)) {
        return Vec::new();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_process =
        |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let read = |entry: fs::DirEntry| fs::read(entry.path().join("stat")).ok();
    let stats = entries.filter(is_process).filter_map(read);
    stats.filter_map(|stat| parse(&String::from_utf8_lossy(&stat))).collect()
}

/// Returns the numbers of those among `all` that descend from the process `root`, parents first.
fn below(all: &[Process], root: i32) -> Vec<i32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        let children = all.iter().filter(|process| process.parent == parent);
        let new: Vec<i32> = children.map(|child| child.number).filter(|it| !found.contains(it)).collect();
        found.extend(new);
        at += 1;
    }
    found.remove(0);
    found
}

fn own_number() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// Ends all processes that descend from this one.
pub(super) fn end_own_descendants() {
    end_below(own_number());
}

/// Ends all processes that descend from the process `root`, but not itself.
pub(super) fn end_below(root: i32) {
    for number in below(&processes(), root) {
        let _ = Pid::from_raw(number).map(|pid| kill_process(pid, Signal::KILL));
    }
}

/// Ends what this process adopted, which is its children of another session but for those that it started: `own`.
pub(super) fn end_adopted(own: &[u32]) {
    let number = own_number();
    for _ in 0..ROUNDS {
        let all = processes();
        // In a container the session may be one of outside, whose number is 0 here.
        let Some(session) = all.iter().find(|it| it.number == number).map(|it| it.session) else { return };
        let is_own = |it: &Process| own.iter().any(|own| i64::from(*own) == i64::from(it.number));
        let is_adopted = |it: &&Process| it.parent == number && it.session != session && !is_own(it);
        let adopted: Vec<Pid> =
            all.iter().filter(is_adopted).filter_map(|process| Pid::from_raw(process.number)).collect();
        if adopted.is_empty() {
            return;
        }
        for pid in adopted {
            let _ = kill_process(pid, Signal::KILL);
            // One that has exited stays until its parent has asked for its status.
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_process_is_read_whatever_its_name() {
        let process = |number, parent, session| Process { number, parent, session };
        assert_eq!(parse("7 (sh) S 3 5 4 0 -1"), Some(process(7, 3, 4)));
        assert_eq!(parse("7 (a) S 1 (b c) Z 3 5 4 0"), Some(process(7, 3, 4)));
        assert_eq!(parse("7 (sh) S 3"), None);
        // 2 and 3 are children of 1, 4 of 3; 5 is of another.
        let all = [(2, 1), (3, 1), (4, 3), (5, 9)].map(|(number, parent)| process(number, parent, 0));
        assert_eq!(below(&all, 1), [2, 3, 4]);
        // Numbers that were given anew while the list was made may go in a circle.
        let circle = [(1, 2), (2, 1)].map(|(number, parent)| process(number, parent, 0));
        assert_eq!(below(&circle, 1), [2]);
    }
}
