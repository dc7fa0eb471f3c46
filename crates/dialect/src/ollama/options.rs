//! `options`, where Ollama has all that others have at the top.

use mirk_model::{Ask, Text};

use crate::{
    json::{Misread, Object, Value},
    loss::Notes,
};

/// Options of Ollama's engine that no other provider has.
const OWN: [&str; 17] = [
    "options.num_ctx",
    "options.num_keep",
    "options.num_batch",
    "options.num_gpu",
    "options.main_gpu",
    "options.num_thread",
    "options.use_mmap",
    "options.use_mlock",
    "options.low_vram",
    "options.numa",
    "options.repeat_last_n",
    "options.typical_p",
    "options.tfs_z",
    "options.mirostat",
    "options.mirostat_tau",
    "options.mirostat_eta",
    "options.penalize_newline",
];

/// Reads `options` into `ask`.
pub(super) fn read<'a>(
    ask: &mut Ask<'a>,
    value: Value<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let mut members = value.members()?;
    let sampling = &mut ask.sampling;
    for (name, field) in [
        ("temperature", &mut sampling.temperature),
        ("top_p", &mut sampling.top_p),
        ("top_k", &mut sampling.top_k),
        ("min_p", &mut sampling.min_p),
        ("frequency_penalty", &mut sampling.frequency_penalty),
        ("presence_penalty", &mut sampling.presence_penalty),
        ("repeat_penalty", &mut sampling.repeat_penalty),
        ("seed", &mut sampling.seed),
    ] {
        *field = members.read(name, Value::number)?;
    }
    // Less than 0 is as much as there is.
    ask.max_tokens = members
        .read("num_predict", |value| {
            let is_endless = value.number()?.starts_with('-');
            if is_endless {
                Ok(None)
            } else {
                value.count().map(Some)
            }
        })?
        .flatten();
    if let Some(stop) = members.take("stop") {
        ask.stop = stops(stop).map_err(|misread| misread.inside("stop"))?;
    }
    for own in OWN {
        let name = own.trim_start_matches("options.");
        if let Some(value) = members.take(name) {
            ask.own.push((own, value.json()));
        }
    }
    for unknown in members.rest() {
        notes.dropped_field(&format!("options.{unknown}"));
    }
    Ok(())
}

fn stops(value: Value<'_>) -> Result<Vec<Text<'_>>, Misread> {
    if let Ok(stop) = value.text() {
        return Ok(vec![stop]);
    }
    let mut stops = Vec::new();
    for (index, item) in value.items()?.into_iter().enumerate() {
        stops.push(item.text().map_err(|misread| misread.at(index))?);
    }
    Ok(stops)
}

/// Whether anything of `ask` stands in `options`.
fn has_any(ask: &Ask<'_>) -> bool {
    let sampling = &ask.sampling;
    ask.max_tokens.is_some()
        || !ask.stop.is_empty()
        || [
            &sampling.temperature,
            &sampling.top_p,
            &sampling.top_k,
            &sampling.min_p,
            &sampling.frequency_penalty,
            &sampling.presence_penalty,
            &sampling.repeat_penalty,
            &sampling.seed,
        ]
        .iter()
        .any(|field| field.is_some())
}

/// Writes `options`, if there are any.
pub(super) fn write(ask: &Ask<'_>, body: &mut Object<'_>) {
    if !has_any(ask) {
        return;
    }
    let sampling = &ask.sampling;
    body.object("options", |options| {
        for (name, field) in [
            ("temperature", &sampling.temperature),
            ("top_p", &sampling.top_p),
            ("top_k", &sampling.top_k),
            ("min_p", &sampling.min_p),
            ("frequency_penalty", &sampling.frequency_penalty),
            ("presence_penalty", &sampling.presence_penalty),
            ("repeat_penalty", &sampling.repeat_penalty),
            ("seed", &sampling.seed),
        ] {
            options.maybe_raw(name, field.as_ref().map(Text::as_str));
        }
        if let Some(most) = ask.max_tokens {
            options.number("num_predict", most);
        }
        if !ask.stop.is_empty() {
            options.array("stop", |stops| {
                for stop in &ask.stop {
                    stops.text(stop.as_str());
                }
            });
        }
    });
}
