//! A session with every command: what it prints, where, and how it ends.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::Shell;
use serde_json::{Value, json};

/// Every command, with the words a group is asked for.
const COMMANDS: &[&str] = &[
    "server",
    "status",
    "version",
    "operator init",
    "operator unseal",
    "operator seal",
    "operator rekey",
    "operator generate-root",
    "operator members",
    "operator step-down",
    "operator snapshot save",
    "operator snapshot restore",
    "operator snapshot inspect",
    "login",
    "print token",
    "token create",
    "token lookup",
    "token renew",
    "token revoke",
    "token capabilities",
    "read",
    "write",
    "patch",
    "list",
    "delete",
    "kv get",
    "kv put",
    "kv patch",
    "kv list",
    "kv delete",
    "kv undelete",
    "kv destroy",
    "kv rollback",
    "kv metadata get",
    "kv metadata put",
    "kv metadata patch",
    "kv metadata delete",
    "secrets enable",
    "secrets disable",
    "secrets list",
    "secrets tune",
    "secrets move",
    "auth enable",
    "auth disable",
    "auth list",
    "auth tune",
    "auth move",
    "auth help",
    "lease lookup",
    "lease renew",
    "lease revoke",
    "plugin list",
    "plugin info",
    "unwrap",
    "path-help",
    "version-history",
    "policy write",
    "policy read",
    "policy list",
    "policy delete",
    "policy fmt",
    "audit enable",
    "audit disable",
    "audit list",
    "audit hash",
    "audit-enable",
    "audit-disable",
    "audit-list",
];

/// Groups of commands.
const GROUPS: &[&str] = &[
    "operator",
    "operator snapshot",
    "print",
    "token",
    "kv",
    "kv metadata",
    "secrets",
    "policy",
    "audit",
    "auth",
    "lease",
    "plugin",
];

fn dev() -> (Server, Shell) {
    let server = Server::dev(&["-dev-audit=off"]);
    let shell = Shell::of(&server);
    (server, shell)
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The values of a key-value table.
fn row<'a>(table: &'a str, key: &str) -> &'a str {
    let line = table.lines().find(|line| line.split("  ").next() == Some(key));
    line.unwrap_or_else(|| panic!("no {key} in {table}"))[key.len()..].trim()
}

#[test]
fn every_command_has_help_with_an_example() {
    let shell = Shell::new();
    // `version` ignores flags as it ignores words.
    for command in COMMANDS.iter().filter(|command| **command != "version") {
        let long = shell.does(&format!("onrecord {command} --help"));
        assert!(long.starts_with("Usage: onrecord "), "{command}: {long}");
        assert!(long.contains(&format!("$ onrecord {command}")), "{command} has an example: {long}");
        assert!(long.ends_with('\n'), "{command}");
        assert!(long.lines().all(|line| line.chars().count() <= 120), "{command}: {long}");
        for flag in ["-h", "-help"] {
            assert_eq!(shell.does(&format!("onrecord {command} {flag}")), long, "{command} {flag}");
        }
    }
    for group in GROUPS {
        let help = shell.does(&format!("onrecord {group} -h"));
        assert!(help.contains("Subcommands:"), "{group}: {help}");
        let bare = shell.run(&format!("onrecord {group}")).exits(1);
        assert_eq!((bare.stdout.as_str(), bare.stderr.trim_end()), ("", help.trim_end()), "{group}");
    }
    let main = shell.does("onrecord -h");
    assert!(main.contains("Common commands:") && main.contains("Other commands:"), "{main}");
    for command in COMMANDS.iter().filter(|command| !command.contains(' ') && !command.contains('-')) {
        assert!(main.contains(&format!("    {command} ")), "{command} in {main}");
    }
}

