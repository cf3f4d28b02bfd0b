//! JSON schemas of what is published: result files, and the messages of executors.

use schemars::JsonSchema;

/// The JSON schema of `T`, as text.
pub fn json<T: JsonSchema>() -> String {
    let mut schema = schemars::schema_for!(T).to_value();
    unwrap_descriptions(&mut schema);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

/// Joins the lines of doc comments, so that wrapping them anew changes no schema, and takes out the
/// brackets of links that lead nowhere outside the code.
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
