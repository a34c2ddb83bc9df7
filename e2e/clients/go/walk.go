// Walks the whole life of a server with github.com/hashicorp/vault/api: see ../README.md for what every walk does and reports.
// The same program is built against github.com/openbao/openbao/api/v2: only the import and the name differ.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	api "github.com/hashicorp/vault/api"
)

const name = "vault-api"

type object = map[string]any

var (
	canary = os.Getenv("WALK_CANARY")
	ctx    = context.Background()
	client *api.Client
	kept   = map[string]string{}
	keys   []string
)

// report is one line of standard output.
type report struct {
	Client  string `json:"client"`
	Step    string `json:"step"`
	Outcome string `json:"outcome"`
	Status  int    `json:"status,omitempty"`
	Why     string `json:"why,omitempty"`
}

// errMissing is what the library means where it returns nothing instead of an error.
var errMissing = errors.New("the library returns nothing")

// step runs the functions until one fails, and reports how it ended.
func step(label string, functions ...func() error) {
	token := client.Token()
	said := report{Client: name, Step: label, Outcome: "done"}
	for _, function := range functions {
		err := guarded(function)
		var refused *api.ResponseError
		switch {
		case err == nil:
			continue
		case errors.As(err, &refused):
			said.Outcome, said.Status = "refused", refused.StatusCode
		case errors.Is(err, errMissing), errors.Is(err, api.ErrSecretNotFound):
			said.Outcome, said.Status = "refused", http.StatusNotFound
		default:
			said.Outcome, said.Why = "failed", err.Error()
		}
		break
	}
	if label != "init/init" {
		client.SetToken(token)
	}
	line, err := json.Marshal(said)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// guarded turns a panic of a step, such as a missing key, into an error.
func guarded(function func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	return function()
}

func same(got, wanted any) error {
	if fmt.Sprint(got) == fmt.Sprint(wanted) || reflect.DeepEqual(got, wanted) {
		return nil
	}
	return fmt.Errorf("%v, not %v", got, wanted)
}

func holds(condition bool, what any) error {
	if condition {
		return nil
	}
	return fmt.Errorf("does not hold: %v", what)
}

func secret(label string) string { return canary + "-" + label }

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func data(file string) string {
	text, err := os.ReadFile(filepath.Join(os.Getenv("WALK_DATA"), file))
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(text))
}

func write(path string, body object) (*api.Secret, error) { return client.Logical().Write(path, body) }

// writes is a step that only writes.
func writes(path string, body object) func() error {
	return func() error { _, err := write(path, body); return err }
}

// asks is a step that reads, lists or writes and looks at the answer.
func asks(method, path string, body object, look func(object) error) func() error {
	return func() error {
		answer, err := ask(method, path, body)
		if err != nil {
			return err
		}
		return look(answer.Data)
	}
}

func ask(method, path string, body object) (answer *api.Secret, err error) {
	switch method {
	case "read":
		answer, err = client.Logical().Read(path)
	case "list":
		answer, err = client.Logical().List(path)
	default:
		answer, err = write(path, body)
	}
	if err == nil && answer == nil {
		err = errMissing
	}
	return answer, err
}

func isSame(key string, wanted any) func(object) error {
	return func(data object) error { return same(data[key], wanted) }
}

func has(key, wanted string) func(object) error {
	return func(data object) error { return holds(strings.Contains(fmt.Sprint(data[key]), wanted), data[key]) }
}

func keep(as, key string) func(object) error {
	return func(data object) error {
		kept[as] = fmt.Sprint(data[key])
		return holds(data[key] != nil, key)
	}
}

// with makes a step use another token.
func with(token func() string, function func() error) func() error {
	return func() error { client.SetToken(token()); return function() }
}

func text(value string) func() string { return func() string { return value } }

func named(label string) func() string { return func() string { return kept[label] } }

