//! What the machine can do at all, on one core, with nothing of Doorward around it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

const FOR: Duration = Duration::from_secs(2);
const SALT: &[u8] = b"0123456789abcdef";

pub struct Limits {
    /// RS256 with a 2048-bit key that was parsed once.
    pub signatures: f64,
    /// Argon2id as Doorward uses it: 19 MiB, two passes.
    hashes: f64,
    /// Two at once: they share the memory's bandwidth.
    pub hashes_on_two: f64,
    fsyncs: f64,
}

fn rate(mut act: impl FnMut()) -> f64 {
    act();
    let (started, mut done) = (Instant::now(), 0_u32);
    while started.elapsed() < FOR {
        act();
        done += 1;
    }
    f64::from(done) / started.elapsed().as_secs_f64()
}

fn argon() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, Some(32)).unwrap())
}

/// Argon2id hashes by so many threads, together.
pub fn hashes_at_once(threads: usize) -> f64 {
    let hash = || {
        // The memory is kept, as Doorward keeps it.
        let (argon, mut out, mut memory) = (argon(), [0; 32], vec![Block::default(); 19_456]);
        let mut hash = || argon.hash_password_into_with_memory(b"copper lantern seven", SALT, &mut out, &mut memory);
        rate(|| hash().unwrap())
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(hash)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

impl Limits {
    pub fn measure(hashes_on_two: f64) -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let (random, message) = (SystemRandom::new(), [7; 600]);
        let mut signature = vec![0; key.public_modulus_len()];
        let signatures = rate(|| key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).unwrap());

        let hashes = hashes_at_once(1);

        let mut file = tempfile::tempfile().unwrap();
        let fsyncs = rate(|| {
            file.write_all(&[1; 4096]).unwrap();
            file.sync_data().unwrap();
        });
        Self { signatures, hashes, hashes_on_two, fsyncs }
    }

    pub fn print(&self) {
        println!("This machine, one core, without Doorward");
        println!("  RS256 signatures                   {:>9.0} /s", self.signatures);
        println!(
            "  Argon2id hashes                    {:>9.1} /s, {:.1} on two cores",
            self.hashes, self.hashes_on_two
        );
        println!("  writes of 4 KiB with fdatasync     {:>9.0} /s", self.fsyncs);
    }
}
