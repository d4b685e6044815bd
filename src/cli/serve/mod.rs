//! `highwater serve`.

mod shown;

use super::ui::{self, LogEvent};
use crate::error::{Error, Result, exit};
use crate::secret::value_of;
use crate::serve::{ServeOptions, Token, serve};
use clap::{Args, ValueHint};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The variable that has the token.
const VARIABLE: &str = "HIGHWATER_TOKEN";

/// Show the jobs and outputs of a folder in a browser: the record counts of the last run, charts, tables, late events,
/// changes by backfills. A page refreshes when a run commits. The server only reads: it runs no job and writes no file.
///
/// It listens on 127.0.0.1, so only this machine reaches it. On another address (`--host`) each browser needs a token:
/// that of `--token-file`, else of the variable HIGHWATER_TOKEN, else a new one, which is part of the printed address.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 ended by SIGINT (Ctrl-C) or SIGTERM.\n\nExamples:\n  \
    highwater serve\n  \
    highwater serve data --port 0")]
pub struct ServeArgs {
    /// The folder with the job files and outputs
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
    /// The port; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_parser = address)]
    host: IpAddr,
    /// A file with the token: 16 or more letters, digits, `-` and `_`. With it, 127.0.0.1 needs the token too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    token_file: Option<PathBuf>,
}

fn address(text: &str) -> std::result::Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        text => text.parse().map_err(|_| "not an IP address of this machine, such as 0.0.0.0".to_string()),
    }
}

impl ServeArgs {
    pub fn run(&self) -> Result<u8> {
        let given = self.given()?;
        // A token that was given is known to its user, and an address on a screen is easily seen by others.
        let is_given = given.is_some();
        let token = match given {
            None if !self.host.is_loopback() => Some(Token::random().map_err(|e| {
                Error::machine("cannot make a token: the system has no random bytes").caused_by(e)
            })?),
            given => given,
        };
        let text = token.as_ref().filter(|_| !is_given).map(|token| token.text().to_string());
        let request = ServeOptions { folder: self.folder.clone(), host: self.host, port: self.port, token };
        serve(request, shown::html, |address| ready(address, text.as_deref(), is_given))?;
        Ok(exit::DONE)
    }

    /// The token that is given.
    fn given(&self) -> Result<Option<Token>> {
        let (text, from) = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
                (text, path.display().to_string())
            }
            None => match value_of(VARIABLE) {
                Some(text) => (text, VARIABLE.to_string()),
                None => return Ok(None),
            },
        };
        let wrong = || {
            // The text itself is a secret, so the error does not have it.
            Error::job(format!("the token in {from} cannot be used"))
                .hint("a token has 16 to 512 letters, digits, `-` and `_`; `openssl rand -hex 32` makes one")
        };
        Token::given(&text).map(Some).ok_or_else(wrong)
    }
}

/// Prints the address, on stdout, so that a program can read it.
fn ready(address: SocketAddr, token: Option<&str>, is_given: bool) -> Result<()> {
    let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
    ui::print(&format!("http://{address}/{query}\n"))?;
    let mut words = match is_given {
        true => "open this address with ?token= and the token behind it".to_string(),
        false => "open this address in a browser".to_string(),
    };
    if address.ip().is_unspecified() {
        words.push_str(", with the name of this machine in the place of the numbers");
    }
    words.push_str("; Ctrl-C ends the server");
    if !address.ip().is_loopback() {
        words.push_str(". This is HTTP without encryption: use it in networks that you trust, or through a proxy with TLS");
    }
    ui::say(&[LogEvent::info("serve", words, json!({ "address": address.to_string() }))]);
    Ok(())
}
