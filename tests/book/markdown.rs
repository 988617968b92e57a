//! As much of Markdown as the tests need: fenced blocks with their places, code in lines, links, headings with their anchors.

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where it begins: `file:line`.
    pub(crate) place: String,
    /// What is behind the fence.
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// The fenced blocks of a document.
pub(crate) fn blocks(file: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(kind) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let mut text = String::new();
        for (_, line) in lines.by_ref().take_while(|(_, line)| line.trim() != "```") {
            text.push_str(line.get(indent..).unwrap_or_default());
            text.push('\n');
        }
        blocks.push(Block {
            place: format!("{file}:{}", number + 1),
            kind: kind.to_owned(),
            text,
        });
    }
    blocks
}

/// The lines that are in no fenced block, with their numbers.
pub(crate) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        (!inside && !fence).then_some((number + 1, line))
    })
}

/// What is between backquotes in the prose, with the number of its line.
pub(crate) fn codes(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        found.extend(
            line.split('`')
                .skip(1)
                .step_by(2)
                .map(|code| (number, code.to_owned())),
        );
    }
    found
}

/// Where the links and pictures of the prose lead to.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // Without code, in which brackets mean something else.
        let line: String = line.split('`').step_by(2).collect();
        for rest in line.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// The anchors of a document's headings, as GitHub and mdBook make them.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let anchor: String = title
            .trim()
            .chars()
            .filter_map(|letter| match letter {
                ' ' => Some('-'),
                '-' | '_' => Some(letter),
                _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
                _ => None,
            })
            .collect();
        let before = found.iter().filter(|known| **known == anchor).count();
        found.push(if before == 0 {
            anchor
        } else {
            format!("{anchor}-{before}")
        });
    }
    found
}

#[test]
fn blocks_and_prose_are_told_apart() {
    let text =
        "# A `b`, c\n[x](y.md)\n```sh\n[no](no.md)\n```\n- in\n  ```sql\n  SELECT 1\n  ```\n## A b c\n";
    let found = blocks("f", text);
    let found: Vec<_> = found
        .iter()
        .map(|block| (&*block.place, &*block.kind, &*block.text))
        .collect();
    assert_eq!(
        found,
        [("f:3", "sh", "[no](no.md)\n"), ("f:7", "sql", "SELECT 1\n")]
    );
    assert_eq!(links(text), [(2, "y.md".to_owned())]);
    assert_eq!(codes(text), [(1, "b".to_owned())]);
    assert_eq!(anchors(text), ["a-b-c", "a-b-c-1"]);
}
