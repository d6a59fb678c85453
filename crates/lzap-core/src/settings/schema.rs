//! The JSON Schema of `lzap.toml`, for editors and for the reference page.

use serde_json::{Map, Value, json};

use super::key::Declaration;
use super::table::Table;
use super::tables::keys_of;

/// The JSON Schema of `lzap.toml`, made of the declarations of the keys.
///
/// What JSON Schema has no keyword for stands under `x-lzap`: `unit`, `limit` (what the value must keep to, in words), `page`
/// (AWS's page), and `default` where the default is not a constant.
pub fn schema() -> Value {
    let definitions = Table::ALL.into_iter().filter(|table| *table != Table::File);
    let definitions: Map<String, Value> = definitions
        .map(|table| (table.definition().to_owned(), Value::Object(describe_table(table))))
        .collect();
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.extend(describe_table(Table::File));
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(schema)
}

/// Returns the schema of one table. Unknown keys are errors for editors, as they are for lzap.
fn describe_table(table: Table) -> Map<String, Value> {
    let properties: Map<String, Value> =
        keys_of(table).map(|key| (key.name().to_owned(), key.schema())).collect();
    let required: Vec<&str> = keys_of(table).filter(|key| key.is_required()).map(Declaration::name).collect();
    let mut schema = Map::new();
    schema.insert("title".to_owned(), json!(table.title()));
    schema.insert("description".to_owned(), json!(table.text()));
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}
