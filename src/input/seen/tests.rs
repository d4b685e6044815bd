use super::codec;
use super::codec::{KnownStamps, StampedFile};
use super::{GRAIN, Looks, file_system};
use crate::input::files;
use crate::input::{Inputs, Opened};
use proptest::prelude::*;
use std::collections::HashMap;
use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::xxh3_128;

/// Longer than [`GRAIN`] by more than a tick.
fn rest() {
    std::thread::sleep(GRAIN + Duration::from_millis(20));
}

/// A folder of files, and what commands over it leave for one another.
struct Lab {
    folder: tempfile::TempDir,
    stamps: Option<Vec<u8>>,
}

impl Lab {
    /// None where the temporary folder lies on a file system whose stamps are not trusted.
    fn new() -> Option<Lab> {
        let folder = tempfile::tempdir().unwrap();
        file_system::is_trusted(folder.path()).then_some(Lab { folder, stamps: None })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// A command that has learned what the one before kept, and has looked at these files; also which of them it knew.
    fn command(&mut self, names: &[&str]) -> Vec<bool> {
        let inputs = Inputs::default();
        self.stamps.iter().for_each(|stamps| inputs.learn_stamps(stamps));
        let opened = names.iter().map(|name| inputs.file(&self.path(name)).unwrap());
        let opened: Vec<Opened> = opened.collect();
        let known = opened.iter().map(|file| file.known_hash().is_some()).collect();
        for file in &opened {
            let bytes = fs::read(file.path()).unwrap();
            let (size, hash) = file.hash().unwrap();
            assert_eq!(size, bytes.len() as u64, "{}", file.path().display());
            assert_eq!(hash, format!("xxh3:{:032x}", xxh3_128(&bytes)), "{}", file.path().display());
        }
        if let Some(stamps) = inputs.stamps(None) {
            self.stamps = Some(stamps);
        }
        known
    }
}

fn times(path: &Path) -> FileTimes {
    let there = path.metadata().unwrap();
    FileTimes::new().set_modified(there.modified().unwrap()).set_accessed(there.accessed().unwrap())
}

/// As `cp -p`: a new file with the content and the times of another.
fn copy_with_times(from: &Path, to: &Path) {
    fs::write(to, fs::read(from).unwrap()).unwrap();
    File::options().write(true).open(to).unwrap().set_times(times(from)).unwrap();
}

#[test]
fn a_file_at_rest_is_known_and_one_just_written_is_not() {
    let Some(mut lab) = Lab::new() else { return };
    lab.write("a", "1");
    lab.write("b", "2");
    rest();
    lab.write("b", "3");
    assert_eq!(lab.command(&["a", "b"]), [false, false]);
    assert_eq!(lab.command(&["a", "b"]), [true, false], "b may have been written in the same tick again");
    rest();
    assert_eq!(lab.command(&["a", "b"]), [true, false]);
    assert_eq!(lab.command(&["a", "b"]), [true, true], "by now it was read when it had been at rest");
}

/// What happens to the file `f`.
type Change = fn(&Lab);

#[test]
fn each_change_is_seen_however_it_was_made() {
    let Some(mut lab) = Lab::new() else { return };
    let changes: [(&str, Change); 9] = [
        ("written", |lab| lab.write("f", "other")),
        ("written, and the times set back", |lab| {
            let before = times(&lab.path("f"));
            lab.write("f", "OTHER");
            File::options().write(true).open(lab.path("f")).unwrap().set_times(before).unwrap();
        }),
        ("written by a handle that was open before", |lab| {
            let mut file = File::options().write(true).open(lab.path("f")).unwrap();
            file.write_all(b"third").unwrap();
        }),
        ("another renamed into its place, with its times", |lab| {
            lab.write("new", "fours");
            let before = times(&lab.path("f"));
            File::options().write(true).open(lab.path("new")).unwrap().set_times(before).unwrap();
            fs::rename(lab.path("new"), lab.path("f")).unwrap();
        }),
        ("removed and made anew", |lab| {
            fs::remove_file(lab.path("f")).unwrap();
            lab.write("f", "fives");
        }),
        ("written through another name", |lab| {
            let _ = fs::remove_file(lab.path("link"));
            fs::hard_link(lab.path("f"), lab.path("link")).unwrap();
            lab.write("link", "sixth");
        }),
        ("a copy that keeps times", |lab| {
            lab.write("from", "seven");
            copy_with_times(&lab.path("from"), &lab.path("f"));
        }),
        ("a link in its place", |lab| {
            lab.write("elsewhere", "eight");
            fs::remove_file(lab.path("f")).unwrap();
            std::os::unix::fs::symlink(lab.path("elsewhere"), lab.path("f")).unwrap();
        }),
        ("written behind the link", |lab| lab.write("elsewhere", "ninth")),
    ];
    lab.write("f", "first");
    for (what, change) in changes {
        rest();
        lab.command(&["f"]);
        assert_eq!(lab.command(&["f"]), [true], "before: {what}");
        change(&lab);
        assert_eq!(lab.command(&["f"]), [false], "{what}");
    }
}

#[test]
fn a_moved_folder_keeps_its_files_and_a_copied_one_has_others() {
    let Some(mut lab) = Lab::new() else { return };
    lab.write("a/f", "first");
    rest();
    lab.command(&["a/f"]);
    // Above the file nothing tells, and the file is the same.
    fs::rename(lab.path("a"), lab.path("b")).unwrap();
    fs::rename(lab.path("b"), lab.path("a")).unwrap();
    assert_eq!(lab.command(&["a/f"]), [true]);
    fs::rename(lab.path("a"), lab.path("b")).unwrap();
    fs::create_dir(lab.path("a")).unwrap();
    copy_with_times(&lab.path("b/f"), &lab.path("a/f"));
    assert_eq!(lab.command(&["a/f", "b/f"]), [false, false]);
}

#[test]
fn times_ahead_of_the_clock_are_never_trusted() {
    let Some(mut lab) = Lab::new() else { return };
    lab.write("f", "first");
    let ahead = SystemTime::now() + Duration::from_secs(86_400);
    let file = File::options().write(true).open(lab.path("f")).unwrap();
    file.set_times(FileTimes::new().set_modified(ahead)).unwrap();
    rest();
    lab.command(&["f"]);
    assert_eq!(lab.command(&["f"]), [false]);
}

#[test]
fn stamps_from_ahead_of_the_clock_are_left_alone() {
    let Some(mut lab) = Lab::new() else { return };
    lab.write("f", "first");
    rest();
    lab.command(&["f"]);
    let (_, seen) = codec::read(lab.stamps.as_ref().unwrap()).unwrap();
    lab.stamps = Some(codec::written(SystemTime::now() + Duration::from_secs(60), &seen));
    assert_eq!(lab.command(&["f"]), [false], "the clock was set back since");
}

#[test]
fn what_was_read_otherwise_than_known_is_not_kept() {
    let Some(lab) = Lab::new() else { return };
    lab.write("f", "first");
    rest();
    let inputs = Inputs::default();
    let opened = inputs.file(&lab.path("f")).unwrap();
    opened.hash().unwrap();
    assert!(inputs.stamps(None).is_some());
    opened.take_hash("xxh3:00000000000000000000000000000001");
    assert!(inputs.stamps(None).is_none());
}

#[test]
fn the_first_bytes_of_known_files_are_not_looked_at() {
    let Some(lab) = Lab::new() else { return };
    lab.write("a.csv", "t,n\n1,2\n");
    lab.write("b.jsonl", "{\"t\":1}\n");
    lab.write("c.json", "[{\"t\":1}]\n");
    lab.write("d.csv", "sep=;\nt;n\n");
    rest();
    let found = |inputs: &Inputs| {
        let found = files::expand(&[lab.folder.path().display().to_string()], None, inputs).unwrap();
        let looks: Vec<u8> = found.files.iter().map(|file| file.opened.looks().0).collect();
        let told = found.files.iter().map(|file| (file.format, file.shape.clone())).collect::<Vec<_>>();
        found.files.iter().for_each(|file| drop(file.opened.hash().unwrap()));
        (looks, told)
    };
    let first = Inputs::default();
    let (looks, told) = found(&first);
    let (single, plain) = (Looks::SINGLE.0, Looks::SINGLE.0 | Looks::PLAIN.0);
    assert_eq!(looks, [plain, plain | Looks::LINES.0, plain, single]);
    let second = Inputs::default();
    second.learn_stamps(&first.stamps(None).unwrap());
    assert_eq!(found(&second), (looks, told));
    assert!(second.stamps(None).is_none(), "nothing new was seen");
}

#[test]
fn bytes_that_are_not_whole_are_no_stamps() {
    let file = |n: u64| StampedFile {
        stamp: crate::input::opened::Stamp::of_numbers([n, 2, 3, 4, 5, u64::MAX, 7]),
        hash: u128::MAX - u128::from(n),
        looks: Looks(n as u8),
    };
    let files = HashMap::from([("a", file(1)), ("b\nc", file(2)), ("", file(3))]);
    let files = files.into_iter().map(|(path, file)| (path.into(), file)).collect();
    let seen = KnownStamps { files, told: Some(9) };
    let began = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let bytes = codec::written(began, &seen);
    assert_eq!(codec::read(&bytes), Some((began, seen)));
    for length in 0..bytes.len() {
        assert!(codec::read(&bytes[..length]).is_none(), "{length}");
    }
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert!(codec::read(&damaged).is_none(), "{place}");
    }
    assert!(codec::read(&[bytes.as_slice(), b"x"].concat()).is_none());
    assert!(codec::read(b"{\"version\":1}").is_none());
}

