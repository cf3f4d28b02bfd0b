//! Files, executors and kernels of others: what is in them neither acts on a terminal or a page nor takes anything
//! of this machine into a result file.

use portamark_model::plain_text::acts;
use portamark_results::load;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A title and colors of a terminal, its clearing, CSI as one character, an override of the direction, a zero-width
/// joiner and a tag.
const POISON: &str = "\u{1b}]0;pwn\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{200d}\u{e0041}";

/// Asserts that nothing in `text` acts but the ends of lines.
fn only_shows_itself(text: &[u8], whose: &str) {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let found = text.char_indices().find(|(_, c)| acts(*c) && *c != '\n' && *c != '\t');
    if let Some((at, c)) = found {
        let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
        panic!("{whose}: {c:?} in {:?}", text[start..].chars().take(200).collect::<String>());
    }
}

fn portamark(folder: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_portamark")).current_dir(folder).args(arguments).output().unwrap();
    let what = format!("portamark {}", arguments.join(" "));
    only_shows_itself(&output.stdout, &format!("{what}: stdout"));
    only_shows_itself(&output.stderr, &format!("{what}: stderr"));
    let both = [output.stdout, output.stderr].concat();
    (String::from_utf8(both).unwrap(), output.status.code())
}

/// The lines of a result file of this repository.
fn stored() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let files = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    // `local` holds what somebody measured here.
    let is_stored = |path: &PathBuf| path.is_dir() && !path.ends_with("local");
    let device = files(&root).into_iter().find(is_stored).unwrap();
    let text = fs::read_to_string(files(&device).remove(0)).unwrap();
    text.lines().take(12).map(String::from).collect()
}

/// Calls `change` with each text in `value`.
fn each_text(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| each_text(value, change)),
        Value::Object(fields) => fields.values_mut().for_each(|value| each_text(value, change)),
        _ => {}
    }
}

/// Returns `line` with the poison after every text that may have it: the file is read without a problem still.
fn poisoned(folder: &Path, line: &str, is_read: impl Fn(&Path, &str) -> bool) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap();
    let mut texts = 0;
    each_text(&mut value, &mut |_| texts += 1);
    let probe = folder.join("probe.jsonl");
    for number in 0..texts {
        let mut changed = value.clone();
        let mut at = 0;
        each_text(&mut changed, &mut |text| {
            if at == number {
                text.push_str(POISON);
            }
            at += 1;
        });
        if is_read(&probe, &changed.to_string()) {
            value = changed;
        }
    }
    value.to_string()
}

#[test]
fn nothing_in_a_file_acts_on_a_terminal_or_in_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let lines = stored();
    let reads = |probe: &Path, text: String| {
        fs::write(probe, text).unwrap();
        load(probe).is_ok_and(|file| file.problems.is_empty() && file.rows.len() == 1)
    };
    let header =
        poisoned(folder.path(), &lines[0], |probe, header| reads(probe, format!("{header}\n{}\n", lines[1])));
    // The row says why it failed, with texts of a driver.
    let rows: Vec<String> = lines[1..]
        .iter()
        .filter(|line| line.contains("\"type\":\"row\""))
        .map(|row| poisoned(folder.path(), row, |probe, row| reads(probe, format!("{}\n{row}\n", lines[0]))))
        .collect();
    assert!(header.matches("pwn").count() > 10 && rows[0].contains("pwn"), "{header}");
    let mut failed: Value = serde_json::from_str(&rows[0]).unwrap();
    (failed["status"], failed["reason"]) = ("failed".into(), POISON.into());
    failed["case"] = format!("no such case {POISON}").into();
    let mut wrong = failed.clone();
    wrong["status"] = POISON.into();
    let whole = [vec![header], rows, vec![failed.to_string(), wrong.to_string(), POISON.into()]].concat();
    fs::remove_file(folder.path().join("probe.jsonl")).unwrap();
    for name in ["a.jsonl", "b.jsonl", "a\u{1b}[31m\u{202e}.jsonl"] {
        fs::write(folder.path().join(name), whole.join("\n")).unwrap();
    }
    let mut later: Value = serde_json::from_str(&lines[0]).unwrap();
    (later["schema"], later["portamark"]) = (2.into(), POISON.into());
    fs::write(folder.path().join("later.jsonl"), format!("{later}\n")).unwrap();

    let at = folder.path();
    let odd = "a\u{1b}[31m\u{202e}.jsonl";
    for format in ["table", "json", "csv", "markdown", "junit"] {
        portamark(at, &["compare", "a.jsonl", "b.jsonl", "--force", "--format", format]);
    }
    for format in ["csv", "jsonl"] {
        let (text, code) = portamark(at, &["export", "a.jsonl", odd, "--format", format]);
        assert_eq!(code, Some(0), "{text}");
    }
    portamark(at, &["portability", "a.jsonl", odd]);
    portamark(at, &["history", "*", "--in", "."]);
    portamark(at, &["compare", odd, "later.jsonl"]);
    assert!(portamark(at, &["report", "later.jsonl"]).0.contains("schema 2"));
    assert_eq!(portamark(at, &["report", &format!("no{POISON}")]).1, Some(2));
    assert_eq!(portamark(at, &[&format!("no{POISON}")]).1, Some(2));
    let (text, code) = portamark(at, &["report", "a.jsonl", odd, "-o", "out"]);
    assert_eq!(code, Some(0), "{text}");
    let mut files = vec![at.join("out/report.html"), at.join("out/report.md")];
    files.extend(fs::read_dir(at.join("out/charts")).unwrap().map(|entry| entry.unwrap().path()));
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        only_shows_itself(&fs::read(&file).unwrap(), &file.display().to_string());
    }
}