#[test]
fn an_unknown_command_names_the_nearest() {
    let shell = Shell::new();
    for (typed, meant) in [
        ("adit", "audit"),
        ("raed", "read"),
        ("stauts", "status"),
        ("tokens", "token"),
        ("unseal", "operator"),
    ] {
        let ran = shell.run(&format!("onrecord {typed}")).exits(127);
        assert_eq!(ran.stdout, "");
        let first = ran.stderr.lines().next().unwrap_or_default();
        assert!(
            first.starts_with(&format!("onrecord has no command \"{typed}\". The nearest is \"")),
            "{first}"
        );
        if typed != "unseal" {
            assert!(first.contains(&format!("\"{meant}\"")), "{first}");
        }
    }
    for line in
        ["transit", "ssh", "namespace list", "debug", "operator raft list-peers", "kv enable-versioning kv"]
    {
        let refused = shell.refuses(1, &format!("onrecord {line}"));
        assert!(
            refused.contains(" is not supported by OnRecord: ") && refused.lines().count() == 1,
            "{refused}"
        );
    }
    for line in ["", "help", "-nosuch"] {
        let ran = shell.run(&format!("onrecord {line}")).exits(127);
        assert!(ran.stderr.contains("Common commands:"), "{line}: {}", ran.stderr);
    }
    for (line, nearest) in [
        ("audit nosuch", "audit"),
        ("kv gett", "kv get"),
        ("operator rotat", "operator"),
        ("secrets mov", "secrets move"),
        ("operator sea", "operator seal"),
        ("operator unsea", "operator unseal"),
    ] {
        let ran = shell.run(&format!("onrecord {line}")).exits(1);
        assert!(
            ran.stderr.contains("The nearest is \"") && ran.stderr.contains(nearest),
            "{line}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("Subcommands:"), "{line}");
    }
}

#[test]
fn the_version_and_a_server_that_is_not_there() {
    let shell = Shell::new().with("VAULT_ADDR", "http://127.0.0.1:1");
    let version = shell.does("onrecord version -any flag and word");
    assert!(version.starts_with("OnRecord v") && version.lines().count() == 1, "{version}");
    assert_eq!(shell.does("onrecord -v"), version);
    let refused = "dial tcp 127.0.0.1:1: connect: connection refused";
    let output = shell.refuses(1, "onrecord status");
    assert_eq!(
        output,
        format!("Error checking seal status: Get \"http://127.0.0.1:1/v1/sys/seal-status\": {refused}\n")
    );
    for (line, prefix) in [
        ("audit list", "Error listing audits: Get \"http://127.0.0.1:1/v1/sys/audit\": "),
        ("read a/b", "Error reading a/b: Get \"http://127.0.0.1:1/v1/a/b\": "),
        ("write a/b c=d", "Error writing data to a/b: Put \"http://127.0.0.1:1/v1/a/b\": "),
        ("delete a/b", "Error deleting a/b: Delete \"http://127.0.0.1:1/v1/a/b\": "),
        ("list a", "Error listing a: Get \"http://127.0.0.1:1/v1/a?list=true\": "),
        ("secrets list", "Error listing secrets engines: Get \"http://127.0.0.1:1/v1/sys/mounts\": "),
        ("policy list", "Error listing policies: Get \"http://127.0.0.1:1/v1/sys/policies/acl?list=true\": "),
        ("token lookup", "Error looking up token: Get \"http://127.0.0.1:1/v1/auth/token/lookup-self\": "),
        ("kv get a/b", "Get \"http://127.0.0.1:1/v1/sys/internal/ui/mounts/a/b\": "),
    ] {
        assert_eq!(shell.refuses(2, &format!("onrecord {line}")), format!("{prefix}{refused}\n"), "{line}");
    }
    let shell = Shell::new();
    for (set, line, output) in [
        ("VAULT_ADDR=://nowhere", "status", "parse \"://nowhere\": missing protocol scheme"),
        ("VAULT_CLIENT_TIMEOUT=abc", "audit list", "VAULT_CLIENT_TIMEOUT"),
        ("VAULT_MAX_RETRIES=abc", "audit list", "strconv.ParseInt: parsing \"abc\": invalid syntax"),
        ("VAULT_CACERT=/f", "audit list", "Error loading CA File: open /f: no such file or directory"),
    ] {
        let error = shell.refuses(2, &format!("{set} onrecord {line}"));
        assert!(error.contains(output), "{set}: {error}");
    }
    let error = shell.refuses(1, "VAULT_FORMAT=foo onrecord status");
    assert_eq!(error, "Invalid output format: foo\nAccepted: table, json or yaml.\n");
    let error = shell.refuses(2, "onrecord audit list -header=X-Vault-Token=x");
    assert!(error.contains("Header starting by 'X-Vault-' are for internal usage only"), "{error}");
}

#[test]
fn from_init_to_seal() {
    let place = Place::new();
    place.configure("");
    let server = place.start();
    let shell = Shell::of(&server);
    let status = shell.run("onrecord status").exits(2).stdout;
    assert_eq!((row(&status, "Initialized"), row(&status, "Sealed")), ("false", "true"));
    assert_eq!(shell.run("onrecord operator init -status").exits(2).stdout, "Vault is not initialized\n");
    let output = shell.refuses(2, "VAULT_TOKEN=x onrecord audit list");
    assert!(output.contains("Code: 503. Errors:\n\n* Vault is sealed"), "{output}");

    for (flags, why) in [
        ("-key-shares=0 -key-threshold=0", "invalid seal configuration: shares must be at least one"),
        ("-key-shares=1 -key-threshold=2", "threshold cannot be larger than shares"),
        ("-n=2 -t=1", "threshold must be greater than one for multiple shares"),
        ("-n=256 -t=3", "shares must be less than 256"),
    ] {
        let output = shell.refuses(2, &format!("onrecord operator init {flags}"));
        assert!(output.starts_with("Error initializing: Error making API request."), "{output}");
        assert!(output.contains(why), "{flags}: {output}");
    }
    let made = shell.does("onrecord operator init -key-shares=3 -key-threshold=2");
    let keys: Vec<&str> = made
        .lines()
        .filter_map(|line| line.strip_prefix("Unseal Key ")?.split_once(": ").map(|(_, key)| key))
        .collect();
    assert_eq!(keys.len(), 3, "{made}");
    let token = made.lines().find_map(|line| line.strip_prefix("Initial Root Token: ")).expect("a token");
    assert_eq!(shell.does("onrecord operator init -status"), "Vault is initialized\n");
    let again = shell.refuses(2, "onrecord operator init");
    assert!(again.contains("Code: 400. Errors:\n\n* Vault is already initialized"), "{again}");

    let half = shell.does(&format!("onrecord operator unseal {}", keys[0]));
    assert_eq!((row(&half, "Sealed"), row(&half, "Unseal Progress")), ("true", "1/2"));
    assert!(!row(&half, "Unseal Nonce").is_empty() && row(&half, "Unseal Nonce") != "n/a");
    let reset = shell.does("onrecord operator unseal -reset");
    assert_eq!(row(&reset, "Unseal Progress"), "0/2");
    let output = shell.refuses(2, "onrecord operator unseal not-a-key");
    assert!(output.contains("* 'key' must be a valid hex or base64 string"), "{output}");
    shell.does(&format!("onrecord operator unseal {}", keys[2]));
    let open = shell.feed("onrecord operator unseal -", keys[1]).exits(0).stdout;
    assert_eq!(
        (row(&open, "Sealed"), row(&open, "Total Shares"), row(&open, "Threshold")),
        ("false", "3", "2")
    );
    let status = shell.does("onrecord status");
    assert_eq!(row(&status, "Sealed"), "false");
    assert_eq!(row(&status, "Seal Type"), "shamir");
    assert!(row(&status, "Cluster Name").starts_with("onrecord-cluster-"));
    let as_json = json_of(&shell.does("onrecord status -format=json"));
    assert_eq!((&as_json["sealed"], &as_json["n"], &as_json["t"]), (&json!(false), &json!(3), &json!(2)));
    assert!(shell.does("onrecord status -format=yaml").contains("\nsealed: false\n"));
    let output = shell.refuses(2, "onrecord operator unseal -reset");
    assert!(output.contains("* vault is unsealed"), "{output}");
    let asks = shell.run("onrecord operator unseal").exits(1);
    assert!(asks.stdout.starts_with("Unseal Key (will be hidden): "), "{}", asks.stdout);
    assert!(asks.stderr.contains("file descriptor 0 is not a terminal"), "{}", asks.stderr);

    let output = shell.refuses(2, "onrecord operator seal");
    assert!(output.contains("Code: 403. Errors:\n\n* permission denied"), "{output}");
    let shell = shell.with("VAULT_TOKEN", token);
    assert_eq!(shell.does("onrecord operator seal"), "Success! Vault is sealed.\n");
    let status = shell.run("onrecord status").exits(2).stdout;
    assert_eq!(
        (row(&status, "Sealed"), row(&status, "Unseal Progress"), row(&status, "Unseal Nonce")),
        ("true", "0/2", "n/a")
    );
    for line in ["audit enable file file_path=discard", "audit disable file", "audit list"] {
        assert!(shell.refuses(2, &format!("onrecord {line}")).contains("* Vault is sealed"), "{line}");
    }
    assert!(fs::read_dir(shell.home()).expect("a home").count() >= 2);
}

#[test]
fn logging_in_and_what_is_kept_of_it() {
    let (_server, shell) = dev();
    let made = json_of(&shell.does("onrecord token create -format=json -policy=default -ttl=1h"));
    let token = made["auth"]["client_token"].as_str().expect("a token").to_owned();
    let shell = shell.without("VAULT_TOKEN");
    let file = shell.home().join(".vault-token");
    assert_eq!(shell.does("onrecord print token"), "\n");

    let output = shell.refuses(2, "onrecord login nonsense");
    assert!(output.starts_with("Error authenticating: "), "{output}");
    assert!(output.contains("Code: 403. Errors:"), "{output}");
    assert!(!file.exists());
    assert_eq!(
        shell.feed(&format!("onrecord login -no-store {token}"), "").exits(0).stderr.lines().count(),
        2
    );
    assert!(!file.exists());
    assert_eq!(shell.does(&format!("onrecord login -token-only {token}")), token);
    assert!(!file.exists(), "-token-only stores nothing");

    let said = shell.feed("onrecord login -", &format!("{token}\n")).exits(0).stdout;
    assert!(said.starts_with("Success! You are now authenticated."), "{said}");
    assert_eq!(row(&said, "token"), token);
    assert!(row(&said, "token_policies").contains("default"));
    assert_eq!(fs::read_to_string(&file).expect("a file"), token, "without a newline");
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o7777, 0o600);
    assert_eq!(shell.does("onrecord print token"), format!("{token}\n"));
    assert_eq!(row(&shell.does("onrecord token lookup"), "display_name"), "token");
    fs::remove_file(&file).expect("removed");
    assert_eq!(shell.does(&format!("onrecord login -no-print {token}")), "");
    assert!(file.exists());
    assert_eq!(shell.does(&format!("onrecord login -field=token {token}")), token);
    let warned = shell.run(&format!("VAULT_TOKEN=x onrecord login {token}")).exits(0).stderr;
    assert!(warned.contains("WARNING! The VAULT_TOKEN environment variable is set!"), "{warned}");

    let output = shell.refuses(2, "onrecord login -");
    assert!(
        output.contains("a token must be passed to auth, please view the help for more information"),
        "{output}"
    );
    let output = shell.refuses(1, "onrecord login -method=nosuch a=b");
    assert!(output.starts_with("Unknown auth method: nosuch."), "{output}");
    let output = shell.refuses(1, "onrecord login a=b c");
    assert!(
        output
            .contains("Error parsing configuration: invalid key/value pair \"c\": format must be key=value"),
        "{output}"
    );
    let output = shell.refuses(2, "onrecord login");
    assert!(output.contains("file descriptor 0 is not a terminal"), "{output}");
    let output = shell.refuses(2, "VAULT_TOKEN=\"$(printf 'a\\001b')\" onrecord audit list");
    assert!(output.contains("non-printable characters"), "{output}");
    // ONRECORD_ goes before VAULT_.
    assert_eq!(shell.does("ONRECORD_TOKEN=one VAULT_TOKEN=two onrecord print token"), "one\n");
}

