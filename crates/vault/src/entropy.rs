//! Chance from the operating system, through the one crypto provider.

use mirk_model::Entropy;

/// How often a failing source is asked again before the process ends.
const TRIES: u32 = 100;

/// The provider's CSPRNG, seeded by the operating system.
///
/// Never hands out bytes it did not get: a source that keeps failing ends the process, because
/// every caller would otherwise make a key that others can guess.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for _ in 0..TRIES {
            if aws_lc_rs::rand::fill(bytes).is_ok() {
                return;
            }
        }
        // Abort rather than panic: a panic could be caught by a task that goes on with zeros.
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fills_differ() {
        let mut first = [0; 32];
        let mut second = [0; 32];
        SystemEntropy.fill(&mut first);
        SystemEntropy.fill(&mut second);
        assert_ne!(first, second);
        assert_ne!(first, [0; 32]);
    }
}
