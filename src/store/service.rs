//! Requests to services that are not stores but answer in JSON, such as catalogs of tables: over the same client.

use super::wire;
use ureq::http;

/// No answer of a service is larger: a wrong address must not fill the memory.
const LARGEST: u64 = 1 << 30;

/// A request to a service.
#[derive(Debug)]
pub struct ServiceRequest<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a str,
    /// Headers, by name.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// What a service answered.
#[derive(Debug)]
pub struct ServiceReply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl ServiceReply {
    /// Whether the request was done.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the same request may do later.
    pub fn may_pass(&self) -> bool {
        wire::may_pass(self.status)
    }
}

/// Makes a request once.
///
/// # Errors
/// Why there was no answer, in words. The service may have done what was asked of it.
pub fn ask_service(request: ServiceRequest<'_>) -> Result<ServiceReply, String> {
    let ServiceRequest { method, url, headers, body } = request;
    let builder = http::Request::builder().method(method).uri(url);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    // What is wrong with an address or a header does not name them: a header may be a credential.
    let request = builder.body(body).map_err(|_| "the address or a header is not valid".to_string())?;
    let answer = wire::ask(request, LARGEST).map_err(|refusal| refusal.words)?;
    Ok(ServiceReply { status: answer.head.status.as_u16(), body: answer.body })
}

/// How long to wait before try number `tries` of a request is made again, with a note of why for the progress line; none
/// where it was tried often enough.
pub fn wait_before(tries: usize, why: &str) -> Option<std::time::Duration> {
    if tries >= wire::RETRIES {
        return None;
    }
    wire::note_retry(&wire::Refusal { words: why.to_string(), ..wire::Refusal::default() });
    Some((wire::FIRST_WAIT * (1 << tries)).min(wire::LONGEST_WAIT))
}
