//! Kernel sources: those embedded in the binary, or those of a folder given with `--kernels`.

use super::error::PlanError;
use super::marks::mark;
use super::rendering::{Renderer, Rendering, Template};
use include_dir::{Dir, include_dir};
use minijinja::Environment;
use portamark_model::text_file::read_text;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Folders of kernel sources that are embedded in the binary, with their names.
static FOLDERS: [(&str, Dir<'static>); 15] = [
    ("attention", include_dir!("$CARGO_MANIFEST_DIR/attention")),
    ("elements", include_dir!("$CARGO_MANIFEST_DIR/elements")),
    ("gather", include_dir!("$CARGO_MANIFEST_DIR/gather")),
    ("gemm", include_dir!("$CARGO_MANIFEST_DIR/gemm")),
    ("gemv", include_dir!("$CARGO_MANIFEST_DIR/gemv")),
    ("latency", include_dir!("$CARGO_MANIFEST_DIR/latency")),
    ("launch", include_dir!("$CARGO_MANIFEST_DIR/launch")),
    ("moe", include_dir!("$CARGO_MANIFEST_DIR/moe")),
    ("peak", include_dir!("$CARGO_MANIFEST_DIR/peak")),
    ("rmsnorm", include_dir!("$CARGO_MANIFEST_DIR/rmsnorm")),
    ("rope", include_dir!("$CARGO_MANIFEST_DIR/rope")),
    ("softmax", include_dir!("$CARGO_MANIFEST_DIR/softmax")),
    ("stream", include_dir!("$CARGO_MANIFEST_DIR/stream")),
    ("swiglu", include_dir!("$CARGO_MANIFEST_DIR/swiglu")),
    ("transpose", include_dir!("$CARGO_MANIFEST_DIR/transpose")),
];
/// Shared source file with the macros that read and write tensors.
const FORMAT: (&str, &str) = ("format.wgsl", include_str!("../format.wgsl"));
static TUNED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/tuned");

/// Embedded source file of that name; `None` if there is none.
fn embedded(name: &str) -> Option<&'static str> {
    if name == FORMAT.0 {
        return Some(FORMAT.1);
    }
    let (folder, file) = name.split_once('/')?;
    let (_, texts) = FOLDERS.iter().find(|(known, _)| *known == folder)?;
    texts.get_file(file)?.contents_utf8()
}

/// Instructions of the template engine that one rendering may take, with one more for each 64 bytes of data that it
/// makes, so that texts never fill more than 320 MB. The longest of the embedded kernels takes less than a fifth of it. A
/// template that loops on would otherwise keep the runner busy, whose timeouts are for executors, and one that doubles
/// a text would fill memory. Lists that contain or continue each other still can: a [`Renderer`] bounds those of others.
const FUEL: u64 = 5_000_000;

/// Source of the `*.wgsl` templates and of the tuning tables that ship with them.
///
/// Templates are minijinja with `{{ }}` for values and `{% %}` for loops and conditions;
/// `{% include "family/part.wgsl" %}` and `import` work.
#[derive(Debug, Clone, Default)]
pub struct KernelSource {
    folder: Option<PathBuf>,
    /// Whether every kernel gets run-time checks, since nobody has reviewed the texts.
    checked: bool,
    /// Whether each line of code carries a mark with its file and number; see [`super::source_lines`].
    marked: bool,
    /// What renders the texts that are not embedded; this process without one.
    renderer: Option<Arc<dyn Renderer>>,
}

/// Returns the file that `path` stands for, with links followed; `None` if it is not in `folder`.
///
/// # Errors
/// Fails if one of them does not exist.
fn inside(folder: &Path, path: &Path) -> io::Result<Option<PathBuf>> {
    let (folder, path) = (folder.canonicalize()?, path.canonicalize()?);
    Ok(path.starts_with(folder).then_some(path))
}

/// Reads the template `name` of `folder`. A template of somebody else may name any file of this machine, whose text
/// would come to light in messages and result files: only `.wgsl` files in the folder itself are read.
fn read_inside(folder: &Path, name: &str) -> Result<String, String> {
    let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || !name.ends_with(".wgsl") {
        return Err(format!("kernel {name}: expected the name of a .wgsl file in the folder of kernels"));
    }
    let path = folder.join(name);
    let failed = |e: io::Error| format!("kernel {name}: cannot read {}: {e}", path.display());
    match inside(folder, &path).map_err(failed)? {
        Some(file) => read_text(&file).map_err(|error| format!("kernel {name}: {error}")),
        None => {
            Err(format!("kernel {name}: it is a link to a file outside the folder of kernels; copy the file"))
        }
    }
}

