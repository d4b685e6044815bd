//! `highwater serve`: the running program, asked over its socket.

use crate::golden::with_data;
use crate::support::Lab;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server, which ends with the test.
struct Server {
    child: Child,
    /// What it has printed: its address.
    address: String,
    port: u16,
}

/// An answer: its status, its headers with names in lower case, its body.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Server {
    /// Serves the folder of `lab`.
    fn of(lab: &Lab) -> Server {
        Server::with(lab, &[], &[])
    }

    fn with(lab: &Lab, args: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(["serve", "--port", "0"]).args(args).current_dir(lab.root());
        command.env_remove("HIGHWATER_TOKEN").envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_string();
        let port = address
            .trim_start_matches("http://")
            .split(['/', '?'])
            .next()
            .unwrap()
            .rsplit_once(':')
            .unwrap()
            .1;
        Server { port: port.parse().unwrap_or_else(|_| panic!("{address}")), child, address }
    }

    /// Sends bytes, and gives the answer.
    fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request).unwrap();
        let mut bytes = vec![];
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_string())).collect();
        Answer { status, headers, body: body.to_string() }
    }

    fn ask(&self, line: &str, headers: &str) -> Answer {
        self.raw(format!("{line} HTTP/1.1\r\n{headers}\r\n").as_bytes())
    }

    fn get(&self, target: &str) -> Answer {
        self.ask(&format!("GET {target}"), "Host: localhost\r\n")
    }

    /// The list of jobs.
    fn jobs(&self) -> Vec<Value> {
        let answer = self.get("/jobs");
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()["jobs"].as_array().unwrap().clone()
    }

    fn job(&self, name: &str) -> Value {
        let jobs = self.jobs();
        jobs.iter()
            .find(|job| job["name"] == name)
            .unwrap_or_else(|| panic!("{name} is not in {jobs:#?}"))
            .clone()
    }

    /// The page of a job.
    fn page(&self, name: &str) -> String {
        let id = self.job(name)["id"].as_str().unwrap().to_string();
        let answer = self.get(&format!("/job/{id}"));
        assert_eq!(answer.status, 200);
        answer.body
    }

    fn signal(mut self, signal: i32) -> Option<i32> {
        // SAFETY: a signal to a child that was not waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is in a page.
fn data(html: &str) -> Value {
    let (_, rest) = html.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// The HTML of a page that is not ours alone: between the place of the page and its data.
fn more(html: &str) -> &str {
    let (_, rest) = html.split_once("<div id=\"page\"></div>").unwrap();
    rest.split_once("<script type=\"application/json\"").unwrap().0
}

/// Waits for what the server sees at its next look at the folder.
fn eventually(holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "it never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const JOB: &str = r#"
name = "small"
[source]
path = "in/*.csv"
time = "t"
types = { kind = "string" }
[[output]]
path = "out/days"
window = { tumbling = "1 day" }
by = ["kind"]
select = { n = "count(*)" }
[[output]]
path = "out/all.csv"
select = { t = "t", kind = "kind" }
"#;

fn small() -> Lab {
    let lab = Lab::new();
    lab.write("in/a.csv", "t,kind\n2024-03-01T10:00:00Z,a\n2024-03-01T11:00:00Z,b\n2024-03-02T10:00:00Z,a\n");
    lab.done(JOB, &["-q"]);
    lab
}

#[test]
fn a_page_shows_what_the_page_of_the_run_shows() {
    let lab = with_data();
    let jobs = [
        "big-spenders",
        "pageviews-per-postcode",
        "money-enrichment",
        "user-sessions",
        "pageviews-so-far",
        "pageviews",
    ];
    let mut texts = vec![];
    for job in jobs {
        let text = fs::read_to_string(format!("data/jobs/{job}.toml")).unwrap();
        lab.write(&format!("{job}.toml"), format!("{text}\n[[output]]\npath = \"pages/{job}.html\"\n"));
        let answer = lab.highwater(&["run", &format!("{job}.toml"), "-q"]);
        assert_eq!(answer.code, 0, "{}", answer.err);
        texts.push(lab.text(&format!("pages/{job}.html")));
    }
    let server = Server::of(&lab);
    for (job, text) in jobs.iter().zip(texts) {
        let (served, of_run) = (data(&server.page(job)), data(&text));
        assert_eq!(served["run"], of_run["run"], "{job}");
        assert_eq!(served["zone"], of_run["zone"], "{job}");
        assert_eq!(served["job"]["mode"], of_run["job"]["mode"], "{job}");
        let outputs = |page: &Value| -> Vec<Value> {
            let all = page["outputs"].as_array().unwrap().iter();
            all.map(|output| {
                json!([
                    output["places"][0]["name"],
                    output["kind"],
                    output["about"],
                    output["rows"],
                    output["columns"],
                    output["charts"]
                ])
            })
            .collect()
        };
        let (served, of_run) = (outputs(&served), outputs(&of_run));
        assert_eq!(served.len(), of_run.len(), "{job}");
        for (served, of_run) in served.iter().zip(&of_run) {
            assert_eq!(served, of_run, "{job}");
        }
        // The page of a run has all of them, so nothing was compared with nothing.
        assert!(served.iter().any(|output| !output[5].is_null()), "{job} has no chart");
    }
}

#[test]
fn the_list_has_each_job_with_its_account_and_outputs() {
    let lab = small();
    lab.write("sub/idle.toml", JOB.replace("small", "idle"));
    lab.write("Cargo.toml", "[package]\nname = \"x\"\n");
    let server = Server::of(&lab);
    let jobs = server.jobs();
    let names: Vec<&str> = jobs.iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["idle", "small"]);
    let job = server.job("small");
    assert_eq!(job["file"], "job.toml");
    assert_eq!(
        job["account"],
        json!({ "read": 3, "rejected": 0, "filtered": 0, "duplicate": 0, "late": 0, "counted": 3 })
    );
    let outputs: Vec<_> =
        job["outputs"].as_array().unwrap().iter().map(|o| json!([o["name"], o["rows"]])).collect();
    assert_eq!(outputs, [json!(["out/days", 3]), json!(["out/all.csv", 3])]);
    assert_eq!(job["error"], Value::Null);
    // Its outputs are those of another job, whose name they have.
    let idle = server.job("idle");
    assert_eq!((&idle["outputs"], &idle["account"]), (&json!([]), &Value::Null));
    assert_eq!(idle["missing"], json!(["out/days", "out/all.csv"]));
    assert!(more(&server.page("idle")).contains("has no output in place"));
    // The same outputs without the file.
    fs::remove_file(lab.path("job.toml")).unwrap();
    fs::remove_file(lab.path("sub/idle.toml")).unwrap();
    eventually(|| server.job("small")["file"].is_null());
    let job = server.job("small");
    assert_eq!((&job["file"], job["outputs"].as_array().unwrap().len()), (&Value::Null, 2));
    let page = data(&server.page("small"));
    assert_eq!((&page["job"], page["outputs"].as_array().unwrap().len()), (&Value::Null, 2));
}

#[test]
fn nothing_is_written_and_nothing_is_run() {
    let lab = small();
    // A run would make these, and a plan would read this file.
    lab.write(
        "other.toml",
        JOB.replace("small", "other").replace("out/", "new/").replace("in/*.csv", "/proc/self/environ"),
    );
    let files = || {
        let all = Command::new("find")
            .args([".", "-printf", "%p %s %T@\n"])
            .current_dir(lab.root())
            .output()
            .unwrap();
        String::from_utf8(all.stdout).unwrap()
    };
    let before = files();
    let server = Server::of(&lab);
    for name in ["small", "other"] {
        assert!(!server.page(name).contains("PATH="));
    }
    server.get("/");
    assert_eq!(files(), before);
}

#[test]
fn other_methods_hosts_and_addresses_are_refused() {
    let lab = small();
    lab.write("secret.txt", "the secret");
    let server = Server::of(&lab);
    let host = "Host: 127.0.0.1\r\n";
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get"] {
        let answer = server.ask(&format!("{method} /"), host);
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "GET, HEAD"), "{method}");
    }
    for (headers, status) in [
        ("Host: localhost:1234\r\n", 200),
        ("Host: [::1]:80\r\n", 200),
        ("Host: evil.example\r\n", 403),
        ("Host: localhost.evil.example\r\n", 403),
        ("Host: 127.0.0.1.evil.example\r\n", 403),
        ("Host: 10.0.0.1\r\n", 403),
        ("Host:\r\n", 403),
        ("", 400),
        ("Host: localhost\r\nHost: evil.example\r\n", 400),
    ] {
        assert_eq!(server.ask("GET /", headers).status, status, "{headers}");
        assert_eq!(server.ask("GET /jobs", headers).status, status, "{headers}");
    }
    let root = lab.root().display().to_string();
    for target in [
        "/secret.txt",
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/job/../secret.txt",
        "/job/..%2f..%2fetc%2fpasswd",
        "/job/%00",
        "//etc/passwd",
        "/etc/passwd",
        "/out/all.csv",
        "/job.toml",
        "/job/",
        "/job/x/state",
        "/job/0000000000000000",
        "/jobs/",
        "/.",
        "http://localhost/secret.txt",
        "*",
        "/job/../../etc/passwd/state",
        &format!("/job/{root}/secret.txt"),
        &format!("{root}/secret.txt"),
    ] {
        let answer = server.ask(&format!("GET {target}"), host);
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.body.contains("the secret") && !answer.body.contains("root:"), "{target}");
    }
    for wrong in [
        "GET\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\nA b: c\r\n\r\n",
    ] {
        assert_eq!(server.raw(wrong.as_bytes()).status, 400, "{wrong:?}");
    }
    assert_eq!(server.ask("GET /", &format!("{host}X: {}\r\n", "x".repeat(20_000))).status, 431);
    let head = server.ask("HEAD /", host);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_ne!(head.headers["content-length"], "0");
}