/// What happens to a folder.
#[derive(Debug, Clone)]
enum Happening {
    Write(usize, u8),
    WriteAndSetBack(usize, u8),
    Append(usize),
    RenameOver(usize, u8),
    CopyOver(usize, usize),
    Swap(usize, usize),
    Link(usize, usize),
    Touch(usize, i8),
    Rest,
    Command,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let file = || 0..NAMES.len();
    prop_oneof![
        2 => (file(), 0..3u8).prop_map(|(f, c)| Write(f, c)),
        3 => (file(), 0..3u8).prop_map(|(f, c)| WriteAndSetBack(f, c)),
        1 => file().prop_map(Append),
        2 => (file(), 0..3u8).prop_map(|(f, c)| RenameOver(f, c)),
        2 => (file(), file()).prop_map(|(f, g)| CopyOver(f, g)),
        1 => (file(), file()).prop_map(|(f, g)| Swap(f, g)),
        1 => (file(), file()).prop_map(|(f, g)| Link(f, g)),
        1 => (file(), -2..=2i8).prop_map(|(f, days)| Touch(f, days)),
        2 => Just(Rest),
        6 => Just(Command),
    ]
}

const NAMES: [&str; 4] = ["a/f", "a/g", "b/f", "h"];

impl Happening {
    fn happen(&self, lab: &mut Lab) {
        let path = |file: usize| lab.path(NAMES[file]);
        let open = |path: &Path| File::options().write(true).open(path).unwrap();
        let text = |content: u8| char::from(b'x' + content).to_string().repeat(8);
        match *self {
            Happening::Write(file, content) => fs::write(path(file), text(content)).unwrap(),
            Happening::WriteAndSetBack(file, content) => {
                let before = times(&path(file));
                fs::write(path(file), text(content)).unwrap();
                open(&path(file)).set_times(before).unwrap();
            }
            Happening::Append(file) => {
                File::options().append(true).open(path(file)).unwrap().write_all(b"+").unwrap();
            }
            Happening::RenameOver(file, content) => {
                fs::write(lab.path("new"), text(content)).unwrap();
                open(&lab.path("new")).set_times(times(&path(file))).unwrap();
                fs::rename(lab.path("new"), path(file)).unwrap();
            }
            Happening::CopyOver(file, other) => copy_with_times(&path(other), &path(file)),
            Happening::Swap(file, other) if file != other => {
                fs::rename(path(file), lab.path("aside")).unwrap();
                fs::rename(path(other), path(file)).unwrap();
                fs::rename(lab.path("aside"), path(other)).unwrap();
            }
            Happening::Link(file, other) if file != other => {
                fs::remove_file(path(file)).unwrap();
                fs::hard_link(path(other), path(file)).unwrap();
            }
            Happening::Swap(..) | Happening::Link(..) => {}
            Happening::Touch(file, days) => {
                let by = Duration::from_secs(86_400 * u64::from(days.unsigned_abs()));
                let now = SystemTime::now();
                let to = if days < 0 { now - by } else { now + by };
                open(&path(file)).set_times(FileTimes::new().set_modified(to)).unwrap();
            }
            Happening::Rest => rest(),
            // The hashes are compared with those of the bytes.
            Happening::Command => drop(lab.command(&NAMES)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_command_that_learns_says_what_one_says_that_reads(
        happenings in prop::collection::vec(happening(), 1..40),
    ) {
        if let Some(mut lab) = Lab::new() {
            NAMES.iter().for_each(|name| lab.write(name, "xxxxxxxx"));
            happenings.iter().for_each(|happening| happening.happen(&mut lab));
            lab.command(&NAMES);
        }
    }
}
