//! `emit`: which windows of a streamed output are rows.

use super::planner::Planner;
use crate::error::Error;
use crate::job::spec::{OutputSpec, WindowKind, is_true};
use crate::plan::Mode;

impl Planner<'_> {
    /// Whether only closed windows are rows; `None` after a fault. `live` says whether the output is streamed now.
    pub(super) fn emits_closed(&self, spec: &OutputSpec, live: bool) -> Option<bool> {
        let Some(word) = &spec.emit else { return Some(false) };
        match word.value.as_str() {
            "all" => return Some(false),
            "closed" => {}
            other => {
                let error = Error::job(format!("unknown value `{other}` of `emit`"));
                self.fault(error.hint("\"all\" or \"closed\""), &word.span);
                return None;
            }
        }
        let ends = spec.window.as_ref().is_some_and(|w| !matches!(w.kind, WindowKind::Global));
        // The command line may count every event of a job whose outputs are streamed: then nothing closes.
        let streamed = live || self.mode_override == Some(Mode::Complete);
        let wrong = if !ends {
            Some(("`emit` is for windows that have an end", "give the output a `window`"))
        } else if !streamed {
            Some((
                "`emit = \"closed\"` is for streamed windows",
                "add mode = \"streamed\": without it no watermark closes a window",
            ))
        } else if is_true(&spec.firings) {
            Some((
                "`emit = \"closed\"` does not go with `firings`",
                "a firing is a row whether or not its window is closed",
            ))
        } else if is_true(&spec.state) {
            Some((
                "`emit = \"closed\"` does not go with `state`",
                "such an output is not corrected, so it needs no state",
            ))
        } else {
            None
        };
        match wrong {
            Some((what, hint)) => {
                self.fault(Error::job(what).hint(hint), &word.span);
                None
            }
            None => Some(live),
        }
    }
}
