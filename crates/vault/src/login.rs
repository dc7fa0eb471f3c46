//! What is inside the seal of a credential that is not a key: OAuth tokens with what renews them,
//! or a pointer to where another program keeps its own.
//!
//! Invariant: one version byte first, then fields behind their lengths, in one order, nothing
//! after them. What reads is what this file wrote; everything else is an [`IntegrityError`].

use mirk_model::{Secret, Timestamp};
use zeroize::Zeroizing;

use crate::IntegrityError;

/// The version of both forms.
const VERSION: u8 = 1;

/// How a token endpoint is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// As RFC 6749 has it: a form.
    #[default]
    Form,
    /// As some providers have it: JSON.
    Json,
}

/// OAuth tokens, and what renews them.
#[derive(Debug)]
pub struct Login {
    /// What the provider takes.
    pub access: Secret<String>,
    /// What the token endpoint takes, once; absent where there is nothing to renew with.
    pub refresh: Option<Secret<String>>,
    /// When the access token was given.
    pub issued_at: Timestamp,
    /// When it expires, if that is known.
    pub expires_at: Option<Timestamp>,
    /// The only URL that the refresh token may be sent to; empty where there is none.
    pub endpoint: String,
    /// Who asks, as the provider registered it.
    pub client_id: String,
    /// What was granted, names separated by spaces; empty where nothing was said.
    pub scopes: String,
    /// How the endpoint is asked.
    pub manner: Manner,
}

impl Login {
    /// The form that is sealed.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let refresh = self.refresh.as_ref().map_or("", |token| token.expose());
        let expires = self.expires_at.map(|at| at.as_micros().to_be_bytes());
        fields(&[
            self.access.expose().as_bytes(),
            refresh.as_bytes(),
            &self.issued_at.as_micros().to_be_bytes(),
            expires.as_ref().map_or(&[][..], |bytes| bytes),
            self.endpoint.as_bytes(),
            self.client_id.as_bytes(),
            self.scopes.as_bytes(),
            &[match self.manner {
                Manner::Form => 0,
                Manner::Json => 1,
            }],
        ])
    }

    /// Reads what [`Login::to_bytes`] made.
    ///
    /// # Errors
    /// [`IntegrityError`] for everything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IntegrityError> {
        let mut fields = Reader::new(bytes)?;
        let access = fields.text()?;
        let refresh = fields.text()?;
        let login = Self {
            access: Secret::new(access),
            refresh: (!refresh.is_empty()).then(|| Secret::new(refresh)),
            issued_at: fields.time()?.ok_or(IntegrityError)?,
            expires_at: fields.time()?,
            endpoint: fields.text()?,
            client_id: fields.text()?,
            scopes: fields.text()?,
            manner: match fields.next()? {
                [0] => Manner::Form,
                [1] => Manner::Json,
                _ => return Err(IntegrityError),
            },
        };
        fields.end()?;
        Ok(login)
    }
}

/// Where another program keeps tokens that Mirk reads and never renews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Which program: `openclaw`.
    pub program: String,
    /// The file's path, from the root.
    pub file: String,
    /// The profile's name in the file.
    pub profile: String,
}

impl Pointer {
    /// The form that is sealed: a path tells about people.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let parts = [&self.program, &self.file, &self.profile];
        fields(&parts.map(String::as_bytes))
    }

    /// Reads what [`Pointer::to_bytes`] made.
    ///
    /// # Errors
    /// [`IntegrityError`] for everything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IntegrityError> {
        let mut fields = Reader::new(bytes)?;
        let pointer = Self {
            program: fields.text()?,
            file: fields.text()?,
            profile: fields.text()?,
        };
        fields.end()?;
        Ok(pointer)
    }
}

/// The version and each part behind its length, in a buffer that never moves and is wiped.
fn fields(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let size = parts.iter().map(|part| 4 + part.len()).sum::<usize>();
    let mut bytes = Zeroizing::new(Vec::with_capacity(1 + size));
    bytes.push(VERSION);
    for part in parts {
        // Whoever seals more than 1 MiB is refused, so a length that does not fit is never sealed.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, IntegrityError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            _ => Err(IntegrityError),
        }
    }

    fn next(&mut self) -> Result<&'a [u8], IntegrityError> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or(IntegrityError)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).or(Err(IntegrityError))?;
        let (field, rest) = rest.split_at_checked(length).ok_or(IntegrityError)?;
        self.0 = rest;
        Ok(field)
    }

    fn text(&mut self) -> Result<String, IntegrityError> {
        let text = std::str::from_utf8(self.next()?).or(Err(IntegrityError))?;
        Ok(text.to_owned())
    }

    fn time(&mut self) -> Result<Option<Timestamp>, IntegrityError> {
        let field = self.next()?;
        if field.is_empty() {
            return Ok(None);
        }
        let micros = <[u8; 8]>::try_from(field).or(Err(IntegrityError))?;
        Ok(Some(Timestamp::from_micros(i64::from_be_bytes(micros))))
    }

    const fn end(&self) -> Result<(), IntegrityError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(IntegrityError)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn login(access: &str, refresh: Option<&str>, expires_at: Option<i64>) -> Login {
        Login {
            access: Secret::new(access.to_owned()),
            refresh: refresh.map(|token| Secret::new(token.to_owned())),
            issued_at: Timestamp::from_micros(7),
            expires_at: expires_at.map(Timestamp::from_micros),
            endpoint: "https://login.example/token".to_owned(),
            client_id: "mine".to_owned(),
            scopes: "a b".to_owned(),
            manner: Manner::Json,
        }
    }

    #[test]
    fn the_sealed_form_is_the_one_of_the_papers() {
        let bytes = login("at", Some("rt"), None).to_bytes();
        let written = [
            &b"\x01\0\0\0\x02at\0\0\0\x02rt\0\0\0\x08\0\0\0\0\0\0\0\x07\0\0\0\0"[..],
            b"\0\0\0\x1bhttps://login.example/token\0\0\0\x04mine\0\0\0\x03a b\0\0\0\x01\x01",
        ];
        assert_eq!(*bytes, written.concat());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(access in "[!-~]{1,80}", refresh in proptest::option::of("[!-~]{1,80}"), expires in proptest::option::of(any::<i64>())) {
            let written = login(&access, refresh.as_deref(), expires);
            let read = Login::from_bytes(&written.to_bytes()).unwrap();
            prop_assert_eq!(read.access.expose(), &access);
            prop_assert_eq!(read.refresh.as_ref().map(|token| token.expose().as_str()), refresh.as_deref());
            prop_assert_eq!(read.expires_at, expires.map(Timestamp::from_micros));
            prop_assert_eq!(read.manner, Manner::Json);
        }

        #[test]
        fn other_bytes_are_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(login) = Login::from_bytes(&bytes) {
                prop_assert_eq!(&*login.to_bytes(), &bytes);
            }
            if let Ok(pointer) = Pointer::from_bytes(&bytes) {
                prop_assert_eq!(&*pointer.to_bytes(), &bytes);
            }
        }

        #[test]
        fn a_cut_or_longer_form_is_refused(cut in 0..60_usize) {
            let bytes = login("at", Some("rt"), Some(9)).to_bytes();
            prop_assert!(Login::from_bytes(&bytes[..cut.min(bytes.len() - 1)]).is_err());
            prop_assert!(Login::from_bytes(&[bytes.as_slice(), b"\0"].concat()).is_err());
        }
    }
}
