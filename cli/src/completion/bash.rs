//! The script for bash 4 and newer.
//! Never in it: which words can follow (`completion`).

use super::{ChoiceKind, function, known, places, quoted};

/// How bash writes a quote within single quotes.
const QUOTE: &str = r"'\''";

pub(super) fn script(name: &str) -> String {
    let places = places();
    let function = function(name);
    let known: Vec<String> = known(&places).map(|words| quoted(words, QUOTE)).collect();
    let mut cases = String::new();
    for place in &places {
        let words: Vec<String> = place
            .choices
            .iter()
            .map(|choice| {
                let end = if choice.kind == ChoiceKind::Valued { "=" } else { "" };
                format!("{}{end}", choice.text)
            })
            .collect();
        let line =
            format!("    {}) choices={} ;;\n", quoted(place.words, QUOTE), quoted(&words.join(" "), QUOTE));
        cases.push_str(&line);
    }
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
"#,
        known = known.join("|"),
    )
}
