//! Secrets in texts that users write: variables of the environment, and what is shown in the place of credentials.
//!
//! # Contract
//! `${NAME}` stands for a variable of the environment, and `$${` for the characters `${`. A [`Template`] is expanded
//! where its value is used, and nowhere before; its `Debug` and [`Template::text`] are the text as it is written.

use std::borrow::Cow;
use std::fmt;

/// What stands in the place of a secret.
pub const HIDDEN: &str = "***";

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextFault {
    /// Braces do not match, or hold nothing.
    Braces,
    /// The name between `${` and `}` is not a name of a variable.
    Name(String),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Variable(String),
}

/// A text with variables of the environment in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<TemplatePart>);

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// A `${` without its end, or without the name of a variable.
    pub fn parse(text: &str) -> Result<Template, TextFault> {
        let mut template = Template::default();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, after) = rest.split_at(at);
            rest = &after[2..];
            match before.strip_suffix('$') {
                Some(before) => template.push(&format!("{before}${{")),
                None => {
                    template.push(before);
                    rest = template.variable(rest)?;
                }
            }
        }
        template.push(rest);
        Ok(template)
    }

    /// Reads a URL, cut at its `{column}`s.
    ///
    /// # Errors
    /// Braces that do not match, columns without a name, and those of [`Template::parse`].
    pub fn cut(url: &str) -> Result<(Vec<Template>, Vec<String>), TextFault> {
        let (mut pieces, mut names) = (vec![Template::default()], vec![]);
        let mut rest = url;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            let piece = pieces.last_mut().ok_or(TextFault::Braces)?;
            rest = after.strip_prefix('{').ok_or(TextFault::Braces)?;
            if let Some(before) = before.strip_suffix("$$") {
                let (literal, after) = rest.split_once('}').ok_or(TextFault::Braces)?;
                piece.push(&format!("{before}${{{literal}}}"));
                rest = after;
            } else if let Some(before) = before.strip_suffix('$') {
                piece.push(before);
                rest = piece.variable(rest)?;
            } else {
                let (name, after) = rest.split_once('}').ok_or(TextFault::Braces)?;
                if name.is_empty() || name.contains('{') {
                    return Err(TextFault::Braces);
                }
                piece.push(before);
                names.push(name.to_string());
                pieces.push(Template::default());
                rest = after;
            }
        }
        pieces.last_mut().ok_or(TextFault::Braces)?.push(rest);
        Ok((pieces, names))
    }

    fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(TemplatePart::Text(last)) => last.push_str(text),
            _ => self.0.push(TemplatePart::Text(text.to_string())),
        }
    }

    /// Takes a name up to its brace; gives what follows.
    fn variable<'a>(&mut self, rest: &'a str) -> Result<&'a str, TextFault> {
        let (name, after) = rest.split_once('}').ok_or(TextFault::Braces)?;
        let right = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(right) || !name.starts_with(|c: char| !c.is_ascii_digit()) {
            return Err(TextFault::Name(name.to_string()));
        }
        self.0.push(TemplatePart::Variable(name.to_string()));
        Ok(after)
    }

    /// The names of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            TemplatePart::Variable(name) => Some(name.as_str()),
            TemplatePart::Text(_) => None,
        })
    }

    /// The text as it is written; a `${` that stands for itself as it is meant.
    pub fn text(&self) -> String {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Variable(name) => format!("${{{name}}}"),
        };
        self.0.iter().map(part).collect()
    }

    /// The text with the values of its variables; or the name of one that is not set, or empty.
    ///
    /// # Errors
    /// The name.
    pub fn expand(&self) -> Result<String, String> {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => Ok(text.clone()),
            TemplatePart::Variable(name) => value_of(name).ok_or_else(|| name.clone()),
        };
        self.0.iter().map(part).collect()
    }

    /// Whether `text` can be what the templates `pieces` say, with a value between each two of them: gives the values.
    /// A variable may have been anything that a part of a URL is; a value is percent-encoded.
    pub fn values<'a>(pieces: &[Template], text: &'a str) -> Option<Vec<&'a str>> {
        let parts: Vec<Option<&TemplatePart>> =
            pieces.iter().flat_map(|piece| piece.0.iter().map(Some).chain([None])).collect();
        let (_, parts) = parts.split_last()?;
        let mut values = vec![];
        matches(parts, text, &mut values).then_some(values)
    }
}

