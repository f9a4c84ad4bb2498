//! Rust source as a flat list of tokens that know their lines.
//!
//! syn says what the tokens are; the text read beside it says on which line each stands, which proc-macro2 does not tell
//! without a feature nobody here turns on. Bodies of macros are tokens like all others, so nothing hides in them.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use syn::buffer::{Cursor, TokenBuffer};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Word,
    Mark,
    /// Literals, and lifetimes: what is never a name.
    Literal,
    Open,
    Close,
}

#[derive(Debug)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
    /// The index of its closing bracket, where this is an opening one.
    pub partner: usize,
}

/// One file.
#[derive(Debug)]
pub struct Source {
    /// From the root of the repository.
    pub path: String,
    pub tokens: Vec<Token>,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder of the repository, sorted; none where there is no such folder.
pub fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.expect("a readable folder");
            let path = folder.join(entry.file_name());
            if entry.file_type().expect("a file type").is_dir() {
                folders.push(path);
            } else {
                found.push(path.to_str().expect("a name in UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file below a folder, as tokens.
pub fn sources(folder: &str) -> Vec<Source> {
    files(folder)
        .into_iter()
        .filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "rs"))
        .map(|path| Source::new(&path, &text(&path)))
        .collect()
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let tokens = syn::parse_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let buffer = TokenBuffer::new2(tokens);
        let mut reader = Reader { path, text, at: 0, line: 1, tokens: Vec::new() };
        reader.walk(buffer.begin());
        Self { path: path.to_owned(), tokens: reader.tokens }
    }

    /// The text of a token; empty past either end.
    pub fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    pub fn is_word(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Word)
    }

    /// Whether the tokens from here on read so.
    pub fn reads(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| self.text(at + offset) == *word)
    }

    pub fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.tokens[at].line)
    }

    /// Every attribute, from its `#` to its `]`.
    pub fn attributes(&self) -> Vec<Range<usize>> {
        (0..self.tokens.len()).filter_map(|at| self.attribute(at)).collect()
    }

    fn attribute(&self, at: usize) -> Option<Range<usize>> {
        let open = if self.text(at + 1) == "!" { at + 2 } else { at + 1 };
        (self.text(at) == "#" && self.text(open) == "[").then(|| at..self.tokens[open].partner + 1)
    }

    /// What an outer attribute is about: from the attribute to the end of the item or statement after it.
    pub fn item(&self, attribute: &Range<usize>) -> Range<usize> {
        let mut at = attribute.start;
        while let Some(next) = self.attribute(at) {
            at = next.end;
        }
        let ends_in_braces = !self.is_statement(at);
        while let Some(token) = self.tokens.get(at) {
            match token.kind {
                Kind::Open if ends_in_braces && token.text == "{" => return attribute.start..token.partner + 1,
                Kind::Open => at = token.partner,
                Kind::Close => break,
                _ if token.text == ";" => break,
                _ => {}
            }
            at += 1;
        }
        attribute.start..at
    }

    fn is_statement(&self, mut at: usize) -> bool {
        if self.text(at) == "pub" {
            at = if self.text(at + 1) == "(" { self.tokens[at + 1].partner + 1 } else { at + 1 };
        }
        match self.text(at) {
            "const" => !["fn", "async", "unsafe", "extern"].contains(&self.text(at + 1)),
            word => ["let", "static", "use", "type"].contains(&word),
        }
    }

    /// The items that only tests see.
    pub fn test_items(&self) -> Vec<Range<usize>> {
        let mut attributes = self.attributes();
        attributes.retain(|attribute| self.reads(attribute.start, &["#", "[", "cfg", "(", "test", ")", "]"]));
        attributes.iter().map(|attribute| self.item(attribute)).collect()
    }
}