#[test]
fn tokens_are_made_shown_renewed_and_revoked() {
    let (_server, shell) = dev();
    shell.does("printf 'path \"secret/*\" { capabilities = [\"read\", \"list\"] }' > app.hcl && onrecord policy write app app.hcl");
    let table = shell
        .does("onrecord token create -policy=app -ttl=1h -display-name=ci -metadata=team=a -use-limit=50");
    let (token, accessor) = (row(&table, "token").to_owned(), row(&table, "token_accessor").to_owned());
    assert_eq!(row(&table, "token_duration"), "1h");
    assert_eq!(row(&table, "token_renewable"), "true");
    assert_eq!(row(&table, "token_policies"), "[\"app\" \"default\"]");
    assert_eq!(row(&table, "identity_policies"), "[]");
    assert_eq!(row(&table, "token_meta_team"), "a");
    let found = shell.does(&format!("onrecord token lookup {token}"));
    assert_eq!((row(&found, "display_name"), row(&found, "num_uses")), ("token-ci", "50"));
    assert_eq!(row(&found, "policies"), "[app default]");
    let found = json_of(&shell.does(&format!("onrecord token lookup -format=json -accessor {accessor}")));
    assert_eq!(found["data"]["meta"], json!({"team": "a"}));
    assert_eq!(found["data"]["id"], "", "an accessor does not give its token away");

    assert_eq!(shell.does(&format!("onrecord token capabilities {token} secret/a")), "list, read\n");
    assert_eq!(shell.does(&format!("onrecord token capabilities {token} other/a")), "deny\n");
    assert_eq!(shell.does("onrecord token capabilities secret/a"), "root\n");
    assert_eq!(
        shell.does(&format!("onrecord token capabilities -format=json {token} secret/a")),
        "[\n  \"list\",\n  \"read\"\n]\n"
    );

    let renewed = shell.does(&format!("onrecord token renew -increment=2h {token}"));
    assert_eq!(row(&renewed, "token_duration"), "2h");
    assert_eq!(row(&shell.does(&format!("VAULT_TOKEN={token} onrecord token renew")), "token"), token);
    assert_eq!(
        row(&shell.does(&format!("onrecord token renew -accessor {accessor}")), "token_accessor"),
        accessor
    );

    let output = shell.refuses(2, &format!("VAULT_TOKEN={token} onrecord policy list"));
    assert!(
        output.contains("Code: 403. Errors:\n\n* 1 error occurred:\n\t* permission denied\n\n"),
        "{output}"
    );
    let said = "Success! Revoked token (if it existed)\n";
    assert_eq!(shell.does(&format!("onrecord token revoke -accessor {accessor}")), said);
    assert_eq!(shell.does(&format!("onrecord token revoke {token}")), said, "always");
    let output = shell.refuses(2, &format!("onrecord token lookup {token}"));
    assert!(output.starts_with("Error looking up token: Error making API request."), "{output}");
    assert!(output.contains("Code: 403. Errors:\n\n* bad token"), "{output}");
    let output = shell.refuses(2, &format!("onrecord token renew {token}"));
    assert!(output.contains("Code: 400. Errors:\n\n* token not found"), "{output}");

    let parent =
        json_of(&shell.does("onrecord token create -orphan -format=json"))["auth"]["client_token"].clone();
    let parent = parent.as_str().expect("a token").to_owned();
    let child = shell.does(&format!("VAULT_TOKEN={parent} onrecord token create -field=token"));
    let orphan = shell.does(&format!("VAULT_TOKEN={parent} onrecord token create -orphan -field=token"));
    assert_eq!(shell.does(&format!("VAULT_TOKEN={parent} onrecord token revoke -self")), said);
    shell.refuses(2, &format!("onrecord token lookup {child}"));
    shell.does(&format!("onrecord token lookup {orphan}"));

    let warned = shell.run("onrecord token create -policy=absent").exits(0);
    assert!(
        warned.stderr.starts_with("WARNING! The following warnings were returned from Vault:\n\n  * "),
        "{}",
        warned.stderr
    );
    assert!(warned.stderr.contains("Policy \"absent\" does not exist"), "{}", warned.stderr);
    for (line, code, text) in [
        ("token revoke", 1, "Not enough arguments (expected 1 or -self, got 0)\n"),
        ("token revoke -self a", 1, "Too many arguments with -self (expected 0, got 1)\n"),
        ("token revoke -accessor", 1, "Not enough arguments with -accessor (expected 1, got 0)\n"),
        ("token revoke -mode=zz a", 1, "Invalid mode: zz\nAccepted: orphan or path.\n"),
        ("token capabilities", 1, "Not enough arguments (expected 1-2, got 0)\n"),
        ("token lookup a b", 1, "Too many arguments (expected 0-1, got 2)\n"),
        (
            "token create -ttl=abc",
            1,
            "invalid value \"abc\" for flag -ttl: time: invalid duration \"abc\"\nAccepted: seconds, or a number with a unit, such as 90s, 1h30m or 7d.\n",
        ),
        (
            "token create -metadata=x",
            1,
            "invalid value \"x\" for flag -metadata: missing = in KV pair: \"x\"\nAccepted: KEY=VALUE.\n",
        ),
    ] {
        assert_eq!(shell.refuses(code, &format!("onrecord {line}")), text, "{line}");
    }
    let output = shell.refuses(2, "onrecord token create -role=absent");
    assert!(
        output.starts_with("Error creating token: Error making API request.")
            && output.contains("unknown role absent"),
        "{output}"
    );
    let output = shell.refuses(2, "onrecord token renew");
    assert!(output.contains("* invalid lease ID"), "{output}");
}

