"""Random text in languages of ours: expressions, times, time formats, lengths of time."""

COLUMNS = {"num": ["n", "x", "d", "n"], "text": ["k", "t"], "bool": ["b"], "time": ["at"]}
LITERALS = {
    "num": ["0", "1", "-1", "3", "0.5", "1.25", "9223372036854775807", "9223372036854775808", "1e15", "NULL", "00", "1e400", "0.1234567890123456789",
            "99999999999999999999999999999999999999"],
    "text": ["''", "'a'", "'ü'", "'%'", "'it''s'", "'__agg_0'", "NULL", "'2024-06-01'", "'1'", "E'\\n'", "'\U0001f4a9'"],
    "bool": ["true", "false", "NULL", "n IS NULL", "k = 'a'"],
    "time": ["'2024-06-01T10:00:00Z'", "DATE '2024-06-01'", "TIMESTAMP '2024-06-01 10:00:00'", "NULL", "at"],
}
TAME = {"num": ["0", "1", "3", "0.5", "1.25"], "text": ["'a'", "'b'", "''", "'red'"], "bool": ["true", "false", "n IS NULL", "k = 'a'"],
        "time": ["'2024-06-01T10:00:00Z'", "at"]}
TIME_FORMATS = ["'%Y-%m'", "'%q'", "'YYYY-MM'", "'%'", "t"]
TYPES = ["INT", "BIGINT", "DOUBLE", "DECIMAL(12,2)", "DECIMAL(38,0)", "DECIMAL(38,38)", "DECIMAL(76,2)", "VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP",
         "TIME", "SMALLINT", "TEXT", "JSON", "BYTEA", "DECIMAL", "INT[]", "FLOAT"]
NUM_OF_NUM = ["ABS", "ROUND", "FLOOR", "CEIL", "SQRT", "LN", "LOG10", "LOG2", "EXP", "SIGN", "SIN", "CBRT", "TRUNC", "DEGREES", "ATAN"]
TEXT_OF_TEXT = ["UPPER", "LOWER", "TRIM", "LTRIM", "RTRIM", "REVERSE", "INITCAP"]
FIELDS = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "WEEK", "DOW", "DOY", "QUARTER", "EPOCH", "MILLISECOND", "CENTURY", "ISOYEAR", "TIMEZONE"]
INTERVALS = ["'1 day'", "'1 month'", "'90 minutes'", "'-1 year'", "'1'", "'99999 years'", "''"]
AGGREGATES = ["count(*)", "count(*)", "count({n})", "count(distinct {a})", "sum({n})", "sum({n})", "avg({n})", "min({n})", "min({a})", "max({a})",
              "first({a})", "last({a})", "arg_min({a}, {n})", "arg_max({a}, {n})", "stddev_pop({n})", "stddev_samp({n})", "var_pop({n})",
              "var_samp({n})", "median({n})", "quantile({n}, 0.5)", "bool_and({b})", "bool_or({b})", "approx_count_distinct({a})",
              "sum(distinct {n})", "count({n}) FILTER (WHERE {b})", "sum({n}) FILTER (WHERE {b})", "mode({a})", "count_if({b})", "corr({n}, {n})",
              "regr_slope({n}, {n})", "bit_xor(n)", "string_agg(k, ', ' ORDER BY {a} DESC)", "string_agg(distinct t, '')"]
ODD_AGGREGATES = ["quantile({n}, 2)", "bit_and({n})", "sum() FILTER (WHERE {b})", "sum()", "mode()", "string_agg({a}, {a} ORDER BY {a})",
                  "percentile_cont(0.5) WITHIN GROUP (ORDER BY {n})", "first({a} ORDER BY {n})", "corr({a})", "sum({n}) FILTER"]


def expression(rng, kind=None, depth=4):
    """SQL of a kind, mostly well typed."""
    kind = kind or rng.choice(["num", "text", "bool", "time"])
    if rng.random() < 0.02:
        kind = rng.choice(["num", "text", "bool", "time"])
    if depth <= 0 or rng.random() < 0.15:
        literals = LITERALS[kind] if rng.random() < 0.1 else TAME[kind]
        return rng.choice(COLUMNS[kind]) if rng.random() < 0.7 else rng.choice(literals)

    def sub(wanted):
        return expression(rng, wanted, depth - 1)

    return rng.choice(WAYS[kind] if rng.random() < 0.3 else SAFE[kind])(rng, sub)


