//! A setting's value as it was written, and how it is read.

use std::{net::SocketAddr, time::Duration};

use mirk_model::SecretRef;
use mirk_provider::address::Cidr;

/// A value as written: text from a flag or the environment, or a typed value from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// Text; lists are separated by commas.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A list of texts.
    List(Vec<String>),
    /// A boolean, a float, a date or a table, which no setting is.
    Other,
}

type Read<T> = Result<T, String>;

impl Raw {
    pub(super) fn text(&self) -> Read<&str> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Number(_) | Self::List(_) | Self::Other => {
                Err("must be text in quotes".to_owned())
            }
        }
    }

    pub(super) fn list(&self) -> Read<Vec<&str>> {
        match self {
            Self::Text(text) => Ok(text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .collect()),
            Self::List(items) => Ok(items.iter().map(String::as_str).collect()),
            Self::Number(_) | Self::Other => Err("must be a list of texts".to_owned()),
        }
    }

    pub(super) fn number(&self, least: i64, most: i64) -> Read<i64> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::List(_) | Self::Other => None,
        };
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("must be a whole number from {least} to {most}"))
    }

    pub(super) fn size(&self, least: i64, most: i64) -> Read<usize> {
        usize::try_from(self.number(least, most)?)
            .map_err(|_negative| "must not be negative".to_owned())
    }

    pub(super) fn seconds(&self, most: i64) -> Read<Duration> {
        let seconds = self.number(1, most)?;
        Ok(Duration::from_secs(seconds.unsigned_abs()))
    }

    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Read<T> {
        let text = self.text()?;
        choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, choice)| *choice)
            .ok_or_else(|| {
                let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                format!("must be one of: {}", names.join(", "))
            })
    }

    pub(super) fn addresses(&self) -> Read<Vec<SocketAddr>> {
        let addresses: Option<Vec<_>> = self.list()?.iter().map(|item| item.parse().ok()).collect();
        addresses
            .filter(|addresses| !addresses.is_empty())
            .ok_or_else(|| {
                "must be addresses with ports, like 127.0.0.1:8790 or [::1]:8790".to_owned()
            })
    }

    pub(super) fn cidrs(&self) -> Read<Vec<Cidr>> {
        let ranges: Option<Vec<_>> = self
            .list()?
            .iter()
            .map(|item| Cidr::parse(item).ok())
            .collect();
        ranges.ok_or_else(|| "must be address ranges like 192.168.1.0/24".to_owned())
    }

    pub(super) fn ports(&self) -> Read<Vec<u16>> {
        let ports: Option<Vec<u16>> = self
            .list()?
            .iter()
            .map(|item| item.parse().ok().filter(|port| *port != 0))
            .collect();
        ports.ok_or_else(|| "must be port numbers in quotes, like \"8443\"".to_owned())
    }

    pub(super) fn reference(&self) -> Read<SecretRef> {
        SecretRef::parse(self.text()?).map_err(|error| error.to_string())
    }
}