#[test]
fn read_write_list_and_delete() {
    let (_server, shell) = dev();
    shell.does("onrecord secrets enable -path=gen -version=1 kv");
    assert_eq!(shell.does("onrecord write gen/foo a=b ttl=90 n=1"), "Success! Data written to: gen/foo\n");
    assert_eq!(
        shell.does("onrecord read gen/foo"),
        "Key                 Value\n---                 -----\nrefresh_interval    1m30s\na                   b\nn                   1\nttl                 90\n"
    );
    assert_eq!(shell.does("onrecord read -field=a gen/foo"), "b");
    assert_eq!(shell.does("onrecord read -field=a -format=json gen/foo"), "\"b\"\n");
    let whole = shell.does("onrecord read -format=json gen/foo");
    let keys: Vec<&str> =
        whole.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next()).collect();
    assert_eq!(keys, ["request_id", "lease_id", "lease_duration", "renewable", "data", "warnings"]);
    assert_eq!(json_of(&shell.does("onrecord read -format=raw gen/foo"))["data"]["a"], "b");
    assert_eq!(shell.does("onrecord list gen"), "Keys\n----\nfoo\n");
    assert_eq!(shell.does("onrecord list -format=json gen"), "[\n  \"foo\"\n]\n");
    assert_eq!(
        shell.feed("onrecord write gen/in -", "{\"n\":12345678901234567890,\"f\":1.50}").exits(0).stdout,
        "Success! Data written to: gen/in\n"
    );
    let read = shell.does("onrecord read -format=json gen/in");
    assert!(
        read.contains("\"n\": 12345678901234567890") && read.contains("\"f\": 1.50"),
        "digits stay: {read}"
    );
    shell.does("printf 'line' > v.txt && onrecord write gen/file v=@v.txt w='\\@v.txt'");
    assert_eq!(shell.does("onrecord read -field=v gen/file"), "line");
    assert_eq!(shell.does("onrecord read -field=w gen/file"), "@v.txt");
    assert_eq!(shell.does("onrecord delete gen/foo"), "Success! Data deleted (if it existed) at: gen/foo\n");
    assert_eq!(shell.does("onrecord delete -format=json gen/foo"), "");

    assert_eq!(shell.refuses(2, "onrecord read gen/foo"), "No value found at gen/foo\n");
    assert_eq!(shell.refuses(2, "onrecord read /nosuch/x/"), "No value found at nosuch/x\n");
    assert_eq!(shell.refuses(2, "onrecord list gen/nothing"), "No value found at gen/nothing\n");
    let empty = shell.run("onrecord list -format=json gen/nothing").exits(2);
    assert_eq!((empty.stdout.as_str(), empty.stderr.as_str()), ("{}\n", ""));
    assert_eq!(shell.refuses(1, "onrecord read -field=zz gen/in"), "Field \"zz\" not present in secret\n");
    assert_eq!(shell.refuses(1, "onrecord write gen/foo"), "Must supply data or use -force\n");
    shell.refuses(2, "onrecord write -f nosuch/x");
    let output = shell.refuses(2, "onrecord write nosuch/x a=b");
    assert!(
        output.contains("URL: PUT ")
            && output.contains(
                "Code: 404. Errors:\n\n* no handler for route \"nosuch/x\". route entry not found."
            ),
        "{output}"
    );
    let output = shell.refuses(2, "onrecord delete nosuch/x");
    assert!(
        output.starts_with("Error deleting nosuch/x: Error making API request.\n\nURL: DELETE http://"),
        "{output}"
    );
    assert_eq!(shell.refuses(1, "onrecord read"), "Not enough arguments (expected 1, got 0)\n");
    assert_eq!(shell.refuses(1, "onrecord list gen x"), "Too many arguments (expected 1, got 2)\n");

    let curl = shell.does("onrecord write -output-curl-string gen/foo a=\"it's\"");
    assert!(curl.starts_with("curl -X PUT -H ") && curl.contains("$(onrecord print token)"), "{curl}");
    assert!(curl.contains("-d '{\"a\":\"it'\"'\"'s\"}'"), "{curl}");
    assert_eq!(
        shell.does("onrecord write -output-policy gen/foo a=b"),
        "path \"gen/foo\" {\n  capabilities = [\"create\", \"update\"]\n}\n"
    );
    assert_eq!(shell.refuses(2, "onrecord read gen/foo"), "No value found at gen/foo\n", "neither was sent");
    shell.does("onrecord write sys/config/auditing/request-headers/X-Test hmac=true");
}