def several(rng, sub, kind, least=0):
    return ", ".join(sub(kind) for _ in range(rng.choice([least, 1, 2, 2, 3])))


WAYS = {
    "num": [
        lambda r, s: f"({s('num')} {r.choice(['+', '-', '*', '/', '%', '//', '^', '&', '|'])} {s('num')})",
        lambda r, s: f"{r.choice(NUM_OF_NUM)}({s('num')})",
        lambda r, s: f"ROUND({s('num')}, {r.choice(['0', '2', '-1', '40', 'n'])})",
        lambda r, s: f"{r.choice(['GREATEST', 'LEAST', 'COALESCE'])}({several(r, s, 'num')})",
        lambda r, s: f"{r.choice(['NULLIF', 'MOD', 'POWER', 'POW', 'DIV', 'ATAN2', 'LOG'])}({s('num')}, {s('num')})",
        lambda r, s: f"CAST({s(None)} AS {r.choice(TYPES)})",
        lambda r, s: f"TRY_CAST({s(None)} AS {r.choice(TYPES)})",
        lambda r, s: f"{s('num')}::{r.choice(TYPES)}",
        lambda r, s: f"CASE WHEN {s('bool')} THEN {s('num')} ELSE {s('num')} END",
        lambda r, s: f"EXTRACT({r.choice(FIELDS)} FROM {s('time')})",
        lambda r, s: f"{r.choice(['LENGTH', 'CHAR_LENGTH', 'OCTET_LENGTH', 'ASCII', 'BIT_LENGTH'])}({s('text')})",
        lambda r, s: f"STRPOS({s('text')}, {s('text')})",
        lambda r, s: f"-{s('num')}",
    ],
    "text": [
        lambda r, s: f"{r.choice(TEXT_OF_TEXT)}({s('text')})",
        lambda r, s: f"({s('text')} || {s(r.choice(['text', 'num']))})",
        lambda r, s: f"{r.choice(['CONCAT', 'COALESCE', 'GREATEST', 'LEAST'])}({several(r, s, 'text')})",
        lambda r, s: f"CONCAT_WS({s('text')}, {several(r, s, 'text', 1)})",
        lambda r, s: f"SUBSTR({s('text')}, {s('num')}, {s('num')})",
        lambda r, s: f"SUBSTRING({s('text')} FROM {r.choice(['1', '0', '-2', '99999999999'])})",
        lambda r, s: f"{r.choice(['LEFT', 'RIGHT', 'REPEAT', 'LPAD'])}({s('text')}, {r.choice(['1', '0', '-1', '3', '9223372036854775807', 'n'])})",
        lambda r, s: f"REPLACE({s('text')}, {s('text')}, {s('text')})",
        lambda r, s: f"SPLIT_PART({s('text')}, {s('text')}, {r.choice(['1', '0', '-1', 'n'])})",
        lambda r, s: f"CASE {s('text')} WHEN {s('text')} THEN {s('text')} END",
        lambda r, s: f"CAST({s(None)} AS VARCHAR)",
        lambda r, s: f"TO_CHAR({s('time')}, {r.choice(TIME_FORMATS)})",
        lambda r, s: f"{r.choice(['STRFTIME', 'DATE_FORMAT', 'REGEXP_REPLACE'])}({s('time')}, {s('text')})",
    ],
    "bool": [
        lambda r, s: f"({s('num')} {r.choice(['=', '<>', '<', '>=', '!=', '=='])} {s('num')})",
        lambda r, s: f"({s('text')} {r.choice(['=', '<', '>='])} {s('text')})",
        lambda r, s: f"({s('time')} {r.choice(['=', '<', '>='])} {s('time')})",
        lambda r, s: f"({s('bool')} XOR {s('bool')})",
        lambda r, s: f"NOT {s('bool')}",
        lambda r, s: f"{s(None)} IS {r.choice(['NULL', 'NOT NULL', 'TRUE', 'NOT FALSE', 'DISTINCT FROM NULL'])}",
        lambda r, s: f"{s('num')} {r.choice(['IN', 'NOT IN'])} ({several(r, s, 'num')})",
        lambda r, s: f"{s('num')} BETWEEN {s('num')} AND {s('num')}",
        lambda r, s: f"{s('text')} {r.choice(['LIKE', 'NOT LIKE', 'ILIKE', '~', '!~', '~*', 'SIMILAR TO'])} {r.choice(LIKES)}",
        lambda r, s: f"STARTS_WITH({s('text')}, {s('text')})",
        lambda r, s: f"CAST({s(None)} AS BOOLEAN)",
    ],
    "time": [
        lambda r, s: f"DATE_TRUNC('{r.choice(FIELDS).lower()}', {s('time')})",
        lambda r, s: f"({s('time')} {r.choice('+-')} INTERVAL {r.choice(INTERVALS)})",
        lambda r, s: f"CAST({s(None)} AS {r.choice(['DATE', 'TIMESTAMP'])})",
        lambda r, s: f"COALESCE({several(r, s, 'time')})",
        lambda r, s: f"({s('time')} - {s('time')})",
        lambda r, s: f"{r.choice(['TO_TIMESTAMP', 'STRPTIME', 'DATE', 'MAKE_DATE'])}({s('text')}, {s('text')})",
        lambda r, s: f"CASE WHEN {s('bool')} THEN {s('time')} END",
    ],
}
# What is mostly well typed, and known.
SAFE = {
    "num": [
        lambda r, s: f"({s('num')} {r.choice(['+', '-', '*', '/', '%'])} {s('num')})",
        lambda r, s: f"({s('num')} {r.choice(['+', '-', '*'])} {s('num')})",
        lambda r, s: f"{r.choice(['ABS', 'ROUND', 'FLOOR', 'CEIL', 'SIGN'])}({s('num')})",
        lambda r, s: f"COALESCE({s('num')}, {s('num')})",
        lambda r, s: f"NULLIF({s('num')}, {s('num')})",
        lambda r, s: f"CASE WHEN {s('bool')} THEN {s('num')} ELSE {s('num')} END",
        lambda r, s: f"CAST({s('num')} AS {r.choice(['BIGINT', 'DOUBLE', 'DECIMAL(12,2)'])})",
        lambda r, s: f"EXTRACT({r.choice(['YEAR', 'MONTH', 'DAY', 'HOUR'])} FROM {s('time')})",
        lambda r, s: f"LENGTH({s('text')})",
    ],
    "text": [
        lambda r, s: f"({s('text')} || {s('text')})",
        lambda r, s: f"{r.choice(['UPPER', 'LOWER', 'TRIM'])}({s('text')})",
        lambda r, s: f"COALESCE({s('text')}, {s('text')})",
        lambda r, s: f"SUBSTR({s('text')}, 1, 2)",
        lambda r, s: f"REPLACE({s('text')}, 'a', {s('text')})",
        lambda r, s: f"CASE WHEN {s('bool')} THEN {s('text')} END",
    ],
    "bool": [
        lambda r, s: f"({s('num')} {r.choice(['=', '<>', '<', '>='])} {s('num')})",
        lambda r, s: f"({s('text')} {r.choice(['=', '<>', '<'])} {s('text')})",
        lambda r, s: f"({s('bool')} {r.choice(['AND', 'OR'])} {s('bool')})",
        lambda r, s: f"NOT {s('bool')}",
        lambda r, s: f"({s('time')} >= '2024-06-01T05:00:00Z')",
        lambda r, s: f"{s('num')} IN (1, 2, {s('num')})",
        lambda r, s: f"{s('num')} BETWEEN 0 AND {s('num')}",
        lambda r, s: f"{s('text')} LIKE 'a%'",
    ],
    "time": [
        lambda r, s: f"DATE_TRUNC('{r.choice(['hour', 'day', 'month'])}', {s('time')})",
        lambda r, s: f"({s('time')} {r.choice('+-')} INTERVAL '1 day')",
        lambda r, s: f"COALESCE({s('time')}, at)",
        lambda r, s: f"CASE WHEN {s('bool')} THEN {s('time')} END",
    ],
}
LIKES = ["'a%'", "'%'", "'_'", "'\\%'", "'('", "'[a-'", "'^a.*$'", "'(a*)*b'", "''", "k", "'\\'", "'a{1000}{1000}{1000}'"]