/// The value of a variable; an empty one is not set.
pub fn value_of(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", without_secrets(&self.text()))
    }
}

/// Whether `text` is made of `parts`, where `None` is a value. Few parts, and few ways to cut.
fn matches<'a>(parts: &[Option<&TemplatePart>], text: &'a str, values: &mut Vec<&'a str>) -> bool {
    let Some((part, rest)) = parts.split_first() else { return text.is_empty() };
    let goes = |c: char| match part {
        None => c.is_ascii_alphanumeric() || "-._~%".contains(c),
        _ => !"/?#&".contains(c),
    };
    if let Some(TemplatePart::Text(literal)) = part {
        return text.strip_prefix(literal.as_str()).is_some_and(|text| matches(rest, text, values));
    }
    let end = text.find(|c| !goes(c)).unwrap_or(text.len());
    let known = values.len();
    (0..=end).rev().filter(|end| text.is_char_boundary(*end)).any(|end| {
        values.truncate(known);
        if part.is_none() {
            values.push(&text[..end]);
        }
        matches(rest, &text[end..], values)
    })
}

/// The pieces of a URL as they are shown and recorded: without a login, and with `***` for what comes from the
/// environment or is a credential in the query. Values of columns stay what they are.
pub fn shown_pieces(pieces: &[Template]) -> Vec<String> {
    const COLUMN: char = '\0';
    let texts: Vec<String> = pieces.iter().map(Template::text).collect();
    let url = texts.join(&COLUMN.to_string());
    let (before, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (place, query) = before.split_at(before.find('?').unwrap_or(before.len()));
    let (scheme, rest) = place.split_at(place.find("://").map_or(0, |at| at + 3));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let mut shown = format!("{scheme}{host}{path}");
    for (i, pair) in query.split('&').enumerate() {
        shown.push_str(if i == 0 { "" } else { "&" });
        match pair.split_once('=') {
            Some((name, value))
                if value.contains("${") || is_credential(name.trim_start_matches('?'), value) =>
            {
                let hidden = value.split(COLUMN).map(|text| if text.is_empty() { "" } else { HIDDEN });
                let hidden: Vec<&str> = hidden.collect();
                shown.push_str(&format!("{name}={}", hidden.join(&COLUMN.to_string())));
            }
            _ => shown.push_str(pair),
        }
    }
    shown.push_str(fragment);
    shown.split(COLUMN).map(str::to_string).collect()
}

/// A URL as it is shown, with its columns.
pub fn shown_url(pieces: &[Template], columns: &[String]) -> String {
    let columns = columns.iter().map(|name| format!("{{{name}}}")).chain([String::new()]);
    shown_pieces(pieces).into_iter().zip(columns).map(|(piece, column)| piece + &column).collect()
}

/// A name without case and signs: `X-Api-Key` is `xapikey`.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Whether a parameter of a URL is a credential. Exact names: answers do not differ by what is left out.
fn is_credential(name: &str, value: &str) -> bool {
    const NAMES: [&str; 30] = [
        "accesskey",
        "accesstoken",
        "apikey",
        "apitoken",
        "appkey",
        "appsecret",
        "auth",
        "authkey",
        "authorization",
        "authtoken",
        "bearer",
        "clientsecret",
        "credential",
        "credentials",
        "idtoken",
        "jwt",
        "pass",
        "passwd",
        "password",
        "pwd",
        "refreshtoken",
        "secret",
        "secretkey",
        "sig",
        "signature",
        "subscriptionkey",
        "token",
        "xamzcredential",
        "xamzsecuritytoken",
        "xamzsignature",
    ];
    let random = || {
        let has = |right: fn(&char) -> bool| value.chars().any(|c| right(&c));
        value.len() >= 20 && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
    };
    let name = plain(name);
    NAMES.contains(&name.as_str()) || name == "key" && random()
}

/// Whether the value of a header is not shown.
pub fn is_secret_header(name: &str) -> bool {
    const WORDS: [&str; 10] =
        ["auth", "cookie", "credential", "key", "passw", "secret", "session", "signature", "token", "jwt"];
    let name = plain(name);
    WORDS.iter().any(|word| name.contains(word))
}

/// `text` with `***` in the place of every password and credential of a URL in it, and of every header that is one. A
/// line of a job file may have them. What stands as `${NAME}` is shown.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let urls = match text.contains("://") {
        true => Cow::Owned(hide_in_urls(text)),
        false => Cow::Borrowed(text),
    };
    match urls.to_ascii_lowercase() {
        lower if lower.contains("headers") || lower.contains("authorization") || lower.contains("cookie") => {
            Cow::Owned(urls.split_inclusive('\n').map(hide_in_headers).collect())
        }
        _ => urls,
    }
}

