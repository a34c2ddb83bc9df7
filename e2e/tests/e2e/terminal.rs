//! The commands of login methods, leases, wrapping and ceremonies over the real binary: what a user does with them in turn.

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::Shell;
use serde_json::Value;

fn dev() -> (Server, Shell) {
    let server = Server::dev(&["-dev-audit=off"]);
    let shell = Shell::of(&server);
    (server, shell)
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The value behind a name at the beginning of a line.
fn row<'a>(table: &'a str, key: &str) -> &'a str {
    let line = table.lines().find(|line| line.split("  ").next() == Some(key));
    line.unwrap_or_else(|| panic!("no {key} in {table}"))[key.len()..].trim()
}

#[test]
fn a_login_method_is_enabled_used_tuned_moved_and_disabled() {
    let (_server, shell) = dev();
    let enabled = shell.does("onrecord auth enable -description=People userpass");
    assert_eq!(enabled, "Success! Enabled userpass auth method at: userpass/\n");
    let again = shell.refuses(2, "onrecord auth enable userpass");
    assert!(again.starts_with("Error enabling userpass auth: Error making API request."), "{again}");
    assert!(again.contains("* path is already in use at userpass/"), "{again}");
    let unknown = shell.refuses(2, "onrecord auth enable ldap");
    assert!(unknown.contains("plugin not found in the catalog: ldap"), "{unknown}");
    assert!(unknown.contains("\"plugin list\" lists"), "{unknown}");
    assert!(shell.does("onrecord plugin list auth").contains("\nuserpass "));

    shell.does("onrecord write auth/userpass/users/ann password=s3cret token_policies=app");
    let login =
        shell.feed("VAULT_TOKEN= onrecord login -method=userpass username=ann password=-", "s3cret\n");
    let login = login.exits(0).stdout;
    assert_eq!(row(&login, "token_meta_username"), "ann");
    let kept = shell.does("VAULT_TOKEN= onrecord print token");
    assert_eq!(kept.trim_end(), row(&login, "token"), "it is stored");
    assert_eq!(row(&shell.does("VAULT_TOKEN= onrecord token lookup"), "display_name"), "userpass-ann");
    let wrong = shell.refuses(2, "onrecord login -method=userpass username=ann password=x");
    assert!(wrong.starts_with("Error authenticating: Error making API request."), "{wrong}");
    assert!(wrong.contains("* invalid username or password"), "{wrong}");

    let listed = shell.does("onrecord auth list");
    assert!(listed.starts_with("Path         Type        Accessor "), "{listed}");
    assert!(row(&listed, "userpass/").starts_with("userpass    auth_userpass_"), "{listed}");
    shell.does(
        "onrecord auth tune -default-lease-ttl=30m -token-type=service -user-lockout-threshold=3 userpass/",
    );
    let tuned = json_of(&shell.does("onrecord read -format=json sys/auth/userpass/tune"));
    assert_eq!(
        (&tuned["data"]["default_lease_ttl"], &tuned["data"]["token_type"]),
        (&1800.into(), &"service".into())
    );
    assert!(shell.does("onrecord auth list -detailed").contains("  1800   "));
    assert!(shell.does("onrecord auth help userpass/").starts_with("Usage: onrecord login -method=userpass"));
    assert!(shell.does("onrecord path-help auth/userpass").contains("auth/userpass/login/"));

    let moved = shell.does("onrecord auth move auth/userpass/ auth/people/");
    let lines: Vec<&str> = moved.lines().collect();
    assert!(
        lines[0].starts_with("Started moving auth method userpass/ to people/, with migration ID "),
        "{moved}"
    );
    assert!(lines[1].starts_with("Success! Finished moving auth method userpass/ to people/, "), "{moved}");
    shell.refuses(2, "VAULT_TOKEN= onrecord token lookup");
    let token =
        shell.does("onrecord login -method=userpass -path=people -token-only username=ann password=s3cret");
    assert_eq!(
        row(&shell.does(&format!("VAULT_TOKEN={token} onrecord token lookup")), "creation_ttl"),
        "30m"
    );
    let said = shell.does("onrecord auth disable people");
    assert_eq!(said, "Success! Disabled the auth method (if it existed) at: people/\n");
    shell.refuses(2, &format!("VAULT_TOKEN={token} onrecord token lookup"));

    shell.does("onrecord auth enable approle");
    shell.does("onrecord write auth/approle/role/web token_policies=app");
    let role = shell.does("onrecord read -field=role_id auth/approle/role/web/role-id");
    let secret = shell.does("onrecord write -f -field=secret_id auth/approle/role/web/secret-id");
    let line = format!("VAULT_TOKEN= onrecord login -method=approle role_id={role} secret_id=-");
    let login = shell.feed(&line, &secret).exits(0).stdout;
    assert_eq!(row(&login, "token_policies"), "[\"app\" \"default\"]");
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let (_server, shell) = dev();
    shell.does("onrecord auth enable userpass");
    shell.does("onrecord write auth/userpass/users/ann password=s3cret-typed token_policies=app");
    let token = shell.does("onrecord token create -policy=default -field=token");
    let shell = shell.without("VAULT_TOKEN").with("NO_COLOR", "1");
    for (line, question, answer) in [
        ("onrecord login -method=userpass username=ann", "Password (will be hidden): ", "s3cret-typed"),
        ("onrecord login", "Token (will be hidden): ", token.as_str()),
    ] {
        let shown = shell.types(line, &[(question, answer)]).exits(0).stdout;
        assert!(shown.starts_with(&format!("{question}\nSuccess! You are now authenticated.")), "{shown}");
        assert_eq!(shell.does("onrecord print token").trim_end(), row(&shown, "token"));
    }
    let wrong = "onrecord login -method=userpass username=ann";
    let shown = shell.types(wrong, &[("Password (will be hidden): ", "s3cret-wrong")]).exits(2).stdout;
    assert!(shown.contains("* invalid username or password") && !shown.contains("s3cret-wrong"), "{shown}");
}

