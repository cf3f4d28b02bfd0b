//! A user's kernel: a WGSL template whose header says what it computes and how many workgroups it needs.
//! `docs/kernels.md` describes the format.

use super::error::PlanError;
use super::operand::case_values;
use super::source::KernelSource;
use portamark_model::device::Capabilities;
use portamark_model::plan::{Binding, Buffer, Content, Plan, Step};
use portamark_model::variant::{OWN_PREFIX, Path, Variant};
use portamark_model::workload::{Case, Tile};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Prefix of each line of a header.
const MARK: &str = "// portamark:";

/// A user's kernel, given with `--kernel FILE.wgsl`.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnKernel {
    /// Name of its variants: `own/` followed by the file name without extension.
    pub name: String,
    /// Keys of the cases that it computes, or patterns that match such keys.
    pub cases: Vec<String>,
    text: String,
    workgroups: String,
    tile: Tile,
    path: Path,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    case: Cases,
    workgroups: String,
    #[serde(default)]
    tile: Option<String>,
    #[serde(default)]
    path: Option<Path>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Cases {
    One(String),
    Several(Vec<String>),
}

/// Parses a tile such as `64x32` (rows, then columns).
fn tile(text: &str) -> Result<Tile, String> {
    let wrong = || format!("tile = \"{text}\": expected rows and columns, e.g. \"64x64\"");
    let (rows, columns) = text.split_once('x').ok_or_else(wrong)?;
    match (rows.trim().parse(), columns.trim().parse()) {
        (Ok(rows), Ok(columns)) if rows > 0 && columns > 0 => Ok(Tile { rows, columns }),
        _ => Err(wrong()),
    }
}

impl OwnKernel {
    /// Parses `text`, the contents of the file whose name without extension is `stem`.
    ///
    /// # Errors
    /// Returns a message if the header is missing or invalid.
    pub fn parse(stem: &str, text: &str) -> Result<Self, String> {
        let lines: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix(MARK)).collect();
        if lines.is_empty() {
            return Err("it has no header that says what it computes".into());
        }
        let header: Header = toml::from_str(&lines.join("\n"))
            .map_err(|error| format!("its header: {}", error.message().replace('\n', ", ")))?;
        let cases = match header.case {
            Cases::One(case) => vec![case],
            Cases::Several(cases) => cases,
        };
        if cases.is_empty() {
            return Err("its header: `case` is empty".into());
        }
        Ok(OwnKernel {
            name: format!("{OWN_PREFIX}{stem}"),
            cases,
            text: text.into(),
            workgroups: header.workgroups,
            tile: header.tile.as_deref().map_or(Ok(Tile::ONE), tile)?,
            path: header.path.unwrap_or(Path::Scalar),
        })
    }

    /// Returns its only variant, apart from the choice of run-time checks.
    pub fn variant(&self) -> Variant {
        Variant::new(&self.name, self.path)
    }

    /// Renders the kernel for `case`, with all buffers of the case bound in their order.
    ///
    /// # Errors
    /// Fails if the template cannot be rendered, if the number of workgroups is invalid, or if the device
    /// lacks a feature that the kernel needs.
    pub fn plan(
        &self,
        case: &Case,
        device: &Capabilities,
        variant: &Variant,
        source: &KernelSource,
    ) -> Result<Plan, PlanError> {
        let values = values(case, device);
        let wgsl = source.render_text(&self.name, &self.text, &values)?;
        let workgroups = self.workgroups(source, &values, device)?;
        let buffers = Buffer::all(case);
        let bind = |(buffer, b): (usize, &Buffer)| match b.content {
            Content::Output => Binding::write(buffer),
            _ => Binding::read(buffer),
        };
        let bindings = buffers.iter().enumerate().map(bind).collect();
        let plan = Plan::new(buffers, vec![Step::new(wgsl, bindings, workgroups)], variant, self.tile);
        if let Some(lacking) = plan.features.iter().find(|feature| !device.has(**feature)) {
            let text = format!("needs {lacking}, which this device does not offer");
            return Err(PlanError::Unsupported(text));
        }
        Ok(plan)
    }

    fn workgroups(
        &self,
        source: &KernelSource,
        values: &Value,
        device: &Capabilities,
    ) -> Result<[u32; 3], PlanError> {
        let wrong =
            |what: String| PlanError::Template(format!("workgroups = \"{}\": {what}", self.workgroups));
        let counts = source.evaluate(&format!("[{}]", self.workgroups), values).map_err(wrong)?;
        let counts: Vec<f64> =
            serde_json::from_value(counts).map_err(|_| wrong("expected one to three numbers".into()))?;
        if !(1..=3).contains(&counts.len()) {
            return Err(wrong("expected one to three numbers".into()));
        }
        let mut workgroups = [1; 3];
        for (at, count) in counts.into_iter().enumerate() {
            if count.fract() != 0.0 || count < 1.0 || count > device.limits.dispatch as f64 {
                let limit = device.limits.dispatch;
                return Err(wrong(format!("{count} is not a whole number from 1 to {limit}")));
            }
            workgroups[at] = count as u32;
        }
        Ok(workgroups)
    }
}

