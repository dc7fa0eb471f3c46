//! Where a call goes at a provider: path and query below its base URL.
//!
//! The rule for base URLs, which people write with and without a version: when the base already
//! has the version, it is not doubled.
//! - The base ends in a version segment (`v1`, `v1beta`, `v4`): it takes the place of ours.
//! - OpenAI's dialects also when the version stands further left (`/v1beta/openai`), because
//!   OpenAI's base URLs always contain it.
//! - Ollama's own paths have no version: one at the end of the base is left out, and so is `api`.

use mirk_model::{Dialect, Operation};

use super::Facts;
use crate::address::BaseUrl;

/// The longest model name that can be part of a path, in bytes.
const LONGEST_SEGMENT: usize = 256;

/// What is asked of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// What it should do.
    pub operation: Operation,
    /// The model as the provider calls it.
    pub model: &'a str,
    /// The query as the client sent it, without the question mark. Known parameters pass.
    pub query: Option<&'a str>,
}

/// Why there is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The kind does not do this natively.
    #[error("this kind of provider does not serve the operation")]
    NotServed,
    /// The model's name would change the path.
    #[error("the model's name can not be part of a path")]
    Model,
}

impl Facts {
    /// The path and query for `call` at `base`, ready for the request line. Never holds a
    /// credential: `key` and every other unknown parameter stay behind.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn target(&self, base: &BaseUrl, call: &Call<'_>) -> Result<String, TargetError> {
        let template = self.path(call.operation).ok_or(TargetError::NotServed)?;
        let dialect = call.operation.dialect();
        let is_openai = matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses);
        let mut target = join(self.root(base), template, is_openai);
        if target.contains("{model}") {
            let model = call.model.strip_prefix("models/").unwrap_or(call.model);
            if !is_safe_segment(model) {
                return Err(TargetError::Model);
            }
            target = target.replace("{model}", &encode(model));
        }
        let query = call
            .query
            .map(|query| known_parameters(dialect, query))
            .unwrap_or_default();
        if !query.is_empty() {
            target = format!("{target}?{query}");
        }
        Ok(target)
    }
    /// The path at `base` that lists models.
    pub fn models_target(&self, base: &BaseUrl) -> String {
        join(self.root(base), self.models_path, self.has_openai_base())
    }

    /// The path at `base` that shows whether a credential works.
    pub fn probe_target(&self, base: &BaseUrl) -> String {
        join(self.root(base), self.probe_path, self.has_openai_base())
    }

    fn has_openai_base(&self) -> bool {
        self.serves(Operation::Chat)
    }

    /// The base's path, for Ollama without the `/api` that people copy from its documentation.
    fn root<'a>(&self, base: &'a BaseUrl) -> &'a str {
        let path = base.path();
        if self.serves(Operation::OllamaChat) {
            return path.strip_suffix("/api").unwrap_or(path);
        }
        path
    }
}

/// Whether `model` can stand as one segment of a path without changing where it leads.
pub fn is_safe_segment(model: &str) -> bool {
    (1..=LONGEST_SEGMENT).contains(&model.len())
        && model
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~:@+".contains(&byte))
        && model.bytes().any(|byte| byte != b'.')
}

fn encode(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for letter in segment.chars() {
        match letter {
            ':' => encoded.push_str("%3A"),
            '@' => encoded.push_str("%40"),
            '+' => encoded.push_str("%2B"),
            other => encoded.push(other),
        }
    }
    encoded
}

/// `template` below `base`, by the rule in this file's header.
fn join(base: &str, template: &str, is_openai: bool) -> String {
    let (first, rest) = split_first(template);
    let (front, last) = base.rsplit_once('/').unwrap_or((base, ""));
    if !is_version(first) {
        let base = if is_version(last) { front } else { base };
        return format!("{base}{template}");
    }
    if is_version(last) || is_openai && base.split('/').any(is_version) {
        return format!("{base}{rest}");
    }
    format!("{base}{template}")
}

/// `/v1/chat` as `v1` and `/chat`.
fn split_first(template: &str) -> (&str, &str) {
    let bare = template.strip_prefix('/').unwrap_or(template);
    let end = bare.find('/').unwrap_or(bare.len());
    bare.split_at_checked(end).unwrap_or((bare, ""))
}

/// `v1`, `v1beta`, `v4`, `v1alpha2`: a `v`, a digit, then letters and digits.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|number| {
        number.starts_with(|first: char| first.is_ascii_digit())
            && number
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// The parameters that mean something to the provider, in their order. Whole pairs are
/// compared, so that nothing has to be decoded and nothing unknown passes.
fn known_parameters(dialect: Dialect, query: &str) -> String {
    let known: &[&str] = match dialect {
        Dialect::Gemini => &["alt=sse", "alt=json"],
        Dialect::Anthropic => &["beta=true"],
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Ollama => &[],
    };
    let mut kept: Vec<&str> = Vec::new();
    for pair in query.split('&') {
        if known.contains(&pair) && !kept.contains(&pair) {
            kept.push(pair);
        }
    }
    kept.join("&")
}
