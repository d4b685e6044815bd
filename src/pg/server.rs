//! A server: its address from a URL and the environment, its password from where libpq looks for it.

use super::failed;
use super::pass::{self, Login, PgpassAnswer};
use super::tls::{self, Roots, TlsMode};
use super::url::{UrlParts, encoded};
use crate::error::{Error, Result};
use crate::process;
use crate::secret::Template;
use postgres::config::{Config, SslMode};
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where a server is, and how to log in: `postgres://user@host:port/database?sslmode=require`.
///
/// What the URL leaves out comes from `PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT` and
/// `PGCONNECT_TIMEOUT`, else as in libpq: the socket of this machine or `localhost`, 5432, who runs the program, a
/// database of the user's name, `prefer`; and 10 seconds. A host that is a path is the folder of a socket.
#[derive(Clone)]
pub struct ServerAddress {
    /// The URL, with everything that was left out, and without a password: the form is the same for the same place.
    pub url: String,
    host: String,
    port: u16,
    user: String,
    database: String,
    password: Option<String>,
    /// The password of the URL, where the environment is to say it.
    variable: Option<Template>,
    mode: TlsMode,
    roots: Option<Roots>,
    timeout: Option<Duration>,
    /// Why a password file was not read.
    refused: Option<String>,
}

/// Without the password.
impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The parameters of a URL that mean something.
const PARAMETERS: [&str; 8] =
    ["sslmode", "sslrootcert", "connect_timeout", "host", "port", "user", "password", "dbname"];

