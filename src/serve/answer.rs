//! Requests to answers: the addresses of the server, and the headers that every answer has.
//!
//! | address | answer |
//! | --- | --- |
//! | `/` | the page of all jobs |
//! | `/jobs` | the same as JSON; with `?have=STATE` 204 where that is the state still |
//! | `/job/NUMBER` | the page of a job |
//! | `/job/NUMBER/state` | its state as JSON |

use super::guard::{Admission, Guard};
use super::request::PageRequest;
use super::site::Site;
use crate::report::Served;
use serde_json::Value;
use std::fmt::Write;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    kind: &'static str,
    policy: String,
    /// A header of this answer alone.
    more: Option<(&'static str, String)>,
    body: String,
}

/// The policy of what has no scripts.
const NOTHING: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

impl Answer {
    fn new(status: u16, kind: &'static str, body: String) -> Answer {
        Answer { status, kind, policy: NOTHING.into(), more: None, body }
    }

    fn page(status: u16, page: &Served) -> Answer {
        let Served { html, policy } = page;
        Answer { policy: policy.clone(), ..Answer::new(status, "text/html; charset=utf-8", html.clone()) }
    }

    fn json(value: &Value) -> Answer {
        Answer::new(200, "application/json", value.to_string())
    }

    fn words(status: u16, words: &str) -> Answer {
        Answer::new(status, "text/plain; charset=utf-8", format!("{words}\n"))
    }

    /// As it is sent; without the body for HEAD.
    pub fn bytes(&self, head: bool) -> Vec<u8> {
        let Answer { status, kind, policy, more, body } = self;
        let mut out = String::with_capacity(body.len() + 1024);
        // Writing to a text cannot fail.
        let _ = write!(out, "HTTP/1.1 {status} {}\r\n", reason(*status));
        if *status != 204 {
            let _ = write!(out, "Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        }
        // Nothing may show these pages in a frame, guess a type, keep a copy, or send the address on.
        let _ = write!(
            out,
            "Content-Security-Policy: {policy}; frame-ancestors 'none'\r\n\
             X-Content-Type-Options: nosniff\r\n\
             X-Frame-Options: DENY\r\n\
             Cross-Origin-Opener-Policy: same-origin\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\n\
             Referrer-Policy: no-referrer\r\n\
             Cache-Control: no-store\r\n\
             Connection: close\r\n"
        );
        if let Some((name, value)) = more {
            let _ = write!(out, "{name}: {value}\r\n");
        }
        out.push_str("\r\n");
        if !head && *status != 204 {
            out.push_str(body);
        }
        out.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    }
}

/// The answer to a request.
pub fn answer(request: &PageRequest, guard: &Guard, site: &Site) -> Answer {
    let head = match request {
        PageRequest::Whole(head) => head,
        PageRequest::Wrong(why, status) => return Answer::words(*status, why),
    };
    let (path, query) = match head.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (head.target.as_str(), None),
    };
    match guard.pass(head, query) {
        Admission::Yes => {}
        Admission::No(status, why) => {
            let more = (status == 405).then(|| ("Allow", "GET, HEAD".to_string()));
            return Answer { more, ..Answer::words(status, why) };
        }
        Admission::Keep(cookie) => {
            let more = Some(("Set-Cookie", cookie));
            return Answer { more, ..Answer::new(200, "text/html; charset=utf-8", SIGNED_IN.into()) };
        }
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts[..] {
        [""] if path.starts_with('/') => Answer::page(200, &site.list_page()),
        // Browsers ask for it, and write an error to the console where it is not there.
        ["favicon.ico"] => Answer::words(204, ""),
        ["jobs"] => {
            let have = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("have=")));
            let (state, jobs) = site.list();
            if have == Some(state.as_str()) { Answer::words(204, "") } else { Answer::json(&jobs) }
        }
        ["job", id] => match site.job_page(id) {
            Some(page) => Answer::page(200, &page),
            None => Answer::page(404, &site.gone()),
        },
        ["job", id, "state"] => match site.job_state(id) {
            Some(state) => Answer::json(&state),
            None => Answer::words(404, "there is no such job"),
        },
        _ => Answer::words(404, "there is no such page"),
    }
}

/// A redirect would not do: a browser that came by a link of another site does not send a strict cookie on it. A page
/// that leads on is of this site.
const SIGNED_IN: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta http-equiv=\"refresh\" content=\"0; url=/\"><title>Highwater</title></head>\
    <body><p><a href=\"/\">Go to the jobs</a></p></body></html>\n";
