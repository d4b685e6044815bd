"""Computes SQL over the rows of rows.csv in DuckDB, for tests/it/expressions_printed.rs.

Reads a line of JSON with the statements that go before, then one for each query; writes for each a line: the values of its
rows as text, or why there are none. Times are in UTC and in no zone, as in the relations that `highwater sql` makes.
"""
import duckdb, json, pathlib, sys

TYPES = {
    "id": "bigint", "at": "timestamp", "i": "bigint", "j": "bigint", "k": "bigint", "f": "double", "g": "double",
    "d": "decimal(18,4)", "e": "decimal(30,10)", "s": "varchar", "u": "varchar", "b": "boolean", "c": "boolean",
    "t": "timestamp", "v": "timestamp", "a": "date", "z": "date", "n": "varchar", "w": "varchar", "x": "varchar",
}
FILE = pathlib.Path(__file__).parent / "rows.csv"

connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
read = f"read_csv('{FILE}', all_varchar = true, allow_quoted_nulls = false, header = true, delim = ',', quote = '\"', escape = '\"')"
columns = ", ".join(
    f"CAST(CAST(\"{name}\" AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP) AS \"{name}\"" if ty == "timestamp"
    else f"CAST(\"{name}\" AS {ty}) AS \"{name}\""
    for name, ty in TYPES.items()
)
connection.execute(f"CREATE TABLE of_rows AS SELECT {columns} FROM {read}")
for statement in json.loads(sys.stdin.readline()):
    connection.execute(statement)
for line in sys.stdin:
    try:
        answer = {"values": [row[0] for row in connection.execute(json.loads(line)).fetchall()]}
    except Exception as error:
        answer = {"error": str(error).splitlines()[0]}
    print(json.dumps(answer))
