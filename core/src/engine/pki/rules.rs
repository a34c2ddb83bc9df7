//! The rules of a role, applied to the names that a certificate is to have.
//! Never in it: where the names come from.

use super::names::{AltNames, Subject, is_hostname};
use super::role::Role;
use crate::glob::glob_matches;
use crate::outcome::Refusal;

/// Refuses names that the role does not allow, with a text that names the first of them.
pub(super) fn check(role: &Role, subject: &Subject, names: &AltNames) -> Result<(), Refusal> {
    let common_name = &subject.common_name;
    if common_name.is_empty() && role.require_cn {
        return Err(Refusal::invalid(
            "the common_name field is required, or must be provided in a CSR with \"use_csr_common_name\" set to true, \
             unless \"require_cn\" is set to false",
        ));
    }
    if !common_name.is_empty() && !allows(role, common_name) {
        return Err(Refusal::invalid(format!("common name {common_name} not allowed by this role")));
    }
    if let Some(name) = names.dns.iter().find(|name| !allows(role, name)) {
        return Err(Refusal::invalid(format!("subject alternate name {name} not allowed by this role")));
    }
    if let Some(name) = names.emails.iter().find(|name| !allows(role, name)) {
        return Err(Refusal::invalid(format!("email address {name} not allowed by this role")));
    }
    if let Some(ip) = names.ips.first().filter(|_| !role.allow_ip_sans) {
        let why = format!("IP Subject Alternative Names are not allowed in this role, but was provided {ip}");
        return Err(Refusal::invalid(why));
    }
    let is_listed = |globs: &[String], text: &str| globs.iter().any(|glob| glob_matches(glob, text));
    if let Some(uri) = names.uris.iter().find(|uri| !is_listed(&role.allowed_uri_sans, uri)) {
        let why = if role.allowed_uri_sans.is_empty() {
            "URI Subject Alternative Names are not allowed in this role, but were provided via the API"
                .to_owned()
        } else {
            format!("URI Subject Alternative Name {uri} is not allowed by this role")
        };
        return Err(Refusal::invalid(why));
    }
    let serial = &subject.serial_number;
    if !serial.is_empty() && !is_listed(&role.allowed_serial_numbers, serial) {
        return Err(Refusal::invalid(format!("serial_number {serial} not allowed by this role")));
    }
    Ok(())
}

