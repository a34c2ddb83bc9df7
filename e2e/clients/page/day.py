"""Writes the audit log of one made-up day to standard output: people at work, machines around the clock, a nightly backup, a
token that is tried where it must not be, a gap, and texts that would break a page that does not escape them.

The same log each time: python3 day.py > audit.log
"""

import datetime
import hashlib
import json
import math
import random

random.seed(20261124)
DAY = datetime.datetime(2026, 11, 24, tzinfo=datetime.timezone.utc)
SALT, BOOT = "5d41402abc4b2a76", "00000000000003e8"
lines = []


def digest(text):
    return "hmac-sha256:" + hashlib.sha256(text.encode()).hexdigest()


def stamp(seconds):
    text = (DAY + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "Z"


def identifier():
    return "%08x-%04x-4%03x-a%03x-%012x" % tuple(random.getrandbits(bits) for bits in (32, 16, 12, 12, 48))


def request(at, who, path, operation="read", *, mount=None, kind="kv", address=None, error=None, status=200, policies=None,
            response=None, duration=None, answered=True, data=None, allowed=None):
    mount = mount or path.split("/")[0] + "/"
    denied = error is not None and "permission denied" in error
    auth = {}
    if who:
        auth = {"client_token": digest("token " + who), "accessor": digest("accessor " + who), "display_name": who,
                "policies": policies or ["default"], "token_policies": policies or ["default"],
                "policy_results": {"allowed": not denied if allowed is None else allowed}, "token_type": "service"}
    asked = {"id": identifier(), "operation": operation, "mount_point": mount, "mount_type": kind,
             "namespace": {"id": "root"}, "path": path, "remote_address": address or "10.20.0.5",
             "remote_port": random.randint(32768, 60999)}
    if who:
        asked["client_token"] = auth["client_token"]
        asked["client_token_accessor"] = auth["accessor"]
    if data:
        asked["data"] = data
    first = {"time": stamp(at), "type": "request", "auth": auth, "request": asked}
    if error:
        first["error"] = error
    lines.append((at, first))
    if not answered:
        return
    took = duration or int(random.lognormvariate(math.log(420_000), 0.7))
    answer = {"time": stamp(at + took / 1e9), "type": "response", "auth": auth, "request": asked,
              "response": dict({"mount_point": mount, "mount_type": kind, "status_code": status}, **(response or {}))}
    if error:
        answer["error"] = error
    answer["duration_ns"] = took
    lines.append((at + took / 1e9, answer))


def login(at, mount, name, address, shown, kind="userpass", ok=True, path=None):
    path = path or f"{mount}login/{name}"
    issued = {"auth": {"client_token": digest("token " + shown), "accessor": digest("accessor " + shown),
                       "display_name": shown, "policies": ["default"]}}
    request(at, None, path, "update", mount=mount, kind=kind, address=address, response=issued if ok else None,
            error=None if ok else "invalid username or password", status=200 if ok else 400,
            data={"password": digest("password")}, duration=int(random.lognormvariate(math.log(58_000_000), 0.2)))


def office(hour):
    """How busy people are at an hour."""
    return max(0.0, math.exp(-((hour - 10.4) / 1.9) ** 2) + 0.9 * math.exp(-((hour - 14.9) / 2.0) ** 2))


people = ["anna.kowalska", "ben.okafor", "chiara.rossi", "david.stein", "emre.aydin", "fatima.haddad", "greta.lind", "hugo.silva",
          "ines.costa", "jonas.berg"]
services = {"billing-api": ("10.20.4.11", 9.0), "checkout": ("10.20.4.12", 11.0), "ledger": ("10.20.4.17", 5.0),
            "mailer": ("10.20.5.2", 2.5), "search-indexer": ("10.20.5.9", 1.8), "ci-runner": ("10.20.9.40", 3.0),
            "grafana": ("10.20.7.7", 1.2)}
secrets = {name: [f"secret/data/{name}/{part}" for part in ("db", "api", "tls", "flags")] for name in services}

for name, (address, pace) in services.items():
    shown = f"approle-{name}"
    for at in range(0, 86_400, 3600):
        login(at + random.random() * 60, "auth/approle/", name, address, shown, "approle", path="auth/approle/login")
    at = 0.0
    while at < 86_400:
        busy = 0.35 + office(at / 3600) * (2.2 if name == "ci-runner" else 1.0)
        at += random.expovariate(pace * busy / 60)
        if at >= 86_400:
            break
        if 46_260 <= at < 46_830:
            continue  # The device was full: the gap below.
        draw = random.random()
        if draw < 0.86:
            request(at, shown, random.choices(secrets[name], (9, 5, 1, 3))[0], policies=[name], address=address)
        elif draw < 0.93:
            request(at, shown, "auth/token/renew-self", "update", mount="auth/token/", kind="token", address=address)
        elif draw < 0.97:
            request(at, shown, f"transit/decrypt/{name}", "update", kind="transit", address=address,
                    data={"ciphertext": digest("c")})
        elif draw < 0.985:
            request(at, shown, f"secret/data/{name}/missing", address=address, status=404, error="no value at this path")
        else:
            request(at, shown, f"secret/data/{name}/flags", "update", address=address)

for number, person in enumerate(people):
    address = f"10.8.0.{20 + number}"
    start = random.gauss(8.4, 0.5) * 3600
    if random.random() < 0.4:
        login(start - 9, "auth/userpass/", person, address, f"userpass-{person}", ok=False)
    login(start, "auth/userpass/", person, address, f"userpass-{person}")
    at = start
    while at < 18.2 * 3600:
        at += random.expovariate((0.05 + office(at / 3600)) / 240)
        team = random.choice(list(services))
        operation, path = random.choices(
            [("read", f"secret/data/{team}/api"), ("list", f"secret/metadata/{team}/"), ("update", f"secret/data/{team}/flags"),
             ("read", "sys/internal/ui/mounts"), ("read", "cubbyhole/notes")], (5, 3, 1, 3, 1))[0]
        request(at, f"userpass-{person}", path, operation, address=address, mount="sys/" if path.startswith("sys/") else None,
                kind="system" if path.startswith("sys/") else "kv")

# The nightly backup.
for number in range(420):
    request(7_800 + number * 1.9, "approle-backup", f"secret/data/{random.choice(list(services))}/db", address="10.20.9.3",
            duration=int(random.lognormvariate(math.log(2_600_000), 0.8)))
request(8_700, "approle-backup", "sys/storage/snapshot", mount="sys/", kind="system", address="10.20.9.3", duration=4_213_000_000)

# A stolen token of the build runner, tried from elsewhere.
for number in range(310):
    at = 56_880 + number * 3.1 + random.random()
    path = random.choice(["secret/data/ledger/db", "secret/data/billing-api/db", "secret/data/checkout/tls", "sys/policies/acl/admin",
                          "secret/metadata/", "auth/token/create", "sys/mounts"])
    system = path.startswith("sys/")
    request(at, "approle-ci-runner", path, random.choice(["read", "list"]), address="203.0.113.77", error="1 error occurred:\n\t* permission denied\n\n",
            status=403, mount="sys/" if system else None, kind="system" if system else "kv", policies=["ci-runner"])
request(57_905, "userpass-anna.kowalska", "auth/token/revoke-accessor", "update", mount="auth/token/", kind="token", address="10.8.0.20")

# Changes by operators.
for at, path, operation, error in [
    (31_212, "sys/policies/acl/checkout", "update", None),
    (33_940, "sys/mounts/transit", "update", None),
    (34_020, "sys/policies/acl/mailer", "update", None),
    (41_500, "auth/approle/role/mailer", "update", None),
    (46_850, "sys/audit/second", "update", None),
    (52_333, "sys/auth/jwt", "update", None),
    (57_411, "sys/policies/acl/admin", "update", "1 error occurred:\n\t* permission denied\n\n"),
    (57_960, "identity/entity/id/7be5f1a4", "update", None),
    (58_120, "sys/rotate", "update", None),
]:
    who = "approle-ci-runner" if error else "userpass-david.stein"
    mount = path.split("/")[0] + "/" if not path.startswith("auth/") else "auth/approle/"
    request(at, who, path, operation, mount=mount, kind="system", address="203.0.113.77" if error else "10.8.0.23", error=error,
            status=403 if error else 204)

# Texts that a page must escape, and requests that the end of the log cut off.
hostile = 'secret/data/<script>alert("1")</script>/\u202egpj.exe\u2066/&amp;\'"'
request(60_100, "userpass-<b>mallory</b>", hostile, address="198.51.100.9", status=404, error="no value at this path")
request(60_101, "userpass-\u05d0\u05d1\u05d2", "secret/data/\u0645\u062b\u0627\u0644", address="2001:db8::17")
for number in range(3):
    request(86_390 + number, "approle-ledger", "secret/data/ledger/db", address="10.20.4.17", answered=False)
# A question to the log itself.
request(58_300, "userpass-david.stein", "sys/audit-hash/file", "update", mount="sys/", kind="system", address="10.8.0.23")

lines.sort(key=lambda line: line[0])
number = 0
for at, line in lines:
    if at > 46_830 and number < 10**6 and not globals().get("gap_written"):
        gap_written = True
        gap = {"time": stamp(46_830), "type": "request", "auth": {}, "request": {"id": identifier(), "operation": "update",
               "path": "sys/audit/gap"}, "gap": {"missed": 412, "ranges": [{"from": number + 1, "to": number + 412}],
               "since": stamp(46_260), "reason": "write failed: no space left on device"},
               "record": {"seq": number, "boot": BOOT, "salt": SALT}}
        print(json.dumps(gap, separators=(",", ":"), ensure_ascii=False))
        number += 412
    number += 1
    line["record"] = {"seq": number, "boot": BOOT, "salt": SALT}
    print(json.dumps(line, separators=(",", ":"), ensure_ascii=False))
