//! Schemas: what Gemini does not know must not reach it, and names of properties must.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::json;

use super::{
    super::schema::{self, Written},
    Tree,
};
use crate::json::Value;

/// The keywords that Gemini's `Schema` has. Source: <https://ai.google.dev/api/caching#Schema>.
const KNOWN: [&str; 20] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "items",
    "minimum",
    "maximum",
];

fn parsed(written: &Written) -> Tree {
    written
        .json
        .as_deref()
        .map_or(Tree::Null, |json| serde_json::from_str(json).unwrap())
}

fn parameters(schema: &Tree) -> (Tree, bool) {
    let written = schema::parameters(&schema.to_string());
    (parsed(&written), written.has_changed)
}

fn answer(schema: &Tree) -> (Tree, bool) {
    let written = schema::answer(&schema.to_string());
    (parsed(&written), written.has_changed)
}

/// Whether Gemini takes a schema: its keywords alone, one type or alternatives, strings in `enum`,
/// known names in `required`, items in arrays.
fn check(schema: &Tree) -> Result<(), String> {
    let object = schema.as_object().ok_or("no object")?;
    if let Some(odd) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("keyword {odd}"));
    }
    let kind = object.get("type").map(|kind| kind.as_str().ok_or("type"));
    let kind = kind.transpose()?;
    if kind.is_some() == object.contains_key("anyOf") {
        return Err("neither type nor anyOf, or both".to_owned());
    }
    if let Some(kind) = kind
        && !["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"].contains(&kind)
    {
        return Err("an odd type".to_owned());
    }
    if let Some(values) = object.get("enum") {
        let values = values.as_array().ok_or("enum")?;
        if kind != Some("STRING") || values.iter().any(|value| !value.is_string()) {
            return Err("enum".to_owned());
        }
    }
    let empty = serde_json::Map::new();
    let properties = object
        .get("properties")
        .and_then(Tree::as_object)
        .unwrap_or(&empty);
    for name in object
        .get("required")
        .and_then(Tree::as_array)
        .into_iter()
        .flatten()
    {
        if !properties.contains_key(name.as_str().ok_or("required")?) {
            return Err("required".to_owned());
        }
    }
    if (kind == Some("ARRAY")) != object.contains_key("items") {
        return Err("items".to_owned());
    }
    let inner = properties.values().chain(object.get("items"));
    let branches = object
        .get("anyOf")
        .and_then(Tree::as_array)
        .into_iter()
        .flatten();
    inner.chain(branches).try_for_each(check)
}

#[test]
fn t13_a_property_named_pattern_survives() {
    let names = [
        "pattern",
        "type",
        "format",
        "const",
        "$ref",
        "$schema",
        "required",
        "properties",
        "anyOf",
        "additionalProperties",
        "__proto__",
        "enum",
        "default",
        "not",
    ];
    let mut schema = json!({"$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object", "additionalProperties": false, "required": names, "properties": {}});
    for name in names {
        schema["properties"][name] = json!({"type": "string"});
    }
    let (written, has_changed) = parameters(&schema);
    check(&written).unwrap();
    for name in names {
        assert_eq!(
            written["properties"][name],
            json!({"type": "STRING"}),
            "{name}"
        );
    }
    assert_eq!(written["required"].as_array().unwrap().len(), names.len());
    assert!(!has_changed);
}

