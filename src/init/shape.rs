//! What is around the records of text files: an encoding, and what [`SuggestedKeys`] finds. What is found is a key of the job, with
//! its reason.

use crate::error::{Error, Result};
pub use crate::input::around::SuggestedKeys;
use crate::input::infer::start;
use crate::input::shape::{Form, encoding};
use crate::input::value::shown;
use crate::input::{InputFormat, SourceFile};

/// How much of a file is looked at.
const HEAD: usize = 256 << 10;

/// Finds the shape of text files, and notes it on them.
///
/// # Errors
/// They cannot be read, or are in an encoding that cannot be told.
pub fn find(files: &mut [SourceFile]) -> Result<SuggestedKeys> {
    let mut found = SuggestedKeys::default();
    for file in files.iter_mut() {
        if file.shape.encoding.is_none() && file.format.is_text() && found.rules.encoding.is_none() {
            let (head, _) = start(&file.opened, &file.shape, 4 * HEAD)?;
            of_encoding(file, &head, &mut found)?;
        }
    }
    take(files, &found)?;
    let csv = files.first().is_some_and(|file| file.format == InputFormat::Csv);
    if !csv {
        return Ok(found);
    }
    for file in files.iter() {
        let (head, whole) = start(&file.opened, &file.shape, HEAD)?;
        if head.trim_ascii().is_empty() {
            continue;
        }
        if file.shape.form != Form::Plain && file.shape.form != Form::Sheet {
            break;
        }
        found.text(&head, whole, file.shape.sep);
        break;
    }
    take(files, &found)?;
    Ok(found)
}

/// Takes another encoding, as a record could not be read for its bytes.
///
/// # Errors
/// None of the file's bytes tell one.
pub fn other_encoding(files: &mut [SourceFile], found: &mut SuggestedKeys, line: &str) -> Result<()> {
    western(found, &format!("not UTF-8: {line}"));
    take(files, found)
}

fn take(files: &mut [SourceFile], found: &SuggestedKeys) -> Result<()> {
    files.iter_mut().try_for_each(|file| file.shape.take(&found.rules, &file.path))
}

/// Notes the encoding of a text that is not UTF-8.
fn of_encoding(file: &SourceFile, head: &[u8], found: &mut SuggestedKeys) -> Result<()> {
    let nuls = |odd: usize| head.iter().skip(odd).step_by(2).filter(|c| **c == 0).count();
    let half = head.len() / 2;
    for (odd, label) in [(1, "utf-16le"), (0, "utf-16be")] {
        // Of ASCII in UTF-16 every second byte is zero; letters beyond ASCII may be up to four of ten.
        if half > 4 && nuls(odd) * 10 > half * 6 && nuls(1 - odd) * 10 < half {
            found.rules.encoding = encoding(label).ok();
            found.lines.push((format!("encoding = \"{label}\""), "every second byte is zero".into()));
            return Ok(());
        }
    }
    let Err(wrong) = std::str::from_utf8(head) else { return Ok(()) };
    if wrong.error_len().is_none() {
        // Cut in the middle of a letter.
        return Ok(());
    }
    let at = wrong.valid_up_to();
    let number = 1 + head[..at].iter().filter(|c| **c == b'\n').count();
    // In Western texts, letters with accents stand alone among ASCII. Longer runs are another script.
    let longest = head.split(u8::is_ascii).map(<[u8]>::len).max().unwrap_or(0);
    // Windows-1252 does not define these five bytes.
    let undefined = head.iter().any(|c| matches!(c, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d));
    let place = format!("{}:{number}", file.path.display());
    if longest > 3 || undefined {
        return Err(Error::data(format!("{place}: not UTF-8, and its bytes do not show the encoding"))
            .hint("name it in the job: encoding = \"windows-1251\", \"shift_jis\", \"gbk\", …")
            .hint(format!("or convert it: iconv -f GBK -t UTF-8 {} > converted.csv", file.path.display())));
    }
    let begin = head[..at].iter().rposition(|c| *c == b'\n').map_or(0, |end| end + 1);
    let end = head[at..].iter().position(|c| *c == b'\n').map_or(head.len(), |end| at + end);
    let line = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&head[begin..end]).0;
    western(
        found,
        &format!("line {number} of {} is `{}`", file.path.display(), shown(line.trim().as_bytes())),
    );
    Ok(())
}

fn western(found: &mut SuggestedKeys, why: &str) {
    found.rules.encoding = encoding("windows-1252").ok();
    found.lines.push(("encoding = \"windows-1252\"".into(), "not UTF-8; check letters with accents".into()));
    found.doubts.push(format!("the text is not UTF-8 and is read as Windows-1252: {why}"));
}

/// Whether fields stand between any number of spaces: where no delimiter cuts the lines.
pub fn spaced(files: &mut [SourceFile], found: &mut SuggestedKeys) -> Result<bool> {
    let Some(file) = files.first() else { return Ok(false) };
    let (head, _) = start(&file.opened, &file.shape, HEAD)?;
    let lines: Vec<&[u8]> =
        head.split(|c| *c == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(50).collect();
    let words = |line: &[u8]| line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    let width = lines.first().map_or(0, |line| words(line));
    // The last may be cut.
    let whole = &lines[..lines.len().saturating_sub(usize::from(lines.len() > 2))];
    if width < 2 || !whole.iter().all(|line| words(line) == width) || lines.len() < 2 {
        return Ok(false);
    }
    found.rules.form = Some(Form::Spaces);
    found
        .lines
        .push(("delimiter = \"spaces\"".into(), "any number of spaces and tabs between fields".into()));
    take(files, found)?;
    Ok(true)
}
