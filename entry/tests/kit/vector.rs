//! The entry of the formatter vectors, which both formats write. Never in it: their lines.

use onrecord_entry::{
    Accessor, Auth, Entry, Header, Namespace, Operation, Path, Request, Template, Token, TokenType,
};
use onrecord_value::Time;

pub(crate) fn entry<'a>(headers: &'a [Header<'a>]) -> Entry<'a> {
    Entry {
        auth: Auth {
            client_token: Token::new("foo"),
            accessor: Accessor::new("bar"),
            display_name: "testtoken".into(),
            policies: (&["root"]).into(),
            no_default_policy: true,
            entity_id: "foobarentity".into(),
            token_type: TokenType::Service,
            token_ttl: 14_400,
            token_issue_time: Some(Time::parse("2020-05-28T18:40:18Z").unwrap().into()),
            ..Auth::default()
        },
        request: Request {
            operation: Some(Operation::Update),
            namespace: Some(Namespace::ROOT),
            path: Path::new("/foo"),
            remote_address: "127.0.0.1".into(),
            wrap_ttl: 60,
            headers: headers.into(),
            ..Request::default()
        },
        error: Template::new("this is an error").into(),
        ..Entry::default()
    }
}
