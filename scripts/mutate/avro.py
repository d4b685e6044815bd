"""Avro container files, well formed or lying: enough of a writer for seeds."""
import json
import struct
import zlib

SYNC = bytes(range(16))

SCHEMA = {
    "type": "record", "name": "Event", "namespace": "shop",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "k", "type": ["null", "string"], "default": None},
        {"name": "n", "type": ["null", "long"], "default": None},
        {"name": "x", "type": ["double", "null"]},
        {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "b", "type": "boolean"},
        {"name": "t", "type": {"type": "enum", "name": "Word", "symbols": ["red", "green", "blue"]}},
        {"name": "id", "type": {"type": "fixed", "name": "Id", "size": 4}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "more", "type": {"type": "map", "values": ["null", "int"]}},
        {"name": "inner", "type": ["null", {"type": "record", "name": "Inner", "fields": [
            {"name": "day", "type": {"type": "int", "logicalType": "date"}}, {"name": "f", "type": "float"}]}], "default": None},
    ],
}


def number(value):
    """A long, as zigzag and varint."""
    value = (value << 1) ^ (value >> 63)
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return number(len(data)) + data


def record(rng, at):
    """One event of SCHEMA."""
    cents = rng.randint(-10**6, 10**6)
    amount = cents.to_bytes(max(1, (cents.bit_length() + 8) // 8), "big", signed=True)
    out = [number(at)]
    out.append(number(0) if rng.random() < 0.1 else number(1) + text(rng.choice(["a", "b", "ü", ""])))
    out.append(number(0) if rng.random() < 0.1 else number(1) + number(rng.choice([1, 5, -3, 10**12])))
    out.append(number(1) if rng.random() < 0.1 else number(0) + struct.pack("<d", rng.choice([0.1, 2.5, -1e9])))
    out += [text(amount), bytes([rng.randrange(2)]), number(rng.randrange(3)), bytes(rng.randrange(256) for _ in range(4))]
    out.append(number(2) + text("p") + text("q") + number(0) if rng.random() < 0.5 else number(0))
    out.append(number(1) + text("m") + number(1) + number(7) + number(0) if rng.random() < 0.5 else number(0))
    out.append(number(1) + number(19875) + struct.pack("<f", 1.5) if rng.random() < 0.5 else number(0))
    return b"".join(out)


def container(schema, blocks, codec="null", sync=SYNC):
    """A file of `blocks`, each a count and the encoded records. `schema` is text, and need be none."""
    meta = number(2) + text("avro.schema") + text(schema) + text("avro.codec") + text(codec) + number(0)
    out = [b"Obj\x01", meta, sync]
    for count, body in blocks:
        if codec == "deflate":
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            body = packer.compress(body) + packer.flush()
        out += [number(count), text(body), sync]
    return b"".join(out)


def blocks(rng, count=3, records=12):
    """Blocks of events, some minutes apart."""
    at = 1717200000000000
    made = []
    for _ in range(count):
        rows = []
        for _ in range(records):
            at += rng.randint(-10**9, 3 * 10**9)
            rows.append(record(rng, at))
        made.append((records, b"".join(rows)))
    return made


def seed(rng, codec):
    return container(json.dumps(SCHEMA), blocks(rng), codec)
