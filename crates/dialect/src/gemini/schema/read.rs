//! Gemini's schema, read as JSON Schema.

use mirk_model::Text;

use super::super::fields::camel;
use crate::json::{Misread, Object, Type, Value};

/// Reads a schema of Gemini's. What is not its keyword is kept as it is: the client may have
/// written JSON Schema.
pub(in crate::gemini) fn read(value: Value<'_>) -> Result<Text<'_>, Misread> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(Text::from(String::from_utf8(out).unwrap_or_default()))
}

fn json(value: Value<'_>) -> Result<String, Misread> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(String::from_utf8(out).unwrap_or_default())
}

fn write(value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Misread> {
    if value.kind() == Type::Flag {
        out.extend_from_slice(value.raw().as_bytes());
        return Ok(());
    }
    let members: Vec<_> = value.members()?.into_rest().collect();
    let is_nullable = members
        .iter()
        .any(|(name, value)| name == "nullable" && value.raw() == "true");
    let is_enum = members
        .iter()
        .any(|(name, value)| name == "format" && value.raw() == "\"enum\"");
    Object::try_write(out, |object| {
        for (name, value) in members {
            let spelled = camel(&name);
            // Values may be anything, `null` too.
            if value.is_null() && spelled != "default" && spelled != "const" {
                continue;
            }
            match spelled.as_str() {
                "nullable" | "propertyOrdering" => {}
                "format" if is_enum => {}
                _ => member(&spelled, &name, value, is_nullable, object)
                    .map_err(|misread| misread.inside(&name))?,
            }
        }
        Ok(())
    })
}

fn member(
    spelled: &str,
    name: &str,
    value: Value<'_>,
    is_nullable: bool,
    object: &mut Object<'_>,
) -> Result<(), Misread> {
    match spelled {
        "type" => types(value, is_nullable, object)?,
        "properties" | "$defs" | "definitions" => {
            let mut written = Vec::new();
            for (name, schema) in value.members()?.into_rest() {
                let schema = json(schema).map_err(|misread| misread.inside(&name))?;
                written.push((name, schema));
            }
            object.object(name, |object| {
                for (name, schema) in &written {
                    object.raw(name, schema);
                }
            });
        }
        "items" if value.kind() == Type::Object => object.raw(spelled, json(value)?),
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => {
            let mut branches = Vec::new();
            for (index, branch) in value.items()?.into_iter().enumerate() {
                branches.push(json(branch).map_err(|misread| misread.at(index))?);
            }
            if is_nullable && spelled == "anyOf" {
                branches.push(r#"{"type":"null"}"#.to_owned());
            }
            object.array(spelled, |array| {
                for branch in branches {
                    array.raw(branch);
                }
            });
        }
        "enum" if is_nullable && value.kind() == Type::Array => {
            let values = value.items()?;
            object.array(spelled, |array| {
                for value in values.iter().filter(|value| !value.is_null()) {
                    array.raw(value.raw());
                }
                array.raw("null");
            });
        }
        "example" => object.array("examples", |array| array.raw(value.raw())),
        "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
            object.raw(spelled, count(value)?);
        }
        _ => object.raw(name, value.raw()),
    }
    Ok(())
}

/// A count; protocol buffers write 64-bit ones as strings.
fn count(value: Value<'_>) -> Result<String, Misread> {
    if value.kind() != Type::Text {
        return value.number().map(|number| number.as_str().to_owned());
    }
    let text = value.text()?;
    let is_count = !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    let digits = text.trim_start_matches('0');
    match (is_count, digits) {
        (false, _) => Err(Misread::here("is not a whole number")),
        (true, "") => Ok("0".to_owned()),
        (true, digits) => Ok(digits.to_owned()),
    }
}

fn types(value: Value<'_>, is_nullable: bool, object: &mut Object<'_>) -> Result<(), Misread> {
    let names = match value.kind() {
        Type::Array => value.items()?,
        _ => vec![value],
    };
    let mut words = Vec::new();
    for name in names {
        words.push(name.text()?.to_ascii_lowercase());
    }
    words.retain(|word| word != "type_unspecified");
    if is_nullable && !words.iter().any(|word| word == "null") && !words.is_empty() {
        words.push("null".to_owned());
    }
    match words.as_slice() {
        [] => {}
        [one] => object.text("type", one),
        _ => object.array("type", |array| {
            for word in &words {
                array.text(word);
            }
        }),
    }
    Ok(())
}