#[test]
fn key_value_version_2() {
    let (_server, shell) = dev();
    let put = shell.does("onrecord kv put secret/app a=b user=web");
    let banner = put.lines().next().unwrap_or_default();
    assert_eq!(banner, "= Secret Path =", "{put}");
    assert_eq!(put.lines().nth(1), Some("secret/data/app"));
    assert_eq!(put.lines().nth(2), Some(""));
    assert_eq!(row(&put, "version"), "1");
    assert_eq!(
        (row(&put, "deletion_time"), row(&put, "destroyed"), row(&put, "custom_metadata")),
        ("n/a", "false", "<nil>")
    );
    let get = shell.does("onrecord kv get secret/app");
    assert!(get.ends_with("==== Data ====\nKey     Value\n---     -----\na       b\nuser    web\n"), "{get}");
    assert_eq!(shell.does("onrecord kv get -field=a secret/app"), "b");
    assert_eq!(shell.does("onrecord kv get -mount=secret -field=user app"), "web");
    assert_eq!(
        json_of(&shell.does("onrecord kv get -format=json secret/app"))["data"]["data"],
        json!({"a": "b", "user": "web"})
    );
    assert_eq!(row(&shell.does("onrecord kv patch secret/app a=c"), "version"), "2");
    assert_eq!(row(&shell.does("onrecord kv patch -method=rw secret/app new=1"), "version"), "3");
    assert_eq!(
        json_of(&shell.does("onrecord kv get -format=json secret/app"))["data"]["data"],
        json!({"a": "c", "new": "1", "user": "web"})
    );
    assert_eq!(shell.does("onrecord kv get -version=1 -field=a secret/app"), "b");
    let output = shell.refuses(2, "onrecord kv put -cas=1 secret/app a=d");
    assert!(output.contains("* check-and-set parameter did not match the current version"), "{output}");
    assert_eq!(row(&shell.does("onrecord kv put -cas=3 secret/app a=d"), "version"), "4");
    shell.does("onrecord kv put secret/other x=y");
    assert_eq!(shell.does("onrecord kv list secret"), "Keys\n----\napp\nother\n");
    assert_eq!(row(&shell.does("onrecord kv rollback -version=1 secret/app"), "version"), "5");
    assert_eq!(shell.does("onrecord kv get -field=a secret/app"), "b");
}