func main() {
	config := api.DefaultConfig()
	config.Address = os.Getenv("VAULT_ADDR")
	config.MaxRetries = 0
	made, err := api.NewClient(config)
	if err != nil {
		panic(err)
	}
	client = made
	start()
	devices()
	mounts()
	values()
	tokens()
	logins()
	identity()
	wrapping()
	leases()
	transit()
	pki()
	ceremonies()
}

func start() {
	sys := client.Sys()
	step("init/status", func() error { is, err := sys.InitStatus(); return errors.Join(err, same(is, false)) })
	step("init/init", func() error {
		made, err := sys.Init(&api.InitRequest{SecretShares: 3, SecretThreshold: 2})
		if err == nil {
			keys = made.Keys
			client.SetToken(made.RootToken)
		}
		return err
	})
	step("init/again", func() error { _, err := sys.Init(&api.InitRequest{SecretShares: 1, SecretThreshold: 1}); return err })
	step("seal/sealed-read", func() error { _, err := ask("read", "kv1/a", nil); return err })
	step("unseal/malformed-share", func() error { _, err := sys.Unseal(secret("share")); return err })
	step("unseal/shares", unseal)
	step("seal/status", func() error { state, err := sys.SealStatus(); return sealed(state, err, false) })
	step("health/read", func() error {
		health, err := sys.Health()
		if err != nil {
			return err
		}
		return same([]bool{health.Initialized, health.Sealed, health.Standby}, []bool{true, false, false})
	})
	step("leader/read", func() error { _, err := sys.Leader(); return err })
}

func sealed(state *api.SealStatusResponse, err error, wanted bool) error {
	if err != nil {
		return err
	}
	return same(state.Sealed, wanted)
}

func unseal() error {
	if _, err := client.Sys().Unseal(keys[0]); err != nil {
		return err
	}
	state, err := client.Sys().Unseal(keys[1])
	return sealed(state, err, false)
}

func enable(path, file string, more map[string]string) func() error {
	options := map[string]string{"file_path": file}
	for key, value := range more {
		options[key] = value
	}
	return func() error {
		return client.Sys().EnableAuditWithOptions(path, &api.EnableAuditOptions{Type: "file", Options: options})
	}
}

func devices() {
	sys := client.Sys()
	step("audit/enable", enable("main", os.Getenv("WALK_LOG"), nil))
	step("audit/enable-raw", enable("raw", os.Getenv("WALK_RAW_LOG"), map[string]string{"log_raw": "true"}))
	step("audit/list", func() error {
		devices, err := sys.ListAudit()
		return errors.Join(err, holds(devices["raw/"] != nil, devices))
	})
	step("audit/hash", func() error {
		hash, err := sys.AuditHash("main", secret("hashed"))
		if err != nil {
			return err
		}
		return holds(strings.HasPrefix(hash, "hmac-sha256:"), hash)
	})
	step("audit/refused-place", enable("bad", "/etc/passwd", nil))
	step("audit/disable", enable("third", os.Getenv("WALK_THIRD_LOG"), nil), func() error { return sys.DisableAudit("third") })

	const headers = "sys/config/auditing/request-headers"
	step("headers/set", writes(headers+"/X-Walk", object{"hmac": true}))
	step("headers/read", func() error {
		client.AddHeader("X-Walk", secret("header"))
		return asks("read", headers+"/X-Walk", nil, has("X-Walk", "hmac:true"))()
	})
	step("headers/list", asks("read", headers, nil, has("headers", "x-walk")))
	step("headers/remove", writes(headers+"/X-Other", object{"hmac": false}), func() error {
		_, err := client.Logical().Delete(headers + "/X-Other")
		return err
	})
}

func mount(path, kind, version string) func() error {
	input := &api.MountInput{Type: kind}
	if version != "" {
		input.Options = map[string]string{"version": version}
	}
	return func() error { return client.Sys().Mount(path, input) }
}

