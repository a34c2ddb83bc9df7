import io.github.jopenlibs.vault.Vault;
import io.github.jopenlibs.vault.VaultConfig;
import io.github.jopenlibs.vault.VaultException;
import io.github.jopenlibs.vault.api.Auth;
import io.github.jopenlibs.vault.api.WriteOptions;
import io.github.jopenlibs.vault.api.pki.CredentialFormat;
import io.github.jopenlibs.vault.api.pki.RoleOptions;
import io.github.jopenlibs.vault.api.sys.mounts.MountPayload;
import io.github.jopenlibs.vault.api.sys.mounts.MountType;
import io.github.jopenlibs.vault.api.sys.mounts.TimeToLive;
import io.github.jopenlibs.vault.json.Json;
import io.github.jopenlibs.vault.json.JsonObject;
import io.github.jopenlibs.vault.json.JsonValue;
import io.github.jopenlibs.vault.response.AuthResponse;
import io.github.jopenlibs.vault.response.VaultResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** Walks the whole life of a server with vault-java-driver: see ../README.md for what every walk does and reports. */
@SuppressWarnings("deprecation") // The older calls are those that most programs have.
public final class Walk {
    private static final String CANARY = System.getenv("WALK_CANARY");
    private static final String READER = "path \"kv1/open/*\" { capabilities = [\"create\", \"read\", \"update\"] }";
    private static final int MINUTES = 300;

    private final Map<String, String> kept = new HashMap<>();
    private List<String> keys = new ArrayList<>();
    private String token = "";

    /** The library reports a refusal in the status of its answer, or as an exception, depending on the call. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;
        private final int status;

        Refused(int status) {
            this.status = status;
        }
    }

    /** One act of a step. */
    private interface Act {
        void run() throws Exception;
    }

    public static void main(String[] arguments) {
        Walk walk = new Walk();
        walk.start();
        walk.devices();
        walk.mounts();
        walk.values();
        walk.versions();
        walk.tokens();
        walk.userpass();
        walk.approle();
        walk.jwt();
        walk.identity();
        walk.wrapping();
        walk.leases();
        walk.transit();
        walk.pki();
        walk.ceremonies();
    }

    /** Runs the acts until one fails, and reports how it ended. */
    private void step(String name, Act... acts) {
        String before = token;
        JsonObject report = new JsonObject().add("client", "vault-java-driver").add("step", name);
        try {
            for (Act act : acts) {
                act.run();
            }
            report.add("outcome", "done");
        } catch (VaultException error) {
            report.add("outcome", error.getHttpStatusCode() == 0 ? "failed" : "refused");
            report.add("status", error.getHttpStatusCode()).add("why", String.valueOf(error.getMessage()));
        } catch (Refused refused) {
            report.add("outcome", "refused").add("status", refused.status);
        } catch (Exception error) {
            report.add("outcome", "failed").add("why", String.valueOf(error));
        }
        if (!name.equals("init/init")) {
            token = before;
        }
        System.out.println(report);
    }

    private static void absent(String name, String why) {
        JsonObject report = new JsonObject().add("client", "vault-java-driver").add("step", name);
        System.out.println(report.add("outcome", "absent").add("why", why));
    }

    private static void same(Object got, Object wanted) {
        if (!Objects.equals(String.valueOf(got), String.valueOf(wanted))) {
            throw new IllegalStateException(got + ", not " + wanted);
        }
    }

    private static void holds(boolean condition, Object what) {
        if (!condition) {
            throw new IllegalStateException("does not hold: " + what);
        }
    }

    private static String secret(String name) {
        return CANARY + "-" + name;
    }

