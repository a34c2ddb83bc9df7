//! Reads the fields of an object of a checked line, each as its kind is.
//! Never in it: a check. A value that does not fit counts as absent.

use onrecord_value::{Number, Object, Time, Value};

use crate::entry::{
    Accessor, Boot, Clear, Data, Headers, IssueTime, IssuedAt, Item, List, Metadata, Names, NamesByName,
    Path, TemplateText, Token, Warnings, Word,
};
use crate::options::ExceededLimit;
use crate::register::{Field, kind};

/// An object of a checked line.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a Object);

/// Facts that are an object of a line.
pub(crate) trait Read<'a> {
    fn read(object: Reader<'a>) -> Self;
}

impl<'a> Reader<'a> {
    fn value<K>(self, field: &Field<K>) -> Option<&'a Value> {
        self.0.get(field.key())
    }

    fn map<K>(self, field: &Field<K>) -> Option<&'a Object> {
        self.value(field)?.as_object()
    }

    fn list<K>(self, field: &Field<K>) -> &'a [Value] {
        self.value(field).and_then(Value::as_array).unwrap_or_default()
    }

    fn str<K>(self, field: &Field<K>) -> &'a str {
        self.value(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn object<T: Read<'a>>(self, field: &Field<kind::Object>) -> Option<T> {
        self.map(field).map(|object| T::read(Reader(object)))
    }

    pub(crate) fn results<T: Read<'a>>(self, field: &Field<kind::Object>) -> Option<T> {
        self.object(field)
    }

    pub(crate) fn objects<T: Item<'a>>(self, field: &Field<kind::ObjectList>) -> List<'a, T> {
        List::decoded(self.list(field))
    }

    pub(crate) fn word<W: Word>(self, field: &Field<kind::Word>) -> W {
        W::read(self.str(field))
    }

    pub(crate) fn over_limit(self, field: &Field<kind::Word>) -> Option<ExceededLimit> {
        self.word(field)
    }

    pub(crate) fn instant(self, field: &Field<kind::Instant>) -> Option<Time> {
        Time::parse(self.str(field)).ok()
    }

    pub(crate) fn instant_always(self, field: &Field<kind::Instant>) -> Time {
        self.instant(field).unwrap_or_default()
    }

    pub(crate) fn issue_time(self, field: &Field<kind::Instant>) -> Option<IssueTime<'a>> {
        self.value(field)?.as_str().map(|text| IssueTime(IssuedAt::Text(text)))
    }

    pub(crate) fn number<N: TryFrom<u64> + Default>(self, field: &Field<kind::Number>) -> N {
        let number = self.value(field).and_then(Value::as_number).and_then(Number::as_u64);
        number.and_then(|number| N::try_from(number).ok()).unwrap_or_default()
    }

    pub(crate) fn flag(self, field: &Field<kind::Flag>) -> bool {
        self.value(field).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn boot(self, field: &Field<kind::Mark>) -> Option<Boot> {
        Boot::parse(self.str(field))
    }

    pub(crate) fn clear(self, field: &Field<kind::Clear>) -> Clear<'a> {
        Clear::new(self.str(field))
    }

    pub(crate) fn clear_list(self, field: &Field<kind::ClearList>) -> Names<'a> {
        List::decoded(self.list(field))
    }

    pub(crate) fn clear_map(self, field: &Field<kind::ClearMap>) -> Metadata<'a> {
        self.map(field).map(Metadata::from).unwrap_or_default()
    }

    pub(crate) fn clear_list_map(self, field: &Field<kind::ClearListMap>) -> NamesByName<'a> {
        self.map(field).map(NamesByName::from).unwrap_or_default()
    }

    pub(crate) fn path(self, field: &Field<kind::Path>) -> Path<'a> {
        Path::new(self.str(field))
    }

    pub(crate) fn template(self, field: &Field<kind::Template>) -> TemplateText<'a> {
        TemplateText::decoded(self.str(field))
    }

    pub(crate) fn template_list(self, field: &Field<kind::TemplateList>) -> Warnings<'a> {
        List::decoded(self.list(field))
    }

    pub(crate) fn token(self, field: &Field<kind::Token>) -> Token<'a> {
        Token::new(self.str(field))
    }

    pub(crate) fn token_always(self, field: &Field<kind::TokenAlways>) -> Token<'a> {
        Token::new(self.str(field))
    }

    pub(crate) fn accessor(self, field: &Field<kind::Accessor>) -> Accessor<'a> {
        Accessor::new(self.str(field))
    }

    pub(crate) fn accessor_always(self, field: &Field<kind::AccessorAlways>) -> Accessor<'a> {
        Accessor::new(self.str(field))
    }

    pub(crate) fn request_data(self, field: &Field<kind::Data>) -> Data<'a> {
        Data { object: self.map(field), ..Data::default() }
    }

    pub(crate) fn response_data(self, field: &Field<kind::Data>) -> Data<'a> {
        self.request_data(field)
    }

    pub(crate) fn headers(self, field: &Field<kind::Headers>) -> Headers<'a> {
        self.map(field).map(Headers::decoded).unwrap_or_default()
    }
}
