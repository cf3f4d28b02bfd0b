//! Provenance of a run: time, platform and identifier, without anything that identifies the machine or its
//! user.

use std::hash::{BuildHasher, Hasher};

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
}