/// Whether the role allows a DNS name, an e-mail address, or a common name that is neither.
fn allows(role: &Role, name: &str) -> bool {
    let (user, host) = name.rsplit_once('@').map_or((None, name), |(user, host)| (Some(user), host));
    let host = host.to_ascii_lowercase();
    let wildcard = host.contains('*');
    if user.is_some_and(|user| user.is_empty() || user.contains(char::is_whitespace))
        || (user.is_some() && wildcard)
    {
        return false;
    }
    if wildcard && !role.allow_wildcard_certificates {
        return false;
    }
    if (role.enforce_hostnames || user.is_some()) && !is_hostname(&host) {
        return false;
    }
    if role.allow_any_name {
        return true;
    }
    if role.allow_localhost && matches!(&*host, "localhost" | "localdomain") {
        return true;
    }
    let lowercase = name.to_ascii_lowercase();
    role.allowed_domains.iter().any(|domain| {
        let domain = domain.to_ascii_lowercase();
        if domain.is_empty() {
            return false;
        }
        // An address may be listed as a whole.
        if user.is_some() && domain == lowercase {
            return true;
        }
        let is_below = |name: &str| {
            name.strip_suffix(&*domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        };
        let base = host.strip_prefix("*.").unwrap_or(&host);
        let is_bare = role.allow_bare_domains && host == domain;
        let is_subdomain = role.allow_subdomains && (is_below(&host) || (wildcard && base == domain));
        let is_glob = role.allow_glob_domains && domain.contains('*') && glob_matches(&domain, &host);
        is_bare || is_subdomain || is_glob
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(switches: &str, domains: &[&str]) -> Role {
        let has = |switch| switches.split(' ').any(|known| known == switch);
        Role {
            allow_bare_domains: has("bare"),
            allow_subdomains: has("sub"),
            allow_glob_domains: has("glob"),
            allow_any_name: has("any"),
            allow_localhost: has("localhost"),
            allow_wildcard_certificates: !has("no-wildcard"),
            enforce_hostnames: !has("no-hostnames"),
            allow_ip_sans: !has("no-ip"),
            allowed_domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            ..Role::default()
        }
    }

    #[test]
    fn a_role_allows_these_names_and_no_others() {
        let domains = ["example.com", "*.glob.test", "ftp*.files.test", "me@mail.test"];
        for (switches, allowed, refused) in [
            ("", "me@mail.test", "example.com www.example.com localhost a.glob.test *.example.com"),
            (
                "bare",
                "example.com EXAMPLE.com user@example.com",
                "www.example.com *.example.com xexample.com",
            ),
            (
                "sub",
                "www.example.com a.b.example.com *.example.com *.a.example.com user@www.example.com",
                "example.com xexample.com .example.com example.com.evil.test -a.example.com a..example.com *.com * \
                 a.*.example.com **.example.com",
            ),
            ("sub no-wildcard", "www.example.com", "*.example.com"),
            (
                "glob",
                "a.glob.test a.b.glob.test ftp7.files.test",
                "glob.test xftp.files.test www.example.com",
            ),
            ("localhost", "localhost localdomain", "localhost.example.com local"),
            ("any", "a b.c *.x.y user@host xn--abc", "a_b! a@b@ @b a@*.b 1.2.3.4/8 https://a"),
            ("any no-hostnames", "a!b/c", "@b a@"),
        ] {
            let role = role(switches, &domains);
            for name in allowed.split_whitespace() {
                assert!(allows(&role, name), "{switches}: {name}");
            }
            for name in refused.split_whitespace() {
                assert!(!allows(&role, name), "{switches}: {name}");
            }
        }
        assert!(allows(&role("any no-hostnames", &[]), "A common name"));
        assert!(!allows(&role("any", &[]), "A common name"));
    }

    #[test]
    fn a_refused_name_is_named() {
        let subject = |name: &str| Subject { common_name: name.to_owned(), ..Subject::default() };
        let mut names = AltNames::default();
        let text = |role: &Role, subject: &Subject, names: &AltNames| {
            check(role, subject, names).err().unwrap().text.unwrap()
        };
        let strict = role("sub no-ip", &["example.com"]);
        let good = subject("a.example.com");
        assert!(text(&strict, &subject(""), &names).starts_with("the common_name field is required"));
        assert_eq!(text(&strict, &subject("b.test"), &names), "common name b.test not allowed by this role");
        names.add("c.test");
        assert_eq!(text(&strict, &good, &names), "subject alternate name c.test not allowed by this role");
        names = AltNames { emails: vec!["a@c.test".to_owned()], ..AltNames::default() };
        assert_eq!(text(&strict, &good, &names), "email address a@c.test not allowed by this role");
        names = AltNames { ips: vec!["10.0.0.1".parse().unwrap()], ..AltNames::default() };
        assert!(text(&strict, &good, &names).starts_with("IP Subject Alternative Names are not allowed"));
        names = AltNames { uris: vec!["spiffe://a/b".to_owned()], ..AltNames::default() };
        assert!(text(&strict, &good, &names).starts_with("URI Subject Alternative Names are not allowed"));
        let uris = Role { allowed_uri_sans: vec!["spiffe://a/*".to_owned()], ..strict.clone() };
        assert!(check(&uris, &good, &names).is_ok());
        names.uris = vec!["spiffe://b/b".to_owned()];
        assert_eq!(
            text(&uris, &good, &names),
            "URI Subject Alternative Name spiffe://b/b is not allowed by this role"
        );
        let serial = Subject { serial_number: "7".to_owned(), ..good };
        assert_eq!(text(&strict, &serial, &AltNames::default()), "serial_number 7 not allowed by this role");
    }
}
