//! The order of an object's fields: one list of steps, taken as the register has them or as their keys sort.
//! Never in it: a field, or how one is written.

/// Takes one step for each field, in the order that the syntax wants. Which one that is, and the sorted order itself,
/// are known when it is compiled.
macro_rules! members {
    ($syntax:ident, $field:ident of $object:ident { $($name:ident => $step:expr;)* }) => {
        if $syntax::SORTED {
            #[allow(
                non_camel_case_types,
                clippy::upper_case_acronyms,
                reason = "they are the names of the fields"
            )]
            #[derive(Clone, Copy)]
            enum Member {
                $($name,)*
            }
            const MEMBERS: &[(&str, Member)] = &$crate::format::order::sorted([
                $(($crate::register::$object::$name.key(), Member::$name),)*
            ]);
            for (_, member) in MEMBERS {
                match member {
                    $(Member::$name => {
                        let $field = &$crate::register::$object::$name;
                        $step;
                    })*
                }
            }
        } else {
            $({
                let $field = &$crate::register::$object::$name;
                $step;
            })*
        }
    };
}

pub(super) use members;

/// What is named, in the order of the bytes of the names.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which an index beyond the end stops")]
pub(super) const fn sorted<T: Copy, const N: usize>(mut named: [(&str, T); N]) -> [(&str, T); N] {
    let mut done = 1;
    while done < N {
        let mut at = done;
        while at > 0 && is_before(named[at].0.as_bytes(), named[at - 1].0.as_bytes()) {
            named.swap(at, at - 1);
            at -= 1;
        }
        done += 1;
    }
    named
}

const fn is_before(mut one: &[u8], mut other: &[u8]) -> bool {
    loop {
        match (one, other) {
            (_, []) => return false,
            ([], _) => return true,
            ([a, more @ ..], [b, rest @ ..]) => {
                if *a != *b {
                    return *a < *b;
                }
                (one, other) = (more, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn names_are_sorted_by_their_bytes() {
        let names = ["b", "a_c", "a", "", "ab", "a_b"];
        let mut expected = names;
        expected.sort_unstable();
        assert_eq!(sorted(names.map(|name| (name, ()))).map(|(name, ())| name), expected);
    }
}
