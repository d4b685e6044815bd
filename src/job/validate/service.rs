//! Lookups by HTTP: the URL and its columns, what is taken of an answer, and how the service is asked.

use super::enrich::NewColumn;
use super::faults::unknown_column;
use super::found;
use super::planner::Planner;
use crate::batch::{ColumnId, DataType};
use crate::error::Error;
use crate::job::document::At;
use crate::job::keys::key::{Described, ValueType};
use crate::job::keys::step as keys;
use crate::job::lengths::length;
use crate::job::spec::{NamedTexts, ServiceSpec};
use crate::lookup::{OnFailure, Secrets, ServicePlan, header_fault};
use crate::plan::Try;
use crate::secret::{Template, TextFault, shown_pieces};
use std::time::Duration;

impl Planner<'_> {
    /// The types of the columns that the step of a service takes: as declared, or string.
    pub(super) fn service_types(&self, spec: &ServiceSpec, take: &NamedTexts) -> Vec<Option<DataType>> {
        let names = || take.iter().map(|(name, _)| name.value.as_str());
        for (name, _) in spec.types.iter().filter(|(name, _)| !names().any(|known| known == name.value)) {
            let error = Error::job(format!("the lookup takes no column `{}`", name.value));
            self.fault(error.nearest_or("it takes", &name.value, names()), &name.span);
        }
        let declared = found::declared_types(&self.spec.document, &spec.types);
        let ty = |name: &str| match spec.types.iter().any(|(declared, _)| declared.value == name) {
            true => declared.get(name).copied(),
            false => Some(DataType::String),
        };
        names().map(ty).collect()
    }

    /// A try of a service: an equal one, or this new one.
    pub(super) fn service(
        &mut self,
        spec: &ServiceSpec,
        columns: &[NewColumn],
        pointers: &[At<String>],
    ) -> Option<Try> {
        let url = self.url(&spec.url);
        let headers = self.headers(&spec.headers);
        let right = pointers.iter().filter(|pointer| !self.is_pointer(pointer)).count() == 0;
        let in_flight = self.number(keys::IN_FLIGHT.about, spec.in_flight.as_ref());
        let retries = self.number(keys::RETRIES.about, spec.retries.as_ref());
        let timeout = self.timeout(spec.timeout.as_ref());
        let backoff = match &spec.backoff {
            Some(text) => length(&self.spec.document, text),
            // In microseconds: a tenth of a second.
            None => Some(100_000),
        };
        let on_failure = self.on_failure(spec.on_failure.as_ref());
        let types: Option<Vec<DataType>> = columns.iter().map(|column| column.ty).collect();
        let (pieces, columns) = url?;
        let micros = |us: i64| Duration::from_micros(us.unsigned_abs());
        let plan = ServicePlan {
            url: shown_pieces(&pieces),
            secrets: Secrets { url: pieces, headers: headers? },
            columns,
            pointers: pointers.iter().map(|pointer| pointer.value.clone()).collect(),
            types: types?,
            in_flight: in_flight?,
            timeout: micros(timeout?),
            // At most `MOST_RETRIES`, so the cast is exact.
            retries: retries? as u32,
            backoff: micros(backoff?),
            on_failure: on_failure?,
        };
        if !right {
            return None;
        }
        // A record that is rejected after it was read is told by its position.
        self.positions |= plan.on_failure == OnFailure::Reject;
        // One that is shown as this one is has its answers: with another login they are not the same.
        let other = |known: &ServicePlan| known.url == plan.url && known.secrets != plan.secrets;
        if self.services.iter().any(other) {
            let error = Error::job("two lookups request the same URL with different credentials or headers");
            let hint = "answers are recorded by URL, without its secrets, so their answers would be mixed up";
            self.fault(error.hint(hint), &spec.url.span);
            return None;
        }
        let index = self.services.iter().position(|known| *known == plan).unwrap_or_else(|| {
            self.services.push(plan);
            self.services.len() - 1
        });
        Some(Try::Service(index))
    }

    /// The pieces of a URL, and the columns between them.
    fn url(&mut self, url: &At<String>) -> Option<(Vec<Template>, Vec<ColumnId>)> {
        let text = url.value.as_str();
        let after = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let host = after.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let example = "such as http://host/users/{userId}";
        let wrong = if after.is_none() {
            Some(Error::job(format!(
                "`{text}` is not the URL of a service: it must begin with http:// or https://"
            )))
        } else if host.is_empty() {
            Some(Error::job(format!("`{text}` does not name a host")).hint(example))
        } else if host.replace("${", "").contains('{') {
            Some(Error::job("the host of a service must be the same for all events").hint(example))
        } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            Some(Error::job(format!("`{text}` has a space in it")).hint("write %20 for a space"))
        } else {
            // It is not shown: what is before an `@` that comes later may be a password.
            let error = |_| Error::job("the port of a service is a number from 1 to 65535").hint(example);
            wrong_port(host).map(error)
        };
        if let Some(error) = wrong {
            self.fault(error, &url.span);
            return None;
        }
        let (pieces, names) = match Template::cut(text) {
            Ok(cut) => cut,
            Err(fault) => {
                self.template_fault(fault, url);
                return None;
            }
        };
        if names.is_empty() {
            let error = Error::job("every event would send the same request to this service");
            self.fault(error.hint(format!("put columns in braces, {example}")), &url.span);
            return None;
        }
        let mut columns = vec![];
        for name in &names {
            match self.rows.schema.id_of(name) {
                Some(column) => columns.push(column),
                None => self.rows.fault(unknown_column(name, self.rows.schema.names()), &url.span),
            }
        }
        self.rows.read(columns.iter().copied());
        (columns.len() == names.len()).then_some((pieces, columns))
    }

    /// The headers that the service is asked with.
    fn headers(&self, headers: &NamedTexts) -> Option<Vec<(String, Template)>> {
        let mut right = true;
        let mut read: Vec<(String, Template)> = vec![];
        for (name, value) in headers {
            let template = match Template::parse(&value.value) {
                Ok(template) => template,
                Err(fault) => {
                    self.template_fault(fault, value);
                    right = false;
                    continue;
                }
            };
            // Names of headers are the same in upper and lower case (RFC 9110).
            let twice = read.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name.value));
            let twice = twice.then(|| Error::job(format!("the header `{}` is given twice", name.value)));
            if let Some(error) = twice.or_else(|| header_fault(&name.value, &template)) {
                self.fault(error, &name.span);
                right = false;
            }
            read.push((name.value.clone(), template));
        }
        right.then_some(read)
    }

    fn template_fault(&self, fault: TextFault, text: &At<String>) {
        let error = match fault {
            TextFault::Braces => Error::job(format!("the braces of `{}` do not match", text.value))
                .hint("put each column in its own braces; write %7B and %7D for the characters"),
            TextFault::Name(name) => {
                Error::job(format!("`${{{name}}}` does not name an environment variable"))
                    .hint("use letters, digits and _, such as ${TOKEN}; write $${ for the characters")
            }
        };
        self.fault(error, &text.span);
    }

    fn is_pointer(&self, pointer: &At<String>) -> bool {
        let text = &pointer.value;
        let error = if !text.is_empty() && !text.starts_with('/') {
            let error = Error::job(format!("`{text}` is not a JSON pointer"));
            error.hint(format!("it must start with a slash: \"{}\"", pointer_of(text)))
        } else if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
            Error::job(format!("`{text}` is not a JSON pointer")).hint("write `~0` for ~, and `~1` for /")
        } else {
            return true;
        };
        self.fault(error, &pointer.span);
        false
    }

    /// The number of a key, or its default; `None` after a fault.
    fn number(&self, key: Described, number: Option<&At<usize>>) -> Option<usize> {
        let Some(number) = number else { return key.default.parse().ok() };
        match key.ty {
            ValueType::Whole(_, most) if number.value > most => {
                let most = crate::input::value::grouped(most as u64);
                self.fault(Error::job(format!("`{}` is at most {most}", key.name)), &number.span);
                None
            }
            _ => Some(number.value),
        }
    }

    fn timeout(&self, text: Option<&At<String>>) -> Option<i64> {
        // In microseconds: ten seconds.
        let Some(text) = text else { return Some(10_000_000) };
        let timeout = length(&self.spec.document, text)?;
        if timeout == 0 {
            let error = Error::job("`timeout` must be longer than 0");
            self.fault(error.hint("such as timeout = \"10s\""), &text.span);
            return None;
        }
        Some(timeout)
    }

    fn on_failure(&self, word: Option<&At<String>>) -> Option<OnFailure> {
        let Some(word) = word else { return Some(OnFailure::Fail) };
        match word.value.as_str() {
            "fail" => Some(OnFailure::Fail),
            "null" => Some(OnFailure::Null),
            "reject" => Some(OnFailure::Reject),
            other => {
                let error = Error::job(format!("unknown on_failure `{other}`"))
                    .nearest(other, keys::ON_FAILURE.about.words.iter().copied());
                self.fault(error.hint("it is \"fail\", \"null\" or \"reject\""), &word.span);
                None
            }
        }
    }
}

