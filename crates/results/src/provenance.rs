//! Provenance of a run: time, platform and identifier, without anything that identifies the machine or its
//! user.

use regex::{Captures, Regex};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher};
use std::net::Ipv6Addr;
use std::sync::{LazyLock, OnceLock};

/// Returns operating system and CPU architecture, and the distribution on Linux: `linux x86_64 (debian 12)`.
pub fn platform() -> String {
    let base = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let release =
        ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| std::fs::read_to_string(path).ok());
    match release.and_then(|text| distribution(&text)) {
        Some(distribution) if cfg!(target_os = "linux") => format!("{base} ({distribution})"),
        _ => base,
    }
}

/// Returns `ID` and `VERSION_ID` of an os-release file. Its other fields may hold arbitrary text.
fn distribution(os_release: &str) -> Option<String> {
    let field = |name: &str| {
        let value = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        let plain = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        let value: String = value.trim().trim_matches(['"', '\'']).chars().filter(plain).take(24).collect();
        (!value.is_empty()).then_some(value)
    };
    let id = field("ID")?;
    Some(field("VERSION_ID").map_or(id.clone(), |version| format!("{id} {version}")))
}

/// Returns the current time, RFC 3339, UTC, to the second.
pub fn now() -> String {
    text_of(web_time::SystemTime::now())
}

/// Returns the time that `clock` shows, RFC 3339, UTC, to the second. RFC 3339 has years of four digits, so that a
/// clock that is set before 1970 or after 9999 gives the first or the last time between them.
fn text_of(clock: web_time::SystemTime) -> String {
    let since = clock.duration_since(web_time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX).min(jiff::Timestamp::MAX.as_second());
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

/// Returns a new identifier of a run: eight random hexadecimal digits.
pub fn run_id() -> String {
    // The hasher's keys are random in each process and differ at each call.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:08x}", hasher.finish() as u32)
}

/// Removes from a message of a driver or program what identifies the machine or its user.
///
/// It removes user and host names, the directories of absolute paths (the file name stays), network addresses
/// and hardware identifiers.
pub fn redact(text: &str) -> String {
    static HERE: OnceLock<Redactor> = OnceLock::new();
    HERE.get_or_init(Redactor::of_this_machine).redact(text)
}

/// User and host names that identify nobody. Removing them would only garble messages.
const COMMON_NAMES: [&str; 14] = [
    "root",
    "user",
    "users",
    "admin",
    "administrator",
    "home",
    "nobody",
    "localhost",
    "localdomain",
    "guest",
    "ubuntu",
    "debian",
    "runner",
    "default",
];

/// Names and paths of this machine that are removed from messages.
struct Redactor {
    /// Home folders, longest first.
    homes: Vec<String>,
    /// Patterns of user and host names, each with its replacement.
    names: Vec<(Regex, &'static str)>,
}

impl Redactor {
    fn of_this_machine() -> Self {
        let env =
            |names: &[&str]| names.iter().filter_map(|name| std::env::var(name).ok()).collect::<Vec<_>>();
        let files = ["/etc/hostname", "/proc/sys/kernel/hostname"];
        let mut hosts = env(&["HOSTNAME", "HOST", "COMPUTERNAME"]);
        hosts.extend(files.iter().filter_map(|path| std::fs::read_to_string(path).ok()));
        Redactor::new(
            env(&["HOME", "USERPROFILE"]),
            env(&["USER", "USERNAME", "LOGNAME", "SUDO_USER"]),
            hosts,
        )
    }

    fn new(homes: Vec<String>, users: Vec<String>, hosts: Vec<String>) -> Self {
        // Home folders of the system (`/`, `/root`) are not personal; the path rules shorten them.
        let mut homes: Vec<String> = homes
            .into_iter()
            .map(|home| home.trim_end_matches(['/', '\\']).to_string())
            .filter(|home| home.matches(['/', '\\']).count() >= 2)
            .collect();
        homes.sort_by_key(|home| std::cmp::Reverse(home.len()));
        let folder_names = homes.iter().filter_map(|home| home.rsplit(['/', '\\']).next().map(String::from));
        let users: Vec<String> = users.into_iter().chain(folder_names).collect();
        // `node12.example.org` is also known as `node12`.
        let short = hosts.iter().filter_map(|host| host.split('.').next().map(String::from));
        let hosts: Vec<String> = hosts.iter().cloned().chain(short).collect();
        let mut names = Vec::new();
        for (list, mark, rest) in [(users, "<user>", ""), (hosts, "<host>", r"(?:\.[A-Za-z0-9-]+)*")] {
            let list: BTreeSet<String> = list.iter().map(|name| name.trim().to_string()).collect();
            for name in list {
                let lower = name.to_lowercase();
                let is_number = lower.chars().all(|c| c.is_ascii_digit());
                if lower.chars().count() < 2 || is_number || COMMON_NAMES.contains(&&*lower) {
                    continue;
                }
                let name = regex::escape(&name);
                let pattern = format!(r"(?i)\b{{start-half}}{name}{rest}\b{{end-half}}");
                names.extend(Regex::new(&pattern).map(|regex| (regex, mark)));
            }
        }
        Redactor { homes, names }
    }

    fn redact(&self, text: &str) -> String {
        let mut text = text.to_string();
        // A home folder may have spaces in its name, which would end a path.
        for home in &self.homes {
            text = text.replace(home.as_str(), "/home/user");
        }
        for pattern in [&*QUOTED_PATH, &*PATH] {
            text = pattern.replace_all(&text, shortened).into_owned();
        }
        for (pattern, mark) in [(&*EMAIL, "<address>"), (&*UUID, "<id>"), (&*HARDWARE_ADDRESS, "<address>")] {
            text = pattern.replace_all(&text, mark).into_owned();
        }
        text = IPV4.replace_all(&text, without_ipv4).into_owned();
        text = MAYBE_IPV6.replace_all(&text, without_ipv6).into_owned();
        for (pattern, mark) in &self.names {
            text = pattern.replace_all(&text, *mark).into_owned();
        }
        text
    }
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Pattern for the start of an absolute path: `/`, `~/`, `~name/`, `C:\`, `\\server\`.
const BEGIN: &str = r"(?:~[\w.-]*/|/|[A-Za-z]:[\\/]|\\\\)";

/// Absolute path between quotes, which may contain spaces.
static QUOTED_PATH: LazyLock<Regex> = LazyLock::new(|| {
    let quoted = |q: char| format!(r"(?P<q{n}>{q}){BEGIN}[^{q}\n]*{q}", n = q as u32);
    regex(&['"', '\'', '`'].map(quoted).join("|"))
});

static PATH: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r#"(^|[\s"'`(\[{{<=,;:|]){BEGIN}[^\s"'`()\[\]{{}}<>,;:|*?]*"#)));

static EMAIL: LazyLock<Regex> = LazyLock::new(|| regex(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\b"));

/// UUIDs, including the identifiers of graphics cards with their prefix `GPU-` or `MIG-`.
static UUID: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(?:GPU-|MIG-)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"));

/// Hardware addresses of Ethernet (six bytes) and InfiniBand (eight or twenty bytes).
static HARDWARE_ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5,19}|(?:-[0-9a-f]{2}){5,19})\b"));

static IPV4: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)(?P<before>version:? |driver:? )?\b(?P<ip>(?:\d{1,3}\.){3}\d{1,3})(?::\d+)?\b")
});