func mounts() {
	sys := client.Sys()
	step("mounts/enable-kv1", mount("kv1", "kv", "1"))
	step("mounts/enable-kv2", mount("kv2", "kv", "2"))
	step("mounts/list", func() error {
		mounts, err := sys.ListMounts()
		if err != nil {
			return err
		}
		return same(mounts["kv2/"].Options["version"], "2")
	})
	step("mounts/tune", func() error {
		description := "walked"
		return sys.TuneMount("kv1", api.MountConfigInput{DefaultLeaseTTL: "2h", Description: &description})
	})
	step("mounts/read-tune", func() error {
		config, err := sys.MountConfig("kv1")
		if err != nil {
			return err
		}
		return same(config.DefaultLeaseTTL, 7200)
	})
	step("mounts/unknown-type", mount("none", "no-such-engine", ""))
	step("mounts/disable", mount("spare", "kv", ""), func() error { return sys.Unmount("spare") })
	step("remount/move", mount("here", "kv", "1"), writes("here/a", object{"value": secret("moved")}),
		func() error { return sys.Remount("here", "there") }, asks("read", "there/a", nil, isSame("value", secret("moved"))))
}

func values() {
	kv1 := client.KVv1("kv1")
	step("kv1/write", func() error { return kv1.Put(ctx, "a/b", object{"value": secret("kv1"), "n": 17}) })
	step("kv1/read", func() error {
		got, err := kv1.Get(ctx, "a/b")
		if err != nil {
			return err
		}
		return same([]any{got.Data["value"], got.Data["n"]}, []any{secret("kv1"), 17})
	})
	step("kv1/list", asks("list", "kv1/a", nil, isSame("keys", "[b]")))
	step("kv1/delete", func() error { return kv1.Delete(ctx, "a/b") })
	step("kv1/missing", func() error { _, err := kv1.Get(ctx, "a/b"); return err })
	versioned(client.KVv2("kv2"))
	step("cubbyhole/write", writes("cubbyhole/mine", object{"value": secret("cubbyhole")}))
	step("cubbyhole/read", asks("read", "cubbyhole/mine", nil, isSame("value", secret("cubbyhole"))))
}

func versioned(kv2 *api.KVv2) {
	const path = "app/db"
	put := func(value string, version int, options ...api.KVOption) func() error {
		return func() error {
			got, err := kv2.Put(ctx, path, object{"password": value}, options...)
			if err != nil {
				return err
			}
			return same(got.VersionMetadata.Version, version)
		}
	}
	look := func(got *api.KVSecret, err error, wanted string) error {
		if err != nil {
			return err
		}
		if got.Data == nil {
			return errMissing
		}
		return same(got.Data["password"], wanted)
	}
	get := func(wanted string) func() error {
		return func() error { got, err := kv2.Get(ctx, path); return look(got, err, wanted) }
	}
	step("kv2/configure", writes("kv2/config", object{"max_versions": 5}))
	step("kv2/write", put(secret("kv2-1"), 1))
	step("kv2/write-with-cas", put(secret("kv2-2"), 2, api.WithCheckAndSet(1)))
	step("kv2/wrong-cas", put(secret("kv2-3"), 3, api.WithCheckAndSet(1)))
	step("kv2/read", get(secret("kv2-2")))
	step("kv2/read-version", func() error { got, err := kv2.GetVersion(ctx, path, 1); return look(got, err, secret("kv2-1")) })
	step("kv2/patch", func() error {
		got, err := kv2.Patch(ctx, path, object{"more": secret("kv2-patch")})
		if err != nil {
			return err
		}
		return same(got.VersionMetadata.Version, 3)
	})
	step("kv2/write-metadata", func() error {
		return kv2.PutMetadata(ctx, path, api.KVMetadataPutInput{CustomMetadata: object{"owner": secret("metadata")}})
	})
	step("kv2/read-metadata", func() error {
		got, err := kv2.GetMetadata(ctx, path)
		if err != nil {
			return err
		}
		return same(got.CustomMetadata["owner"], secret("metadata"))
	})
	step("kv2/list", asks("list", "kv2/metadata/app", nil, isSame("keys", "[db]")))
	step("kv2/delete", func() error { return kv2.Delete(ctx, path) })
	step("kv2/deleted", get(secret("kv2-2")))
	step("kv2/undelete", func() error { return kv2.Undelete(ctx, path, []int{3}) }, get(secret("kv2-2")))
	step("kv2/delete-versions", func() error { return kv2.DeleteVersions(ctx, path, []int{1}) })
	step("kv2/destroy", func() error { return kv2.Destroy(ctx, path, []int{1, 2}) })
	step("kv2/delete-metadata", func() error { return kv2.DeleteMetadata(ctx, path) })
	step("kv2/missing", get(""))
}

