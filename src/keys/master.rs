//! The master key: 256 bits, kept outside the database, that seal what must not be read from it.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;
use zeroize::Zeroizing;

use super::error::KeysError;
use crate::domain::entropy::{self, Entropy};

/// The envelope: version, id of the master key, nonce, ciphertext with its tag.
const VERSION: u8 = 1;
pub(super) const ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + ID_LEN + NONCE_LEN;

struct MasterKey {
    id: [u8; ID_LEN],
    key: LessSafeKey,
    /// What keys for one message each are derived from.
    once: Prk,
}

impl MasterKey {
    fn parse(text: &str) -> Result<Self, String> {
        let raw = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| "is not base64".to_owned())?);
        if raw.len() != 32 {
            return Err(format!("holds {} bytes instead of 32", raw.len()));
        }
        let digest: [u8; 32] =
            sha2::Sha256::new().chain_update(b"doorward master key id").chain_update(raw.as_slice()).finalize().into();
        let mut id = [0; ID_LEN];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        let key = UnboundKey::new(&AES_256_GCM, &raw).map_err(|_| "is not a key".to_owned())?;
        let once = Salt::new(HKDF_SHA256, b"doorward keys for one message").extract(&raw);
        Ok(Self { id, key: LessSafeKey::new(key), once })
    }

    /// The key of one message, known by a salt of its own.
    fn for_one(&self, salt: &[u8]) -> Result<LessSafeKey, KeysError> {
        let info = [salt];
        let derived = self.once.expand(&info, &AES_256_GCM).map_err(|_| KeysError::Crypto("deriving a key"))?;
        Ok(LessSafeKey::new(UnboundKey::from(derived)))
    }
}

/// The master key that seals, and older ones that still open.
pub struct MasterKeys {
    current: MasterKey,
    previous: Vec<MasterKey>,
    place: String,
}

/// A new master key in the form of its file.
#[must_use]
pub fn generate_master_key(entropy: &dyn Entropy) -> Zeroizing<String> {
    let raw = Zeroizing::new(entropy::bytes::<32>(entropy));
    Zeroizing::new(STANDARD.encode(raw.as_slice()))
}

impl MasterKeys {
    /// Takes the key from a text (an environment variable or a mounted secret).
    ///
    /// # Errors
    /// The text is not 32 bytes in base64.
    pub fn from_text(text: &str, previous: &[std::path::PathBuf]) -> Result<Self, KeysError> {
        let place = "keys.master_key".to_owned();
        let current = MasterKey::parse(text).map_err(|e| KeysError::MasterKeyFile(format!("keys.master_key {e}")))?;
        Ok(Self { current, previous: Self::older(previous)?, place })
    }

    /// Reads the key from its file.
    ///
    /// # Errors
    /// The file cannot be read, others than its owner may read it, or it does not hold 32 bytes in base64.
    pub fn from_file(file: &Path, previous: &[std::path::PathBuf]) -> Result<Self, KeysError> {
        let current = read(file)?;
        sweep_drafts(file);
        Ok(Self { current, previous: Self::older(previous)?, place: file.display().to_string() })
    }

    fn older(files: &[std::path::PathBuf]) -> Result<Vec<MasterKey>, KeysError> {
        files.iter().map(|file| read(file)).collect()
    }

