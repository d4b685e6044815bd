//! What is said to a catalog: its configuration, tokens, and requests with what went wrong.

use crate::error::{Error, Result};
use crate::secret::value_of;
use crate::store::{ServiceReply, ServiceRequest, ask_service, wait_before};
use crate::table::catalog::{CatalogTable, TOKEN_VARIABLES};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A catalog, with its configuration and the token that it takes.
pub(super) struct CatalogSession {
    /// The address of the catalog, for errors.
    uri: String,
    /// What the paths of requests begin with.
    base: String,
    tokens: TokenSource,
}

/// Where tokens come from.
struct TokenSource {
    /// Where they are asked for.
    uri: String,
    scope: String,
    /// The one in use.
    token: Mutex<Option<String>>,
}

/// What a request to a catalog met.
pub(super) enum Said {
    /// The answer of a request that was done, or refused for good.
    Answer(ServiceReply),
    /// It may have been done, or not: why, in words.
    Unknown(String),
}

type Sessions = HashMap<CatalogTable, Arc<CatalogSession>>;

impl CatalogSession {
    /// The session with the catalog of `table`. A process asks each catalog once for its configuration.
    ///
    /// # Errors
    /// A machine error: the catalog cannot be reached, or refuses.
    pub(super) fn of(table: &CatalogTable) -> Result<Arc<CatalogSession>> {
        static OPEN: Mutex<Option<Sessions>> = Mutex::new(None);
        // Tables of one catalog share a session.
        let key = CatalogTable { namespace: vec![], name: String::new(), ..table.clone() };
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.get_or_insert_default();
        if let Some(session) = open.get(&key) {
            return Ok(session.clone());
        }
        let session = Arc::new(CatalogSession::opened(&key)?);
        open.insert(key, session.clone());
        Ok(session)
    }

    fn opened(table: &CatalogTable) -> Result<CatalogSession> {
        let uri = table.uri.clone();
        let tokens = TokenSource {
            uri: table.oauth2_server_uri.clone().unwrap_or_else(|| format!("{uri}/v1/oauth/tokens")),
            scope: table.scope.clone().unwrap_or_else(|| "catalog".into()),
            token: Mutex::default(),
        };
        let mut session = CatalogSession { base: format!("{uri}/v1"), uri, tokens };
        let query = table.warehouse.as_ref().map(|name| format!("?warehouse={}", encoded(name)));
        let answer =
            session.patiently("GET", &format!("/config{}", query.unwrap_or_default()), &Value::Null)?;
        let config = session.json(&answer, "its configuration").map_err(|error| match answer.status {
            404 => error.hint("is the address that of an Iceberg REST catalog, and is the warehouse right?"),
            _ => error,
        })?;
        // What the catalog insists on goes before what it offers.
        let property = |name: &str| {
            let named = ["overrides", "defaults"].map(|part| config[part][name].as_str());
            named.into_iter().flatten().next().map(str::to_string)
        };
        if let Some(prefix) = property("prefix") {
            let levels: Vec<String> = prefix.split('/').map(encoded).collect();
            session.base = format!("{}/v1/{}", session.uri, levels.join("/"));
        }
        Ok(session)
    }

    /// The path of a namespace.
    pub(super) fn namespace(table: &CatalogTable) -> String {
        // Levels are parted by the character that the protocol has for it.
        format!("/namespaces/{}", encoded(&table.namespace.join("\u{1f}")))
    }

    /// The path of a table.
    pub(super) fn table(table: &CatalogTable) -> String {
        format!("{}/tables/{}", CatalogSession::namespace(table), encoded(&table.name))
    }

    /// Makes a request that may be repeated until it is answered.
    ///
    /// # Errors
    /// A machine error: there is no answer after several tries.
    pub(super) fn patiently(&self, method: &str, path: &str, body: &Value) -> Result<ServiceReply> {
        let mut tries = 0;
        loop {
            let why = match self.once(method, path, body)? {
                Said::Answer(answer) => return Ok(answer),
                Said::Unknown(why) => why,
            };
            let Some(wait) = wait_before(tries, &why) else { return Err(self.unreachable(&why)) };
            std::thread::sleep(wait);
            tries += 1;
        }
    }

