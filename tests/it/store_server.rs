//! A store on loopback, which speaks the protocol of S3 as far as Highwater needs it, and serves the same files to plain
//! HTTP: listings by pages, ranges, ETags and conditions; what is written is in `store_writes`. It fails as a test says, at
//! any request.

use super::http_server::decoded;
use super::listen::{HttpRequest, Port};
use super::store_writes;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Objects of a page of a listing: few, so that tests have several pages.
const PAGE: usize = 5;

/// A store; dropped, it takes no further connection.
pub struct StoreServer {
    port: Port,
    state: Arc<State>,
}

/// A request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `list`, `head` or `get`; of what writes `put`, `copy`, `delete`, or `begin`, `part`, `end`, `abort` of an upload.
    pub what: &'static str,
    /// The prefix of a listing, or the name of the object.
    pub name: String,
    /// The range that was asked for.
    pub range: Option<(u64, u64)>,
    /// The headers, in lower case.
    pub headers: BTreeMap<String, String>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Answered,
    /// It is answered with this status and code of S3.
    Refused(u16, &'static str),
    /// The connection is closed without an answer. What was asked for is done.
    HungUp,
    /// The connection is closed, and nothing is done.
    Dropped,
    /// The connection is closed in the middle of the answer.
    Cut,
    /// The answer comes in small pieces, with a pause before each.
    Slow(u64),
    /// The range is not heeded, as servers do that know none.
    Whole,
    /// It is answered by a redirect to this address.
    Redirected(String),
}

/// A request as it came, with its body.
pub struct FullRequest {
    pub method: String,
    pub asked: Asked,
    pub query: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

type Fates = dyn Fn(&Asked, usize) -> Fate + Send + Sync;

pub struct State {
    /// By bucket and name.
    pub objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Parts of uploads that are not ended, by upload and number.
    pub uploads: Mutex<BTreeMap<(String, u32), Vec<u8>>>,
    fates: Mutex<Arc<Fates>>,
    asked: Mutex<Vec<Asked>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    /// Objects of a page of a listing.
    page: AtomicUsize,
    /// Whether conditions of puts are ignored.
    pub careless: AtomicBool,
    /// When objects were written, as listings tell it.
    written: Mutex<&'static str>,
}

impl StoreServer {
    pub fn new() -> StoreServer {
        let state = Arc::new(State {
            objects: Mutex::default(),
            uploads: Mutex::default(),
            fates: Mutex::new(Arc::new(|_, _| Fate::Answered)),
            asked: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            page: AtomicUsize::new(PAGE),
            careless: AtomicBool::new(false),
            written: Mutex::new("2099-01-01"),
        });
        let shared = state.clone();
        let port = Port::new(move |stream| {
            let _ = serve(&stream, &shared);
        });
        StoreServer { port, state }
    }

    /// Puts an object: `bucket/name`.
    pub fn put(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.state.objects.lock().unwrap().insert(name.to_string(), bytes.into());
    }

    /// All objects of a bucket, by name.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let objects = self.state.objects.lock().unwrap();
        let of = objects.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(bucket)?, bytes)));
        of.filter_map(|(name, bytes)| Some((name.strip_prefix('/')?.to_string(), bytes.clone()))).collect()
    }

    /// Makes a bucket what `objects` says, and ends all uploads.
    pub fn restore(&self, bucket: &str, objects: &BTreeMap<String, Vec<u8>>) {
        let mut all = self.state.objects.lock().unwrap();
        all.retain(|name, _| !name.starts_with(&format!("{bucket}/")));
        all.extend(objects.iter().map(|(name, bytes)| (format!("{bucket}/{name}"), bytes.clone())));
        self.state.uploads.lock().unwrap().clear();
    }

    /// How many uploads were begun and neither ended nor taken back.
    pub fn open_uploads(&self) -> usize {
        self.state.uploads.lock().unwrap().len()
    }

    /// Has all objects look as if they were written on this day.
    pub fn written(&self, day: &'static str) {
        *self.state.written.lock().unwrap() = day;
    }

    /// Has puts ignore conditions, as some servers do.
    pub fn ignores_conditions(&self) {
        self.state.careless.store(true, Ordering::SeqCst);
    }

    /// Has pages of listings so many objects.
    pub fn pages(&self, objects: usize) {
        self.state.page.store(objects, Ordering::SeqCst);
    }

    /// Says what becomes of requests, by the request and by how many came before it.
    pub fn fates(&self, fates: impl Fn(&Asked, usize) -> Fate + Send + Sync + 'static) {
        *self.state.fates.lock().unwrap() = Arc::new(fates);
    }

    /// `http://127.0.0.1:` and the port.
    pub fn url(&self) -> String {
        self.port.url()
    }

    /// What was asked since this was called last.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }

    /// How many requests were in flight at most.
    pub fn most_in_flight(&self) -> usize {
        self.state.most_in_flight.load(Ordering::SeqCst)
    }

    /// Has a command find this store, and no other.
    pub fn env<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .env("AWS_ENDPOINT_URL", self.url())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/SECRET")
            .env("AWS_REGION", "eu-test-1")
    }
}

