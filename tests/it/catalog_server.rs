//! A REST catalog of Iceberg on loopback, which shares no code with the client: it checks requirements, applies updates to the
//! metadata, and writes that to the disk. It refuses, hangs up and loses answers as a test says, at any request.

use crate::http_server::decoded;
use crate::listen::{HttpRequest, Port};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// The token that it wants, and the client secret that it gives the token for.
pub const TOKEN: &str = "tok-5Qz81";
pub const SECRET: &str = "s3cr3t-77Pk";

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// It is not done, and answered with this status.
    Refused(u16),
    /// It is not done, and the connection is closed.
    HungUp,
    /// It is done, and the connection is closed without an answer.
    Lost,
    /// It is done, and answered with this status.
    Denied(u16),
    /// It is done, and never answered.
    Held,
    /// Another program commits just before it.
    Raced,
}

type Fates = dyn Fn(&str, usize) -> Fate + Send + Sync;

struct State {
    tables: Mutex<Tables>,
    fates: Mutex<Arc<Fates>>,
    asked: Mutex<Vec<String>>,
}

#[derive(Default, Clone)]
pub struct Tables {
    namespaces: BTreeSet<String>,
    /// By namespace and name; with the number of the last file of the metadata.
    tables: BTreeMap<String, (Value, usize)>,
}

pub struct CatalogServer {
    port: Port,
    state: Arc<State>,
}

impl CatalogServer {
    pub fn new() -> CatalogServer {
        let state = Arc::new(State {
            tables: Mutex::default(),
            fates: Mutex::new(Arc::new(|_, _| Fate::Answered)),
            asked: Mutex::default(),
        });
        let shared = state.clone();
        let port = Port::new(move |stream| {
            let _ = serve(&stream, &shared);
        });
        CatalogServer { port, state }
    }

    pub fn url(&self) -> String {
        self.port.url()
    }

    /// Says what becomes of requests, by method and path, and by how many came before it.
    pub fn fates(&self, fates: impl Fn(&str, usize) -> Fate + Send + Sync + 'static) {
        *self.state.fates.lock().unwrap() = Arc::new(fates);
        self.asked();
    }

    /// What was asked since this was called last: method and path.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }

    /// The metadata of `namespace.name`.
    pub fn metadata(&self, table: &str) -> Option<Value> {
        let tables = self.state.tables.lock().unwrap();
        tables.tables.get(table).map(|(metadata, _)| metadata.clone())
    }

    /// Changes the metadata, as a commit of another program does.
    pub fn change(&self, table: &str, change: impl FnOnce(&mut Value)) {
        let mut tables = self.state.tables.lock().unwrap();
        change(&mut tables.tables.get_mut(table).unwrap().0);
    }

    /// All that it knows.
    pub fn tables(&self) -> Tables {
        self.state.tables.lock().unwrap().clone()
    }

    /// Makes it know this.
    pub fn restore(&self, tables: &Tables) {
        *self.state.tables.lock().unwrap() = tables.clone();
    }

    /// Has a command hold the token.
    pub fn env<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("HIGHWATER_CATALOG_TOKEN", TOKEN)
    }
}

fn serve(stream: &TcpStream, state: &State) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    loop {
        let HttpRequest { method, target: path, headers, body } = HttpRequest::read(&mut lines)?;
        let (method, path) = (method.as_str(), path.as_str());
        let asked = format!("{method} {path}");
        let before = {
            let mut all = state.asked.lock().unwrap();
            all.push(asked.clone());
            all.len() - 1
        };
        // What a test does at a request may ask this catalog too.
        let fates = state.fates.lock().unwrap().clone();
        let fate = fates(&asked, before);
        let refused =
            |status: u16| (status, json!({ "error": { "message": "as the test says", "code": status } }));
        let (status, answer) = match fate {
            Fate::HungUp => return None,
            Fate::Refused(status) => refused(status),
            Fate::Answered | Fate::Lost | Fate::Denied(_) | Fate::Held | Fate::Raced => {
                let mut tables = state.tables.lock().unwrap();
                if fate == Fate::Raced {
                    tables.tables.values_mut().for_each(|(metadata, _)| commit_of_another(metadata));
                }
                let done = answer(&mut tables, method, path, &headers, &body);
                drop(tables);
                match fate {
                    Fate::Lost => return None,
                    Fate::Denied(status) => refused(status),
                    Fate::Held => loop {
                        std::thread::park();
                    },
                    _ => done,
                }
            }
        };
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        let mut stream = stream;
        stream.write_all((head + &text).as_bytes()).ok()?;
    }
}

/// Another program appends to a table.
pub fn commit_of_another(metadata: &mut Value) {
    let (parent, number) =
        (metadata["current-snapshot-id"].clone(), metadata["last-sequence-number"].as_i64().unwrap() + 1);
    let list =
        metadata["snapshots"].as_array().and_then(|all| all.last()).map(|last| last["manifest-list"].clone());
    let update = json!({ "action": "add-snapshot", "snapshot": {
        "snapshot-id": 77, "parent-snapshot-id": parent, "sequence-number": number, "timestamp-ms": 0, "manifest-list": list,
        "schema-id": metadata["current-schema-id"], "summary": { "operation": "append", "engine-name": "spark" },
    }});
    apply(&update, metadata);
    apply(&json!({ "action": "set-snapshot-ref", "ref-name": "main", "snapshot-id": 77 }), metadata);
}

