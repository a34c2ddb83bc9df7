//! The script for zsh 5 and newer.
//! Never in it: which words can follow (`completion`).

use super::{Choice, ChoiceKind, POSIX_QUOTE, Place, function, known, places, quoted};

pub(super) fn script(name: &str) -> String {
    let places = places();
    let function = function(name);
    let known = known(&places, POSIX_QUOTE, "|");
    let cases: String = places.iter().map(case).collect();
    format!(
        r#"#compdef {name}
# Completion of {name} in zsh. To load it in each shell: source <({name} completion zsh)
{function}() {{
  local command='' word
  local -a choices valued
  integer at
  for ((at = 2; at < CURRENT; at++)); do
    word=${{words[at]}}
    [[ $word == -* ]] && continue
    case "${{command:+$command }}$word" in
      ({known}) command="${{command:+$command }}$word" ;;
      (*) break ;;
    esac
  done
  case "$command" in
{cases}  esac
  if [[ -z $valued && ${{words[CURRENT]}} != -* && $choices == -* ]]; then
    _files
    return
  fi
  (( $#choices )) && _describe 'choice' choices
  (( $#valued )) && _describe 'option' valued -S ''
  [[ ${{words[CURRENT]}} != -* && $#valued -gt 0 ]] && _files
}}
if [[ $funcstack[1] == {function} ]]; then
  {function} "$@"
else
  compdef {function} {name}
fi
"#
    )
}

fn case(place: &Place) -> String {
    let list = |wanted: fn(&Choice) -> bool| {
        let choices = place.choices.iter().filter(|choice| wanted(choice)).map(described);
        choices.collect::<Vec<_>>().join(" ")
    };
    let plain = list(|choice| choice.kind != ChoiceKind::Valued);
    let valued = list(|choice| choice.kind == ChoiceKind::Valued);
    format!("    ({}) choices=({plain}) valued=({valued}) ;;\n", quoted(place.words, POSIX_QUOTE))
}

/// `word:what it is`; a colon of the word itself would be escaped, and no word has one.
fn described(choice: &Choice) -> String {
    quoted(&format!("{}:{}", choice.typed(), choice.about), POSIX_QUOTE)
}