const reader = `path "kv1/open/*" { capabilities = ["create", "read", "update"] }`

// useOpen is what the policy reader allows.
func useOpen() error {
	_, err := write("kv1/open/x", object{"value": secret("allowed")})
	if err != nil {
		return err
	}
	return asks("read", "kv1/open/x", nil, isSame("value", secret("allowed")))()
}

func tokens() {
	sys, auth := client.Sys(), client.Auth().Token()
	step("policy/write", func() error { return sys.PutPolicy("reader", reader) })
	step("policy/read", func() error { got, err := sys.GetPolicy("reader"); return errors.Join(err, same(got, reader)) })
	step("policy/list", func() error {
		names, err := sys.ListPolicies()
		return errors.Join(err, holds(strings.Contains(fmt.Sprint(names), "reader"), names))
	})
	step("policy/malformed", func() error { return sys.PutPolicy("bad", `path "a" { capabilities = ["fly"] }`) })
	step("policy/delete", func() error { return sys.PutPolicy("spare", reader) }, func() error { return sys.DeletePolicy("spare") })

	create := func(request api.TokenCreateRequest) (*api.SecretAuth, error) {
		made, err := auth.Create(&request)
		if err != nil {
			return nil, err
		}
		return made.Auth, nil
	}
	readers := []string{"reader"}
	step("token/create", func() error {
		made, err := create(api.TokenCreateRequest{Policies: readers, TTL: "1h", Metadata: map[string]string{"who": "walk"}})
		if err != nil {
			return err
		}
		kept["made"], kept["accessor"] = made.ClientToken, made.Accessor
		return same(made.Policies, []string{"default", "reader"})
	})
	looked := func(got *api.Secret, err error, key string, wanted any) error {
		if err != nil {
			return err
		}
		return same(got.Data[key], wanted)
	}
	step("token/lookup", func() error { got, err := auth.Lookup(kept["made"]); return looked(got, err, "meta", object{"who": "walk"}) })
	step("token/lookup-accessor", func() error {
		got, err := auth.LookupAccessor(kept["accessor"])
		return looked(got, err, "policies", "[default reader]")
	})
	step("token/lookup-self", with(named("made"), func() error { got, err := auth.LookupSelf(); return looked(got, err, "id", kept["made"]) }))
	step("token/capabilities", func() error {
		got, err := sys.Capabilities(kept["made"], "kv1/open/x")
		return errors.Join(err, same(got, []string{"create", "read", "update"}))
	})
	readClosed := func() error { _, err := ask("read", "kv1/closed", nil); return err }
	step("token/allowed", with(named("made"), useOpen))
	step("token/denied", with(named("made"), readClosed))
	step("token/unknown", with(text("hvs."+canary+"unknowntoken1234567890"), readClosed))
	step("token/renew", func() error { _, err := auth.Renew(kept["made"], 1800); return err })
	step("token/renew-self", with(named("made"), func() error { _, err := auth.RenewSelf(1800); return err }))
	step("token/orphan", func() error {
		made, err := auth.CreateOrphan(&api.TokenCreateRequest{Policies: readers})
		if err != nil {
			return err
		}
		return same(made.Auth.Orphan, true)
	})
	step("token/list-accessors", asks("list", "auth/token/accessors", nil, func(data object) error { return has("keys", kept["accessor"])(data) }))
	step("token/revoke-accessor", func() error {
		made, err := create(api.TokenCreateRequest{TTL: "1h"})
		if err != nil {
			return err
		}
		return auth.RevokeAccessor(made.Accessor)
	})
	step("token/revoke", func() error { return auth.RevokeTree(kept["made"]) })
	step("token/revoked", with(named("made"), func() error { _, err := auth.LookupSelf(); return err }))
	step("token/revoke-self", func() error {
		made, err := create(api.TokenCreateRequest{TTL: "1h"})
		if err != nil {
			return err
		}
		client.SetToken(made.ClientToken)
		return auth.RevokeSelf("")
	})

	step("token-role/write", writes("auth/token/roles/walkers", object{"allowed_policies": "reader", "orphan": true}))
	step("token-role/read", asks("read", "auth/token/roles/walkers", nil, isSame("orphan", true)))
	step("token-role/list", asks("list", "auth/token/roles", nil, isSame("keys", "[walkers]")))
	step("token-role/create", func() error {
		made, err := auth.CreateWithRole(&api.TokenCreateRequest{Policies: readers}, "walkers")
		if err != nil {
			return err
		}
		return holds(strings.Contains(fmt.Sprint(made.Auth.Policies), "reader"), made.Auth.Policies)
	})
	step("token-role/delete", deletes("auth/token/roles/walkers"))
	step("token-batch/create", func() error {
		made, err := create(api.TokenCreateRequest{Policies: readers, Type: "batch", TTL: "1h"})
		if err != nil {
			return err
		}
		kept["batch"] = made.ClientToken
		return holds(strings.HasPrefix(made.ClientToken, "hvb.") || strings.HasPrefix(made.ClientToken, "b."), "a batch token")
	})
	step("token-batch/use", with(named("batch"), useOpen))
}