    /// Makes the file with a new key, readable by its owner only, unless it exists. Says whether it made it.
    ///
    /// # Errors
    /// The file or its folder cannot be made.
    pub fn create_file(file: &Path, entropy: &dyn Entropy) -> Result<bool, KeysError> {
        let failed = |e: std::io::Error| {
            KeysError::MasterKeyFile(format!("the master key {} cannot be made: {e}", file.display()))
        };
        if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // Written beside and linked into place: a crash leaves either no key or a whole one, and the first of two wins.
        let mut draft = file.as_os_str().to_owned();
        draft.push(format!(".{}", hex(&entropy::bytes::<8>(entropy))));
        let draft = Path::new(&draft);
        let mut out =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft).map_err(failed)?;
        out.write_all(generate_master_key(entropy).as_bytes()).map_err(failed)?;
        out.write_all(b"\n").and_then(|()| out.sync_all()).map_err(failed)?;
        let linked = std::fs::hard_link(draft, file);
        std::fs::remove_file(draft).map_err(failed)?;
        match linked {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(failed(e)),
        }
    }

    /// The public name of the key that seals.
    #[must_use]
    pub fn current_id(&self) -> String {
        hex(&self.current.id)
    }

    /// Seals `plain`; only the same `context` opens it again.
    ///
    /// # Errors
    /// The crypto library's.
    pub fn seal(&self, context: &str, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, KeysError> {
        let nonce = entropy::bytes::<NONCE_LEN>(entropy);
        let mut body = plain.to_vec();
        self.current
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(context), &mut body)
            .map_err(|_| KeysError::Crypto("sealing"))?;
        let mut envelope = Vec::with_capacity(HEADER_LEN + body.len());
        envelope.push(VERSION);
        envelope.extend(self.current.id);
        envelope.extend(nonce);
        envelope.extend(body);
        Ok(envelope)
    }

    /// Opens an envelope that was sealed for the same context.
    ///
    /// # Errors
    /// [`KeysError::WrongMasterKey`] with the id that is wanted, or [`KeysError::Tampered`].
    pub fn open(&self, context: &str, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let (header, body) = envelope.split_at_checked(HEADER_LEN).ok_or(KeysError::Tampered)?;
        let (version, rest) = header.split_first().ok_or(KeysError::Tampered)?;
        let (id, nonce) = rest.split_at_checked(ID_LEN).ok_or(KeysError::Tampered)?;
        if *version != VERSION {
            return Err(KeysError::Tampered);
        }
        let keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys.into_iter().find(|key| key.id == id).ok_or_else(|| KeysError::WrongMasterKey {
            wanted: hex(id),
            have: self.current_id(),
            place: self.place.clone(),
        })?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeysError::Tampered)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain_len = key.key.open_in_place(nonce, aad(context), &mut body).map_err(|_| KeysError::Tampered)?.len();
        body.truncate(plain_len);
        Ok(body)
    }

    /// A key derived from the current one, for one message, and what it is known by.
    ///
    /// # Errors
    /// The crypto library's.
    pub(super) fn new_for_one(&self, salt: &[u8]) -> Result<(LessSafeKey, [u8; ID_LEN]), KeysError> {
        Ok((self.current.for_one(salt)?, self.current.id))
    }

    /// The key of a message that was sealed with [`Self::new_for_one`]; `None` where the key it was derived from is gone.
    pub(super) fn known_for_one(&self, id: &[u8], salt: &[u8]) -> Option<LessSafeKey> {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.find(|key| key.id == id)?.for_one(salt).ok()
    }

    /// Whether this envelope is sealed under the current key.
    #[must_use]
    pub fn is_current(&self, envelope: &[u8]) -> bool {
        envelope.get(1..=ID_LEN) == Some(&self.current.id)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeys({})", self.current_id())
    }
}

fn aad(context: &str) -> Aad<&[u8]> {
    Aad::from(context.as_bytes())
}

/// How old a draft is when whoever wrote it is certainly gone.
const DRAFT_AGE: std::time::Duration = std::time::Duration::from_mins(1);

/// Removes drafts that a killed first start left beside the key: one of them may be a second name of the key itself. What
/// cannot be removed now is tried again at the next start.
fn sweep_drafts(file: &Path) {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_draft = entry
            .file_name()
            .to_str()
            .and_then(|other| other.strip_prefix(name)?.strip_prefix('.'))
            .is_some_and(|suffix| suffix.len() == 16 && suffix.bytes().all(|b| b.is_ascii_hexdigit()));
        let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
        if is_draft && age.is_some_and(|age| age > DRAFT_AGE) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn read(file: &Path) -> Result<MasterKey, KeysError> {
    use std::os::unix::fs::PermissionsExt as _;
    let wrong = |e: &dyn fmt::Display| KeysError::MasterKeyFile(format!("the master key {} {e}", file.display()));
    let mode = std::fs::metadata(file).map_err(|e| wrong(&format!("cannot be read: {e}")))?.permissions().mode();
    // A mounted secret is often 0440 for the group of the service; the world never has a reason to read it.
    if mode & 0o007 != 0 {
        return Err(wrong(&format!("may be used by everybody (mode {:03o}): chmod 600 it", mode & 0o777)));
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|e| wrong(&format!("cannot be read: {e}")))?);
    MasterKey::parse(&text).map_err(|e| wrong(&e))
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            buffer.fill(n);
        }
    }

    fn keys(entropy: &dyn Entropy) -> MasterKeys {
        MasterKeys::from_text(&generate_master_key(entropy), &[]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_only_unchanged_with_the_same_key_and_for_the_same_context() {
        let entropy = Counting(1.into());
        let (ours, theirs) = (keys(&entropy), keys(&entropy));
        let sealed = ours.seal("signing-key:a", b"private", &entropy).unwrap();
        assert_eq!(ours.open("signing-key:a", &sealed).unwrap().as_slice(), b"private");
        assert!(matches!(ours.open("signing-key:b", &sealed), Err(KeysError::Tampered)));
        assert!(matches!(theirs.open("signing-key:a", &sealed), Err(KeysError::WrongMasterKey { .. })));
        for i in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[i] ^= 1;
            assert!(ours.open("signing-key:a", &changed).is_err(), "byte {i}");
            assert!(ours.open("signing-key:a", &sealed[..i]).is_err(), "cut at {i}");
        }
    }
}
