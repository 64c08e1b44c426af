//! What of a text of Rust is code, and which of it only tests compile.

use std::collections::BTreeSet;

/// A line as it stands, and what of it is code: comments and literals are blanks there.
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) code: String,
    pub(crate) test: bool,
}

pub(crate) fn plain(text: &str) -> Vec<Line> {
    let lines = text.lines().enumerate().map(|(place, line)| Line {
        number: place + 1,
        text: line.to_owned(),
        code: String::new(),
        test: false,
    });
    lines.collect()
}

pub(crate) fn read(text: &str) -> Vec<Line> {
    let code = code_only(text);
    let tests = test_lines(&code);
    let mut lines = plain(text);
    for (line, code) in lines.iter_mut().zip(code.lines()) {
        code.clone_into(&mut line.code);
        line.test = tests.contains(&line.number);
    }
    lines
}

/// The text with every comment and literal blanked out, line for line and column for column.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(word);
        let raw = matches!(word, "r" | "br" | "cr")
            .then(|| raw_string(after))
            .flatten();
        let blank = raw.map(|length| word.len() + length);
        if blank.is_none() {
            code.push_str(word);
            rest = after;
        }
        let blank = blank.or_else(|| blank_start(rest)).unwrap_or_default();
        let (gone, after) = rest.split_at(blank);
        code.extend(gone.chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = after;
        if blank == 0
            && let Some(c) = rest.chars().next()
        {
            code.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    code
}

/// How long the comment or literal is that begins here, if one does.
fn blank_start(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        Some(rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        Some(block_comment(rest))
    } else if rest.starts_with('"') {
        Some(quoted(rest, '"'))
    } else {
        let mut after = rest.strip_prefix('\'')?.chars();
        let (first, second) = (after.next()?, after.next()?);
        (first == '\\' || second == '\'').then(|| quoted(rest, '\''))
    }
}

/// From the opening quote to behind the closing one.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (place, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return place + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

fn raw_string(after: &str) -> Option<usize> {
    let hashes = after.find(|c| c != '#')?;
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close)? + close.len();
    Some(hashes + 1 + end)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut place = 0;
    while let Some(here) = rest.get(place..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            place += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            place += 2;
        } else {
            place += here.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            break;
        }
    }
    place
}

/// The numbers of the lines that only tests compile.
fn test_lines(code: &str) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    for (start, _) in code.match_indices("#[") {
        let item = code.get(start..).unwrap_or_default();
        let attribute = item.find(']').unwrap_or_default();
        let (attribute, body) = item.split_at(attribute);
        let end = start + attribute.len();
        let attribute: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
        let only_tests = attribute == "#[test"
            || attribute.ends_with("::test")
            || attribute.starts_with("#[tokio::test(")
            || attribute.starts_with("#[cfg(test)")
            || attribute.starts_with("#[cfg(all(test");
        if only_tests {
            let end = end + item_end(body);
            let line = |place: usize| code.get(..place).unwrap_or(code).lines().count();
            lines.extend(line(start + 1)..=line(end));
        }
    }
    if code.contains("#![cfg(test)]") {
        lines.extend(1..=code.lines().count());
    }
    lines
}

/// Where the item ends whose attribute closes at the start of `body`.
fn item_end(body: &str) -> usize {
    let mut depth = 0_i32;
    for (place, c) in body.char_indices().skip(1) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        let closed = c == '}' && depth <= 0;
        if closed || (c == ';' && depth == 0) {
            return place + 1;
        }
    }
    body.len()
}

/// The module that a line declares to stand in a file of its own.
pub(crate) fn declared(code: &str) -> Option<&str> {
    let after = code.trim_end().strip_suffix(';')?;
    module(after).filter(|name| after.ends_with(name))
}

/// The module that a line opens, here or in a file of its own.
pub(crate) fn module(code: &str) -> Option<&str> {
    let (before, after) = code.split_once("mod ")?;
    let whole_word = before.is_empty() || before.ends_with([' ', ']']);
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_');
    after
        .get(..end.unwrap_or(after.len()))
        .filter(|_| whole_word)
}

#[test]
fn the_reader_of_this_test_tells_code_from_comments_literals_and_tests() {
    let text = [
        "let a = 'x'; // .unwrap()",
        "let b = \"dbg!\\\" \"; /* todo!",
        "/* */ */ c::<'a>();",
        "let d = r#\"\"todo!\"#; e",
        "#[cfg(test)]",
        "mod tests {",
        "    fn f() {}",
        "}",
        "fn g() {}",
    ];
    let lines = read(&text.join("\n"));
    let code: Vec<String> = lines
        .iter()
        .map(|line| line.code.trim().to_owned())
        .collect();
    assert_eq!(code[0], "let a =    ;");
    assert_eq!(code[1], "let b =          ;");
    assert_eq!(code[2], "c::<'a>();");
    assert_eq!(code[3], "let d =            ; e");
    let tests: Vec<usize> = lines
        .iter()
        .filter(|line| line.test)
        .map(|it| it.number)
        .collect();
    assert_eq!(tests, [5, 6, 7, 8]);
}
