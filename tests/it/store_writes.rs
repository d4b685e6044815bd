//! What is written to the store of the tests: objects whole or in parts, with conditions, copied and removed.

use super::store_server::{FullRequest, Said, State, etag};
use std::collections::BTreeMap;

/// What a request does that writes.
pub fn kind(
    method: &str,
    headers: &BTreeMap<String, String>,
    query: &BTreeMap<String, String>,
) -> &'static str {
    match (method, query.contains_key("uploadId")) {
        ("PUT", true) => "part",
        ("PUT", false) if headers.contains_key("x-amz-copy-source") => "copy",
        ("PUT", false) => "put",
        ("POST", true) => "end",
        ("POST", false) if query.contains_key("uploads") => "begin",
        ("POST", false) if query.contains_key("delete") => "delete",
        ("DELETE", true) => "abort",
        ("DELETE", false) => "delete",
        _ => panic!("the store does not know {method}"),
    }
}

/// Does what a request asks for.
pub fn answer(state: &State, request: &FullRequest) -> Said {
    let FullRequest { asked, query, body, method } = request;
    let mut objects = state.objects.lock().unwrap();
    let mut uploads = state.uploads.lock().unwrap();
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let done = |body: String, headers| Said { status: 200, headers, body: body.into_bytes(), length: None };
    match asked.what {
        "put" => {
            let there = objects.get(&asked.name).map(|bytes| etag(bytes));
            let is_careless = state.careless.load(std::sync::atomic::Ordering::SeqCst);
            let header = |name: &str| asked.headers.get(name).filter(|_| !is_careless);
            if header("if-none-match").is_some_and(|wanted| wanted == "*") && there.is_some() {
                return Said::refused(412, "PreconditionFailed");
            }
            if let Some(wanted) = header("if-match")
                && there.as_ref() != Some(wanted)
            {
                let (status, code) =
                    if there.is_none() { (404, "NoSuchKey") } else { (412, "PreconditionFailed") };
                return Said::refused(status, code);
            }
            objects.insert(asked.name.clone(), body.clone());
            done(String::new(), vec![("ETag", etag(body))])
        }
        "copy" => {
            let from = super::http_server::decoded(&asked.headers["x-amz-copy-source"]);
            let Some(bytes) = objects.get(from.trim_start_matches('/')).cloned() else {
                return Said::refused(404, "NoSuchKey");
            };
            let tag = etag(&bytes).replace('"', "&quot;");
            objects.insert(asked.name.clone(), bytes);
            let said = format!(
                "<CopyObjectResult><ETag>{tag}</ETag><LastModified>2015-10-21T07:28:00.000Z</LastModified></CopyObjectResult>"
            );
            done(said, vec![])
        }
        "begin" => {
            let id = format!("upload-{}", uploads.len());
            // An upload without a part is one too.
            uploads.insert((id.clone(), 0), vec![]);
            let (bucket, key) = asked.name.split_once('/').unwrap();
            let said = format!(
                "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            );
            done(said, vec![])
        }
        "part" => {
            let number = text("partNumber").parse().unwrap();
            uploads.insert((text("uploadId"), number), body.clone());
            done(String::new(), vec![("ETag", etag(body))])
        }
        "end" => {
            let id = text("uploadId");
            if !uploads.keys().any(|(upload, _)| *upload == id) {
                return Said::refused(404, "NoSuchUpload");
            }
            let parts = uploads.iter().filter(|((upload, _), _)| *upload == id);
            let bytes: Vec<u8> = parts.flat_map(|(_, bytes)| bytes.clone()).collect();
            uploads.retain(|(upload, _), _| *upload != id);
            let tag = etag(&bytes).replace('"', "&quot;");
            objects.insert(asked.name.clone(), bytes);
            done(
                format!("<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"),
                vec![],
            )
        }
        "abort" => {
            let id = text("uploadId");
            uploads.retain(|(upload, _), _| *upload != id);
            Said { status: 204, headers: vec![], body: vec![], length: None }
        }
        _ if method == "POST" => {
            // Several at a time, by their names in a list.
            let list = String::from_utf8_lossy(body).into_owned();
            let keys = list.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            let bucket = asked.name.trim_end_matches('/');
            for key in keys {
                let key = key.replace("&quot;", "\"").replace("&lt;", "<").replace("&amp;", "&");
                objects.remove(&format!("{bucket}/{key}"));
            }
            done("<DeleteResult></DeleteResult>".into(), vec![])
        }
        _ => {
            objects.remove(&asked.name);
            Said { status: 204, headers: vec![], body: vec![], length: None }
        }
    }
}
