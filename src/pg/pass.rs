//! The pgpass file: `host:port:database:user:password` a line, as libpq reads it.
//!
//! # Contract
//! The first line that fits counts; `*` fits everything; `\` before `:` and `\` takes their meaning away; a line that
//! begins with `#` says nothing. A file that others than its owner may open is not read, nor is one that is no plain
//! file: that is told by [`PgpassAnswer::Refused`], for the error when the login fails.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a pgpass file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PgpassAnswer {
    /// This password.
    Password(String),
    /// Nothing: there is no such file, or no line of it fits.
    Nothing,
    /// It is not read, for this reason.
    Refused(String),
}

/// Who wants to log in, and where.
pub(super) struct Login<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The file: that of `PGPASSFILE`, else `~/.pgpass`.
pub(super) fn file(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    env("PGPASSFILE").map(PathBuf::from).or_else(|| Some(Path::new(&env("HOME")?).join(".pgpass")))
}

/// Looks for the password of `login` in the file at `path`.
pub(super) fn find(path: &Path, login: &Login) -> PgpassAnswer {
    let Ok(about) = path.metadata() else { return PgpassAnswer::Nothing };
    // To open a pipe would wait for its writer.
    if !about.is_file() {
        return PgpassAnswer::Refused(format!(
            "the password file {} is not a regular file, so it is not read",
            path.display()
        ));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if about.permissions().mode() & 0o077 != 0 {
            let path = path.display();
            return PgpassAnswer::Refused(format!(
                "other users can read the password file {path}, so it is not read: chmod 600 {path}"
            ));
        }
    }
    let mut bytes = vec![];
    if let Err(cause) = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        return PgpassAnswer::Refused(format!(
            "the password file {} cannot be read: {cause}",
            path.display()
        ));
    }
    // A password that is no UTF-8 cannot be the one; another line may.
    let lines = bytes.split(|&b| b == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    lines
        // A file from Windows ends its lines with CR LF, and libpq takes it.
        .filter_map(|line| password(line.trim_end_matches('\r'), login))
        .next()
        .map_or(PgpassAnswer::Nothing, PgpassAnswer::Password)
}

/// The password of a line, if it fits.
fn password(line: &str, login: &Login) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let port = login.port.to_string();
    let mut rest = line;
    for wanted in [login.host, &port, login.database, login.user] {
        let (field, after) = field(rest);
        rest = after?;
        // Only a `*` without a backslash fits everything.
        if field.raw != "*" && field.text != wanted {
            return None;
        }
    }
    // Up to the next colon that is none of the password's.
    let password = field(rest).0.text;
    (!password.is_empty()).then_some(password)
}

struct FieldText<'a> {
    raw: &'a str,
    text: String,
}

/// The field that `line` begins with, and what follows its colon, if it has one.
fn field(line: &str) -> (FieldText<'_>, Option<&str>) {
    let (mut text, mut chars) = (String::new(), line.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            ':' => return (FieldText { raw: &line[..at], text }, Some(&line[at + 1..])),
            '\\' => text.extend(chars.next().map(|(_, char)| char)),
            other => text.push(other),
        }
    }
    (FieldText { raw: line, text }, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn look(content: &str, mode: u32, database: &str) -> PgpassAnswer {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        find(&path, &Login { host: "db.internal", port: 5432, database, user: "me" })
    }

    fn found(password: &str) -> PgpassAnswer {
        PgpassAnswer::Password(password.to_string())
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let lines = "# db.internal:5432:sales:me:commented\nother:5432:*:me:no\n\
                     db.internal:5433:sales:me:port\ndb.internal:*:sales:me:first\r\n*:*:*:*:second\n";
        assert_eq!(look(lines, 0o600, "sales"), found("first"));
        assert_eq!(look(lines, 0o400, "stock"), found("second"));
        assert_eq!(look("db.internal:5432:sales:you:x\n", 0o600, "sales"), PgpassAnswer::Nothing);
        assert_eq!(look("db.internal:5432:sales:me:", 0o600, "sales"), PgpassAnswer::Nothing);
        assert_eq!(look("db.internal:5432:sales", 0o600, "sales"), PgpassAnswer::Nothing);
    }

    #[test]
    fn colons_and_backslashes_are_written_with_a_backslash() {
        assert_eq!(look(r"*:*:*:me:a\:b\\c:rest", 0o600, "sales"), found(r"a:b\c"));
        assert_eq!(look(r"*:*:x\:y:me:right", 0o600, "x:y"), found("right"));
        // An escaped star is a star.
        assert_eq!(look(r"*:*:\*:me:wrong", 0o600, "sales"), PgpassAnswer::Nothing);
        assert_eq!(look(r"*:*:\*:me:right", 0o600, "*"), found("right"));
    }

    #[test]
    fn a_file_that_others_may_open_is_not_read() {
        for mode in [0o640, 0o604, 0o620, 0o601] {
            let PgpassAnswer::Refused(why) = look("*:*:*:*:secret", mode, "sales") else {
                panic!("{mode:o} is read")
            };
            assert!(why.contains("chmod 600") && !why.contains("secret"), "{why}");
        }
        let folder = tempfile::tempdir().unwrap();
        let login = Login { host: "h", port: 1, database: "d", user: "u" };
        assert!(matches!(find(folder.path(), &login), PgpassAnswer::Refused(_)));
        assert_eq!(find(&folder.path().join("none"), &login), PgpassAnswer::Nothing);
    }
}
