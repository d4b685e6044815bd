//! How a key and a table of keys are described.

use serde_json::Value;
use std::marker::PhantomData;

/// A key of the job file. `K` says how its value is read.
pub struct Key<K> {
    /// Its description.
    pub about: Described,
    kind: PhantomData<K>,
}

impl<K> Key<K> {
    /// The key of a description.
    pub const fn new(about: Described) -> Key<K> {
        Key { about, kind: PhantomData }
    }
}

/// The description of a key, for users.
#[derive(Clone, Copy)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub ty: ValueType,
    /// What the key means, in sentences.
    pub meaning: &'static str,
    /// The default as JSON; empty without one.
    pub default: &'static str,
    /// A list of examples as JSON.
    pub examples: &'static str,
    /// The words that the key takes, where it takes no others.
    pub words: &'static [&'static str],
    /// The tables that are the key's value.
    pub of: Option<&'static KeySection>,
    /// Whether several sections have this same key. The JSON Schema then defines it once.
    pub shared: bool,
}

impl Described {
    /// A key without a default, examples or words.
    pub const fn new(name: &'static str, meaning: &'static str, ty: ValueType) -> Described {
        Described { name, ty, meaning, default: "", examples: "[]", words: &[], of: None, shared: false }
    }

    /// The meaning, without the space that comments begin with.
    pub fn meaning(&self) -> &'static str {
        self.meaning.trim_start()
    }

    /// The default, if there is one.
    pub fn default_value(&self) -> Option<Value> {
        serde_json::from_str(self.default).ok()
    }

    /// The examples; a test parses them all.
    pub fn example_values(&self) -> Vec<Value> {
        serde_json::from_str(self.examples).unwrap_or_default()
    }

    /// The words as a type: `a, b or c, or a list of them`.
    pub fn words_or_list(&self) -> String {
        let (last, first) = self.words.split_last().unwrap_or((&"", &[]));
        format!("{} or {last}, or a list of them", first.join(", "))
    }
}

/// The type of a key's value, as users know it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// A string.
    Text,
    /// A string that is not empty.
    Filled,
    /// A string of one character.
    Character,
    /// One character, or the word `spaces`.
    Delimiter,
    /// An SQL expression.
    Sql,
    /// A duration.
    Length,
    /// A duration that may have a minus.
    SignedLength,
    /// One of the words of the key.
    Word,
    /// A word of the key, or a list of them.
    Words,
    /// true or false.
    Flag,
    /// A whole number, with both bounds.
    Whole(usize, usize),
    /// A list of whole numbers of at least 1.
    Counts,
    /// A string or a list of strings.
    Strings,
    /// New columns with their SQL expressions, or a list of columns.
    Expressions,
    /// Columns in an order: names, and tables of new names with their SQL expressions.
    Columns,
    /// Names with names, or a list of names.
    Names,
    /// Columns with their data types.
    Types,
    /// Names with texts.
    Texts,
    /// Names with values that stand for themselves.
    Literals,
    /// A table.
    Table,
    /// A list of tables.
    Tables,
    /// Tables with names of the user's.
    NamedTables,
    /// The word `global`, or a table.
    GlobalOrTable,
}

/// A [`ValueType`] as a Rust type, so that the compiler knows what reading a key gives.
pub trait KeyType {
    /// The type that it stands for.
    const TYPE: ValueType;
}

macro_rules! kinds {
    ($($kind:ident)*) => {$(
        #[doc = concat!("See [`ValueType::", stringify!($kind), "`].")]
        pub struct $kind;

        impl KeyType for $kind {
            const TYPE: ValueType = ValueType::$kind;
        }
    )*};
}

kinds! {
    Text Filled Character Delimiter Sql Length SignedLength Word Words Flag Counts Strings Expressions Columns Names Types
    Texts Literals Table Tables NamedTables GlobalOrTable
}

/// See [`ValueType::Whole`].
pub struct Whole<const LEAST: usize, const MOST: usize = { usize::MAX }>;

impl<const LEAST: usize, const MOST: usize> KeyType for Whole<LEAST, MOST> {
    const TYPE: ValueType = ValueType::Whole(LEAST, MOST);
}