#[test]
fn versions_are_deleted_undeleted_and_destroyed() {
    let (_server, shell) = dev();
    for value in ["b", "c", "d", "e", "b"] {
        shell.does(&format!("onrecord kv put secret/app a={value}"));
    }
    assert_eq!(
        shell.does("onrecord kv delete secret/app"),
        "Success! Data deleted (if it existed) at: secret/data/app\n"
    );
    let deleted = shell.does("onrecord kv get secret/app");
    assert!(!deleted.contains("Data =") && row(&deleted, "deletion_time") != "n/a", "{deleted}");
    assert_eq!(shell.refuses(2, "onrecord kv get -field=a secret/app"), "No data found at secret/data/app\n");
    assert_eq!(
        shell.does("onrecord kv undelete -versions=5 secret/app"),
        "Success! Data written to: secret/undelete/app\n"
    );
    assert_eq!(shell.does("onrecord kv get -field=a secret/app"), "b");
    assert_eq!(
        shell.does("onrecord kv delete -versions=1,2 secret/app"),
        "Success! Data deleted (if it existed) at: secret/data/app\n"
    );
    assert_eq!(
        shell.refuses(2, "onrecord kv rollback -version=1 secret/app"),
        "Cannot roll back to a version that has been deleted\n"
    );
    assert_eq!(
        shell.does("onrecord kv destroy -versions=3 secret/app"),
        "Success! Data written to: secret/destroy/app\n"
    );

    assert_eq!(
        shell.does("onrecord kv metadata put -max-versions=9 -custom-metadata=owner=me secret/app"),
        "Success! Data written to: secret/metadata/app\n"
    );
    shell.does("onrecord kv metadata patch -custom-metadata=team=us secret/app");
    let metadata = shell.does("onrecord kv metadata get secret/app");
    assert_eq!((row(&metadata, "max_versions"), row(&metadata, "current_version")), ("9", "5"));
    assert_eq!(row(&metadata, "custom_metadata"), "map[owner:me team:us]");
    for version in 1..=5 {
        assert!(metadata.contains(&format!(" Version {version} ")), "{metadata}");
    }
    assert_eq!(
        shell.does("onrecord kv metadata delete secret/app"),
        "Success! Data deleted (if it existed) at: secret/metadata/app\n"
    );
    assert_eq!(shell.refuses(2, "onrecord kv get secret/app"), "No value found at secret/data/app\n");
}

#[test]
fn what_key_value_commands_refuse() {
    let (_server, shell) = dev();
    for (line, code, text) in [
        ("kv put secret/app", 1, "Must supply data\n"),
        ("kv put", 1, "Not enough arguments (expected >1, got 0)\n"),
        ("kv rollback", 1, "Invalid number of arguments (expected 1, got 0)\n"),
        ("kv rollback secret/app", 1, "Version flag must be specified\n"),
        (
            "kv undelete secret/app",
            1,
            "No versions provided, use the \"-versions\" flag to specify the version to undelete.\n",
        ),
        (
            "kv destroy secret/app",
            1,
            "No versions provided, use the \"-versions\" flag to specify the version to destroy.\n",
        ),
        (
            "kv get -version=x secret/app",
            1,
            "invalid value \"x\" for flag -version: strconv.ParseInt: parsing \"x\": invalid syntax\nAccepted: a whole number.\n",
        ),
    ] {
        assert_eq!(shell.refuses(code, &format!("onrecord {line}")), text, "{line}");
    }
    let output = shell.refuses(2, "onrecord kv get nosuch/app");
    assert!(output.starts_with("Error making API request.\n\nURL: GET http://"), "{output}");
    assert!(
        output.contains("sys/internal/ui/mounts/nosuch/app\nCode: 403. Errors:\n\n* preflight capability check returned 403, please ensure client's policies grant access to path \"nosuch/app/\""),
        "{output}"
    );
    let ours = "\n\nNo secrets engine that this token may use is mounted at \"nosuch/app\". It may use the key/value engines at secret/. \"secrets list\" lists all mounts.\n";
    assert!(output.ends_with(ours), "{output}");
}

