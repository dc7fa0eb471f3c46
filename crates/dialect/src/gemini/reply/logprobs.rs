//! Log probabilities. Source: <https://ai.google.dev/api/generate-content>, `LogprobsResult`.

use mirk_model::{Logprob, Number, Text};

use super::word;
use crate::json::{Members, Object, Value};

/// Reads `logprobsResult`.
pub(in crate::gemini) fn read(value: Value<'_>) -> Vec<Logprob<'_>> {
    let Ok(mut members) = value.members() else {
        return Vec::new();
    };
    let chosen = items(&mut members, "chosenCandidates");
    let mut others = items(&mut members, "topCandidates").into_iter();
    let mut tokens = Vec::with_capacity(chosen.len());
    for token in chosen {
        let top = others.next();
        let Some((token, logprob)) = pair(token) else {
            continue;
        };
        let top = top.and_then(|top| top.members().ok());
        let top = top.map(|mut top| items(&mut top, "candidates"));
        tokens.push(Logprob {
            token,
            logprob,
            others: top
                .unwrap_or_default()
                .into_iter()
                .filter_map(pair)
                .collect(),
        });
    }
    tokens
}

fn items<'a>(members: &mut Members<'a>, name: &str) -> Vec<Value<'a>> {
    let value = members.take(name).map(Value::items);
    value.and_then(Result::ok).unwrap_or_default()
}

fn pair(value: Value<'_>) -> Option<(Text<'_>, Number<'_>)> {
    let mut members = value.members().ok()?;
    let logprob = members.take("logProbability").map(Value::number);
    // A probability of 1 is the default, which protocol buffers leave out.
    let logprob = logprob.and_then(Result::ok);
    Some((
        word(&mut members, "token"),
        logprob.unwrap_or_else(|| Text::from("0")),
    ))
}

/// Writes `logprobsResult`.
pub(in crate::gemini) fn write(tokens: &[Logprob<'_>], object: &mut Object<'_>) {
    let write = |object: &mut Object<'_>, token: &str, logprob: &str| {
        object.text("token", token);
        object.raw("logProbability", logprob);
    };
    object.object("logprobsResult", |result| {
        if tokens.iter().any(|token| !token.others.is_empty()) {
            result.array("topCandidates", |array| {
                for token in tokens {
                    array.object(|top| {
                        top.array("candidates", |array| {
                            for (other, logprob) in &token.others {
                                array.object(|object| write(object, other, logprob));
                            }
                        });
                    });
                }
            });
        }
        result.array("chosenCandidates", |array| {
            for token in tokens {
                array.object(|object| write(object, &token.token, &token.logprob));
            }
        });
    });
}
