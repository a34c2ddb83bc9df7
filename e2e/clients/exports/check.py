"""Reads what `log export` wrote with other programs, and compares it with the log itself, read here line by line.

python3 check.py LOG FOLDER: the folder has audit.parquet/, audit.csv, ecs.jsonl, ocsf.jsonl, cef.txt and cloudevents.jsonl.
Prints how many rows were compared. A difference ends it with an AssertionError.
"""

import collections
import datetime
import json
import pathlib
import re
import sys

import duckdb
import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

log, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def rows_of_log():
    """One row for each request: what the exports must have, found without any code of the product."""
    found = {}
    for text in log.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        request = line["request"]
        if "gap" in line or request["path"].startswith("sys/audit-hash"):
            continue
        row = found.setdefault(request["id"], {"id": request["id"], "answered": False, "time": line["time"]})
        if line["type"] == "response":
            row["answered"] = True
            row["status"] = line["response"].get("status_code")
            row["duration"] = line.get("duration_ns")
        auth = line["auth"]
        issued = line.get("response", {}).get("auth", {})
        row |= {"path": request["path"], "operation": request["operation"], "who": auth.get("display_name") or issued.get("display_name"),
                "address": request.get("remote_address"), "error": line.get("error"), "policies": auth.get("policies") or issued.get("policies", [])}
    return found


def instant(text):
    whole, _, rest = text.removesuffix("Z").partition(".")
    at = datetime.datetime.fromisoformat(whole + "+00:00")
    return at.replace(microsecond=int(rest.ljust(6, "0")[:6]))


def parquet(expected):
    table = f"read_parquet('{folder}/audit.parquet/*/*.parquet', hive_partitioning = true)"
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    types = dict(db.execute(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {table})").fetchall())
    assert types["time"] == "TIMESTAMP WITH TIME ZONE", types
    assert (types["status"], types["denied"], types["policies"], types["path"]) == ("BIGINT", "BOOLEAN", "VARCHAR[]", "VARCHAR"), types
    count, total, denied, answered = db.execute(
        f"SELECT count(*), sum(duration_ns), count(*) FILTER (denied), count(*) FILTER (type = 'response') FROM {table}").fetchone()
    assert count == len(expected), (count, len(expected))
    assert total == sum(row.get("duration") or 0 for row in expected.values()), total
    assert denied == sum("permission denied" in (row["error"] or "") for row in expected.values()), denied
    assert answered == sum(row["answered"] for row in expected.values()), answered
    first, last = db.execute(f"SELECT min(time), max(time) FROM {table}").fetchone()
    times = sorted(instant(row["time"]) for row in expected.values())
    assert (first, last) == (times[0], times[-1]), (first, last, times[0], times[-1])
    assert db.execute(f"SELECT count(*) FROM {table} WHERE day != CAST(time AS DATE)").fetchone() == (0,)
    columns = "id, time, path, operation, who, address, error, policies, status, duration_ns"
    for identifier, time, path, operation, who, address, error, policies, status, duration in db.execute(
            f"SELECT {columns} FROM {table}").fetchall():
        row = expected[identifier]
        got = (time, path, operation, who, address, error, policies, status, duration)
        wanted = (instant(row["time"]), row["path"], row["operation"], row["who"], row["address"], row["error"], row["policies"],
                  row.get("status"), row.get("duration"))
        assert got == wanted, (got, wanted)
    return count


def csv(expected):
    table = f"read_csv('{folder}/audit.csv', header = true, all_varchar = true)"
    count, total = duckdb.execute(f"SELECT count(*), sum(CAST(duration_ns AS HUGEINT)) FROM {table}").fetchone()
    assert (count, total) == (len(expected), sum(row.get("duration") or 0 for row in expected.values())), (count, total)
    return count


class Judge:
    """Holds events to a schema: the first 25 of each shape, that is of the same keys, operation and outcome. All would take minutes."""

    def __init__(self, validator):
        self.validator, self.seen = validator, collections.Counter()

    def judge(self, event, *what):
        keys = json.dumps([sorted(event), [sorted(part) for part in event.values() if isinstance(part, dict)], what])
        self.seen[keys] += 1
        if self.seen[keys] <= 25:
            error = next(self.validator.iter_errors(event), None)
            assert error is None, (error.message, list(error.path), event)


def lines(name):
    for text in (folder / name).read_text(encoding="utf-8").split("\n"):
        if text:
            yield text


def ecs(expected):
    count = 0  # Its schema is looked at by page/ecs.mjs.
    for text in lines("ecs.jsonl"):
        event = json.loads(text)
        row = expected[event["event"]["id"]]
        assert event["url"]["path"] == "/v1/" + row["path"]
        assert event.get("user", {}).get("name") == row["who"]
        count += 1
    return count


def ocsf(expected):
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.5.0")).get_class_schema("api_activity")
    judge = Judge(jsonschema.validators.validator_for(schema)(schema))
    count = 0
    for text in lines("ocsf.jsonl"):
        event = json.loads(text)
        judge.judge(event, event["activity_id"], event["status_id"], event["resources"][0]["type"])
        row = expected[event["metadata"]["uid"]]
        assert event["resources"][0]["name"] == row["path"]
        assert event["time"] == int(instant(row["time"]).timestamp() * 1_000_000) // 1000
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] == 600300 + event["activity_id"]
        count += 1
    return count