#[test]
fn tokens_of_roles_and_batch_tokens_are_made() {
    let (_server, shell) = dev();
    shell.does("onrecord write auth/token/roles/ci allowed_policies=app orphan=true");
    let made = shell.does("onrecord token create -role=ci -policy=app -ttl=10m");
    assert_eq!(row(&made, "token_policies"), "[\"app\" \"default\"]");
    let found = shell.does(&format!("onrecord token lookup {}", row(&made, "token")));
    assert_eq!((row(&found, "orphan"), row(&found, "role")), ("true", "ci"));
    let batch = shell.does("onrecord token create -type=batch -policy=app -ttl=10m");
    assert_eq!((row(&batch, "token_accessor"), row(&batch, "token_renewable")), ("n/a", "false"));
    let refused = shell.refuses(2, "onrecord token create -type=nosuch");
    assert!(refused.contains("invalid 'token_type' value"), "{refused}");
    assert!(refused.ends_with("Accepted: service or batch.\n"), "{refused}");
    let periodic = shell.does("onrecord token create -orphan -period=20m -explicit-max-ttl=2h");
    assert_eq!(row(&periodic, "token_duration"), "20m");
}

#[test]
fn leases_are_looked_up_and_revoked() {
    let (_server, shell) = dev();
    let make = || shell.does("onrecord token create -policy=default -ttl=1h -field=token");
    let lease = || {
        let keys = json_of(&shell.does("onrecord list -format=json sys/leases/lookup/auth/token/create"));
        format!("auth/token/create/{}", keys[0].as_str().expect("a lease"))
    };
    let token = make();
    let id = lease();
    let found = shell.does(&format!("onrecord lease lookup {id}"));
    assert_eq!((row(&found, "id"), row(&found, "renewable")), (id.as_str(), "true"));
    let renewed = shell.refuses(2, &format!("onrecord lease renew -increment=1h {id}"));
    assert!(renewed.contains("* tokens cannot be renewed through this endpoint"), "{renewed}");
    let queued = "All revocation operations queued successfully!\n";
    assert_eq!(shell.does(&format!("onrecord lease revoke {id}")), queued);
    shell.refuses(2, &format!("onrecord token lookup {token}"));
    let gone = shell.refuses(2, &format!("onrecord lease lookup {id}"));
    assert!(
        gone.starts_with(&format!("error looking up lease id {id}: Error making API request.")),
        "{gone}"
    );
    assert!(gone.contains("Code: 400. Errors:\n\n* invalid lease"), "{gone}");
    for (flags, text) in [
        ("-prefix", queued),
        ("-prefix -sync", "Success! Revoked any leases with prefix: auth/token/create\n"),
        ("-prefix -force", "Success! Force revoked any leases with prefix: auth/token/create\n"),
    ] {
        let token = make();
        assert_eq!(shell.does(&format!("onrecord lease revoke {flags} auth/token/create")), text);
        shell.refuses(2, &format!("onrecord token lookup {token}"));
    }
    assert_eq!(shell.does(&format!("onrecord lease revoke {id}")), queued, "also if it is gone");
}

