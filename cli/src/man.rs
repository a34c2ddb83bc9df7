//! The pages of the manual, section 1, made from the table of commands: one for the program and one for each command and
//! group.
//! Never in it: a text about one command.

use crate::command::{Command, Group, table};
use crate::flag::Flag;
use crate::help;

/// The file name and the roff text of each page.
pub fn man_pages() -> Vec<(String, String)> {
    let mut pages = vec![program()];
    pages.extend(table::GROUPS.iter().map(group));
    pages.extend(table::listed().map(command));
    pages
}

fn program() -> (String, String) {
    let mut page = Page::new("", "audit-first API server and its command line");
    page.section("SYNOPSIS").line("\\fBonrecord\\fR \\fIcommand\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]");
    page.section("DESCRIPTION");
    page.paragraphs(
        "OnRecord is a secrets server in which nothing is done and nothing is answered until it is on record. This program \
         is the server and the client of its API. It takes the command line of Vault.",
    );
    page.section("COMMANDS").below("");
    page.section("EXIT STATUS").paragraphs(
        "0: success. 1: the command line is wrong. 2: the server refused, nothing was found, or the server is sealed. 127: \
         the command is unknown.",
    );
    page.section("ENVIRONMENT").paragraphs(
        "Each variable VAULT_X can be written ONRECORD_X, which is read first. VAULT_ADDR: address of the server. \
         VAULT_TOKEN: the token. VAULT_CACERT: file of CA certificates. VAULT_FORMAT: output format. The pages of the \
         commands name the others.",
    );
    page.end()
}

fn group(group: &Group) -> (String, String) {
    let mut page = Page::new(group.words, group.synopsis);
    let synopsis = format!("\\fBonrecord {}\\fR \\fIsubcommand\\fR [\\fIoptions\\fR]", escape(group.words));
    page.section("SYNOPSIS").line(&synopsis);
    page.section("DESCRIPTION").paragraphs(group.about);
    page.section("SUBCOMMANDS").below(group.words);
    page.examples(group.examples);
    page.end()
}

fn command(command: &Command) -> (String, String) {
    let mut page = Page::new(command.words, command.synopsis);
    let synopsis =
        format!("\\fBonrecord {}\\fR [\\fIoptions\\fR] {}", escape(command.words), escape(command.arguments));
    page.section("SYNOPSIS").line(&synopsis);
    if !command.about.is_empty() {
        page.section("DESCRIPTION").paragraphs(command.about);
    }
    let mut flags: Vec<&Flag> = command.listed_flags().collect();
    flags.sort_by_key(|flag| flag.name);
    if !flags.is_empty() {
        page.section("OPTIONS");
        for flag in flags {
            let kind = flag.kind.name();
            let value = if kind.is_empty() { String::new() } else { format!("=\\fI{}\\fR", escape(kind)) };
            page.entry(&format!("\\fB\\-{}\\fR{value}", escape(flag.name)), &help::describe(flag, false));
        }
    }
    page.examples(command.examples);
    page.end()
}

struct Page {
    file: String,
    text: String,
}

impl Page {
    fn new(words: &str, synopsis: &str) -> Self {
        let dashed = words.replace(' ', "-");
        let name = if words.is_empty() { "onrecord".to_owned() } else { format!("onrecord-{dashed}") };
        let version = env!("CARGO_PKG_VERSION");
        let title =
            format!(".TH {} 1 \"\" \"OnRecord {version}\" \"OnRecord\"\n", escape(&name.to_uppercase()));
        let mut page = Self { file: format!("{name}.1"), text: title };
        page.section("NAME").line(&format!("{} \\- {}", escape(&name), escape(synopsis)));
        page
    }

    fn section(&mut self, title: &str) -> &mut Self {
        self.line(&format!(".SH {title}"))
    }

    /// A line that is roff already.
    fn line(&mut self, roff: &str) -> &mut Self {
        self.text.push_str(roff.trim_end());
        self.text.push('\n');
        self
    }

    fn paragraphs(&mut self, text: &str) {
        for (at, paragraph) in text.split("\n\n").enumerate() {
            if at > 0 {
                self.line(".PP");
            }
            self.line(&escape(paragraph));
        }
    }

    fn entry(&mut self, term: &str, about: &str) {
        self.line(".TP").line(term).line(&escape(about));
    }

    fn below(&mut self, words: &str) {
        for (word, synopsis) in table::below(words) {
            let name = if words.is_empty() { word.to_owned() } else { format!("{words} {word}") };
            self.entry(&format!("\\fB{}\\fR", escape(&name)), synopsis);
        }
    }

    fn examples(&mut self, examples: &[(&str, &str)]) {
        if examples.is_empty() {
            return;
        }
        self.section("EXAMPLES");
        for (purpose, words) in examples {
            self.line(".PP").line(&escape(purpose)).line(".PP").line(".RS 4");
            self.line(&format!("onrecord {}", escape(words))).line(".RE");
        }
    }

    fn end(mut self) -> (String, String) {
        self.section("SEE ALSO").line("\\fBonrecord\\fR(1)");
        (self.file, self.text)
    }
}

/// Text as roff: no character of it is an instruction.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\(rs").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    let lines: Vec<String> = text
        .lines()
        .map(|line| if line.starts_with('.') { format!("\\&{line}") } else { line.to_owned() })
        .collect();
    lines.join("\n")
}
