//! Servers that go, passwords that are wrong, processes that die: the table and its mirror are then as they were, or
//! as they should be.

use crate::postgres_lab::{PgLab, server};
use crate::support::Lab;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

fn job(table: &str) -> String {
    format!(
        "[source]\npath = \"in/*.csv\"\ntime = \"at\"\ntypes = {{ seller = \"string\", usd = \"decimal(18,2)\" }}\n\
        [[output]]\npath = \"{table}\"\nmirror = \"out/t\"\nwindow = {{ tumbling = \"1m\" }}\nby = [\"seller\"]\n\
        select = {{ total = \"sum(usd)\" }}\n"
    )
}

const SALES: &str = "at,seller,usd\n2024-06-01T00:00:01Z,a,1.10\n2024-06-01T00:00:02Z,b,2.20\n";
const LATE: &str = "at,seller,usd\n2024-06-01T00:00:30Z,a,2.00\n2024-06-02T00:00:30Z,new,1.00\n";
const ALL: &str = "SELECT seller, total FROM t ORDER BY window_start, seller";

/// A lab whose table has the sales, and whose late file is not counted yet.
fn with_sales(url: &str, name: &str) -> PgLab {
    let pg = PgLab::on(url, name);
    pg.lab.write("in/a.csv", SALES);
    pg.lab.write("late.csv", LATE);
    pg.lab.write("job.toml", job(&pg.table("t")));
    pg.done(&["run", "job.toml"]);
    pg
}

