//! Reading result files: whatever a file holds, loading returns rows and messages and never panics.

use super::claim::{judge, refusal};
use super::find::find_in;
use super::lines::{LONGEST_LINE, Lines, RawLine};
use super::places::Places;
use super::record_line::{clean_texts, parse};
use super::run_file::RunFile;
use super::schema::{Header, Record, Row, SCHEMA_VERSION, Status};
use portamark_model::error::{Error, Result};
use rayon::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Maximum number of problems that are listed; further ones are only counted.
const MOST_PROBLEMS: usize = 50;

/// Reads a result file and tolerates everything that is wrong beyond its first line.
///
/// Every line that could not be used is in [`RunFile::problems`]. Of several rows of one case and variant the
/// last counts. This is not a problem if the case was retried; if its variant changed in between, the new row
/// replaces the first failed row of the case.
///
/// # Errors
/// Fails if the file cannot be read, does not start with a header, or has a later schema version.
pub fn load(path: &Path) -> Result<RunFile> {
    scan(path).map(|scan| scan.file)
}

/// Reads each file in `paths`, and in each folder every `.jsonl` file at any depth.
///
/// # Errors
/// Fails if one of them cannot be read or there is none; see [`load_readable`].
pub fn load_all(paths: &[PathBuf]) -> Result<Vec<RunFile>> {
    find(paths)?.par_iter().map(|path| load(path)).collect()
}

/// Like [`load_all`], but returns the errors of unreadable files beside the readable files.
///
/// # Errors
/// Fails if no file can be read, or if a path holds no result file.
pub fn load_readable(paths: &[PathBuf]) -> Result<(Vec<RunFile>, Vec<Error>)> {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    let loaded: Vec<Result<RunFile>> = find(paths)?.par_iter().map(|path| load(path)).collect();
    for file in loaded {
        match file {
            Ok(file) => files.push(file),
            Err(error) => errors.push(error),
        }
    }
    match errors.pop() {
        Some(error) if files.is_empty() => Err(error),
        last => {
            errors.extend(last);
            Ok((files, errors))
        }
    }
}

/// Returns the result files that `paths` stand for: files as they are, folders searched, each file once.
fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for path in paths {
        let mut files = Vec::new();
        if path.is_dir() {
            find_in(path, &mut files).map_err(|e| Error::io("read", path, e))?;
            if files.is_empty() {
                return Err(Error::input(path, "no result file (*.jsonl) in this folder"));
            }
        } else if path.exists() {
            files.push(path.clone());
        } else {
            return Err(Error::input(path, "no such file or folder"));
        }
        found.extend(
            files.into_iter().filter(|file| seen.insert(file.canonicalize().unwrap_or(file.clone()))),
        );
    }
    if found.is_empty() {
        return Err(Error::refused_hint("no result file is named", "name result files or folders of them"));
    }
    Ok(found)
}

/// A loaded file with what is needed to continue it.
pub(super) struct Scan {
    /// Content of the file.
    pub file: RunFile,
    /// Number of bytes up to the end of the last line that is neither torn nor a closing line.
    pub keep: u64,
    /// Whether that last line is complete except for its newline.
    pub newline_missing: bool,
    /// Whether the file also holds rows of another run.
    pub mixed: bool,
}

/// Reads `path` line by line.
pub(super) fn scan(path: &Path) -> Result<Scan> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let mut lines = Lines::of(BufReader::new(file));
    let mut next = || lines.next().map_err(|e| Error::io("read", path, e));
    let Some(first) = next()? else {
        return Err(Error::input(path, "the file is empty"));
    };
    let header = first_header(path, &first)?;
    let mut state = State {
        rows: Vec::new(),
        places: Places::default(),
        end: None,
        problems: Vec::new(),
        more_problems: 0,
        empty_host_s: header.timer.empty_host_s,
        row_lines: 0,
        foreign: false,
        mixed: false,
        keep: first.end,
        newline_missing: !first.newline,
    };
    while let Some(line) = next()? {
        state.take(line, &header);
    }
    Ok(state.finish(path, header))
}

