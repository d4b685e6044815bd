//! A commit as a request: what the table has to be, and what changes between two states of its metadata.

use crate::table::catalog::CatalogTable;
use serde_json::{Map, Value, json};

/// The request that makes `new` of the metadata `base`; of none, that makes the table.
pub fn request(table: &CatalogTable, base: Option<&Value>, new: &Value) -> Value {
    json!({
        "identifier": { "namespace": table.namespace, "name": table.name },
        "requirements": requirements(base),
        "updates": updates(base, new),
    })
}

/// What the table has to be, so that the commit is right: what it was planned on.
fn requirements(base: Option<&Value>) -> Vec<Value> {
    let Some(base) = base else { return vec![json!({ "type": "assert-create" })] };
    let main = base["refs"]["main"]["snapshot-id"].as_i64();
    let main = main.or_else(|| base["current-snapshot-id"].as_i64()).filter(|id| *id != -1);
    let last = |key: &str| base[key].clone();
    vec![
        json!({ "type": "assert-table-uuid", "uuid": base["table-uuid"] }),
        json!({ "type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": main }),
        json!({ "type": "assert-last-assigned-field-id", "last-assigned-field-id": last("last-column-id") }),
        json!({ "type": "assert-current-schema-id", "current-schema-id": last("current-schema-id") }),
        json!({ "type": "assert-last-assigned-partition-id", "last-assigned-partition-id": last("last-partition-id") }),
        json!({ "type": "assert-default-spec-id", "default-spec-id": last("default-spec-id") }),
        json!({ "type": "assert-default-sort-order-id", "default-sort-order-id": last("default-sort-order-id") }),
    ]
}