fn hide_in_urls(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find([' ', '"', '\'', '`', '\t', '\n']).unwrap_or(after.len());
        let (url, after) = after.split_at(end);
        // The last `@`: a password may hold one, and a `/`, that somebody forgot to encode.
        let (login, place) = match url.rsplit_once('@') {
            // Unless it stands in the path of a service.
            Some((login, _)) if before.ends_with("http://") || before.ends_with("https://") => {
                let host = login.find(['/', '?', '#']).unwrap_or(login.len());
                match url[..host].rsplit_once('@') {
                    Some((login, _)) => (Some(login), &url[login.len() + 1..]),
                    // A password with a slash: what follows the colon is not a port.
                    None if host == login.len() || !is_port(&url[..host]) => {
                        (Some(login), &url[login.len() + 1..])
                    }
                    None => (None, url),
                }
            }
            Some((login, place)) => (Some(login), place),
            None => (None, url),
        };
        if let Some(login) = login {
            let (user, password) = login.split_once(':').map_or((login, None), |(user, pw)| (user, Some(pw)));
            out.push_str(user);
            let variable = |pw: &str| pw.starts_with("${") && pw.find('}') == Some(pw.len() - 1);
            match password {
                None => out.push('@'),
                Some(password) if variable(password) => out.push_str(&format!(":{password}@")),
                Some(_) => out.push_str(":***@"),
            }
        }
        let (path, query) = place.split_at(place.find('?').unwrap_or(place.len()));
        out.push_str(path);
        for (i, pair) in query.split('&').enumerate() {
            out.push_str(if i == 0 { "" } else { "&" });
            match pair.split_once('=') {
                Some((name, value))
                    if is_credential(name.trim_start_matches('?'), value)
                        && !value.starts_with(['$', '{']) =>
                {
                    out.push_str(&format!("{name}={HIDDEN}"));
                }
                _ => out.push_str(pair),
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether `host` is a host, or one with a port.
fn is_port(host: &str) -> bool {
    host.split_once(':')
        .is_none_or(|(_, port)| port.starts_with("${") || port.chars().all(|c| c.is_ascii_digit()))
}

/// A line of a job file, with `***` for the headers in it that are credentials.
fn hide_in_headers(line: &str) -> String {
    let within = line.contains("headers");
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        let name = before[..at].trim_end().trim_end_matches(['"', '\'']);
        let name = &name
            [name.rfind(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))).map_or(0, |at| at + 1)..];
        let secret = match plain(name).as_str() {
            "authorization" | "proxyauthorization" | "cookie" => true,
            _ => within && is_secret_header(name),
        };
        let value = after.trim_start();
        let Some(quote) = value.chars().next().filter(|c| secret && "\"'".contains(*c)) else { continue };
        let Some(end) = value[1..].find(quote) else { continue };
        if !value[1..=end].contains("${") {
            out.push_str(&format!("{}{quote}{HIDDEN}{quote}", &after[..after.len() - value.len()]));
            rest = &value[end + 2..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_columns_are_told_apart() {
        let (pieces, names) = Template::cut("http://${HOST}/u/{id}/x$${id}?t=${T}{k}&p=$5").unwrap();
        assert_eq!(names, ["id", "k"]);
        let texts: Vec<String> = pieces.iter().map(Template::text).collect();
        assert_eq!(texts, ["http://${HOST}/u/", "/x${id}?t=${T}", "&p=$5"]);
        assert_eq!(pieces.iter().flat_map(Template::variables).collect::<Vec<_>>(), ["HOST", "T"]);
        for wrong in ["a{", "a}", "a{}", "a{b{c}", "${A", "$${A"] {
            assert_eq!(Template::cut(wrong), Err(TextFault::Braces), "{wrong}");
        }
        assert_eq!(Template::cut("${A-B}"), Err(TextFault::Name("A-B".into())));
        assert_eq!(Template::parse("${}"), Err(TextFault::Name(String::new())));
        assert_eq!(Template::parse("${1A}"), Err(TextFault::Name("1A".into())));
        assert_eq!(Template::parse("a $${B} {c}").unwrap().expand(), Ok("a ${B} {c}".into()));
        assert_eq!(
            Template::parse("a ${HIGHWATER_NOT_SET}").unwrap().expand(),
            Err("HIGHWATER_NOT_SET".into())
        );
    }

    #[test]
    fn what_is_recorded_of_a_url_has_no_secret_and_keeps_the_columns() {
        let shown = |url: &str| shown_pieces(&Template::cut(url).unwrap().0).join("{}");
        assert_eq!(shown("http://u:pw@h:1/a/{id}?token=abc&x={y}"), "http://h:1/a/{}?token=***&x={}");
        assert_eq!(shown("http://${U}:${P}@h/{id}?r=${R}&x=1#f"), "http://h/{}?r=***&x=1#f");
        assert_eq!(shown("http://h/${V}/{id}@x?token={t}"), "http://h/${V}/{}@x?token={}");
        assert_eq!(shown("http://h/{id}?sig=a{t}b"), "http://h/{}?sig=***{}***");
        assert_eq!(shown("http://h/{id}?key=country&tokens=3"), "http://h/{}?key=country&tokens=3");
        assert_eq!(shown("http://h/{id}?key=AIzaSyA1234567890abcdef"), "http://h/{}?key=***");
    }

    #[test]
    fn values_are_found_again_in_a_url_of_a_template() {
        let values = |url: &str, text: &str| {
            Template::values(&Template::cut(url).unwrap().0, text).map(|v| v.join(","))
        };
        assert_eq!(values("http://u:pw@h/{a}/b/{c}", "http://u:pw@h/1%20/b/x.y"), Some("1%20,x.y".into()));
        assert_eq!(values("http://${U}:${P}@h/{a}?t=${T}", "http://u:pw@h/1?t=tok"), Some("1".into()));
        assert_eq!(values("http://h/{a}-{b}", "http://h/1-2-3"), Some("1-2,3".into()));
        assert_eq!(values("http://h/{a}", "http://h/1/2"), None);
        assert_eq!(values("http://u:pw@h/{a}", "http://h/1"), None);
    }

    #[test]
    fn secrets_of_urls_are_not_shown() {
        let shown = |text: &str| without_secrets(text).into_owned();
        assert_eq!(shown("postgres://me:s3:cr@et@h/d, x"), "postgres://me:***@h/d, x");
        assert_eq!(shown("a postgres://me@h:5432/d b"), "a postgres://me@h:5432/d b");
        assert_eq!(shown("\"postgres://h/d?password=x&y=1\" @:"), "\"postgres://h/d?password=***&y=1\" @:");
        assert_eq!(shown("http://h:80/{id}?t=12:30"), "http://h:80/{id}?t=12:30");
        assert_eq!(shown("http://u:p@h/{id}?token=abc&x=1"), "http://u:***@h/{id}?token=***&x=1");
        assert_eq!(shown("http://h/a@b?token={t}"), "http://h/a@b?token={t}");
        assert_eq!(shown("http://u:p@ss@h/a@b"), "http://u:***@h/a@b");
        assert_eq!(shown("http://u:p/w@h/x"), "http://u:***@h/x");
        assert_eq!(shown("http://u:${P}@h/?token=${T}"), "http://u:${P}@h/?token=${T}");
    }

    #[test]
    fn secrets_of_headers_are_not_shown() {
        let shown = |text: &str| without_secrets(text).into_owned();
        assert_eq!(
            shown("headers = { Authorization = \"Bearer abc\", \"X-Api-Key\" = 'k', Accept = \"a=b\" } # x"),
            "headers = { Authorization = \"***\", \"X-Api-Key\" = '***', Accept = \"a=b\" } # x"
        );
        assert_eq!(shown("headers.X-Token = \"a\"\nb = \"c\""), "headers.X-Token = \"***\"\nb = \"c\"");
        assert_eq!(
            shown("[step.headers]\nAuthorization = \"x\"\n"),
            "[step.headers]\nAuthorization = \"***\"\n"
        );
        assert_eq!(
            shown("headers = { Authorization = \"Bearer ${T}\" }"),
            "headers = { Authorization = \"Bearer ${T}\" }"
        );
        assert_eq!(shown("derive = { token = \"upper(x)\" }"), "derive = { token = \"upper(x)\" }");
    }
}
