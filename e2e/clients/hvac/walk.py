"""Walks the whole life of a server with hvac: see ../README.md for what every walk does and reports."""

import base64
import json
import os
import sys

import hvac
from hvac import exceptions

CANARY = os.environ["WALK_CANARY"]
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
STATUS = {
    exceptions.InvalidRequest: 400,
    exceptions.Unauthorized: 401,
    exceptions.Forbidden: 403,
    exceptions.InvalidPath: 404,
    exceptions.UnsupportedOperation: 405,
    exceptions.PreconditionFailed: 412,
    exceptions.RateLimitExceeded: 429,
    exceptions.InternalServerError: 500,
    exceptions.VaultNotInitialized: 501,
    exceptions.BadGateway: 502,
    exceptions.VaultDown: 503,
}

client = hvac.Client(url=os.environ["VAULT_ADDR"], token="")
sys_ = client.sys
v1, v2 = client.secrets.kv.v1, client.secrets.kv.v2
token, userpass, approle, jwt = client.auth.token, client.auth.userpass, client.auth.approle, client.auth.jwt
identity, transit, pki = client.secrets.identity, client.secrets.transit, client.secrets.pki
kept = {}


def report(step, outcome, **more):
    print(json.dumps({"client": "hvac", "step": step, "outcome": outcome, **more}), flush=True)