/// Reads the text beside the tokens. Between two tokens there is only white space and comments, so a token that is not
/// where it must be is found at once.
struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Reader<'_> {
    fn walk(&mut self, mut cursor: Cursor<'_>) {
        loop {
            while self.skip() {
                cursor = past_doc_comment(cursor);
            }
            cursor = if let Some((word, rest)) = cursor.ident() {
                self.take(Kind::Word, &word.to_string());
                rest
            } else if let Some((mark, rest)) = cursor.punct() {
                self.take(Kind::Mark, &mark.as_char().to_string());
                rest
            } else if let Some((literal, rest)) = cursor.literal() {
                self.take(Kind::Literal, &literal.to_string());
                rest
            } else if let Some((lifetime, rest)) = cursor.lifetime() {
                self.take(Kind::Literal, &lifetime.to_string());
                rest
            } else if let Some((inside, _, _, rest)) = cursor.any_group() {
                self.group(inside);
                rest
            } else {
                return;
            }
        }
    }

    fn group(&mut self, inside: Cursor<'_>) {
        let open = self.tokens.len();
        self.take_bracket(Kind::Open, "([{");
        self.walk(inside);
        self.tokens[open].partner = self.tokens.len();
        self.take_bracket(Kind::Close, ")]}");
    }

    fn take_bracket(&mut self, kind: Kind, brackets: &str) {
        let bracket = self.text[self.at..].chars().next().filter(|bracket| brackets.contains(*bracket));
        self.take(kind, &bracket.expect("a bracket").to_string());
    }

    fn take(&mut self, kind: Kind, text: &str) {
        let Self { path, line, .. } = *self;
        assert!(self.text[self.at..].starts_with(text), "{path}:{line}: `{text}` is not where syn sees it");
        self.tokens.push(Token { kind, text: text.to_owned(), line, partner: 0 });
        self.advance(text.len());
    }

    fn advance(&mut self, length: usize) {
        self.line += self.text[self.at..self.at + length].matches('\n').count();
        self.at += length;
    }

    /// Moves past white space and comments; stops after a doc comment and says so, since syn reads it as an attribute.
    fn skip(&mut self) -> bool {
        loop {
            let rest = &self.text[self.at..];
            let blank = rest.len() - rest.trim_start().len();
            let length = if blank > 0 { blank } else { comment(rest) };
            let is_doc = is_doc_comment(&rest[..length]);
            self.advance(length);
            if is_doc || length == 0 {
                return is_doc;
            }
        }
    }
}

fn past_doc_comment(cursor: Cursor<'_>) -> Cursor<'_> {
    let (_, cursor) = cursor.punct().expect("the # of a doc comment");
    let cursor = cursor.punct().map_or(cursor, |(_, rest)| rest);
    cursor.any_group().expect("the text of a doc comment").3
}

/// The length of the comment that opens the text; nothing where none does.
fn comment(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.as_bytes().get(at..at + 2) {
            Some(b"/*") => depth += 1,
            Some(b"*/") if depth > 0 => depth -= 1,
            _ if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
}

fn is_doc_comment(comment: &str) -> bool {
    let line = comment.starts_with("///") && !comment.starts_with("////");
    let block = comment.starts_with("/**") && !comment.starts_with("/***") && comment.len() > "/**/".len();
    line || block || comment.starts_with("//!") || comment.starts_with("/*!")
}

#[test]
fn every_token_knows_its_line_whatever_stands_between() {
    let text = "//! Doc.\n/* a /* nested */ comment */ // plain\n\n/// Doc.\n#[cfg(test)]\nfn a<'x>() {\n    // last\n}\n\
                /** Doc. */ const B: &str = r#\"two\nlines\"#; //// plain\nfn c() { \"// not a comment\" /**/ }\n";
    let source = Source::new("src/sample.rs", text);
    let lines: Vec<_> = source.tokens.iter().filter(|token| token.kind == Kind::Word).collect();
    let lines: Vec<_> = lines.iter().map(|token| (token.line, token.text.as_str())).collect();
    assert_eq!(
        lines,
        [(5, "cfg"), (5, "test"), (6, "fn"), (6, "a"), (9, "const"), (9, "B"), (9, "str"), (11, "fn"), (11, "c")]
    );
    let tests = source.test_items();
    assert_eq!(tests.len(), 1);
    assert_eq!(source.tokens[tests[0].end - 1].line, 8);
}