static MAYBE_IPV6: LazyLock<Regex> = LazyLock::new(|| regex(r"[0-9A-Za-z_:.]*:[0-9A-Za-z_:.]*(?:%\w+)?"));

/// Shortens a path to its last part; quotes around it, or the character before it, stay.
fn shortened(found: &Captures) -> String {
    let whole = &found[0];
    let quote =
        whole.chars().next().filter(|c| "\"'`".contains(*c) && whole.len() > 1 && whole.ends_with(*c));
    let (before, path, after) = match quote {
        Some(quote) => (&whole[..1], &whole[1..whole.len() - 1], &whole[whole.len() - quote.len_utf8()..]),
        None => {
            let before = found.get(found.len() - 1).map_or("", |before| before.as_str());
            (before, &whole[before.len()..], "")
        }
    };
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    match parts[..] {
        // A lone `/` or the `//` of a comment is not a path and reveals nothing.
        [] => whole.into(),
        [name] if path.starts_with('/') => format!("{before}/{name}{after}"),
        [.., name] => format!("{before}{name}{after}"),
    }
}

/// Replaces an IPv4 address. `31.0.15.22` after the word `version` or `driver` is a version and stays.
fn without_ipv4(found: &Captures) -> String {
    let is_address = found["ip"].split('.').all(|part| part.parse::<u8>().is_ok());
    if found.name("before").is_some() || !is_address { found[0].into() } else { "<address>".into() }
}