#[test]
fn every_answer_has_the_headers_that_close_it() {
    let lab = small();
    let server = Server::of(&lab);
    let id = server.job("small")["id"].as_str().unwrap().to_string();
    for target in [
        "/".to_string(),
        "/jobs".into(),
        "/nothing".into(),
        format!("/job/{id}"),
        format!("/job/{id}/state"),
        "/job/0123456789abcdef".into(),
    ] {
        let answer = server.get(&target);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.headers[name], value, "{target}");
        }
        let policy = &answer.headers["content-security-policy"];
        assert!(
            policy.starts_with("default-src 'none'") && policy.ends_with("frame-ancestors 'none'"),
            "{policy}"
        );
        let scripts = policy.split("; ").find(|part| part.starts_with("script-src"));
        assert!(scripts.is_none_or(|scripts| !scripts.contains("unsafe")), "{policy}");
        if answer.headers["content-type"].starts_with("text/html") {
            assert!(answer.body.contains("http-equiv=\"Content-Security-Policy\""));
            // Only the page itself may be asked for.
            assert!(!answer.body.contains(" src=\"http") && policy.contains("connect-src 'self'"));
        }
    }
}

#[test]
fn an_address_that_is_not_loopback_needs_the_token() {
    let lab = small();
    let server = Server::with(&lab, &["--host", "0.0.0.0"], &[]);
    let token = server.address.split_once("?token=").unwrap().1.to_string();
    assert_eq!(token.len(), 64);
    let get = |target: &str, headers: &str| {
        server.ask(&format!("GET {target}"), &format!("Host: machine.example\r\n{headers}"))
    };
    for target in [
        "/",
        "/jobs",
        "/job/0123456789abcdef",
        "/nothing",
        "/?token=",
        "/?token=x",
        &format!("/?token={}", &token[1..]),
        &format!("/?token={token}x"),
    ] {
        let answer = get(target, "");
        assert_eq!(answer.status, 401, "{target}");
        assert!(!answer.headers.contains_key("set-cookie") && !answer.body.contains("small"));
    }
    // Once in the address, then as a cookie.
    let answer = get(&format!("/?token={token}"), "");
    assert_eq!(answer.status, 200);
    let cookie = answer.headers["set-cookie"].clone();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"),
        "{cookie}"
    );
    assert!(!answer.body.contains(&token) && !answer.body.contains("small"));
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(get("/jobs", &format!("Cookie: a=b; {pair}\r\n")).status, 200);
    assert_eq!(get("/jobs", &format!("Cookie: {pair}x\r\n")).status, 401);
    let (name, _) = pair.split_once('=').unwrap();
    assert_eq!(get("/jobs", &format!("Cookie: {name}=\r\n")).status, 401);
    assert_eq!(server.ask("POST /", &format!("Host: x\r\nCookie: {pair}\r\n")).status, 405);
}