func deletes(path string) func() error {
	return func() error { _, err := client.Logical().Delete(path); return err }
}

// logsIn logs in, and uses the token that it is given.
func logsIn(path string, body func() object) func() error {
	return func() error {
		answer, err := write(path, body())
		if err != nil {
			return err
		}
		client.SetToken(answer.Auth.ClientToken)
		return useOpen()
	}
}

func enableAuth(path, kind string) func() error {
	return func() error { return client.Sys().EnableAuthWithOptions(path, &api.EnableAuthOptions{Type: kind}) }
}

func logins() {
	password := func(label string) func() object {
		return func() object { return object{"password": secret(label)} }
	}
	step("userpass/enable", enableAuth("userpass", "userpass"))
	step("userpass/write", writes("auth/userpass/users/wanda", object{"password": secret("password"), "token_policies": "reader"}))
	step("userpass/login", logsIn("auth/userpass/login/wanda", password("password")))
	step("userpass/wrong-password", logsIn("auth/userpass/login/wanda", password("wrong-password")))
	step("userpass/list", asks("list", "auth/userpass/users", nil, isSame("keys", "[wanda]")))
	step("userpass/change-password", writes("auth/userpass/users/wanda/password", object{"password": secret("new")}),
		logsIn("auth/userpass/login/wanda", password("new")))
	step("userpass/delete", deletes("auth/userpass/users/wanda"))

	const role = "auth/approle/role/app"
	login := func(id func() string) func() error {
		return logsIn("auth/approle/login", func() object { return object{"role_id": kept["role"], "secret_id": id()} })
	}
	step("approle/enable", enableAuth("approle", "approle"))
	step("approle/write", writes(role, object{"token_policies": "reader", "secret_id_ttl": "1h", "token_ttl": "10m"}))
	step("approle/role-id", asks("read", role+"/role-id", nil, keep("role", "role_id")))
	step("approle/secret-id", asks("write", role+"/secret-id", nil, keep("id", "secret_id")))
	step("approle/custom-secret-id", asks("write", role+"/custom-secret-id", object{"secret_id": secret("custom")}, isSame("secret_id", secret("custom"))))
	step("approle/login", login(named("id")), login(text(secret("custom"))))
	step("approle/wrong-secret-id", login(text(secret("wrong-id"))))
	step("approle/look-up-secret-id", func() error {
		return asks("write", role+"/secret-id/lookup", object{"secret_id": kept["id"]}, has("secret_id_ttl", "36"))()
	})
	step("approle/list", asks("list", "auth/approle/role", nil, isSame("keys", "[app]")))
	step("approle/destroy-secret-id", func() error { return writes(role+"/secret-id/destroy", object{"secret_id": kept["id"]})() })
	step("approle/destroyed", login(named("id")))

	signed := func(file string) func() object {
		return func() object { return object{"role": "walker", "jwt": data(file)} }
	}
	step("jwt/enable", enableAuth("jwt", "jwt"))
	step("jwt/configure", writes("auth/jwt/config", object{"jwt_validation_pubkeys": []string{data("jwt-key.pem")}}))
	step("jwt/role", writes("auth/jwt/role/walker", object{"role_type": "jwt", "user_claim": "sub",
		"bound_audiences": []string{"onrecord"}, "token_policies": "reader"}))
	step("jwt/login", logsIn("auth/jwt/login", signed("login.jwt")))
	step("jwt/wrong-signature", logsIn("auth/jwt/login", signed("foreign.jwt")))
}

