//! Annotations of GitHub: lines that its runner shows beside the code of a pull request.

/// One annotation: `error`, `warning` or `notice`, where, under which title, in which words.
pub struct Annotation<'a> {
    pub level: &'static str,
    /// The file with line and column, from 1, and the number of characters.
    pub place: Option<(&'a str, usize, usize, usize)>,
    pub title: &'a str,
    pub message: &'a str,
}

impl Annotation<'_> {
    /// The line, which the runner reads on stdout and stderr.
    pub fn line(&self) -> String {
        let Annotation { level, place, title, message } = self;
        let mut properties = vec![];
        if let Some((file, line, column, width)) = place {
            properties.push(format!("file={}", property(file)));
            properties.push(format!("line={line}"));
            properties.push(format!("col={column}"));
            // The last column belongs to the part.
            properties.push(format!("endColumn={}", column + width.saturating_sub(1)));
        }
        properties.push(format!("title={}", property(title)));
        format!("::{level} {}::{}\n", properties.join(","), message_text(message))
    }
}

/// The text of a message. A line end in it would end the annotation, and what follows could be a command.
fn message_text(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which ends at a comma, and with the last property at a colon.
fn property(text: &str) -> String {
    message_text(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_its_annotation() {
        let hostile = Annotation {
            level: "error",
            place: Some(("a,b:c\n.toml", 3, 5, 4)),
            title: "x::y,%",
            message: "50% of\r\n::set-output name=a::b",
        };
        assert_eq!(
            hostile.line(),
            "::error file=a%2Cb%3Ac%0A.toml,line=3,col=5,endColumn=8,title=x%3A%3Ay%2C%25::50%25 of%0D%0A::set-output name=a::b\n"
        );
        let bare = Annotation { level: "warning", place: None, title: "late", message: "3 events" };
        assert_eq!(bare.line(), "::warning title=late::3 events\n");
    }
}