#[test]
fn a_token_that_is_given_is_needed_on_loopback_too() {
    let lab = small();
    lab.write("token", "0123456789abcdef-file\n");
    /// Arguments, the variable of the environment, and the token that counts.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case; 3] = [
        (
            &["--token-file", "token"],
            &[("HIGHWATER_TOKEN", "0123456789abcdef-environment")],
            "0123456789abcdef-file",
        ),
        (&[], &[("HIGHWATER_TOKEN", "0123456789abcdef-environment")], "0123456789abcdef-environment"),
        (
            &["--host", "0.0.0.0"],
            &[("HIGHWATER_TOKEN", "0123456789abcdef-environment")],
            "0123456789abcdef-environment",
        ),
    ];
    for (args, environment, token) in cases {
        let server = Server::with(&lab, args, environment);
        assert!(!server.address.contains("0123456789abcdef"), "{}", server.address);
        assert_eq!(server.get("/jobs").status, 401);
        assert_eq!(server.get(&format!("/jobs?token={token}")).status, 200);
        assert_eq!(
            server.ask("GET /", "Host: evil.example\r\n").status,
            if args.contains(&"--host") { 401 } else { 403 }
        );
    }
    lab.write("short", "0123456789");
    for (args, environment) in [(vec!["--token-file", "short"], ""), (vec![], "with a blank and more")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(["serve", "--port", "0"]).args(args);
        let answer = lab.hear(if environment.is_empty() {
            &mut command
        } else {
            command.env("HIGHWATER_TOKEN", environment)
        });
        assert_eq!(answer.code, 2, "{}", answer.err);
        assert!(
            answer.err.contains("cannot be used")
                && !answer.err.contains("with a blank")
                && !answer.err.contains("0123456789"),
            "{}",
            answer.err
        );
    }
}

