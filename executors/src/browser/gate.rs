//! Access control: admits the browser of the person who received the address, but no other page open in it.
//!
//! Any page that is open in a browser can send requests to this machine. Requests from other pages carry a
//! different `Origin`. Requests from a page whose domain name resolves to this machine (DNS rebinding) carry
//! that name as `Host`. Neither kind knows the token in the address. The token is valid once; the browser
//! then gets a cookie instead.

use std::net::SocketAddr;
use std::sync::Mutex;

/// Credentials that a browser must present: a token at first, then a cookie.
pub(super) struct Gate {
    /// Token of the address that was issued last. `None` if there is none or it has been used.
    token: Mutex<Option<String>>,
    /// Value of the cookie that a browser gets in exchange for a token.
    session: String,
    /// Name of the cookie. Browsers share cookies between all ports of a host, so the name contains the port.
    cookie: String,
}

impl Gate {
    /// Creates a gate without a token. Fails if the system provides no random numbers.
    pub(super) fn new(port: u16) -> std::io::Result<Self> {
        Ok(Gate { token: Mutex::new(None), session: random()?, cookie: format!("portamark-{port}") })
    }

    /// Issues a new token and invalidates the previous one.
    pub(super) fn token(&self) -> std::io::Result<String> {
        let token = random()?;
        if let Ok(mut place) = self.token.lock() {
            *place = Some(token.clone());
        }
        Ok(token)
    }

    /// Returns whether `query` contains the valid token, and if so invalidates the token.
    pub(super) fn spend(&self, query: &str) -> bool {
        let Some(given) = query.split('&').find_map(|part| part.strip_prefix("token=")) else { return false };
        let Ok(mut place) = self.token.lock() else { return false };
        let fits = place.as_deref().is_some_and(|token| same(token, given));
        if fits {
            *place = None;
        }
        fits
    }

    /// Returns the `Set-Cookie` header for a browser that presented the token.
    pub(super) fn set_cookie(&self) -> String {
        format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie, self.session)
    }

    /// Returns whether the `Cookie` headers `cookies` contain the cookie of this gate.
    pub(super) fn knows<'a>(&self, cookies: impl IntoIterator<Item = &'a str>) -> bool {
        cookies.into_iter().flat_map(|line| line.split(';')).any(|cookie| {
            cookie
                .trim()
                .split_once('=')
                .is_some_and(|(name, value)| name == self.cookie && same(&self.session, value))
        })
    }
}

/// Returns 128 random bits in hexadecimal.
fn random() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(hex::encode(bytes))
}

/// Compares two texts in constant time, so that the duration does not reveal where they differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Returns whether the `Host` header `host` names `local`, this machine's end of the connection: by its
/// address, or as `localhost` if it is a loopback address. Other domain names that resolve to it do not count.
pub(super) fn is_own(host: &str, local: SocketAddr) -> bool {
    let local = SocketAddr::new(local.ip().to_canonical(), local.port());
    let own = local.to_string();
    let named = |own: &str| {
        host.eq_ignore_ascii_case(own) || local.port() == 80 && Some(host) == own.strip_suffix(":80")
    };
    named(&own) || local.ip().is_loopback() && named(&format!("localhost:{}", local.port()))
}

/// Returns whether the `Origin` header `origin` is that of a page served by `host`. A missing header is
/// accepted unless `must` is set.
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