/// Says on one line what the template engine found wrong, with the causes that it names. It would print the values of
/// the template too, which may be long.
fn words(error: &minijinja::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let all: Vec<String> =
        [error.to_string()].into_iter().chain(causes.map(|cause| cause.to_string())).collect();
    all.join(": ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes the text from an answer.
fn text(answer: serde_json::Value) -> Result<String, String> {
    match answer {
        serde_json::Value::String(text) => Ok(text),
        _ => Err("the template was not rendered into a text".into()),
    }
}

impl KernelSource {
    /// Returns the sources embedded in the binary.
    pub fn embedded() -> Self {
        KernelSource::default()
    }

    /// Returns the sources of a folder laid out like `kernels/`; files are read again at each rendering. Nobody has
    /// reviewed them: every kernel gets run-time checks, unless [`KernelSource::trusted`] says otherwise.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        KernelSource { folder: Some(path.into()), checked: true, ..KernelSource::default() }
    }

    /// Returns these sources without run-time checks in variants that have none.
    pub fn trusted(self) -> Self {
        KernelSource { checked: false, ..self }
    }

    /// Returns these sources with what renders the templates of the folder and of the user's own kernels. Embedded
    /// templates are rendered in this process.
    pub fn rendered_by(self, renderer: Arc<dyn Renderer>) -> Self {
        KernelSource { renderer: Some(renderer), ..self }
    }

    /// Whether every kernel of these sources gets run-time checks.
    pub fn is_checked(&self) -> bool {
        self.checked
    }

    /// Whether these are the sources embedded in the binary, and not those of a folder.
    pub fn is_embedded(&self) -> bool {
        self.folder.is_none()
    }

    /// Returns the embedded sources with marks, which show the lines that a rendered kernel consists of.
    pub(super) fn marked() -> Self {
        KernelSource { marked: true, ..KernelSource::default() }
    }

    /// Reads the template `name`, e.g. `gemm/tiled.wgsl`, without rendering it.
    pub fn read(&self, name: &str) -> Result<String, String> {
        match &self.folder {
            Some(folder) => read_inside(folder, name),
            None => embedded(name).map(str::to_owned).ok_or_else(|| format!("kernel {name} is not embedded")),
        }
    }

    /// Returns the tuning tables that ship with the sources, as pairs of file name and TOML, sorted by name.
    pub fn tables(&self) -> Vec<(String, String)> {
        let mut tables: Vec<(String, String)> = match &self.folder {
            Some(folder) => std::fs::read_dir(folder.join("tuned"))
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "toml"))
                .filter_map(|entry| {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    let path = inside(folder, &entry.path()).ok().flatten()?;
                    Some((name, read_text(&path).ok()?))
                })
                .collect(),
            None => TUNED
                .files()
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

    /// Renders the template `name` with `values` into WGSL.
    pub fn render<S: serde::Serialize>(&self, name: &str, values: S) -> Result<String, PlanError> {
        let rendered = match (&self.folder, &self.renderer) {
            (Some(_), Some(renderer)) => serde_json::to_value(values)
                .map_err(|error| error.to_string())
                .and_then(|values| self.elsewhere(&**renderer, Template::File(name.into()), values))
                .and_then(text),
            _ => self.render_file(name, minijinja::Value::from(minijinja::value::Serde(values))),
        };
        rendered.map_err(PlanError::Template)
    }

    /// Renders the template `text` with `values`; it may include and import the templates of this source.
    pub(super) fn render_text(
        &self,
        name: &str,
        template: &str,
        values: &serde_json::Value,
    ) -> Result<String, PlanError> {
        let template = Template::Text { name: name.into(), text: template.into() };
        self.foreign(template, values).and_then(text).map_err(PlanError::Template)
    }

    /// Evaluates an expression of `values`; the function `ceil` rounds quotients up to whole numbers.
    pub(super) fn evaluate(
        &self,
        expression: &str,
        values: &serde_json::Value,
    ) -> Result<serde_json::Value, String> {
        self.foreign(Template::Expression(expression.into()), values)
    }

    /// Renders or evaluates in this process: the part of a [`Renderer`] that is in a process of its own.
    ///
    /// # Errors
    /// Returns a message if the template cannot be rendered.
    pub fn perform(rendering: &Rendering) -> Result<serde_json::Value, String> {
        let Rendering { folder, what, values } = rendering;
        let source = folder.as_ref().map_or_else(KernelSource::embedded, KernelSource::folder);
        source.here(what, values)
    }

    /// Renders or evaluates what is of the user.
    fn foreign(&self, what: Template, values: &serde_json::Value) -> Result<serde_json::Value, String> {
        match &self.renderer {
            Some(renderer) => self.elsewhere(&**renderer, what, values.clone()),
            None => self.here(&what, values),
        }
    }

    fn elsewhere(
        &self,
        renderer: &dyn Renderer,
        what: Template,
        values: serde_json::Value,
    ) -> Result<serde_json::Value, String> {
        renderer.perform(&Rendering { folder: self.folder.clone(), what, values })
    }

    fn here(&self, what: &Template, values: &serde_json::Value) -> Result<serde_json::Value, String> {
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        match what {
            Template::File(name) => self.render_file(name, values).map(Into::into),
            Template::Text { name, text } => self
                .with_environment(|all| all.render_named_str(name, text, values))
                .map_err(|error| words(&error))
                .map(Into::into),
            Template::Expression(expression) => {
                let value = self
                    .with_environment(|all| all.compile_expression(expression)?.eval(values))
                    .map_err(|error| words(&error))?;
                serde_json::to_value(value).map_err(|error| error.to_string())
            }
        }
    }

    fn render_file(&self, name: &str, values: minijinja::Value) -> Result<String, String> {
        let render = |all: &Environment| {
            let captured = all.get_template(name).and_then(|template| template.render_captured(values))?;
            #[cfg(test)]
            tests::note_fuel(&captured);
            Ok(captured.into_output())
        };
        self.with_environment(render).map_err(|error| words(&error))
    }

    /// Calls `render` with the parsed templates. Embedded ones are parsed once, those of a folder each time.
    fn with_environment<T>(&self, render: impl FnOnce(&Environment) -> T) -> T {
        static EMBEDDED: OnceLock<Environment> = OnceLock::new();
        static MARKED: OnceLock<Environment> = OnceLock::new();
        match (&self.folder, self.marked) {
            (Some(_), _) => render(&self.environment()),
            (None, false) => render(EMBEDDED.get_or_init(|| self.environment())),
            (None, true) => render(MARKED.get_or_init(|| self.environment())),
        }
    }

    fn environment(&self) -> Environment<'static> {
        let mut environment = Environment::new();
        environment.add_function("ceil", |number: f64| number.ceil() as i64);
        environment.set_fuel(Some(FUEL));
        // The engine charges fuel for what it has written, and a list of lists that are one list is short to make and
        // endless to write.
        environment.set_formatter(|out, state, value| {
            use minijinja::value::ValueKind::{Iterable, Map, Seq};
            if matches!(value.kind(), Seq | Map | Iterable) {
                let words = "a list cannot be written; write its elements";
                return Err(minijinja::Error::new(minijinja::ErrorKind::BadSerialization, words));
            }
            minijinja::escape_formatter(out, state, value)
        });
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        let syntax = minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the default delimiters are valid"));
        let source = self.clone();
        environment.set_loader(move |name| {
            let marks = |text: String| if source.marked { mark(name, &text) } else { text };
            source.read(name).map(|text| Some(marks(text))).map_err(|e| {
                // The engine says its own words of a template that is not found. Why one that is there is
                // not used has to be told.
                let is_there = source.folder.as_ref().is_some_and(|folder| folder.join(name).exists());
                let not_found = minijinja::ErrorKind::TemplateNotFound;
                let kind = if is_there { minijinja::ErrorKind::InvalidOperation } else { not_found };
                minijinja::Error::new(kind, e)
            })
        });
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::{Capabilities, DeviceType, Feature, MatrixShape};
    use portamark_model::suite::Suite;
    use portamark_model::workload::{Case, DType};
    use std::cell::Cell;

    thread_local! {
        /// The most fuel that a rendering of this thread took.
        static MOST_FUEL: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn note_fuel(captured: &minijinja::Captured<'_>) {
        let (used, _) = captured.state().fuel_levels().unwrap();
        MOST_FUEL.set(MOST_FUEL.get().max(used));
    }

    #[test]
    fn the_longest_kernel_takes_a_small_part_of_the_fuel() {
        use Feature::{CooperativeMatrix, ShaderF16, Subgroup};
        let device = Capabilities::example().but(|it| {
            it.device_type = DeviceType::Discrete;
            (it.subgroup_min, it.subgroup_max) = (32, 32);
            it.features = vec![ShaderF16, Subgroup, CooperativeMatrix];
            let shape = |accumulate| MatrixShape::new(16, DType::F16, accumulate);
            it.matrix_shapes = [DType::F32, DType::F16].map(shape).to_vec();
            (it.limits.workgroup_size, it.limits.workgroup_memory) = (1024, 64 << 10);
        });
        // Of 60 182 plans, which are all variants for all cases of the full suite on this device and the example, the
        // longest takes 910 488: it is in the space of this case. Of the others, one of each kind is enough here.
        let longest: Case = "gemv f16xq4_0.f32 m8 n4096 k14336".parse().unwrap();
        let mut kinds = std::collections::BTreeSet::new();
        let suite = Suite::builtin("full").unwrap().cases.into_iter();
        let cases = suite.filter(|case| kinds.insert((case.family(), case.precision().to_string())));
        let plans = cases.flat_map(|case| {
            let found = crate::candidates(&case, &device).unwrap_or_default();
            found.into_iter().map(move |(kernel, variant)| (case.clone(), kernel, variant))
        });
        let space = crate::space(&longest, &device).unwrap();
        let plans =
            plans.chain(space.into_iter().map(|(kernel, variant)| (longest.clone(), kernel, variant)));
        let source = KernelSource::embedded();
        for (case, kernel, variant) in plans {
            kernel.plan(&case, &device, &variant, &source).unwrap();
            assert!(MOST_FUEL.get() <= FUEL / 5, "{case} {variant}: {}", MOST_FUEL.get());
        }
        // What this test goes by does not become untrue unnoticed either.
        assert!(MOST_FUEL.get() >= 900_000, "{}", MOST_FUEL.get());
    }

    #[test]
    fn a_template_that_doubles_a_text_is_stopped_and_said_on_one_line() {
        // 2⁶⁰ times a character, written out and as a loop; a list of 2⁴⁰ numbers; and one long text.
        let doubles = "{% set x = x ~ x %}".repeat(60);
        let grow = |start: &str, step: &str| {
            format!(
                "{{% set n = namespace(x={start}) %}}{{% for i in range(40) %}}{{% set n.x = {step} %}}{{% endfor %}}"
            )
        };
        for (text, part) in [
            (format!("{{% set x = 'x' %}}{doubles}"), "fuel"),
            (grow("'x'", "n.x ~ n.x"), "fuel"),
            (grow("'x' * 99", "n.x|replace('x', 'xx')"), "fuel"),
            (grow("[1]", "[n.x, n.x]") + "{{ n.x }}", "a list cannot be written"),
            ("{{ 'x' * 1000000000 }}".into(), "fuel"),
        ] {
            let error =
                KernelSource::embedded().render_text("own", &text, &serde_json::json!({})).unwrap_err();
            let words = error.to_string();
            assert!(words.contains(part) && words.len() < 200 && !words.contains('\n'), "{words}");
        }
        let error =
            KernelSource::embedded().evaluate("'x' * 1000000000", &serde_json::json!({})).unwrap_err();
        assert!(error.contains("fuel"), "{error}");
    }

    #[test]
    fn every_text_of_the_folder_is_compiled_in() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
        let mut texts = 0;
        for folder in folders.filter(|path| path.is_dir()).chain([root.into()]) {
            for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                if file.extension().is_none_or(|kind| kind != "wgsl") {
                    continue;
                }
                let name = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                let text = KernelSource::embedded().read(&name).unwrap();
                assert_eq!(text, std::fs::read_to_string(&file).unwrap(), "{name}");
                texts += 1;
            }
        }
        assert!(texts > 20, "{texts}");
    }

    #[test]
    fn a_template_that_loops_on_is_stopped() {
        // Ten billion turns take minutes; five million instructions take about a second in a debug build.
        let endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}";
        for text in [endless, "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}"] {
            let error =
                KernelSource::embedded().render_text("own", text, &serde_json::json!({})).unwrap_err();
            assert!(matches!(error, PlanError::Template(_)), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("large.wgsl")).unwrap().set_len((16 << 20) + 1).unwrap();
        let error = KernelSource::folder(folder.path()).read("large.wgsl").unwrap_err();
        assert!(error.contains("larger than 16 MiB"), "{error}");
    }

    #[test]
    fn a_template_includes_only_kernels_of_its_own_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("kernels");
        std::fs::create_dir_all(folder.join("stream")).unwrap();
        let secret = home.path().join("secret.wgsl");
        std::fs::write(&secret, "secret").unwrap();
        std::fs::write(folder.join("stream/notes.txt"), "secret").unwrap();
        std::fs::write(folder.join("stream/part.wgsl"), "part").unwrap();
        let rendered = |include: &str, how: &str| {
            let text = format!("{{% {how} \"{include}\" %}}");
            std::fs::write(folder.join("stream/stream.wgsl"), text).unwrap();
            KernelSource::folder(&folder).render("stream/stream.wgsl", ()).map_err(|error| error.to_string())
        };
        assert_eq!(rendered("stream/part.wgsl", "include"), Ok("part".into()));
        let mut names = vec![
            secret.to_str().unwrap().to_string(),
            "../secret.wgsl".into(),
            "stream/../../secret.wgsl".into(),
            "./stream/../../secret.wgsl".into(),
            "stream/notes.txt".into(),
            "/etc/passwd".into(),
            "".into(),
        ];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&secret, folder.join("stream/link.wgsl")).unwrap();
            std::os::unix::fs::symlink(home.path(), folder.join("up")).unwrap();
            names.extend(["stream/link.wgsl".into(), "up/secret.wgsl".into()]);
        }
        for name in names {
            for how in ["include", "extends"] {
                let error = rendered(&name, how).unwrap_err();
                assert!(
                    error.contains("folder of kernels") && !error.contains("secret\n"),
                    "{name}: {error}"
                );
            }
        }
    }

    #[derive(Debug)]
    struct Elsewhere;

    impl Renderer for Elsewhere {
        fn perform(&self, rendering: &Rendering) -> Result<serde_json::Value, String> {
            let folder = rendering.folder.as_ref().map_or("embedded".into(), |it| it.display().to_string());
            Ok(format!("{folder} {} {}", rendering.what.name(), rendering.values).into())
        }
    }

    #[test]
    fn only_what_is_not_embedded_is_rendered_elsewhere() {
        let renderer = Arc::new(Elsewhere);
        let values = serde_json::json!({ "n": 1 });
        let folder = KernelSource::folder("of/mine").rendered_by(renderer.clone());
        assert_eq!(folder.render("a.wgsl", &values).unwrap(), r#"of/mine a.wgsl {"n":1}"#);
        let embedded = KernelSource::embedded().rendered_by(renderer);
        assert_eq!(embedded.render_text("own/b", "text", &values).unwrap(), r#"embedded own/b {"n":1}"#);
        assert_eq!(embedded.evaluate("[n]", &values).unwrap(), r#"embedded [n] {"n":1}"#);
        let error = embedded.render("no/such.wgsl", &values).unwrap_err().to_string();
        assert!(error.contains("no/such.wgsl") && error.contains("not found"), "{error}");
    }

    /// Renders as another process would, whose messages are JSON.
    #[derive(Debug)]
    struct ByMessages;

    impl Renderer for ByMessages {
        fn perform(&self, rendering: &Rendering) -> Result<serde_json::Value, String> {
            let message = serde_json::to_string(rendering).unwrap();
            KernelSource::perform(&serde_json::from_str(&message).unwrap())
        }
    }

    #[test]
    fn a_kernel_of_a_folder_is_the_same_by_messages() {
        let (device, mut kinds) = (Capabilities::example(), std::collections::BTreeSet::new());
        let embedded = KernelSource::embedded();
        let folder = KernelSource::folder(env!("CARGO_MANIFEST_DIR")).rendered_by(Arc::new(ByMessages));
        for case in Suite::builtin("full").unwrap().cases {
            for (kernel, variant) in crate::candidates(&case, &device).unwrap_or_default() {
                if kinds.insert((variant.kernel.clone(), case.precision().to_string())) {
                    let plan = |source| kernel.plan(&case, &device, &variant, source).unwrap();
                    assert_eq!(plan(&folder).steps, plan(&embedded).steps, "{case} {variant}");
                }
            }
        }
        assert!(kinds.len() > 30, "{}", kinds.len());
    }

    #[test]
    fn what_is_performed_for_another_process_is_what_would_be_rendered_here() {
        let values = serde_json::json!({ "n": 3 });
        let of = |what| Rendering { folder: None, what, values: values.clone() };
        let own = Template::Text { name: "own".into(), text: "{{ n + 1 }}".into() };
        assert_eq!(KernelSource::perform(&of(own)).unwrap(), "4");
        let groups = Template::Expression("[ceil(n / 2)]".into());
        assert_eq!(KernelSource::perform(&of(groups)).unwrap(), serde_json::json!([2]));
        let missing = KernelSource::perform(&of(Template::File("no/such.wgsl".into()))).unwrap_err();
        assert!(missing.contains("no/such.wgsl"), "{missing}");
    }

    #[test]
    fn a_missing_kernel_is_named() {
        let error = KernelSource::embedded().render("no/such.wgsl", ()).unwrap_err();
        assert!(error.to_string().contains("no/such.wgsl"), "{error}");
    }
}
