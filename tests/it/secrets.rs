//! Passwords and tokens: where they are sent, and where they are not to be found.

use crate::support::{Answer, Lab};
use std::process::Command;

#[allow(dead_code, reason = "the library's tests use more of it")]
#[path = "../../src/lookup/testing.rs"]
mod testing;
use testing::{Response, TestServer};

const SECRETS: [&str; 4] = ["hunter2", "t0ken", "k3y", "aHVudGVyMg"];

/// A lab whose events ask `url`, with further keys of the step.
fn job(url: &str, keys: &str) -> String {
    format!(
        "name = \"j\"\n[source]\npath = \"log.csv\"\ntime = \"at\"\ntime_unit = \"s\"\ntypes = {{ id = \"string\" }}\n\
         [[step]]\nlookup = \"{url}\"\ntake = {{ v = \"/v\" }}\nbackoff = \"1ms\"\nretries = 0\n{keys}\n\
         [[output]]\npath = \"out/o.csv\"\n"
    )
}

fn lab(job: &str) -> Lab {
    let lab = Lab::new();
    lab.write("job.toml", job);
    lab.write("log.csv", "at,id\n1,a\n2,b\n3,a\n");
    lab
}

/// The binary with these variables.
fn with(lab: &Lab, environment: &[(&str, &str)], args: &[&str]) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.args(args).env_remove("TOKEN").envs(environment.iter().copied());
    lab.hear(&mut command)
}

fn done(lab: &Lab, environment: &[(&str, &str)], args: &[&str]) -> Answer {
    let answer = with(lab, environment, args);
    assert_eq!(answer.code, 0, "{args:?}: {}", answer.err);
    answer
}

fn echo(path: &str, _: usize) -> Response {
    let key = path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    Response::new(200, format!("{{\"v\": \"of {key}\"}}"))
}

fn no_secret(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} has {secret}:\n{text}");
    }
}

/// All files below the folder but the job.
fn files(lab: &Lab) -> Vec<(String, String)> {
    let (mut folders, mut found) = (vec![lab.root().to_path_buf()], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false if entry.file_name() == "job.toml" => {}
                false => {
                    let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
                    found.push((entry.path().display().to_string(), text));
                }
            }
        }
    }
    found
}

/// A URL of this server with a login.
fn with_login(server: &TestServer, login: &str) -> String {
    server.url().replace("http://", &format!("http://{login}@"))
}

#[test]
fn secrets_are_sent_and_are_in_no_file_and_no_word() {
    let server = TestServer::start(echo);
    let job = job(
        &(with_login(&server, "me:hunter2") + "/u/{id}?token=${TOKEN}&apikey=k3y&x=1"),
        "headers = { X-Api-Key = \"k3y\", X-Trace = \"on\" }",
    ) + "[[output]]\npath = \"out/page.html\"\nof = \"out/o.csv\"\n";
    let lab = lab(&job);
    let token = [("TOKEN", "t0ken")];
    let mut said = vec![];
    for args in [
        &["run", "job.toml", "--json", "--log", "json"][..],
        &["explain", "job.toml"],
        &["check", "job.toml"],
        &["run", "job.toml", "--refresh-lookups"],
        &["report", "job.toml", "-o", "page2.html"],
    ] {
        let answer = done(&lab, &token, args);
        said.push((args.join(" "), answer.out + &answer.err));
    }
    let seen = server.seen();
    assert_eq!(
        seen.hits.keys().collect::<Vec<_>>(),
        ["/u/a?token=t0ken&apikey=k3y&x=1", "/u/b?token=t0ken&apikey=k3y&x=1"]
    );
    for header in ["x-api-key: k3y", "x-trace: on", "authorization: basic bwu6ahvudgvymg=="] {
        assert!(seen.headers.iter().any(|line| line == header), "{header}: {:?}", seen.headers);
    }
    said.extend(files(&lab));
    assert!(said.len() > 8, "{}", said.len());
    said.iter().for_each(|(what, text)| no_secret(what, text));
    let record = lab.text("out/o.csv.lookups.jsonl");
    let host = server.url();
    assert!(
        record.starts_with(&format!("{{\"url\":\"{host}/u/a?token=***&apikey=***&x=1\",\"status\":200")),
        "{record}"
    );
}

