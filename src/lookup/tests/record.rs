//! What is on record, from run to run.

use super::*;
use std::time::Duration;

#[test]
fn the_second_run_asks_nobody_and_refresh_asks_again() {
    let server = TestServer::start(|path, before| match path {
        "/none" => Response::new(410, ""),
        "/fail" => Response::new(400, ""),
        _ => Response::new(200, format!("{{ \"v\": \"{before}\", \"n\": [1.50, 1E5] }}")),
    });
    let (_folder, file) = file();
    let plan = ServicePlan { on_failure: OnFailure::Null, ..plan(&server) };
    let ids = ["b", "none", "a", "fail"];
    run(&plan, Some(&file), false, &ids).unwrap();
    let first = fs::read_to_string(&file).unwrap();
    let url = server.url();
    let line = |id: &str, v: u32| {
        format!("{{\"url\":\"{url}/{id}\",\"status\":200,\"body\":{{\"v\":\"{v}\",\"n\":[1.50,1E5]}}}}\n")
    };
    let none = format!("{{\"url\":\"{url}/none\",\"status\":410}}\n");
    assert_eq!(first, [line("a", 0), line("b", 0), none.clone()].concat());

    let (answers, report) = run(&plan, Some(&file), false, &ids).unwrap();
    assert_eq!(texts(&answers), [Some("0".into()), None, Some("0".into()), None]);
    assert_eq!(report, LookupReport { asked: 1, recorded: 3, failed: 1, ..Default::default() });
    assert_eq!(server.seen().hits["/a"], 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), first);

    // What this run does not need stays on record.
    let (answers, report) = run(&plan, Some(&file), true, &["a", "c"]).unwrap();
    assert_eq!(texts(&answers), some(&["1", "0"]));
    assert_eq!(report, LookupReport { asked: 2, ..Default::default() });
    let want = [line("a", 1), line("b", 0), line("c", 0), none].concat();
    assert_eq!(fs::read_to_string(&file).unwrap(), want);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_run_that_needs_nothing_new_leaves_the_file_alone() {
    let server = TestServer::start(|path, _| echo(path));
    let (_folder, file) = file();
    run(&plan(&server), Some(&file), false, &[]).unwrap();
    assert!(!file.parent().unwrap().exists());
    run(&plan(&server), Some(&file), false, &["b", "a"]).unwrap();
    let mut lines: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(str::to_string).collect();
    lines.reverse();
    fs::write(&file, lines.join("\n\n")).unwrap();
    run(&plan(&server), Some(&file), false, &["b", "a"]).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), lines.join("\n\n"));
    run(&plan(&server), Some(&file), false, &["b", "a", "c"]).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 3);
    assert_eq!(server.seen().requests(), 3);
}

