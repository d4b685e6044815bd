//! `postgres://user:password@host:port/a/b?key=value`, taken apart. No error of this file shows the URL as given.

use crate::error::{Error, Result};

/// The parts of a URL, decoded.
#[derive(Clone, Default)]
pub(super) struct UrlParts {
    pub user: Option<String>,
    pub password: Option<String>,
    /// A name, an address, or the folder of a socket.
    pub host: Option<String>,
    pub port: Option<String>,
    /// What stands between the slashes after the host.
    pub path: Vec<String>,
    pub parameters: Vec<(String, String)>,
}

/// What follows the scheme, if it is one of PostgreSQL.
pub(super) fn rest(url: &str) -> Option<&str> {
    ["postgres://", "postgresql://"].into_iter().find_map(|scheme| url.strip_prefix(scheme))
}

impl UrlParts {
    /// Takes `url` apart.
    pub fn parse(url: &str) -> Result<UrlParts> {
        let rest = rest(url).ok_or_else(|| {
            Error::job("this is not the URL of a PostgreSQL server")
                .hint("postgres://user@host:5432/database")
        })?;
        // A `/` or `?` in a password would end the host early, and the rest of the password would pass for a
        // path.
        let after = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        if after.contains('@') {
            return Err(Error::job("the URL of the server has an `@` after its host")
                .hint("in a password and in names write `/` as %2F, `?` as %3F and `@` as %40"));
        }
        let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
        let (authority, path) =
            rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        let mut parsed = UrlParts::default();
        // A password may hold an `@` that somebody forgot to encode.
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        if let Some(login) = login {
            let (user, password) = login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
            parsed.user = some(decoded(user)?);
            parsed.password = password.map(decoded).transpose()?.and_then(some);
        }
        if place.contains(',') {
            let error = Error::job("the URL names several servers, but only one can be used");
            return Err(error.hint("name the one that accepts writes"));
        }
        let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None => place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        parsed.host = some(decoded(host)?);
        parsed.port = port.and_then(|port| some(port.to_string()));
        for name in path.split('/') {
            parsed.path.push(decoded(name)?);
        }
        // `…/database/` and `…` name as much as `…/database` and `…/`.
        parsed.path.retain(|name| !name.is_empty());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                Error::job(format!("`{pair}` in the URL is not a parameter"))
                    .hint("write parameters as ?key=value&key=value")
            })?;
            parsed.parameters.push((decoded(key)?, decoded(value)?));
        }
        Ok(parsed)
    }

    /// Takes the parameter `key` out of those that are left.
    pub fn take(&mut self, key: &str) -> Option<String> {
        let at = self.parameters.iter().position(|(name, _)| name == key)?;
        Some(self.parameters.remove(at).1)
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// `%41` → `A`.
fn decoded(text: &str) -> Result<String> {
    let wrong = || {
        // Not the text: it may be a password.
        Error::job("a part of the URL of the server cannot be decoded")
            .hint("write a `%` as %25; the decoded bytes must be UTF-8")
    };
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16)).ok_or_else(wrong);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push((high * 16 + low) as u8);
    }
    // PostgreSQL's protocol ends its texts with a NUL byte.
    String::from_utf8(out).ok().filter(|text| !text.contains('\0')).ok_or_else(wrong)
}

/// A part of a URL as it is written.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            // Only the unreserved characters of RFC 3986 stay, so that one text has one form.
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
