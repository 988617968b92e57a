//! Commands in shell blocks: bash and shellcheck read them, the exporter's command line is read by its own parser, and what they
//! name in this repository or ask an exporter for is there.

use std::sync::LazyLock;

use pg_exporter::program::cli::{Cli, Refusal};
use pg_exporter_lab::Exporter;

use crate::support::{Folder, PROGRAM, path, read, run, tool};

/// What shellcheck may not mind in a document: a variable that the text explains, a name in place of a value.
const SHELLCHECK: [&str; 4] = [
    "--shell=bash",
    "--severity=warning",
    "--exclude=SC2154,SC2164",
    "--norc",
];

/// What is wrong with a block.
pub(crate) fn mistakes(text: &str) -> Vec<String> {
    let folder = Folder::new();
    let file = folder.write("block.sh", text);
    let mut wrong = Vec::new();
    wrong.extend(run(std::process::Command::new("bash").arg("-n").arg(&file)).err());
    wrong.extend(run(tool("shellcheck").args(SHELLCHECK).arg(&file)).err());
    wrong.extend(of_commands(text));
    wrong
}

/// What is wrong with the commands themselves.
pub(crate) fn of_commands(text: &str) -> Vec<String> {
    commands(text)
        .iter()
        .filter_map(|command| of_command(command))
        .collect()
}

fn of_command(words: &[String]) -> Option<String> {
    let name = words[0].rsplit('/').next().unwrap_or_default();
    match name {
        "pg_exporter" => of_exporter(words),
        "make" => words[1..]
            .iter()
            .find(|word| !word.contains('=') && !read("Makefile").contains(&format!("\n{word}:")))
            .map(|word| format!("make has no {word}")),
        "cargo" => of_cargo(words),
        "curl" => words
            .iter()
            .filter_map(|word| asked(word))
            .find(|page| !is_served(page))
            .map(|page| format!("the exporter serves no {page}")),
        _ if words[0].starts_with("scripts/") => {
            (!path(&words[0]).is_file()).then(|| format!("there is no {}", words[0]))
        }
        _ => None,
    }
}

fn of_exporter(words: &[String]) -> Option<String> {
    let words = words.iter().map(|word| word.replace('…', "1").into());
    match Cli::read(words) {
        Err(Refusal::Mistake(line)) => Some(line),
        _ => None,
    }
}

fn of_cargo(words: &[String]) -> Option<String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let name = match &**word {
            "--test" | "--bench" => words.next()?,
            _ => continue,
        };
        let places = [
            format!("tests/{name}.rs"),
            format!("tests/{name}/main.rs"),
            format!("benches/{name}/main.rs"),
            format!("macros/schema/tests/{name}.rs"),
        ];
        if !places.iter().any(|place| path(place).is_file()) {
            return Some(format!("there is no suite {name}"));
        }
    }
    None
}

/// The page of an exporter that an argument of curl asks for.
fn asked(word: &str) -> Option<String> {
    let rest = word
        .strip_prefix("http://")
        .or_else(|| word.strip_prefix("https://"))
        .unwrap_or(word);
    let (host, page) = rest.split_once('/')?;
    let is_exporter = host.ends_with(":9630") || host.ends_with(":9631") || host == "exporter";
    let page = page.split('?').next().unwrap_or_default();
    is_exporter.then(|| format!("/{page}"))
}

/// Whether an exporter knows the page: one that has no server, as that is not needed to say so.
pub(crate) fn is_served(page: &str) -> bool {
    static EXPORTER: LazyLock<Exporter> = LazyLock::new(|| {
        Exporter::builder(PROGRAM)
            .url("postgresql://nobody@127.0.0.1:1/none")
            .start()
    });
    // What there is where there are many targets; none will do.
    static OF_MANY: LazyLock<Exporter> = LazyLock::new(|| {
        let folder = Folder::new();
        let file = folder.write("targets.yml", "targets: []\n");
        Exporter::builder(PROGRAM).arg("--targets").arg(file).start()
    });
    let is_known = |exporter: &Exporter| {
        let answer = pg_exporter_lab::http::request(exporter.port(), "OPTIONS", page, &[]);
        answer.unwrap().status == 200
    };
    is_known(&EXPORTER) || is_known(&OF_MANY)
}

/// The simple commands of a script, as lists of words: quotes are taken off, variables of a command in front of it, `sudo` and
/// redirections too.
pub(crate) fn commands(script: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = vec![Vec::new()];
    let (mut word, mut quote, mut begun) = (String::new(), None, false);
    let mut letters = script.chars().peekable();
    let mut end_of_line = true;
    while let Some(letter) = letters.next() {
        let was_at_blank = end_of_line;
        end_of_line = letter.is_whitespace();
        match (quote, letter) {
            (None, '\\') if letters.peek() == Some(&'\n') => drop(letters.next()),
            (None, '\\') => word.extend(letters.next()),
            (None, '\'' | '"') => (quote, begun) = (Some(letter), true),
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => word.push(letter),
            (None, '#') if was_at_blank => while letters.next_if(|letter| *letter != '\n').is_some() {},
            (None, ' ' | '\t' | '\n' | ';' | '|' | '&' | '(' | ')') => {
                if begun || !word.is_empty() {
                    commands.last_mut().unwrap().push(std::mem::take(&mut word));
                }
                begun = false;
                if !matches!(letter, ' ' | '\t') {
                    commands.push(Vec::new());
                }
            }
            (None, _) => word.push(letter),
        }
    }
    commands.last_mut().unwrap().push(word);
    commands
        .into_iter()
        .map(plain)
        .filter(|words| !words.is_empty())
        .collect()
}

fn plain(words: Vec<String>) -> Vec<String> {
    const BEFORE: [&str; 9] = ["sudo", "exec", "until", "while", "if", "do", "then", "!", "time"];
    let mut words = words.into_iter().filter(|word| !word.is_empty()).peekable();
    let mut user = false;
    while let Some(word) = words.peek() {
        let is_variable = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        let is_before = BEFORE.contains(&&**word);
        let of_sudo = word == "-u" || user;
        user = word == "-u";
        if !(is_variable || is_before || of_sudo) {
            break;
        }
        words.next();
    }
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word.trim_start_matches(|letter: char| letter.is_ascii_digit()) {
            ">" | ">>" | "<" => drop(words.next()),
            rest if rest.starts_with(['>', '<']) => {}
            _ => kept.push(word),
        }
    }
    kept
}

#[test]
fn commands_are_found_in_scripts() {
    let script = "A='x y' sudo -u me pg_exporter check \"a b\" \\\n  --strict > out # no\ncurl -s 'u|v' | grep x && make a\n";
    let found: Vec<_> = commands(script).iter().map(|words| words.join("+")).collect();
    assert_eq!(
        found,
        [
            "pg_exporter+check+a b+--strict",
            "curl+-s+u|v",
            "grep+x",
            "make+a"
        ]
    );
}

#[test]
fn mistakes_in_commands_are_seen() {
    for script in [
        "pg_exporter --no-such-flag\n",
        "pg_exporter serve\n",
        "make no-such-target\n",
        "cargo test --test no_such_suite\n",
        "scripts/no-such-script\n",
        "curl -s localhost:9630/primry\n",
    ] {
        let found: Vec<_> = commands(script)
            .iter()
            .filter_map(|words| of_command(words))
            .collect();
        assert_eq!(found.len(), 1, "{script}");
    }
    assert_eq!(mistakes("if true; then\n").len(), 2, "bash and shellcheck");
}
