//! A folder to run jobs in, and a schema of a real server to run them into: `HIGHWATER_POSTGRES`, which
//! `scripts/postgres.sh` starts.

use crate::support::{Answer, Lab};
use postgres::{Client, NoTls};
use std::process::{Child, Command, Stdio};

/// A lab with a schema of its own, which goes with it.
pub struct PgLab {
    pub lab: Lab,
    pub client: Client,
    /// The URL of the database, with its password.
    pub url: String,
    pub schema: String,
}

/// Whether there is a server. Without one a test ends here, but not where CI runs it.
pub fn server() -> Option<String> {
    match std::env::var("HIGHWATER_POSTGRES") {
        Ok(url) => Some(url),
        Err(_) if std::env::var_os("CI").is_some() => {
            panic!("no PostgreSQL: eval \"$(scripts/postgres.sh start)\"")
        }
        Err(_) => {
            println!("skipped: no PostgreSQL; eval \"$(scripts/postgres.sh start)\"");
            None
        }
    }
}

impl PgLab {
    /// A lab on the server of the tests, if there is one.
    pub fn new(name: &str) -> Option<PgLab> {
        Some(PgLab::on(&server()?, name))
    }

    /// A lab on this server.
    pub fn on(url: &str, name: &str) -> PgLab {
        let mut client = Client::connect(url, NoTls).unwrap();
        let schema = format!("hw_{name}_{}", std::process::id());
        client
            .batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"))
            .unwrap();
        client.batch_execute(&format!("SET search_path = {schema}; SET TIME ZONE 'UTC'")).unwrap();
        PgLab { lab: Lab::new(), client, url: url.to_string(), schema }
    }

    /// The URL of a table.
    pub fn table(&self, name: &str) -> String {
        format!("{}/{}.{name}", self.url, self.schema)
    }

    /// The binary, with nothing of libpq in its environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
            command.env_remove(name);
        }
        command.env("HOME", self.lab.root()).current_dir(self.lab.root()).args(args);
        command
    }

    pub fn highwater(&self, args: &[&str]) -> Answer {
        self.lab.hear(&mut self.command(args))
    }

    /// Runs it, and it has to succeed.
    pub fn done(&self, args: &[&str]) -> Answer {
        let answer = self.highwater(args);
        assert_eq!(answer.code, 0, "{args:?}: {}", answer.err);
        answer
    }

    /// Begins it.
    pub fn begin(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The rows of a query, each with its values as text, by `|`.
    pub fn rows(&mut self, query: &str) -> Vec<String> {
        let rows = self.client.simple_query(query).unwrap();
        let rows = rows.iter().filter_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let text = |row: &postgres::SimpleQueryRow| {
            let values: Vec<&str> = (0..row.len()).map(|i| row.get(i).unwrap_or("NULL")).collect();
            values.join("|")
        };
        rows.map(text).collect()
    }

    /// Waits until a process of ours waits for a lock of the server, and gives its number there.
    pub fn wait_for_lock(&mut self) -> String {
        for _ in 0..600 {
            let waiting = "SELECT pid FROM pg_stat_activity WHERE application_name = 'highwater' \
                AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO%'";
            let own = format!("{waiting} AND query LIKE '%{}%'", self.schema);
            if let Some(pid) = self.rows(&own).pop() {
                return pid;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("nobody waits");
    }
}

impl Drop for PgLab {
    fn drop(&mut self) {
        let _ = self.client.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema));
    }
}
