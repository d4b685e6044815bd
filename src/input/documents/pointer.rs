//! Where the list of the records is in a document: a JSON Pointer (RFC 6901).

/// A JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    keys: Vec<String>,
}

impl Pointer {
    /// Reads a pointer; empty, it leads to the document itself.
    ///
    /// # Errors
    /// What is wrong with it, in words, and how it may be meant.
    pub fn parse(text: &str) -> Result<Pointer, (String, String)> {
        let Some(rest) = text.strip_prefix('/') else {
            if text.is_empty() {
                return Ok(Pointer { text: String::new(), keys: vec![] });
            }
            // `$.a.b` is JSONPath and `.a.b` is jq: both are written here by mistake.
            let meant = text.trim_start_matches("$.").trim_start_matches('.').replace('.', "/");
            let why = format!("`{text}` is not a JSON Pointer, which begins with `/`");
            return Err((why, format!("records = \"/{meant}\"")));
        };
        let mut keys = vec![];
        for key in rest.split('/') {
            let escapes = key.replace("~0", "").replace("~1", "");
            if escapes.contains('~') {
                let why =
                    format!("`{text}` is not a JSON Pointer: a `~` in a key is written `~0`, and a `/` `~1`");
                return Err((why, format!("records = \"{}\"", text.replace('~', "~0"))));
            }
            // The order is that of RFC 6901: the other way round `~01` would become `/`.
            keys.push(key.replace("~1", "/").replace("~0", "~"));
        }
        Ok(Pointer { text: text.to_string(), keys })
    }

    /// The pointer to the value at the end of these keys.
    pub fn of(keys: &[String]) -> Pointer {
        let text = keys.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect();
        Pointer { text, keys: keys.to_vec() }
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its keys.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// How many keys it has.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether its key number `n` is `name`.
    pub(super) fn is_key(&self, n: usize, name: &[u8]) -> bool {
        self.keys.get(n).is_some_and(|key| key.as_bytes() == name)
    }

    /// Whether its key number `n` is that of item number `item` of a list.
    pub(super) fn is_item(&self, n: usize, item: usize) -> bool {
        self.keys.get(n).is_some_and(|key| *key == item.to_string())
    }
}
