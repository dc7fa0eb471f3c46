//! What a model's name in a request can mean before anything is looked up.
//!
//! `auto` is the key's default profile, `mirk/<profile>` a profile by name, anything else a route,
//! a model at a provider (`provider/model`) or a bare model.

use mirk_model::ModelFilter;

/// The profile that `auto` means where neither key nor request says otherwise.
pub const DEFAULT_PROFILE: &str = "balanced";

/// Names that no provider and no route can have.
pub const RESERVED: [&str; 2] = ["auto", "mirk"];

/// What a name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// The default profile.
    Auto,
    /// The profile of this name.
    Profile(&'a str),
    /// A route, `provider/model`, or a model.
    Name(&'a str),
}

impl<'a> Asked<'a> {
    /// Reads `name`. The match is exact: case, spaces and all.
    pub fn read(name: &'a str) -> Self {
        match name.strip_prefix("mirk/") {
            Some("auto") => Self::Auto,
            Some(profile) => Self::Profile(profile),
            None if name == "auto" => Self::Auto,
            None => Self::Name(name),
        }
    }
}

/// Whether `model` says of itself that it runs in somebody's cloud, whatever machine it is asked
/// at: Ollama's `glm-4.6:cloud` and `gpt-oss:120b-cloud`.
pub fn is_cloud(model: &str) -> bool {
    model.rsplit_once(':').is_some_and(|(_, tag)| {
        let tag = tag.as_bytes();
        let end = tag.len().checked_sub(5).and_then(|at| tag.get(at..));
        let before = tag.len().checked_sub(6).and_then(|at| tag.get(at));
        end.is_some_and(|end| end.eq_ignore_ascii_case(b"cloud"))
            && before.is_none_or(|before| *before == b'-')
    })
}

/// Allow and deny lists over `provider/model`, with `*` for any run of characters. An empty allow
/// list allows all; what the deny list names is out whatever the other says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    allow: ModelFilter,
    deny: ModelFilter,
}

impl Lists {
    /// The lists made of these globs.
    pub fn new(allow: Vec<String>, deny: Vec<String>) -> Self {
        Self {
            allow: ModelFilter::new(allow),
            deny: ModelFilter::new(deny),
        }
    }

    /// Whether `full`, a `provider/model`, is allowed and not denied.
    pub fn pass(&self, full: &str) -> bool {
        self.allow.allows(full) && !self.denies(full)
    }

    /// Whether `full` is on the deny list.
    pub fn denies(&self, full: &str) -> bool {
        !self.deny.globs().is_empty() && self.deny.allows(full)
    }
}

/// What `name` leads to by a route whose name and target each have one `*`: what the star of
/// `glob` stands for takes the place of the target's.
pub(crate) fn rewrite(glob: &str, target: &str, name: &str) -> Option<String> {
    let (before, after) = glob.split_once('*')?;
    let star = name.strip_prefix(before)?.strip_suffix(after)?;
    Some(target.replacen('*', star, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ask_for_profiles_or_models() {
        for (name, asked) in [
            ("auto", Asked::Auto),
            ("mirk/auto", Asked::Auto),
            ("mirk/fast", Asked::Profile("fast")),
            ("mirk/", Asked::Profile("")),
            ("Auto", Asked::Name("Auto")),
            ("openai/gpt-5", Asked::Name("openai/gpt-5")),
        ] {
            assert_eq!(Asked::read(name), asked, "{name}");
        }
    }

    #[test]
    fn cloud_is_a_tag_or_the_end_of_one() {
        for (model, cloud) in [
            ("glm-4.6:cloud", true),
            ("gpt-oss:120b-cloud", true),
            ("gpt-oss:120b-CLOUD", true),
            ("x:cloud", true),
            ("x:mycloud", false),
            ("cloud", false),
            ("x-cloud", false),
            ("llama:8b", false),
            ("x:cloud:8b", false),
            (":", false),
        ] {
            assert_eq!(is_cloud(model), cloud, "{model}");
        }
    }

    #[test]
    fn a_deny_list_goes_before_an_allow_list() {
        let lists = Lists::new(vec!["a/*".into()], vec!["*/secret*".into()]);
        assert!(lists.pass("a/open"));
        assert!(!lists.pass("a/secret-1"));
        assert!(!lists.pass("b/open"));
        assert!(Lists::default().pass("anything"));
    }

    #[test]
    fn a_star_carries_what_it_stood_for() {
        let lead = |name| rewrite("claude-*", "router/anthropic/claude-*", name);
        assert_eq!(
            lead("claude-opus").as_deref(),
            Some("router/anthropic/claude-opus")
        );
        assert_eq!(lead("gpt"), None);
        assert_eq!(rewrite("aa*aa", "x", "aaa"), None);
    }
}
