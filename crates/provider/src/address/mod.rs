//! The one address policy: which URLs may be saved and which addresses may be dialled.
//!
//! Invariant: a [`VettedAddr`] can be made only by [`vet`], and the connector takes nothing
//! else. A [`BaseUrl`] is stored, shown and dialled in its canonical form only.

mod base_url;
mod blocks;
mod cidr;
mod name;
mod policy;
mod port;

pub use base_url::{AddressError, BaseUrl, Origin};
pub use cidr::{Cidr, CidrError};
pub use name::vet_host;
pub use policy::{Blocked, Mode, Policy, VettedAddr, vet};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
