//! The kernel texts: embedded in the binary, or a folder given with `--kernels`.

use super::error::PlanError;
use super::source_lines::mark;
use include_dir::{Dir, include_dir};
use std::path::PathBuf;

static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/kernels");

/// Where `*.wgsl` templates come from. Templates are minijinja with `{{ }}` for values and
/// `{% %}` for loops and conditions; `{% include "family/part.wgsl" %}` and `import` work.
#[derive(Debug, Clone, Default)]
pub struct KernelSource {
    folder: Option<PathBuf>,
    /// Lines of code carry their names; see [`super::source_lines`].
    marked: bool,
}

impl KernelSource {
    /// The texts that were compiled in.
    pub fn embedded() -> Self {
        KernelSource::default()
    }

    /// The texts of a folder laid out like `kernels/`, read anew at each rendering.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        KernelSource { folder: Some(path.into()), marked: false }
    }

    /// The texts that were compiled in, with marks that say which lines come through.
    pub(super) fn marked() -> Self {
        KernelSource { folder: None, marked: true }
    }

    /// The raw text of `name`, e.g. `gemm/tiled.wgsl`.
    pub fn read(&self, name: &str) -> Result<String, String> {
        match &self.folder {
            Some(folder) => std::fs::read_to_string(folder.join(name))
                .map_err(|e| format!("kernel {name}: cannot read {}: {e}", folder.join(name).display())),
            None => EMBEDDED
                .get_file(name)
                .and_then(|file| file.contents_utf8())
                .map(str::to_owned)
                .ok_or_else(|| format!("kernel {name} is not embedded")),
        }
    }

    /// The tables of tuned variants that ship with the texts: their names and what they hold.
    pub fn tables(&self) -> Vec<(String, String)> {
        let mut tables: Vec<(String, String)> = match &self.folder {
            Some(folder) => std::fs::read_dir(folder.join("tuned"))
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "toml"))
                .filter_map(|entry| {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    Some((name, std::fs::read_to_string(entry.path()).ok()?))
                })
                .collect(),
            None => EMBEDDED
                .get_dir("tuned")
                .into_iter()
                .flat_map(Dir::files)
                .filter(|file| file.path().extension().is_some_and(|extension| extension == "toml"))
                .filter_map(|file| {
                    let name = file.path().file_name()?.to_string_lossy().into_owned();
                    Some((name, file.contents_utf8()?.replace("\r\n", "\n")))
                })
                .collect(),
        };
        tables.sort();
        tables
    }

    /// Renders template `name` with `values`.
    pub fn render<S: serde::Serialize>(&self, name: &str, values: S) -> Result<String, PlanError> {
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        let environment = self.environment();
        let rendered = environment.get_template(name).and_then(|template| template.render(values));
        rendered.map_err(|error| PlanError::Template(format!("{error:#}")))
    }

    /// Renders `text` with `values`; it may include and import the texts that are here.
    pub(super) fn render_text(
        &self,
        name: &str,
        text: &str,
        values: &serde_json::Value,
    ) -> Result<String, PlanError> {
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        let rendered = self.environment().render_named_str(name, text, values);
        rendered.map_err(|error| PlanError::Template(format!("{error:#}")))
    }

    /// The value of an expression of `values`, with `ceil` for whole numbers from quotients.
    pub(super) fn evaluate(
        &self,
        expression: &str,
        values: &serde_json::Value,
    ) -> Result<serde_json::Value, minijinja::Error> {
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        let mut environment = self.environment();
        environment.add_function("ceil", |number: f64| number.ceil() as i64);
        let value = environment.compile_expression(expression)?.eval(values)?;
        serde_json::to_value(value)
            .map_err(|error| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string()))
    }

    fn environment(&self) -> minijinja::Environment<'static> {
        let mut environment = minijinja::Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        let syntax = minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the default delimiters are valid"));
        let source = self.clone();
        environment.set_loader(move |name| {
            let marks = |text: String| if source.marked { mark(name, &text) } else { text };
            source
                .read(name)
                .map(|text| Some(marks(text)))
                .map_err(|e| minijinja::Error::new(minijinja::ErrorKind::TemplateNotFound, e))
        });
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_kernel_is_named() {
        let error = KernelSource::embedded().render("no/such.wgsl", ()).unwrap_err();
        assert!(error.to_string().contains("no/such.wgsl"), "{error}");
    }
}