fn failure(status: u16, message: impl Into<String>) -> (u16, Value) {
    (status, json!({ "error": { "message": message.into(), "type": "Failure", "code": status } }))
}

fn answer(
    tables: &mut Tables,
    method: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
    body: &[u8],
) -> (u16, Value) {
    if path == "/v1/oauth/tokens" {
        let form = String::from_utf8_lossy(body);
        let right = form.contains(&format!("client_secret={SECRET}"))
            && form.contains("grant_type=client_credentials");
        return if right {
            (200, json!({ "access_token": TOKEN, "token_type": "bearer" }))
        } else {
            failure(401, format!("not {SECRET}: {form}"))
        };
    }
    let bearer = headers.get("authorization").map_or("", String::as_str);
    if bearer != format!("Bearer {TOKEN}") {
        return failure(401, format!("the header is {bearer}"));
    }
    let path = path.split('?').next().unwrap();
    if path == "/v1/config" {
        return (200, json!({ "defaults": {}, "overrides": { "prefix": "of a/test" } }));
    }
    let Some(rest) = path.strip_prefix("/v1/of%20a/test/namespaces") else { return failure(404, path) };
    let parts: Vec<String> = rest.split('/').skip(1).map(decoded).collect();
    let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body).unwrap() };
    match (method, parts.iter().map(String::as_str).collect::<Vec<_>>()[..].as_ref()) {
        ("POST", []) => {
            let levels: Vec<&str> =
                body["namespace"].as_array().unwrap().iter().map(|level| level.as_str().unwrap()).collect();
            let is_new = tables.namespaces.insert(levels.join("."));
            if is_new {
                (200, json!({ "namespace": levels }))
            } else {
                failure(409, "the namespace is there")
            }
        }
        ("GET", [namespace]) => match tables.namespaces.contains(&namespace.replace('\u{1f}', ".")) {
            true => (200, json!({ "namespace": [namespace] })),
            false => failure(404, "no such namespace"),
        },
        ("POST", [namespace, "tables"]) => created(tables, namespace, &body),
        ("GET", [namespace, "tables", name]) => match tables.tables.get(&id(namespace, name)) {
            Some((metadata, file)) => (200, loaded(metadata, *file)),
            None => failure(404, "no such table"),
        },
        ("POST", [namespace, "tables", name]) => committed(tables, &id(namespace, name), &body),
        _ => failure(400, format!("{method} {path}")),
    }
}

fn id(namespace: &str, name: &str) -> String {
    format!("{}.{name}", namespace.replace('\u{1f}', "."))
}

fn file(metadata: &Value, number: usize) -> String {
    format!("{}/metadata/{number:05}-of-the-test.metadata.json", metadata["location"].as_str().unwrap())
}

fn loaded(metadata: &Value, number: usize) -> Value {
    json!({ "metadata-location": file(metadata, number), "metadata": metadata, "config": {} })
}

/// A table that is begun; nobody sees it yet.
fn created(tables: &mut Tables, namespace: &str, body: &Value) -> (u16, Value) {
    let name = body["name"].as_str().unwrap();
    if !tables.namespaces.contains(&namespace.replace('\u{1f}', ".")) {
        return failure(404, "no such namespace");
    }
    if tables.tables.contains_key(&id(namespace, name)) {
        return failure(409, "the table is there");
    }
    assert_eq!(body["stage-create"], json!(true));
    let mut metadata = empty();
    metadata["location"] = body["location"].clone();
    metadata["table-uuid"] = json!("9c12d441-03fe-4693-9a96-a0705ddf69c1");
    metadata["format-version"] = json!(2);
    metadata["properties"] = json!({ "owner": "the test" });
    (metadata["schemas"], metadata["current-schema-id"]) = (json!([body["schema"]]), json!(0));
    (metadata["partition-specs"], metadata["default-spec-id"]) = (json!([body["partition-spec"]]), json!(0));
    metadata["sort-orders"] = json!([body["write-order"]]);
    metadata["default-sort-order-id"] = body["write-order"]["order-id"].clone();
    (200, json!({ "metadata": metadata }))
}

fn empty() -> Value {
    json!({
        "last-sequence-number": 0, "last-updated-ms": 0, "last-column-id": 0, "last-partition-id": 999, "schemas": [],
        "partition-specs": [], "sort-orders": [], "properties": {}, "snapshots": [], "snapshot-log": [], "refs": {},
        "current-snapshot-id": -1,
    })
}

