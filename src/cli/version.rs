//! What `highwater --version` prints beside the version: the commit and the features of the build.

/// Where a binary comes from; `main` knows it, so that a new commit does not build the library again.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// The commit and its date, as the script that makes packages states them
    pub stated: Option<&'static str>,
    /// The start of the commit's hash, of a build in a clone or from crates.io
    pub commit: Option<[u8; 10]>,
}

impl Build {
    /// The version as `--version` prints it, without the name of the program.
    pub(super) fn version(&self) -> String {
        self.with_features(env!("HIGHWATER_FEATURES"))
    }

    fn with_features(&self, features: &str) -> String {
        let hash = || Some(std::str::from_utf8(self.commit.as_ref()?).ok()?.to_string());
        let commit = self.stated.filter(|text| !text.is_empty()).map(str::to_string).or_else(hash);
        format!(
            "{} ({}; features: {})",
            env!("CARGO_PKG_VERSION"),
            commit.as_deref().unwrap_or("commit unknown"),
            if features.is_empty() { "none" } else { features }
        )
    }
}

/// The start of the newest hash in git's log of HEAD, whose lines are `OLD NEW NAME <MAIL> TIME ZONE\tWHAT`.
///
/// It is a `const fn` so that the hash alone is in the binary, and not the log with its names.
pub const fn newest(log: &str) -> Option<[u8; 10]> {
    let bytes = log.as_bytes();
    let mut end = bytes.len();
    while end > 0 && bytes[end - 1] == b'\n' {
        end -= 1;
    }
    let mut at = end;
    while at > 0 && bytes[at - 1] != b'\n' {
        at -= 1;
    }
    while at < end && bytes[at] != b' ' {
        at += 1;
    }
    at += 1;
    let mut hash = [0; 10];
    let mut taken = 0;
    while taken < 10 {
        if at + taken >= end || !bytes[at + taken].is_ascii_hexdigit() {
            return None;
        }
        hash[taken] = bytes[at + taken];
        taken += 1;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_commit_is_the_second_hash_of_the_last_line() {
        let log = "0000000000000000 1111111111111111 Å B <a@b> 1790000000 +0200\tcommit (initial): one\n\
                   1111111111111111 2222222222abcdef Å B <a@b> 1790000001 +0200\tcommit: 3333333333 4444444444\n";
        assert_eq!(newest(log), Some(*b"2222222222"));
        assert_eq!(newest(log.trim_end()), Some(*b"2222222222"));
        for broken in ["", "\n", "0000", "0000 ", "0000 22222", "0000 not a hash at all"] {
            assert_eq!(newest(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn the_version_says_what_is_not_known() {
        let version = |stated, commit, features| {
            let text = Build { stated, commit }.with_features(features);
            text.replace(env!("CARGO_PKG_VERSION"), "0")
        };
        let hash = Some(*b"2222222222");
        assert_eq!(version(None, hash, "referee"), "0 (2222222222; features: referee)");
        assert_eq!(
            version(Some("3333333333, 2026-11-30"), hash, "a, b"),
            "0 (3333333333, 2026-11-30; features: a, b)"
        );
        assert_eq!(version(Some(""), hash, ""), "0 (2222222222; features: none)");
        assert_eq!(version(None, None, ""), "0 (commit unknown; features: none)");
    }
}
