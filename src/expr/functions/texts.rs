//! Texts, patterns, codes, hashes and JSON.

use super::FunctionForm;
use super::Take::{Int, Shown, Text, Word};
use crate::expr::tree::Op;
use crate::expr::types::Type;

const T: Type = Type::TEXT;

pub const TEXTS: [FunctionForm; 26] = [
    FunctionForm::new(
        "concat",
        &[Shown],
        Op::ConcatAll,
        T,
        "The values as one text; NULLs are left out.",
        ("concat('a', NULL, 1)", "'a1'"),
    )
    .repeats(),
    FunctionForm::new(
        "concat_ws",
        &[Text, Shown],
        Op::ConcatWith,
        T,
        "The values as one text, the first between them; NULLs are left out.",
        ("concat_ws('-', 'a', NULL, 1)", "'a-1'"),
    )
    .repeats(),
    FunctionForm::new("upper", &[Text], Op::Upper, T, "In capital letters.", ("upper('aé')", "'AÉ'"))
        .aliases(&["ucase"]),
    FunctionForm::new("lower", &[Text], Op::Lower, T, "In small letters.", ("lower('AÉ')", "'aé'"))
        .aliases(&["lcase"]),
    FunctionForm::new(
        "initcap",
        &[Text],
        Op::Initcap,
        T,
        "Each word with a capital letter, the rest in small ones.",
        ("initcap('hi THERE')", "'Hi There'"),
    ),
    FunctionForm::new(
        "length",
        &[Text],
        Op::Length,
        Type::INT,
        "The number of characters.",
        ("length('aé')", "2"),
    )
    .aliases(&["char_length", "character_length", "len"]),
    FunctionForm::new(
        "octet_length",
        &[Text],
        Op::OctetLength,
        Type::INT,
        "The number of bytes.",
        ("octet_length('aé')", "3"),
    )
    .aliases(&["strlen"]),
    FunctionForm::new(
        "left",
        &[Text, Int],
        Op::Left,
        T,
        "The first n characters; for a negative n, all but the last -n.",
        ("left('abc', 2)", "'ab'"),
    ),
    FunctionForm::new(
        "right",
        &[Text, Int],
        Op::Right,
        T,
        "The last n characters; for a negative n, all but the first -n.",
        ("right('abc', 2)", "'bc'"),
    ),
    FunctionForm::new(
        "substring",
        &[Text, Int, Int],
        Op::Substring,
        T,
        "The text from a character on, counted from 1, and how many.",
        ("substring('abcd', 2, 2)", "'bc'"),
    )
    .aliases(&["substr"])
    .optional(1),
    FunctionForm::new(
        "trim",
        &[Text, Text],
        Op::Trim,
        T,
        "Without the spaces, or the characters of the second text, at both ends.",
        ("trim('  a ')", "'a'"),
    )
    .aliases(&["btrim"])
    .optional(1),
    FunctionForm::new(
        "ltrim",
        &[Text, Text],
        Op::TrimStart,
        T,
        "As trim, at the start.",
        ("ltrim('xxa', 'x')", "'a'"),
    )
    .optional(1),
    FunctionForm::new(
        "rtrim",
        &[Text, Text],
        Op::TrimEnd,
        T,
        "As trim, at the end.",
        ("rtrim('a  ')", "'a'"),
    )
    .optional(1),
    FunctionForm::new(
        "replace",
        &[Text, Text, Text],
        Op::Replace,
        T,
        "Every occurrence of the second text replaced by the third.",
        ("replace('a,b', ',', '')", "'ab'"),
    ),
    FunctionForm::new(
        "reverse",
        &[Text],
        Op::Reverse,
        T,
        "The characters from the last to the first.",
        ("reverse('abc')", "'cba'"),
    ),
    FunctionForm::new(
        "repeat",
        &[Text, Int],
        Op::Repeat,
        T,
        "The text, repeated n times.",
        ("repeat('ab', 2)", "'abab'"),
    ),
    FunctionForm::new(
        "lpad",
        &[Text, Int, Text],
        Op::PadStart,
        T,
        "Filled at the start, or cut at the end, to n characters.",
        ("lpad('7', 3, '0')", "'007'"),
    )
    .optional(1),
    FunctionForm::new(
        "rpad",
        &[Text, Int, Text],
        Op::PadEnd,
        T,
        "Filled, or cut, at the end to n characters.",
        ("rpad('7', 3, '0')", "'700'"),
    )
    .optional(1),
    FunctionForm::new(
        "starts_with",
        &[Text, Text],
        Op::StartsWith,
        Type::BOOL,
        "Whether the text begins with the other.",
        ("starts_with('abc', 'ab')", "TRUE"),
    )
    .aliases(&["startswith", "prefix"]),
    FunctionForm::new(
        "ends_with",
        &[Text, Text],
        Op::EndsWith,
        Type::BOOL,
        "Whether the text ends with the other.",
        ("ends_with('abc', 'bc')", "TRUE"),
    )
    .aliases(&["endswith", "suffix"]),
    FunctionForm::new(
        "contains",
        &[Text, Text],
        Op::Contains,
        Type::BOOL,
        "Whether the text contains the other.",
        ("contains('abc', 'b')", "TRUE"),
    ),
    FunctionForm::new(
        "strpos",
        &[Text, Text],
        Op::Position,
        Type::INT,
        "The position at which the other begins in the text, from 1; 0 if it is not in the text.",
        ("strpos('abc', 'c')", "3"),
    )
    .aliases(&["instr"]),
    FunctionForm::new(
        "split_part",
        &[Text, Text, Int],
        Op::SplitPart,
        T,
        "The n-th part between separators, from 1, or from the end for a negative n.",
        ("split_part('a,b', ',', 2)", "'b'"),
    ),
    FunctionForm::new(
        "translate",
        &[Text, Text, Text],
        Op::Translate,
        T,
        "Each character of the second text replaced by that of the third at its place, or left out.",
        ("translate('a-b', 'ab-', 'xy')", "'xy'"),
    ),
    FunctionForm::new(
        "ascii",
        &[Text],
        Op::Ascii,
        Type::INT,
        "The Unicode number of the first character, 0 of the empty text.",
        ("ascii('A')", "65"),
    )
    .aliases(&["ord"]),
    FunctionForm::new(
        "overlay",
        &[Text, Text, Int, Int],
        Op::Overlay,
        T,
        "The text with n characters, from a position on, replaced by the other.",
        ("overlay('abcd', 'X', 2, 2)", "'aXd'"),
    )
    .optional(1),
];