fn without_ipv6(found: &Captures) -> String {
    let word = &found[0];
    let end = word.trim_end_matches(['.', ':']);
    for candidate in [word, end] {
        let address = candidate.split('%').next().unwrap_or(candidate);
        // `dead::beef` could be a path of a program: an address has a digit somewhere.
        let plausible = address.contains(|c: char| c.is_ascii_digit());
        if plausible && address.parse::<Ipv6Addr>().is_ok() {
            return format!("<address>{}", &word[candidate.len()..]);
        }
    }
    word.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_can_be_redacted(text in "[ -~/\\\\'\"`:.ä]{0,60}") {
            prop_assert!(!redacted(&text).contains("/home/jane"));
        }
    }

    fn redacted(text: &str) -> String {
        Redactor::new(
            vec!["/home/jane".into(), r"C:\Users\Jane Doe".into(), "/root".into(), "/".into()],
            vec!["jane".into(), "root".into(), "x".into()],
            vec!["node12.example.org\n".into(), "localhost".into()],
        )
        .redact(text)
    }

    #[test]
    fn the_platform_names_system_and_architecture_only() {
        let platform = platform();
        assert!(platform.starts_with(std::env::consts::OS), "{platform}");
        assert!(platform.contains(std::env::consts::ARCH), "{platform}");
        let text = "PRETTY_NAME=\"Jane's box\"\nID=debian\nVERSION_ID=\"12\"\n";
        assert_eq!(distribution(text).as_deref(), Some("debian 12"));
        assert_eq!(distribution("ID=arch\n").as_deref(), Some("arch"));
        assert_eq!(distribution("NAME=x\n"), None);
    }

    #[test]
    fn the_time_is_utc_to_the_second() {
        let now = now();
        assert_eq!((now.len(), now.as_bytes()[10], now.as_bytes()[19]), (20, b'T', b'Z'), "{now}");
        let ago = jiff::Timestamp::now().duration_since(now.parse().unwrap());
        assert!(ago.as_secs().abs() < 5, "{now}");
    }

    #[test]
    fn a_clock_that_is_set_wrong_gives_a_time_too() {
        let epoch = web_time::SystemTime::UNIX_EPOCH;
        let second = web_time::Duration::from_secs;
        // The year 9999 begins 253,370,764,800 s after 1970; ten billion years are no date at all.
        assert_eq!(text_of(epoch + second(253_370_764_800)), "9999-01-01T00:00:00Z");
        for late in [253_402_300_800, 1 << 58] {
            let text = text_of(epoch + second(late));
            assert!(text.starts_with("9999-12-3") && text.parse::<jiff::Timestamp>().is_ok(), "{text}");
        }
        assert_eq!(text_of(epoch - second(86_400)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn run_ids_are_eight_digits_and_differ() {
        let ids: BTreeSet<String> = (0..100).map(|_| run_id()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.len() == 8 && id.chars().all(|c| c.is_ascii_hexdigit())));
    }

    #[test]
    fn of_a_path_the_file_name_stays() {
        for (text, expected) in [
            (
                "cannot open /usr/lib/x86_64-linux-gnu/libvulkan.so.1: not found",
                "cannot open libvulkan.so.1: not found",
            ),
            ("in /home/jane/src/a.wgsl:12:5", "in a.wgsl:12:5"),
            ("(/opt/x/y.json)", "(y.json)"),
            ("path=/a/b/c,/d/e", "path=c,e"),
            ("\"/data/My Secret Project/k.wgsl\" is bad", "\"k.wgsl\" is bad"),
            ("'/home/jane/a b/c d.txt'", "'c d.txt'"),
            (r"at C:\Users\Jane Doe\AppData\x.dll!main", "at x.dll!main"),
            (r"at D:\work\y.dll", "at y.dll"),
            (r"\\server\share\z.txt", "z.txt"),
            ("~/bench/run.sh", "run.sh"),
            ("~jane/bench/run.sh", "run.sh"),
            ("file:///srv/data/a.bin", "file:a.bin"),
            ("/home/jane", "user"),
            ("/proc/self/", "self"),
        ] {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }

    #[test]
    fn names_and_addresses_go() {
        for (text, expected) in [
            ("user jane on node12", "user <user> on <host>"),
            ("Jane@NODE12.example.org", "<address>"),
            ("node12.example.org: lost; node12.cluster: lost", "<host>: lost; <host>: lost"),
            ("connect to 192.168.1.17:8080 failed", "connect to <address> failed"),
            ("listening on [fe80::1ff:fe23:4567:890a%eth0]:80", "listening on [<address>]:80"),
            ("peer 2001:db8::1.", "peer <address>."),
            ("loopback ::1", "loopback <address>"),
            ("mac 00:1B:44:11:3a:B7 and 00-1b-44-11-3a-b7", "mac <address> and <address>"),
            ("GPU-8f3c2a10-1b2c-4d5e-8f90-a1b2c3d4e5f6 fell off", "<id> fell off"),
            ("mail jane.doe@example.org", "mail <address>"),
        ] {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_reader_needs_stays() {
        for text in [
            "VK_ERROR_DEVICE_LOST (-4) after 12.5 s",
            "driver version 31.0.15.22, driver 550.54.15, v1.3.280.0",
            "shader: x / y // a comment",
            "let a = b/c; m/s and/or 1/2",
            "naga::back::spv failed: std::vec at 08:15:30",
            "PCI 0000:65:00.0 Xid 79",
            "bad root signature for user data",
            "dispatch (1, 2, 3): binding 0: 128 MiB > 64 MiB",
            "janet and node123 are others",
            "add::face is a function",
            "2026-11-24T08:15:30Z",
        ] {
            assert_eq!(redacted(text), text);
        }
    }

    #[test]
    fn this_machine_is_not_in_its_own_messages() {
        let text = format!("lost {}", std::env::current_dir().unwrap().join("libx.so").display());
        assert_eq!(redact(&text), "lost libx.so");
        if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname")
            && host.trim() != "localhost"
        {
            assert!(!redact(&format!("host {host}")).contains(host.trim()));
        }
    }
}