    /// Makes a request once; a second time only where its token was refused, which is before anything is done.
    ///
    /// # Errors
    /// A machine error: a token is not to be had.
    pub(super) fn once(&self, method: &str, path: &str, body: &Value) -> Result<Said> {
        let mut renewed = false;
        loop {
            let token = self.tokens.current(self)?;
            let bearer = token.as_ref().map(|token| format!("Bearer {token}"));
            let mut headers = vec![("Accept", "application/json")];
            headers.extend(bearer.as_ref().map(|bearer| ("Authorization", bearer.as_str())));
            let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
            if !body.is_empty() {
                headers.push(("Content-Type", "application/json"));
            }
            let url = format!("{}{path}", self.base);
            match ask_service(ServiceRequest { method, url: &url, headers: &headers, body }) {
                // 419 is the status that the protocol has for a token that is too old.
                Ok(answer) if matches!(answer.status, 401 | 419) && !renewed && self.tokens.renew() => {
                    renewed = true
                }
                Ok(answer) if answer.may_pass() => return Ok(Said::Unknown(self.words(&answer))),
                Ok(answer) => return Ok(Said::Answer(answer)),
                Err(why) => return Ok(Said::Unknown(why)),
            }
        }
    }

    /// The JSON of an answer of success.
    ///
    /// # Errors
    /// A machine error: it is not one.
    pub(super) fn json(&self, answer: &ServiceReply, what: &str) -> Result<Value> {
        if !answer.is_success() {
            return Err(self.refused(answer, what));
        }
        serde_json::from_slice(&answer.body).map_err(|cause| {
            Error::machine(format!("the catalog {} does not give {what} as JSON", self.uri))
                .caused_by(cause)
                .hint("is the address that of an Iceberg REST catalog?")
        })
    }

    /// The error of an answer that is not one of success.
    pub(super) fn refused(&self, answer: &ServiceReply, what: &str) -> Error {
        let error =
            Error::machine(format!("the catalog {} refuses {what}: {}", self.uri, self.words(answer)));
        let [token, credential] = TOKEN_VARIABLES;
        match answer.status {
            401 | 403 | 419 => {
                error.hint(format!("set {token}, or {credential} to a client id and secret: id:secret"))
            }
            _ => error,
        }
    }

    pub(super) fn unreachable(&self, why: &str) -> Error {
        Error::machine(format!("the catalog {} cannot be reached: {why}", self.uri))
    }

    /// What an answer says of itself, without the token: a server may repeat it.
    fn words(&self, answer: &ServiceReply) -> String {
        let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let error = said.as_ref().map_or(&Value::Null, |said| &said["error"]);
        let text = error["message"].as_str().or_else(|| error.as_str()).unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let mut words = answer.status.to_string();
        if !first.is_empty() {
            words.push_str(&format!(": {first}"));
        }
        let of_variables = TOKEN_VARIABLES.map(value_of).into_iter().flatten();
        let secrets: Vec<String> = of_variables.chain(self.tokens.known()).collect();
        let parts =
            secrets.iter().flat_map(|secret| [Some(secret.as_str()), secret.split_once(':').map(|(_, s)| s)]);
        parts.flatten().filter(|part| !part.is_empty()).fold(words, |words, part| words.replace(part, "***"))
    }
}

impl TokenSource {
    fn known(&self) -> Option<String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token to send, if there is one.
    fn current(&self, session: &CatalogSession) -> Result<Option<String>> {
        let [token, credential] = TOKEN_VARIABLES.map(value_of);
        if token.is_some() {
            return Ok(token);
        }
        let Some(credential) = credential else { return Ok(None) };
        if let Some(known) = self.known() {
            return Ok(Some(known));
        }
        let fresh = self.fetched(&credential, session)?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
        Ok(Some(fresh))
    }

    /// Forgets a token that was refused; says whether another one can be had.
    fn renew(&self) -> bool {
        let [token, credential] = TOKEN_VARIABLES.map(value_of);
        let had = self.token.lock().unwrap_or_else(PoisonError::into_inner).take();
        token.is_none() && credential.is_some() && had.is_some()
    }

    /// A token for the client id and secret `credential`, as OAuth2 has it.
    fn fetched(&self, credential: &str, session: &CatalogSession) -> Result<String> {
        let (id, secret) = credential.split_once(':').unwrap_or(("", credential));
        let mut form =
            vec![("grant_type", "client_credentials"), ("client_secret", secret), ("scope", &self.scope)];
        if !id.is_empty() {
            form.push(("client_id", id));
        }
        let pairs: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")];
        let mut tries = 0;
        loop {
            let body = pairs.join("&").into_bytes();
            let asked =
                ask_service(ServiceRequest { method: "POST", url: &self.uri, headers: &headers, body });
            let why = match asked {
                Ok(answer) if answer.may_pass() => session.words(&answer),
                Ok(answer) => {
                    let said = session.json(&answer, "a token")?;
                    let token = said["access_token"].as_str().map(str::to_string);
                    return token.ok_or_else(|| {
                        Error::machine(format!("the answer of {} does not have a token", self.uri))
                    });
                }
                Err(why) => why,
            };
            let Some(wait) = wait_before(tries, &why) else { return Err(session.unreachable(&why)) };
            std::thread::sleep(wait);
            tries += 1;
        }
    }
}

/// A part of a path or a form, percent-encoded.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