#[test]
fn key_value_version_1() {
    let (_server, shell) = dev();
    shell.does("onrecord secrets enable -path=kv1 -version=1 kv");
    assert_eq!(shell.does("onrecord kv put kv1/app a=b"), "Success! Data written to: kv1/app\n");
    assert_eq!(row(&shell.does("onrecord kv get kv1/app"), "a"), "b");
    assert_eq!(shell.does("onrecord kv list kv1"), "Keys\n----\napp\n");
    let v2_only = "K/V engine mount must be version 2 for";
    assert_eq!(shell.refuses(2, "onrecord kv patch kv1/app a=c"), format!("{v2_only} patch support\n"));
    assert_eq!(
        shell.refuses(2, "onrecord kv rollback -version=1 kv1/app"),
        format!("{v2_only} rollback support\n")
    );
    assert_eq!(
        shell.refuses(1, "onrecord kv undelete -versions=1 kv1/app"),
        "Undelete not supported on KV Version 1\n"
    );
    assert_eq!(
        shell.refuses(1, "onrecord kv destroy -versions=1 kv1/app"),
        "Destroy not supported on KV Version 1\n"
    );
    assert_eq!(
        shell.refuses(1, "onrecord kv metadata get kv1/app"),
        "Metadata not supported on KV Version 1\n"
    );
    assert_eq!(
        shell.does("onrecord kv delete kv1/app"),
        "Success! Data deleted (if it existed) at: kv1/app\n"
    );
    assert_eq!(shell.refuses(2, "onrecord kv get kv1/app"), "No value found at kv1/app\n");
}

#[test]
fn secrets_engines_are_enabled_tuned_listed_and_disabled() {
    let (_server, shell) = dev();
    assert_eq!(
        shell.does("onrecord secrets enable -path=kv1 -description=\"old ones\" kv"),
        "Success! Enabled the kv secrets engine at: kv1/\n"
    );
    let output = shell.refuses(2, "onrecord secrets enable -path=kv1 kv");
    assert!(
        output.starts_with("Error enabling: ") && output.contains("* path is already in use at kv1/"),
        "{output}"
    );
    let output = shell.refuses(2, "onrecord secrets enable nosuch");
    assert!(output.contains("plugin not found in the catalog: nosuch"), "{output}");
    assert_eq!(
        shell.does("onrecord secrets enable -path=kv2 kv-v2"),
        "Success! Enabled the kv-v2 secrets engine at: kv2/\n"
    );
    let list = shell.does("onrecord secrets list");
    let paths: Vec<&str> = list.lines().skip(2).filter_map(|line| line.split(' ').next()).collect();
    let expected: BTreeSet<&str> = ["cubbyhole/", "identity/", "kv1/", "kv2/", "secret/", "sys/"].into();
    assert!(expected.is_subset(&paths.iter().copied().collect()), "{list}");
    assert!(
        list.starts_with("Path ") && list.lines().next().is_some_and(|l| l.ends_with("Description")),
        "{list}"
    );
    let as_json = json_of(&shell.does("onrecord secrets list -format=json"));
    assert_eq!(as_json["kv1/"]["description"], "old ones");
    assert_eq!(
        (&as_json["kv2/"]["type"], &as_json["kv2/"]["options"]["version"]),
        (&json!("kv"), &json!("2"))
    );
    assert_eq!(
        shell.does("onrecord secrets tune -max-lease-ttl=2h -default-lease-ttl=1h -audit-non-hmac-request-keys=open kv1"),
        "Success! Tuned the secrets engine at: kv1/\n"
    );
    let config = json_of(&shell.does("onrecord secrets list -format=json"))["kv1/"]["config"].clone();
    assert_eq!((&config["default_lease_ttl"], &config["max_lease_ttl"]), (&json!(3600), &json!(7200)));
    assert_eq!(config["audit_non_hmac_request_keys"], json!(["open"]));
    assert!(shell.does("onrecord secrets list -detailed").contains("map[version:2]"));
    let output = shell.refuses(2, "onrecord secrets tune -default-lease-ttl=3h kv1");
    assert!(
        output.starts_with("Error tuning secrets engine kv1/: ") && output.contains("max lease TTL"),
        "{output}"
    );
    let output = shell.refuses(2, "onrecord secrets tune nosuch");
    assert!(output.contains("tune of path \"nosuch/\" failed: no mount entry found"), "{output}");
    assert_eq!(
        shell.does("onrecord secrets disable kv1"),
        "Success! Disabled the secrets engine (if it existed) at: kv1/\n"
    );
    assert_eq!(
        shell.does("onrecord secrets disable kv1"),
        "Success! Disabled the secrets engine (if it existed) at: kv1/\n"
    );
    let output = shell.refuses(2, "onrecord secrets disable sys");
    assert!(
        output.starts_with("Error disabling secrets engine at sys/: ")
            && output.contains("cannot unmount \"sys/\""),
        "{output}"
    );
}