fn updates(base: Option<&Value>, new: &Value) -> Vec<Value> {
    let none = Value::Null;
    let old = base.unwrap_or(&none);
    let mut out = vec![];
    if base.is_none() {
        out.push(json!({ "action": "assign-uuid", "uuid": new["table-uuid"] }));
        out.push(json!({ "action": "upgrade-format-version", "format-version": new["format-version"] }));
        out.push(json!({ "action": "set-location", "location": new["location"] }));
    }
    let part = |list, key, default| ListedPart { list, key, default };
    let schemas = part("schemas", "schema-id", "current-schema-id");
    schemas.changes(
        old,
        new,
        &mut out,
        |schema| json!({ "action": "add-schema", "schema": schema, "last-column-id": new["last-column-id"] }),
    );
    let specs = part("partition-specs", "spec-id", "default-spec-id");
    specs.changes(old, new, &mut out, |spec| json!({ "action": "add-spec", "spec": spec }));
    let orders = part("sort-orders", "order-id", "default-sort-order-id");
    orders.changes(old, new, &mut out, |order| json!({ "action": "add-sort-order", "sort-order": order }));
    let had = |key: &str, value: &Value| old["properties"][key] == *value;
    let properties = new["properties"].as_object().into_iter().flatten();
    let set: Map<String, Value> = properties
        .filter(|(key, value)| !had(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !set.is_empty() {
        out.push(json!({ "action": "set-properties", "updates": set }));
    }
    let snapshots = |metadata: &Value| metadata["snapshots"].as_array().cloned().unwrap_or_default();
    let id = |snapshot: &Value| snapshot["snapshot-id"].as_i64();
    let (before, after) = (snapshots(old), snapshots(new));
    let is_in = |all: &[Value], snapshot: &Value| all.iter().any(|other| id(other) == id(snapshot));
    for snapshot in after.iter().filter(|snapshot| !is_in(&before, snapshot)) {
        out.push(json!({ "action": "add-snapshot", "snapshot": snapshot }));
    }
    let main = &new["refs"]["main"];
    if !main.is_null() && old["refs"]["main"] != *main {
        out.push(json!({
            "action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": main["snapshot-id"],
        }));
    }
    for snapshot in before.iter().filter(|snapshot| !is_in(&after, snapshot)) {
        for (list, action) in
            [("statistics", "remove-statistics"), ("partition-statistics", "remove-partition-statistics")]
        {
            if old[list].as_array().is_some_and(|all| is_in(all, snapshot)) {
                out.push(json!({ "action": action, "snapshot-id": id(snapshot) }));
            }
        }
        // Some catalogs take one id at a time.
        out.push(json!({ "action": "remove-snapshots", "snapshot-ids": [id(snapshot)] }));
    }
    out
}

/// A list of the metadata of which one item is the current one.
struct ListedPart {
    list: &'static str,
    key: &'static str,
    default: &'static str,
}

impl ListedPart {
    fn changes(&self, old: &Value, new: &Value, out: &mut Vec<Value>, add: impl Fn(&Value) -> Value) {
        let ListedPart { list, key, default } = *self;
        let items = |metadata: &Value| metadata[list].as_array().cloned().unwrap_or_default();
        let known = items(old);
        let mut added = vec![];
        for item in items(new) {
            if !known.iter().any(|other| other[key] == item[key]) {
                out.push(add(&item));
                added.push(item[key].clone());
            }
        }
        if old[default] != new[default] || added.contains(&new[default]) {
            // -1 stands for the one that was added last: a catalog may number it itself.
            let id = if added.last() == Some(&new[default]) { json!(-1) } else { new[default].clone() };
            let (action, field) = match list {
                "schemas" => ("set-current-schema", "schema-id"),
                "partition-specs" => ("set-default-spec", "spec-id"),
                _ => ("set-default-sort-order", "sort-order-id"),
            };
            out.push(json!({ "action": action, field: id }));
        }
    }
}

/// Whether a table with this metadata has all that the updates of a request bring.
pub fn is_done(request: &Value, metadata: &Value) -> bool {
    let snapshots = metadata["snapshots"].as_array().map_or(&[][..], Vec::as_slice);
    let has = |id: &Value| snapshots.iter().any(|snapshot| snapshot["snapshot-id"] == *id);
    let of_table = |requirement: &Value| {
        requirement["type"] != "assert-table-uuid" || requirement["uuid"] == metadata["table-uuid"]
    };
    let list = |key: &str| request[key].as_array().cloned().unwrap_or_default();
    let mut tells = false;
    let came = list("updates").iter().all(|update| match update["action"].as_str() {
        Some("add-snapshot") => {
            tells = true;
            has(&update["snapshot"]["snapshot-id"])
        }
        Some("remove-snapshots") => {
            tells = true;
            update["snapshot-ids"].as_array().is_some_and(|ids| !ids.iter().any(has))
        }
        Some("set-properties") => {
            tells = true;
            let set = update["updates"].as_object().into_iter().flatten();
            // A catalog may keep some of its own words out of a new table.
            set.into_iter()
                .all(|(key, value)| !key.starts_with("highwater.") || metadata["properties"][key] == *value)
        }
        _ => true,
    });
    tells && came && list("requirements").iter().all(of_table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(snapshots: &[i64], fields: &[&str]) -> Value {
        let field = |(at, name): (usize, &&str)| json!({ "id": at + 1, "name": name });
        let fields: Vec<Value> = fields.iter().enumerate().map(field).collect();
        let snapshots: Vec<Value> = snapshots.iter().map(|id| json!({ "snapshot-id": id })).collect();
        let current = snapshots.last().map(|last| last["snapshot-id"].clone());
        let main = current.clone().map(|id| json!({ "main": { "snapshot-id": id, "type": "branch" } }));
        json!({
            "format-version": 2, "table-uuid": "u", "location": "/l", "last-column-id": fields.len(),
            "schemas": [{ "schema-id": fields.len(), "fields": fields }], "current-schema-id": fields.len(),
            "partition-specs": [{ "spec-id": 0, "fields": [] }], "default-spec-id": 0, "last-partition-id": 999,
            "sort-orders": [{ "order-id": 0, "fields": [] }], "default-sort-order-id": 0, "properties": {},
            "current-snapshot-id": current, "refs": main.unwrap_or_else(|| json!({})), "snapshots": snapshots,
        })
    }

    fn actions(base: Option<&Value>, new: &Value) -> String {
        let table = CatalogTable::new("http://h", "a.b").unwrap();
        let request = request(&table, base, new);
        let names = |key: &str, name: &str| -> Vec<String> {
            let all = request[key].as_array().unwrap().iter();
            all.map(|one| one[name].as_str().unwrap().to_string()).collect()
        };
        format!("{}: {}", names("requirements", "type").len(), names("updates", "action").join(" "))
    }

    #[test]
    fn a_commit_says_what_changes_and_what_it_was_planned_on() {
        let (first, second) = (metadata(&[1], &["a"]), metadata(&[1, 2], &["a"]));
        insta::assert_snapshot!([
            actions(None, &first),
            actions(Some(&first), &second),
            actions(Some(&second), &metadata(&[2], &["a"])),
            actions(Some(&first), &metadata(&[1, 2], &["a", "b"])),
            actions(Some(&first), &first),
        ].join("\n"), @r"
        1: assign-uuid upgrade-format-version set-location add-schema set-current-schema add-spec set-default-spec add-sort-order set-default-sort-order add-snapshot set-snapshot-ref
        7: add-snapshot set-snapshot-ref
        7: remove-snapshots
        7: add-schema set-current-schema add-snapshot set-snapshot-ref
        7: 
        ");
        // A table that was dropped and made again is another one, whatever its snapshots are.
        let table = CatalogTable::new("http://h", "a.b").unwrap();
        let change = request(&table, Some(&first), &second);
        assert!(is_done(&change, &second) && !is_done(&change, &first));
        let mut other = second.clone();
        other["table-uuid"] = json!("v");
        assert!(!is_done(&change, &other));
        assert_eq!(change["requirements"][1]["snapshot-id"], json!(1));
        // Of a table without a snapshot there is none on `main`, which has to be said.
        let blank = metadata(&[], &["a"]);
        assert_eq!(request(&table, Some(&blank), &first)["requirements"][1]["snapshot-id"], Value::Null);
        let mut ledger = first.clone();
        ledger["properties"]["highwater.ledger-xxh3"] = json!("00");
        let change = request(&table, Some(&first), &ledger);
        assert!(is_done(&change, &ledger) && !is_done(&change, &first));
        let expired = request(&table, Some(&second), &metadata(&[2], &["a"]));
        assert!(!is_done(&expired, &second) && is_done(&expired, &metadata(&[2], &["a"])));
    }
}
