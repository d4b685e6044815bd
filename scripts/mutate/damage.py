"""Mutations of bytes and of text: each takes what is there and a random generator, and gives something else."""
import re

# What parsers stumble over, by format. `BYTES` goes everywhere.
BYTES = [b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x92\xa9", b"\xe2\x80\xa8", b"\r", b"\n",
         b"\r\n", b"\n\n", b"\x1a", b"\x1b[31m", b"\x7f", b" ", b"\t", b"..", b"/", b"../../victim/a", b"%2e%2e", b"\\", b"'", b'"',
         b"A" * 70000, b"\x80" * 9, b"\xff" * 10]
NUMBERS = [b"0", b"-0", b"-1", b"1", b"007", b"+5", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808",
           b"18446744073709551616", b"170141183460469231731687303715884105727", b"1" * 400, b"1e308", b"1e309", b"-1e400", b"1e-400",
           b"0.1", b"1.", b".5", b"1_000", b"1,5", b"0x10", b"NaN", b"nan", b"inf", b"-Infinity", b"4294967296", b"2147483648",
           b"99999999999999999999999999999999999999", b"0." + b"0" * 50 + b"1", b"253402300800", b"-62135596801", b"8210266876799"]
TIMES = [b"2024-02-30T00:00:00Z", b"2024-06-01T24:00:00Z", b"2024-06-01T23:59:60Z", b"2024-06-01T00:00:00+99:99", b"0000-01-01",
         b"9999-12-31T23:59:59.999999999Z", b"10000-01-01T00:00:00Z", b"-0001-01-01T00:00:00Z", b"2024-06-01", b"2024-06-01T10",
         b"2024-06-01 10:00", b"2024-03-31T02:30:00", b"1900-01-01T00:00:00Z", b"2200-12-31T23:59:59Z", b"1969-12-31T23:59:59.999999Z",
         b"2024-06-01T10:00:00.1234567890123Z", b"2024-06-01T10:00:00,5Z", b"2024-W23-1", b"24-6-1", b"2024-06-01T10:00:00-00:00"]
CSV = [b'"', b'""', b'"""', b",", b",,", b";", b"\t", b"|", b'","', b'"\n"', b"\n,", b',"', b'",', b"=1+1", b"NULL", b"\\N", b'\xef\xbb\xbf"']
JSON = [b"{", b"}", b"[", b"]", b"[" * 500, b'{"a":' * 300, b'"', b'\\"', b"\\u0000", b"\\ud800", b"\\udc00", b"\\ud83d\\udca9", b"\\x", b"null",
        b"true", b"false", b"{}", b"[]", b":", b",", b'"a":1,', b'"at":null,', b"\\", b"1E5", b"-", b"//", b"/**/", b'{"payload":{}}',
        b'{"schema":null,"payload":null}', b'"n":{"n":{"n":1}},']
TOML = [b"[", b"]", b"[[", b"]]", b"{", b"}", b"=", b"#", b'"', b"'''", b'"""', b"\\", b".", b",", b"[[output]]\n", b"[source]\n", b"[[step]]\n",
        b"true", b"inf", b"nan", b"1979-05-27", b"0x7fffffffffffffff", b"[[[[[[]]]]]]", b"{a={b={c=1}}}", b'path = "x.csv"\n', b"\\u0000",
        b"\\U00110000"]
SQL = [b"(", b")", b"((((", b"'", b'"', b"--", b"/*", b"*/", b";", b"NULL", b"1", b"/0", b"+1", b"||", b"::int", b" AND ", b" OR ", b" NOT ",
       b" IN ()", b" BETWEEN ", b" CASE ", b" END ", b"count(*)", b"sum(", b"*", b"%", b"//", b"=", b"!=", b"<", b"LIKE '%_%'", b"~ '('", b"?",
       b"$1", b"@a", b"[1]", b"CAST(", b" AS DECIMAL(76,2))", b"__agg_0", b"__arg_0", b"INTERVAL '1 day'", b"DATE '2024-02-30'", b"1e400",
       b"(SELECT 1)", b"OVER ()", b"DISTINCT ", b"\\"]
BINARY = [b"PAR1", b"PARE", b"Obj\x01", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18\xff\xff\xff\x7f", b"\xff\xff\xff\xff",
          b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x00" * 16, b"\xff" * 16, b"\xfe\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
          b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x01", b"\x02"]
OWN = {"csv": CSV + NUMBERS + TIMES, "jsonl": JSON + NUMBERS + TIMES, "capture": JSON + NUMBERS + TIMES, "toml": TOML + NUMBERS,
            "sql": SQL + NUMBERS, "binary": BINARY, "parquet": BINARY, "state": JSON + NUMBERS, "time": TIMES + NUMBERS}


def tokens(style):
    """The dictionary of a format, with what goes everywhere."""
    return OWN[style] + BYTES


def mutate(data, style, rng, most=4):
    """`data` after one to `most` mutations, fewer more often."""
    data = bytes(data)
    for _ in range(min(rng.randint(1, most), rng.randint(1, most))):
        data = rng.choice(WAYS[style])(data, rng, style)
    return data


def place(data, rng):
    return rng.randint(0, len(data))


def stretch(data, rng, most=200):
    begin = place(data, rng)
    return begin, min(len(data), begin + rng.randint(1, rng.choice([1, 4, 16, most])))


def flip_bit(data, rng, _):
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:]


