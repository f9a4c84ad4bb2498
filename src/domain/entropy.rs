//! Randomness as an argument.

/// Where identifiers and secrets come from. Implemented in `world` by the operating system's generator; tests give a
/// seeded one.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the whole buffer with bytes fit for secrets.
    fn fill(&self, buffer: &mut [u8]);
}

/// `N` random bytes.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut buffer = [0; N];
    entropy.fill(&mut buffer);
    buffer
}
