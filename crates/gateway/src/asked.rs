//! Which model a request names, and where.

use std::ops::Range;

use mirk_dialect::json::{ModelName, Value};
use mirk_model::{Kind, Operation, Problem};

/// The model that a request for `operation` names, in its path or in its `body`, and where in the
/// body it stands, if it is there to be replaced.
///
/// # Errors
/// When it names none, or two.
pub(crate) fn model(
    operation: Operation,
    path_model: Option<String>,
    named: Option<ModelName>,
    body: &[u8],
) -> Result<(String, Option<Range<usize>>), Problem> {
    let wrong = |words: &'static str| Problem::new(Kind::BadRequest, words).about("model");
    match (path_model, named) {
        (Some(model), Some(named)) if bare(&named.name) != bare(&model) => {
            Err(wrong("The body names another model than the path."))
        }
        (Some(model), _) => Ok((model, None)),
        (None, named) if matches!(operation, Operation::Prompt | Operation::PromptStream) => {
            Ok((prompted(body, named), None))
        }
        (None, Some(model)) => Ok((model.name, Some(model.token))),
        (None, None) => Err(wrong("The body names no model.")),
    }
}

/// A model's name without the collection that Gemini's names begin with.
fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// The model of one of ClawPipe's calls, which name provider and model apart, and may name
/// neither.
fn prompted(body: &[u8], named: Option<ModelName>) -> String {
    let provider = std::str::from_utf8(body)
        .ok()
        .and_then(|body| Value::parse(body).ok()?.members().ok()?.take("provider"))
        .and_then(|provider| provider.text().ok());
    match (provider, named) {
        (Some(provider), Some(model)) => format!("{}/{}", provider.as_str(), model.name),
        (None, Some(model)) => model.name,
        (_, None) => "auto".to_owned(),
    }
}
