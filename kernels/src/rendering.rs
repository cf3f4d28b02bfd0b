//! One rendering as data, so that a process of its own may do it: the fuel of the template engine does not bound the
//! comparison and the joining of lists, which take what time and memory a template likes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Debug;
use std::path::PathBuf;

/// What is rendered or evaluated, with its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rendering {
    /// Folder of the templates; `None` for those embedded in the binary.
    pub folder: Option<PathBuf>,
    /// What is rendered.
    pub what: Template,
    /// Values that the template names.
    pub values: Value,
}

/// What is rendered or evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// A file of the folder, by its name.
    File(String),
    /// A text, with the name that messages use.
    Text {
        /// Name for messages.
        name: String,
        /// The template itself.
        text: String,
    },
    /// An expression.
    Expression(String),
}

impl Template {
    /// Returns the name for messages: that of the file or the text, or the expression itself.
    pub fn name(&self) -> &str {
        match self {
            Template::File(name) | Template::Text { name, .. } => name,
            Template::Expression(expression) => expression,
        }
    }
}

/// Renders templates that nobody has reviewed, within limits.
pub trait Renderer: Debug + Send + Sync {
    /// Returns what [`crate::KernelSource::perform`] returns of `rendering`, or why it was given up.
    ///
    /// # Errors
    /// Returns a message if the template cannot be rendered, or not within the limits.
    fn perform(&self, rendering: &Rendering) -> Result<Value, String>;
}
