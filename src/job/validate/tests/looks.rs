//! What steps that depend on order or look elsewhere become in the plan.

use crate::asof::{Direction, Reach};
use crate::batch::ColumnId;
use crate::batch::DataType::{self, Bool, Date, Decimal, Float64, Int64, String as Text, Timestamp};
use crate::error::Result;
use crate::input::OnBadRecord;
use crate::job::JobSpec;
use crate::job::validate::{Overrides, plan_job};
use crate::lookup::OnFailure;
use crate::plan::{OutputKind, Plan, Step, TableId, TablePlan, Try};
use crate::time::{DAY, MINUTE, TimeRule, TimeUnit};
use std::time::Duration;

const LOG: &str = "at,unused,user,id,session,amount,kind\n2024-01-01T00:00:00Z,1,u1,7,s1,1.50,a\n";
const SESSIONS: &str = "id,unused,country,city,opened,kind\ns1,1,ES,Vigo,1709200801000,created\n";
const USERS: &str = "{\"id\":\"u1\",\"address\":{\"country\":\"ES\"},\"born\":1978}\n";
const COUNTRIES: &str = "code;name;people\nES;Spain;48.1\n";

/// The plan of a job over these files; `@` stands for their folder.
fn plan(job: &str) -> Result<Plan> {
    let folder = tempfile::tempdir().unwrap();
    let files =
        [("log.csv", LOG), ("sessions.csv", SESSIONS), ("users.jsonl", USERS), ("countries.txt", COUNTRIES)];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let source = "[source]\npath = \"@/log.csv\"\ntime = \"at\"\n";
    let (top, rest) = job.split_once("---\n").unwrap_or(("", job));
    let job = format!("{source}{top}{rest}").replace('@', &folder.path().display().to_string());
    plan_job(&JobSpec::parse("job.toml", &job)?, &Overrides::default())
}

fn planned(job: &str) -> Plan {
    plan(job).unwrap_or_else(|error| panic!("{error}"))
}

/// What the user is said.
fn refused(job: &str) -> String {
    plan(job).err().unwrap_or_else(|| panic!("{job}")).to_string()
}

const TABLES: &str = r#"
[table.sessions]
path = "@/sessions.csv"
time = "opened"
time_unit = "ms"
filter = "kind_of = 'created'"
derive = { kind_of = "lower(kind)" }

[table.users]
path = "@/users.jsonl"
"#;
const OUTPUT: &str = "\n[[output]]\npath = \"out/events\"\n";
const COUNT: &str = "\n[[output]]\npath = \"out.csv\"\nselect = { n = \"count(*)\" }\n";

fn read(table: &TablePlan) -> Vec<(&str, DataType)> {
    table.read.columns.iter().map(|c| (c.name.as_str(), c.ty)).collect()
}

