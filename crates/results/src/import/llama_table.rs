//! The Markdown tables of llama-bench (`-o md`, its default), which most people post: a mean and a standard
//! deviation for each test, both rounded. What they ran on stands in the lines before the table, if anywhere.

use super::measured::{Import, Measured, number, told};
use crate::imported::{ImportUnit, SpreadKind, Statistic};
use regex::Regex;
use std::sync::LazyLock;

/// Columns that every table has.
const NEEDED: [&str; 3] = ["model", "test", "t/s"];

/// A card as backends print it when they start, with the name of their kind: `  Device 0: NVIDIA GeForce RTX
/// 4080, compute capability 8.9, VMM: yes`; `ggml_vulkan: 0 = AMD Radeon RX 7900 XTX (RADV NAVI31) (radv) |
/// uma: 0 | …`; `ggml_metal_init: found device: Apple M2 Ultra`.
static CARDS: LazyLock<[(&'static [&'static str], Regex); 3]> = LazyLock::new(|| {
    [
        (&["CUDA", "ROCm", "HIP", "MUSA"], regex(r"^\s+Device \d+: (?P<name>[^,]+), ")),
        (&["Vulkan"], regex(r"^ggml_vulkan: (?:\d+ = |Using )(?P<name>[^|]+?)(?: \([^()]*\))? \|")),
        (&["Metal", "MTL"], regex(r"^ggml_metal\w*: (?:found device|GPU name): +(?P<name>.+)$")),
    ]
});

/// Line with which a backend starts to list its cards.
static LIST: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)^ggml_\w+: found \d+ .*devices?"));

/// `build: 8cf427ff (5163)`, which follows a table.
static BUILD: LazyLock<Regex> = LazyLock::new(|| regex(r"^build: (?P<commit>\w+) \((?P<number>\d+)\)"));

/// `pp512`, in older tables `pp 512`, alone or with others as in `pp512+tg128 @ d4096`.
static TEST: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(?P<kind>pp|tg) +(?P<tokens>\d+)"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// Returns the cells of a line of a table; `None` for any other line.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

fn is_head(cells: &[&str]) -> bool {
    NEEDED.iter().all(|name| cells.contains(name))
}

/// Returns whether `text` has such a table.
pub(super) fn fits(text: &str) -> bool {
    text.lines().filter_map(cells).any(|cells| is_head(&cells))
}

/// Reads every table in `text` as results of the program `method`.
pub(super) fn read(method: &str, text: &str) -> Result<Import, String> {
    let mut import = Import::default();
    let mut head: Vec<&str> = Vec::new();
    // The names of the cards of each kind of backend, and the first result without a build.
    let mut cards: [Vec<String>; 3] = Default::default();
    let mut without_build = 0;
    for (at, line) in text.lines().enumerate() {
        let Some(cells) = cells(line) else {
            head.clear();
            if LIST.is_match(line) {
                cards = Default::default();
            }
            for ((kinds, pattern), names) in CARDS.iter().zip(&mut cards) {
                let Some(found) = pattern.captures(line) else { continue };
                let name = found["name"].trim().to_string();
                // Metal prints the name of its one device twice.
                if !(kinds.contains(&"Metal") && names.contains(&name)) {
                    names.push(name);
                }
            }
            if let Some(found) = BUILD.captures(line) {
                let version = format!("{} {}", &found["number"], &found["commit"]);
                for one in &mut import.measured[without_build..] {
                    *one = one.clone().version(&version);
                }
                without_build = import.measured.len();
            }
            continue;
        };
        if is_head(&cells) {
            head = cells;
            continue;
        }
        let is_rule = cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':')));
        if head.is_empty() || is_rule {
            continue;
        }
        if cells.len() != head.len() {
            return Err(format!(
                "line {}: {} columns where the table has {}",
                at + 1,
                cells.len(),
                head.len()
            ));
        }
        result(&mut import, method, &head, &cells, &cards, at + 1)?;
    }
    Ok(import)
}

fn result(
    import: &mut Import,
    method: &str,
    head: &[&str],
    cells: &[&str],
    cards: &[Vec<String>],
    line: usize,
) -> Result<(), String> {
    let cell = |name: &str| head.iter().position(|other| *other == name).map_or("", |at| cells[at]);
    let test = TEST.replace_all(cell("test"), "$kind$tokens");
    let name = format!("{} {test}", cell("model"));
    let place = format!("line {line}, column `t/s`");
    let (rate, deviation) = match cell("t/s").split_once('±') {
        Some((rate, deviation)) => (rate.trim(), deviation.trim().parse::<f64>().ok()),
        None => (cell("t/s"), None),
    };
    // Rates are printed with two decimals.
    if rate.parse() == Ok(0.0) {
        import.leave_out(&name, &format!("`{rate}` token/s is below the digits that were printed"));
        return Ok(());
    }
    let rate = number(rate, &place)?;
    let mut measured = Measured::new(method, &name, (ImportUnit::TokenRate, Statistic::Mean), rate, &place)?;
    if let Some(deviation) = deviation {
        measured = measured.spread(SpreadKind::Deviation, rate - deviation, rate + deviation);
    }
    let backend = told(cell("backend"));
    let (device, api) = device(&backend, cell("ngl"), cards);
    measured = measured.library(&backend).on(&device, &api);
    for (column, value) in head.iter().zip(cells) {
        if !NEEDED.contains(column) && *column != "backend" && !value.is_empty() {
            measured = measured.parameter(column, value);
        }
    }
    import.add(measured)?;
    Ok(())
}