/// Returns the header in the first line, or the reason why the file cannot be used at all.
fn first_header(path: &Path, line: &RawLine) -> Result<Header> {
    let torn = || {
        let message = "the header is truncated: the run ended before it measured anything".into();
        Error::Input { path: path.into(), message, hint: Some("the file can be deleted".into()) }
    };
    let Some(bytes) = &line.bytes else {
        return Err(Error::input(path, "not a result file: its first line does not end"));
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(_) if !line.newline && begins_like_a_header(bytes) => return Err(torn()),
        Err(_) => return Err(Error::input(path, "not a result file: its first line is not JSON")),
    };
    clean_texts(&mut value);
    // The version comes before everything else: later headers may look different in any way.
    let schema = value.get("schema").and_then(Value::as_f64);
    if let Some(schema) = schema.filter(|schema| *schema > f64::from(SCHEMA_VERSION)) {
        let writer = match value.get("portamark").and_then(Value::as_str) {
            Some(version) => format!("portamark {}", version.chars().take(40).collect::<String>()),
            None => "a later portamark".into(),
        };
        let message =
            format!("written by {writer} with schema {schema}; this one reads up to {SCHEMA_VERSION}");
        return Err(Error::Input { path: path.into(), message, hint: Some("update portamark".into()) });
    }
    match value.get("type").and_then(Value::as_str) {
        Some("header") => {}
        Some("row" | "end") => {
            return Err(Error::input(path, "the header is missing: a result file begins with it"));
        }
        _ => return Err(Error::input(path, "not a result file: its first line is not a header")),
    }
    serde_json::from_value(value)
        .map_err(|e| Error::input(path, format!("the header cannot be read: {}", reason(&e))))
}

