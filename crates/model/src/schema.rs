//! JSON schemas of the published formats: result files and executor messages.

use schemars::JsonSchema;

/// Returns the JSON schema of `T` as pretty-printed text.
pub fn json<T: JsonSchema>() -> String {
    let mut schema = schemars::schema_for!(T).to_value();
    unwrap_descriptions(&mut schema);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

/// Joins the lines of each doc comment, so that rewrapping a comment does not change the schema, and
/// removes the brackets of intra-doc links, which lead nowhere outside the code.
fn unwrap_descriptions(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    serde_json::Value::String(text) if name == "description" => {
                        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
                        let joined = paragraphs.collect::<Vec<_>>().join("\n\n");
                        *text = joined.replace("[`", "`").replace("`]", "`");
                    }
                    other => unwrap_descriptions(other),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(unwrap_descriptions),
        _ => {}
    }
}