#[test]
fn a_variable_is_read_by_the_first_request_and_not_before() {
    let server = TestServer::start(echo);
    let lab = lab(&job(&(server.url() + "/u/{id}"), "headers = { Authorization = \"Bearer ${TOKEN}\" }"));
    for args in [["check", "job.toml"], ["explain", "job.toml"]] {
        let answer = done(&lab, &[], &args);
        assert!(
            answer.out.contains("not set in the environment") && answer.out.contains("TOKEN"),
            "{}",
            answer.out
        );
        assert!(!done(&lab, &[("TOKEN", "t0ken")], &args).out.contains("not set"));
    }
    for environment in [&[][..], &[("TOKEN", "")]] {
        let answer = with(&lab, environment, &["run", "job.toml"]);
        assert_eq!(answer.code, 2, "{}", answer.err);
        assert!(answer.err.contains("the variable TOKEN is not set"), "{}", answer.err);
    }
    let answer = with(&lab, &[("TOKEN", "a\nb")], &["run", "job.toml"]);
    assert!(
        answer.code == 2 && answer.err.contains("the value of TOKEN cannot be used in a header"),
        "{}",
        answer.err
    );
    assert_eq!(server.seen().requests(), 0);
    done(&lab, &[("TOKEN", "t0ken")], &["run", "job.toml"]);
    assert!(server.seen().headers.contains(&"authorization: bearer t0ken".to_string()));
    // All is on record: nobody is asked, and nothing is needed.
    done(&lab, &[], &["run", "job.toml"]);
    assert_eq!(server.seen().requests(), 2);
}

#[test]
fn another_secret_is_not_another_job() {
    let server = TestServer::start(echo);
    let lab = lab("");
    let hash = |login: &str, token: &str, header: &str| {
        lab.write("job.toml", job(&(with_login(&server, login) + "/u/{id}?token=" + token), header));
        let answer = done(&lab, &[("TOKEN", "t0ken")], &["run", "job.toml", "--json"]);
        let manifest: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        let text = manifest.to_string();
        let at = text.find("\"hash\":\"").unwrap();
        text[at..at + 50].to_string()
    };
    let first = hash("me:hunter2", "t0ken", "headers = { X-Api-Key = \"k3y\" }");
    assert_eq!(hash("me:hunter3", "${TOKEN}", "headers = { X-Api-Key = \"${TOKEN}\" }"), first);
    assert_eq!(hash("you:${TOKEN}", "new", ""), first);
    // And the answers are those on record.
    assert_eq!(server.seen().requests(), 2);
}

#[test]
fn a_record_of_an_older_version_is_used_and_loses_its_secrets() {
    let server = TestServer::start(echo);
    let url = with_login(&server, "me:hunter2");
    let other = "http://gone.example/x?token={}";
    let old = |key: &str, v: &str| {
        format!("{{\"url\":\"{url}/u/{key}?token=t0ken\",\"status\":200,\"body\":{{\"v\":\"{v}\"}}}}\n")
    };
    let lab = lab(&job(&(url.clone() + "/u/{id}?token=${TOKEN}"), ""));
    lab.write(
        "out/o.csv.lookups.jsonl",
        format!("{{\"url\":\"{other}\",\"status\":404}}\n{}{}", old("a", "old a"), old("z", "old z")),
    );
    done(&lab, &[("TOKEN", "new")], &["run", "job.toml"]);
    assert_eq!(server.seen().hits.keys().collect::<Vec<_>>(), ["/u/b?token=new"]);
    assert_eq!(lab.text("out/o.csv"), "at,id,v\n1,a,old a\n2,b,of b\n3,a,old a\n");
    let host = server.url();
    let line = |key: &str, v: &str| {
        format!("{{\"url\":\"{host}/u/{key}?token=***\",\"status\":200,\"body\":{{\"v\":\"{v}\"}}}}\n")
    };
    assert_eq!(
        lab.text("out/o.csv.lookups.jsonl"),
        format!(
            "{}{}{}{{\"url\":\"{other}\",\"status\":404}}\n",
            line("a", "old a"),
            line("b", "of b"),
            line("z", "old z")
        )
    );
    // Also where nothing new is asked for.
    lab.write("out/o.csv.lookups.jsonl", old("a", "old a") + &old("b", "old b"));
    done(&lab, &[], &["run", "job.toml"]);
    assert_eq!(lab.text("out/o.csv.lookups.jsonl"), line("a", "old a") + &line("b", "old b"));
}