#[test]
fn a_wrapped_answer_is_unwrapped_once() {
    let (_server, shell) = dev();
    shell.does("onrecord secrets enable -path=kv1 -version=1 kv");
    shell.does("onrecord kv put kv1/app password=s3cret");
    let wrap = || shell.does("onrecord read -wrap-ttl=5m -field=wrapping_token kv1/app");
    let token = wrap();
    assert_eq!(row(&shell.does(&format!("onrecord unwrap {token}")), "password"), "s3cret");
    let again = shell.refuses(2, &format!("onrecord unwrap {token}"));
    assert!(again.starts_with("Error unwrapping: Error making API request."), "{again}");
    assert!(again.contains("* wrapping token is not valid or does not exist"), "{again}");
    // The wrapping token as the caller's own, and from standard input.
    assert_eq!(shell.does(&format!("VAULT_TOKEN={} onrecord unwrap -field=password", wrap())), "s3cret");
    let fed = shell.feed("VAULT_TOKEN= onrecord unwrap -field=password -", &format!("{}\n", wrap()));
    assert_eq!(fed.exits(0).stdout, "s3cret");
    let login = shell.does("onrecord token create -policy=default -wrap-ttl=60s -field=wrapping_token");
    let unwrapped = json_of(&shell.does(&format!("onrecord unwrap -format=json {login}")));
    assert_eq!(unwrapped["auth"]["token_policies"], serde_json::json!(["default"]));
}

/// A server of its own storage, unsealed with two of three shares: its shell and the shares.
fn unsealed(place: &Place) -> (Server, Shell, Vec<String>) {
    place.configure("");
    let server = place.start();
    let shell = Shell::of(&server);
    let made = shell.does("onrecord operator init -key-shares=3 -key-threshold=2 -format=json");
    let made = json_of(&made);
    let keys = made["unseal_keys_b64"].as_array().expect("keys");
    let keys: Vec<String> = keys.iter().map(|key| key.as_str().expect("a key").to_owned()).collect();
    for key in &keys[..2] {
        shell.does(&format!("onrecord operator unseal {key}"));
    }
    let shell = shell.with("VAULT_TOKEN", made["root_token"].as_str().expect("a token"));
    (server, shell, keys)
}

