//! Short signed texts: nine bytes and a MAC in 24 characters. References of attempts and unsubscribe links are made of them.

use subtle::ConstantTimeEq as _;

/// Digits of a token (Crockford's base 32, lower case): no letter that a gateway's upper-casing could confuse.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Eight bytes of key, one of number, six of MAC: a forger hits once in 2^48 tries.
const BYTES: usize = 15;
/// Five bytes make eight digits.
const LENGTH: usize = BYTES / 5 * 8;

/// The text for a key and a number. `mac` is a keyed MAC of their nine bytes, for one purpose.
pub fn encode(key: i64, number: u8, mac: impl Fn(&[u8]) -> [u8; 32]) -> String {
    let mut bytes = [0u8; BYTES];
    bytes[..8].copy_from_slice(&key.to_be_bytes());
    bytes[8] = number;
    let tag = mac(&bytes[..9]);
    bytes[9..].copy_from_slice(&tag[..6]);
    let mut text = String::with_capacity(LENGTH);
    for group in bytes.chunks_exact(5) {
        let bits = group.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        for shift in (0..8).rev() {
            let digit = usize::try_from(bits >> (shift * 5) & 31).unwrap_or(0);
            text.push(char::from(DIGITS[digit]));
        }
    }
    text
}

/// Reads a token that came back, in whatever case; none if it is not one of ours for this purpose.
pub fn decode(text: &str, mac: impl Fn(&[u8]) -> [u8; 32]) -> Option<(i64, u8)> {
    let text = text.trim().as_bytes();
    if text.len() != LENGTH {
        return None;
    }
    let mut bytes = [0u8; BYTES];
    for (group, out) in text.chunks_exact(8).zip(bytes.chunks_exact_mut(5)) {
        let mut bits = 0u64;
        for letter in group {
            let digit = DIGITS.iter().position(|d| *d == letter.to_ascii_lowercase())?;
            bits = bits << 5 | u64::try_from(digit).ok()?;
        }
        out.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    let tag = mac(&bytes[..9]);
    if !bool::from(tag[..6].ct_eq(&bytes[9..])) {
        return None;
    }
    let mut key = [0u8; 8];
    key.copy_from_slice(&bytes[..8]);
    Some((i64::from_be_bytes(key), bytes[8]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    fn mac(bytes: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(b"test key").chain_update(bytes).finalize().into()
    }

    proptest! {
        #[test]
        fn comes_back_in_any_case_and_refuses_a_change(key in any::<i64>(), number in any::<u8>(), at in 0usize..24, digit in 0usize..32) {
            let text = encode(key, number, mac);
            prop_assert_eq!(text.len(), 24);
            prop_assert_eq!(decode(&text.to_ascii_uppercase(), mac), Some((key, number)));
            let mut forged = text.clone().into_bytes();
            if forged[at] != DIGITS[digit] {
                forged[at] = DIGITS[digit];
                prop_assert_eq!(decode(std::str::from_utf8(&forged).unwrap(), mac), None);
            }
        }

        #[test]
        fn nothing_else_is_taken_for_one(text in ".{0,40}") {
            prop_assert_eq!(decode(&text, mac), None);
        }
    }
}