def aggregate(rng):
    """An expression over aggregates, mostly well typed."""
    def one():
        text = rng.choice(ODD_AGGREGATES if rng.random() < 0.03 else AGGREGATES)
        for letter, kind in (("{n}", "num"), ("{b}", "bool"), ("{a}", None)):
            text = text.replace(letter, expression(rng, kind, rng.choice([0, 0, 1, 2])))
        return text

    made = one()
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        made = rng.choice([f"({made} {rng.choice(['+', '-', '*', '/'])} {one()})", f"COALESCE({made}, {one()})", f"ROUND({made}, 2)",
                           f"CASE WHEN {one()} > 1 THEN {made} END", f"CAST({made} AS {rng.choice(TYPES)})"])
    return made


def chain(rng):
    """Many terms of one operator: what a recursive parser or printer may not survive."""
    term, by = rng.choice([("n", "+"), ("n = 1", "OR"), ("k", "||"), ("b", "AND"), ("n", "-"), ("d", "*")])
    return f" {by} ".join([term] * rng.choice([50, 200, 600, 3000]))


def nested(rng):
    depth = rng.choice([20, 100, 500, 3000])
    left, right = rng.choice([("(", ")"), ("ABS(", ")"), ("-", ""), ("NOT ", ""), ("CASE WHEN b THEN ", " END"), ("COALESCE(n, ", ")"), ("CAST(", " AS INT)")])
    return left * depth + "n" + right * depth