func identity() {
	step("identity/write-entity", asks("write", "identity/entity", object{"name": "wanda", "metadata": object{"team": "walkers"},
		"policies": []string{"reader"}}, keep("entity", "id")))
	step("identity/read-entity", func() error { return asks("read", "identity/entity/id/"+kept["entity"], nil, isSame("name", "wanda"))() })
	step("identity/alias", func() error {
		methods, err := client.Sys().ListAuth()
		if err != nil {
			return err
		}
		return writes("identity/entity-alias", object{"name": "wanda", "canonical_id": kept["entity"],
			"mount_accessor": methods["userpass/"].Accessor})()
	})
	step("identity/group", func() error {
		return asks("write", "identity/group", object{"name": "walkers", "member_entity_ids": []string{kept["entity"]}}, keep("group", "id"))()
	})
	step("identity/look-up", func() error {
		return asks("write", "identity/lookup/entity", object{"name": "wanda"}, isSame("id", kept["entity"]))()
	})
	step("identity/list", asks("list", "identity/entity/name", nil, has("keys", "wanda")))
	step("identity/delete", func() error { return deletes("identity/group/id/" + kept["group"])() },
		func() error { return deletes("identity/entity/id/" + kept["entity"])() })
}

func wrapping() {
	wraps := func(as string, function func() (*api.Secret, error)) func() error {
		return func() error {
			answer, err := function()
			if err != nil {
				return err
			}
			if answer == nil || answer.WrapInfo == nil {
				return errors.New("the answer is not wrapped")
			}
			kept[as] = answer.WrapInfo.Token
			return nil
		}
	}
	step("wrapping/wrap", useOpen, wraps("wrapped", func() (*api.Secret, error) {
		wrapper, err := client.Clone()
		if err != nil {
			return nil, err
		}
		wrapper.SetToken(client.Token())
		wrapper.SetWrappingLookupFunc(func(string, string) string { return "5m" })
		return wrapper.Logical().Read("kv1/open/x")
	}))
	step("wrapping/look-up", func() error {
		return asks("write", "sys/wrapping/lookup", object{"token": kept["wrapped"]}, isSame("creation_path", "kv1/open/x"))()
	})
	step("wrapping/rewrap", wraps("rewrapped", func() (*api.Secret, error) {
		return write("sys/wrapping/rewrap", object{"token": kept["wrapped"]})
	}))
	unwrap := func() error {
		answer, err := client.Logical().Unwrap(kept["rewrapped"])
		if err != nil {
			return err
		}
		return same(answer.Data["value"], secret("allowed"))
	}
	step("wrapping/unwrap", unwrap)
	step("wrapping/again", unwrap)
}