#[test]
fn policies_are_written_read_listed_formatted_and_deleted() {
    let (_server, shell) = dev();
    let text = "path \"secret/*\" {\n  capabilities = [\"read\"]\n}";
    fs::write(shell.home().join("app.hcl"), format!("{text}\n")).expect("a file");
    assert_eq!(shell.does("onrecord policy write app app.hcl"), "Success! Uploaded policy: app\n");
    assert_eq!(
        shell.feed("onrecord policy write piped -", text).exits(0).stdout,
        "Success! Uploaded policy: piped\n"
    );
    assert_eq!(shell.does("onrecord policy read app"), format!("{text}\n"));
    assert_eq!(
        json_of(&shell.does("onrecord policy read -format=json app")),
        json!({"policy": format!("{text}\n")})
    );
    assert_eq!(shell.does("onrecord policy list"), "app\ndefault\npiped\nroot\n");
    assert_eq!(
        json_of(&shell.does("onrecord policy list -format=json")),
        json!(["app", "default", "piped", "root"])
    );
    let upper = shell.run("onrecord policy write UPPER app.hcl").exits(0);
    assert_eq!(upper.stderr, "Policy name was converted from \"UPPER\" to \"upper\"\n");
    assert_eq!(shell.does("onrecord policy delete app"), "Success! Deleted policy: app\n");
    assert_eq!(shell.does("onrecord policy delete app"), "Success! Deleted policy: app\n");
    for name in ["app", "root"] {
        assert_eq!(
            shell.refuses(2, &format!("onrecord policy read {name}")),
            format!("No policy named: {name}\n")
        );
    }
    for (name, why) in
        [("root", "cannot delete \"root\" policy"), ("default", "cannot delete default policy")]
    {
        let output = shell.refuses(2, &format!("onrecord policy delete {name}"));
        assert!(output.starts_with(&format!("Error deleting {name}: ")) && output.contains(why), "{output}");
    }
    let output = shell.refuses(2, "onrecord policy write root app.hcl");
    assert!(
        output.starts_with("Error uploading policy: ") && output.contains("cannot update \"root\" policy"),
        "{output}"
    );
    assert_eq!(
        shell.refuses(2, "onrecord policy write app absent.hcl"),
        "Error opening policy file: open absent.hcl: no such file or directory\n"
    );
    let bad = shell
        .feed("onrecord policy write bad -", "path \"gen/*\" { capabilities = [\"fly\"] }")
        .exits(2)
        .stderr;
    assert!(bad.contains("* failed to parse policy: path \"gen/*\": invalid capability \"fly\""), "{bad}");
    fs::write(shell.home().join("messy.hcl"), "path   \"a\"   {capabilities=[\"read\",\"list\"]}")
        .expect("a file");
    assert_eq!(shell.does("onrecord policy fmt messy.hcl"), "Success! Formatted policy: messy.hcl\n");
    assert_eq!(
        fs::read_to_string(shell.home().join("messy.hcl")).expect("a file"),
        "path \"a\" {\n  capabilities = [\"read\", \"list\"]\n}\n"
    );
    shell.refuses(1, "onrecord policy fmt absent.hcl");
}

#[test]
fn flags_in_every_spelling_and_none_behind_an_argument() {
    let (_server, shell) = dev();
    shell.does("onrecord secrets enable -path=gen -version=1 kv && onrecord write gen/foo a=b");
    for line in [
        "read -field=a gen/foo",
        "read --field=a gen/foo",
        "read -field a gen/foo",
        "read --field a gen/foo",
        "read -field=x -field=a gen/foo",
    ] {
        assert_eq!(shell.does(&format!("onrecord {line}")), "b", "{line}");
    }
    for (line, text) in [
        ("read --nope gen/foo", "flag provided but not defined: -nope\n"),
        ("read -field", "flag needs an argument: -field\n"),
        ("read ---x gen/foo", "bad flag syntax: ---x\n"),
        ("list -detailed gen", "flag provided but not defined: -detailed\n"),
    ] {
        assert_eq!(shell.refuses(1, &format!("onrecord {line}")), text, "{line}");
    }
    let late = shell.refuses(1, "onrecord read gen/foo -field=a");
    assert!(
        late.contains("Command flags must be provided before positional arguments. The following arguments will not be parsed as flags: [-field=a]"),
        "{late}"
    );
    shell.does("onrecord write gen/odd -- -k=v");
    assert_eq!(shell.does("onrecord read -field=-k gen/odd"), "v");
}

#[test]
fn colours_are_for_terminals() {
    let (_server, shell) = dev();
    let output = shell.refuses(2, "onrecord read nosuch/x");
    assert!(!output.contains('\u{1b}'), "{output:?}");
    assert!(!shell.does("onrecord status").contains('\u{1b}'));
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let shell = Shell::new();
    let path = shell.home().join("c.hcl");
    for (config, part) in [
        ("storage \"inmem\" {}\n", "a storage and a listener"),
        ("storage \"nosuch\" {}\n", "c.hcl:1: unknown storage \"nosuch\""),
        ("storage \"file\" {}\n", "needs a path"),
        ("storage \"inmem\" {}\nlistener \"udp\" {}\n", "c.hcl:2: unknown listener \"udp\""),
        ("storage \"inmem\" {}\nlistener \"unix\" {}\n", "c.hcl:2: listener \"unix\": it needs an address"),
        ("log_level = \"loud\"\n", "c.hcl:1: log_level"),
        ("default_lease_ttl = \"abc\"\n", "c.hcl:1: default_lease_ttl"),
        ("a = {\n", "c.hcl:"),
    ] {
        fs::write(&path, config).expect("a file");
        let output = shell.refuses(1, "onrecord server -config=c.hcl");
        assert!(output.contains(part), "{config}: {output}");
    }
    let output = shell.refuses(1, "onrecord server -config=absent.hcl");
    assert!(output.contains("absent.hcl: cannot be read"), "{output}");
    assert!(shell.refuses(1, "onrecord server").contains("-config=FILE"));
}