def quoted(text):
    """As a basic string of TOML."""
    out = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in out) + '"'


LETTERS = list("YmdHMSfyjbBaAeIpPzZsTFDRuwUWGVgCklnt%cxXvhE+q") + [".f", "3f", ".3f", "6f", ":z", "#z", "-d", "_H", "0m", "::z", "9f", ".9f"]
GLUE = ["-", " ", ":", "T", "/", "", ".", ",", "Z", "ü", "\\n", "'"]
FORMATS = ["%Y-%m-%dT%H:%M:%S", "%d-%m-%Y %H:%M", "%Y%m%d%H%M%S", "%s", "%s.%f", "%d/%b/%Y:%H:%M:%S %z", "%Y-%m-%d %I:%M %p", "%a %b %e %H:%M:%S %Y",
           "%Y-%jT%T%.f", "%FT%T%:z", "%d.%m.%y", "%Y-%m-%d", "%G-W%V-%u"]


def time_format(rng):
    if rng.random() < 0.6:
        return rng.choice(FORMATS)
    return "".join("%" + rng.choice(LETTERS) + rng.choice(GLUE) for _ in range(rng.randint(1, 8)))


LENGTHS = ["250ms", "90s", "1m", "2h", "1d", "1us", "1 day", "1 week", "1 month", "1 quarter", "1 year", "0s", "-1h", "1h30m", "1.5h", "1", "h", "",
           " 1h ", "1  day", "1H", "9223372036854775807us", "9223372036854775808s", "106751991d", "106751992 days", "292277 years", "400 years", "1e3s",
           "1 fortnight", "٣h", "1h 1h", "+1h", "12 months", "24h", "7 days", "1y", "999999999999999999999999h", "1 month 1 day", "0 month", "1µs"]


def length(rng):
    if rng.random() < 0.6:
        return rng.choice(LENGTHS)
    number = rng.choice([str(rng.randint(0, 100)), str(10 ** rng.randint(1, 25)), str(2 ** rng.randint(0, 64)), "-3", "1.5"])
    return number + rng.choice(["", " ", "  "]) + rng.choice(["us", "ms", "s", "m", "h", "d", "day", "days", "week", "month", "months", "quarter", "year", "years"])


FOLDER_NAMES = ["eu", "", "__HIVE_DEFAULT_PARTITION__", "..", ".", "a=b", "a%2Fb", "%", "%zz", "%00", "%c3%28", "ü", "a b", "a/b", "\\0", "NULL", "null", "1", "01",
                "1e3", "x" * 200, "2024-06-01", "\n", "💩", "=", "==", "~", "CON", "a:b", "*", "?", "[a]", "{a,b}", "%25", "%2e%2e", "'", '"', "\x01", "_x", ".x"]