/// The port of `host`, if it has one that is none. What comes from the environment is not known here.
fn wrong_port(host: &str) -> Option<&str> {
    // What stands before the last `@` is a login.
    let place = host.rsplit('@').next().unwrap_or(host);
    // An IPv6 address stands in brackets, with colons of its own.
    let after = place.rsplit_once(']').map_or(place, |(_, after)| after);
    let (_, port) = after.rsplit_once(':')?;
    let is_right = port.contains('$') || port.parse::<u16>().is_ok_and(|port| port > 0);
    (!is_right).then_some(port)
}

/// The JSON pointer to a column: dots are steps into nested objects.
pub(super) fn pointer_of(column: &str) -> String {
    // RFC 6901: `~` comes first, or the `~` of a new `~1` would be escaped again.
    format!("/{}", column.replace('~', "~0").replace('/', "~1").replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::wrong_port;

    #[test]
    fn a_port_is_a_number_from_1_to_65535() {
        for host in [
            "h",
            "h:80",
            "h:65535",
            "[::1]",
            "[::1]:8080",
            "me:secret@h:80",
            "me:se:cret@h",
            "${HOST}:${PORT}",
        ] {
            assert_eq!(wrong_port(host), None, "{host}");
        }
        for (host, port) in
            [("h:99999", "99999"), ("h:0", "0"), ("h:", ""), ("[::1]:x", "x"), ("a:b@h:65536", "65536")]
        {
            assert_eq!(wrong_port(host), Some(port), "{host}");
        }
    }
}
