#!/usr/bin/env bash
# Walks the whole life of a server with curl and jq: see ../README.md for what every walk does and reports.
set -o pipefail

base="$VAULT_ADDR/v1" token='' status='' body=''
declare -A kept
headers=()
keys=()

# Each of these functions sends one request or looks at the last answer; a step runs several, one after another, and ends with
# the first that fails.

# send METHOD PATH [JSON]: the status must be below 300.
send() {
  local arguments=(--silent --show-error --request "$1" --write-out '\n%{http_code}' "${headers[@]}")
  [ -z "$token" ] || arguments+=(--header "X-Vault-Token: $token")
  [ $# -lt 3 ] || arguments+=(--header 'Content-Type: application/json' --data "$3")
  local answer
  answer="$(curl "${arguments[@]}" "$base/$2")" || { why="curl ended with $?"; return 1; }
  status="${answer##*$'\n'}" body="${answer%$'\n'*}"
  [ "$status" -lt 300 ]
}

get() { jq -r "$1" <<<"$body"; }

# same FILTER TEXT: the last answer has this text there.
same() {
  local got
  got="$(get "$1")"
  [ "$got" = "$2" ] || { why="$1 is $got, not $2" status=''; return 1; }
}

# has FILTER PATTERN: the last answer matches there.
has() {
  local got
  got="$(get "$1")"
  # shellcheck disable=SC2053 # it is a pattern
  [[ "$got" == $2 ]] || { why="$1 is $got, not like $2" status=''; return 1; }
}

keep() { kept[$1]="$(get "$2")" && [ "${kept[$1]}" != null ] || { why="no $2" status=''; return 1; }; }

as() { token="$1"; }

# step NAME FUNCTION…: every further argument is a line of shell, in which kept values are filled in when it runs.
step() {
  local name="$1" before="$token" outcome=done line
  shift
  status='' why=''
  for line in "$@"; do
    if ! eval "$line"; then
      if [ -n "$status" ] && [ "$status" -ge 300 ]; then outcome=refused; else outcome=failed; fi
      break
    fi
  done
  [ "$name" = init/init ] || token="$before"
  jq -cn --arg step "$name" --arg outcome "$outcome" --arg status "${status:-0}" --arg why "$why" \
    '{client: "curl", step: $step, outcome: $outcome, status: ($status | tonumber), why: $why}'
}

secret() { printf '%s-%s' "$WALK_CANARY" "$1"; }
encoded() { secret "$1" | base64 -w0; }
# json KEY VALUE…: an object of texts.
json() { jq -cn '[$ARGS.positional | _nwise(2) | {(.[0]): .[1]}] | add' --args -- "$@"; }
document() { cat "$WALK_DATA/$1"; }

share() { json key "$1"; }
unseal() { send PUT sys/unseal "$(share "${keys[0]}")" && send PUT sys/unseal "$(share "${keys[1]}")" && same .sealed false; }
take_keys() { mapfile -t keys < <(get '.keys[]'); }

step init/status 'send GET sys/init' 'same .initialized false'
step init/init 'send PUT sys/init "{\"secret_shares\": 3, \"secret_threshold\": 2}"' take_keys 'token="$(get .root_token)"'
step init/again 'send PUT sys/init "{\"secret_shares\": 1, \"secret_threshold\": 1}"'
step seal/sealed-read 'send GET kv1/a'
step unseal/malformed-share 'send PUT sys/unseal "$(share "$(secret share)")"'
step unseal/shares unseal
step seal/status 'send GET sys/seal-status' 'same .sealed false'
step health/read 'send GET sys/health' 'same .standby false'
step leader/read 'send GET sys/leader' 'has .ha_enabled "*e"'

device() { jq -cn --arg path "$1" --arg raw "${2:-false}" '{type: "file", options: {file_path: $path, log_raw: $raw}}'; }
step audit/enable 'send PUT sys/audit/main "$(device "$WALK_LOG")"'
step audit/enable-raw 'send PUT sys/audit/raw "$(device "$WALK_RAW_LOG" true)"'
step audit/list 'send GET sys/audit' 'same ".data[\"raw/\"].type" file'
step audit/hash 'send PUT sys/audit-hash/main "$(json input "$(secret hashed)")"' 'has .data.hash "hmac-sha256:*"'
step audit/refused-place 'send PUT sys/audit/bad "$(device /etc/passwd)"'
step audit/disable 'send PUT sys/audit/third "$(device "$WALK_THIRD_LOG")"' 'send DELETE sys/audit/third'

audited=sys/config/auditing/request-headers
step headers/set 'send PUT $audited/X-Walk "{\"hmac\": true}"'
headers=(--header "X-Walk: $(secret header)")
step headers/read 'send GET $audited/X-Walk' 'same ".data[\"X-Walk\"].hmac" true'
step headers/list 'send GET $audited' 'same ".data.headers[\"x-walk\"].hmac" true'
step headers/remove 'send POST $audited/X-Other "{\"hmac\": false}"' 'send DELETE $audited/X-Other'

mount() { send POST "sys/mounts/$1" "$(jq -cn --arg type "$2" --arg version "${3:-1}" '{type: $type, options: {version: $version}}')"; }
step mounts/enable-kv1 'mount kv1 kv 1'
step mounts/enable-kv2 'mount kv2 kv 2'
step mounts/list 'send GET sys/mounts' 'same ".data[\"kv2/\"].options.version" 2'
step mounts/tune 'send POST sys/mounts/kv1/tune "{\"default_lease_ttl\": \"2h\", \"description\": \"walked\"}"'
step mounts/read-tune 'send GET sys/mounts/kv1/tune' 'same .data.default_lease_ttl 7200'
step mounts/unknown-type 'send POST sys/mounts/none "{\"type\": \"no-such-engine\"}"'
step mounts/disable 'mount spare kv' 'send DELETE sys/mounts/spare'
# A move is asynchronous: its state is asked for a bounded number of times.
moved() {
  local id tries
  id="$(get .migration_id)"
  for tries in {1..100}; do
    send GET "sys/remount/status/$id" || return 1
    [ "$(get .data.migration_info.status)" = in-progress ] || break
  done
  same .data.migration_info.status success && send GET there/a
}
step remount/move 'mount here kv' 'send POST here/a "$(json value "$(secret moved)")"' \
  'send POST sys/remount "{\"from\": \"here\", \"to\": \"there\"}"' 'moved' 'same .data.value "$(secret moved)"'

step kv1/write 'send PUT kv1/a/b "$(jq -cn --arg value "$(secret kv1)" "{value: \$value, n: 17}")"'
step kv1/read 'send GET kv1/a/b' 'same .data.value "$(secret kv1)"' 'same .data.n 17'
step kv1/list 'send LIST kv1/a' 'same ".data.keys[0]" b' 'send GET "kv1/a?list=true"' 'same ".data.keys[0]" b'
step kv1/delete 'send DELETE kv1/a/b'
step kv1/missing 'send GET kv1/a/b'

at=kv2/data/app/db
version() { jq -cn --arg password "$(secret "$1")" --argjson options "${2:-{\}}" '{data: {password: $password}, options: $options}'; }
step kv2/configure 'send POST kv2/config "{\"max_versions\": 5}"'
step kv2/write 'send POST $at "$(version kv2-1)"' 'same .data.version 1'
step kv2/write-with-cas 'send POST $at "$(version kv2-2 "{\"cas\": 1}")"' 'same .data.version 2'
step kv2/wrong-cas 'send POST $at "$(version kv2-3 "{\"cas\": 1}")"'
step kv2/read 'send GET $at' 'same .data.data.password "$(secret kv2-2)"'
step kv2/read-version 'send GET "$at?version=1"' 'same .data.data.password "$(secret kv2-1)"'
patch() {
  local headers=("${headers[@]}" --header 'Content-Type: application/merge-patch+json')
  local sent
  sent="$(jq -cn --arg more "$(secret kv2-patch)" '{data: {more: $more}}')"
  # One content type: that of a merge patch.
  headers+=(--data "$sent")
  send PATCH "$at"
}
step kv2/patch patch 'same .data.version 3'
step kv2/write-metadata 'send POST kv2/metadata/app/db "$(jq -cn --arg o "$(secret metadata)" "{custom_metadata: {owner: \$o}}")"'
step kv2/read-metadata 'send GET kv2/metadata/app/db' 'same .data.custom_metadata.owner "$(secret metadata)"'
step kv2/list 'send LIST kv2/metadata/app' 'same ".data.keys[0]" db'
step kv2/delete 'send DELETE $at'
step kv2/deleted 'send GET $at'
step kv2/undelete 'send POST kv2/undelete/app/db "{\"versions\": [3]}"' 'send GET $at' 'same .data.data.password "$(secret kv2-2)"'
step kv2/delete-versions 'send POST kv2/delete/app/db "{\"versions\": [1]}"'
step kv2/destroy 'send PUT kv2/destroy/app/db "{\"versions\": [1, 2]}"'
step kv2/delete-metadata 'send DELETE kv2/metadata/app/db'
step kv2/missing 'send GET $at'

step cubbyhole/write 'send POST cubbyhole/mine "$(json value "$(secret cubbyhole)")"'
step cubbyhole/read 'send GET cubbyhole/mine' 'same .data.value "$(secret cubbyhole)"'

reader='path "kv1/open/*" { capabilities = ["create", "read", "update"] }'
step policy/write 'send PUT sys/policies/acl/reader "$(json policy "$reader")"'
step policy/read 'send GET sys/policies/acl/reader' 'same .data.policy "$reader"'
step policy/list 'send LIST sys/policies/acl' 'has ".data.keys | join(\" \")" "*reader*"'
step policy/malformed 'send PUT sys/policies/acl/bad "{\"policy\": \"path \\\"a\\\" { capabilities = [\\\"fly\\\"] }\"}"'
step policy/delete 'send PUT sys/policy/spare "$(json policy "$reader")"' 'send DELETE sys/policy/spare'

of() { json token "$1"; }
spare_token() { send POST auth/token/create '{"ttl": "1h"}'; }
use_open() { send POST kv1/open/x "$(json value "$(secret allowed)")" && send GET kv1/open/x && same .data.value "$(secret allowed)"; }
step token/create 'send POST auth/token/create "{\"policies\": [\"reader\"], \"ttl\": \"1h\", \"meta\": {\"who\": \"walk\"}}"' \
  'keep made .auth.client_token' 'keep accessor .auth.accessor' 'same ".auth.policies | join(\" \")" "default reader"'
step token/lookup 'send POST auth/token/lookup "$(of "${kept[made]}")"' 'same .data.meta.who walk'
step token/lookup-accessor 'send POST auth/token/lookup-accessor "$(json accessor "${kept[accessor]}")"' 'same .data.id ""'
step token/lookup-self 'as "${kept[made]}"' 'send GET auth/token/lookup-self' 'same .data.id "${kept[made]}"'
step token/capabilities 'send POST sys/capabilities "$(jq -cn --arg token "${kept[made]}" "{token: \$token, paths: [\"kv1/open/x\"]}")"' \
  'same ".data[\"kv1/open/x\"] | join(\" \")" "create read update"'
step token/allowed 'as "${kept[made]}"' use_open
step token/denied 'as "${kept[made]}"' 'send GET kv1/closed'
step token/unknown 'as "hvs.${WALK_CANARY}unknowntoken1234567890"' 'send GET kv1/open/x'
step token/renew 'send POST auth/token/renew "$(of "${kept[made]}")"' 'same .auth.renewable true'
step token/renew-self 'as "${kept[made]}"' 'send POST auth/token/renew-self' 'same .auth.client_token "${kept[made]}"'
step token/orphan 'send POST auth/token/create-orphan "{\"policies\": [\"reader\"]}"' 'same .auth.orphan true'
step token/list-accessors 'send LIST auth/token/accessors' 'has ".data.keys | join(\" \")" "*${kept[accessor]}*"'
step token/revoke-accessor spare_token 'send POST auth/token/revoke-accessor "$(json accessor "$(get .auth.accessor)")"'
step token/revoke 'send POST auth/token/revoke "$(of "${kept[made]}")"'
step token/revoked 'as "${kept[made]}"' 'send GET auth/token/lookup-self'
step token/revoke-self spare_token 'as "$(get .auth.client_token)"' 'send POST auth/token/revoke-self'

step token-role/write 'send POST auth/token/roles/walkers "{\"allowed_policies\": \"reader\", \"orphan\": true}"'
step token-role/read 'send GET auth/token/roles/walkers' 'same .data.orphan true'
step token-role/list 'send LIST auth/token/roles' 'same ".data.keys[0]" walkers'
step token-role/create 'send POST auth/token/create/walkers "{\"policies\": [\"reader\"]}"' 'has ".auth.policies | join(\" \")" "*reader*"'
step token-role/delete 'send DELETE auth/token/roles/walkers'
step token-batch/create 'send POST auth/token/create "{\"policies\": [\"reader\"], \"type\": \"batch\", \"ttl\": \"1h\"}"' \
  'keep batch .auth.client_token' 'same .auth.token_type batch'
step token-batch/use 'as "${kept[batch]}"' use_open

method() { send POST "sys/auth/$1" "$(json type "$2")"; }
with_password() { json password "$(secret "$1")"; }
uses_login() { as "$(get .auth.client_token)" && use_open; }
users=auth/userpass/users
step userpass/enable 'method userpass userpass'
step userpass/write 'send POST $users/wanda "$(json password "$(secret password)" token_policies reader)"'
step userpass/login 'send POST auth/userpass/login/wanda "$(with_password password)"' 'same .auth.metadata.username wanda' uses_login
step userpass/wrong-password 'send POST auth/userpass/login/wanda "$(with_password wrong-password)"'
step userpass/list 'send LIST $users' 'same ".data.keys[0]" wanda'
step userpass/change-password 'send POST $users/wanda/password "$(with_password new)"' \
  'send POST auth/userpass/login/wanda "$(with_password new)"' uses_login
step userpass/delete 'send DELETE $users/wanda'

role=auth/approle/role/app
approle() { send POST auth/approle/login "$(json role_id "${kept[role]}" secret_id "$1")" && uses_login; }
step approle/enable 'method approle approle'
step approle/write 'send POST $role "{\"token_policies\": \"reader\", \"secret_id_ttl\": \"1h\", \"token_ttl\": \"10m\"}"'
step approle/role-id 'send GET $role/role-id' 'keep role .data.role_id'
step approle/secret-id 'send POST $role/secret-id' 'keep id .data.secret_id'
step approle/custom-secret-id 'send POST $role/custom-secret-id "$(json secret_id "$(secret custom)")"'
step approle/login 'before="$token"' 'approle "${kept[id]}"' 'as ""' 'approle "$(secret custom)"'
step approle/wrong-secret-id 'approle "$(secret wrong-id)"'
step approle/look-up-secret-id 'send POST $role/secret-id/lookup "$(json secret_id "${kept[id]}")"' 'same .data.secret_id_ttl 3600'
step approle/list 'send LIST auth/approle/role' 'same ".data.keys[0]" app'
step approle/destroy-secret-id 'send POST $role/secret-id/destroy "$(json secret_id "${kept[id]}")"'
step approle/destroyed 'approle "${kept[id]}"'

signed() { send POST auth/jwt/login "$(json role walker jwt "$(document "$1")")" && uses_login; }
step jwt/enable 'method jwt jwt'
step jwt/configure 'send POST auth/jwt/config "$(json jwt_validation_pubkeys "$(document jwt-key.pem)")"'
step jwt/role 'send POST auth/jwt/role/walker "$(json role_type jwt user_claim sub bound_audiences onrecord token_policies reader)"'
step jwt/login 'signed login.jwt'
step jwt/wrong-signature 'signed foreign.jwt'

step identity/write-entity 'send POST identity/entity "{\"name\": \"wanda\", \"metadata\": {\"team\": \"walkers\"}, \"policies\": [\"reader\"]}"' \
  'keep entity .data.id'
step identity/read-entity 'send GET "identity/entity/id/${kept[entity]}"' 'same .data.name wanda'
step identity/alias 'send GET sys/auth' 'keep method ".data[\"userpass/\"].accessor"' \
  'send POST identity/entity-alias "$(json name wanda canonical_id "${kept[entity]}" mount_accessor "${kept[method]}")"'
step identity/group 'send POST identity/group "$(json name walkers member_entity_ids "${kept[entity]}")"' 'keep group .data.id'
step identity/look-up 'send POST identity/lookup/entity "{\"name\": \"wanda\"}"' 'same .data.id "${kept[entity]}"'
step identity/list 'send LIST identity/entity/name' 'has ".data.keys | join(\" \")" "*wanda*"'
step identity/delete 'send DELETE "identity/group/id/${kept[group]}"' 'send DELETE "identity/entity/id/${kept[entity]}"'

wrap() {
  local headers=("${headers[@]}" --header 'X-Vault-Wrap-TTL: 5m')
  send GET kv1/open/x
}
unwrap() { send POST sys/wrapping/unwrap "$(of "${kept[rewrapped]}")" && same .data.value "$(secret allowed)"; }
step wrapping/wrap use_open wrap 'keep wrapped .wrap_info.token'
step wrapping/look-up 'send POST sys/wrapping/lookup "$(of "${kept[wrapped]}")"' 'same .data.creation_path kv1/open/x'
step wrapping/rewrap 'send POST sys/wrapping/rewrap "$(of "${kept[wrapped]}")"' 'keep rewrapped .wrap_info.token'
step wrapping/unwrap unwrap
step wrapping/again unwrap

logins=auth/lease-login/login
lease_login() { send POST $logins/wanda "$(with_password lease)"; }
lease() { json lease_id "${kept[lease]}"; }
step lease/list 'method lease-login userpass' 'send POST auth/lease-login/users/wanda "$(with_password lease)"' lease_login lease_login \
  'send LIST sys/leases/lookup/$logins/wanda' 'keep lease ".data.keys[0]"' 'kept[lease]="$logins/wanda/${kept[lease]}"'
step lease/look-up 'send PUT sys/leases/lookup "$(lease)"' 'same .data.id "${kept[lease]}"'
step lease/renew 'send PUT sys/leases/renew "$(lease)"' 'same .lease_id "${kept[lease]}"'
step lease/revoke 'send PUT sys/leases/revoke "$(lease)"'
step lease/unknown 'send PUT sys/leases/lookup "$(lease)"'
step lease/revoke-prefix 'send PUT sys/leases/revoke-prefix/$logins'

decrypts() { send POST transit/decrypt/walk "$(json ciphertext "${kept[$1]}")" && same .data.plaintext "$(encoded transit)"; }
step transit/enable 'send POST sys/mounts/transit "{\"type\": \"transit\"}"'
step transit/create-key 'send POST transit/keys/walk' 'send POST transit/keys/sign "{\"type\": \"ed25519\"}"'
step transit/read-key 'send GET transit/keys/walk' 'same .data.type aes256-gcm96'
step transit/list 'send LIST transit/keys' 'same ".data.keys | join(\" \")" "sign walk"'
step transit/encrypt 'send POST transit/encrypt/walk "$(json plaintext "$(encoded transit)")"' 'keep ciphertext .data.ciphertext'
step transit/decrypt 'decrypts ciphertext'
step transit/rotate 'send POST transit/keys/walk/rotate'
step transit/rewrap 'send POST transit/rewrap/walk "$(json ciphertext "${kept[ciphertext]}")"' 'keep rewrapped .data.ciphertext' \
  'has .data.ciphertext "vault:v2:*"' 'decrypts rewrapped'
step transit/datakey 'send POST transit/datakey/plaintext/walk' 'same ".data.plaintext | length" 44'
step transit/sign 'send POST transit/sign/sign "$(json input "$(encoded signed)")"' 'keep signature .data.signature'
step transit/verify 'send POST transit/verify/sign "$(json input "$(encoded signed)" signature "${kept[signature]}")"' 'same .data.valid true'
step transit/hmac 'send POST transit/hmac/walk "$(json input "$(encoded mac)")"' 'keep hmac .data.hmac' \
  'send POST transit/verify/walk "$(json input "$(encoded mac)" hmac "${kept[hmac]}")"' 'same .data.valid true'
step transit/malformed-ciphertext 'send POST transit/decrypt/walk "$(json ciphertext "$(secret ciphertext)")"'
step transit/delete-refused 'send DELETE transit/keys/walk'
step transit/delete 'send POST transit/keys/walk/config "{\"deletion_allowed\": true}"' 'send DELETE transit/keys/walk'

step pki/enable 'send POST sys/mounts/pki "{\"type\": \"pki\", \"config\": {\"max_lease_ttl\": \"8760h\"}}"'
step pki/root 'send POST pki/root/generate/internal "{\"common_name\": \"walk.example\"}"' 'has .data.certificate "*BEGIN*"'
step pki/role 'send POST pki/roles/hosts "{\"allowed_domains\": \"walk.example\", \"allow_subdomains\": true, \"max_ttl\": \"72h\"}"'
step pki/issue 'send POST pki/issue/hosts "{\"common_name\": \"a.walk.example\"}"' 'keep serial .data.serial_number' 'has .data.private_key "*PRIVATE KEY*"'
step pki/refused-name 'send POST pki/issue/hosts "{\"common_name\": \"a.other.example\"}"'
step pki/read 'send GET "pki/cert/${kept[serial]}"' 'has .data.certificate "*BEGIN*"'
step pki/list 'send LIST pki/certs' 'has ".data.keys | join(\" \")" "*${kept[serial]}*"'
step pki/revoke 'send POST pki/revoke "$(json serial_number "${kept[serial]}")"' 'has .data.revocation_time "1*"'
step pki/crl 'send GET pki/cert/crl' 'has .data.certificate "*X509 CRL*"'

step tools/random 'send POST sys/tools/random/16' 'same ".data.random_bytes | length" 24'
step tools/hash 'send POST sys/tools/hash/sha2-256 "$(json input "$(encoded tool)")"' 'same ".data.sum | length" 64'
step rotate/rotate 'send PUT sys/rotate'
step rotate/key-status 'send GET sys/key-status' 'same .data.term 2'

shares='{"secret_shares": 3, "secret_threshold": 2}'
# with_shares PATH: sends two shares with the nonce of the last answer.
with_shares() {
  local nonce
  nonce="$(get .nonce)"
  send PUT "$1" "$(json key "${keys[0]}" nonce "$nonce")" && send PUT "$1" "$(json key "${keys[1]}" nonce "$nonce")" && same .complete true
}
step rekey/init 'send PUT sys/rekey/init "$shares"' 'same .started true' 'keep rekey .nonce'
step rekey/cancel 'send DELETE sys/rekey/init "$(json nonce "${kept[rekey]}")"' 'send GET sys/rekey/init' 'same .started false'
step rekey/complete 'send PUT sys/rekey/init "$shares"' 'with_shares sys/rekey/update' take_keys

step generate-root/init 'send PUT sys/generate-root/attempt "{}"' 'same .started true'
step generate-root/cancel 'send DELETE sys/generate-root/attempt' 'send GET sys/generate-root/attempt' 'same .started false'
# The new token is the exclusive or of what is returned and the one-time password.
decoded() {
  local given index new=''
  given="${1//[^A-Za-z0-9+\/]/}"
  while [ $((${#given} % 4)) -ne 0 ]; do given+='='; done
  given="$(base64 -d <<<"$given" | od -An -v -tu1)"
  for number in $given; do
    index="${#new}"
    # shellcheck disable=SC2059 # it makes one character of its number
    new+="$(printf "\\x$(printf %x $((number ^ $(printf %d "'${2:$index:1}"))))")"
  done
  printf '%s' "$new"
}
step generate-root/complete 'send PUT sys/generate-root/attempt "{}"' 'keep otp .otp' 'with_shares sys/generate-root/update' \
  'as "$(decoded "$(get .encoded_root_token)" "${kept[otp]}")"' 'send GET auth/token/lookup-self' 'same ".data.policies[0]" root'

step seal/seal 'send PUT sys/seal'
step seal/sealed-again 'send GET kv1/open/x'
step seal/unseal-again unseal
step seal/kept 'send GET kv1/open/x' 'same .data.value "$(secret allowed)"'
