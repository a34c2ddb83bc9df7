//! `policy`.

use super::kit::cli;

#[test]
fn policies_are_uploaded_from_files_and_standard_input() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "path \"a\" {}\n").unwrap();
    let outcome = cli().reply(204, "").run(&["policy", "write", "UPPER", file.path().to_str().unwrap()]);
    outcome.is(
        0,
        "Success! Uploaded policy: upper\n",
        "Policy name was converted from \"UPPER\" to \"upper\"\n",
    );
    outcome.sent(&[r#"PUT /v1/sys/policies/acl/upper {"policy":"path \"a\" {}\n"}"#]);
    let outcome = cli().stdin("x").reply(204, "").run(&["policy", "write", "app", "-"]);
    outcome
        .is(0, "Success! Uploaded policy: app\n", "")
        .sent(&[r#"PUT /v1/sys/policies/acl/app {"policy":"x"}"#]);
    cli().run(&["policy", "write", "app", "/nonexistent/f"]).is(
        2,
        "",
        "Error opening policy file: open /nonexistent/f: no such file or directory\n",
    );
    cli().run(&["policy", "write", "app"]).is(1, "", "Not enough arguments (expected 2, got 1)\n");
    let refused = cli().stdin("").reply(400, r#"{"errors":["'policy' parameter not supplied or empty"]}"#);
    let outcome = refused.run(&["policy", "write", "app", "-"]);
    assert!(
        outcome.stderr.starts_with("Error uploading policy: Error making API request."),
        "{}",
        outcome.stderr
    );
}

#[test]
fn policies_are_read_and_listed() {
    let body = r#"{"data":{"name":"app","policy":"path \"a\" {}\n\n"}}"#;
    cli()
        .reply(200, body)
        .run(&["policy", "read", "APP"])
        .is(0, "path \"a\" {}\n", "")
        .sent(&["GET /v1/sys/policies/acl/app"]);
    let json = "{\n  \"policy\": \"path \\\"a\\\" {}\\n\\n\"\n}\n";
    cli().reply(200, body).run(&["policy", "read", "-format=json", "app"]).is(0, json, "");
    cli().reply(404, r#"{"errors":[]}"#).run(&["policy", "read", "x"]).is(2, "", "No policy named: x\n");
    let empty = r#"{"data":{"name":"root","policy":""}}"#;
    cli().reply(200, empty).run(&["policy", "read", "root"]).is(2, "", "No policy named: root\n");
    let list = r#"{"data":{"keys":["default","root"]}}"#;
    cli()
        .reply(200, list)
        .run(&["policy", "list"])
        .is(0, "default\nroot\n", "")
        .sent(&["GET /v1/sys/policies/acl?list=true"]);
    cli().reply(200, list).run(&["policy", "list", "-format=json"]).is(
        0,
        "[\n  \"default\",\n  \"root\"\n]\n",
        "",
    );
}

#[test]
fn policies_are_deleted() {
    cli()
        .reply(204, "")
        .run(&["policy", "delete", "app"])
        .is(0, "Success! Deleted policy: app\n", "")
        .sent(&["DELETE /v1/sys/policies/acl/app"]);
    let outcome = cli()
        .reply(400, r#"{"errors":["cannot delete \"root\" policy"]}"#)
        .run(&["policy", "delete", "root"]);
    let error = outcome.refusal("DELETE", "/v1/sys/policies/acl/root", 400, "cannot delete \"root\" policy");
    outcome.is(2, "", &format!("Error deleting root: {error}"));
}

#[test]
fn a_file_is_formatted_in_place_or_left_alone() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, "path \"a\" { capabilities=[\"read\"] }").unwrap();
    cli().no_server().run(&["policy", "fmt", path]).is(
        0,
        &format!("Success! Formatted policy: {path}\n"),
        "",
    );
    assert_eq!(std::fs::read_to_string(path).unwrap(), "path \"a\" {\n  capabilities = [\"read\"]\n}\n");
    std::fs::write(path, "path \"a {").unwrap();
    let outcome = cli().run(&["policy", "fmt", path]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.starts_with("Failed to parse policy: At 1:"), "{}", outcome.stderr);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "path \"a {");
    let outcome = cli().run(&["policy", "fmt", "/nonexistent/f"]);
    outcome.is(1, "", "Error opening policy file: open /nonexistent/f: no such file or directory\n");
}
