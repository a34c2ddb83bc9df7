//! Shamir's secret sharing over GF(2⁸) with the polynomial 0x11b, in Vault's share form: the y bytes, then
//! the x byte last. No tables and no branch or index that depends on a secret. Never in it: text encodings.

use crate::entropy::{Entropy, EntropyError};
use crate::secret::SecretBytes;

/// Splits `secret` into `shares` parts of which any `threshold` give it back. With a threshold of 1 the only
/// part is the secret itself, without an x byte.
pub fn split(
    secret: &SecretBytes,
    shares: u8,
    threshold: u8,
    entropy: &dyn Entropy,
) -> Result<Vec<SecretBytes>, ShamirError> {
    if secret.is_empty() {
        return Err(ShamirError::EmptySecret);
    }
    if threshold == 0 || threshold > shares || (threshold == 1 && shares > 1) {
        return Err(ShamirError::Threshold { shares, threshold });
    }
    if threshold == 1 {
        return Ok(vec![secret.duplicate()]);
    }
    let points = points(shares, entropy)?;
    // A polynomial for each byte of the secret.
    let degree = usize::from(threshold) - 1;
    let coefficients = SecretBytes::with(secret.len() * degree, |all| entropy.fill(all))?;
    let share = |x: u8| {
        let polynomials = secret.expose().iter().zip(coefficients.expose().chunks(degree));
        let mut share = Vec::with_capacity(secret.len() + 1);
        share.extend(polynomials.map(|(byte, coefficients)| evaluate(*byte, coefficients, x)));
        share.push(x);
        SecretBytes::new(share)
    };
    Ok(points.into_iter().map(share).collect())
}

/// Gives the secret back from at least `threshold` shares. Shares of another secret, or too few of them, give
/// a wrong secret without an error: only the use of the secret shows it.
pub fn combine(shares: &[SecretBytes], threshold: u8) -> Result<SecretBytes, ShamirError> {
    let Some(first) = shares.first() else { return Err(ShamirError::TooFew) };
    if shares.len() < usize::from(threshold) {
        return Err(ShamirError::TooFew);
    }
    if threshold <= 1 {
        return Ok(first.duplicate());
    }
    if first.len() < 2 {
        return Err(ShamirError::TooShort);
    }
    let mut points: Vec<(u8, &[u8])> = Vec::with_capacity(shares.len());
    for share in shares {
        if share.len() != first.len() {
            return Err(ShamirError::Lengths);
        }
        let Some((x, y)) = share.expose().split_last() else { return Err(ShamirError::TooShort) };
        if *x == 0 || points.iter().any(|(other, _)| other == x) {
            return Err(ShamirError::SamePoint);
        }
        points.push((*x, y));
    }
    let weights: Vec<u8> = points.iter().map(|(x, _)| weight_at_zero(*x, &points)).collect();
    SecretBytes::with(first.len() - 1, |out| {
        for ((_, y), weight) in points.iter().zip(&weights) {
            for (sum, byte) in out.iter_mut().zip(*y) {
                *sum ^= multiply(*byte, *weight);
            }
        }
        Ok(())
    })
}

/// Distinct non-zero x values in random order: the first of a shuffle of 1..=255. They are not secret.
fn points(count: u8, entropy: &dyn Entropy) -> Result<Vec<u8>, EntropyError> {
    let mut all: Vec<u8> = (1..=255).collect();
    for start in 0..usize::from(count) {
        let mut draw = [0_u8; 8];
        entropy.fill(&mut draw)?;
        let left = (all.len() - start) as u64;
        // 64 bits reduced to at most 255 values: a bias below 2⁻⁵⁶ on values that are public anyway.
        let pick = usize::try_from(u64::from_le_bytes(draw) % left).unwrap_or(0);
        all.swap(start, start + pick);
    }
    all.truncate(usize::from(count));
    Ok(all)
}

/// The polynomial `constant + c₁x + c₂x² + …` by Horner's rule.
fn evaluate(constant: u8, coefficients: &[u8], x: u8) -> u8 {
    let high = coefficients.iter().rev().fold(0, |sum, coefficient| multiply(sum, x) ^ coefficient);
    multiply(high, x) ^ constant
}

/// Lagrange's weight of the point `x` for the value at 0: the product of `xⱼ / (xⱼ - x)` over the others.
fn weight_at_zero(x: u8, points: &[(u8, &[u8])]) -> u8 {
    points
        .iter()
        .filter(|(other, _)| *other != x)
        .fold(1, |product, (other, _)| multiply(product, multiply(*other, invert(*other ^ x))))
}

/// The product in GF(2⁸), in the same eight steps for all values.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut b, mut product) = (a, b, 0);
    for _ in 0..8 {
        product ^= a & (b & 1).wrapping_neg();
        a = (a << 1) ^ (0x1b & (a >> 7).wrapping_neg());
        b >>= 1;
    }
    product
}

/// The inverse as `a²⁵⁴`; that of 0 is 0.
fn invert(a: u8) -> u8 {
    // 254 = 0b1111_1110: square seven times, multiplying all but the last bit in.
    let mut power = a;
    for _ in 0..6 {
        power = multiply(multiply(power, power), a);
    }
    multiply(power, power)
}

/// Why shares could not be made or put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShamirError {
    /// There is nothing to split.
    #[error("an empty secret cannot be split")]
    EmptySecret,
    /// A threshold that this number of shares cannot have.
    #[error("{shares} shares cannot have a threshold of {threshold}")]
    Threshold {
        /// The shares asked for.
        shares: u8,
        /// The threshold asked for.
        threshold: u8,
    },
    /// Fewer shares than the threshold.
    #[error("too few key shares")]
    TooFew,
    /// A share without a y byte.
    #[error("a key share is too short")]
    TooShort,
    /// Shares of different lengths.
    #[error("the key shares differ in length")]
    Lengths,
    /// Two shares with the same x, or one with 0.
    #[error("two key shares are the same part")]
    SamePoint,
    /// No random bytes.
    #[error("{0}")]
    Entropy(#[from] EntropyError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_that_of_aes() {
        // FIPS 197, section 4.2: {57} x {83} = {c1}, {57} x {13} = {fe}.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        for a in 1..=255 {
            assert_eq!(multiply(a, invert(a)), 1, "{a}");
        }
        assert_eq!(invert(0), 0);
    }
}
