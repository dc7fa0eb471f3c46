//! Passwords: Argon2id with a pepper, stored as a PHC string and the pepper's version.
//!
//! Invariant: no cost below the OWASP floor is used, neither for a new hash nor for a stored one.
//! Every call takes as much memory as its [`Cost`] says, so callers bound how many run at once.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use data_encoding::BASE64_NOPAD;
use mirk_model::Entropy;
use zeroize::Zeroizing;

use crate::cipher::Key;
use crate::policy::MAX_PASSWORD_BYTES;
use crate::{PolicyError, Vault};

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const ALGORITHM: &str = "argon2id";
const VERSION: &str = "v=19";

/// A stored hash may not make us take more than this: 1 GiB, 16 passes, 4 lanes.
const CEILING: Cost = Cost {
    memory_kib: 1 << 20,
    passes: 16,
    lanes: 4,
};

/// What one Argon2id run costs. Never below OWASP's floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// 64 MiB, two passes, one lane.
    pub const DEFAULT: Self = Self {
        memory_kib: 65_536,
        passes: 2,
        lanes: 1,
    };

    /// OWASP's floor for small machines: 19 MiB, two passes, one lane.
    pub const SMALL: Self = Self {
        memory_kib: 19_456,
        passes: 2,
        lanes: 1,
    };

    /// A cost of `memory_kib` KiB, `passes` and `lanes`.
    ///
    /// # Errors
    /// [`CostError`] below 19 MiB with two passes and below 46 MiB with one
    /// (OWASP Password Storage Cheat Sheet), and above 1 GiB, 16 passes or 4 lanes.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        let two = memory_kib >= 19_456 && passes >= 2;
        let one = memory_kib >= 47_104 && passes >= 1;
        if !(two || one) || lanes == 0 {
            return Err(CostError::BelowFloor);
        }
        if memory_kib > CEILING.memory_kib || passes > CEILING.passes || lanes > CEILING.lanes {
            return Err(CostError::AboveCeiling);
        }
        Ok(Self {
            memory_kib,
            passes,
            lanes,
        })
    }
}

/// Why a cost is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// Cheaper than OWASP allows.
    #[error("the cost is below the floor of 19 MiB with two passes, or 46 MiB with one")]
    BelowFloor,
    /// Dearer than one check may be.
    #[error("the cost is above 1 GiB, 16 passes or 4 lanes")]
    AboveCeiling,
}

/// A password's hash as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    pub phc: String,
    /// Version of the pepper.
    pub pepper_version: u32,
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PasswordHash(..)")
    }
}

/// Why a password could not be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The password is not one that may be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Not enough memory for the cost.
    #[error("not enough memory to hash the password")]
    Memory,
}

impl Vault {
    /// Hashes `password` at `cost`. Whether it is a good password is for
    /// [`check_password`](crate::check_password) to say, before.
    ///
    /// # Errors
    /// [`PolicyError::TooLong`] above 1,024 bytes: nothing is ever cut off. Want of memory.
    pub fn hash_password(
        &self,
        password: &str,
        cost: Cost,
        entropy: &dyn Entropy,
    ) -> Result<PasswordHash, HashError> {
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(PolicyError::TooLong.into());
        }
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let pepper = self.argon2.current();
        let hash = run(password, cost, &salt, pepper).ok_or(HashError::Memory)?;
        let Cost {
            memory_kib,
            passes,
            lanes,
        } = cost;
        let salt = BASE64_NOPAD.encode(&salt);
        let hash = BASE64_NOPAD.encode(&*hash);
        Ok(PasswordHash {
            phc: format!(
                "${ALGORITHM}${VERSION}$m={memory_kib},t={passes},p={lanes}${salt}${hash}"
            ),
            pepper_version: self.argon2.version(),
        })
    }

    /// Whether `password` is the one that was hashed. A stored hash that cannot be read, whose
    /// cost is outside the bounds or whose pepper is gone is answered like a wrong password,
    /// after a run of the same kind.
    pub fn verify_password(&self, password: &str, stored: &PasswordHash) -> bool {
        let parts = Parts::read(&stored.phc);
        let pepper = self.argon2.get(stored.pepper_version);
        let (Some(parts), Some(pepper)) = (parts, pepper) else {
            self.dummy_verify(password, Cost::DEFAULT);
            return false;
        };
        if password.len() > MAX_PASSWORD_BYTES {
            self.dummy_verify("", parts.cost);
            return false;
        }
        run(password, parts.cost, &parts.salt, pepper)
            .is_some_and(|hash| verify_slices_are_equal(&*hash, &parts.hash).is_ok())
    }

    /// Does the work of one check at `cost`, for an account that does not exist.
    pub fn dummy_verify(&self, password: &str, cost: Cost) {
        let password = if password.len() > MAX_PASSWORD_BYTES {
            ""
        } else {
            password
        };
        let hash = run(password, cost, &[0; SALT_BYTES], self.argon2.current());
        std::hint::black_box(hash);
    }

    /// Whether the hash should be made anew at the next log-in: other cost, other pepper, or not
    /// readable.
    pub fn needs_rehash(&self, stored: &PasswordHash, cost: Cost) -> bool {
        let current = Parts::read(&stored.phc).is_some_and(|parts| parts.cost == cost);
        !current || stored.pepper_version != self.argon2.version()
    }
}

/// The parts of a PHC string of ours.
struct Parts {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
}

impl Parts {
    /// Reads the one form that we write; anything else is nothing.
    fn read(phc: &str) -> Option<Self> {
        let mut fields = phc.split('$');
        if !fields.next()?.is_empty() || fields.next()? != ALGORITHM || fields.next()? != VERSION {
            return None;
        }
        let mut costs = fields.next()?.split(',');
        let mut number =
            |name: &str| -> Option<u32> { costs.next()?.strip_prefix(name)?.parse().ok() };
        let cost = Cost::new(number("m=")?, number("t=")?, number("p=")?).ok()?;
        let salt = BASE64_NOPAD.decode(fields.next()?.as_bytes()).ok()?;
        let hash = BASE64_NOPAD.decode(fields.next()?.as_bytes()).ok()?;
        if costs.next().is_some() || fields.next().is_some() {
            return None;
        }
        Some(Self {
            cost,
            salt: salt.try_into().ok()?,
            hash: hash.try_into().ok()?,
        })
    }
}

/// One Argon2id run; nothing when there is not enough memory.
fn run(
    password: &str,
    cost: Cost,
    salt: &[u8; SALT_BYTES],
    pepper: &Key,
) -> Option<Zeroizing<[u8; HASH_BYTES]>> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(HASH_BYTES)).ok()?;
    let argon2 =
        Argon2::new_with_secret(pepper.expose(), Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    argon2
        .ok()?
        .hash_password_into(password.as_bytes(), salt, &mut *hash)
        .ok()?;
    Some(hash)
}

#[cfg(test)]
#[path = "password_tests.rs"]
mod tests;
