//! The versions of one purpose key: the newest makes, every version checks.

use std::fmt;

/// At least one version of something; shows only its newest version's number.
pub(crate) struct Ring<T> {
    version: u32,
    current: T,
    older: Vec<(u32, T)>,
}

impl<T> Ring<T> {
    /// A ring of these versions; nothing when there is none or when a version comes twice.
    pub(crate) fn of(mut versions: Vec<(u32, T)>) -> Option<Self> {
        versions.sort_by_key(|(version, _)| *version);
        let twice = versions
            .windows(2)
            .any(|pair| matches!(pair, [(one, _), (other, _)] if one == other));
        let (version, current) = versions.pop()?;
        (!twice).then_some(Self {
            version,
            current,
            older: versions,
        })
    }

    /// The newest version's number.
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// The newest version.
    pub(crate) const fn current(&self) -> &T {
        &self.current
    }

    /// The version with this number.
    pub(crate) fn get(&self, version: u32) -> Option<&T> {
        if version == self.version {
            return Some(&self.current);
        }
        self.older
            .iter()
            .find_map(|(number, item)| (*number == version).then_some(item))
    }

    /// The newest version alone.
    pub(crate) fn into_current(self) -> T {
        self.current
    }

    /// The same ring of something made from each version.
    pub(crate) fn map<U>(&self, make: impl Fn(&T) -> U) -> Ring<U> {
        Ring {
            version: self.version,
            current: make(&self.current),
            older: self
                .older
                .iter()
                .map(|(version, item)| (*version, make(item)))
                .collect(),
        }
    }

    /// Every version, the newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.current).chain(self.older.iter().rev().map(|(_, item)| item))
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Ring({})", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_current_whatever_the_order() {
        let ring = Ring::of(vec![(2, 'b'), (3, 'c'), (1, 'a')]).unwrap();
        assert_eq!((ring.version(), *ring.current()), (3, 'c'));
        assert_eq!(ring.get(1), Some(&'a'));
        assert_eq!(ring.get(4), None);
        assert_eq!(ring.all().collect::<String>(), "cba");
    }

    #[test]
    fn no_version_and_a_doubled_version_make_no_ring() {
        assert!(Ring::<u8>::of(Vec::new()).is_none());
        assert!(Ring::of(vec![(1, 'a'), (1, 'b')]).is_none());
    }
}