def step(name):
    """Runs the function at once and reports how it ended."""

    def run(function):
        before = client.token
        try:
            function()
            report(name, "done")
        except exceptions.VaultError as error:
            report(name, "refused", status=STATUS.get(type(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the report
            report(name, "failed", why=f"{type(error).__name__}: {error}")
        if name != "init/init":
            client.token = before

    return run


def same(got, wanted):
    assert got == wanted, f"{got!r}, not {wanted!r}"


def holds(condition, what):
    assert condition, what


def secret(name):
    return f"{CANARY}-{name}"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def data(name):
    with open(os.path.join(DATA, name), encoding="utf-8") as file:
        return file.read().strip()


def as_token(value, function):
    client.token = value
    return function()


step("init/status")(lambda: same(sys_.is_initialized(), False))


@step("init/init")
def _():
    made = sys_.initialize(secret_shares=3, secret_threshold=2)
    kept["keys"], client.token = made["keys"], made["root_token"]
    same(len(made["keys"]), 3)


step("init/again")(lambda: sys_.initialize(secret_shares=1, secret_threshold=1))
step("seal/sealed-read")(lambda: client.read("kv1/a"))
step("unseal/malformed-share")(lambda: sys_.submit_unseal_key(secret("share")))
step("unseal/shares")(lambda: same(sys_.submit_unseal_keys(kept["keys"][:2])["sealed"], False))
step("seal/status")(lambda: same(sys_.is_sealed(), False))
step("health/read")(lambda: same(sys_.read_health_status(method="GET")["sealed"], False))
step("leader/read")(lambda: holds("ha_enabled" in sys_.read_leader_status(), "a state"))

step("audit/enable")(
    lambda: sys_.enable_audit_device("file", path="main", options={"file_path": os.environ["WALK_LOG"]})
)
step("audit/enable-raw")(
    lambda: sys_.enable_audit_device(
        "file", path="raw", options={"file_path": os.environ["WALK_RAW_LOG"], "log_raw": "true"}
    )
)
step("audit/list")(lambda: holds("raw/" in sys_.list_enabled_audit_devices()["data"], "the device"))


@step("audit/hash")
def _():
    hashed = sys_.calculate_hash("main", secret("hashed"))["data"]["hash"]
    holds(hashed.startswith("hmac-sha256:"), hashed)


step("audit/refused-place")(
    lambda: sys_.enable_audit_device("file", path="bad", options={"file_path": "/etc/passwd"})
)


@step("audit/disable")
def _():
    sys_.enable_audit_device("file", path="third", options={"file_path": os.environ["WALK_THIRD_LOG"]})
    sys_.disable_audit_device("third")


HEADERS = "sys/config/auditing/request-headers"
step("headers/set")(lambda: client.write_data(f"{HEADERS}/X-Walk", data={"hmac": True}))


@step("headers/read")
def _():
    client.adapter.session.headers["X-Walk"] = secret("header")
    same(client.read(f"{HEADERS}/X-Walk")["data"]["X-Walk"], {"hmac": True})


step("headers/list")(lambda: holds("x-walk" in client.read(HEADERS)["data"]["headers"], "the header"))


@step("headers/remove")
def _():
    client.write_data(f"{HEADERS}/X-Other", data={"hmac": False})
    client.delete(f"{HEADERS}/X-Other")


step("mounts/enable-kv1")(lambda: sys_.enable_secrets_engine("kv", path="kv1", options={"version": "1"}))
step("mounts/enable-kv2")(lambda: sys_.enable_secrets_engine("kv", path="kv2", options={"version": "2"}))
step("mounts/list")(
    lambda: same(sys_.list_mounted_secrets_engines()["data"]["kv2/"]["options"], {"version": "2"})
)
step("mounts/tune")(lambda: sys_.tune_mount_configuration("kv1", default_lease_ttl="2h", description="walked"))
step("mounts/read-tune")(lambda: same(sys_.read_mount_configuration("kv1")["data"]["default_lease_ttl"], 7200))
step("mounts/unknown-type")(lambda: sys_.enable_secrets_engine("no-such-engine", path="none"))


@step("mounts/disable")
def _():
    sys_.enable_secrets_engine("kv", path="spare")
    sys_.disable_secrets_engine("spare")


@step("remount/move")
def _():
    sys_.enable_secrets_engine("kv", path="here", options={"version": "1"})
    v1.create_or_update_secret("a", {"value": secret("moved")}, mount_point="here")
    sys_.move_backend("here", "there")
    same(v1.read_secret("a", mount_point="there")["data"], {"value": secret("moved")})


step("kv1/write")(
    lambda: v1.create_or_update_secret("a/b", {"value": secret("kv1"), "n": 17}, mount_point="kv1")
)
step("kv1/read")(
    lambda: same(v1.read_secret("a/b", mount_point="kv1")["data"], {"value": secret("kv1"), "n": 17})
)
step("kv1/list")(lambda: same(v1.list_secrets("a", mount_point="kv1")["data"]["keys"], ["b"]))
step("kv1/delete")(lambda: v1.delete_secret("a/b", mount_point="kv1"))
step("kv1/missing")(lambda: v1.read_secret("a/b", mount_point="kv1"))

at = {"path": "app/db", "mount_point": "kv2"}
step("kv2/configure")(lambda: v2.configure(max_versions=5, mount_point="kv2"))


def kv2_write(value, cas=None):
    return v2.create_or_update_secret(secret={"password": value}, cas=cas, **at)["data"]["version"]


def kv2_read(version=None):
    answer = v2.read_secret_version(version=version, raise_on_deleted_version=True, **at)
    return answer["data"]["data"]["password"]


step("kv2/write")(lambda: same(kv2_write(secret("kv2-1")), 1))
step("kv2/write-with-cas")(lambda: same(kv2_write(secret("kv2-2"), cas=1), 2))
step("kv2/wrong-cas")(lambda: kv2_write(secret("kv2-3"), cas=1))
step("kv2/read")(lambda: same(kv2_read(), secret("kv2-2")))
step("kv2/read-version")(lambda: same(kv2_read(1), secret("kv2-1")))
step("kv2/patch")(lambda: same(v2.patch(secret={"more": secret("kv2-patch")}, **at)["data"]["version"], 3))
step("kv2/write-metadata")(lambda: v2.update_metadata(custom_metadata={"owner": secret("metadata")}, **at))
step("kv2/read-metadata")(
    lambda: same(v2.read_secret_metadata(**at)["data"]["custom_metadata"], {"owner": secret("metadata")})
)
step("kv2/list")(lambda: same(v2.list_secrets("app", mount_point="kv2")["data"]["keys"], ["db"]))
step("kv2/delete")(lambda: v2.delete_latest_version_of_secret(**at))
step("kv2/deleted")(lambda: kv2_read())
step("kv2/undelete")(
    lambda: (v2.undelete_secret_versions(versions=[3], **at), same(kv2_read(), secret("kv2-2")))
)
step("kv2/delete-versions")(lambda: v2.delete_secret_versions(versions=[1], **at))
step("kv2/destroy")(lambda: v2.destroy_secret_versions(versions=[1, 2], **at))
step("kv2/delete-metadata")(lambda: v2.delete_metadata_and_all_versions(**at))
step("kv2/missing")(lambda: kv2_read())

step("cubbyhole/write")(lambda: client.write_data("cubbyhole/mine", data={"value": secret("cubbyhole")}))
step("cubbyhole/read")(lambda: same(client.read("cubbyhole/mine")["data"], {"value": secret("cubbyhole")}))

READER = 'path "kv1/open/*" { capabilities = ["create", "read", "update"] }'
step("policy/write")(lambda: sys_.create_or_update_acl_policy("reader", READER))
step("policy/read")(lambda: same(sys_.read_acl_policy("reader")["data"]["policy"], READER))
step("policy/list")(lambda: holds("reader" in sys_.list_acl_policies()["data"]["keys"], "the policy"))
step("policy/malformed")(lambda: sys_.create_or_update_acl_policy("bad", 'path "a" { capabilities = ["fly"] }'))
step("policy/delete")(
    lambda: (sys_.create_or_update_policy("spare", READER), sys_.delete_policy("spare"))
)


@step("token/create")
def _():
    kept["made"] = token.create(policies=["reader"], ttl="1h", meta={"who": "walk"})["auth"]
    same(kept["made"]["policies"], ["default", "reader"])


def made():
    return kept["made"]["client_token"]


step("token/lookup")(lambda: same(token.lookup(made())["data"]["meta"], {"who": "walk"}))
step("token/lookup-accessor")(
    lambda: same(token.lookup_accessor(kept["made"]["accessor"])["data"]["policies"], ["default", "reader"])
)
step("token/lookup-self")(lambda: as_token(made(), lambda: same(token.lookup_self()["data"]["id"], made())))
step("token/capabilities")(
    lambda: same(sys_.get_capabilities(["kv1/open/x"], token=made())["data"]["kv1/open/x"], ["create", "read", "update"])
)


def use_made():
    v1.create_or_update_secret("open/x", {"value": secret("allowed")}, mount_point="kv1")
    same(v1.read_secret("open/x", mount_point="kv1")["data"], {"value": secret("allowed")})


step("token/allowed")(lambda: as_token(made(), use_made))
step("token/denied")(lambda: as_token(made(), lambda: v1.read_secret("closed", mount_point="kv1")))
step("token/unknown")(
    lambda: as_token(f"hvs.{CANARY}unknowntoken1234567890", lambda: v1.read_secret("open/x", mount_point="kv1"))
)
step("token/renew")(lambda: same(token.renew(made(), increment="30m")["auth"]["renewable"], True))
step("token/renew-self")(lambda: as_token(made(), lambda: same(token.renew_self()["auth"]["client_token"], made())))
step("token/orphan")(lambda: same(token.create_orphan(policies=["reader"])["auth"]["orphan"], True))
step("token/list-accessors")(
    lambda: holds(kept["made"]["accessor"] in token.list_accessors()["data"]["keys"], "the accessor")
)
step("token/revoke-accessor")(lambda: token.revoke_accessor(token.create(ttl="1h")["auth"]["accessor"]))
step("token/revoke")(lambda: token.revoke(made()))
step("token/revoked")(lambda: as_token(made(), lambda: token.lookup_self()))
step("token/revoke-self")(lambda: as_token(token.create(ttl="1h")["auth"]["client_token"], token.revoke_self))

step("token-role/write")(lambda: token.create_or_update_role("walkers", allowed_policies=["reader"], orphan=True))
step("token-role/read")(lambda: same(token.read_role("walkers")["data"]["orphan"], True))
step("token-role/list")(lambda: same(token.list_roles()["data"]["keys"], ["walkers"]))
step("token-role/create")(
    lambda: holds("reader" in token.create(role_name="walkers", policies=["reader"])["auth"]["policies"], "the policy")
)
step("token-role/delete")(lambda: token.delete_role("walkers"))


@step("token-batch/create")
def _():
    kept["batch"] = token.create(policies=["reader"], type="batch", ttl="1h")["auth"]["client_token"]
    holds(kept["batch"].startswith(("hvb.", "b.")), "a batch token")


step("token-batch/use")(lambda: as_token(kept["batch"], use_made))

step("userpass/enable")(lambda: sys_.enable_auth_method("userpass"))
step("userpass/write")(
    lambda: userpass.create_or_update_user("wanda", password=secret("password"), policies="reader")
)


def userpass_login(password):
    login = userpass.login("wanda", password, use_token=False)["auth"]
    same(login["metadata"], {"username": "wanda"})
    return as_token(login["client_token"], use_made)


step("userpass/login")(lambda: userpass_login(secret("password")))
step("userpass/wrong-password")(lambda: userpass_login(secret("wrong-password")))
step("userpass/list")(lambda: same(userpass.list_user()["data"]["keys"], ["wanda"]))
step("userpass/change-password")(
    lambda: (userpass.update_password_on_user("wanda", secret("new")), userpass_login(secret("new")))
)
step("userpass/delete")(lambda: userpass.delete_user("wanda"))

step("approle/enable")(lambda: sys_.enable_auth_method("approle"))
step("approle/write")(
    lambda: approle.create_or_update_approle("app", token_policies=["reader"], secret_id_ttl="1h", token_ttl="10m")
)
step("approle/role-id")(lambda: kept.update(role=approle.read_role_id("app")["data"]["role_id"]))
step("approle/secret-id")(lambda: kept.update(made_id=approle.generate_secret_id("app")["data"]["secret_id"]))
step("approle/custom-secret-id")(
    lambda: same(approle.create_custom_secret_id("app", secret("custom"))["data"]["secret_id"], secret("custom"))
)


def approle_login(secret_id):
    login = approle.login(kept["role"], secret_id, use_token=False)["auth"]
    as_token(login["client_token"], use_made)


step("approle/login")(lambda: (approle_login(kept["made_id"]), approle_login(secret("custom"))))
step("approle/wrong-secret-id")(lambda: approle_login(secret("wrong-id")))
step("approle/look-up-secret-id")(
    lambda: holds(approle.read_secret_id("app", kept["made_id"])["data"]["secret_id_ttl"] > 0, "a TTL")
)
step("approle/list")(lambda: same(approle.list_roles()["data"]["keys"], ["app"]))
step("approle/destroy-secret-id")(lambda: approle.destroy_secret_id("app", kept["made_id"]))
step("approle/destroyed")(lambda: approle_login(kept["made_id"]))

step("jwt/enable")(lambda: sys_.enable_auth_method("jwt"))
step("jwt/configure")(lambda: jwt.configure(jwt_validation_pubkeys=[data("jwt-key.pem")]))
step("jwt/role")(
    lambda: jwt.create_role(
        "walker", user_claim="sub", allowed_redirect_uris=[], role_type="jwt", bound_audiences=["onrecord"],
        token_policies=["reader"],
    )
)


def jwt_login(name):
    login = jwt.jwt_login("walker", data(name), use_token=False)["auth"]
    as_token(login["client_token"], use_made)


step("jwt/login")(lambda: jwt_login("login.jwt"))
step("jwt/wrong-signature")(lambda: jwt_login("foreign.jwt"))

step("identity/write-entity")(
    lambda: kept.update(
        entity=identity.create_or_update_entity("wanda", metadata={"team": "walkers"}, policies=["reader"])["data"]["id"]
    )
)
step("identity/read-entity")(lambda: same(identity.read_entity(kept["entity"])["data"]["name"], "wanda"))


@step("identity/alias")
def _():
    accessor = sys_.list_auth_methods()["data"]["userpass/"]["accessor"]
    identity.create_or_update_entity_alias("wanda", canonical_id=kept["entity"], mount_accessor=accessor)


step("identity/group")(
    lambda: kept.update(
        group=identity.create_or_update_group("walkers", member_entity_ids=[kept["entity"]])["data"]["id"]
    )
)
step("identity/look-up")(lambda: same(identity.lookup_entity(name="wanda")["data"]["id"], kept["entity"]))
step("identity/list")(lambda: holds("wanda" in identity.list_entities_by_name()["data"]["keys"], "wanda"))
step("identity/delete")(lambda: (identity.delete_group(kept["group"]), identity.delete_entity(kept["entity"])))


def wrapped(ttl="5m"):
    answer = client.adapter.get("/v1/kv1/open/x", wrap_ttl=ttl)
    return answer["wrap_info"]["token"]


step("wrapping/wrap")(lambda: (use_made(), kept.update(wrapped=wrapped())))
step("wrapping/look-up")(
    lambda: same(
        client.write_data("sys/wrapping/lookup", data={"token": kept["wrapped"]})["data"]["creation_path"], "kv1/open/x"
    )
)
step("wrapping/rewrap")(
    lambda: kept.update(
        rewrapped=client.write_data("sys/wrapping/rewrap", data={"token": kept["wrapped"]})["wrap_info"]["token"]
    )
)
step("wrapping/unwrap")(
    lambda: same(sys_.unwrap(kept["rewrapped"])["data"], {"value": secret("allowed")})
)
step("wrapping/again")(lambda: sys_.unwrap(kept["rewrapped"]))

LOGINS = "auth/lease-login/login/wanda"


@step("lease/list")
def _():
    sys_.enable_auth_method("userpass", path="lease-login")
    for _ in range(2):
        userpass.create_or_update_user("wanda", password=secret("lease"), mount_point="lease-login")
        userpass.login("wanda", secret("lease"), use_token=False, mount_point="lease-login")
    kept["lease"] = f"{LOGINS}/" + sys_.list_leases(LOGINS)["data"]["keys"][0]


step("lease/look-up")(lambda: same(sys_.read_lease(kept["lease"])["data"]["id"], kept["lease"]))
step("lease/renew")(lambda: same(sys_.renew_lease(kept["lease"], 600)["lease_id"], kept["lease"]))
step("lease/revoke")(lambda: sys_.revoke_lease(kept["lease"]))
step("lease/unknown")(lambda: sys_.read_lease(kept["lease"]))
step("lease/revoke-prefix")(lambda: sys_.revoke_prefix("auth/lease-login/login"))

step("transit/enable")(lambda: sys_.enable_secrets_engine("transit"))
step("transit/create-key")(lambda: (transit.create_key("walk"), transit.create_key("sign", key_type="ed25519")))
step("transit/read-key")(lambda: same(transit.read_key("walk")["data"]["type"], "aes256-gcm96"))
step("transit/list")(lambda: same(transit.list_keys()["data"]["keys"], ["sign", "walk"]))
step("transit/encrypt")(
    lambda: kept.update(
        ciphertext=transit.encrypt_data("walk", plaintext=encoded(secret("transit")))["data"]["ciphertext"]
    )
)


def decrypts(ciphertext):
    same(transit.decrypt_data("walk", ciphertext=ciphertext)["data"]["plaintext"], encoded(secret("transit")))


step("transit/decrypt")(lambda: decrypts(kept["ciphertext"]))
step("transit/rotate")(lambda: transit.rotate_key("walk"))


@step("transit/rewrap")
def _():
    rewrapped = transit.rewrap_data("walk", ciphertext=kept["ciphertext"])["data"]["ciphertext"]
    holds(rewrapped.startswith("vault:v2:"), rewrapped)
    decrypts(rewrapped)


step("transit/datakey")(
    lambda: same(len(transit.generate_data_key("walk", key_type="plaintext")["data"]["plaintext"]), 44)
)
step("transit/sign")(
    lambda: kept.update(signature=transit.sign_data("sign", encoded(secret("signed")))["data"]["signature"])
)
step("transit/verify")(
    lambda: same(
        transit.verify_signed_data("sign", encoded(secret("signed")), signature=kept["signature"])["data"]["valid"], True
    )
)


@step("transit/hmac")
def _():
    made_hmac = transit.generate_hmac("walk", encoded(secret("mac")))["data"]["hmac"]
    same(transit.verify_signed_data("walk", encoded(secret("mac")), hmac=made_hmac)["data"]["valid"], True)


step("transit/malformed-ciphertext")(lambda: transit.decrypt_data("walk", ciphertext=secret("ciphertext")))
step("transit/delete-refused")(lambda: transit.delete_key("walk"))
step("transit/delete")(
    lambda: (transit.update_key_configuration("walk", deletion_allowed=True), transit.delete_key("walk"))
)

step("pki/enable")(
    lambda: (sys_.enable_secrets_engine("pki"), sys_.tune_mount_configuration("pki", max_lease_ttl="8760h"))
)
step("pki/root")(
    lambda: holds("BEGIN" in pki.generate_root("internal", "walk.example")["data"]["certificate"], "a certificate")
)
step("pki/role")(
    lambda: pki.create_or_update_role(
        "hosts", extra_params={"allowed_domains": "walk.example", "allow_subdomains": True, "max_ttl": "72h"}
    )
)


@step("pki/issue")
def _():
    issued = pki.generate_certificate("hosts", "a.walk.example")["data"]
    holds("PRIVATE KEY" in issued["private_key"], "a key")
    kept["serial"] = issued["serial_number"]


step("pki/refused-name")(lambda: pki.generate_certificate("hosts", "a.other.example"))
step("pki/read")(lambda: holds("BEGIN" in pki.read_certificate(kept["serial"])["data"]["certificate"], "it"))
step("pki/list")(lambda: holds(kept["serial"] in pki.list_certificates()["data"]["keys"], "the serial"))
step("pki/revoke")(lambda: holds(pki.revoke_certificate(kept["serial"])["data"]["revocation_time"] > 0, "a time"))
step("pki/crl")(lambda: holds("X509 CRL" in pki.read_crl(), "a list"))

step("tools/random")(lambda: same(len(client.write_data("sys/tools/random/16", data={})["data"]["random_bytes"]), 24))
step("tools/hash")(
    lambda: same(
        len(client.write_data("sys/tools/hash/sha2-256", data={"input": encoded(secret("tool"))})["data"]["sum"]), 64
    )
)

step("rotate/rotate")(lambda: sys_.rotate_encryption_key())
step("rotate/key-status")(lambda: holds(sys_.get_encryption_key_status()["data"]["term"] >= 2, "a later term"))

step("rekey/init")(lambda: same(sys_.start_rekey(secret_shares=3, secret_threshold=2)["started"], True))
step("rekey/cancel")(lambda: (sys_.cancel_rekey(), same(sys_.read_rekey_progress()["started"], False)))


@step("rekey/complete")
def _():
    nonce = sys_.start_rekey(secret_shares=3, secret_threshold=2)["nonce"]
    answer = sys_.rekey_multi(kept["keys"][:2], nonce=nonce)
    same(answer["complete"], True)
    kept["keys"] = answer["keys"]


step("generate-root/init")(
    lambda: kept.update(root=sys_.start_root_token_generation(otp=None, pgp_key=None))
)
step("generate-root/cancel")(
    lambda: (
        sys_.cancel_root_generation(), same(sys_.read_root_generation_progress()["started"], False)
    )
)


@step("generate-root/complete")
def _():
    root = sys_.start_root_token_generation(otp=None, pgp_key=None)
    sys_.generate_root(kept["keys"][0], root["nonce"])
    given = sys_.generate_root(kept["keys"][1], root["nonce"])["encoded_root_token"]
    given = base64.b64decode(given + "=" * (-len(given) % 4))
    new = bytes(a ^ b for a, b in zip(given, root["otp"].encode(), strict=True)).decode()
    as_token(new, lambda: same(token.lookup_self()["data"]["policies"], ["root"]))


step("seal/seal")(sys_.seal)
step("seal/sealed-again")(lambda: client.read("kv1/open/x"))
step("seal/unseal-again")(lambda: same(sys_.submit_unseal_keys(kept["keys"][:2])["sealed"], False))
step("seal/kept")(lambda: same(v1.read_secret("open/x", mount_point="kv1")["data"], {"value": secret("allowed")}))
sys.exit(0)
