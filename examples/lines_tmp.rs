use highwater::batch::Position;
use highwater::input::{self, OnBadRecord, ReadPlan, ReadTime};
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let n: u64 = 2_000_000;
    let files = input::files::expand(&[path], None).unwrap();
    let size = files[0].bytes;
    let plan = ReadPlan {
        files,
        columns: vec![],
        time: ReadTime { column: "t".into(), rule: highwater::time::TimeRule::Iso },
        arrival: None,
        max_ahead: None,
        zone: highwater::time::Zone::utc(),
        delimiter: b',',
        names: None,
        on_bad_record: OnBadRecord::Fail,
        positions: true,
        from: i64::MIN,
        to: i64::MAX,
        chunk_bytes: 1 << 20,
    };
    let positions: Vec<Position> =
        (0..n).map(|i| Position::new(0, (i.wrapping_mul(0x9e3779b97f4a7c15) >> 20) % size)).collect();
    for _ in 0..6 {
        let t = std::time::Instant::now();
        let l = input::lines::line_numbers(&plan, &positions).unwrap();
        println!("{:?} {}", t.elapsed(), l.iter().sum::<u64>());
    }
}