def set_byte(data, rng, _):
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.choice([0, 1, 0x7f, 0x80, 0xfe, 0xff, rng.randrange(256)])]) + data[at + 1:]


def flip_header(data, rng, style):
    """A bit where formats say how long things are: the first or last 64 bytes."""
    if len(data) < 130:
        return flip_bit(data, rng, style)
    at = rng.randrange(64) if rng.random() < 0.5 else len(data) - 1 - rng.randrange(64)
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:]


def cut_end(data, rng, _):
    return data[:place(data, rng)]


def cut_begin(data, rng, _):
    return data[place(data, rng):]


def cut_out(data, rng, _):
    begin, end = stretch(data, rng)
    return data[:begin] + data[end:]


def repeat(data, rng, _):
    begin, end = stretch(data, rng)
    return data[:end] + data[begin:end] * rng.choice([1, 1, 2, 50]) + data[end:]


def splice(data, rng, _):
    """A stretch again in another place."""
    begin, end = stretch(data, rng)
    at = place(data, rng)
    return data[:at] + data[begin:end] + data[at:]


def swap(data, rng, _):
    """Two stretches change places."""
    cuts = sorted(place(data, rng) for _ in range(4))
    a, b, c, d = cuts
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def insert(data, rng, style):
    at = place(data, rng)
    return data[:at] + rng.choice(tokens(style)) + data[at:]


def overwrite(data, rng, style):
    token = rng.choice(tokens(style))
    at = place(data, rng)
    return data[:at] + token + data[at + len(token):]


def lines(data, rng, _):
    """Lines leave, come twice, change places, or lose their ends."""
    parts = data.split(b"\n")
    at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    how = rng.randrange(5)
    if how == 0:
        del parts[at]
    elif how == 1:
        parts.insert(other, parts[at])
    elif how == 2:
        parts[at], parts[other] = parts[other], parts[at]
    elif how == 3:
        parts[at] += b"\r"
    else:
        return b"\n".join(parts[:at]) + b"\n".join(parts[at:])
    return b"\n".join(parts)


WORD = re.compile(rb"[A-Za-z0-9_.+:-]+")
FIELD = re.compile(rb"[^,;\t\n]*")
VALUE = re.compile(rb'"(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')


def replaced(pattern):
    """A mutation that replaces one match of `pattern` by a token, or by another match."""

    def way(data, rng, style):
        found = list(pattern.finditer(data))
        if not found:
            return insert(data, rng, style)
        match = rng.choice(found)
        new = rng.choice(found).group() if rng.random() < 0.3 else rng.choice(tokens(style))
        if style in ("jsonl", "capture", "state", "toml") and rng.random() < 0.5:
            new = b'"' + new.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
        return data[:match.start()] + new + data[match.end():]

    return way


def footer(data, rng, style):
    """A mutation of Parquet's metadata alone, which lies before its length and the last four bytes."""
    size = int.from_bytes(data[-8:-4], "little")
    if not 0 < size <= len(data) - 12:
        return flip_bit(data, rng, style)
    begin, end = len(data) - 8 - size, len(data) - 8
    changed = rng.choice([flip_bit, set_byte, set_byte, cut_out, repeat, splice, overwrite, insert])(data[begin:end], rng, style)
    return data[:begin] + changed + len(changed).to_bytes(4, "little") + data[-4:]


BLUNT = [flip_bit, set_byte, cut_end, cut_out, repeat, splice, swap, insert, overwrite]
TEXT = [insert, insert, overwrite, cut_out, repeat, splice, swap, lines, lines, flip_bit, cut_end, cut_begin]
WAYS = {"csv": TEXT + [replaced(FIELD)] * 6, "jsonl": TEXT + [replaced(VALUE)] * 8, "capture": TEXT + [replaced(VALUE)] * 8,
        "toml": TEXT + [replaced(VALUE)] * 12 + [replaced(WORD)] * 4, "sql": TEXT[:7] + [replaced(WORD)] * 6, "time": TEXT + [replaced(WORD)] * 6,
        "binary": BLUNT + [flip_header] * 5, "parquet": BLUNT + [flip_header] + [footer] * 10,
        "state": TEXT + [replaced(VALUE)] * 10}