func leases() {
	const mount, logins = "auth/lease-login", "auth/lease-login/login/wanda"
	sys := client.Sys()
	login := writes(logins, object{"password": secret("lease")})
	step("lease/list", enableAuth("lease-login", "userpass"), writes(mount+"/users/wanda", object{"password": secret("lease")}), login, login,
		asks("list", "sys/leases/lookup/"+logins, nil, func(data object) error {
			kept["lease"] = logins + "/" + fmt.Sprint(data["keys"].([]any)[0])
			return nil
		}))
	lease := func(got *api.Secret, err error, id func(*api.Secret) any) error {
		if err != nil {
			return err
		}
		return same(id(got), kept["lease"])
	}
	look := func() error {
		got, err := sys.Lookup(kept["lease"])
		return lease(got, err, func(got *api.Secret) any { return got.Data["id"] })
	}
	step("lease/look-up", look)
	step("lease/renew", func() error {
		got, err := sys.Renew(kept["lease"], 600)
		return lease(got, err, func(got *api.Secret) any { return got.LeaseID })
	})
	step("lease/revoke", func() error { return sys.Revoke(kept["lease"]) })
	step("lease/unknown", look)
	step("lease/revoke-prefix", func() error { return sys.RevokePrefix("auth/lease-login/login") })
}

func transit() {
	plain := object{"plaintext": encoded(secret("transit"))}
	decrypts := func(label string) func() error {
		return func() error {
			return asks("write", "transit/decrypt/walk", object{"ciphertext": kept[label]}, isSame("plaintext", encoded(secret("transit"))))()
		}
	}
	step("transit/enable", mount("transit", "transit", ""))
	step("transit/create-key", writes("transit/keys/walk", nil), writes("transit/keys/sign", object{"type": "ed25519"}))
	step("transit/read-key", asks("read", "transit/keys/walk", nil, isSame("type", "aes256-gcm96")))
	step("transit/list", asks("list", "transit/keys", nil, isSame("keys", "[sign walk]")))
	step("transit/encrypt", asks("write", "transit/encrypt/walk", plain, keep("ciphertext", "ciphertext")))
	step("transit/decrypt", decrypts("ciphertext"))
	step("transit/rotate", writes("transit/keys/walk/rotate", nil))
	step("transit/rewrap", func() error {
		return asks("write", "transit/rewrap/walk", object{"ciphertext": kept["ciphertext"]}, keep("rewrapped", "ciphertext"))()
	}, func() error { return holds(strings.HasPrefix(kept["rewrapped"], "vault:v2:"), kept["rewrapped"]) }, decrypts("rewrapped"))
	step("transit/datakey", asks("write", "transit/datakey/plaintext/walk", nil, func(data object) error {
		return same(len(fmt.Sprint(data["plaintext"])), 44)
	}))
	step("transit/sign", asks("write", "transit/sign/sign", object{"input": encoded(secret("signed"))}, keep("signature", "signature")))
	step("transit/verify", func() error {
		return asks("write", "transit/verify/sign", object{"input": encoded(secret("signed")), "signature": kept["signature"]}, isSame("valid", true))()
	})
	step("transit/hmac", asks("write", "transit/hmac/walk", object{"input": encoded(secret("mac"))}, keep("hmac", "hmac")), func() error {
		return asks("write", "transit/verify/walk", object{"input": encoded(secret("mac")), "hmac": kept["hmac"]}, isSame("valid", true))()
	})
	step("transit/malformed-ciphertext", writes("transit/decrypt/walk", object{"ciphertext": secret("ciphertext")}))
	step("transit/delete-refused", deletes("transit/keys/walk"))
	step("transit/delete", writes("transit/keys/walk/config", object{"deletion_allowed": true}), deletes("transit/keys/walk"))
}

