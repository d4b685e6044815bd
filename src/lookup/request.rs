//! What a service is asked, with the secrets of the environment in it.

use super::ServicePlan;
use super::service_plan::Secrets;
use crate::error::{Error, Result};
use crate::secret::{HIDDEN, Template};
use ureq::http::{HeaderMap, HeaderName, HeaderValue};

/// What is wrong with a header of a job; with a variable only its name is looked at.
pub fn header_fault(name: &str, value: &Template) -> Option<Error> {
    const OWN: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "accept-encoding"];
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        let error = Error::job(format!("`{name}` is not the name of a header"));
        return Some(error.hint("letters, digits and -, such as Authorization"));
    }
    if OWN.contains(&name.to_ascii_lowercase().as_str()) {
        return Some(Error::job(format!("the header `{name}` is set by the request itself")));
    }
    // A line end in a value would begin another header.
    let line_end = value.text().contains(|c: char| c.is_control());
    line_end.then(|| {
        Error::job(format!("the value of the header `{name}` has a line end or a control character"))
    })
}

/// A request for any row.
pub(super) struct HttpRequest {
    /// The URL around the values of columns; empty where the shown one is asked.
    pieces: Vec<String>,
    pub headers: HeaderMap,
    /// Values of variables.
    secrets: Vec<String>,
}

impl HttpRequest {
    /// Reads the environment.
    ///
    /// # Errors
    /// A job error: a variable is not set, or its value cannot stand where it is used. Without the value.
    pub fn of(plan: &ServicePlan) -> Result<HttpRequest> {
        let Secrets { url, headers } = &plan.secrets;
        let service = || plan.url.join("…");
        let expand = |template: &Template| {
            template.expand().map_err(|name| {
                Error::job(format!("the variable {name} is not set, but requests to {} need it", service()))
                    .hint(format!("set it in the environment: export {name}=…"))
            })
        };
        let wrong = |template: &Template, what: &str| {
            let names: Vec<&str> = template.variables().collect();
            Error::job(format!("the value of {} cannot be used in {what}", names.join(" and ")))
                .hint("it must not have spaces, line ends or other characters that need an encoding")
        };
        let piece = |template: &Template| {
            let text = expand(template)?;
            // A secret goes into the URL as it is: a space or a line end in it would make another request.
            let right = !text.contains(|c: char| c.is_whitespace() || c.is_control());
            if right { Ok(text) } else { Err(wrong(template, "a URL")) }
        };
        let mut map = HeaderMap::new();
        for (name, template) in headers {
            let failed = |_| wrong(template, "a header");
            let mut value = HeaderValue::from_str(&expand(template)?).map_err(failed)?;
            // A sensitive value does not show in debug prints of the headers.
            value.set_sensitive(true);
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|e| Error::job("a header").caused_by(e))?;
            map.insert(name, value);
        }
        let secrets = plan.secrets.variables().into_iter().filter_map(crate::secret::value_of);
        let pieces = url.iter().map(piece).collect::<Result<Vec<String>>>()?;
        Ok(HttpRequest { pieces, headers: map, secrets: secrets.collect() })
    }

    /// The URL to ask, of the shown one and the values of its columns.
    pub fn url(&self, shown: &str, values: Option<&str>) -> String {
        let Some(values) = values.filter(|_| !self.pieces.is_empty()) else { return shown.to_string() };
        let values = values.split('\n').chain([""]);
        self.pieces.iter().zip(values).flat_map(|(piece, value)| [piece.as_str(), value]).collect()
    }

    /// `text` without the values of variables: what a service says may repeat them.
    pub fn without_secrets(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| text.replace(secret, HIDDEN))
    }
}
