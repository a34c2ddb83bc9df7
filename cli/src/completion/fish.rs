//! The script for fish 3 and newer.
//! Never in it: which words can follow (`completion`).

use super::{Choice, ChoiceKind, Place, function, known, places, quoted};

/// How fish writes a quote within single quotes.
const QUOTE: &str = r"\'";

pub(super) fn script(name: &str) -> String {
    let places = places();
    let function = format!("_{}_at", function(name));
    let known = known(&places, QUOTE, " ");
    let head = format!(
        r#"# Completion of {name} in fish. To load it in each shell: {name} completion fish | source
function {function} --description 'Whether the command line is at these words'
    set -l command
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and continue
        set -l longer (string join ' ' $command $word)
        contains -- $longer {known}; or break
        set command $longer
    end
    test "$command" = "$argv"
end
"#
    );
    let lines = places
        .iter()
        .flat_map(|place| place.choices.iter().map(|choice| line(name, &function, place, choice)));
    std::iter::once(head).chain(lines).collect()
}

fn line(name: &str, function: &str, place: &Place, choice: &Choice) -> String {
    let how = match choice.kind {
        ChoiceKind::Word => format!("-f -a {}", quoted(&choice.text, QUOTE)),
        ChoiceKind::Switch => format!("-o {}", choice.text.trim_start_matches('-')),
        ChoiceKind::Valued => format!("-r -o {}", choice.text.trim_start_matches('-')),
    };
    let at = quoted(format!("{function} {}", place.words).trim_end(), QUOTE);
    format!("complete -c {name} -n {at} {how} -d {}\n", quoted(choice.about, QUOTE))
}