#[test]
fn t13_unknown_keywords_become_words() {
    let (written, has_changed) = parameters(&json!({"type": "object", "properties": {
        "a": {"type": "number", "description": "A.", "exclusiveMinimum": 0, "multipleOf": 0.5},
        "b": {"type": "string", "format": "uuid", "pattern": "^(?=a)"},
        "c": {"type": "string", "format": "date-time", "pattern": "^a$", "minLength": 1,
            "default": null, "x-own": 1},
        "d": {"type": "object", "propertyNames": {"pattern": "^a"},
            "additionalProperties": {"type": "string"}}}}));
    check(&written).unwrap();
    assert!(has_changed);
    assert_eq!(
        written["properties"],
        json!({
            "a": {"type": "NUMBER", "description": "A. (exclusiveMinimum: 0; multipleOf: 0.5)"},
            "b": {"type": "STRING", "description": "pattern: ^(?=a); format: uuid"},
            "c": {"type": "STRING", "format": "date-time", "pattern": "^a$", "minLength": 1,
                "description": "default: null"},
            "d": {"type": "OBJECT", "description":
                "propertyNames: {\"pattern\":\"^a\"}; additionalProperties: {\"type\":\"string\"}"},
        })
    );
}

#[test]
fn t13_references_are_put_in_place_and_circles_are_cut() {
    let (written, has_changed) = parameters(&json!({"type": "object",
        "properties": {"a": {"$ref": "#/$defs/Size", "description": "How large."},
            "b": {"$ref": "#/definitions/x~1y"}},
        "$defs": {"Size": {"type": "integer", "minimum": 1}},
        "definitions": {"x/y": {"type": "array", "items": {"$ref": "#/$defs/Size"}}}}));
    check(&written).unwrap();
    assert!(!has_changed);
    assert_eq!(
        written["properties"],
        json!({"a": {"type": "INTEGER", "minimum": 1, "description": "How large."},
            "b": {"type": "ARRAY", "items": {"type": "INTEGER", "minimum": 1}}})
    );
    let (written, has_changed) = parameters(&json!({"$ref": "#/$defs/Node",
        "$defs": {"Node": {"type": "object", "properties": {
            "next": {"$ref": "#/$defs/Node"}, "value": {"type": "string"}}}}}));
    check(&written).unwrap();
    assert!(has_changed);
    assert_eq!(
        written["properties"]["next"],
        json!({"type": "OBJECT", "description": "again a Node"})
    );
}

#[test]
fn xlat12_references_to_elsewhere_are_never_fetched() {
    for target in [
        "https://x.example/schema.json",
        "#/nowhere",
        "other.json#/a",
        "#",
    ] {
        let schema = json!({"type": "object", "properties": {"a": {"$ref": target}}});
        let (written, has_changed) = parameters(&schema);
        check(&written).unwrap();
        assert!(has_changed);
        assert!(!written.to_string().contains("x.example"));
    }
}

#[test]
fn references_that_stand_for_very_much_are_bounded() {
    let mut schema = String::from(r##"{"$ref":"#/$defs/a0","$defs":{"##);
    for level in 0..40 {
        let next = level + 1;
        write!(
            schema,
            r##""a{level}":{{"type":"object","properties":{{"l":{{"$ref":"#/$defs/a{next}"}},"r":{{"$ref":"#/$defs/a{next}"}}}}}},"##
        )
        .unwrap();
    }
    schema.push_str(r#""a40":{"type":"string"}}}"#);
    let written = schema::parameters(&schema);
    assert!(written.has_changed);
    assert!(written.json.unwrap().len() < 4 << 20);
}

#[test]
fn t13_types_and_alternatives_are_said_as_gemini_has_them() {
    for (schema, expected) in [
        (
            json!({"type": ["string", "null"]}),
            json!({"type": "STRING", "nullable": true}),
        ),
        (
            json!({"type": ["string", "integer"], "minLength": 2}),
            json!({"anyOf": [{"type": "STRING", "minLength": 2}, {"type": "INTEGER"}]}),
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"type": "STRING", "nullable": true}),
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
            json!({"anyOf": [{"type": "STRING"},
                {"type": "ARRAY", "items": {"type": "STRING"}}]}),
        ),
        (
            json!({"const": "x"}),
            json!({"type": "STRING", "format": "enum", "enum": ["x"]}),
        ),
        (
            json!({"enum": ["a", "", null, "a", 1]}),
            json!({"type": "STRING", "nullable": true, "format": "enum", "enum": ["a", "1"]}),
        ),
        (
            json!({"type": "integer", "enum": [1, 2]}),
            json!({"type": "INTEGER", "description": "one of: 1, 2"}),
        ),
        (
            json!({"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "boolean"}}, "required": ["b", "c"]}]}),
            json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "BOOLEAN"}},
                "required": ["a", "b"]}),
        ),
        (
            json!({"type": "array"}),
            json!({"type": "ARRAY", "items": {"type": "STRING"}}),
        ),
        (
            json!({"prefixItems": [{"type": "string"}, {"type": "number"}]}),
            json!({"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}}),
        ),
    ] {
        let (written, _) = answer(&schema);
        check(&written).unwrap();
        assert_eq!(written, expected, "{schema}");
    }
}