#[test]
fn hostile_names_are_text() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\"'&\u{7}";
    let lab = Lab::new();
    lab.write("in.csv", format!("t,kind\n2024-03-01T10:00:00Z,\"{}\"\n", hostile.replace('"', "\"\"")));
    let long = "x".repeat(200);
    let toml = |text: &str| serde_json::to_string(text).unwrap().replace('\u{7}', "\\u0007");
    let job = |name: &str| {
        format!(
            "name = {}\n[source]\npath = \"in.csv\"\ntime = \"t\"\n[[output]]\npath = {}\nwindow = {{ tumbling = \"1 day\" }}\nby = [\"kind\"]\nselect = {{ {} = \"count(*)\" }}\n",
            toml(name),
            toml("out/<b>&'.csv"),
            toml("</td><script>n"),
        )
    };
    lab.write("<img src=x>.toml", job(hostile));
    lab.write("long.toml", job(&long).replace("out/", "long/"));
    lab.write(
        "broken.toml",
        "name = \"<script>alert(3)</script>\"\n[source]\n[[output]]\nwindow = \"<b>\"\n",
    );
    for file in ["<img src=x>.toml", "long.toml"] {
        let answer = lab.highwater(&["run", file, "-q"]);
        assert_eq!(answer.code, 0, "{}", answer.err);
    }
    let server = Server::of(&lab);
    let pages: Vec<String> = server
        .jobs()
        .iter()
        .map(|job| server.get(&format!("/job/{}", job["id"].as_str().unwrap())).body)
        .chain([server.get("/").body])
        .collect();
    assert_eq!(pages.len(), 4);
    for page in &pages {
        for wrong in ["<script>alert", "<img src=x", "</script><script>", "<b>"] {
            assert!(!page.contains(wrong), "{wrong}");
        }
        data(page);
    }
    let names: Vec<String> =
        server.jobs().iter().map(|job| job["name"].as_str().unwrap().to_string()).collect();
    assert!(names.contains(&long) && names.contains(&hostile.to_string()), "{names:?}");
}

