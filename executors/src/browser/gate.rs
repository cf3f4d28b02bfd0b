//! Who may come in: the browser of the person who was given the address, and no other page in it.
//!
//! Any page that is open in a browser can send requests to this machine. Those of other pages carry
//! another `Origin`; those of a page whose name was pointed at this machine carry that name as `Host`;
//! and neither knows the token of the address, which is spent at its first use and becomes a cookie.

use std::net::SocketAddr;
use std::sync::Mutex;

/// What a visitor must show.
pub(super) struct Gate {
    /// The token of the address that was given out last, until it is used.
    token: Mutex<Option<String>>,
    /// What a browser has instead of a token from then on.
    session: String,
    /// Cookies are shared by all ports of a machine: each port has a name of its own.
    cookie: String,
}

impl Gate {
    /// A gate that nothing opens yet. An error is that of the system, which has no random numbers.
    pub(super) fn new(port: u16) -> std::io::Result<Self> {
        Ok(Gate { token: Mutex::new(None), session: random()?, cookie: format!("portamark-{port}") })
    }

    /// A new token; the one before opens no more.
    pub(super) fn token(&self) -> std::io::Result<String> {
        let token = random()?;
        if let Ok(mut place) = self.token.lock() {
            *place = Some(token.clone());
        }
        Ok(token)
    }

    /// Whether `query` has the token, which is then spent.
    pub(super) fn spend(&self, query: &str) -> bool {
        let Some(given) = query.split('&').find_map(|part| part.strip_prefix("token=")) else { return false };
        let Ok(mut place) = self.token.lock() else { return false };
        let fits = place.as_deref().is_some_and(|token| same(token, given));
        if fits {
            *place = None;
        }
        fits
    }

    /// The cookie that is given for a token.
    pub(super) fn set_cookie(&self) -> String {
        format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie, self.session)
    }

    /// Whether one of the `cookies` is that of this gate.
    pub(super) fn knows<'a>(&self, cookies: impl IntoIterator<Item = &'a str>) -> bool {
        cookies.into_iter().flat_map(|line| line.split(';')).any(|cookie| {
            cookie
                .trim()
                .split_once('=')
                .is_some_and(|(name, value)| name == self.cookie && same(&self.session, value))
        })
    }
}

/// 128 random bits in hexadecimal.
fn random() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Compares in a time that does not tell where the texts differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Whether `host` is a name of `local`, the end of the connection that is here: its address, or
/// `localhost`. A name that someone pointed at this machine is none.
pub(super) fn is_own(host: &str, local: SocketAddr) -> bool {
    let local = SocketAddr::new(local.ip().to_canonical(), local.port());
    let own = local.to_string();
    let named = |own: &str| {
        host.eq_ignore_ascii_case(own) || local.port() == 80 && Some(host) == own.strip_suffix(":80")
    };
    named(&own) || local.ip().is_loopback() && named(&format!("localhost:{}", local.port()))
}

/// Whether `origin` is a page that `host` served; `must` it be there.
pub(super) fn is_own_page(origin: Option<&str>, host: &str, must: bool) -> bool {
    match origin {
        Some(origin) => origin.strip_prefix("http://").is_some_and(|name| name.eq_ignore_ascii_case(host)),
        None => !must,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_once_and_only_the_newest_does() {
        let gate = Gate::new(8000).unwrap();
        assert!(!gate.spend("token="));
        let old = gate.token().unwrap();
        let new = gate.token().unwrap();
        assert_eq!(new.len(), 32);
        assert_ne!(old, new);
        assert!(!gate.spend(&format!("token={old}")));
        assert!(!gate.spend(&format!("taken={new}")));
        assert!(gate.spend(&format!("a=b&token={new}")));
        assert!(!gate.spend(&format!("token={new}")));
    }

    #[test]
    fn a_cookie_is_known_among_others_and_by_its_whole_value() {
        let gate = Gate::new(8000).unwrap();
        let given = gate.set_cookie();
        let cookie = given.split(';').next().unwrap();
        assert!(cookie.starts_with("portamark-8000="));
        assert!(given.contains("HttpOnly") && given.contains("SameSite=Strict"));
        assert!(gate.knows([cookie]));
        assert!(gate.knows(["a=b", &format!("c=d; {cookie}; e=f")]));
        assert!(!gate.knows([&cookie[..cookie.len() - 1]]));
        assert!(!gate.knows(["portamark-8000=", "portamark-8000", ""]));
        assert!(!Gate::new(8000).unwrap().knows([cookie]));
    }

    #[test]
    fn only_the_own_address_is_a_host() {
        let local: SocketAddr = "127.0.0.1:8000".parse().unwrap();
        for host in ["127.0.0.1:8000", "localhost:8000", "LocalHost:8000"] {
            assert!(is_own(host, local), "{host}");
        }
        for host in
            ["evil.example:8000", "127.0.0.1", "127.0.0.1:80", "localhost", "127.0.0.1:8000.evil.example", ""]
        {
            assert!(!is_own(host, local), "{host}");
        }
        let other: SocketAddr = "[fd00::1]:80".parse().unwrap();
        assert!(is_own("[fd00::1]", other) && is_own("[fd00::1]:80", other));
        assert!(!is_own("localhost:80", other) && !is_own("localhost", other));
        assert!(is_own("192.0.2.1:9", "[::ffff:192.0.2.1]:9".parse().unwrap()));
    }

    #[test]
    fn a_page_of_another_origin_is_not_the_own() {
        let host = "127.0.0.1:8000";
        assert!(is_own_page(Some("http://127.0.0.1:8000"), host, true));
        assert!(is_own_page(None, host, false));
        assert!(!is_own_page(None, host, true));
        for origin in ["http://evil.example", "https://127.0.0.1:8000", "http://127.0.0.1:8001", "null", ""] {
            assert!(!is_own_page(Some(origin), host, false), "{origin}");
        }
    }
}