/// Returns name and interface of the device: that of the cards that were listed for one of the backends, all of
/// them, since a model is spread over them. The name is empty if it was not printed, as it is of a processor.
fn device(backend: &str, layers: &str, cards: &[Vec<String>]) -> (String, String) {
    let api = backend.to_lowercase();
    // Without a layer on the GPU, GPU and processor share the work.
    if layers == "0" {
        return (String::new(), api);
    }
    let mut names = Vec::new();
    for ((kinds, _), listed) in CARDS.iter().zip(cards) {
        if backend.split(',').any(|one| kinds.iter().any(|kind| one.trim().eq_ignore_ascii_case(kind))) {
            names.extend(listed.iter().cloned());
        }
    }
    (names.join(", "), api)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "
| model                    |     size | params | backend | ngl | fa |            test |              t/s |
| ------------------------ | -------: | -----: | ------- | --: | -: | --------------: | ---------------: |
| llama 8B Q4_K - Medium   | 4.58 GiB | 8.03 B | Vulkan  |  99 |  1 |           pp512 |  1000.50 ± 10.25 |
| llama 8B Q4_K - Medium   | 4.58 GiB | 8.03 B | Vulkan  |  99 |  1 |  tg 128 @ d4096 |      50.25 ± 0.5 |

build: 8cf427ff (5163)
";

    #[test]
    fn a_row_is_a_mean_with_its_deviation_on_the_card_that_was_listed() {
        let cards = "ggml_vulkan: Found 1 Vulkan devices:\n\
                     ggml_vulkan: 0 = AMD Radeon RX 7900 XTX (RADV NAVI31) (radv) | uma: 0 | fp16: 1\n";
        let import = read("x", &format!("{cards}{TABLE}")).unwrap();
        let [prompt, tokens] = &import.measured[..] else { panic!("{import:?}") };
        let imported = &prompt.imported;
        assert_eq!((imported.value, imported.statistic), (1000.5, Statistic::Mean));
        let spread = imported.spread.unwrap();
        assert_eq!((spread.what, spread.lo, spread.hi), (SpreadKind::Deviation, 990.25, 1010.75));
        assert_eq!(imported.version.as_deref(), Some("5163 8cf427ff"));
        assert_eq!(
            (prompt.device.name.as_str(), prompt.device.api.as_str()),
            ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "vulkan")
        );
        assert_eq!((&*imported.parameters["ngl"], &*imported.parameters["size"]), ("99", "4.58 GiB"));
        assert_eq!(tokens.imported.name, "llama 8B Q4_K - Medium tg128 @ d4096");
    }

    #[test]
    fn cards_are_those_of_the_backend_and_of_the_last_list() {
        let listed = "ggml_cuda_init: found 2 CUDA devices:\n  Device 0: NVIDIA A100, compute capability 8.0, VMM: yes\n  \
                      Device 1: NVIDIA A100, compute capability 8.0, VMM: yes\n";
        let names = |text: &str| read("x", text).unwrap().measured.remove(0).device.name;
        let of_cuda = TABLE.replace("Vulkan", "CUDA  ");
        assert_eq!(names(&format!("{listed}{of_cuda}")), "NVIDIA A100, NVIDIA A100");
        assert_eq!(names(&format!("{listed}{TABLE}")), "", "no card of Vulkan is listed");
        let other = "ggml_cuda_init: found 1 CUDA devices:\n  Device 0: NVIDIA L4, compute capability 8.9, VMM: yes\n";
        assert_eq!(names(&format!("{listed}{other}{of_cuda}")), "NVIDIA L4");
        assert_eq!(names(&format!("{listed}{}", of_cuda.replace(" 99 ", "  0 "))), "");
    }

    #[test]
    fn what_is_no_rate_says_where_and_what_rounds_to_nothing_is_left_out() {
        let error = read("x", &TABLE.replace("1000.50 ±", "nan ±")).unwrap_err();
        assert!(error.starts_with("line 4, column `t/s`: NaN is not"), "{error}");
        let error = read("x", &TABLE.replacen("|  99 |  1 |", "|  99 |", 1)).unwrap_err();
        assert_eq!(error, "line 4: 7 columns where the table has 8");
        let import = read("x", &TABLE.replace("50.25 ± 0.5", "0.00 ± 0.00")).unwrap();
        assert_eq!((import.measured.len(), import.left_out.len()), (1, 1));
        assert!(!fits("| model | test |\n") && fits(TABLE));
    }
}