#[test]
fn links_are_not_followed() {
    let outside = small();
    let lab = Lab::new();
    lab.write("here/x", "");
    let link = |to: &Path, name: &str| {
        let path = lab.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, path).unwrap();
    };
    // A folder, a job file, a state folder, a manifest.
    link(outside.root(), "folder");
    link(&outside.path("job.toml"), "linked.toml");
    link(&outside.path("out/days/_highwater"), "a/_highwater");
    link(&outside.path("out/days/_highwater/manifest.json"), "b/_highwater/manifest.json");
    // A job that names places outside.
    let root = outside.root().display().to_string();
    lab.write("absolute.toml", JOB.replace("small", "absolute").replace("out/", &format!("{root}/out/")));
    lab.write("above.toml", JOB.replace("small", "above").replace("out/", "../../../../../../../../etc/"));
    let server = Server::of(&lab);
    let names: Vec<Value> = server.jobs().iter().map(|job| job["name"].clone()).collect();
    assert_eq!(names, ["above", "absolute"]);
    for name in ["above", "absolute"] {
        assert_eq!(server.job(name)["outputs"], json!([]), "{name}");
        assert_eq!(data(&server.page(name))["outputs"], json!([]));
    }
    // A part that is a link to a file with the right bytes, and one in a linked folder.
    let inner = small();
    let server = Server::of(&inner);
    assert_eq!(data(&server.page("small"))["outputs"].as_array().unwrap().len(), 2);
    let moved = outside.path("moved.csv");
    fs::rename(inner.path("out/all.csv"), &moved).unwrap();
    std::os::unix::fs::symlink(&moved, inner.path("out/all.csv")).unwrap();
    let server = Server::of(&inner);
    let page = server.page("small");
    let outputs: Vec<Value> =
        data(&page)["outputs"].as_array().unwrap().iter().map(|o| o["places"][0]["name"].clone()).collect();
    assert_eq!(outputs, ["out/days"]);
    assert!(more(&page).contains("out/all.csv") && more(&page).contains("cannot be shown"));
}