fn begins_like_a_header(bytes: &[u8]) -> bool {
    bytes.iter().zip(br#"{"type":"header""#).all(|(a, b)| a == b)
}

/// Content that has been read so far.
struct State {
    rows: Vec<Row>,
    /// Where in `rows` each row stands.
    places: Places,
    end: Option<super::schema::End>,
    problems: Vec<String>,
    /// Number of problems beyond those that are listed.
    more_problems: usize,
    /// Time that an empty batch takes the host, in seconds.
    empty_host_s: f64,
    /// Number of lines with rows, including rows that a later one replaced.
    row_lines: u64,
    /// Whether the current line is after the header of another run.
    foreign: bool,
    /// Whether there was such a header.
    mixed: bool,
    keep: u64,
    newline_missing: bool,
}

impl State {
    fn take(&mut self, line: RawLine, header: &Header) {
        let number = line.number;
        let mut kept = true;
        match &line.bytes {
            Some(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => kept = false,
            None if line.newline => {
                let limit = LONGEST_LINE >> 20;
                self.problem(format!("line {number} is longer than {limit} MiB and was skipped"));
            }
            None => {
                kept = false;
                self.torn(number);
            }
            Some(bytes) => match parse(bytes) {
                Ok(Record::End(end)) => {
                    kept = false;
                    if !self.foreign {
                        self.end = Some(end);
                    }
                }
                Ok(Record::Row(row)) if !self.foreign => self.row(*row, number),
                Ok(Record::Row(_)) => {}
                Ok(Record::Header(second)) if *second == *header => {
                    self.foreign = false;
                    self.problem(format!("line {number} repeats the header"));
                }
                Ok(Record::Header(_)) => {
                    self.foreign = true;
                    self.mixed = true;
                    self.problem(format!(
                        "line {number} is the header of another run; the rows after it were skipped"
                    ));
                }
                // A whole JSON value is not torn, however wrong it is.
                Err(error) if line.newline || is_json(bytes) => {
                    self.problem(format!("line {number} cannot be read: {}", reason(&error)));
                }
                Err(_) => {
                    kept = false;
                    self.torn(number);
                }
            },
        }
        if kept {
            self.keep = line.end;
            self.newline_missing = !line.newline;
        }
    }

    fn row(&mut self, mut row: Row, number: u64) {
        row.use_todays_key();
        self.row_lines += 1;
        if self.end.take().is_some() {
            self.problem(format!("line {number} is a row after an end record, which is ignored"));
        }
        if let Some(reason) = refusal(&row) {
            self.problem(format!("line {number} cannot be used: {reason}"));
            return;
        }
        if row.status != Status::Imported
            && let Some(counted) = row.recount()
        {
            self.problem(format!("line {number} counts {counted}"));
        }
        judge(&mut row, self.empty_host_s);
        let Some((at, before)) = self.places.replaced_by(&row, &self.rows) else {
            self.places.add(&row, self.rows.len(), number);
            self.rows.push(row);
            return;
        };
        if row.retry == 0 {
            self.problem(format!(
                "lines {before} and {number} are both of `{}`; the last counts",
                row.case.chars().take(100).collect::<String>()
            ));
        }
        self.places.remove(&self.rows[at], at);
        self.places.add(&row, at, number);
        self.rows[at] = row;
    }

    fn torn(&mut self, number: u64) {
        self.problem(format!("line {number}, the last, is truncated: the run ended while writing it"));
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(text);
        } else {
            self.more_problems += 1;
        }
    }

    fn finish(mut self, path: &Path, header: Header) -> Scan {
        if let Some(end) = &self.end
            && ![self.rows.len() as u64, self.row_lines].contains(&end.rows)
        {
            let text = format!("the end record counts {} rows, the file has {}", end.rows, self.rows.len());
            self.problem(text);
        }
        if self.more_problems > 0 {
            self.problems.push(format!("and {} more problems", self.more_problems));
        }
        self.rows.shrink_to_fit();
        let State { rows, end, problems, keep, newline_missing, mixed, .. } = self;
        let file = RunFile { path: path.into(), header, rows, end, problems };
        Scan { file, keep, newline_missing, mixed }
    }
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// Returns serde's message without the position, which counts from the start of the line.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::schema::{End, RunOutcome, Status};
    use super::*;
    use proptest::prelude::*;

    const FIRST: &str = "gemm f32 m512 n512 k512 nn";
    const SECOND: &str = "stream f32 copy n1048576";

    fn header() -> String {
        json(&Record::Header(Box::new(example::header())))
    }

    fn row(case: &str) -> String {
        json(&Record::Row(Box::new(example::row(case))))
    }

    fn end(rows: u64) -> String {
        json(&Record::End(example::end(rows, RunOutcome::Done)))
    }

    fn json(line: &Record) -> String {
        serde_json::to_string(line).unwrap() + "\n"
    }

    /// Loads a file that holds `bytes`.
    fn loaded(bytes: &[u8]) -> Result<RunFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        std::fs::write(&path, bytes).unwrap();
        load(&path)
    }

    fn cases(file: &RunFile) -> Vec<&str> {
        file.rows.iter().map(|row| row.case.as_str()).collect()
    }

    #[test]
    fn a_whole_file_reads_back_without_problems() {
        let skipped = example::skipped(SECOND, "predicted 64 s");
        let second = json(&Record::Row(Box::new(skipped.clone())));
        let file = loaded([header(), row(FIRST), second, end(2)].concat().as_bytes()).unwrap();
        assert_eq!(file.header, example::header());
        assert_eq!(file.rows, [example::row(FIRST), skipped]);
        assert_eq!(file.end, Some(End { rows: 2, wall_s: 12.5, outcome: RunOutcome::Done, energy: None }));
        assert_eq!(file.problems, [""; 0]);
        assert!(!file.is_interrupted());
    }

    #[test]
    fn a_last_line_torn_at_any_byte_is_told_and_survived() {
        let (before, last) = ([header(), row(FIRST)].concat(), row(SECOND));
        for kept in 1..last.len() - 1 {
            let file = loaded(&[before.as_bytes(), &last.as_bytes()[..kept]].concat()).unwrap();
            assert_eq!(cases(&file), [FIRST], "{kept} bytes");
            assert_eq!(file.problems.len(), 1, "{kept} bytes");
            assert!(file.problems[0].contains("line 3, the last, is truncated"), "{:?}", file.problems);
            assert!(file.is_interrupted());
        }
        // Only the newline is missing: the row is whole.
        let file = loaded([before.as_str(), last.trim_end()].concat().as_bytes()).unwrap();
        assert_eq!((cases(&file), file.problems.len()), (vec![FIRST, SECOND], 0));
        // Killed between two rows.
        let file = loaded(before.as_bytes()).unwrap();
        assert_eq!((cases(&file), file.problems.len(), &file.end), (vec![FIRST], 0, &None));
    }

    #[test]
    fn zeros_that_a_power_cut_left_are_a_torn_line() {
        let file = loaded(&[[header(), row(FIRST)].concat().as_bytes(), &[0; 4096]].concat()).unwrap();
        assert_eq!(cases(&file), [FIRST]);
        assert!(file.problems[0].contains("truncated"), "{:?}", file.problems);
    }

    #[test]
    fn a_broken_line_in_the_middle_costs_only_itself() {
        let broken: [&[u8]; 4] = [b"{\"type\":\"row\",\"case\":", b"\xff\xfe\x00", b"[1, 2]", b"}"];
        for line in broken {
            let bytes = [header().as_bytes(), line, b"\n", row(FIRST).as_bytes()].concat();
            let file = loaded(&bytes).unwrap();
            assert_eq!(cases(&file), [FIRST]);
            assert!(file.problems[0].starts_with("line 2 cannot be read"), "{:?}", file.problems);
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_words_cost_the_row() {
        let more = row(FIRST).replacen('{', r#"{"of the future":{"a":[1]},"#, 1);
        let other = row(SECOND).replace(r#""status":"ok""#, r#""status":"thawed""#);
        let file = loaded([header(), more, other].concat().as_bytes()).unwrap();
        assert_eq!(cases(&file), [FIRST]);
        assert_eq!(file.problems.len(), 1);
        assert!(file.problems[0].starts_with("line 3 cannot be read: unknown variant `thawed`"));
    }

    #[test]
    fn the_last_row_of_a_case_counts() {
        let again = row(FIRST).replace(r#""steps":1"#, r#""steps":2"#);
        let file = loaded([header(), row(FIRST), row(SECOND), again, end(3)].concat().as_bytes()).unwrap();
        assert_eq!(cases(&file), [FIRST, SECOND]);
        assert_eq!(file.rows[0].kernel.as_ref().unwrap().steps, 2);
        assert_eq!(file.problems, [format!("lines 2 and 4 are both of `{FIRST}`; the last counts")]);
    }

    #[test]
    fn a_row_whose_parts_contradict_each_other_is_not_taken_at_its_word() {
        let median = row(FIRST).replace(r#""median":0.0009765625"#, r#""median":0.00048828125"#);
        let counts = row(SECOND).replace(r#""bytes":8388608"#, r#""bytes":838860800"#);
        let file = loaded([header(), median, counts, end(2)].concat().as_bytes()).unwrap();
        let says: Vec<_> = file.rows.iter().map(|row| (row.status, row.reason.as_deref())).collect();
        let reason = "the file says ok, but the median of its samples is 977 µs, not 488 µs";
        assert_eq!(says, [(Status::Failed, Some(reason)), (Status::Ok, None)]);
        assert_eq!(file.rows[1].bytes, 8_388_608);
        assert!(file.problems[0].starts_with("line 3 counts 0 FLOP and 838860800 bytes, where its case has"));
    }

    #[test]
    fn a_row_of_another_try_stands_for_the_one_that_failed() {
        let line = |row: &Row| json(&Record::Row(Box::new(row.clone())));
        let crashed = Row { status: Status::Crashed, ..example::row(FIRST) };
        let mut again = Row { retry: 1, ..example::row(FIRST) };
        let first = line(&crashed) + &row(SECOND);
        let file = loaded([header(), first.clone(), line(&again), end(2)].concat().as_bytes()).unwrap();
        assert_eq!((&file.rows[0], file.rows.len(), &file.problems), (&again, 2, &vec![]));
        // In between, a tuning table changed the variant.
        again.kernel.as_mut().unwrap().variant.checks = true;
        let file = loaded([header(), first, line(&again), end(2)].concat().as_bytes()).unwrap();
        assert_eq!((&file.rows[0], file.rows.len(), &file.problems), (&again, 2, &vec![]));
        // A row of another variant that is not a retry is kept beside it.
        again.retry = 0;
        let file = loaded([header(), line(&crashed), line(&again), end(2)].concat().as_bytes()).unwrap();
        assert_eq!(file.rows.len(), 2);
    }

    #[test]
    fn rows_of_a_second_run_are_not_taken_for_the_first() {
        let other = header().replace("1f2e3d4c", "00000000");
        let text = [header(), row(FIRST), end(1), other, row(SECOND), end(1)].concat();
        let file = loaded(text.as_bytes()).unwrap();
        assert_eq!(cases(&file), [FIRST]);
        assert!(file.problems[0].starts_with("line 4 is the header of another run"));
        let file = loaded([header(), header(), row(FIRST)].concat().as_bytes()).unwrap();
        assert_eq!((cases(&file), &*file.problems[0]), (vec![FIRST], "line 2 repeats the header"));
    }

    #[test]
    fn a_closing_line_that_does_not_fit_is_told() {
        let file = loaded([header(), row(FIRST), end(7)].concat().as_bytes()).unwrap();
        assert_eq!(file.problems, ["the end record counts 7 rows, the file has 1"]);
        let file = loaded([header(), end(0), row(FIRST)].concat().as_bytes()).unwrap();
        assert_eq!((cases(&file), &file.end), (vec![FIRST], &None));
        assert!(file.problems[0].contains("line 3 is a row after an end record"));
    }

    #[test]
    fn a_later_schema_is_refused_by_name_however_it_looks() {
        let whole = header().replace(r#""schema":1"#, r#""schema":7"#);
        for text in [&whole, r#"{"type":"header","schema":7,"portamark":"0.1.0"}"#] {
            let error = loaded(text.as_bytes()).unwrap_err();
            let words = "written by portamark 0.1.0 with schema 7; this one reads up to 1";
            assert!(error.to_string().ends_with(words), "{error}");
            assert_eq!(error.hint(), Some(&"update portamark".into()));
        }
    }

    #[test]
    fn a_file_that_does_not_begin_with_a_header_is_refused_in_words() {
        for (text, part) in [
            ("", "the file is empty"),
            ("\n", "first line is not JSON"),
            ("{\"type\":\"hea", "the header is truncated"),
            ("{\"type\":\"header\"}\n", "the header cannot be read: missing field"),
            ("{\"a\":1}\n", "first line is not a header"),
            ("12\n", "first line is not a header"),
            (row(FIRST).as_str(), "the header is missing"),
            ("name,seconds\n", "first line is not JSON"),
        ] {
            let error = loaded(text.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Input { .. }), "{error:?}");
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(matches!(load(Path::new("no/such.jsonl")), Err(Error::Io { action: "read", .. })));
    }

    #[test]
    fn editors_of_other_systems_do_no_harm() {
        let text = [header(), row(FIRST), end(1)].concat().replace('\n', "\r\n");
        let file = loaded(format!("\u{feff}{text}\r\n\n").as_bytes()).unwrap();
        assert_eq!((cases(&file), file.problems.len()), (vec![FIRST], 0));
    }

    #[test]
    fn a_line_without_end_is_left_out_without_filling_the_memory() {
        let long = vec![b'x'; LONGEST_LINE as usize + 9];
        let bytes = [header().as_bytes(), &long, b"\n", row(FIRST).as_bytes()].concat();
        let file = loaded(&bytes).unwrap();
        assert_eq!(cases(&file), [FIRST]);
        assert_eq!(file.problems, ["line 2 is longer than 16 MiB and was skipped"]);
        let file = loaded(&[header().as_bytes(), &long].concat()).unwrap();
        assert!(file.problems[0].contains("truncated"));
        assert!(loaded(&long).is_err());
    }

    #[test]
    fn problems_do_not_grow_without_bound() {
        let file = loaded((header() + &"?\n".repeat(1000)).as_bytes()).unwrap();
        assert_eq!(file.problems.len(), MOST_PROBLEMS + 1);
        assert_eq!(file.problems[MOST_PROBLEMS], "and 950 more problems");
        // The others took no room while they were read, either.
        assert!(file.problems.capacity() <= 2 * MOST_PROBLEMS, "{}", file.problems.capacity());
    }

    #[test]
    fn folders_are_searched_in_order_and_each_file_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let text = header() + &row(FIRST);
        for name in ["b/2.jsonl", "b/1.jsonl", "a/deep/3.jsonl", "a/notes.txt"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), &text).unwrap();
        }
        let files = load_all(&[root.to_path_buf(), root.join("b/1.jsonl")]).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.path.strip_prefix(root).unwrap()).collect();
        assert_eq!(names, ["a/deep/3.jsonl", "b/1.jsonl", "b/2.jsonl"].map(Path::new));

        std::fs::write(root.join("b/0.jsonl"), "?").unwrap();
        assert!(load_all(&[root.to_path_buf()]).is_err());
        let (files, errors) = load_readable(&[root.to_path_buf()]).unwrap();
        assert_eq!((files.len(), errors.len()), (3, 1));
        assert!(load_readable(&[root.join("b/0.jsonl")]).is_err());

        std::fs::create_dir(root.join("empty")).unwrap();
        for (paths, part) in [
            (vec![root.join("empty")], "no result file (*.jsonl) in this folder"),
            (vec![root.join("none")], "no such file or folder"),
            (vec![], "no result file is named"),
        ] {
            let error = load_all(&paths).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    proptest! {
        #[test]
        fn loading_never_panics_whatever_the_file_holds(
            bytes in proptest::collection::vec(any::<u8>(), 0..400), with_header: bool,
        ) {
            let first = if with_header { header() } else { String::new() };
            let _ = loaded(&[first.as_bytes(), &bytes].concat());
        }

        #[test]
        fn a_damaged_byte_never_costs_more_than_its_line_and_a_neighbour(at in 0usize..100_000, byte: u8) {
            let lines = [row(FIRST), row(SECOND), row("peak f32 fma c64 s128")];
            let mut body = lines.concat().into_bytes();
            let at = at % body.len();
            body[at] = byte;
            let file = loaded(&[header().as_bytes(), &body].concat()).unwrap();
            // A damaged newline joins two lines; a damaged name makes two rows of one case.
            prop_assert!(file.rows.len() + 2 >= lines.len());
        }
    }
}
