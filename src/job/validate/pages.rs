//! Pages: which outputs they show.

use crate::error::Error;
use crate::job::destinations::goes_to;
use crate::job::spec::{JobSpec, OutputSpec, PageSpec};
use crate::plan::{OutputId, OutputTo, PagePlan, outputs_at};
use std::path::PathBuf;

/// The pages of a job; faults those that cannot be.
pub(super) fn planned(spec: &JobSpec) -> Vec<PagePlan> {
    let pages = spec.pages.iter().map(|page| PagePlan {
        path: PathBuf::from(&page.path.value),
        title: page.title.as_ref().map(|title| title.value.clone()),
        of: shown(spec, page),
    });
    pages.collect()
}

/// The outputs that a page shows, by number.
fn shown(spec: &JobSpec, page: &PageSpec) -> Vec<OutputId> {
    let on_terminal = |id: OutputId| goes_to(&spec.outputs[id.place()]) == Some(OutputTo::Terminal);
    if page.of.is_empty() {
        let all: Vec<OutputId> =
            (0..spec.outputs.len()).map(OutputId::new).filter(|&id| !on_terminal(id)).collect();
        if all.is_empty() {
            spec.document.fault(no_file(), &page.span);
        }
        return all;
    }
    let path = |output: &OutputSpec| output.path.as_ref().map_or(String::new(), |path| path.value.clone());
    let paths: Vec<String> = spec.outputs.iter().map(path).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut of = vec![];
    for name in &page.of {
        match outputs_at(&paths, &name.value) {
            Err(error) => spec.document.fault(error, &name.span),
            Ok(found) if found.iter().any(|&i| on_terminal(i)) => spec.document.fault(no_file(), &name.span),
            // Collected first, as `of` is searched while the new ones are found.
            Ok(found) => of.extend(found.into_iter().filter(|i| !of.contains(i)).collect::<Vec<_>>()),
        }
    }
    of
}

fn no_file() -> Error {
    Error::job("a page shows outputs that are files or folders, not tables on the terminal")
        .hint("give the output a path, or use `highwater report`, which shows all of them")
}