#[test]
fn key_shares_are_changed_with_and_without_verification() {
    let place = Place::new();
    let (_server, shell, old) = unsealed(&place);
    let refused = shell.refuses(1, "onrecord operator rekey");
    assert_eq!(refused, "No rekey is in progress. Start one by running \"onrecord operator rekey -init\".\n");
    let refused = shell.refuses(2, "onrecord operator rekey -init -key-shares=2 -key-threshold=3");
    assert!(refused.starts_with("Error initializing rekey: Error making API request."), "{refused}");
    let begun = shell.does("onrecord operator rekey -init -key-shares=2 -key-threshold=2 -verify");
    assert_eq!((row(&begun, "Rekey Progress"), row(&begun, "Verification Required")), ("0/2", "true"));
    let nonce = row(&begun, "Nonce").to_owned();
    let again = shell.refuses(2, "onrecord operator rekey -init");
    assert!(again.contains("* rekey already in progress"), "{again}");
    let half = shell.does(&format!("onrecord operator rekey -nonce={nonce} {}", old[0]));
    assert_eq!(row(&half, "Rekey Progress"), "1/2");
    assert_eq!(row(&shell.does("onrecord operator rotate-keys -status"), "Rekey Progress"), "1/2");
    let given = shell.feed(&format!("onrecord operator rekey -format=json -nonce={nonce} -"), &old[2]);
    let made = json_of(&given.exits(0).stdout);
    let new: Vec<&str> =
        made["keys_base64"].as_array().expect("keys").iter().filter_map(Value::as_str).collect();
    assert_eq!((new.len(), &made["verification_required"]), (2, &true.into()));
    let verification = made["verification_nonce"].as_str().expect("a nonce");
    let waiting = shell.does("onrecord operator rekey -status");
    assert_eq!(row(&waiting, "Verification Nonce"), verification);
    let proof =
        |key: &str| shell.does(&format!("onrecord operator rekey -verify -nonce={verification} {key}"));
    assert_eq!(row(&proof(new[0]), "Verification Progress"), "1/2");
    assert!(proof(new[1]).starts_with("Success! Rekey verification is complete"));

    shell.does("onrecord operator seal");
    shell.does(&format!("onrecord operator unseal {}", old[0]));
    shell.refuses(2, &format!("onrecord operator unseal {}", old[1]));
    for key in &new {
        shell.does(&format!("onrecord operator unseal {key}"));
    }
    assert_eq!(row(&shell.does("onrecord status"), "Sealed"), "false", "the new ones are in force");

    let begun = shell.does("onrecord operator rotate-keys -init -key-shares=1 -key-threshold=1");
    let nonce = row(&begun, "Nonce").to_owned();
    assert_eq!(
        shell.does("onrecord operator rotate-keys -cancel"),
        "Success! Canceled rekeying (if it was started)\n"
    );
    let gone = shell.refuses(1, &format!("onrecord operator rotate-keys -nonce={nonce} {}", new[0]));
    assert!(gone.starts_with("No rekey is in progress."), "{gone}");
    let begun = shell.does("onrecord operator rotate-keys -init -key-shares=1 -key-threshold=1");
    let nonce = row(&begun, "Nonce").to_owned();
    shell.does(&format!("onrecord operator rotate-keys -nonce={nonce} {}", new[0]));
    let question = format!("Operation nonce: {nonce}\nUnseal Key (will be hidden): ");
    let typed =
        shell.types("NO_COLOR=1 onrecord operator rotate-keys", &[("Unseal Key (will be hidden): ", new[1])]);
    let told = typed.exits(0).stdout;
    let told = told.strip_prefix(&format!("{question}\n")).unwrap_or_else(|| panic!("{told}"));
    assert!(told.starts_with("Key 1: ") && told.contains(&format!("\nOperation nonce: {nonce}\n")), "{told}");
}

#[test]
fn a_root_token_is_made_and_decoded() {
    let place = Place::new();
    let (_server, shell, keys) = unsealed(&place);
    let own = shell.does("onrecord operator generate-root -generate-otp");
    let begun = shell.does(&format!("onrecord operator generate-root -init -otp={}", own.trim_end()));
    assert!(begun.contains("Progress      0/2\n") && !begun.contains("OTP   "), "{begun}");
    let cancelled = "Success! Root token generation canceled (if it was started)\n";
    assert_eq!(shell.does("onrecord operator generate-root -cancel"), cancelled);
    let begun = shell.does("onrecord operator generate-root -init");
    let (nonce, otp) = (row(&begun, "Nonce").to_owned(), row(&begun, "OTP").to_owned());
    let half = shell.does(&format!("onrecord operator generate-root -nonce={nonce} {}", keys[1]));
    assert_eq!((row(&half, "Progress"), row(&half, "Complete")), ("1/2", "false"));
    assert_eq!(row(&shell.does("onrecord operator generate-root -status"), "Progress"), "1/2");
    let line = format!("onrecord operator generate-root -nonce={nonce} -field=encoded_token -");
    let encoded = shell.feed(&line, &keys[2]).exits(0).stdout;
    let token = shell.does(&format!("onrecord operator generate-root -decode={encoded} -otp={otp}"));
    let token = token.trim_end();
    let found = shell.does(&format!("VAULT_TOKEN={token} onrecord token lookup"));
    assert_eq!((row(&found, "policies"), row(&found, "path")), ("[root]", "auth/token/root"));
    let refused = shell.refuses(1, "onrecord operator generate-root -init -pgp-key=key.asc");
    assert!(
        refused.starts_with("-pgp-key of \"onrecord operator generate-root\" is not supported by OnRecord: ")
    );
    assert!(shell.does("onrecord operator members").starts_with("Host Name    "));
    let down = shell.run("onrecord operator step-down").exits(0);
    assert!(
        down.stdout.starts_with("Success! Stepped down: http://") && down.stderr.contains("stays active")
    );
    assert!(shell.does("onrecord version-history").contains(env!("CARGO_PKG_VERSION")));
    assert!(shell.does("onrecord secrets enable -path=a kv").ends_with("at: a/\n"));
    assert!(
        shell
            .does("onrecord secrets move a b/")
            .contains("\nSuccess! Finished moving secrets engine a/ to b/, ")
    );
}
