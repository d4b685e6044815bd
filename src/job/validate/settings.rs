//! Settings of the job as a whole: its time zone and its memory.

use crate::error::Error;
use crate::job::lengths::parse_bytes;
use crate::job::spec::JobSpec;
use crate::time::Zone;

/// The time zone of a job; `None` after a fault.
pub(super) fn zone(spec: &JobSpec) -> Option<Zone> {
    let Some(name) = &spec.timezone else { return Some(Zone::utc()) };
    let zone = Zone::named(&name.value);
    if zone.is_none() {
        let error = Error::job(format!("unknown time zone `{}`", name.value));
        let near = crate::error::nearest(&name.value, Zone::names());
        let error = match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("give an IANA name such as Europe/London or Asia/Jakarta"),
        };
        spec.document.fault(error, &name.span);
    }
    zone
}

/// The memory that a job gives to partial results; `None` also after a fault.
pub(super) fn memory(spec: &JobSpec) -> Option<u64> {
    let memory = spec.memory.as_ref()?;
    let bytes = parse_bytes(&memory.value);
    if bytes.is_none() {
        let error = Error::job(format!("`memory` cannot be read: `{}`", memory.value));
        spec.document.fault(error.hint("such as \"512MB\" or \"4GB\""), &memory.span);
    }
    bytes
}