pub const PATTERNS: [FunctionForm; 4] = [
    FunctionForm::new("regexp_like", &[Text, Text, Word], Op::RegexLike, Type::BOOL, "Whether the regular expression matches anywhere, as `~`; the flag 'i' ignores the case.", ("regexp_like('abc', '^a')", "TRUE")).aliases(&["regexp_matches", "regexp_contains", "rlike"]).optional(1),
    FunctionForm::new("regexp_extract", &[Text, Text, Int], Op::RegexExtract, T, "The first match of the regular expression, or a group of it; the empty text if it does not match.", ("regexp_extract('a12', '[0-9]+')", "'12'")).optional(1),
    FunctionForm::new("regexp_substr", &[Text, Text], Op::RegexFind, T, "As regexp_extract; NULL if it does not match.", ("regexp_substr('a12', '[0-9]+')", "'12'")),
    FunctionForm::new("regexp_replace", &[Text, Text, Text, Word], Op::RegexReplace, T, "The text with the first match of the regular expression replaced; `\\1` is a group, and the flag 'g' replaces all.", ("regexp_replace('a1b2', '[0-9]', '', 'g')", "'ab'")).optional(1),
];

pub const CODES: [FunctionForm; 8] = [
    FunctionForm::new("md5", &[Text], Op::Md5, T, "The MD5 of the text, in hexadecimal digits.", ("md5('')", "'d41d8cd98f00b204e9800998ecf8427e'")),
    FunctionForm::new("sha256", &[Text], Op::Sha256, T, "The SHA-256 of the text, in hexadecimal digits.", ("left(sha256(''), 8)", "'e3b0c442'")),
    FunctionForm::new("hex", &[Text], Op::Hex, T, "The bytes of the text in hexadecimal digits.", ("hex('a')", "'61'")),
    FunctionForm::new("from_hex", &[Text], Op::FromHex, T, "The text of bytes in hexadecimal digits.", ("from_hex('61')", "'a'")).aliases(&["unhex"]),
    FunctionForm::new("to_base64", &[Text], Op::ToBase64, T, "The bytes of the text in Base64.", ("to_base64('a')", "'YQ=='")).aliases(&["base64"]),
    FunctionForm::new("from_base64", &[Text], Op::FromBase64, T, "The text of bytes in Base64.", ("from_base64('YQ==')", "'a'")).aliases(&["unbase64"]),
    FunctionForm::new("json_extract_string", &[Text, Word], Op::JsonText, T, "The value at a path (`$.a[0]`) of a JSON text, as text: `->>` has a key or a number. NULL if there is none.", ("json_extract_string('{\"a\":[7]}', '$.a[0]')", "'7'")).aliases(&["json_value", "get_json_object"]),
    FunctionForm::new("json_extract", &[Text, Word], Op::JsonPart, T, "The value at a path of a JSON text, as JSON: `->` has a key or a number.", ("json_extract('{\"a\":[7]}', '$.a')", "'[7]'")).aliases(&["json_query"]),
];
