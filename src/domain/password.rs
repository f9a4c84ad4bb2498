//! Passwords (NIST SP 800-63B-4 §3.1.1): length and commonness, no composition rules; normalised one way for ever.

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Counted in code points. Fifteen where it is the only factor, which it is for everybody until they add a second one.
pub const LENGTH_MIN: usize = 15;
/// What is longer is refused before it costs anything.
pub const LENGTH_MAX: usize = 256;
/// No password in this many code points has more bytes.
const BYTES_MAX: usize = LENGTH_MAX * 4;

/// A password as it was typed, in Unicode form NFKC.
pub struct Password(Zeroizing<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("use at least {LENGTH_MIN} characters; a few words in a row are easy to remember")]
    TooShort,
    #[error("use at most {LENGTH_MAX} characters")]
    TooLong,
    #[error("this one would be guessed early; add words that do not belong together")]
    TooCommon,
}

impl Password {
    /// Reads what somebody typed to prove who they are; `None` when it cannot be anybody's.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > BYTES_MAX {
            return None;
        }
        Some(Self(Zeroizing::new(text.nfkc().collect())))
    }

    /// Reads what somebody chooses. `about` are words an attacker would try first: their name, their e-mail.
    ///
    /// # Errors
    /// Why it should not be used, in words for the person.
    pub fn chosen(text: &str, about: &[&str]) -> Result<Self, PasswordError> {
        let password =
            Self::typed(text).ok_or(if text.is_empty() { PasswordError::TooShort } else { PasswordError::TooLong })?;
        let length = password.0.chars().count();
        if length < LENGTH_MIN {
            return Err(PasswordError::TooShort);
        }
        if length > LENGTH_MAX {
            return Err(PasswordError::TooLong);
        }
        // The estimator's cost grows with the length; what lies beyond its first hundred characters only adds strength.
        let head: String = password.0.chars().take(100).collect();
        if zxcvbn::zxcvbn(&head, about).score() < zxcvbn::Score::Three {
            return Err(PasswordError::TooCommon);
        }
        Ok(password)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_commonness_count_and_composition_does_not() {
        let chosen = |text: &str| Password::chosen(text, &["alice"]).map(|_| ());
        assert_eq!(chosen("correct horse battery staple"), Ok(()));
        assert_eq!(chosen("only small letters in here"), Ok(()));
        assert_eq!(chosen("Sh0rt!"), Err(PasswordError::TooShort));
        assert_eq!(chosen("aaaaaaaaaaaaaaaaaaaa"), Err(PasswordError::TooCommon));
        assert_eq!(chosen("alicealicealicealice"), Err(PasswordError::TooCommon));
        assert_eq!(chosen("passwordpassword123"), Err(PasswordError::TooCommon));
        assert_eq!(chosen(&"x y".repeat(100)), Err(PasswordError::TooLong));
        // The same password typed on another keyboard: composed and decomposed.
        let (one, other) =
            (Password::typed("caf\u{e9} caf\u{e9} caf\u{e9}"), Password::typed("cafe\u{301} cafe\u{301} cafe\u{301}"));
        assert_eq!(one.unwrap().as_bytes(), other.unwrap().as_bytes());
    }
}
