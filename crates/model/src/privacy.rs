//! Removes from texts of drivers, executors and pages what identifies a machine or its user.

use crate::plain_text::{clean, cut, printable};
use regex::{Captures, Regex};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{LazyLock, OnceLock};

/// Largest number of characters of a message.
const MESSAGE_LIMIT: usize = 4000;
/// Largest number of characters of a name or version.
const IDENTITY_LIMIT: usize = 200;

/// Removes from a message of a driver or program what identifies the machine or its user, and cuts it to
/// 4000 characters that only show themselves.
///
/// It removes user and host names, the directories of paths (the file name stays), network addresses, PCI
/// addresses, serial numbers and hardware identifiers.
pub fn redact(text: &str) -> String {
    let text = printable(text);
    cut(&here().redact(&cut(&text, 4 * MESSAGE_LIMIT), Kind::Message), MESSAGE_LIMIT)
}

/// Like [`redact`] for the name of a benchmark, whose parts may be separated like folders: `sum/loop/256`. It is a
/// path only if it starts like one or ends in the name of a file.
pub fn redact_label(text: &str) -> String {
    let text = printable(text);
    cut(&here().redact(&cut(&text, 4 * MESSAGE_LIMIT), Kind::Label), MESSAGE_LIMIT)
}

/// Returns the name or version `text` of a device, driver, executor or library as it may stand in a result file:
/// on one line of at most 200 characters, without what [`redact`] removes and without long numbers, which are
/// serial numbers. Only letters, digits, spaces and `.,:+-_/()[]#&*~@®™©` stay.
pub fn identity(text: &str) -> String {
    let text = cut(&clean(text), 4 * IDENTITY_LIMIT);
    let text = here().redact(&text, Kind::Identity);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    // What the redaction put in place of names and numbers stays, though its signs are none of a name.
    for mark in MARK.find_iter(&text) {
        out.extend(text[end..mark.start()].chars().map(of_a_name));
        out.push_str(mark.as_str());
        end = mark.end();
    }
    out.extend(text[end..].chars().map(of_a_name));
    cut(&clean(&out), IDENTITY_LIMIT)
}

/// Returns an identifier `api/name/version` as it may stand in a result file: each of its parts is an
/// [`identity`].
pub fn identifier(text: &str) -> String {
    text.splitn(3, '/').map(identity).collect::<Vec<_>>().join("/")
}

/// Returns `c` if it may stand in a name or version, otherwise a space.
fn of_a_name(c: char) -> char {
    if c.is_alphanumeric() || ".,:+-_/()[]#&*~@®™©".contains(c) { c } else { ' ' }
}

/// Returns the redaction of this machine.
fn here() -> &'static Redactor {
    static HERE: OnceLock<Redactor> = OnceLock::new();
    HERE.get_or_init(Redactor::of_this_machine)
}

/// What a text is, which decides what a number in it means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A sentence: four numbers with dots are an address, a long number may be a size in bytes.
    Message,
    /// The name of a benchmark: as a sentence, but several separators are no path.
    Label,
    /// A name or version: four numbers with dots are a version, a long number is a serial number.
    Identity,
}

/// User and host names that identify nobody: those of systems and services, and words of the field. Removing them
/// would only garble messages and names of devices.
#[rustfmt::skip]
const COMMON_NAMES: [&str; 79] = [
    "root", "user", "users", "admin", "administrator", "home", "nobody", "localhost", "localdomain", "guest", "ubuntu",
    "debian", "fedora", "linux", "windows", "macos", "android", "runner", "default", "system", "server", "client",
    "worker", "docker", "container", "jenkins", "github", "gitlab", "build", "builder", "buildkit", "test", "tester",
    "tests", "bench", "benchmark", "demo", "host", "hostname", "node", "cluster", "address", "serial", "slot", "local",
    "remote", "device", "driver", "kernel", "memory", "cache", "buffer", "shader", "compute", "matrix", "tensor",
    "vector", "stream", "float", "half", "double", "cpu", "gpu", "cuda", "rocm", "metal", "vulkan", "webgpu", "opencl",
    "mesa", "intel", "nvidia", "apple", "adreno", "torch", "numpy", "python", "rust", "portamark",
];

