//! Argon2id (RFC 9106) on a bounded pool: few hashes at once, each in one reused block of memory, and a bounded queue
//! before them. A storm of sign-ins neither eats memory nor slows tokens and decisions.

use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::turns::Turns;
use crate::domain::entropy::{self, Entropy};
use crate::domain::password::Password;
use crate::store::debug_assert_outside_transaction;

/// OWASP's first choice of parameters: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at once: on a machine of many cores, too, they take less than 64 MiB together.
const AT_ONCE_MAX: usize = 2;

#[derive(Debug, thiserror::Error)]
pub enum HashError {
    #[error("too many sign-ins at once")]
    Busy,
    #[error("the password could not be hashed")]
    Failed,
}

/// The pool. One per node.
pub struct Hasher {
    turns: Turns,
    memory: Mutex<Vec<Vec<Block>>>,
    /// Verified against when there is no such person, so that the answer takes as long.
    decoy: String,
}

impl Hasher {
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> std::sync::Arc<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let phc = Phc {
            memory: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: entropy::bytes::<16>(entropy).to_vec(),
            hash: vec![0; 32],
        };
        std::sync::Arc::new(Self {
            turns: Turns::new(cores.min(AT_ONCE_MAX)),
            memory: Mutex::new(Vec::new()),
            decoy: phc.to_string(),
        })
    }

    /// The PHC string of a new hash.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many are waiting.
    pub async fn hash(
        self: &std::sync::Arc<Self>,
        password: Password,
        entropy: &dyn Entropy,
    ) -> Result<String, HashError> {
        let salt = entropy::bytes::<16>(entropy).to_vec();
        let mut phc = Phc { memory: MEMORY_KIB, passes: PASSES, lanes: LANES, salt, hash: Vec::new() };
        phc.hash = self.run(password, phc.clone()).await?.to_vec();
        Ok(phc.to_string())
    }

    /// Whether the password belongs to the hash, and whether the hash was made with other parameters than today's.
    /// Without a hash it takes the same time and says no.
    ///
    /// # Errors
    /// [`HashError::Busy`] when too many are waiting.
    pub async fn verify(
        self: &std::sync::Arc<Self>,
        password: Password,
        hash: Option<&str>,
    ) -> Result<Verdict, HashError> {
        let phc = Phc::parse(hash.unwrap_or(&self.decoy)).ok_or(HashError::Failed)?;
        let outdated = (phc.memory, phc.passes, phc.lanes) != (MEMORY_KIB, PASSES, LANES);
        let computed = self.run(password, phc.clone()).await?;
        let right = hash.is_some() && bool::from(computed.as_slice().ct_eq(&phc.hash));
        Ok(Verdict { right, outdated })
    }

    async fn run(self: &std::sync::Arc<Self>, password: Password, phc: Phc) -> Result<Zeroizing<Vec<u8>>, HashError> {
        debug_assert_outside_transaction("hashing a password");
        let turn = self.turns.take().await.ok_or(HashError::Busy)?;
        let pool = self.clone();
        let hashed = tokio::task::spawn_blocking(move || pool.compute(&password, &phc)).await;
        drop(turn);
        hashed.map_err(|_| HashError::Failed)?
    }

    fn compute(&self, password: &Password, phc: &Phc) -> Result<Zeroizing<Vec<u8>>, HashError> {
        let params = Params::new(phc.memory, phc.passes, phc.lanes, Some(32)).map_err(|_| HashError::Failed)?;
        let blocks = params.block_count();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        memory.resize(blocks, Block::default());
        let mut out = Zeroizing::new(vec![0; 32]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let done = argon2.hash_password_into_with_memory(password.as_bytes(), &phc.salt, &mut out, &mut memory);
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        done.map(|()| out).map_err(|_| HashError::Failed)
    }
}

/// What a verification found.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    pub right: bool,
    pub outdated: bool,
}

/// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
#[derive(Clone)]
struct Phc {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl std::fmt::Display for Phc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (salt, hash) = (STANDARD_NO_PAD.encode(&self.salt), STANDARD_NO_PAD.encode(&self.hash));
        write!(f, "$argon2id$v=19$m={},t={},p={}${salt}${hash}", self.memory, self.passes, self.lanes)
    }
}

impl Phc {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
        let mut params = parts.next()?.split(',');
        let mut number = |name: &str| params.next()?.strip_prefix(name)?.parse::<u32>().ok();
        let (memory, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
        let mut bytes = || STANDARD_NO_PAD.decode(parts.next()?).ok();
        let (salt, hash) = (bytes()?, bytes()?);
        Some(Self { memory, passes, lanes, salt, hash })
    }
}