/// Begins a backfill and leaves it where it writes to the table: the lock of the table is held until `act` is done.
fn while_it_writes(
    pg: &mut PgLab,
    act: impl FnOnce(&mut PgLab, &mut std::process::Child, &str),
) -> (i32, String) {
    let mut holder = postgres::Client::connect(&pg.url, postgres::NoTls).unwrap();
    holder.batch_execute(&format!("BEGIN; LOCK TABLE {}.t IN SHARE MODE", pg.schema)).unwrap();
    let mut child = pg.begin(&["backfill", "job.toml", "late.csv"]);
    let pid = pg.wait_for_lock();
    act(pg, &mut child, &pid);
    let _ = holder.batch_execute("ROLLBACK");
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_connection_that_is_cut_leaves_the_table_and_the_folder() {
    let Some(url) = server() else { return };
    let mut pg = with_sales(&url, "cut");
    let (before, files) = (pg.rows("SELECT xmin, * FROM t"), pg.lab.files("out"));
    let (code, words) = while_it_writes(&mut pg, |pg, _, pid| {
        assert_eq!(pg.rows(&format!("SELECT pg_terminate_backend({pid})")), ["t"]);
    });
    assert_eq!(code, 4, "{words}");
    assert!(
        words.contains("cannot write to the table") && words.contains("the table is unchanged"),
        "{words}"
    );
    assert_eq!((pg.rows("SELECT xmin, * FROM t"), pg.lab.files("out")), (before, files));
    pg.done(&["backfill", "job.toml", "late.csv"]);
    assert_eq!(pg.rows(ALL), ["a|3.10", "b|2.20", "new|1.00"]);
}

#[test]
fn a_process_that_is_killed_leaves_the_table_and_the_folder() {
    let Some(url) = server() else { return };
    let mut pg = with_sales(&url, "killed");
    let (before, data) = (pg.rows("SELECT xmin, * FROM t"), pg.lab.data("out"));
    while_it_writes(&mut pg, |_, child, _| {
        child.kill().unwrap();
        child.wait().unwrap();
    });
    assert_eq!((pg.rows("SELECT xmin, * FROM t"), pg.lab.data("out")), (before, data));
    pg.done(&["backfill", "job.toml", "late.csv"]);
    assert_eq!(pg.rows(ALL), ["a|3.10", "b|2.20", "new|1.00"]);
}

/// Where the commit of the folder cannot pass: the table has the rows by then.
fn cut_off_between(pg: &mut PgLab) -> PathBuf {
    let in_the_way = pg.lab.path("out/t/_highwater/journal.tmp");
    let (code, words) = while_it_writes(pg, |_, _, _| std::fs::create_dir(&in_the_way).unwrap());
    assert_eq!(code, 4, "{words}");
    assert!(words.contains("already has the new rows"), "{words}");
    assert_eq!(pg.rows(ALL), ["a|3.10", "b|2.20", "new|1.00"]);
    let _ = std::fs::remove_dir(&in_the_way);
    in_the_way
}

#[test]
fn what_was_cut_off_between_the_commits_is_brought_to_an_end_by_the_same_command() {
    let Some(url) = server() else { return };
    let mut pg = with_sales(&url, "between");
    cut_off_between(&mut pg);
    pg.done(&["backfill", "job.toml", "late.csv"]);
    assert_eq!(pg.rows(ALL), ["a|3.10", "b|2.20", "new|1.00"]);
    assert!(!pg.lab.path("out/t/_highwater/publishing").exists());
    let whole = Lab::new();
    whole.write("in/a.csv", SALES);
    whole.write("in/late.csv", LATE);
    whole.done(&job("out/t").replace("mirror = \"out/t\"\n", ""), &[]);
    assert_eq!(pg.lab.data("out"), whole.data("out"));
}

#[test]
fn what_was_cut_off_between_the_commits_is_taken_back_by_another_command() {
    let Some(url) = server() else { return };
    for command in [vec!["run", "job.toml"], vec!["backfill", "job.toml", "other.csv"]] {
        let mut pg = with_sales(&url, "another");
        pg.client
            .batch_execute("INSERT INTO t VALUES ('2024-06-03 00:00Z', '2024-06-03 00:01Z', 'theirs', 7)")
            .unwrap();
        let others = "DELETE FROM t WHERE seller = 'theirs'";
        let theirs = pg.rows("SELECT * FROM t WHERE seller = 'theirs'");
        pg.client.batch_execute(others).unwrap();
        cut_off_between(&mut pg);
        pg.client
            .batch_execute("INSERT INTO t VALUES ('2024-06-03 00:00Z', '2024-06-03 00:01Z', 'theirs', 7)")
            .unwrap();
        pg.lab.write("other.csv", "at,seller,usd\n2024-06-01T00:00:30Z,b,1.00\n");
        pg.done(&command);
        let expected = if command[0] == "run" { ["a|1.10", "b|2.20"] } else { ["a|1.10", "b|3.20"] };
        assert_eq!(pg.rows(ALL)[..2], expected);
        assert_eq!(pg.rows(ALL)[2..], ["theirs|7.00"]);
        assert_eq!(pg.rows("SELECT * FROM t WHERE seller = 'theirs'"), theirs);
    }
}

#[test]
fn killed_at_any_moment_and_run_again_it_is_as_if_nothing_had_been() {
    let Some(url) = server() else { return };
    for delay in [0, 10, 20, 30, 45, 60, 80] {
        let mut pg = with_sales(&url, "any");
        let mut child = pg.begin(&["backfill", "job.toml", "late.csv"]);
        std::thread::sleep(Duration::from_millis(delay));
        let _ = child.kill();
        child.wait().unwrap();
        let cut = pg.rows(ALL);
        assert!(cut == ["a|1.10", "b|2.20"] || cut == ["a|3.10", "b|2.20", "new|1.00"], "{cut:?}");
        pg.done(&["backfill", "job.toml", "late.csv"]);
        assert_eq!(pg.rows(ALL), ["a|3.10", "b|2.20", "new|1.00"], "after {delay} ms");
    }
}

/// A server of its own, which can be stopped.
struct Own {
    folder: tempfile::TempDir,
    url: String,
}

impl Own {
    fn start() -> Option<Own> {
        server()?;
        let folder = tempfile::tempdir().unwrap();
        // The user that the server runs as has to come through.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut own = Own { folder, url: String::new() };
        let Some(words) = own.script("start") else {
            println!("skipped: scripts/postgres.sh cannot start a server here");
            return None;
        };
        own.url = words.split('\'').nth(1).unwrap().to_string();
        Some(own)
    }

    fn script(&self, what: &str) -> Option<String> {
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres.sh");
        let home = self.folder.path().join("server");
        let output = Command::new(script).arg(what).env("HIGHWATER_POSTGRES_HOME", home).output().unwrap();
        assert!(output.status.success() || std::env::var_os("CI").is_none(), "{output:?}");
        let words = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(words)
    }

    fn root_certificate(&self) -> String {
        self.folder.path().join("server/root.crt").display().to_string()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.script("stop");
    }
}

#[test]
fn a_server_that_goes_down_and_one_that_is_not_there_change_nothing() {
    let Some(own) = Own::start() else { return };
    let mut pg = with_sales(&own.url, "down");
    let files = pg.lab.files("out");
    let (code, words) = while_it_writes(&mut pg, |_, _, _| _ = own.script("stop"));
    assert_eq!(code, 4, "{words}");
    assert!(words.contains("the table is unchanged"), "{words}");
    assert_eq!(pg.lab.files("out"), files);
    let answer = pg.highwater(&["run", "job.toml"]);
    assert_eq!(answer.code, 4);
    assert!(answer.err.contains("cannot connect to postgres://highwater@127.0.0.1"), "{}", answer.err);
    assert!(!answer.err.contains("highwater:highwater") && pg.lab.files("out") == files, "{}", answer.err);
    // What did not run leaves nothing at all.
    std::fs::remove_dir_all(pg.lab.path("out")).unwrap();
    assert_eq!(pg.highwater(&["run", "job.toml"]).code, 4);
    assert!(!pg.lab.path("out").exists());
}

#[test]
fn logins_and_certificates_are_looked_at_and_passwords_never_shown() {
    let Some(own) = Own::start() else { return };
    let mut pg = PgLab::on(&own.url, "tls");
    pg.lab.write("in/a.csv", SALES);
    let place = own.url.rsplit_once('@').unwrap().1.to_string();
    let by_name = place.replace("127.0.0.1", "localhost");
    let schema = pg.schema.clone();
    let root = own.root_certificate();
    let other = Own::start().unwrap();
    let other_root = other.root_certificate();
    pg.lab.write("pgpass", "*:*:*:highwater:highwater\n");
    pg.lab.write("open", "*:*:*:highwater:highwater\n");
    let mode = |name: &str, mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(pg.lab.path(name), permissions).unwrap();
    };
    mode("pgpass", 0o600);
    mode("open", 0o644);
    let run = |user: &str, place: &str, parameters: &str, env: &[(&str, &str)]| {
        pg.lab.write("job.toml", job(&format!("postgres://{user}@{place}/{schema}.t{parameters}")));
        let mut command = pg.command(&["run", "job.toml"]);
        let answer = pg.lab.hear(command.envs(env.iter().copied()));
        assert!(
            !answer.err.contains("s3cret") && !answer.err.contains("highwater:highwater"),
            "{}",
            answer.err
        );
        (answer.code, answer.err)
    };
    let password = [("PGPASSWORD", "highwater")];
    let refused = |(code, words): (i32, String), part: &str| {
        assert!(code != 0 && words.contains(part), "{part}: {code} {words}");
    };
    // Logins.
    let wrong = "password authentication failed";
    refused(run("highwater:s3cret", &place, "", &[]), wrong);
    refused(run("highwater", &place, "?password=s3cret", &[]), wrong);
    refused(run("highwater", &place, "", &[("PGPASSWORD", "s3cret")]), wrong);
    refused(run("nobody:s3cret", &place, "", &password), wrong);
    refused(run("highwater", &place, "", &[]), "password");
    refused(run("highwater", &place, "", &[("PGPASSFILE", "open")]), "chmod 600");
    refused(run("highwater:s3cret", &place.replace("/highwater", "/none"), "", &[]), "");
    assert_eq!(run("highwater", &place, "", &[("PGPASSFILE", "pgpass")]).0, 0);
    assert_eq!(run("highwater:highwater", &place, "", &[("PGPASSWORD", "s3cret")]).0, 0);
    std::fs::rename(pg.lab.path("pgpass"), pg.lab.path(".pgpass")).unwrap();
    assert_eq!(run("highwater", &place, "", &[]).0, 0);
    // TLS.
    let encrypted = |pg: &mut PgLab| pg.rows("SELECT encrypted FROM seen").pop();
    pg.client
        .batch_execute(&format!(
            "CREATE TABLE seen (encrypted boolean); GRANT ALL ON seen TO public; \
             CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               DELETE FROM {schema}.seen; INSERT INTO {schema}.seen SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid(); \
               RETURN NULL; END $$; \
             CREATE TRIGGER see AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION see()"
        ))
        .unwrap();
    let run = |parameters: &str, place: &str, env: &[(&str, &str)]| {
        pg.lab.write("job.toml", job(&format!("postgres://highwater@{place}/{schema}.t{parameters}")));
        let mut command = pg.command(&["run", "job.toml"]);
        let answer = pg.lab.hear(command.envs(password).envs(env.iter().copied()));
        (answer.code, answer.err)
    };
    let with_root = |mode: &str, root: &str| format!("?sslmode={mode}&sslrootcert={root}");
    for (parameters, place) in [
        ("?sslmode=disable".to_string(), &place),
        (String::new(), &place),
        ("?sslmode=require".to_string(), &place),
        (with_root("require", &root), &place),
        (with_root("verify-ca", &root), &place),
        (with_root("verify-full", &root), &place),
        (with_root("verify-full", &root), &by_name),
    ] {
        let (code, words) = run(&parameters, place, &[]);
        assert_eq!(code, 0, "{parameters}: {words}");
    }
    refused(run(&with_root("verify-full", &other_root), &place, &[]), "certificate");
    refused(run(&with_root("verify-ca", &other_root), &place, &[]), "certificate");
    refused(run(&with_root("require", &other_root), &place, &[]), "certificate");
    refused(run("?sslmode=verify-full", &place, &[]), "certificate");
    refused(run("?sslmode=verify-ca", &place, &[]), "sslrootcert");
    refused(run("?sslmode=verify-ca&sslrootcert=system", &place, &[]), "verify-full");
    refused(run(&with_root("verify-full", "nowhere.crt"), &place, &[]), "nowhere.crt");
    refused(run("", &place, &[("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", &other_root)]), "certificate");
    refused(run("?sslmode=verify", &place, &[]), "unknown sslmode");
    let (code, words) = run("", &place, &[("PGSSLMODE", "disable")]);
    assert_eq!(code, 0, "{words}");
    assert_eq!(encrypted(&mut pg).as_deref(), Some("f"));
    pg.lab.write("job.toml", job(&format!("postgres://highwater@{place}/{schema}.t")));
    assert_eq!(pg.lab.hear(pg.command(&["run", "job.toml"]).envs(password)).code, 0);
    assert_eq!(encrypted(&mut pg).as_deref(), Some("t"));
    // Nothing that is left on the disk has it.
    for (path, bytes) in pg.lab.files("out") {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(":highwater@") && !text.contains("s3cret"), "{path}");
    }
}
