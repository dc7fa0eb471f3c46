//! Where a secret is, said without the secret: `env:NAME`, `file:/path`, …

use std::fmt;

/// A reference to a secret. Settings and flags hold these, never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable's name.
    Env(String),
    /// A file's path.
    File(String),
    /// `service/name` in the system's keyring.
    Keyring {
        /// Service.
        service: String,
        /// Name within the service.
        name: String,
    },
    /// A file in the folder that systemd names in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// Asked for on the terminal, or read from a file descriptor that is not one.
    Passphrase,
    /// Standard input, up to its end.
    Stdin,
}

/// Why a text is not a reference. Never shows the text: it may be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceError {
    /// No known scheme.
    Scheme,
    /// The part behind the scheme is missing or malformed.
    Target,
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Scheme => {
                "not a reference to a secret; use env:NAME, file:/path, keyring:service/name, \
                 credential:name or stdin, and never the secret itself"
            }
            Self::Target => "the part behind the colon is missing or malformed",
        })
    }
}

impl std::error::Error for ReferenceError {}

impl SecretRef {
    /// Reads a reference.
    ///
    /// # Errors
    /// When the text is not one. The error does not hold the text.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text == "stdin" {
            return Ok(Self::Stdin);
        }
        let (scheme, target) = text.split_once(':').ok_or(ReferenceError::Scheme)?;
        let named = || {
            if target.is_empty() {
                Err(ReferenceError::Target)
            } else {
                Ok(target.to_owned())
            }
        };
        match scheme {
            "env" if is_variable(target) => Ok(Self::Env(target.to_owned())),
            "file" => named().map(Self::File),
            "credential" if !target.contains('/') && target != ".." => {
                named().map(Self::Credential)
            }
            "keyring" => match target.split_once('/') {
                Some((service, name)) if !service.is_empty() && !name.is_empty() => {
                    Ok(Self::Keyring {
                        service: service.to_owned(),
                        name: name.to_owned(),
                    })
                }
                _ => Err(ReferenceError::Target),
            },
            "passphrase" if target.is_empty() => Ok(Self::Passphrase),
            "env" | "credential" | "passphrase" => Err(ReferenceError::Target),
            _ => Err(ReferenceError::Scheme),
        }
    }

    /// The scheme, which is all of it that may be stored or logged.
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Env(_) => "env",
            Self::File(_) => "file",
            Self::Keyring { .. } => "keyring",
            Self::Credential(_) => "credential",
            Self::Passphrase => "passphrase",
            Self::Stdin => "stdin",
        }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_secrets_are_not() {
        assert_eq!(
            SecretRef::parse("env:OPENAI_API_KEY"),
            Ok(SecretRef::Env("OPENAI_API_KEY".into()))
        );
        assert_eq!(
            SecretRef::parse("file:/run/key"),
            Ok(SecretRef::File("/run/key".into()))
        );
        assert_eq!(SecretRef::parse("passphrase:"), Ok(SecretRef::Passphrase));
        for text in ["sk-ant-api03-secret", "", "http://x", "vaultish:x"] {
            assert_eq!(
                SecretRef::parse(text),
                Err(ReferenceError::Scheme),
                "{text}"
            );
        }
        for text in [
            "env:",
            "env:A B",
            "env:1A",
            "file:",
            "keyring:x",
            "credential:../x",
            "passphrase:x",
        ] {
            assert_eq!(
                SecretRef::parse(text),
                Err(ReferenceError::Target),
                "{text}"
            );
        }
    }
}