    private static String encoded(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String data(String name) throws Exception {
        return Files.readString(Path.of(System.getenv("WALK_DATA"), name)).strip();
    }

    private VaultConfig config() throws VaultException {
        VaultConfig config = new VaultConfig().address(System.getenv("VAULT_ADDR")).openTimeout(5).readTimeout(60);
        return (token.isEmpty() ? config : config.token(token)).build();
    }

    /** The library with paths as they are. */
    private Vault vault() throws VaultException {
        return Vault.create(config(), 1);
    }

    /** The library with the paths of version 2 of KV. */
    private Vault versioned() throws VaultException {
        return Vault.create(config(), 2);
    }

    /** The answer, if it is not a refusal. */
    private static <T extends VaultResponse> T accepted(T response) throws Refused {
        int status = response.getRestResponse().getStatus();
        if (status >= 400) {
            throw new Refused(status);
        }
        return response;
    }

    private static JsonObject body(VaultResponse response) throws Refused {
        accepted(response);
        String text = new String(response.getRestResponse().getBody(), StandardCharsets.UTF_8);
        return text.isBlank() ? new JsonObject() : Json.parse(text).asObject();
    }

    private JsonObject read(String path) throws VaultException, Refused {
        return body(vault().logical().read(path));
    }

    private JsonObject write(String path, Object... pairs) throws VaultException, Refused {
        Map<String, Object> sent = new HashMap<>();
        for (int index = 0; index < pairs.length; index += 2) {
            sent.put((String) pairs[index], pairs[index + 1]);
        }
        return body(vault().logical().write(path, sent));
    }

    private JsonObject remove(String path) throws VaultException, Refused {
        return body(vault().logical().delete(path));
    }

    private List<String> list(String path) throws VaultException, Refused {
        return accepted(vault().logical().list(path)).getListData();
    }

    private static JsonObject in(JsonObject answer) {
        return answer.get("data").asObject();
    }

    private static String text(JsonObject object, String key) {
        JsonValue value = object.get(key);
        holds(value != null, "there is " + key + " in " + object);
        return value.isString() ? value.asString() : value.toString();
    }

    private static List<String> texts(JsonValue list) {
        List<String> found = new ArrayList<>();
        list.asArray().forEach(value -> found.add(value.asString()));
        return found;
    }

    private void useOpen() throws VaultException, Refused {
        write("kv1/open/x", "value", secret("allowed"));
        same(text(in(read("kv1/open/x")), "value"), secret("allowed"));
    }

    private void unseal() throws VaultException, Refused {
        vault().seal().unseal(keys.get(0));
        same(vault().seal().unseal(keys.get(1)).getSealed(), false);
    }

    private void start() {
        step("init/status", () -> same(read("sys/init").get("initialized"), false));
        step("init/init", () -> {
            JsonObject made = write("sys/init", "secret_shares", 3, "secret_threshold", 2);
            keys = texts(made.get("keys"));
            token = text(made, "root_token");
        });
        step("init/again", () -> write("sys/init", "secret_shares", 1, "secret_threshold", 1));
        step("seal/sealed-read", () -> read("kv1/a"));
        step("unseal/malformed-share", () -> vault().seal().unseal(secret("share")));
        step("unseal/shares", this::unseal);
        step("seal/status", () -> same(vault().seal().sealStatus().getSealed(), false));
        step("health/read", () -> same(vault().debug().health().getSealed(), false));
        step("leader/read", () -> holds(read("sys/leader").get("ha_enabled") != null, "a state"));
    }

    private void enable(String name, String file, String raw) throws VaultException, Refused {
        write("sys/audit/" + name, "type", "file", "options", new JsonObject().add("file_path", file).add("log_raw", raw));
    }

    private void devices() {
        step("audit/enable", () -> enable("main", System.getenv("WALK_LOG"), "false"));
        step("audit/enable-raw", () -> enable("raw", System.getenv("WALK_RAW_LOG"), "true"));
        step("audit/list", () -> holds(in(read("sys/audit")).get("raw/") != null, "the device"));
        step("audit/hash", () -> {
            String hash = text(in(write("sys/audit-hash/main", "input", secret("hashed"))), "hash");
            holds(hash.startsWith("hmac-sha256:"), hash);
        });
        step("audit/refused-place", () -> enable("bad", "/etc/passwd", "false"));
        step("audit/disable", () -> enable("third", System.getenv("WALK_THIRD_LOG"), "false"), () -> remove("sys/audit/third"));
        String audited = "sys/config/auditing/request-headers";
        step("headers/set", () -> write(audited + "/X-Walk", "hmac", true));
        step("headers/read", () -> same(text(in(read(audited + "/X-Walk")).get("X-Walk").asObject(), "hmac"), true));
        step("headers/list", () -> holds(in(read(audited)).get("headers").asObject().get("x-walk") != null, "the header"));
        step("headers/remove", () -> write(audited + "/X-Other", "hmac", false), () -> remove(audited + "/X-Other"));
    }

    private void mount(String path, MountType type) throws VaultException, Refused {
        vault().mounts().enable(path, type, new MountPayload());
    }

    private void mounts() {
        step("mounts/enable-kv1", () -> mount("kv1", MountType.KEY_VALUE));
        step("mounts/enable-kv2", () -> mount("kv2", MountType.KEY_VALUE_V2));
        step("mounts/list", () -> same(vault().mounts().list().getMounts().get("kv2/").getType(), MountType.KEY_VALUE));
        step("mounts/tune", () -> vault().mounts().tune("kv1",
            new MountPayload().defaultLeaseTtl(TimeToLive.of(2, TimeUnit.HOURS)).description("walked")));
        step("mounts/read-tune", () -> same(vault().mounts().read("kv1").getMount().getConfig().getDefaultLeaseTtl(), 7200));
        step("mounts/unknown-type", () -> write("sys/mounts/none", "type", "no-such-engine"));
        step("mounts/disable", () -> mount("spare", MountType.KEY_VALUE), () -> vault().mounts().disable("spare"));
        step("remount/move", () -> {
            mount("here", MountType.KEY_VALUE);
            write("here/a", "value", secret("moved"));
            String id = text(in(write("sys/remount", "from", "here", "to", "there")), "migration_id");
            String state = "in-progress";
            for (int tries = 0; tries < 100 && state.equals("in-progress"); tries++) {
                state = text(in(read("sys/remount/status/" + id)).get("migration_info").asObject(), "status");
            }
            same(text(in(read("there/a")), "value"), secret("moved"));
        });
    }

    private void values() {
        step("kv1/write", () -> write("kv1/a/b", "value", secret("kv1"), "n", 17));
        step("kv1/read", () -> {
            JsonObject got = in(read("kv1/a/b"));
            same(text(got, "value") + got.get("n"), secret("kv1") + 17);
        });
        step("kv1/list", () -> same(list("kv1/a"), "[b]"));
        step("kv1/delete", () -> remove("kv1/a/b"));
        step("kv1/missing", () -> read("kv1/a/b"));
    }

    private void put(String value, Long cas, int version) throws VaultException, Refused {
        WriteOptions options = cas == null ? new WriteOptions() : new WriteOptions().checkAndSet(cas);
        Map<String, Object> sent = Map.of("password", value);
        same(text(in(body(versioned().logical().write("kv2/app/db", sent, null, options.build()))), "version"), version);
    }

    private void versions() {
        String at = "kv2/app/db";
        Act reads = () -> same(accepted(versioned().logical().read(at)).getData().get("password"), secret("kv2-2"));
        step("kv2/configure", () -> write("kv2/config", "max_versions", 5));
        step("kv2/write", () -> put(secret("kv2-1"), null, 1));
        step("kv2/write-with-cas", () -> put(secret("kv2-2"), 1L, 2));
        step("kv2/wrong-cas", () -> put(secret("kv2-3"), 1L, 3));
        step("kv2/read", reads);
        step("kv2/read-version", () -> same(versioned().logical().read(at, true, 1).getData().get("password"), secret("kv2-1")));
        absent("kv2/patch", "the library has no PATCH");
        step("kv2/write-metadata", () -> write("kv2/metadata/app/db", "custom_metadata", new JsonObject().add("owner", secret("metadata"))));
        step("kv2/read-metadata", () -> same(text(in(read("kv2/metadata/app/db")).get("custom_metadata").asObject(), "owner"), secret("metadata")));
        step("kv2/list", () -> same(versioned().logical().list("kv2/app").getListData(), "[db]"));
        // Without versions, the library deletes the whole secret.
        step("kv2/delete", () -> accepted(versioned().logical().delete(at, new int[] {2})));
        step("kv2/deleted", reads);
        step("kv2/undelete", () -> accepted(versioned().logical().unDelete(at, new int[] {2})), reads);
        step("kv2/delete-versions", () -> accepted(versioned().logical().delete(at, new int[] {1})));
        step("kv2/destroy", () -> accepted(versioned().logical().destroy(at, new int[] {1})));
        step("kv2/delete-metadata", () -> remove("kv2/metadata/app/db"));
        step("kv2/missing", reads);
        step("cubbyhole/write", () -> write("cubbyhole/mine", "value", secret("cubbyhole")));
        step("cubbyhole/read", () -> same(text(in(read("cubbyhole/mine")), "value"), secret("cubbyhole")));
    }

    private static Auth.TokenRequest request() {
        return new Auth.TokenRequest().polices(List.of("reader"));
    }

    private String spare() throws VaultException, Refused {
        return vault().auth().createToken(new Auth.TokenRequest().ttl("1h")).getAuthClientToken();
    }

    private void tokens() {
        step("policy/write", () -> write("sys/policies/acl/reader", "policy", READER));
        step("policy/read", () -> same(text(in(read("sys/policies/acl/reader")), "policy"), READER));
        step("policy/list", () -> holds(list("sys/policies/acl").contains("reader"), "the policy"));
        step("policy/malformed", () -> write("sys/policies/acl/bad", "policy", "path \"a\" { capabilities = [\"fly\"] }"));
        step("policy/delete", () -> write("sys/policy/spare", "policy", READER), () -> remove("sys/policy/spare"));

        step("token/create", () -> {
            AuthResponse made = vault().auth().createToken(request().ttl("1h").meta(Map.of("who", "walk")));
            kept.put("made", made.getAuthClientToken());
            kept.put("accessor", made.getTokenAccessor());
            same(made.getAuthPolicies(), "[default, reader]");
        });
        Act asMade = () -> token = kept.get("made");
        step("token/lookup", () -> same(text(in(write("auth/token/lookup", "token", kept.get("made"))).get("meta").asObject(), "who"), "walk"));
        step("token/lookup-accessor", () -> same(in(write("auth/token/lookup-accessor", "accessor", kept.get("accessor"))).get("policies"), "[\"default\",\"reader\"]"));
        step("token/lookup-self", asMade, () -> same(vault().auth().lookupSelf().getId(), kept.get("made")));
        step("token/capabilities", () -> {
            JsonObject found = write("sys/capabilities", "token", kept.get("made"), "paths", Json.array("kv1/open/x"));
            same(in(found).get("kv1/open/x"), "[\"create\",\"read\",\"update\"]");
        });
        step("token/allowed", asMade, this::useOpen);
        step("token/denied", asMade, () -> read("kv1/closed"));
        step("token/unknown", () -> token = "hvs." + CANARY + "unknowntoken1234567890", () -> read("kv1/open/x"));
        step("token/renew", () -> same(text(write("auth/token/renew", "token", kept.get("made")).get("auth").asObject(), "renewable"), true));
        step("token/renew-self", asMade, () -> same(vault().auth().renewSelf(1800).getAuthClientToken(), kept.get("made")));
        step("token/orphan", () -> same(text(body(vault().auth().createToken(request().noParent(true))).get("auth").asObject(), "orphan"), true));
        step("token/list-accessors", () -> holds(list("auth/token/accessors").contains(kept.get("accessor")), "the accessor"));
        step("token/revoke-accessor", () -> write("auth/token/revoke-accessor", "accessor",
            vault().auth().createToken(new Auth.TokenRequest().ttl("1h")).getTokenAccessor()));
        step("token/revoke", () -> write("auth/token/revoke", "token", kept.get("made")));
        step("token/revoked", asMade, () -> vault().auth().lookupSelf());
        step("token/revoke-self", () -> token = spare(), () -> vault().auth().revokeSelf());

        step("token-role/write", () -> write("auth/token/roles/walkers", "allowed_policies", "reader", "orphan", true));
        step("token-role/read", () -> same(text(in(read("auth/token/roles/walkers")), "orphan"), true));
        step("token-role/list", () -> same(list("auth/token/roles"), "[walkers]"));
        step("token-role/create", () -> holds(vault().auth().createToken(request().role("walkers")).getAuthPolicies().contains("reader"), "the policy"));
        step("token-role/delete", () -> remove("auth/token/roles/walkers"));
        step("token-batch/create", () -> {
            kept.put("batch", vault().auth().createToken(request().ttl("1h").type("batch")).getAuthClientToken());
            holds(kept.get("batch").matches("(hv)?b\\..*"), "a batch token");
        });
        step("token-batch/use", () -> token = kept.get("batch"), this::useOpen);
    }

    private void method(String path, String type) throws VaultException, Refused {
        write("sys/auth/" + path, "type", type);
    }

    private void use(AuthResponse login) throws VaultException, Refused {
        token = login.getAuthClientToken();
        useOpen();
    }

    private void login(String password) throws VaultException, Refused {
        use(vault().auth().loginByUserPass("wanda", password));
    }

    private void userpass() {
        step("userpass/enable", () -> method("userpass", "userpass"));
        step("userpass/write", () -> write("auth/userpass/users/wanda", "password", secret("password"), "token_policies", "reader"));
        step("userpass/login", () -> login(secret("password")));
        step("userpass/wrong-password", () -> login(secret("wrong-password")));
        step("userpass/list", () -> same(list("auth/userpass/users"), "[wanda]"));
        step("userpass/change-password", () -> write("auth/userpass/users/wanda/password", "password", secret("new")), () -> login(secret("new")));
        step("userpass/delete", () -> remove("auth/userpass/users/wanda"));
    }

    private void byRole(String id) throws VaultException, Refused {
        use(vault().auth().loginByAppRole(kept.get("role"), id));
    }

    private void approle() {
        String role = "auth/approle/role/app";
        step("approle/enable", () -> method("approle", "approle"));
        step("approle/write", () -> write(role, "token_policies", "reader", "secret_id_ttl", "1h", "token_ttl", "10m"));
        step("approle/role-id", () -> kept.put("role", text(in(read(role + "/role-id")), "role_id")));
        step("approle/secret-id", () -> kept.put("id", text(in(write(role + "/secret-id")), "secret_id")));
        step("approle/custom-secret-id", () -> same(text(in(write(role + "/custom-secret-id", "secret_id", secret("custom"))), "secret_id"), secret("custom")));
        step("approle/login", () -> byRole(kept.get("id")), () -> byRole(secret("custom")));
        step("approle/wrong-secret-id", () -> byRole(secret("wrong-id")));
        step("approle/look-up-secret-id", () -> same(text(in(write(role + "/secret-id/lookup", "secret_id", kept.get("id"))), "secret_id_ttl"), 3600));
        step("approle/list", () -> same(list("auth/approle/role"), "[app]"));
        step("approle/destroy-secret-id", () -> write(role + "/secret-id/destroy", "secret_id", kept.get("id")));
        step("approle/destroyed", () -> byRole(kept.get("id")));
    }

    private void jwt() {
        step("jwt/enable", () -> method("jwt", "jwt"));
        step("jwt/configure", () -> write("auth/jwt/config", "jwt_validation_pubkeys", data("jwt-key.pem")));
        step("jwt/role", () -> write("auth/jwt/role/walker", "role_type", "jwt", "user_claim", "sub", "bound_audiences", "onrecord", "token_policies", "reader"));
        step("jwt/login", () -> use(vault().auth().loginByJwt("jwt", "walker", data("login.jwt"))));
        step("jwt/wrong-signature", () -> use(vault().auth().loginByJwt("jwt", "walker", data("foreign.jwt"))));
    }

    private void identity() {
        step("identity/write-entity", () -> kept.put("entity", text(in(write("identity/entity", "name", "wanda",
            "metadata", new JsonObject().add("team", "walkers"), "policies", "reader")), "id")));
        step("identity/read-entity", () -> same(text(in(read("identity/entity/id/" + kept.get("entity"))), "name"), "wanda"));
        step("identity/alias", () -> {
            String accessor = text(in(read("sys/auth")).get("userpass/").asObject(), "accessor");
            write("identity/entity-alias", "name", "wanda", "canonical_id", kept.get("entity"), "mount_accessor", accessor);
        });
        step("identity/group", () -> kept.put("group", text(in(write("identity/group", "name", "walkers", "member_entity_ids", kept.get("entity"))), "id")));
        step("identity/look-up", () -> same(text(in(write("identity/lookup/entity", "name", "wanda")), "id"), kept.get("entity")));
        step("identity/list", () -> holds(list("identity/entity/name").contains("wanda"), "wanda"));
        step("identity/delete", () -> remove("identity/group/id/" + kept.get("group")), () -> remove("identity/entity/id/" + kept.get("entity")));
    }

    private void wrapping() {
        step("wrapping/wrap", this::useOpen, () -> kept.put("wrapped",
            vault().auth().wrap(new JsonObject().add("value", secret("wrapped")), MINUTES).getToken()));
        step("wrapping/look-up", () -> same(text(in(body(vault().auth().lookupWrap(kept.get("wrapped"), false))), "creation_path"), "sys/wrapping/wrap"));
        step("wrapping/rewrap", () -> kept.put("rewrapped", vault().auth().rewrap(kept.get("wrapped")).getToken()));
        Act unwrap = () -> same(vault().auth().unwrap(kept.get("rewrapped"), false).getData().getString("value"), secret("wrapped"));
        step("wrapping/unwrap", unwrap);
        step("wrapping/again", unwrap);
    }

    private void leases() {
        String logins = "auth/lease-login/login/wanda";
        Act look = () -> same(text(in(write("sys/leases/lookup", "lease_id", kept.get("lease"))), "id"), kept.get("lease"));
        step("lease/list", () -> {
            method("lease-login", "userpass");
            write("auth/lease-login/users/wanda", "password", secret("lease"));
            write(logins, "password", secret("lease"));
            write(logins, "password", secret("lease"));
            kept.put("lease", logins + "/" + list("sys/leases/lookup/" + logins).get(0));
        });
        step("lease/look-up", look);
        step("lease/renew", () -> same(text(body(vault().leases().renew(kept.get("lease"), 600)), "lease_id"), kept.get("lease")));
        step("lease/revoke", () -> vault().leases().revoke(kept.get("lease")));
        step("lease/unknown", look);
        step("lease/revoke-prefix", () -> vault().leases().revokePrefix("auth/lease-login/login"));
    }

    private void decrypts(String ciphertext) throws VaultException, Refused {
        same(text(in(write("transit/decrypt/walk", "ciphertext", ciphertext)), "plaintext"), encoded(secret("transit")));
    }

    private void transit() {
        step("transit/enable", () -> mount("transit", MountType.TRANSIT));
        step("transit/create-key", () -> write("transit/keys/walk"), () -> write("transit/keys/sign", "type", "ed25519"));
        step("transit/read-key", () -> same(text(in(read("transit/keys/walk")), "type"), "aes256-gcm96"));
        step("transit/list", () -> same(list("transit/keys"), "[sign, walk]"));
        step("transit/encrypt", () -> kept.put("ciphertext", text(in(write("transit/encrypt/walk", "plaintext", encoded(secret("transit")))), "ciphertext")));
        step("transit/decrypt", () -> decrypts(kept.get("ciphertext")));
        step("transit/rotate", () -> write("transit/keys/walk/rotate"));
        step("transit/rewrap", () -> {
            String rewrapped = text(in(write("transit/rewrap/walk", "ciphertext", kept.get("ciphertext"))), "ciphertext");
            holds(rewrapped.startsWith("vault:v2:"), rewrapped);
            decrypts(rewrapped);
        });
        step("transit/datakey", () -> same(text(in(write("transit/datakey/plaintext/walk")), "plaintext").length(), 44));
        step("transit/sign", () -> kept.put("signature", text(in(write("transit/sign/sign", "input", encoded(secret("signed")))), "signature")));
        step("transit/verify", () -> same(text(in(write("transit/verify/sign", "input", encoded(secret("signed")), "signature", kept.get("signature"))), "valid"), true));
        step("transit/hmac", () -> {
            String hmac = text(in(write("transit/hmac/walk", "input", encoded(secret("mac")))), "hmac");
            same(text(in(write("transit/verify/walk", "input", encoded(secret("mac")), "hmac", hmac)), "valid"), true);
        });
        step("transit/malformed-ciphertext", () -> write("transit/decrypt/walk", "ciphertext", secret("ciphertext")));
        step("transit/delete-refused", () -> remove("transit/keys/walk"));
        step("transit/delete", () -> write("transit/keys/walk/config", "deletion_allowed", true), () -> remove("transit/keys/walk"));
    }

    private void issues(String name) throws VaultException, Refused {
        var issued = vault().pki().issue("hosts", name, List.of(), List.of(), "1h", CredentialFormat.PEM).getCredential();
        holds(issued.getPrivateKey().contains("PRIVATE KEY"), "a key");
        kept.put("serial", issued.getSerialNumber());
    }

    private void pki() {
        step("pki/enable", () -> mount("pki", MountType.PKI), () -> vault().mounts().tune("pki",
            new MountPayload().maxLeaseTtl(TimeToLive.of(8760, TimeUnit.HOURS))));
        step("pki/root", () -> holds(text(in(write("pki/root/generate/internal", "common_name", "walk.example")), "certificate").contains("BEGIN"), "it"));
        step("pki/role", () -> vault().pki().createOrUpdateRole("hosts",
            new RoleOptions().allowedDomains(List.of("walk.example")).allowSubdomains(true).maxTtl("72h")));
        step("pki/issue", () -> issues("a.walk.example"));
        step("pki/refused-name", () -> issues("a.other.example"));
        step("pki/read", () -> holds(text(in(read("pki/cert/" + kept.get("serial"))), "certificate").contains("BEGIN"), "it"));
        step("pki/list", () -> holds(list("pki/certs").contains(kept.get("serial")), "the serial"));
        step("pki/revoke", () -> holds(in(body(vault().pki().revoke(kept.get("serial")))).getInt("revocation_time") > 0, "a time"));
        step("pki/crl", () -> holds(text(in(read("pki/cert/crl")), "certificate").contains("X509 CRL"), "it"));
    }

    private JsonObject withShares(String path, String nonce) throws VaultException, Refused {
        write(path, "key", keys.get(0), "nonce", nonce);
        JsonObject done = write(path, "key", keys.get(1), "nonce", nonce);
        same(text(done, "complete"), true);
        return done;
    }

    private void ceremonies() {
        step("tools/random", () -> same(text(in(write("sys/tools/random/16")), "random_bytes").length(), 24));
        step("tools/hash", () -> same(text(in(write("sys/tools/hash/sha2-256", "input", encoded(secret("tool")))), "sum").length(), 64));
        step("rotate/rotate", () -> write("sys/rotate"));
        step("rotate/key-status", () -> holds(in(read("sys/key-status")).getInt("term") >= 2, "a later term"));

        step("rekey/init", () -> same(text(write("sys/rekey/init", "secret_shares", 3, "secret_threshold", 2), "started"), true));
        step("rekey/cancel", () -> remove("sys/rekey/init"), () -> same(text(read("sys/rekey/init"), "started"), false));
        step("rekey/complete", () -> {
            String nonce = text(write("sys/rekey/init", "secret_shares", 3, "secret_threshold", 2), "nonce");
            keys = texts(withShares("sys/rekey/update", nonce).get("keys"));
        });

        step("generate-root/init", () -> same(text(write("sys/generate-root/attempt"), "started"), true));
        step("generate-root/cancel", () -> remove("sys/generate-root/attempt"), () -> same(text(read("sys/generate-root/attempt"), "started"), false));
        step("generate-root/complete", () -> {
            JsonObject state = write("sys/generate-root/attempt");
            byte[] otp = text(state, "otp").getBytes(StandardCharsets.UTF_8);
            byte[] given = Base64.getDecoder().decode(text(withShares("sys/generate-root/update", text(state, "nonce")), "encoded_root_token"));
            for (int index = 0; index < given.length; index++) {
                given[index] ^= otp[index];
            }
            token = new String(given, StandardCharsets.UTF_8);
            same(vault().auth().lookupSelf().getPolicies(), "[root]");
        });

        step("seal/seal", () -> vault().seal().seal());
        step("seal/sealed-again", () -> read("kv1/open/x"));
        step("seal/unseal-again", this::unseal);
        step("seal/kept", () -> same(text(in(read("kv1/open/x")), "value"), secret("allowed")));
    }
}
