//! New secret values, from the operating system's random numbers.

use anyhow::{Context, Result};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::rand_core::{OsRng, RngCore};

use crate::render::Generator;

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const PASSWORD_LENGTH: usize = 32;
const DJANGO_KEY_LENGTH: usize = 64;
const RSA_BITS: usize = 3072;

/// Makes a value.
///
/// # Errors
/// When the operating system has no random numbers.
pub fn generate(generator: Generator) -> Result<String> {
    match generator {
        Generator::Password => Ok(characters(PASSWORD_LENGTH)),
        Generator::DjangoKey => Ok(characters(DJANGO_KEY_LENGTH)),
        Generator::Rsa => {
            let key = RsaPrivateKey::new(&mut OsRng, RSA_BITS).context("an RSA key cannot be generated")?;
            Ok(key.to_pkcs8_pem(LineEnding::LF).context("the RSA key cannot be encoded")?.to_string())
        }
    }
}

/// Letters and digits, each as likely as the others: a byte beyond the largest multiple of 62 is drawn
/// again.
fn characters(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut byte = [0_u8];
    while text.len() < length {
        OsRng.fill_bytes(&mut byte);
        if usize::from(byte[0]) < 256 / ALPHABET.len() * ALPHABET.len() {
            text.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_long_plain_and_never_the_same() {
        for (generator, length) in [(Generator::Password, 32), (Generator::DjangoKey, 64)] {
            let (one, other) = (generate(generator).unwrap(), generate(generator).unwrap());
            assert_eq!(one.len(), length);
            assert!(one.chars().all(|c| c.is_ascii_alphanumeric()));
            assert_ne!(one, other);
        }
        let pem = generate(Generator::Rsa).unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "PKCS#8");
        assert!(pem.len() > 2400, "3072 bits take about 2500 characters, not {}", pem.len());
    }
}
