//! Numbers, NULL and times as people write them: `init` and a run give what the plain file gives.

use crate::laws::cases;
use crate::support::Lab;
use proptest::prelude::*;
use proptest::sample::select;

/// A payment: seconds since 2024-01-01, who, and hundredths, if it is known.
#[derive(Debug, Clone)]
pub struct Payment {
    pub at: u32,
    pub who: usize,
    pub amount: Option<i64>,
}

/// How a file is written.
#[derive(Debug, Clone)]
pub struct Style {
    decimal: char,
    thousands: Option<char>,
    groups: Groups,
    /// Before or after the number.
    unit: Option<(&'static str, bool)>,
    below_zero: &'static str,
    null: &'static str,
    pub delimiter: char,
    pub date: &'static str,
    spaces: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Groups {
    OfThree,
    Indian,
}

pub const PLAIN: Style = Style {
    decimal: '.',
    thousands: None,
    groups: Groups::OfThree,
    unit: None,
    below_zero: "-N",
    null: "",
    delimiter: ',',
    date: "%Y-%m-%d %H:%M:%S",
    spaces: false,
};

impl Style {
    fn digits(&self, whole: u64) -> String {
        let digits = whole.to_string();
        let Some(mark) = self.thousands else { return digits };
        let mut out = String::new();
        for (i, c) in digits.chars().enumerate() {
            let left = digits.len() - i;
            let here = match self.groups {
                Groups::OfThree => left.is_multiple_of(3),
                Groups::Indian => left == 3 || left > 3 && (left - 3).is_multiple_of(2),
            };
            if i > 0 && here {
                out.push(mark);
            }
            out.push(c);
        }
        out
    }

    pub fn amount(&self, amount: Option<i64>) -> String {
        let Some(hundredths) = amount else { return self.null.to_string() };
        let size = hundredths.unsigned_abs();
        let number = format!("{}{}{:02}", self.digits(size / 100), self.decimal, size % 100);
        let number = match self.unit {
            None => number,
            Some((unit, true)) => format!("{unit}{number}"),
            Some((unit, false)) => format!("{number} {unit}"),
        };
        if hundredths < 0 { self.below_zero.replace('N', &number) } else { number }
    }

    pub fn field(&self, text: &str) -> String {
        let quoted = text.contains(self.delimiter) || text.contains('"');
        let text = if quoted { format!("\"{text}\"") } else { text.to_string() };
        if self.spaces && !quoted { format!(" {text} ") } else { text }
    }

    fn file(&self, payments: &[Payment]) -> String {
        let d = self.delimiter;
        let mut out = format!("booked{d}customer{d}amount\n");
        for Payment { at, who, amount } in payments {
            let then = chrono::DateTime::from_timestamp(1_704_067_200 + i64::from(*at), 0).unwrap();
            let fields = [
                self.field(&then.format(self.date).to_string()),
                self.field(&format!("c{who}")),
                self.field(&self.amount(*amount)),
            ];
            out += &fields.join(&d.to_string());
            out.push('\n');
        }
        out
    }
}

pub fn styles() -> impl Strategy<Value = Style> {
    let marks = select(vec![
        ('.', None),
        ('.', Some(',')),
        (',', Some('.')),
        (',', None),
        (',', Some(' ')),
        ('.', Some('\'')),
        (',', Some('\u{a0}')),
    ]);
    let indian = any::<bool>();
    let unit =
        select(vec![None, Some(("$", true)), Some(("EUR", false)), Some(("Rp", true)), Some(("%", false))]);
    let below = select(vec!["-N", "(N)", "N-", "N DR", "\u{2212}N"]);
    let null = select(vec!["", "NA", "?", "-", "\\N", "NULL"]);
    let dates = select(vec!["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d-%b-%y %H:%M:%S", "%Y%m%d%H%M%S"]);
    (marks, indian, unit, below, null, select(vec![',', ';', '\t', '|']), dates, any::<bool>()).prop_map(
        |((decimal, thousands), indian, unit, below_zero, null, delimiter, date, spaces)| Style {
            decimal,
            thousands,
            groups: if indian && thousands == Some(',') { Groups::Indian } else { Groups::OfThree },
            unit,
            below_zero,
            null,
            delimiter,
            date,
            spaces,
        },
    )
}

pub fn payments() -> impl Strategy<Value = Vec<Payment>> {
    // Large and small ones, with hundredths that are no whole number, so that no way to read them is left open.
    let amount = prop_oneof![
        1 => Just(None),
        6 => (-9_000_000_000i64..9_000_000_000).prop_map(|n| Some(n * 100 + 25)),
        6 => (-50_000i64..50_000).prop_map(|n| Some(n * 4 + 1)),
    ];
    let payment =
        (0u32..20_000_000, 0usize..4, amount).prop_map(|(at, who, amount)| Payment { at, who, amount });
    prop::collection::vec(payment, 30..60).prop_map(|mut payments| {
        payments.sort_by_key(|payment| payment.at);
        // What tells the style, and days from months.
        payments.push(Payment { at: 20_100_000, who: 0, amount: Some(-123_456_789_025) });
        payments.push(Payment { at: 20_200_000, who: 1, amount: Some(1_234_567_891) });
        payments
    })
}

/// The job that `init` writes for a file, with one output that is the same for all.
pub fn result(lab: &Lab, name: &str) -> Result<String, String> {
    let made = lab.highwater(&["init", name, "-o", "job.toml", "--force"]);
    if made.code != 0 {
        return Err(made.err);
    }
    let job = lab.text("job.toml");
    let source = job.split("[[output]]").next().unwrap();
    let output = "[[output]]\npath = \"out.csv\"\nwindow = { tumbling = \"1 month\" }\nby = [\"customer\"]\n\
        select = { n = \"count(*)\", known = \"count(amount)\", total = \"sum(amount)\" }\n";
    lab.write("job.toml", format!("{source}{output}"));
    let mut outputs = vec![];
    for threads in ["1", "2"] {
        let run = lab.highwater(&["run", "job.toml", "--threads", threads]);
        if run.code != 0 {
            return Err(format!("{}\n{source}", run.err));
        }
        outputs.push(lab.text("out.csv"));
    }
    assert_eq!(outputs[0], outputs[1]);
    let verified = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(verified.code, 0, "{source}\n{}{}", verified.out, verified.err);
    Ok(outputs.remove(0))
}

proptest! {
    #![proptest_config(cases(24))]

    /// However the same payments are written, `init` and a run give the same numbers.
    #[test]
    fn the_same_payments_give_the_same_totals(payments in payments(), style in styles()) {
        let lab = Lab::new();
        lab.write("plain.csv", PLAIN.file(&payments));
        lab.write("own.csv", style.file(&payments));
        let plain = result(&lab, "plain.csv").unwrap();
        let own = result(&lab, "own.csv");
        prop_assert_eq!(Ok(plain), own, "{:?}\n{}", style, style.file(&payments).chars().take(300).collect::<String>());
    }
}

const JOB: &str = "[source]\npath = \"x.csv\"\ntime = \"t\"\ntypes = { v = \"decimal(18,2)\" }\nWRITTEN\n\
    [[output]]\npath = \"out.csv\"\nwindow = { tumbling = \"1 day\" }\nby = [\"k\"]\nselect = { n = \"count(v)\", s = \"sum(v)\" }\n";

/// What a run gives of these lines, of which columns are written so.
fn run(written: &str, lines: &str) -> String {
    let lab = Lab::new();
    lab.write("x.csv", format!("t,k,v\n{lines}"));
    lab.write("job.toml", JOB.replace("WRITTEN", written));
    let answer = lab.highwater(&["run", "job.toml"]);
    if answer.code == 0 { lab.text("out.csv") } else { answer.err }
}

#[test]
fn what_is_not_written_as_declared_is_a_bad_value() {
    insta::assert_snapshot!(run("written = { v = { thousands = \",\" } }", "2024-02-01,a,\"1,5\"\n"), @r#"
    error: x.csv, line 2, byte 6: column `v`: `1,5` is not a decimal(18,2)
     --> x.csv:2:14
      |
    2 | 2024-02-01,a,"1,5"
      |              ^^^^^
      hint: declare how its values are written: written = { v = { decimal = ",", thousands = "." } }
      hint: on_bad_record = "reject" sets such records aside and continues
    "#);
}

#[test]
fn what_is_said_of_a_column_goes_before_what_is_said_of_all() {
    let written = "[source.written]\n\"*\" = { trim = true, null = [\"-\"] }\nv = { thousands = \",\" }\n";
    let lines = "2024-02-01, a ,\" 1,000 \"\n2024-02-01,-,-\n2024-02-01,a,\n";
    insta::assert_snapshot!(run(written, lines), @r#"
    window_start,window_end,k,n,s
    2024-02-01T00:00:00Z,2024-02-02T00:00:00Z,a,1,1000.00
    2024-02-01T00:00:00Z,2024-02-02T00:00:00Z,,0,
    "#);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (written, what) in [
        ("written = { v = { thousands = \".\" } }", "cannot separate both the thousands and the fraction"),
        ("written = { v = { decimal = \";\" } }", "`decimal` is one of \".\", \",\", not \";\""),
        ("written = { w = { trim = true } }", "no file has a column `w`"),
        ("written = { v = { units = [\"1\"] } }", "`1` is not a unit"),
        ("written = { v = { true = [\"Y\"], false = [\"Y\"] } }", "`Y` is both true and false"),
        ("written = { v = { nul = \"x\" } }", "did you mean `null`?"),
    ] {
        let error = run(written, "2024-02-01,a,1\n");
        assert!(error.contains(what), "{written}: {error}");
    }
}

#[test]
fn strings_of_json_are_written_so_too_and_numbers_are_not() {
    let lab = Lab::new();
    lab.write("x.jsonl", "{\"t\":\"2024-02-01\",\"k\":\"a\",\"v\":\"1.000,50\"}\n{\"t\":\"2024-02-01\",\"k\":\"NA\",\"v\":2.25}\n");
    let written = "written = { v = { decimal = \",\", thousands = \".\" }, k = { null = \"NA\" } }";
    lab.write("job.toml", JOB.replace("x.csv", "x.jsonl").replace("WRITTEN", written));
    assert_eq!(lab.highwater(&["run", "job.toml"]).code, 0);
    insta::assert_snapshot!(lab.text("out.csv"), @r#"
    window_start,window_end,k,n,s
    2024-02-01T00:00:00Z,2024-02-02T00:00:00Z,a,1,1000.50
    2024-02-01T00:00:00Z,2024-02-02T00:00:00Z,,1,2.25
    "#);
    let verified = lab.highwater(&["verify", "job.toml"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
}

#[test]
fn an_amount_that_can_be_read_in_two_ways_is_told() {
    let lab = Lab::new();
    lab.write("x.csv", "tanggal;k;jumlah\n2024-02-01;A;500.000\n2024-02-03;A;250.000\n");
    let answer = lab.highwater(&["init", "x.csv", "-o", "-"]);
    assert!(answer.err.contains("note: `jumlah`: 500.000 can be read in two ways"), "{}", answer.err);
    assert!(answer.out.contains("# jumlah = { decimal = \",\", thousands = \".\" }"), "{}", answer.out);
}

#[test]
fn no_job_is_written_that_leaves_out_many_records() {
    let lab = Lab::new();
    let mut text = String::from("t,k\n");
    (0..50).for_each(|i| text += &format!("2024-02-01,{i}\n"));
    text += "2024-02-01,a,surplus\n";
    lab.write("x.csv", &text);
    let answer = lab.highwater(&["init", "x.csv", "-o", "-"]);
    assert_eq!(answer.code, 3);
    insta::assert_snapshot!(answer.err, @"
    error: 1 of 51 records of x.csv cannot be read, so a job is not written: it would leave them out
      hint: the first: x.csv:52: 3 fields, but 2 are expected
      hint: if they are not events, --reject writes a job that sets them aside
    ");
    assert_eq!(lab.highwater(&["init", "x.csv", "-o", "-", "--reject"]).code, 0);
}

/// Numbers with spaces around them are numbers to `init`, also where nothing else is odd about them.
#[test]
fn numbers_between_spaces_are_added_up() {
    let lab = Lab::new();
    lab.write("x.csv", "t, k, v, n\n2024-02-01, a, 12.50, 7\n2024-02-03, a, -2.50, 8\n");
    let made = lab.highwater(&["init", "x.csv", "-o", "job.toml"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let job = lab.text("job.toml");
    for line in ["v = { trim = true }", "n = { trim = true }", "v_sum = \"sum(v)\"", "n_sum = \"sum(n)\""] {
        assert!(job.contains(line), "{line}\n{job}");
    }
    let run = lab.highwater(&["run", "job.toml"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
}