/// Values for the template: the sizes of the case by name, the words of its key, the scalar type of its
/// arithmetic, and its tensors in the form that `format.wgsl` expects.
fn values(case: &Case, device: &Capabilities) -> Value {
    let parameters = case.parameters();
    let size: Map<String, Value> = parameters.sizes().map(|(name, n)| (name.into(), json!(n))).collect();
    let mut values = size.clone();
    values.insert("size".into(), Value::Object(size));
    let words: Vec<String> = parameters.iter().map(|parameter| parameter.to_string()).collect();
    values.insert("words".into(), json!(words));
    values.extend(case_values(case, device));
    Value::Object(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"// My kernel.
// portamark: case = ["gemm f32 m64*", "gemm f32 m100 n30 k7 nn"]
// portamark: workgroups = "ceil(m / 64), ceil(n / 16)"
// portamark: tile = "64x16"
const M: u32 = {{ m }}u;
const K: u32 = {{ size.k }}u;
{% if "nn" in words %}
// {{ value }} {{ a.binding }} {{ c.binding }}
{% endif %}
"#;

    #[test]
    fn a_header_says_what_is_computed_and_the_text_is_rendered() {
        let own = OwnKernel::parse("mine", TEXT).unwrap();
        assert_eq!(own.cases, ["gemm f32 m64*", "gemm f32 m100 n30 k7 nn"]);
        let case = own.cases[1].parse().unwrap();
        let plan =
            own.plan(&case, &Capabilities::example(), &own.variant(), &KernelSource::embedded()).unwrap();
        assert_eq!(plan.steps[0].workgroups, [2, 2, 1]);
        assert!(plan.steps[0].wgsl.contains("M: u32 = 100u;") && plan.steps[0].wgsl.contains("K: u32 = 7u;"));
        assert!(plan.steps[0].wgsl.contains("// f32 0 2"), "{}", plan.steps[0].wgsl);
        let writes: Vec<bool> = plan.steps[0].bindings.iter().map(|b| b.writes).collect();
        assert_eq!(writes, [false, false, true]);
        assert_eq!(plan.tile, Tile { rows: 64, columns: 16 });
        assert_eq!((plan.variant.to_string().as_str(), plan.variant.path), ("own/mine", Path::Scalar));
        assert!(plan.variant.is_own());
    }

    #[test]
    fn a_header_that_is_wrong_says_why() {
        for (text, part) in [
            ("@compute fn main() {}", "no header"),
            ("// portamark: case = 1", "its header"),
            ("// portamark: case = \"x\"", "missing field `workgroups`"),
            ("// portamark: case = \"x\"\n// portamark: groups = \"1\"", "unknown field `groups`"),
            ("// portamark: case = []\n// portamark: workgroups = \"1\"", "`case` is empty"),
            (
                "// portamark: case = \"x\"\n// portamark: workgroups = \"1\"\n// portamark: tile = \"8\"",
                "expected rows and columns",
            ),
        ] {
            let error = OwnKernel::parse("mine", text).unwrap_err();
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_dispatched_says_why() {
        let case = "gemm f32 m100 n30 k7 nn".parse().unwrap();
        for (workgroups, part) in [
            ("m / 64", "1.5625 is not a whole number from 1 to 65535"),
            ("m - 100", "0 is not a whole number"),
            ("m * m * m", "1000000 is not a whole number"),
            ("rows", "one to three numbers"),
            ("1, 1, 1, 1", "one to three numbers"),
            ("m +", "syntax error"),
            ("\\\"m\\\"", "one to three numbers"),
        ] {
            let text = TEXT.replace("ceil(m / 64), ceil(n / 16)", workgroups);
            let own = OwnKernel::parse("mine", &text).unwrap();
            let plan = own.plan(&case, &Capabilities::example(), &own.variant(), &KernelSource::embedded());
            let error = plan.unwrap_err().to_string();
            assert!(error.contains(part), "{workgroups}: {error}");
        }
        let text = format!("{TEXT}\nenable f16;\n");
        let own = OwnKernel::parse("mine", &text).unwrap();
        let error =
            own.plan(&case, &Capabilities::example(), &own.variant(), &KernelSource::embedded()).unwrap_err();
        assert_eq!(error.to_string(), "needs shader-f16, which this device does not offer");
    }
}
