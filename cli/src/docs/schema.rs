//! A JSON schema of `nbhoist.toml`, for editors.

use nbhoist_analyzer::rules;
use nbhoist_settings::keys::{EXECUTOR_KEYS, KEYS, Key, Kind};
use serde_json::{Map, Value, json};

pub(super) fn text() -> String {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": format!("{}/raw/main/docs/nbhoist.schema.json", env!("CARGO_PKG_REPOSITORY")),
        "title": "nbhoist.toml",
        "description": "Settings of nbhoist, in nbhoist.toml or below [tool.nbhoist] of pyproject.toml.",
        "type": "object",
        "properties": properties(&KEYS),
        "additionalProperties": false,
        "definitions": {"rule": rule()},
    });
    format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default())
}

fn properties(keys: &[Key]) -> Map<String, Value> {
    keys.iter().map(|key| (key.name.to_owned(), property(key))).collect()
}

fn property(key: &Key) -> Value {
    let mut value = of_kind(key.kind);
    value["description"] = key.text.into();
    let default = match key.kind {
        Kind::Number | Kind::Whole => key.default.parse::<u64>().ok().map(Value::from),
        Kind::Word(_) => Some(key.default.trim_matches('"').into()),
        _ => serde_json::from_str(key.default).ok(),
    };
    if let Some(default) = default {
        value["default"] = default;
    }
    value
}

fn of_kind(kind: Kind) -> Value {
    let rules = || json!({"type": "array", "items": {"$ref": "#/definitions/rule"}});
    match kind {
        Kind::Number => json!({"type": "number", "minimum": 0}),
        Kind::Whole => json!({"type": "integer", "minimum": 0}),
        Kind::String => json!({"type": "string"}),
        Kind::Word(words) => json!({"type": "string", "enum": words}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Scalar => json!({"type": ["string", "number"]}),
        Kind::Table => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::ListOrTable => json!({"anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
        ]}),
        Kind::Strings => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Rules => rules(),
        Kind::RulesByFile => json!({"type": "object", "additionalProperties": rules()}),
        Kind::WordByRule(words) => json!({
            "type": "object",
            "propertyNames": {"$ref": "#/definitions/rule"},
            "additionalProperties": {"type": "string", "enum": words},
        }),
        Kind::Executors => json!({
            "type": "object",
            "additionalProperties": {"type": "object", "properties": properties(&EXECUTOR_KEYS), "additionalProperties": false},
        }),
    }
}

/// Codes, names and beginnings of codes, which editors complete.
fn rule() -> Value {
    let mut words: Vec<String> = vec!["ALL".to_owned()];
    for rule in rules::all() {
        words.extend((1..=rule.code.len()).filter(|&end| end >= 3).map(|end| rule.code[..end].to_owned()));
        words.push(rule.name.to_owned());
    }
    words.sort();
    words.dedup();
    json!({"type": "string", "enum": words})
}