#[test]
fn a_refreshed_failure_forgets_the_old_answer() {
    let server =
        TestServer::start(|path, before| if before == 0 { echo(path) } else { Response::new(400, "") });
    let (_folder, file) = file();
    let plan = ServicePlan { on_failure: OnFailure::Null, ..plan(&server) };
    run(&plan, Some(&file), false, &["a"]).unwrap();
    let (answers, _) = run(&plan, Some(&file), true, &["a"]).unwrap();
    assert_eq!(texts(&answers), [None]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn a_run_that_ended_early_asks_nobody_twice() {
    let server = TestServer::start(|path, before| match (path, before) {
        ("/bad", 0) => Response::new(400, "").after(500),
        _ => echo(path),
    });
    let (_folder, file) = file();
    let partial = PathBuf::from(format!("{}.partial", file.display()));
    let plan = plan(&server);
    assert!(run(&plan, Some(&file), false, &["a", "b", "none", "bad"]).is_err());
    assert!(!file.exists());
    // A line that was cut off by a kill.
    let mut torn = fs::read(&partial).unwrap();
    assert_eq!(torn.iter().filter(|&&c| c == b'\n').count(), 3);
    torn.extend_from_slice(format!("{{\"url\":\"{}/a\",\"status\":404}}", server.url()).as_bytes());
    fs::write(&partial, &torn).unwrap();

    let (answers, report) = run(&plan, Some(&file), false, &["bad", "b", "a", "none"]).unwrap();
    assert_eq!(texts(&answers), some(&["bad", "b", "a", "none"]));
    assert_eq!(report, LookupReport { asked: 1, recorded: 3, ..Default::default() });
    assert!(!partial.exists());
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 4);

    // A refresh that was killed: what it has goes before the file, and a new refresh forgets it.
    let newer = format!("{{\"url\":\"{}/a\",\"status\":200,\"body\":{{\"v\":\"new\"}}}}\n", server.url());
    fs::write(&partial, &newer).unwrap();
    assert_eq!(texts(&run(&plan, Some(&file), false, &["a"]).unwrap().0), some(&["new"]));
    assert!(!partial.exists() && fs::read_to_string(&file).unwrap().contains(&newer));
    fs::write(&partial, &newer).unwrap();
    assert_eq!(texts(&run(&plan, Some(&file), true, &["a"]).unwrap().0), some(&["a"]));
    assert!(!partial.exists() && !fs::read_to_string(&file).unwrap().contains(&newer));
}

#[test]
fn one_run_at_a_time_has_the_record() {
    let server = TestServer::start(|path, _| echo(path));
    let (_folder, file) = file();
    let first = Services::open(&[plan(&server)], Some(&file), false).unwrap();
    ask_all(&first, &["a"]).unwrap();
    let error = run(&plan(&server), Some(&file), false, &["b"]).unwrap_err();
    assert!(error.message().starts_with("another run writes its answers to "), "{error}");
    drop(first);
    // Threads of the first one may hold the file for a moment.
    let deadline = Instant::now() + Duration::from_secs(5);
    while run(&plan(&server), Some(&file), false, &["a", "b"]).is_err() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(server.seen().hits["/a"], 1);
}

#[test]
fn a_record_that_cannot_be_read_is_named_by_line() {
    let server = TestServer::start(|path, _| echo(path));
    let url = server.url();
    let good = format!("{{\"url\":\"{url}/z\",\"status\":404}}\n");
    for (line, fault) in [
        ("{\"url\": 1}".to_string(), "invalid type"),
        ("nonsense".into(), "expected ident"),
        (format!("{{\"url\":\"{url}/a\",\"status\":200}}"), "the body is missing"),
        (format!("{{\"url\":\"{url}/a\",\"status\":404,\"body\":1}}"), "must not have a body"),
        (format!("{{\"url\":\"{url}/a\",\"status\":500}}"), "the status 500 is not one of an answer"),
        // Seen when it is needed.
        (format!("{{\"url\":\"{url}/a\",\"status\":200,\"body\":\"\\ud800\"}}"), "hex escape"),
    ] {
        let (_folder, file) = file();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("{good}{line}\n{good}")).unwrap();
        let error = run(&plan(&server), Some(&file), false, &["a"]).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert_eq!(error.message(), format!("line 2 of {} is not a recorded answer", file.display()));
        let text = error.to_string();
        assert!(text.contains(fault) && text.contains("--refresh-lookups"), "{text}");
        let (answers, _) = run(&plan(&server), Some(&file), true, &["a"]).unwrap();
        assert_eq!(texts(&answers), some(&["a"]));
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
    }
}

#[test]
fn null_is_a_body() {
    let server = TestServer::start(|_, _| Response::new(200, "null"));
    let (_folder, file) = file();
    for _ in 0..2 {
        let (answers, _) = run(&plan(&server), Some(&file), false, &["a"]).unwrap();
        assert_eq!((answers.matched.as_slice(), texts(&answers)), ([true].as_slice(), vec![None]));
    }
    assert_eq!(server.seen().requests(), 1);
}