fn committed(tables: &mut Tables, id: &str, body: &Value) -> (u16, Value) {
    let known = tables.tables.get(id).cloned();
    let is_new = body["requirements"] == json!([{ "type": "assert-create" }]);
    if is_new != known.is_none() {
        return if is_new { failure(409, "the table is there") } else { failure(404, "no such table") };
    }
    let (mut metadata, number) = known.unwrap_or_else(|| (empty(), 0));
    for requirement in body["requirements"].as_array().unwrap() {
        if let Some(what) = unmet(requirement, &metadata) {
            return failure(409, format!("Requirement failed: {what}"));
        }
    }
    for update in body["updates"].as_array().unwrap() {
        apply(update, &mut metadata);
    }
    let path = file(&metadata, number + 1);
    // To a store nothing is written: nobody who is tested reads that file there.
    if !path.contains("://") {
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, metadata.to_string()).unwrap();
    }
    let answer = loaded(&metadata, number + 1);
    tables.tables.insert(id.to_string(), (metadata, number + 1));
    (200, answer)
}

/// The requirement, if it does not hold.
fn unmet(requirement: &Value, metadata: &Value) -> Option<String> {
    let (field, have) = match requirement["type"].as_str().unwrap() {
        "assert-create" => return None,
        "assert-table-uuid" => ("uuid", &metadata["table-uuid"]),
        "assert-ref-snapshot-id" => {
            ("snapshot-id", &metadata["refs"][requirement["ref"].as_str().unwrap()]["snapshot-id"])
        }
        "assert-last-assigned-field-id" => ("last-assigned-field-id", &metadata["last-column-id"]),
        "assert-current-schema-id" => ("current-schema-id", &metadata["current-schema-id"]),
        "assert-last-assigned-partition-id" => ("last-assigned-partition-id", &metadata["last-partition-id"]),
        "assert-default-spec-id" => ("default-spec-id", &metadata["default-spec-id"]),
        "assert-default-sort-order-id" => ("default-sort-order-id", &metadata["default-sort-order-id"]),
        other => panic!("a requirement that no catalog knows: {other}"),
    };
    (requirement[field] != *have).then(|| requirement.to_string())
}

fn apply(update: &Value, metadata: &mut Value) {
    let push = |metadata: &mut Value, list: &str, item: &Value| {
        metadata[list].as_array_mut().unwrap().push(item.clone())
    };
    // -1 is the item that was added last.
    let last = |metadata: &Value, list: &str, key: &str, id: &Value| match id.as_i64() {
        Some(-1) => metadata[list].as_array().unwrap().last().unwrap()[key].clone(),
        _ => id.clone(),
    };
    match update["action"].as_str().unwrap() {
        "assign-uuid" => metadata["table-uuid"] = update["uuid"].clone(),
        "upgrade-format-version" => metadata["format-version"] = update["format-version"].clone(),
        "set-location" => metadata["location"] = update["location"].clone(),
        "add-schema" => {
            push(metadata, "schemas", &update["schema"]);
            metadata["last-column-id"] = update["last-column-id"].clone();
        }
        "set-current-schema" => {
            metadata["current-schema-id"] = last(metadata, "schemas", "schema-id", &update["schema-id"]);
        }
        "add-spec" => {
            push(metadata, "partition-specs", &update["spec"]);
            let ids = update["spec"]["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|field| field["field-id"].as_i64().unwrap());
            let most = ids.max().unwrap_or(999).max(metadata["last-partition-id"].as_i64().unwrap());
            metadata["last-partition-id"] = json!(most);
        }
        "set-default-spec" => {
            metadata["default-spec-id"] = last(metadata, "partition-specs", "spec-id", &update["spec-id"])
        }
        "add-sort-order" => push(metadata, "sort-orders", &update["sort-order"]),
        "set-default-sort-order" => {
            metadata["default-sort-order-id"] =
                last(metadata, "sort-orders", "order-id", &update["sort-order-id"]);
        }
        "set-properties" => {
            for (key, value) in update["updates"].as_object().unwrap() {
                metadata["properties"][key] = value.clone();
            }
        }
        "add-snapshot" => {
            let number = update["snapshot"]["sequence-number"].as_i64().unwrap();
            assert!(number > metadata["last-sequence-number"].as_i64().unwrap());
            metadata["last-sequence-number"] = json!(number);
            push(metadata, "snapshots", &update["snapshot"]);
        }
        "set-snapshot-ref" => {
            let id = &update["snapshot-id"];
            assert!(
                metadata["snapshots"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|snapshot| snapshot["snapshot-id"] == *id)
            );
            metadata["refs"][update["ref-name"].as_str().unwrap()] =
                json!({ "snapshot-id": id, "type": "branch" });
            metadata["current-snapshot-id"] = id.clone();
            let entry = json!({ "snapshot-id": id, "timestamp-ms": 0 });
            push(metadata, "snapshot-log", &entry);
        }
        "remove-snapshots" => {
            let gone = update["snapshot-ids"].as_array().unwrap();
            for list in ["snapshots", "snapshot-log"] {
                metadata[list].as_array_mut().unwrap().retain(|item| !gone.contains(&item["snapshot-id"]));
            }
        }
        other => panic!("an update that no catalog knows: {other}"),
    }
}
