//! How deep policies nest, found before they are parsed: the parser and all that comes after it call themselves once for
//! each level, and a stack that overflows ends the process.

use super::error::{PolicyError, line_at};

/// Brackets within brackets.
pub const POLICY_BRACKETS_MAX: usize = 64;
/// Links on the longest branch of one policy: operators, conditions, members and brackets.
pub const POLICY_LINKS_MAX: usize = 500;

/// What compiling takes at the bounds, unoptimized, and half as much again. Of memory it takes what it comes to use.
const COMPILING_STACK_BYTES: usize = 64 * 1024 * 1024;
/// The same of evaluating, for each link.
const LINK_STACK_BYTES: usize = 64 * 1024;
/// Links for which there is room on any thread.
const LINKS_ANYWHERE: usize = 12;

/// Runs what reads policies, on a stack of its own.
pub(super) fn with_room_to_compile<T>(compile: impl FnOnce() -> T) -> T {
    stacker::grow(COMPILING_STACK_BYTES, compile)
}

/// Runs what evaluates policies of so many links. The library fails a policy for which there is no room, and what fails
/// counts as a denial.
pub(super) fn with_room_to_evaluate<T>(links: usize, evaluate: impl FnOnce() -> T) -> T {
    if links <= LINKS_ANYWHERE { evaluate() } else { stacker::grow(links * LINK_STACK_BYTES, evaluate) }
}

/// What stands between an opening bracket and its closing one.
#[derive(Default)]
struct Level {
    closes: u8,
    /// Of the part since the last comma. Operators in a row become a branch as long as they are many.
    links: usize,
    /// The longest branch inside brackets of this part.
    below: usize,
    /// The longest branch of the parts before it.
    before: usize,
}

impl Level {
    fn branch(&self) -> usize {
        self.before.max(self.links + self.below)
    }

    fn end_part(&mut self) {
        *self = Self { closes: self.closes, before: self.branch(), ..Self::default() };
    }
}

/// The links on the longest branch.
///
/// # Errors
/// The place from which on it is too deep.
pub(super) fn links(text: &str) -> Result<usize, PolicyError> {
    let refused = |at: usize, problem: String| PolicyError { policy: None, line: line_at(text, at), problem };
    let mut longest = 0;
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for (at, token) in tokens(text.as_bytes()) {
        match token {
            Token::Open(closes) if outer.len() < POLICY_BRACKETS_MAX => {
                outer.push(std::mem::replace(&mut level, Level { closes, ..Level::default() }));
            }
            Token::Open(_) => {
                return Err(refused(at, format!("brackets within brackets, more than {POLICY_BRACKETS_MAX} deep")));
            }
            // One that closes nothing is for the parser to refuse.
            Token::Close(close) if close == level.closes => {
                let inner = level.branch();
                level = outer.pop().unwrap_or_default();
                level.links += 1;
                level.below = level.below.max(inner);
            }
            Token::Link => level.links += 1,
            Token::Comma => level.end_part(),
            Token::End if outer.is_empty() => level = Level::default(),
            Token::Close(_) | Token::End => {}
        }
        longest = longest.max(level.branch());
        if longest > POLICY_LINKS_MAX {
            let problem = format!("an expression of more than {POLICY_LINKS_MAX} operators and members in a row");
            return Err(refused(at, format!("{problem}: make several policies of it")));
        }
    }
    Ok(longest)
}

enum Token {
    /// With the byte that closes it.
    Open(u8),
    Close(u8),
    Link,
    Comma,
    /// Of a policy.
    End,
}

/// What of a text matters here, and where it begins.
fn tokens(text: &[u8]) -> impl Iterator<Item = (usize, Token)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
            let (length, token) = next(rest);
            let begins = at;
            at += length.max(1);
            if let Some(token) = token {
                return Some((begins, token));
            }
        }
    })
}

fn next(rest: &[u8]) -> (usize, Option<Token>) {
    let until = |is_end: fn(&u8) -> bool| rest.iter().position(is_end).unwrap_or(rest.len());
    match rest {
        [b'/', b'/', ..] => (until(|b| matches!(b, b'\n' | b'\r')), None),
        [b'"', string @ ..] => (1 + string_length(string), None),
        [b'!', b'=', ..] => (2, None),
        [b'&', b'&', ..] | [b'|', b'|', ..] => (2, Some(Token::Link)),
        [b'!' | b'+' | b'-' | b'*' | b'/' | b'%' | b'.', ..] => (1, Some(Token::Link)),
        [b'(', ..] => (1, Some(Token::Open(b')'))),
        [b'[', ..] => (1, Some(Token::Open(b']'))),
        [b'{', ..] => (1, Some(Token::Open(b'}'))),
        [close @ (b')' | b']' | b'}'), ..] => (1, Some(Token::Close(*close))),
        [b',', ..] => (1, Some(Token::Comma)),
        [b';', ..] => (1, Some(Token::End)),
        _ => {
            let length = until(|b| !(b.is_ascii_alphanumeric() || *b == b'_'));
            let is_link = matches!(rest.get(..length), Some(b"if" | b"when" | b"unless"));
            (length, is_link.then_some(Token::Link))
        }
    }
}

/// To the end of a string, its quote included; a backslash takes the next byte with it.
fn string_length(string: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = string.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(string.len(), |end| end + 1)
}
