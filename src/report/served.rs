//! Pages that a server gives: those of a report, with a script that asks for the next state, and the list of jobs.

use super::page::{self, PARTS, PageParts, SCRIPTS};
use serde_json::Value;

const STYLE: &str = include_str!("page/served.css");
const LIVE: &str = include_str!("page/live.js");
const LIST: &str = include_str!("page/list.js");

/// A page, and the policy that its answer has to name.
#[derive(Debug, Clone)]
pub struct Served {
    /// The page.
    pub html: String,
    /// Which scripts run, and that these may ask the server.
    pub policy: String,
}

/// The page of one job: `data` as a report has them, with `live` beside them: the state that is shown, and where to ask
/// for the next. `more` is HTML that the script puts between the sections.
pub fn job_page(title: &str, data: &Value, more: &str) -> Served {
    // After the page is drawn: the script finds its sections in the document.
    let scripts: Vec<&str> = SCRIPTS.into_iter().chain([LIVE]).collect();
    let make = PageParts { scripts: &scripts, vendor: true, style: STYLE, more, asks: true };
    served(page::fill(title, data, &make))
}

/// The page of all jobs.
pub fn list_page(title: &str, data: &Value) -> Served {
    let scripts: Vec<&str> = PARTS.into_iter().chain([LIST]).collect();
    served(page::fill(
        title,
        data,
        &PageParts { scripts: &scripts, vendor: false, style: STYLE, more: "", asks: true },
    ))
}

fn served((html, policy): (String, String)) -> Served {
    Served { html, policy }
}
