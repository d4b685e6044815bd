//! Tables as inputs: a job over a table of ours gives what one over a plain folder with the same rows gives.

use crate::support::Lab;

const EVENTS: &str = "[source]\npath = \"log/*.csv\"\ntime = \"at\"\n[[output]]\npath = \"out/events\"\npartition_by = [\"date\"]\n";
const SUMS: &str = "[[output]]\npath = \"sums.csv\"\nwindow = { tumbling = \"1h\" }\nby = [\"code\"]\n\
    select = { n = \"count(*)\", total = \"sum(price)\" }\n";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.write(
        "log/1.csv",
        "at,code,price\n2024-02-28T22:10:00Z,A,1\n2024-02-29T22:20:00Z,B,2\n2024-03-01T05:00:00Z,A,4\n",
    );
    lab.write("table.toml", EVENTS.replace("out/events\"", "out/events\"\ntable = \"iceberg\""));
    lab.write("plain.toml", EVENTS.replace("out/events", "plain/events"));
    lab
}

/// The sums over what `path` stands for, or the error.
fn sums(lab: &Lab, path: &str, more: &str) -> Result<String, String> {
    let types = "types = { code = \"string\", price = \"int64\" }\n";
    lab.write("sums.toml", format!("[source]\npath = \"{path}\"\ntime = \"at\"\n{types}{more}{SUMS}"));
    let answer = lab.highwater(&["run", "sums.toml"]);
    if answer.code == 0 { Ok(lab.text("sums.csv")) } else { Err(answer.err) }
}

fn done(lab: &Lab, args: &[&str]) {
    let answer = lab.highwater(args);
    assert_eq!(answer.code, 0, "{}", answer.err);
}

#[test]
fn a_table_is_read_at_each_of_its_snapshots() {
    let lab = lab();
    done(&lab, &["run", "table.toml"]);
    done(&lab, &["run", "plain.toml"]);
    let first = sums(&lab, "plain/events", "").unwrap();
    assert_eq!(sums(&lab, "out/events", "").unwrap(), first);
    // A file more: the parts of one day are replaced.
    lab.write("log/2.csv", "at,code,price\n2024-02-28T23:10:00Z,B,8\n");
    for job in ["table.toml", "plain.toml"] {
        done(&lab, &["run", job]);
    }
    let second = sums(&lab, "plain/events", "").unwrap();
    assert_ne!(second, first);
    assert_eq!(sums(&lab, "out/events", "").unwrap(), second);
    let answer = lab.highwater(&["tables", "table.toml", "--json"]);
    let tables: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let history: Vec<i64> = tables[0]["history"]
        .as_array()
        .unwrap_or_else(|| panic!("{tables:#}"))
        .iter()
        .map(|snapshot| snapshot["snapshot"].as_i64().unwrap())
        .collect();
    let [old, new] = history[..] else { panic!("{history:?}") };
    assert_eq!(sums(&lab, "out/events", &format!("snapshot = \"{old}\"\n")).unwrap(), first);
    assert_eq!(sums(&lab, "out/events", &format!("snapshot = \"{new}\"\n")).unwrap(), second);
    assert_eq!(sums(&lab, "out/events", "snapshot = \"2999-01-01T00:00:00Z\"\n").unwrap(), second);
    // A file of the metadata names a snapshot too.
    assert_eq!(sums(&lab, "out/events/metadata/v1.metadata.json", "").unwrap(), first);
    // The rows are those of SQL over the same files.
    done(&lab, &["verify", "sums.toml"]);
    for (snapshot, words) in [
        ("1", "does not have a snapshot 1"),
        ("2000-01-01T00:00:00Z", "does not have a snapshot from before 2000-01-01T00:00:00Z"),
        ("yesterday", "`yesterday` is not a snapshot"),
    ] {
        let error = sums(&lab, "out/events", &format!("snapshot = \"{snapshot}\"\n")).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let error = sums(&lab, "plain/events", "snapshot = \"1\"\n").unwrap_err();
    assert!(error.contains("`snapshot` is of a table, and plain/events is not one"), "{error}");
}

#[test]
fn what_was_appended_since_is_new_input() {
    let lab = lab();
    done(&lab, &["run", "table.toml"]);
    let archive = "[[output]]\npath = \"kept\"\narchive = true\n";
    let job = |more: &str| sums(&lab, "out/events", &format!("{more}{archive}"));
    job("").unwrap();
    // A new day: the parts in place stay, and one comes.
    lab.write("log/2.csv", "at,code,price\n2024-03-02T05:00:00Z,A,16\n");
    done(&lab, &["run", "table.toml"]);
    let answer = lab.highwater(&["run", "sums.toml", "--json"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    let fresh = {
        let sums = lab.text("sums.csv");
        lab.write(
            "fresh.toml",
            lab.text("sums.toml").replace("sums.csv", "fresh.csv").replace("kept", "fresh-kept"),
        );
        done(&lab, &["run", "fresh.toml"]);
        (sums, lab.text("fresh.csv"))
    };
    assert_eq!(fresh.0, fresh.1);
    assert!(fresh.0.contains("2024-03-02"), "{}", fresh.0);
}

#[test]
fn a_file_that_a_table_has_replaced_is_not_counted_beside_its_rows() {
    let lab = lab();
    done(&lab, &["run", "table.toml"]);
    let archive = "[[output]]\npath = \"kept\"\narchive = true\n";
    let before = sums(&lab, "out/events", archive).unwrap();
    // One more event of a day that is there: its part is replaced, and the old one still lies in the folder.
    lab.write("log/2.csv", "at,code,price\n2024-02-28T23:10:00Z,B,8\n");
    done(&lab, &["run", "table.toml"]);
    let error = sums(&lab, "out/events", archive).unwrap_err();
    assert!(error.contains("was counted, and the table does not have it any more"), "{error}");
    assert_eq!(lab.text("sums.csv"), before);
    done(&lab, &["run", "sums.toml", "--changed", "reload"]);
    let after = lab.text("sums.csv");
    assert_eq!(after, sums(&lab, "out/events", "").unwrap());
    assert_ne!(after, before);
}