#[test]
fn headers_and_logins_go_to_no_other_host() {
    let other = TestServer::start(echo);
    let elsewhere = other.url();
    let server = TestServer::start(move |path, _| match path {
        "/u/a" => Response::new(302, "").header("Location", "/v/a"),
        "/u/b" => Response::new(307, "").header("Location", format!("{elsewhere}/v/b")),
        _ => echo(path, 0),
    });
    let keys = "in_flight = 1\nheaders = { X-Api-Key = \"${TOKEN}\" }";
    let lab = lab(&job(&(with_login(&server, "me:hunter2") + "/u/{id}"), keys));
    done(&lab, &[("TOKEN", "t0ken")], &["run", "job.toml"]);
    assert_eq!(lab.text("out/o.csv"), "at,id,v\n1,a,of a\n2,b,of b\n3,a,of a\n");
    assert_eq!(server.seen().hits.keys().collect::<Vec<_>>(), ["/u/a", "/u/b", "/v/a"]);
    assert!(server.seen().headers.contains(&"x-api-key: t0ken".to_string()));
    let seen = other.seen();
    assert_eq!(seen.hits.keys().collect::<Vec<_>>(), ["/v/b"]);
    let secret = |line: &&String| line.contains("t0ken") || line.starts_with("authorization");
    assert_eq!(seen.headers.iter().find(secret), None);
}

#[test]
fn what_a_service_says_does_not_bring_a_secret_into_an_error() {
    let server = TestServer::start(|path, _| match path.contains("/a") {
        true => Response::new(401, format!("no such token: {path}")),
        false => Response::new(302, "").header("Location", "file:///etc/passwd?token=hunter2"),
    });
    let lab = lab(&job(&(server.url() + "/u/{id}?t=${TOKEN}"), "in_flight = 1"));
    let answer = with(&lab, &[("TOKEN", "t0ken")], &["run", "job.toml"]);
    assert!(answer.code == 4 && answer.err.contains("401") && answer.err.contains("t=***"), "{}", answer.err);
    no_secret("the error", &answer.err);
    lab.write("log.csv", "at,id\n1,b\n");
    let answer = with(&lab, &[("TOKEN", "t0ken")], &["run", "job.toml"]);
    assert!(
        answer.err.contains("it is redirected to `file:///etc/passwd?token=***`, which cannot be requested"),
        "{}",
        answer.err
    );
}

#[test]
fn faults_of_urls_and_headers_name_the_place() {
    let wrong = |url: &str, keys: &str, says: &str| {
        let lab = lab(&job(url, keys));
        let answer = with(&lab, &[], &["check", "job.toml"]);
        assert!(answer.code == 2 && answer.err.contains(says), "{url} {keys}\n{}", answer.err);
        no_secret(url, &answer.err);
    };
    wrong("http://h/{id}?t=${TO-KEN}", "", "`${TO-KEN}` does not name an environment variable");
    wrong("http://h/{id}?t=${TOKEN", "", "do not match");
    wrong("http://me:hunter2@h/{id", "", "do not match");
    wrong(
        "http://me:hunter2@h/{id}",
        "headers = { \"a b\" = \"x\", Authorization = \"t0ken\" }",
        "`a b` is not the name of a header",
    );
    wrong("http://h/{id}", "headers = { Host = \"x\" }", "the header `Host` is set by the request itself");
    wrong("http://h/{id}", "headers = { A = \"x\", a = \"y\" }", "the header `a` is given twice");
    wrong("http://h/{id}", "headers = [\"A\"]", "`headers`");
    wrong("table.csv", "headers = { A = \"x\" }\non = [\"id\"]", "`headers` goes with a lookup by a service");
    let two = "otherwise = [{ lookup = \"http://you:k3y@h/{id}\" }]";
    wrong("http://me:hunter2@h/{id}", two, "two lookups request the same URL with different credentials");
}

#[test]
fn a_command_line_that_cannot_be_read_does_not_show_a_password() {
    let lab = Lab::new();
    for url in ["postgres://me:hunter2@h/d", "http://h/x?token=t0ken"] {
        let answer = lab.highwater(&["run", "job.toml", url]);
        assert_eq!(answer.code, 2);
        assert!(answer.err.contains("***"), "{}", answer.err);
        no_secret(url, &answer.err);
    }
}