fn tries(plan: &Plan, step: usize) -> &[Try] {
    match &plan.pipeline.steps[step] {
        Step::Enrich(enrich) => &enrich.tries,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_columns_that_are_needed_are_read_and_all_numbers_are_of_batches() {
    let steps = r#"
[[step]]
dedup = ["user", "id"]
within = "1m"
[[step]]
enrich = "sessions"
on = { session = "id" }
within = "1d"
take = { sessionCountry = "country" }
otherwise = [
  { match = "forward", within = "5m", inclusive = false },
  { lookup = "http://host/sessions/{session}/{kind}" },
  { constant = { sessionCountry = "XX" } },
]
[[step]]
first = ["user", "sessionCountry"]
as = "isFirst"
[[step]]
filter = "isFirst"
"#;
    let plan = planned(&(TABLES.replace("[table.users]\npath = \"@/users.jsonl\"", "") + steps + COUNT));
    let names: Vec<&str> = plan.pipeline.rows.names().collect();
    assert_eq!(names, ["user", "id", "session", "kind", "sessionCountry", "isFirst"]);
    assert!(plan.pipeline.read.positions && plan.pipeline.read.columns.len() == 4);
    assert!(
        matches!(&plan.pipeline.steps[0], Step::Dedup { keys, within: Some(MINUTE) } if keys[..] == [0, 1].map(ColumnId::new))
    );
    assert!(
        matches!(&plan.pipeline.steps[2], Step::First { keys, within: None, name } if keys[..] == [0, 4].map(ColumnId::new) && name == "isFirst")
    );
    let reach = |direction, within, inclusive| Reach { direction, within: Some(within), inclusive };
    let tried = tries(&plan, 1);
    let wanted = [reach(Direction::Backward, DAY, true), reach(Direction::Forward, 5 * MINUTE, false)];
    for (tried, wanted) in tried.iter().zip(wanted) {
        let Try::AsOf { table, on, reach, take } = tried else { panic!("{tried:?}") };
        assert_eq!(*table, TableId::new(0));
        assert_eq!((&on[..], reach, &take[..]), (&[ColumnId::new(2)][..], &wanted, &[0][..]));
    }
    assert!(matches!((&tried[2], &tried[3]), (Try::Service(0), Try::Constant(_))) && tried.len() == 4);

    let [table] = &plan.pipeline.tables[..] else { panic!() };
    assert_eq!(read(table), [("id", Text), ("country", Text), ("kind", Text)]);
    assert_eq!(table.rows.index_of("kind_of"), Some(3));
    assert!(matches!(&table.steps[..], [Step::Derive(..), Step::Filter(_)]), "derive comes first");
    assert_eq!(
        (&table.index.keys[..], &table.index.columns[..]),
        (&[(ColumnId::new(0), Text)][..], &[(ColumnId::new(1), Text)][..])
    );
    assert!(table.read.positions && !table.index.fill);
    assert_eq!(table.read.time.rule, TimeRule::Epoch(TimeUnit::Milli));

    let [service] = &plan.pipeline.services[..] else { panic!() };
    assert_eq!(
        (&service.columns[..], &service.pointers[..]),
        (&[2, 3].map(ColumnId::new)[..], &["/country".to_string()][..])
    );
    assert_eq!(service.url, ["http://host/sessions/", "/", ""]);
    assert_eq!(plan.pipeline.answers.as_deref(), Some("out.csv.lookups.jsonl".as_ref()));
}

#[test]
fn outputs_hold_what_steps_append() {
    let steps = "[[step]]\nfirst = \"user\"\nas = \"isFirst\"\n[[step]]\nlookup = \"http://host/{user}\"\n\
        take = { country = \"/c\", born = \"/b\" }\ntypes = { born = \"int64\" }\n\
        [[output]]\npath = \"out/a\"\npartition_by = \"country\"\n\
        [[output]]\npath = \"b.csv\"\nby = [\"country\", \"isFirst\"]\nselect = { n = \"sum(born)\" }\nhaving = \"country <> 'XX'\"\n";
    let plan = planned(steps);
    let last = &plan.deliveries.outputs[0].columns.fields[7..];
    let last: Vec<_> = last.iter().map(|field| (field.name.as_str(), field.ty)).collect();
    assert_eq!(last, [("isFirst", Bool), ("country", Text), ("born", Int64)]);
    assert!(
        matches!(&plan.deliveries.outputs[0].kind, OutputKind::Rows(columns) if columns[..] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(ColumnId::new))
    );
    assert_eq!(
        plan.pipeline.groupings[0].plan.keys,
        [(8, Text), (7, Bool)].map(|(place, ty)| (ColumnId::new(place), ty))
    );
}

#[test]
fn steps_that_ask_a_table_by_the_same_columns_share_it() {
    let step = |on: &str, take: &str, more: &str| {
        format!("[[step]]\nenrich = \"sessions\"\non = {on}\ntake = {take}\n{more}\n")
    };
    let tables = TABLES.replace("[table.users]\npath = \"@/users.jsonl\"", "on_bad_record = \"reject\"");
    let steps = [
        step("{ session = \"id\", kind = \"kind\" }", "{ a = \"country\" }", ""),
        step(
            "{ kind = \"kind\", session = \"id\" }",
            "{ b = \"city\", c = \"country\" }",
            "match = \"nearest\"",
        ),
        step("{ session = \"id\", kind = \"kind\" }", "{ d = \"city\" }", "fill = \"last_value\""),
        step("{ session = \"id\" }", "{ e = \"opened\" }", ""),
    ];
    let plan = planned(&(tables + &steps.concat() + COUNT));
    let asked: Vec<_> = plan
        .pipeline
        .tables
        .iter()
        .map(|t| (t.index.keys.len(), t.index.columns.len(), t.index.fill))
        .collect();
    assert_eq!(asked, [(2, 2, false), (2, 1, true), (1, 1, false)]);
    let taken = |step| match &tries(&plan, step)[0] {
        Try::AsOf { table, on, take, .. } => {
            (table.place(), on.iter().map(|column| column.place()).collect::<Vec<_>>(), take.clone())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(taken(0), (0, vec![0, 1], vec![0]));
    assert_eq!(taken(1), (0, vec![0, 1], vec![1, 0]));
    assert_eq!((taken(2).0, taken(3)), (1, (2, vec![0], vec![0])));
    // They read the same columns, so they reject the same records, which are said once.
    assert!(
        plan.pipeline
            .tables
            .iter()
            .all(|t| t.read.columns.len() == 5 && t.read.on_bad_record == OnBadRecord::Reject)
    );
    let rejects: Vec<_> = plan.pipeline.tables.iter().map(|t| t.rejects.as_deref()).collect();
    assert_eq!(rejects, [Some("out.csv.sessions.rejects.jsonl".as_ref()), None, None]);
    assert_eq!(plan.deliveries.rejects, None);
}

#[test]
fn a_lookup_in_files_is_a_table_without_a_time() {
    let lookup = "lookup = \"@/countries.txt\", format = \"csv\", delimiter = \";\", types = { people = \"decimal(5,2)\" }";
    let steps = format!(
        "[[step]]\n{}\non = {{ kind = \"code\" }}\ntake = {{ a = \"name\", b = \"people\" }}\n\
        [[step]]\nenrich = \"users\"\non = {{ user = \"id\" }}\ntake = {{ name = \"address.country\" }}\n\
        otherwise = [{{ {lookup}, on = {{ kind = \"code\" }}, take = {{ name = \"name\" }} }}, \
        {{ lookup = \"https://host/{{user}}\", on_failure = \"reject\" }}]\n",
        lookup.replace(", ", "\n")
    );
    let users = "[table.users]\npath = \"@/users.jsonl\"\n";
    let plan = planned(&(users.to_string() + &steps + OUTPUT));
    let [countries, users] = &plan.pipeline.tables[..] else { panic!("equal lookups are one table") };
    assert!(countries.name.ends_with("/countries.txt") && users.name == "users");
    for table in &plan.pipeline.tables {
        assert_eq!((table.read.time.rule.clone(), table.read.positions), (TimeRule::Untimed, true));
    }
    assert_eq!(
        read(countries),
        [("code", Text), ("name", Text), ("people", Decimal { precision: 5, scale: 2 })]
    );
    assert_eq!(read(users), [("id", Text), ("address.country", Text)]);
    let reach = Reach { direction: Direction::Backward, within: None, inclusive: true };
    assert!(
        matches!(&tries(&plan, 0)[0], Try::AsOf { table, reach: r, .. } if table.place() == 0 && *r == reach)
    );
    assert!(
        matches!(&tries(&plan, 1)[1], Try::AsOf { table, take, .. } if table.place() == 0 && take[..] == [0])
    );
    assert_eq!(plan.pipeline.services[0].pointers, ["/address/country"]);
    assert_eq!(
        plan.deliveries.rejects.as_deref(),
        Some("out/events.rejects.jsonl".as_ref()),
        "for the events of failures"
    );
}

/// What the items of an `otherwise` leave out they take from their step.
#[test]
fn an_otherwise_takes_after_its_step() {
    let steps = "[[step]]\nlookup = \"@/sessions.csv\"\non = { session = \"id\" }\ntake = [\"country\", \"city\"]\n\
        otherwise = [{ lookup = \"@/sessions*\" }, { lookup = \"http://host/{session}\" }]\n\
        [[step]]\nlookup = \"http://host/{session}\"\ntake = { x = \"/x~1y\", y = \"\" }\n\
        otherwise = [{ lookup = \"http://other/{session}\", take = { y = \"/y\", x = \"/0\" } }, \
        { lookup = \"http://host/{session}\", retries = 0, in_flight = 7, timeout = \"1s\", backoff = \"0s\" }]\n";
    let plan = planned(&(steps.to_string() + OUTPUT));
    assert_eq!(plan.pipeline.tables.len(), 2);
    let Try::AsOf { table, on, take, .. } = &tries(&plan, 0)[1] else { panic!() };
    assert_eq!(*table, TableId::new(1));
    assert_eq!((on.as_slice(), take.as_slice()), (&[ColumnId::new(4)][..], &[0, 1][..]));
    let pointers: Vec<Vec<&str>> =
        plan.pipeline.services.iter().map(|s| s.pointers.iter().map(String::as_str).collect()).collect();
    assert_eq!(pointers, [vec!["/country", "/city"], vec!["/x~1y", ""], vec!["/0", "/y"], vec!["/x~1y", ""]]);
    let (first, last) = (&plan.pipeline.services[1], &plan.pipeline.services[3]);
    let seconds = Duration::from_secs;
    assert_eq!((first.in_flight, first.timeout, first.retries), (100, seconds(10), 3));
    assert_eq!((first.backoff, first.on_failure), (Duration::from_millis(100), OnFailure::Fail));
    assert_eq!((last.in_flight, last.timeout, last.retries, last.backoff), (7, seconds(1), 0, seconds(0)));
}

#[test]
fn equal_services_are_one() {
    let step =
        |name: &str| format!("[[step]]\nlookup = \"http://host/{{user}}\"\ntake = {{ {name} = \"/x\" }}\n");
    let plan = planned(&(step("a") + &step("b") + OUTPUT));
    assert_eq!((plan.pipeline.services.len(), plan.pipeline.steps.len()), (1, 2));
}

#[test]
fn constants_are_of_the_types_of_their_columns() {
    let types = "{ s = \"string\", b = \"bool\", i = \"int64\", f = \"float64\", m = \"decimal(5,2)\", d = \"date\", t = \"timestamp\", n = \"int64\" }";
    let take =
        "{ s = \"/s\", b = \"/b\", i = \"/i\", f = \"/f\", m = \"/m\", d = \"/d\", t = \"/t\", n = \"/n\" }";
    let constants = |constant: &str| {
        let job = format!(
            "[[step]]\nlookup = \"http://host/{{user}}\"\ntake = {take}\ntypes = {types}\notherwise = [{{ constant = {constant} }}]\n{OUTPUT}"
        );
        let plan = planned(&job);
        let Try::Constant(values) = &tries(&plan, 0)[1] else { panic!() };
        let wanted = [Text, Bool, Int64, Float64, Decimal { precision: 5, scale: 2 }, Date, Timestamp, Int64];
        assert!(values.iter().zip(wanted).all(|(value, ty)| *value.data_type() == ty.arrow()));
        format!("{values:?}")
    };
    let toml = constants(
        "{ s = \"'1'\", b = true, i = -1_000, f = 1.5, m = 2.5, d = 2024-02-29, t = 2024-02-29T13:00:00Z }",
    );
    let text = constants(
        "{ t = \"2024-02-29T13:00:00Z\", d = \"2024-02-29\", m = \"2.50\", f = \"1.5\", i = \"-1000\", b = \"true\", s = \"'1'\" }",
    );
    assert_eq!(toml, text);
    for part in ["\"'1'\"", "true", "-1000", "1.5", "250", "2024-02-29", "null"] {
        assert!(toml.contains(part), "{part} in {toml}");
    }
    for (name, value) in
        [("i", "1.5"), ("m", "2.505"), ("s", "1"), ("b", "1"), ("d", "true"), ("f", "2024-02-29")]
    {
        let job = format!(
            "[[step]]\nlookup = \"http://host/{{user}}\"\ntake = {take}\ntypes = {types}\notherwise = [{{ constant = {{ {name} = {value} }} }}]\n{OUTPUT}"
        );
        assert!(
            refused(&job).contains(&format!("`{value}` is not a valid value for `{name}`")),
            "{}",
            refused(&job)
        );
    }
}

/// The hash tells whether another result is to be expected, and nothing else.
#[test]
fn the_hash_covers_what_decides_the_result() {
    let job = TABLES.to_string()
        + r#"
[[step]]
dedup = ["user"]
within = "1m"
[[step]]
first = ["kind"]
as = "isFirst"
[[step]]
enrich = "sessions"
on = { session = "id" }
take = { country = "country" }
otherwise = [{ constant = { country = "XX" } }]
[[step]]
enrich = "users"
on = { user = "id" }
take = { born = "born" }
[[step]]
lookup = "http://host/{user}"
take = { c = "/c" }
in_flight = 7
timeout = "9s"
retries = 7
backoff = "9ms"
on_failure = "null"
"# + COUNT;
    let hash = planned(&job).hash;
    assert_eq!(planned(&job).hash, hash);
    for (written, other) in [
        ("in_flight = 7", "in_flight = 8"),
        ("\"9s\"", "\"8s\""),
        ("retries = 7", "retries = 8"),
        ("\"9ms\"", "\"8ms\""),
    ] {
        assert_eq!(planned(&job.replace(written, other)).hash, hash, "{other}");
    }
    for (written, other) in [
        ("within = \"1m\"", "within = \"2m\""),
        ("first = [\"kind\"]", "first = [\"kind\", \"id\"]"),
        ("\"XX\"", "\"YY\""),
        ("lower(kind)", "upper(kind)"),
        ("= 'created'", "= 'closed'"),
        ("time_unit = \"ms\"", "time_unit = \"us\""),
        ("on = { session = \"id\" }", "on = { session = \"id\" }\nmatch = \"forward\""),
        ("on = { session = \"id\" }", "on = { session = \"id\" }\ninclusive = false"),
        ("on = { session = \"id\" }", "on = { session = \"id\" }\nfill = \"last_value\""),
        ("on = { session = \"id\" }", "on = { session = \"city\" }"),
        ("\"born\" }", "\"address.country\" }"),
        ("http://host/", "http://other/"),
        ("\"/c\"", "\"/d\""),
        ("on_failure = \"null\"", "on_failure = \"fail\""),
    ] {
        assert!(job.contains(written), "{written}");
        // The session's times are of no age in another unit, which is no matter here.
        assert_ne!(planned(&job.replace(written, other)).hash, hash, "{other}");
    }
}

#[test]
fn a_fault_is_told_once_though_two_parts_of_a_step_have_it() {
    let job = "[[step]]\nlookup = \"@/sessions.csv\"\non = { sesion = \"id\" }\ntake = [\"country\"]\n\
        otherwise = [{ lookup = \"@/sessions*\" }]\n";
    let said = refused(&(job.to_string() + OUTPUT));
    assert_eq!(said.matches("error:").count(), 1, "{said}");
}