func pki() {
	step("pki/enable", mount("pki", "pki", ""), func() error {
		return client.Sys().TuneMount("pki", api.MountConfigInput{MaxLeaseTTL: "8760h"})
	})
	step("pki/root", asks("write", "pki/root/generate/internal", object{"common_name": "walk.example"}, has("certificate", "BEGIN")))
	step("pki/role", writes("pki/roles/hosts", object{"allowed_domains": "walk.example", "allow_subdomains": true, "max_ttl": "72h"}))
	step("pki/issue", asks("write", "pki/issue/hosts", object{"common_name": "a.walk.example"}, func(data object) error {
		return errors.Join(keep("serial", "serial_number")(data), has("private_key", "PRIVATE KEY")(data))
	}))
	step("pki/refused-name", writes("pki/issue/hosts", object{"common_name": "a.other.example"}))
	step("pki/read", func() error { return asks("read", "pki/cert/"+kept["serial"], nil, has("certificate", "BEGIN"))() })
	step("pki/list", asks("list", "pki/certs", nil, func(data object) error { return has("keys", kept["serial"])(data) }))
	step("pki/revoke", func() error {
		return asks("write", "pki/revoke", object{"serial_number": kept["serial"]}, has("revocation_time", ""))()
	})
	step("pki/crl", asks("read", "pki/cert/crl", nil, has("certificate", "X509 CRL")))
}

func ceremonies() {
	sys := client.Sys()
	step("tools/random", asks("write", "sys/tools/random/16", nil, func(data object) error {
		return same(len(fmt.Sprint(data["random_bytes"])), 24)
	}))
	step("tools/hash", asks("write", "sys/tools/hash/sha2-256", object{"input": encoded(secret("tool"))}, func(data object) error {
		return same(len(fmt.Sprint(data["sum"])), 64)
	}))
	step("rotate/rotate", sys.Rotate)
	step("rotate/key-status", func() error {
		status, err := sys.KeyStatus()
		if err != nil {
			return err
		}
		return holds(status.Term >= 2, status.Term)
	})

	rekey := &api.RekeyInitRequest{SecretShares: 3, SecretThreshold: 2}
	step("rekey/init", func() error {
		state, err := sys.RekeyInit(rekey)
		if err != nil {
			return err
		}
		kept["rekey"] = state.Nonce
		return same(state.Started, true)
	})
	step("rekey/cancel", cancelRekey, func() error {
		state, err := sys.RekeyStatus()
		if err != nil {
			return err
		}
		return same(state.Started, false)
	})
	step("rekey/complete", func() error {
		state, err := sys.RekeyInit(rekey)
		if err != nil {
			return err
		}
		if _, err := sys.RekeyUpdate(keys[0], state.Nonce); err != nil {
			return err
		}
		done, err := sys.RekeyUpdate(keys[1], state.Nonce)
		if err != nil {
			return err
		}
		if len(done.Keys) == 3 {
			keys = done.Keys
		}
		return same(done.Complete, true)
	})

	step("generate-root/init", func() error { _, err := sys.GenerateRootInit("", ""); return err })
	step("generate-root/cancel", sys.GenerateRootCancel, func() error {
		state, err := sys.GenerateRootStatus()
		if err != nil {
			return err
		}
		return same(state.Started, false)
	})
	step("generate-root/complete", generateRoot)

	step("seal/seal", sys.Seal)
	step("seal/sealed-again", func() error { _, err := ask("read", "kv1/open/x", nil); return err })
	step("seal/unseal-again", unseal)
	step("seal/kept", asks("read", "kv1/open/x", nil, isSame("value", secret("allowed"))))
}

func generateRoot() error {
	state, err := client.Sys().GenerateRootInit("", "")
	if err != nil {
		return err
	}
	if _, err := client.Sys().GenerateRootUpdate(keys[0], state.Nonce); err != nil {
		return err
	}
	done, err := client.Sys().GenerateRootUpdate(keys[1], state.Nonce)
	if err != nil {
		return err
	}
	given, err := base64.RawStdEncoding.DecodeString(done.EncodedRootToken)
	if err != nil {
		return err
	}
	for index := range given {
		given[index] ^= state.OTP[index]
	}
	client.SetToken(string(given))
	got, err := client.Auth().Token().LookupSelf()
	if err != nil {
		return err
	}
	return same(got.Data["policies"], "[root]")
}

func cancelRekey() error { return client.Sys().RekeyCancel() }
