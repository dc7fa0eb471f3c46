//! Where a ciphertext belongs: the bytes that bind it to one place and nowhere else.

use mirk_model::{InstallId, LengthPrefixed, TenantId};

/// The one place a ciphertext is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Owner, whose DEK seals; absent for what belongs to the installation itself.
    pub tenant: Option<TenantId>,
    /// Table of the row.
    pub table: &'a str,
    /// Id of the row, as bytes.
    pub row: &'a [u8],
    /// Column of the row.
    pub column: &'a str,
    /// Counts re-seals of the same place, so that an older ciphertext does not fit any more.
    pub generation: i64,
}

impl<'a> Place<'a> {
    /// A place in a tenant's row, first generation unless [`Place::at_generation`] says otherwise.
    pub const fn of(tenant: TenantId, table: &'a str, row: &'a [u8], column: &'a str) -> Self {
        Self {
            tenant: Some(tenant),
            table,
            row,
            column,
            generation: 0,
        }
    }

    /// A place in a row of the installation itself, sealed with `enc/system`.
    pub const fn of_system(table: &'a str, row: &'a [u8], column: &'a str) -> Self {
        Self {
            tenant: None,
            table,
            row,
            column,
            generation: 0,
        }
    }

    /// The same place, at this generation.
    #[must_use]
    pub const fn at_generation(mut self, generation: i64) -> Self {
        self.generation = generation;
        self
    }

    /// LP(install) ‖ LP(tenant, or nothing) ‖ LP(table) ‖ LP(row) ‖ LP(column) ‖ u64(generation).
    pub(crate) fn bytes(&self, install: InstallId) -> Vec<u8> {
        let tenant = self.tenant.as_ref().map_or(&[][..], |id| id.as_bytes());
        let mut bytes = LengthPrefixed::default()
            .field(install.as_bytes())
            .field(tenant)
            .field(self.table.as_bytes())
            .field(self.row)
            .field(self.column.as_bytes())
            .into_bytes();
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes
    }
}