/// A table of the job file.
pub struct KeySection {
    /// Its heading on the guide's page.
    pub title: &'static str,
    /// What the table is, in sentences.
    pub about: &'static str,
    /// A job file, or a part of one, that has the table.
    pub sample: &'static str,
    /// Its name among the definitions of the JSON Schema; empty where the one key that has it defines it.
    pub definition: &'static str,
    /// All its keys, in the order of the guide's page.
    pub keys: &'static [Described],
    /// Keys that must be there, with the hint for when they are not.
    pub required: &'static [(&'static str, &'static str)],
    /// Required keys that another key stands for: the first of a pair may be left out where the second is there.
    pub instead: &'static [(&'static str, &'static str)],
    /// The one error for all required keys that are missing; empty where each has its own.
    pub missing: &'static str,
    /// Keys that need another key: the first of a pair needs the second.
    pub together: &'static [(&'static str, &'static str)],
    /// Keys that users look for here and that belong elsewhere, with the hint that says where.
    pub elsewhere: &'static [(&'static [&'static str], &'static str)],
    /// What the table may be, where it is one of several things.
    pub variants: Option<&'static Variants>,
}

impl KeySection {
    /// A section without rules between its keys.
    pub const fn new(title: &'static str, keys: &'static [Described]) -> KeySection {
        KeySection {
            title,
            about: "",
            sample: "",
            definition: "",
            keys,
            required: &[],
            instead: &[],
            missing: "",
            together: &[],
            elsewhere: &[],
            variants: None,
        }
    }

    /// The names of its keys.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }

    /// The key that stands for the required key `key`, if there is one.
    pub fn stands_for(&self, key: &str) -> Option<&'static str> {
        self.instead.iter().find(|(required, _)| *required == key).map(|(_, other)| *other)
    }

    /// Whether a table must have `key`.
    pub fn requires(&self, key: &str) -> bool {
        self.required.iter().any(|(required, _)| *required == key)
    }
}

/// The things that a table may be: it has the key of exactly one.
pub struct Variants {
    /// The table in errors: `a [[step]]`.
    pub what: &'static str,
    /// The error for a table with the keys of several, up to their names.
    pub several: &'static str,
    /// The hint for it; empty without one.
    pub hint: &'static str,
    /// What one table is called in errors: `this window`.
    pub this: &'static str,
    /// The variants.
    pub all: &'static [Variant],
}

/// One thing that a table may be.
pub struct Variant {
    /// Its key.
    pub name: &'static str,
    /// Keys that it must have too.
    pub needs: &'static [NeededKey],
    /// Keys that it may have, and that only the variants that name them have.
    pub takes: &'static [&'static [&'static str]],
    /// Keys that it cannot have, each with a hint.
    pub never: &'static [(&'static str, &'static str)],
}

impl Variant {
    /// A variant that needs and takes only its own key.
    pub const fn new(name: &'static str) -> Variant {
        Variant { name, needs: &[], takes: &[], never: &[] }
    }

    /// The keys that belong to this variant.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.needs.iter().map(|need| need.key).chain(self.takes.iter().flat_map(|keys| keys.iter().copied()))
    }
}

/// A key that a variant needs.
pub struct NeededKey {
    /// The key.
    pub key: &'static str,
    /// What the error says of it; empty for nothing.
    pub meaning: &'static str,
    /// The hint of the error; empty without one.
    pub hint: &'static str,
}

/// JSON as text: the parser of the schema and the page reads it, and the compiler checks its brackets.
macro_rules! json {
    ($($value:tt)*) => { stringify!($($value)*) };
}

/// Keys, each as `NAME: KIND = "key" { … };` with its meaning as comment, and fields of [`Described`] in the braces.
macro_rules! keys {
    ($($(#[doc = $line:literal])+ $key:ident: $kind:ty = $name:literal {
        $($field:ident: $value:expr),* $(,)?
    };)*) => {$(
        $(#[doc = $line])+
        pub const $key: Key<$kind> = Key::new(Described {
            $($field: $value,)*
            ..Described::new($name, concat!($($line),+), <$kind as KeyType>::TYPE)
        });
    )*};
}

/// The descriptions of keys, as a [`KeySection`] lists them.
macro_rules! about {
    ($($key:expr),* $(,)?) => { &[$($key.about),*] };
}

pub(super) use {about, json, keys};