#[test]
fn parameters_are_always_an_object() {
    let (written, has_changed) = parameters(&json!({"anyOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"type": "string"}}}]}));
    check(&written).unwrap();
    assert!(has_changed);
    assert_eq!(
        written,
        json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}}})
    );
    for nothing in [
        json!({}),
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}}),
    ] {
        assert_eq!(parameters(&nothing), (Tree::Null, false));
    }
}

#[test]
fn geminis_own_schemas_are_read_as_json_schema() {
    let read = |schema: Tree| -> Tree {
        let text = schema.to_string();
        let read = schema::read(Value::parse(&text).unwrap()).unwrap();
        serde_json::from_str(&read).unwrap()
    };
    assert_eq!(
        read(
            json!({"type": "OBJECT", "propertyOrdering": ["a"], "properties": {
            "any_of": {"type": "STRING", "format": "enum", "enum": ["x"], "nullable": true},
            "b": {"type": "ARRAY", "min_items": "2", "items": {"type": "INTEGER", "format": "int32"}},
            "c": {"any_of": [{"type": "STRING"}], "nullable": true, "example": 1}},
            "required": ["b"]})
        ),
        json!({"type": "object", "properties": {
            "any_of": {"type": ["string", "null"], "enum": ["x", null]},
            "b": {"type": "array", "minItems": 2, "items": {"type": "integer", "format": "int32"}},
            "c": {"anyOf": [{"type": "string"}, {"type": "null"}], "examples": [1]}},
            "required": ["b"]})
    );
    let wrong = schema::read(Value::parse(r#"{"properties":{"a":{"type":1}}}"#).unwrap());
    assert_eq!(wrong.unwrap_err().path, "properties.a.type");
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Tree::from),
        (-3_i64..9).prop_map(Tree::from),
        prop_oneof![
            Just("string"),
            Just("object"),
            Just("array"),
            Just("null"),
            Just("integer"),
            Just("#/$defs/a"),
            Just("#/properties/a"),
            Just("a"),
            Just("uuid"),
        ]
        .prop_map(Tree::from),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        let keys = prop_oneof![
            Just("type"),
            Just("properties"),
            Just("items"),
            Just("anyOf"),
            Just("oneOf"),
            Just("allOf"),
            Just("enum"),
            Just("const"),
            Just("$ref"),
            Just("$defs"),
            Just("required"),
            Just("a"),
            Just("format"),
            Just("pattern"),
            Just("minItems"),
            Just("prefixItems"),
            Just("additionalProperties"),
            Just("not"),
            Just("description"),
        ]
        .prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Tree::from),
            proptest::collection::hash_map(keys, inner, 0..6)
                .prop_map(|map| Tree::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn t13_whatever_the_schema_gemini_takes_what_is_written(schema in tree()) {
        for written in [parameters(&schema).0, answer(&schema).0] {
            if !written.is_null() {
                prop_assert!(check(&written).is_ok(), "{:?}: {} became {}", check(&written), schema, written);
            }
        }
        let text = schema.to_string();
        drop(schema::read(Value::parse(&text).unwrap()));
    }
}