/// An ETag by content: FNV-1a of 64 bits is enough for tests.
pub fn etag(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("\"{:016x}\"", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// An answer on its way.
pub struct Said {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Of HEAD: the length of a body that is not sent.
    pub length: Option<usize>,
}

impl Said {
    /// A refusal by this code of S3.
    pub fn refused(status: u16, code: &str) -> Said {
        let body = format!("<Error><Code>{code}</Code><Message>as the test says</Message></Error>");
        Said { status, headers: vec![], body: body.into_bytes(), length: None }
    }
}

/// Answers the requests of one connection, until either side closes it.
fn serve(stream: &TcpStream, state: &State) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = request(&mut lines)?;
        let asked = request.asked.clone();
        let now = state.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_in_flight.fetch_max(now, Ordering::SeqCst);
        let before = {
            let mut all = state.asked.lock().unwrap();
            all.push(asked.clone());
            all.len() - 1
        };
        // What a test does at a request may ask this store too.
        let fates = state.fates.lock().unwrap().clone();
        let fate = fates(&asked, before);
        let mut said = match fate {
            Fate::Dropped => Said::refused(500, "Dropped"),
            _ => answer(state, &request, &fate),
        };
        if request.method == "HEAD" {
            // An answer to it has no body, also where it refuses.
            said.length = said.length.or(Some(std::mem::take(&mut said.body).len()));
        }
        let sent = send(stream, &said, &fate);
        state.in_flight.fetch_sub(1, Ordering::SeqCst);
        sent?;
    }
}

fn request(lines: &mut BufReader<TcpStream>) -> Option<FullRequest> {
    let HttpRequest { method, target, headers, body } = HttpRequest::read(lines)?;
    let target = target.as_str();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut query: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_string(), decoded(&value.replace('+', " ")))).collect();
    let bare = query_names(target).filter(|name| !query.contains_key(name));
    query.extend(bare.collect::<Vec<_>>().into_iter().map(|name| (name, String::new())));
    let path = decoded(path).trim_start_matches('/').to_string();
    let range = headers.get("range").and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    });
    let (what, name) = match (method.as_str(), query.contains_key("list-type")) {
        ("GET", true) => {
            ("list", format!("{}/{}", path.trim_end_matches('/'), query.get("prefix").map_or("", |p| p)))
        }
        ("HEAD", _) => ("head", path),
        ("GET", _) => ("get", path),
        (method, _) => (store_writes::kind(method, &headers, &query), path),
    };
    Some(FullRequest { method, asked: Asked { what, name, range, headers }, query, body })
}

/// The names of the pairs of a query, also of those without a value.
fn query_names(target: &str) -> impl Iterator<Item = String> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter(|name| !name.is_empty())
        .map(|pair| pair.split('=').next().unwrap_or(pair).to_string())
}

