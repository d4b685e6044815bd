//! Who may ask: the method, the host that a request names, and the token.

use super::request::Head;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use subtle::ConstantTimeEq;

/// The secret of a server.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token that is given; `None` where it is shorter than 16 characters, or has others than letters, digits, `-` and
    /// `_`: it has to stand in a URL and in a cookie.
    pub fn given(text: &str) -> Option<Token> {
        let text = text.trim();
        let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (text.len() >= 16 && text.len() <= 512 && text.chars().all(right)).then(|| Token(text.to_string()))
    }

    /// A new one of 256 random bits.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn random() -> Result<Token, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Token(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The text, to be printed once.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether `text` is the token. The time that it takes does not depend on where they differ, nor on the length.
    fn is(&self, text: &str) -> bool {
        Sha256::digest(text).ct_eq(&Sha256::digest(&self.0)).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(crate::secret::HIDDEN)
    }
}

/// Decides which requests are answered.
#[derive(Debug)]
pub struct Guard {
    loopback: bool,
    /// The name of the cookie. All servers of a host share its cookies, so the port is in the name.
    cookie: String,
    token: Option<Token>,
}

/// Whether a request may go on.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Yes,
    /// It has the token in its URL: the browser is to keep it as a cookie, which has this text.
    Keep(String),
    /// It may not: the status, and why.
    No(u16, &'static str),
}

impl Guard {
    /// The guard of a server that listens on `address`.
    pub fn new(address: SocketAddr, token: Option<Token>) -> Guard {
        let cookie = format!("highwater_{}", address.port());
        Guard { loopback: address.ip().is_loopback(), cookie, token }
    }

    /// Whether a request may go on. `query` is what stands behind the `?` of its target.
    pub fn pass(&self, head: &Head, query: Option<&str>) -> Admission {
        if !matches!(head.method.as_str(), "GET" | "HEAD") {
            return Admission::No(405, "this server answers GET and HEAD only");
        }
        let hosts: Vec<&str> = head.values("host").collect();
        let [host] = hosts[..] else { return Admission::No(400, "a request must name its host once") };
        if self.loopback && !is_loopback(host) {
            return Admission::No(
                403,
                "this server answers to localhost only: open it by the address that it printed",
            );
        }
        let Some(token) = &self.token else { return Admission::Yes };
        let given = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("token=")));
        if let Some(given) = given {
            // Not SameSite=Lax: no other site may make a browser ask with the cookie.
            let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, token.0);
            return if token.is(given) { Admission::Keep(cookie) } else { refused() };
        }
        let pairs = head.values("cookie").flat_map(|cookies| cookies.split(';'));
        let own =
            pairs.filter_map(|pair| pair.trim().split_once('=').filter(|(name, _)| *name == self.cookie));
        let mut own = own.map(|(_, value)| value);
        if own.any(|value| token.is(value)) { Admission::Yes } else { refused() }
    }
}

fn refused() -> Admission {
    Admission::No(401, "open the address with the token that the server printed")
}

/// Whether the header `Host` names this machine by a loopback name. The port is of no interest: a forwarded one is another.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) if port.is_empty() || is_port(port) => name,
            _ => return false,
        },
        None => match host.rsplit_once(':') {
            Some((name, port)) if is_port(&format!(":{port}")) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.1.2.3", "[::1]:1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8080",
            "127.0.0.1:80:80",
            "0.0.0.0",
            "[::1",
            "[::1]x",
            "localhost:",
            "localhost@evil",
            "2130706433",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_token_is_long_and_stands_in_a_url() {
        assert!(Token::given(" 0123456789abcdef\n").is_some());
        for wrong in
            ["", "short", "0123456789abcde", "0123456789abcdef;", "0123456789 bcdef", "0123456789abcdefé"]
        {
            assert!(Token::given(wrong).is_none(), "{wrong}");
        }
        let token = Token::random().unwrap();
        assert!(Token::given(token.text()).is_some_and(|given| given.is(token.text())));
        assert!(!token.is("") && !token.is(&token.text()[1..]) && !token.is(Token::random().unwrap().text()));
        assert_eq!(format!("{token:?}"), "***");
    }
}
