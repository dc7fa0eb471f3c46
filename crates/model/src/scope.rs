//! What a key may do, and with which models.

use std::fmt;

/// One thing that a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Generate text, in any dialect, and count its tokens.
    Chat,
    /// Make embeddings.
    Embeddings,
    /// List models.
    Models,
    /// Read this key's own usage.
    Usage,
    /// Use the MCP server.
    Mcp,
}

/// Every scope with its name on the command line, in the API and in the store.
const NAMES: [(Scope, &str); 5] = [
    (Scope::Chat, "chat"),
    (Scope::Embeddings, "embeddings"),
    (Scope::Models, "models"),
    (Scope::Usage, "usage"),
    (Scope::Mcp, "mcp"),
];

impl Scope {
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u32);

impl ScopeSet {
    /// What a key gets when nothing is said: chat, embeddings and models.
    pub const DEFAULT: Self =
        Self(Scope::Chat.bit() | Scope::Embeddings.bit() | Scope::Models.bit());

    /// Whether `scope` is in the set.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The set with `scope` in it.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Reads names separated by commas. On an unknown or missing name, gives that name back.
    ///
    /// # Errors
    /// The name that is not a scope.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .try_fold(Self::default(), |set, name| {
                NAMES
                    .iter()
                    .find(|(_, known)| *known == name)
                    .map(|(scope, _)| set.with(*scope))
                    .ok_or_else(|| name.to_owned())
            })
    }

    /// All names that [`ScopeSet::parse`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (_, name) in NAMES.iter().filter(|(scope, _)| self.has(*scope)) {
            write!(out, "{separator}{name}")?;
            separator = ",";
        }
        Ok(())
    }
}

/// Which models a key may use: globs over the name asked for and the name it resolves to.
/// No glob means every model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFilter(Vec<String>);

impl ModelFilter {
    /// The filter made of `globs`, in which `*` stands for any run of characters.
    pub fn new(globs: Vec<String>) -> Self {
        Self(globs)
    }

    /// The globs.
    pub fn globs(&self) -> &[String] {
        &self.0
    }

    /// Whether `name` may be used. The match is exact: case, spaces and all.
    pub fn allows(&self, name: &str) -> bool {
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|glob| matches(glob.as_bytes(), name.as_bytes()))
    }
}

/// Linear-time glob match: on a mismatch only the latest `*` is widened.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(n) {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, n));
                g += 1;
            }
            Some(wanted) if wanted == byte => {
                g += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    g = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_print_what_they_read_and_name_what_is_unknown() {
        let set = ScopeSet::parse("models, chat").unwrap();
        assert_eq!(set.to_string(), "chat,models");
        assert_eq!(ScopeSet::parse("chat,admin"), Err("admin".to_owned()));
        assert_eq!(ScopeSet::parse(""), Err(String::new()));
    }

    #[test]
    fn globs_match_whole_names_only() {
        let filter = ModelFilter::new(vec!["claude-*".into(), "a*b*c".into()]);
        assert!(filter.allows("claude-opus"));
        assert!(filter.allows("axxbyyc"));
        for refused in ["Claude-opus", " claude-opus", "axxbyy", "gpt", "xclaude-"] {
            assert!(!filter.allows(refused), "{refused}");
        }
        assert!(ModelFilter::default().allows("anything"));
    }
}