fn answer(state: &State, request: &FullRequest, fate: &Fate) -> Said {
    let FullRequest { method, asked, query, .. } = request;
    let refused = Said::refused;
    match fate {
        Fate::Refused(status, code) => return refused(*status, code),
        Fate::Redirected(to) => {
            let headers = vec![("Location", to.clone())];
            return Said { status: 302, headers, body: vec![], length: None };
        }
        _ => {}
    }
    if !matches!(asked.what, "list" | "head" | "get") {
        return store_writes::answer(state, request);
    }
    let objects = state.objects.lock().unwrap();
    if asked.what == "list" {
        let (bucket, _) = asked.name.split_once('/').unwrap();
        if !objects.keys().any(|name| name.starts_with(&format!("{bucket}/"))) {
            return refused(404, "NoSuchBucket");
        }
        let body = listing(&objects, bucket, query, state).into_bytes();
        return Said {
            status: 200,
            headers: vec![("Content-Type", "application/xml".into())],
            body,
            length: None,
        };
    }
    let Some(bytes) = objects.get(&asked.name) else { return refused(404, "NoSuchKey") };
    let etag = etag(bytes);
    if asked.headers.get("if-match").is_some_and(|wanted| *wanted != etag) {
        return refused(412, "PreconditionFailed");
    }
    let mut headers = vec![("ETag", etag), ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT".to_string())];
    if method == "HEAD" {
        return Said { status: 200, headers, body: vec![], length: Some(bytes.len()) };
    }
    match asked.range {
        Some((from, to)) if *fate != Fate::Whole => {
            let end = (to as usize + 1).min(bytes.len());
            let Some(part) = bytes.get(from as usize..end).filter(|part| !part.is_empty()) else {
                return refused(416, "InvalidRange");
            };
            headers.push(("Content-Range", format!("bytes {from}-{}/{}", end - 1, bytes.len())));
            Said { status: 206, headers, body: part.to_vec(), length: None }
        }
        _ => Said { status: 200, headers, body: bytes.clone(), length: None },
    }
}

/// A page of a listing.
fn listing(
    objects: &BTreeMap<String, Vec<u8>>,
    bucket: &str,
    query: &BTreeMap<String, String>,
    state: &State,
) -> String {
    let (page, written) = (state.page.load(Ordering::SeqCst), *state.written.lock().unwrap());
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (prefix, delimiter, token) = (text("prefix"), text("delimiter"), text("continuation-token"));
    let most = text("max-keys").parse().unwrap_or(page).min(page);
    let (mut contents, mut folders, mut last, mut truncated) =
        (String::new(), BTreeSet::new(), String::new(), false);
    let mut count = 0;
    for (name, bytes) in objects {
        let Some(key) = name.strip_prefix(&format!("{bucket}/")) else { continue };
        let Some(rest) = key.strip_prefix(prefix.as_str()) else { continue };
        if !token.is_empty() && key <= token.as_str() {
            continue;
        }
        let folder = (!delimiter.is_empty()).then(|| rest.split_once('/')).flatten();
        let folder = folder.map(|(folder, _)| format!("{prefix}{folder}/"));
        if folder
            .as_ref()
            .is_some_and(|folder| folders.contains(folder) || token.starts_with(folder.as_str()))
        {
            last = key.to_string();
            continue;
        }
        if count == most {
            truncated = true;
            break;
        }
        count += 1;
        last = key.to_string();
        match folder {
            Some(folder) => drop(folders.insert(folder)),
            None => contents.push_str(&format!(
                "<Contents><Key>{}</Key><LastModified>{written}T07:28:00.000Z</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                escaped(key),
                escaped(&etag(bytes)),
                bytes.len()
            )),
        }
    }
    let folders: String = folders
        .iter()
        .map(|folder| format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(folder)))
        .collect();
    let next = if truncated {
        format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(&last))
    } else {
        String::new()
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>{bucket}</Name><KeyCount>{count}</KeyCount>\
         <IsTruncated>{truncated}</IsTruncated>{next}{contents}{folders}</ListBucketResult>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn send(mut stream: &TcpStream, said: &Said, fate: &Fate) -> Option<()> {
    if matches!(fate, Fate::HungUp | Fate::Dropped) {
        return None;
    }
    let mut head = format!("HTTP/1.1 {} Said\r\n", said.status);
    for (name, value) in &said.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", said.length.unwrap_or(said.body.len())));
    stream.write_all(head.as_bytes()).ok()?;
    match fate {
        Fate::Cut => {
            stream.write_all(&said.body[..said.body.len() / 2]).ok()?;
            return None;
        }
        Fate::Slow(millis) => {
            for piece in said.body.chunks((said.body.len() / 4).max(1)) {
                std::thread::sleep(Duration::from_millis(*millis));
                stream.write_all(piece).ok()?;
            }
        }
        _ => stream.write_all(&said.body).ok()?,
    }
    Some(())
}

#[test]
fn it_lists_by_pages_and_gives_ranges() {
    use std::io::Read;
    let server = StoreServer::new();
    for i in 0..7 {
        server.put(&format!("b/a/{i}"), format!("content of {i}"));
    }
    server.put("b/z", "");
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(server.port.address()).unwrap();
        write!(stream, "{request}\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let first = ask("GET /b?list-type=2&prefix=a%2F HTTP/1.1");
    assert_eq!(first.matches("<Key>").count(), PAGE, "{first}");
    assert!(first.contains("<NextContinuationToken>a/4<"), "{first}");
    let second = ask("GET /b?list-type=2&prefix=a%2F&continuation-token=a%2F4 HTTP/1.1");
    assert_eq!(second.matches("<Key>").count(), 2, "{second}");
    let folders = ask("GET /b?list-type=2&delimiter=%2F HTTP/1.1");
    assert!(folders.contains("<Prefix>a/<") && folders.contains("<Key>z<"), "{folders}");
    let part = ask("GET /b/a/3 HTTP/1.1\r\nRange: bytes=3-6");
    assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\ntent"), "{part}");
    assert!(ask("GET /b/a/3 HTTP/1.1\r\nIf-Match: \"x\"").starts_with("HTTP/1.1 412 "));
    assert_eq!(server.asked().len(), 5);
}
