//! The script for bash 4 and newer.
//! Never in it: which words can follow (`completion`).

use super::{Choice, POSIX_QUOTE, Place, function, known, places, quoted};

pub(super) fn script(name: &str) -> String {
    let places = places();
    let function = function(name);
    let known = known(&places, POSIX_QUOTE, "|");
    let cases: String = places.iter().map(case).collect();
    format!(
        r#"# Completion of {name} in bash. To load it in each shell: source <({name} completion bash)
{function}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} command='' choices='' word
  local -i at
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=${{COMP_WORDS[at]}}
    [[ $word == -* ]] && continue
    case "${{command:+$command }}$word" in
      {known}) command="${{command:+$command }}$word" ;;
      *) break ;;
    esac
  done
  case "$command" in
{cases}  esac
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
  if [[ ${{COMPREPLY[0]-}} == *= ]]; then
    compopt -o nospace
  elif [[ $current != -* && $choices == -* ]]; then
    COMPREPLY=()
    compopt -o default
  fi
}}
complete -F {function} {name}
"#
    )
}

fn case(place: &Place) -> String {
    let words: Vec<String> = place.choices.iter().map(Choice::typed).collect();
    let (place, words) = (quoted(place.words, POSIX_QUOTE), quoted(&words.join(" "), POSIX_QUOTE));
    format!("    {place}) choices={words} ;;\n")
}