/// Where Debian's servers and those of the sources have their sockets.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the environment of this process says; empty is nothing.
fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl ServerAddress {
    /// Reads a URL. Its password, if it has one (`${NAME}` in it is read where a connection is made), goes before that of `PGPASSWORD`, and that before the pgpass file's.
    ///
    /// # Errors
    /// A job error: it is no such URL.
    pub fn parse(url: &str) -> Result<ServerAddress> {
        let mut url = UrlParts::parse(url)?;
        let mut path = std::mem::take(&mut url.path).into_iter();
        let database = path.next();
        if let Some(more) = path.next() {
            return Err(Error::job(format!("the URL of the server has more after its database: `{more}`"))
                .hint("postgres://user@host:5432/database"));
        }
        ServerAddress::of(url, database, &of_process)
    }

    /// The server of a URL whose path is `database`, or has none.
    pub(super) fn of_url(url: UrlParts, database: Option<String>) -> Result<ServerAddress> {
        ServerAddress::of(url, database, &of_process)
    }

    fn of(mut url: UrlParts, database: Option<String>, env: Env) -> Result<ServerAddress> {
        let wrong = url.parameters.iter().map(|(key, _)| key).find(|key| !PARAMETERS.contains(&key.as_str()));
        if let Some(key) = wrong {
            let error = Error::job(format!("unknown parameter `{key}` of the server's URL"));
            return Err(error
                .nearest(key, PARAMETERS)
                .hint(format!("the parameters are {}", PARAMETERS.join(", "))));
        }
        let (host, port, user) = (url.host.take(), url.port.take(), url.user.take());
        let password = url.password.take();
        let mut value = |given: Option<String>, key: &str, variable: &str| {
            // An empty value counts as missing, as in libpq.
            given.or_else(|| url.take(key)).filter(|value| !value.is_empty()).or_else(|| env(variable))
        };
        let host = value(host, "host", "PGHOST");
        let port = value(port, "port", "PGPORT");
        let user = value(user, "user", "PGUSER");
        let database = value(database, "dbname", "PGDATABASE");
        // Not from the environment yet: a `${` in PGPASSWORD is a part of the password.
        let written = value(password, "password", "");
        let variable = written.as_ref().filter(|text| text.contains("${")).map(|text| Template::parse(text));
        let variable = variable.transpose().map_err(|_| {
            Error::job("the password in the URL of the server has a `${` without a name and a `}`")
                .hint("${NAME} is an environment variable; write $${ for the characters")
        })?;
        let password = written.or_else(|| env("PGPASSWORD"));
        let mode = value(None, "sslmode", "PGSSLMODE");
        let roots = value(None, "sslrootcert", "PGSSLROOTCERT");
        let timeout = value(None, "connect_timeout", "PGCONNECT_TIMEOUT");

        let socket = || SOCKETS.into_iter().find(|folder| Path::new(folder).join(".s.PGSQL.5432").exists());
        let host = host.unwrap_or_else(|| socket().unwrap_or("localhost").to_string());
        let port = match port {
            None => 5432,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                // Not the text: where the host was forgotten, it is a password.
                Error::job("the port in the URL of the server is not a port").hint("a number from 1 to 65535")
            })?,
        };
        let user = user.or_else(|| env("USER")).or_else(|| env("LOGNAME")).ok_or_else(|| {
            Error::job("the URL of the server does not name a user")
                .hint("postgres://user@host:5432/database, or PGUSER")
        })?;
        let database = database.unwrap_or_else(|| user.clone());
        let mode = mode.map_or(Ok(TlsMode::Prefer), |name| TlsMode::named(&name))?;
        let roots = roots.map(|roots| match roots.as_str() {
            "system" => Roots::System,
            file => Roots::File(file.into()),
        });
        let timeout = match timeout {
            None => Some(Duration::from_secs(10)),
            Some(seconds) => match seconds.parse::<u64>() {
                Ok(0) => None,
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => {
                    return Err(Error::job(format!("`{seconds}` is not a connect_timeout"))
                        .hint("give seconds; 0 waits without limit"));
                }
            },
        };
        let mut server = ServerAddress {
            url: String::new(),
            host,
            port,
            user,
            database,
            password,
            variable,
            mode,
            roots,
            timeout,
            refused: None,
        };
        server.url =
            format!("postgres://{}@{}/{}", encoded(&server.user), server.place(), encoded(&server.database));
        if server.password.is_none() {
            server.look_for_password(env);
        }
        Ok(server)
    }

    /// The host and the port as a URL has them.
    pub fn place(&self) -> String {
        // An IPv6 address has colons, and stands in brackets before its port.
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", encoded(&self.host), self.port),
        }
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    fn look_for_password(&mut self, env: Env) {
        let Some(file) = pass::file(env) else { return };
        // A socket where sockets are is `localhost` there.
        let host = if SOCKETS.contains(&self.host.as_str()) { "localhost" } else { &self.host };
        let login = Login { host, port: self.port, database: &self.database, user: &self.user };
        match pass::find(&file, &login) {
            PgpassAnswer::Password(password) => self.password = Some(password),
            PgpassAnswer::Nothing => {}
            PgpassAnswer::Refused(why) => self.refused = Some(why),
        }
    }

    /// Opens a connection, with TLS as `sslmode` says.
    ///
    /// # Errors
    /// A machine error: nobody there, wrong password, no trust; never with the password in it. A job error: TLS cannot
    /// be set up as the URL wants it.
    pub fn connect(&self) -> Result<postgres::Client> {
        // Over a socket of this machine TLS is not spoken, as with libpq.
        let mode = if self.is_socket() { TlsMode::Disable } else { self.mode };
        let mut config = Config::new();
        config.host(&self.host).port(self.port).user(&self.user).dbname(&self.database);
        config.application_name("highwater");
        config.ssl_mode(match mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            // The client does not know the modes that verify: the verifier of `tls::config` does that.
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        match &self.variable {
            Some(variable) => {
                // Read only here: a job can be checked where its secret is not set.
                _ = config.password(variable.expand().map_err(|name| {
                    Error::job(format!(
                        "the variable {name} is not set, but the password of {} is in it",
                        self.url
                    ))
                    .hint(format!("set it in the environment: export {name}=…"))
                })?)
            }
            None => self.password.iter().for_each(|password| _ = config.password(password)),
        }
        self.timeout.iter().for_each(|timeout| _ = config.connect_timeout(*timeout));
        // A server that is gone without a word is noticed within minutes.
        config.keepalives_idle(Duration::from_secs(60));
        let connector = match mode {
            TlsMode::Disable => None,
            mode => Some(MakeRustlsConnect::new(tls::config(mode, self.roots.as_ref())?)),
        };
        // The client panics where the machine lets it have no more files.
        let connected = process::caught(|| match connector {
            None => config.connect(postgres::NoTls),
            Some(connector) => config.connect(connector),
        });
        match connected {
            Ok(connected) => connected.map_err(|cause| self.unreachable(&cause)),
            Err(panic) => {
                Err(Error::machine(format!("cannot connect to {}", self.url)).caused_by(panic.message))
            }
        }
    }

    fn unreachable(&self, cause: &postgres::Error) -> Error {
        let mut error = failed(format!("cannot connect to {}", self.url), cause);
        // An error without a code is the client's own, such as a password that is missing.
        let login = cause.code().is_none_or(|code| code.code().starts_with("28"));
        if let Some(why) = self.refused.as_ref().filter(|_| login) {
            error = error.hint(why);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, env: &[(&str, &str)]) -> Result<ServerAddress> {
        let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        let mut url = UrlParts::parse(url)?;
        let database = std::mem::take(&mut url.path).into_iter().next();
        ServerAddress::of(url, database, &env)
    }

    #[test]
    fn the_url_goes_before_the_environment() {
        let env =
            [("PGHOST", "h2"), ("PGPORT", "2"), ("PGUSER", "u2"), ("PGDATABASE", "d2"), ("PGPASSWORD", "p2")];
        let server = read("postgres://u1:p%401@h1:1/d1", &env).unwrap();
        assert_eq!((server.url.as_str(), server.password.as_deref()), ("postgres://u1@h1:1/d1", Some("p@1")));
        let server = read("postgresql:///", &env).unwrap();
        assert_eq!((server.url.as_str(), server.password.as_deref()), ("postgres://u2@h2:2/d2", Some("p2")));
        let server = read("postgres:///d?host=/run/x&user=me&password=p", &env).unwrap();
        assert_eq!(
            (server.url.as_str(), server.password.as_deref()),
            ("postgres://me@%2Frun%2Fx:2/d", Some("p"))
        );
        assert!(server.is_socket());
        let server = read("postgres://me@[::1]:7", &[]).unwrap();
        assert_eq!((server.url.as_str(), server.host.as_str()), ("postgres://me@[::1]:7/me", "::1"));
        assert_eq!((server.mode, server.timeout), (TlsMode::Prefer, Some(Duration::from_secs(10))));
    }

    #[test]
    fn no_words_have_the_password() {
        let urls = [
            "postgres://me:s3cret@h/d?sslmod=require",
            "postgres://me:s3cret@h:port/d",
            "postgres://me:s3cret%zz@h/d",
            "postgres://me:s3cret@a,b/d",
            "postgres://me:s3cret/d",
            "postgres://me:1/s3cret@h/d",
            "postgres://me:1?s3cret@h/d",
            "postgres://me:1?s3cret=x@h/d",
            "postgres://me:s3cret@h/d?sslmode=full",
            "postgres://me@h/d?password=s3cret&connect_timeout=soon",
            "postgre://me:s3cret@h/d",
        ];
        for url in urls {
            let error = read(url, &[]).map(|server| server.url).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        let server = read("postgres://me:s3@cret@h/d", &[]).unwrap();
        assert_eq!((server.host.as_str(), server.password.as_deref()), ("h", Some("s3@cret")));
        assert!(!format!("{server:?}").contains("cret"));
    }

    #[test]
    fn a_password_file_is_looked_into_last() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".pgpass");
        std::fs::write(&path, "localhost:5432:d:me:filed\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let home = folder.path().to_str().unwrap();
        let password = |url: &str, env: &[(&str, &str)]| read(url, env).unwrap().password;
        let at_home = ("HOME", home);
        assert_eq!(password("postgres://me@localhost/d", &[at_home]).as_deref(), Some("filed"));
        assert_eq!(
            password("postgres://me@%2Fvar%2Frun%2Fpostgresql/d", &[at_home]).as_deref(),
            Some("filed")
        );
        assert_eq!(
            password("postgres://me@localhost/d", &[at_home, ("PGPASSWORD", "p")]).as_deref(),
            Some("p")
        );
        assert_eq!(password("postgres://me@localhost/other", &[at_home]), None);
        let elsewhere = ("PGPASSFILE", path.to_str().unwrap());
        assert_eq!(password("postgres://me@localhost/d", &[elsewhere]).as_deref(), Some("filed"));
    }
}