#[test]
fn what_is_broken_is_an_error_of_its_job_alone() {
    let lab = small();
    for name in ["one", "two", "three"] {
        let job = JOB.replace("small", name).replace("out/", &format!("{name}/"));
        lab.write(&format!("{name}.toml"), &job);
        assert_eq!(lab.highwater(&["run", &format!("{name}.toml"), "-q"]).code, 0);
    }
    lab.write("one/days/_highwater/manifest.json", "{ \"version\": 1, ");
    lab.write("two.toml", lab.text("two.toml").replace("tumbling", "tumblin"));
    let mut part = lab.text("three/all.csv");
    part = part.replace(",a", ",c");
    lab.write("three/all.csv", part);
    lab.write("syntax.toml", "name = \"syntax\n[source]\n[[output]]\n");
    let server = Server::of(&lab);
    assert_eq!(server.jobs().len(), 5);
    assert_eq!(server.job("small")["error"], Value::Null);
    let one = server.job("one");
    assert!(one["outputs"][0]["error"].as_str().unwrap().contains("manifest"), "{one}");
    assert_eq!((&one["outputs"][1]["rows"], &one["account"]["read"]), (&json!(3), &json!(3)));
    // The job is wrong, and what it wrote is there still.
    let two = server.job("two");
    assert!(two["error"].as_str().unwrap().contains("tumbling"), "{two}");
    assert_eq!(two["account"]["read"], 3);
    let page = server.page("two");
    assert!(more(&page).contains("The job file has an error"));
    assert_eq!(data(&page)["outputs"].as_array().unwrap().len(), 2);
    assert!(server.job("syntax")["error"].as_str().unwrap().contains("syntax.toml"));
    // Rows that the run did not write are not shown as its rows.
    let page = server.page("three");
    assert!(more(&page).contains("was changed from outside"), "{}", more(&page));
    assert_eq!(data(&page)["outputs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_commit_shows_whole_or_not_at_all() {
    let lab = small();
    let server = Server::of(&lab);
    let id = server.job("small")["id"].as_str().unwrap().to_string();
    let extra = "t,kind\n2024-03-05T10:00:00Z,z\n2024-03-06T10:00:00Z,z\n";
    let stop = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let runs = scope.spawn(|| {
            for i in 0..8 {
                match i % 2 {
                    0 => lab.write("in/b.csv", extra),
                    _ => fs::remove_file(lab.path("in/b.csv")).unwrap(),
                }
                let answer = lab.highwater(&["run", "job.toml", "-q"]);
                assert_eq!(answer.code, 0, "{}", answer.err);
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut seen = std::collections::BTreeSet::new();
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            let answer = server.get(&format!("/job/{id}"));
            let page = data(&answer.body);
            let rows: Vec<u64> =
                page["outputs"].as_array().unwrap().iter().map(|o| o["rows"].as_u64().unwrap()).collect();
            let read = page["run"]["account"]["read"].as_u64();
            // Both outputs have a row for each record here.
            if let Some(read) = read {
                assert_eq!(rows, [read, read], "half of a commit: {}", more(&answer.body));
                seen.insert(read);
            } else {
                assert!(more(&answer.body).contains("commit is under way"), "{}", more(&answer.body));
            }
            let card = server.job("small");
            let rows: Vec<&Value> = card["outputs"].as_array().unwrap().iter().map(|o| &o["rows"]).collect();
            assert!(rows.iter().all(|rows| **rows == card["account"]["read"]), "{card}");
            assert_eq!(card["mixed"], false);
        }
        runs.join().unwrap();
        seen
    });
    assert!(seen.len() == 2, "both states were there: {seen:?}");
}

#[test]
fn the_state_changes_with_a_commit_and_not_else() {
    let lab = small();
    let server = Server::of(&lab);
    let id = server.job("small")["id"].as_str().unwrap().to_string();
    let state = || serde_json::from_str::<Value>(&server.get(&format!("/job/{id}/state")).body).unwrap();
    let page = data(&server.page("small"));
    assert_eq!(state(), json!({ "state": page["live"]["state"], "committing": false }));
    let list: Value = serde_json::from_str(&server.get("/jobs").body).unwrap();
    let have = format!("/jobs?have={}", list["state"].as_str().unwrap());
    assert_eq!(server.get(&have).status, 204);
    // A run that changes nothing.
    lab.done(JOB, &["-q"]);
    assert_eq!(server.get("/jobs").status, 200);
    lab.write("in/b.csv", "t,kind\n2024-03-05T10:00:00Z,z\n");
    assert_eq!(lab.highwater(&["run", "job.toml", "-q"]).code, 0);
    eventually(|| server.get(&have).status == 200);
    eventually(|| server.job("small")["account"]["read"] == 4);
    assert_eq!(server.get(&have).status, 200);
    assert_ne!(state()["state"], page["live"]["state"]);
    let next = data(&server.page("small"));
    assert_eq!((&state()["state"], &next["run"]["account"]["read"]), (&next["live"]["state"], &json!(4)));
    // A journal: a commit is under way, or was interrupted. What was whole is shown.
    lab.write("out/days/_highwater/journal.json", "{}");
    eventually(|| server.job("small")["committing"] == true);
    assert_eq!(state(), json!({ "state": null, "committing": true }));
    let card = server.job("small");
    assert_eq!((&card["committing"], &card["account"]["read"]), (&json!(true), &json!(4)));
    assert_eq!(data(&server.page("small"))["run"]["account"]["read"], 4);
    // A server that has not seen the state before the commit has no numbers to show, and says why.
    let other = Server::of(&lab);
    assert_eq!(other.job("small")["account"], Value::Null);
    let page = other.page("small");
    assert_eq!(data(&page)["run"], Value::Null);
    assert!(more(&page).contains("commit is under way, or was interrupted"));
}

#[test]
fn outputs_of_two_runs_and_an_edited_job_are_told() {
    let lab = small();
    lab.write("in/b.csv", "t,kind\n2024-03-05T10:00:00Z,z\n");
    let (one, _) = JOB.rsplit_once("[[output]]").unwrap();
    lab.write("part.toml", one);
    assert_eq!(lab.highwater(&["run", "part.toml", "-q"]).code, 0);
    fs::remove_file(lab.path("part.toml")).unwrap();
    let server = Server::of(&lab);
    assert_eq!(server.job("small")["mixed"], true);
    assert!(more(&server.page("small")).contains("not of one run"));
    std::thread::sleep(Duration::from_millis(20));
    lab.write("job.toml", format!("{JOB}# edited\n"));
    eventually(|| more(&server.page("small")).contains("changed after the last commit"));
    assert!(more(&server.page("small")).contains("changed after the last commit"));
}

#[test]
fn backfills_and_a_recorded_verification_are_shown() {
    let lab = small();
    lab.write("late.csv", "t,kind\n2024-03-01T12:00:00Z,a\n2024-03-09T12:00:00Z,<i>\n");
    let answer = lab.highwater(&["backfill", "job.toml", "late.csv"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let server = Server::of(&lab);
    assert_eq!(server.job("small")["backfills"], 1);
    let page = server.page("small");
    let text = more(&page);
    for wanted in
        ["Changes by backfills", "late.csv", "backfill 1", "&lt;i&gt;", "new row", "2024-03-09T00:00:00Z"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert_eq!(data(&page)["run"]["account"]["read"], 5);
    assert!(!text.contains("Verification"));
    // What verify said, kept after the commit; then a commit that it does not know.
    let verified = lab.highwater(&["verify", "job.toml", "--json"]);
    lab.write("small.verify.json", &verified.out);
    eventually(|| server.job("small")["verify"].is_object());
    let job = server.job("small");
    assert_eq!(
        job["verify"],
        json!({ "same": serde_json::from_str::<Value>(&verified.out).unwrap()["same"], "before": false, "other": true })
    );
    let page = server.page("small");
    assert!(more(&page).contains("Verification") && !more(&page).contains("before the last commit"));
    lab.write("in/c.csv", "t,kind\n2024-03-07T10:00:00Z,z\n");
    assert_eq!(lab.highwater(&["run", "job.toml", "-q"]).code, 0);
    eventually(|| server.job("small")["verify"]["before"] == true);
    assert_eq!(server.job("small")["verify"]["before"], true);
    assert!(more(&server.page("small")).contains("recorded before the last commit"));
    lab.write("small.verify.json", "{\"same\": true}");
    eventually(|| server.job("small")["verify"]["error"].is_string());
    assert!(server.job("small")["verify"]["error"].is_string());
}

#[test]
fn secrets_of_a_job_are_not_shown() {
    let lab = small();
    let secret = "hunter2hunter2";
    let lookup = format!(
        "{JOB}\n# postgres://me:{secret}@db/x\n[[step]]\nlookup = \"http://u:{secret}@host/{{kind}}?token={secret}\"\ntake = [\"x\"]\nheaders = {{ Authorization = \"Bearer {secret}\" }}\nfault = 1\n"
    );
    lab.write("job.toml", lookup);
    let server = Server::of(&lab);
    let page = server.page("small");
    assert!(page.contains("The job file has an error"));
    assert!(
        !page.contains(secret)
            && !server.get("/").body.contains(secret)
            && !server.get("/jobs").body.contains(secret)
    );
}

#[test]
fn many_jobs_list_fast() {
    let lab = small();
    for i in 0..50 {
        let name = format!("job {i:02}");
        lab.write(
            &format!("jobs/{i}.toml"),
            JOB.replace("small", &name).replace("out/", &format!("many/{i}/")),
        );
    }
    let began = Instant::now();
    for i in 0..4 {
        assert_eq!(lab.highwater(&["run", &format!("jobs/{i}.toml"), "-q"]).code, 0);
    }
    let runs = began.elapsed();
    let server = Server::of(&lab);
    let began = Instant::now();
    assert_eq!(server.jobs().len(), 51);
    // The first look parses all of them; four runs take longer on any machine.
    let first = began.elapsed();
    assert!(first < runs * 3 + Duration::from_secs(2), "{first:?}, and four runs {runs:?}");
}

#[test]
fn signals_end_it_well_and_a_port_in_use_is_an_error() {
    let lab = small();
    for signal in [libc::SIGTERM, libc::SIGINT] {
        assert_eq!(Server::of(&lab).signal(signal), Some(0));
    }
    let server = Server::of(&lab);
    let answer = lab.highwater(&["serve", "--port", &server.port.to_string()]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert!(answer.err.contains("--port 0"), "{}", answer.err);
    // A client that says nothing does not hold up others.
    let _silent = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    assert_eq!(server.get("/jobs").status, 200);
    let answer = lab.highwater(&["serve", "nothing-here", "--port", "0"]);
    assert_eq!(answer.code, 4, "{}", answer.err);
    assert_eq!(lab.highwater(&["serve", "job.toml", "--port", "0"]).code, 2);
}