# The grammar of the format: a header of seven parts, in which bars and backslashes are escaped, and pairs of a key and a value, in
# which equals signs and backslashes are escaped. A value ends before a blank with a key and an equals sign.
HEADER = re.compile(r"CEF:0((?:\|(?:[^|\\\r\n]|\\[|\\])*){6})\|(.*)", re.S)
PAIR = re.compile(r"([A-Za-z0-9_]+)=((?:[^=\\\r\n]|\\[=\\nr])*?)(?= [A-Za-z0-9_]+=|$)")
# Keys of the dictionary of the format, with what their values are.
KEYS = {"rt": r"\d+", "externalId": ".*", "act": ".*", "request": ".*", "outcome": "success|failure|unknown", "reason": ".*",
        "suser": ".*", "suid": ".*", "src": r"\d+\.\d+\.\d+\.\d+", "shost": ".*", "spt": r"\d{1,5}", "deviceExternalId": ".*",
        "c6a2": r"[0-9a-f:.]+", "c6a2Label": ".+", "cs1": ".*", "cs2": ".*", "cs3": ".*", "cs4": ".*", "cs5": ".*", "cs6": ".*",
        "cn1": r"-?\d+", "cn2": r"-?\d+", "cn3": r"-?\d+"}
KEYS |= {f"{key}Label": "[A-Za-z]+" for key in KEYS if key[:2] in ("cs", "cn")}


def cef(expected):
    count = 0
    for text in lines("cef.txt"):
        header = HEADER.fullmatch(text)
        assert header, text
        severity = re.split(r"(?<!\\)\|", header[1])[-1]
        assert severity.isdigit() and 0 <= int(severity) <= 10, text
        extension, pairs = header[2], {}
        at = 0
        while at < len(extension):
            pair = PAIR.match(extension, at)
            assert pair, (text, extension[at:])
            assert pair[1] not in pairs, text
            assert re.fullmatch(KEYS[pair[1]], pair[2], re.S), (pair[0], text)
            pairs[pair[1]] = re.sub(r"\\(.)", lambda escaped: {"n": "\n", "r": "\r"}.get(escaped[1], escaped[1]), pair[2])
            at = pair.end() + 1
        row = expected[pairs["externalId"]]
        if row["path"].isprintable() and "\u2066" not in row["path"]:
            assert pairs["request"] == row["path"], (pairs, row)
        assert int(pairs["rt"]) == int(instant(row["time"]).timestamp() * 1_000_000) // 1000
        count += 1
    return count


expected = rows_of_log()
for judge in (parquet, csv, ecs, ocsf, cef):
    count = judge(expected)
    assert count == len(expected), (judge.__name__, count, len(expected))
    print(judge.__name__, count)