/// Names and paths of this machine that are removed from messages.
struct Redactor {
    /// Home folders, longest first.
    homes: Vec<String>,
    /// User and host names.
    names: Vec<Name>,
}

/// Least length in characters of a name that is found next to digits and underscores: `1.0jane`. A shorter one may be
/// a word of the field with its number, as `fp16` or `nv12`.
const BESIDE_DIGITS: usize = 4;
/// Least length in characters of a name that is found between letters too: `myworkstation`. Shorter ones are parts of
/// words: `ming` of timing, `mark` of benchmark, `eric` of generic.
const INSIDE_WORDS: usize = 6;

/// Name of a user or a host, and what stands in its place.
struct Name {
    pattern: Regex,
    length: usize,
    mark: &'static str,
}

impl Name {
    fn removed(&self, text: &str) -> String {
        let replaced = self.pattern.replace_all(text, |found: &Captures| {
            let name = found.get(0).expect("the whole match");
            let (before, after) = (&text[..name.start()], &text[name.end()..]);
            // Of a host the domain belongs to the match, but the name ends before it.
            let (first, last) = (name.as_str().chars().next(), found[1].chars().next_back());
            let after = if name.len() == found[1].len() { after.chars().next() } else { None };
            let ends = self.ends(before.chars().next_back(), first) && self.ends(after, last);
            if ends { self.mark } else { name.as_str() }.to_string()
        });
        replaced.into_owned()
    }

    /// Whether a name with the character `own` at its end may end next to the character `other`.
    fn ends(&self, other: Option<char>, own: Option<char>) -> bool {
        let Some(other) = other.filter(|c| c.is_alphanumeric() || *c == '_') else { return true };
        // `node123` is another host than `node12`.
        if other.is_numeric() && own.is_some_and(char::is_numeric) {
            return false;
        }
        self.length >= if other.is_alphabetic() { INSIDE_WORDS } else { BESIDE_DIGITS }
    }
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
                let length = lower.chars().count();
                let pattern = Regex::new(&format!(r"(?i)({}){rest}", regex::escape(&name)));
                names.extend(pattern.map(|pattern| Name { pattern, length, mark }));
            }
        }
        // The longer first: one may be a part of another.
        names.sort_by_key(|name| std::cmp::Reverse(name.length));
        Redactor { homes, names }
    }

    fn redact(&self, text: &str, kind: Kind) -> String {
        let mut text = text.to_string();
        // A home folder may have spaces in its name, which would end a path.
        for home in &self.homes {
            text = text.replace(home.as_str(), "/home/user");
        }
        text = SERIAL.replace_all(&text, "${what}<serial>").into_owned();
        for pattern in [&*QUOTED_PATH, &*PATH] {
            text = pattern.replace_all(&text, shortened).into_owned();
        }
        text = RELATIVE_PATH.replace_all(&text, |found: &Captures| without_folders(found, kind)).into_owned();
        text = SLOT.replace_all(&text, "${before}<slot>").into_owned();
        for (pattern, mark) in [(&*EMAIL, "<address>"), (&*UUID, "<id>"), (&*HARDWARE_ADDRESS, "<address>")] {
            text = pattern.replace_all(&text, mark).into_owned();
        }
        if kind == Kind::Identity {
            text = LONG_NUMBER.replace_all(&text, "<id>").into_owned();
        }
        text = without_ipv4(&text, kind);
        text = MAYBE_IPV6.replace_all(&text, without_ipv6).into_owned();
        for name in &self.names {
            text = name.removed(&text);
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

/// Character of a path that is not quoted.
const OF_PATH: &str = r#"[^\s"'`()\[\]{}<>,;:|*?]"#;

/// Absolute path. What stands before it is no part of a name, so that `b/c` is none. Folders may have spaces in
/// their names: up to three words that are followed by a separator belong to the path, unless the part before them
/// has an extension and so is a file.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    let folder = format!(r#"(?:{OF_PATH}*[/\\])?[^\s"'`()\[\]{{}}<>,;:|*?./\\]+(?: [\w-]+){{1,3}}[/\\]"#);
    regex(&format!(r"(^|[^\w./\\~-]){BEGIN}(?:{folder})*{OF_PATH}*"))
});