/// What must not be in a result file, as a driver could say it.
const PRIVATE: &str = "-I/srv/zz-secret/x @/srv/zz-secret/x ../zz-secret/x zz-secret/y/x '/srv/zz secret/x' \
                       0000:65:00.0 SN12345678 192.168.77.17";

#[test]
fn nothing_that_an_executor_says_acts_or_takes_the_machine_into_a_result_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let said = format!("{POISON} {PRIVATE}");
    let quoted = |text: &str| serde_json::to_string(text).unwrap().replace('\u{7f}', "");
    let said = quoted(&said);
    let script = format!(
        "executor = {said}\n\
         [[devices]]\nid = {}\nname = {said}\ndriver = {said}\ndriver_version = {said}\n",
        said.replacen('"', "\"fake/", 1)
    );
    fs::write(at.join("script.toml"), script).unwrap();
    fs::write(at.join("one.toml"), "name = \"one\"\n[[case]]\nkey = \"gemm f32 m16 n16 k16 nn\"\n").unwrap();
    let executor = format!("{} executor fake --script script.toml", env!("CARGO_BIN_EXE_portamark"));
    let run = ["run", "one.toml", "-o", "out", "--max-time", "50ms", "--warmup", "5ms", "--executor"];
    let (text, code) = portamark(at, &[&run[..], &[&executor]].concat());
    // Requests still name the device in the words of the executor, which would refuse another name.
    assert_eq!(code, Some(0), "{text}");
    portamark(at, &["devices", "--executor", &executor]);
    let runs = portamark_results::load_all(&[at.join("out")]).unwrap();
    let file = fs::read_to_string(&runs[0].path).unwrap();
    let place = runs[0].path.display().to_string();
    for word in ["zz", "65:00", "12345678", "192.168", "\\u00"] {
        assert!(!file.contains(word) && !text.contains(word) && !place.contains(word), "{word}: {file}");
    }
    only_shows_itself(file.as_bytes(), "the result file");
}

#[cfg(unix)]
#[test]
fn a_folder_of_kernels_takes_no_other_file_into_a_result_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir_all(at.join("kernels/gemm")).unwrap();
    fs::write(at.join("secret"), "zz-secret\n").unwrap();
    std::os::unix::fs::symlink(at.join("secret"), at.join("kernels/gemm/link.wgsl")).unwrap();
    fs::write(at.join("one.toml"), "name = \"one\"\n[[case]]\nkey = \"gemm f32 m16 n16 k16 nn\"\n").unwrap();
    let absolute = at.join("secret").display().to_string();
    let executor = format!("{} executor fake", env!("CARGO_BIN_EXE_portamark"));
    for (number, include) in [absolute.as_str(), "../secret", "gemm/link.wgsl"].iter().enumerate() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/gemm");
        for entry in fs::read_dir(source).unwrap().map(|entry| entry.unwrap()) {
            let text = format!("{{% include \"{include}\" %}}");
            fs::write(at.join("kernels/gemm").join(entry.file_name()), text).unwrap();
        }
        let out = format!("out{number}");
        let run = ["run", "one.toml", "--kernels", "kernels", "-o", &out, "--executor", &executor];
        let (text, code) = portamark(at, &run);
        assert_eq!(code, Some(1), "{text}");
        let runs = portamark_results::load_all(&[at.join(&out)]).unwrap();
        let reason = runs[0].rows[0].reason.as_deref().unwrap();
        assert!(reason.contains("folder of kernels"), "{reason}");
        assert!(!fs::read_to_string(&runs[0].path).unwrap().contains("zz-secret"));
    }
}

#[test]
fn templates_of_others_are_rendered_within_limits_and_those_of_this_repository_keep_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let key = "gemm f32 m16 n16 k16 nn";
    fs::write(at.join("one.toml"), format!("name = \"one\"\n[[case]]\nkey = \"{key}\"\n")).unwrap();
    let executor = format!("{} executor fake", env!("CARGO_BIN_EXE_portamark"));
    let run = |out: &str, more: &[&str]| {
        let quick = ["--max-time", "50ms", "--warmup", "5ms", "--executor", &executor];
        let (text, code) = portamark(at, &[&["run", "one.toml", "-o", out], more, &quick].concat());
        let runs = portamark_results::load_all(&[at.join(out)]).unwrap();
        (text, code, runs.into_iter().flat_map(|run| run.rows).collect::<Vec<_>>())
    };
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let header = format!("// portamark: case = \"{key}\"\n// portamark: workgroups = \"ceil(m / 64)\"\n");
    let ordinary = "{% set l = [1, 2] + [3] %}\n@compute @workgroup_size({{ l|length }})\nfn main() {}\n";
    fs::write(at.join("ordinary.wgsl"), format!("{header}{ordinary}")).unwrap();
    let own = ["--kernels", kernels.to_str().unwrap(), "--kernel", "ordinary.wgsl"];
    let (text, code, rows) = run("out0", &own);
    assert_eq!((code, rows.len()), (Some(0), 2), "{text}");
    // A list of 2⁴⁰ numbers, which the template engine writes out as soon as it consists of 33 layers.
    let grows = "{% set l = l + l %}\n".repeat(40);
    fs::write(at.join("grows.wgsl"), format!("{header}{{% set l = [1] %}}\n{grows}{{{{ l|length }}}}\n"))
        .unwrap();
    let (text, code, rows) = run("out1", &["--kernel", "grows.wgsl"]);
    assert_eq!(code, Some(1), "{text}");
    let reasons: Vec<_> = rows.iter().filter_map(|row| row.reason.as_deref()).collect();
    assert_eq!(reasons.len(), 1, "{text}");
    assert!(reasons[0].contains("own/grows") && reasons[0].contains("given up"), "{reasons:?}");
}
