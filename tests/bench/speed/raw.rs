//! What the machine can do at all, on one core, with nothing of Doorward around it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

const FOR: Duration = Duration::from_secs(2);

pub struct Limits {
    /// RS256 with a 2048-bit key that was parsed once.
    pub signatures: f64,
    /// Argon2id as Doorward uses it: 19 MiB, two passes.
    pub hashes: f64,
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

impl Limits {
    pub fn measure() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let (random, message) = (SystemRandom::new(), [7; 600]);
        let mut signature = vec![0; key.public_modulus_len()];
        let signatures = rate(|| key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).unwrap());

        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, Some(32)).unwrap());
        let mut out = [0; 32];
        let hashes = rate(|| argon.hash_password_into(b"copper lantern seven", b"0123456789abcdef", &mut out).unwrap());

        let mut file = tempfile::tempfile().unwrap();
        let fsyncs = rate(|| {
            file.write_all(&[1; 4096]).unwrap();
            file.sync_data().unwrap();
        });
        Self { signatures, hashes, fsyncs }
    }

    pub fn print(&self) {
        println!("This machine, one core, without Doorward");
        println!("  RS256 signatures                   {:>9.0} /s", self.signatures);
        println!("  Argon2id hashes                    {:>9.1} /s", self.hashes);
        println!("  writes of 4 KiB with fdatasync     {:>9.0} /s", self.fsyncs);
    }
}