/// Text that may be a relative path, or an absolute one after the letter of an option (`-I/usr/include`).
static RELATIVE_PATH: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"{OF_PATH}+[/\\]{OF_PATH}+")));

/// PCI address, with or without its domain: `0000:65:00.0`, `65:00.0`.
static SLOT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)(?P<before>^|[^0-9a-z:.])(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\b")
});

/// Serial number that is called so.
static SERIAL: LazyLock<Regex> = LazyLock::new(|| {
    let named = r"(?:serial(?:[ _-]?(?:no|nr|num|number)\b\.?\s*[:=#]?|\s*[:=#])|s/?n\s*[:=#])\s*";
    regex(&format!(
        r"(?i)\b(?P<what>{named})[a-z0-9][a-z0-9-]{{3,}}\b|(?-i)\bSN[A-Z]{{0,3}}-?[0-9][0-9A-Z]{{4,}}\b"
    ))
});

/// Number of a piece of hardware: at least ten digits, or 16 to 32 hexadecimal ones.
static LONG_NUMBER: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(?:[0-9]{10,}|(?:0x)?[0-9a-f]{16,32})\b"));

/// What the redaction puts in place of what it removes.
static MARK: LazyLock<Regex> = LazyLock::new(|| regex(r"<(?:user|host|address|id|slot|serial)>"));

static EMAIL: LazyLock<Regex> = LazyLock::new(|| regex(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\b"));

/// UUIDs, including the identifiers of graphics cards with their prefix `GPU-` or `MIG-`.
static UUID: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(?:GPU-|MIG-)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"));

/// Hardware addresses of Ethernet (six bytes) and InfiniBand (eight or twenty bytes).
static HARDWARE_ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5,19}|(?:-[0-9a-f]{2}){5,19})\b"));

static IPV4: LazyLock<Regex> = LazyLock::new(|| regex(r"(?P<ip>(?:\d{1,3}\.){3}\d{1,3})(?P<port>:\d+)?"));

/// Text that ends before a version: `version `, `driver: `, `v`.
static VERSION_FOLLOWS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)(?:\b(?:version|driver):? |(?:^|[^a-z])v)$"));

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

/// Name of a number format, as in `fp16/bf16/fp8`: it tells as little of a machine as a folder of that name would.
static NUMBER_FORMAT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?i:(?:(?:mx|nv)?fp|float|bfloat|bf|tf|f|u?int|[iu]|nf)[0-9]{1,3}|e[0-9]m[0-9]|half|single|double)$",
    )
});

/// Removes the folders of a text that is a relative path: it starts with `./` or `../`, has two separators or
/// more, or one and an extension. `m/s`, `and/or` and `2026/11/24` are none.
fn without_folders(found: &Captures, kind: Kind) -> String {
    let whole = &found[0];
    let parts: Vec<&str> = whole.split(['/', '\\']).collect();
    let has_letter = |part: &&str| part.contains(char::is_alphabetic);
    let Some(name) = parts.iter().rev().find(|part| !part.is_empty()) else { return whole.into() };
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_file = (1..=8).contains(&extension.len())
        && extension.starts_with(|c: char| c.is_ascii_alphabetic())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_path = match parts[..] {
        ["." | "..", ..] => true,
        [first, _] => is_file && !first.is_empty(),
        _ if kind == Kind::Label => is_file || has_home(&parts),
        _ if parts.iter().all(|part| NUMBER_FORMAT.is_match(part)) => false,
        _ => parts.iter().filter(|part| !part.is_empty()).count() > 1 && parts.iter().any(has_letter),
    };
    if !is_path {
        return whole.into();
    }
    // An option, a sign or a name before the path stays.
    let option = whole
        .strip_prefix('-')
        .map_or(0, |rest| 1 + rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(0));
    let is_option = whole[option..].starts_with(['/', '\\']);
    format!("{}{name}", if is_option { &whole[..option] } else { "" })
}

/// Whether the parts of a path pass through the home folder of somebody: `…/home/name/…`, `…/Users/name/…`.
fn has_home(parts: &[&str]) -> bool {
    parts.windows(4).any(|at| matches!(at[1], "home" | "Users") && !at[2].is_empty() && !at[3].is_empty())
}

/// Replaces IPv4 addresses. Four numbers are a version where more numbers follow, and in a name or after the word
/// `version` or `driver`, unless the address is one of a private network or has a port.
fn without_ipv4(text: &str, kind: Kind) -> String {
    let replaced = IPV4.replace_all(text, |found: &Captures| {
        let whole = found.get(0).expect("the whole match");
        let (before, after) = (&text[..whole.start()], &text[whole.end()..]);
        let goes_on = after.starts_with(|c: char| c.is_ascii_digit())
            || after.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let inside = before.ends_with(|c: char| c.is_ascii_digit() || c == '.');
        let Ok(address) = found["ip"].parse::<Ipv4Addr>() else { return whole.as_str().to_string() };
        let [first, second, ..] = address.octets();
        let is_local = address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || (first == 100 && second & 0xc0 == 64);
        let may_be_version = kind == Kind::Identity || VERSION_FOLLOWS.is_match(before);
        if goes_on || inside || (may_be_version && !is_local && found.name("port").is_none()) {
            whole.as_str().to_string()
        } else {
            "<address>".into()
        }
    });
    replaced.into_owned()
}

fn without_ipv6(found: &Captures) -> String {
    let word = &found[0];
    // A word with a single colon may stand before the address: `peer:fe80::1`.
    let labels = word.match_indices(':').map(|(at, _)| at).filter(|&at| {
        let after = &word[at + 1..];
        at > 0 && !after.starts_with(':') && !word[..at].ends_with(':')
    });
    for start in [0].into_iter().chain(labels.map(|at| at + 1)) {
        let rest = &word[start..];
        for candidate in [rest, rest.trim_end_matches(['.', ':'])] {
            let address = candidate.split('%').next().unwrap_or(candidate);
            // `dead::beef` could be a path of a program: an address has a digit somewhere.
            let plausible = address.contains(|c: char| c.is_ascii_digit());
            if plausible && address.parse::<Ipv6Addr>().is_ok() {
                return format!("{}<address>{}", &word[..start], &rest[candidate.len()..]);
            }
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

    fn redacted_as(kind: Kind, text: &str) -> String {
        Redactor::new(
            vec!["/home/jane".into(), r"C:\Users\Jane Doe".into(), "/root".into(), "/".into()],
            vec!["jane".into(), "root".into(), "x".into()],
            vec!["node12.example.org\n".into(), "localhost".into()],
        )
        .redact(text, kind)
    }

    fn redacted(text: &str) -> String {
        redacted_as(Kind::Message, text)
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
            // What stands right before the path does not hide it.
            ("-I/home/jane/include/x", "-Ix"),
            ("-I/srv/secret/include", "-Iinclude"),
            ("@/srv/secret/a.bin", "@a.bin"),
            ("#/srv/secret/a.bin", "#a.bin"),
            ("x>/srv/secret/a.bin", "x>a.bin"),
            ("&/srv/secret/a.bin", "&a.bin"),
            // A space in the name of a folder does not end the path.
            ("open /srv/My Secret Project/k.wgsl failed", "open k.wgsl failed"),
            (r"open D:\My Secret\k.wgsl failed", "open k.wgsl failed"),
            ("read /a/b.so and m/s", "read b.so and m/s"),
            // Relative paths.
            ("../secret/x", "x"),
            ("in ./secret/a.cu:7", "in a.cu:7"),
            ("project/src/a.cu", "a.cu"),
            ("secret/a.cu(3)", "a.cu(3)"),
            (r"secret\a.cu", "a.cu"),
            // Formats only without another word, and not from the root.
            ("fp16/secret/fp8", "fp8"),
            ("/fp16/bf16/fp8", "fp8"),
            ("./fp16/fp8", "fp8"),
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
            ("PCI 0000:65:00.0 Xid 79, GPU 65:00.0", "PCI <slot> Xid 79, GPU <slot>"),
            ("board SN12345678, serial number: 0324517A", "board <serial>, serial number: <serial>"),
            ("S/N=0324517A", "S/N=<serial>"),
            // Words before an address.
            ("driver 192.168.1.17", "driver <address>"),
            ("driver 203.0.113.7:80", "driver <address>"),
            ("host192.168.1.17 peer:fe80::1", "host<address> peer:<address>"),
        ] {
            assert_eq!(redacted(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_is_found_beside_digits_and_a_long_one_inside_words() {
        let redactor = Redactor::new(
            Vec::new(),
            ["ming", "fp", "root"].map(String::from).to_vec(),
            ["secrethost.example.org", "node12", "host"].map(String::from).to_vec(),
        );
        for (text, expected) in [
            ("driver 1.0secrethost", "driver 1.0<host>"),
            ("1.0SecretHost2", "1.0<host>2"),
            ("xsecrethosty and lib_secrethost.so", "x<host>y and lib_<host>"),
            ("2.6.0.dev1secrethost+cu124", "2.6.0.dev1<host>+cu124"),
            ("1.0secrethostsecrethost", "1.0<host><host>"),
            ("secrethost.example.org1", "<host>1"),
            ("v2ming ming_gpu Ming", "v2<user> <user>_gpu <user>"),
            ("1.0node12rc and 1.0node12", "1.0<host>rc and 1.0<host>"),
            ("fp stands alone", "<user> stands alone"),
        ] {
            assert_eq!(redactor.redact(text, Kind::Message), expected, "{text}");
        }
        for text in [
            "timing, streaming: 3 mings",
            "fp16 fp8 2fp4",
            "node123 and 2node123",
            "host/Example CPU, host-time, 1.0host, hosthost, hosts",
            "root, rootless and root1",
        ] {
            assert_eq!(redactor.redact(text, Kind::Message), text);
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
            "12:08:15.3 and 1.2.3.4.5",
            "memory allocation of 68719476736 bytes failed",
            "2026/11/24, TCP/IP, q/k",
            "kernel for fp16/bf16/fp8 and f32/TF32/e4m3/u8",
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
    fn names_and_versions_stay_as_they_are() {
        for text in [
            "llvmpipe (LLVM 15.0.6, 256 bits)",
            "Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)",
            "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz",
            "AMD Radeon RX 6700 XT (RADV NAVI22)",
            "NVIDIA A100-SXM4-80GB MIG 1g.10gb",
            "31.0.15.22",
            "Adreno™ 740",
            "昇腾 910B",
            "SwiftShader Device (LLVM 10.0.0) (0x0000C0DE)",
            "portamark_executor 0.1.0 (torch 2.5.1+cu124, Python 3.12.3)",
            "2.6.0.dev20241105+cu124",
        ] {
            assert_eq!(identity(text), text);
        }
        let id = "vulkan/llvmpipe (LLVM 15.0.6, 256 bits)/Mesa 22.3.6";
        assert_eq!(identifier(id), id);
    }

    #[test]
    fn the_name_of_a_benchmark_may_have_separators() {
        for (text, expected) in [
            ("sum/loop/256", "sum/loop/256"),
            ("../secret/sum/loop", "loop"),
            ("src/secret/sum.cu", "sum.cu"),
            ("/srv/secret/sum", "sum"),
            ("read/home/somebody/sum", "sum"),
            ("read\\Users\\somebody\\sum", "sum"),
            ("read/home/loop", "read/home/loop"),
        ] {
            assert_eq!(redact_label(text), expected, "{text}");
        }
    }

    #[test]
    fn of_a_name_only_what_a_name_has_stays() {
        for (text, expected) in [
            ("exec \u{1b}[31m`x` $HOME {y} \"z\"", "exec [31m x HOME y z"),
            ("/srv/secret/libfoo.so", "libfoo.so"),
            // 13 digits, as the serial numbers of NVIDIA boards; 16 hexadecimal ones, as unique ids of AMD cards.
            ("H100 1650522002820", "H100 <id>"),
            ("MI300X 0x1a2b3c4d5e6f7a8b", "MI300X <id>"),
            ("card at 0000:65:00.0", "card at <slot>"),
            ("driver on 192.168.1.17", "driver on <address>"),
        ] {
            assert_eq!(identity(text), expected, "{text}");
        }
        assert_eq!(identity(&"A".repeat(100_000)).chars().count(), 200);
        // The last part is the version; a path in it is one.
        assert_eq!(identifier("x/card//srv/secret/libfoo.so"), "x/card/libfoo.so");
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
