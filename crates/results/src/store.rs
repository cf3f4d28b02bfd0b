//! Writing result files: each row is on disk before the next case starts.
//!
//! A file only grows by whole lines. What a failed write left behind is cut off again. If that fails too, or
//! after a power failure, the reader in `load` recognises the torn line.
//!
//! Only one process writes a file. Should another one change or remove it all the same, the next write fails, so that
//! no row is lost unseen.

use super::hold::open_alone;
use super::load::{Scan, scan};
use super::run_file::RunFile;
use super::schema::{End, Header, Record, Row, Status};
use crate::Spent;
use portamark_model::error::{Error, Result};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Destination of a result file; a trait, so that tests can simulate a disk that fills up.
pub trait Sink: Write {
    /// Flushes to disk; returns when everything written is there.
    fn sync(&mut self) -> io::Result<()>;
    /// Truncates what was written to its first `len` bytes and continues from there.
    fn cut(&mut self, len: u64) -> io::Result<()>;
    /// Checks that this is still what `path` names, and that it still has `len` bytes: nobody else wrote to it.
    fn check(&self, path: &Path, len: u64) -> io::Result<()> {
        let _ = (path, len);
        Ok(())
    }
}

impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.seek(SeekFrom::Start(len)).map(drop)
    }

    fn check(&self, path: &Path, len: u64) -> io::Result<()> {
        let changed = |what: &str| io::Error::other(format!("{what} while this run wrote it"));
        let there = std::fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => changed("it was removed"),
            _ => error,
        })?;
        if self.metadata()?.len() == len && there.len() == len {
            return Ok(());
        }
        Err(changed("something else changed it"))
    }
}

/// Writer that appends rows to one result file.
#[derive(Debug)]
pub struct RunWriter<F: Sink = File> {
    sink: F,
    path: PathBuf,
    /// Length of all complete lines, in bytes.
    len: u64,
    rows: u64,
    /// Whether a failed write left a partial line that could not be cut off.
    torn: bool,
}

impl RunWriter {
    /// Creates `<dir>/<device>/<time>_<suite>_<run>.jsonl` with its header line, and the folders above it. An
    /// existing file is never touched: the name of the new one then gets a number.
    pub fn create(dir: &Path, header: Header) -> Result<Self> {
        let folder = dir.join(header.device.slug());
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("create", &folder, e))?;
        let stem = file_stem(&header);
        for number in 1u32.. {
            let name = if number == 1 { format!("{stem}.jsonl") } else { format!("{stem}-{number}.jsonl") };
            let path = folder.join(name);
            match open_alone(&path, true) {
                Ok(file) => {
                    let mut writer = Self::over(file, path);
                    writer.line(&Record::Header(Box::new(header)))?;
                    sync_folder(&folder);
                    return Ok(writer);
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("create", &path, e)),
            }
        }
        unreachable!("the numbers do not end before the file names do")
    }

    /// Opens an interrupted file to continue it, and returns what it holds so far; `None` if the run has ended and
    /// `finished` is false, as when another process finished it after it was found.
    ///
    /// A torn last line and a closing line at the end are cut off; every finished row stays unchanged, byte
    /// for byte.
    ///
    /// # Errors
    /// Fails with [`Error::Busy`] if another process writes the file, and if it cannot be read, changed or resumed.
    pub fn resume(path: &Path, finished: bool) -> Result<Option<(Self, RunFile)>> {
        let mut sink = open_alone(path, false).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::Busy { path: path.into() },
            _ => Error::io("open", path, error),
        })?;
        // Only now, since whoever wrote it may have added to it until a moment ago.
        let Scan { file, keep, newline_missing, mixed } = scan(path)?;
        if mixed {
            return Err(Error::input(path, "holds several runs, so it cannot be resumed"));
        }
        if !finished && !file.is_interrupted() {
            return Ok(None);
        }
        sink.cut(keep).map_err(|e| Error::io("shorten", path, e))?;
        let mut writer = Self { len: keep, rows: file.rows.len() as u64, ..Self::over(sink, path.into()) };
        if newline_missing {
            writer.bytes(b"\n")?;
        }
        Ok(Some((writer, file)))
    }
}

impl<F: Sink> RunWriter<F> {
    fn over(sink: F, path: PathBuf) -> Self {
        RunWriter { sink, path, len: 0, rows: 0, torn: false }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a row; returns when it is on disk.
    ///
    /// After an error the earlier rows are safe, and the next row may be tried.
    pub fn append(&mut self, row: &Row) -> Result<()> {
        self.line(&Record::Row(Box::new(row.clone())))?;
        self.rows += 1;
        Ok(())
    }

    /// Writes the closing line.
    pub fn finish(mut self, end: End) -> Result<()> {
        self.line(&Record::End(end))
    }

    fn line(&mut self, line: &Record) -> Result<()> {
        let mut text = readable(line).map_err(|e| Error::io("write", &self.path, e))?;
        text.push('\n');
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.torn {
            // What others wrote is not cut off.
            self.sink.check(&self.path, self.len).map_err(|e| Error::io("write", &self.path, e))?;
        }
        let written = if self.torn { self.repair() } else { Ok(()) };
        match written.and_then(|()| self.sink.write_all(bytes)).and_then(|()| self.sink.sync()) {
            Ok(()) => {
                self.len += bytes.len() as u64;
                Ok(())
            }
            Err(source) => {
                self.torn = true;
                // Best effort: if it fails, the reader tolerates the torn line.
                let _ = self.repair();
                let saved = match self.rows {
                    0 => "no row was saved".into(),
                    1 => "1 earlier row is saved".into(),
                    n => format!("{n} earlier rows are saved"),
                };
                let source = io::Error::new(source.kind(), format!("{source}; {saved}"));
                Err(Error::io("write", &self.path, source))
            }
        }
    }

    fn repair(&mut self) -> io::Result<()> {
        self.sink.cut(self.len)?;
        self.torn = false;
        Ok(())
    }
}

/// Returns the JSON of a line, which is certain to read back.
///
/// JSON has no infinity and no NaN: a required number that is not finite would make a line that nobody can
/// read. Such a row keeps its case, loses its measurements, and states the reason.
fn readable(line: &Record) -> io::Result<String> {
    let text = serde_json::to_string(line)?;
    if serde_json::from_str::<Record>(&text).is_ok() {
        return Ok(text);
    }
    match line {
        Record::Row(row) => {
            let said = row.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let bare = Row {
                status: if row.status == Status::Ok { Status::Failed } else { row.status },
                reason: Some(format!("the measurement contains a non-finite number{said}")),
                spent: Spent::default(),
                verification: None,
                timing: None,
                predicted_s: None,
                ..(**row).clone()
            };
            Ok(serde_json::to_string(&Record::Row(Box::new(bare)))?)
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a number is not finite")),
    }
}

/// Returns `<time>_<suite>_<run>` with only characters that every file system accepts.
fn file_stem(header: &Header) -> String {
    let time: String = header.started.chars().filter(char::is_ascii_alphanumeric).collect();
    let word = |text: &str, least: &str| -> String {
        let keep = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '-' };
        let word: String = text.chars().map(keep).take(40).collect();
        let word = word.trim_matches(['-', '.']);
        if word.is_empty() { least.into() } else { word.into() }
    };
    format!("{time}_{}_{}", word(&header.suite, "suite"), word(&header.run, "run"))
}

/// Makes the new directory entry survive a power failure, if the system can.
fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = folder;
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::super::load::load;
    use super::*;
    use crate::RunOutcome;

    const CASES: [&str; 3] =
        ["gemm f32 m512 n512 k512 nn", "stream f32 copy n1048576", "peak f32 fma c64 s128"];

    fn json_of(row: &Row) -> String {
        serde_json::to_string(&Record::Row(Box::new(row.clone()))).unwrap() + "\n"
    }

    /// A disk with room for `room` bytes.
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room - self.bytes.len());
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.extend(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Disk {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn cut(&mut self, len: u64) -> io::Result<()> {
            self.bytes.truncate(len as usize);
            Ok(())
        }
    }

    #[test]
    fn the_path_tells_device_time_suite_and_run_and_each_row_is_there_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(folder.path(), example::header()).unwrap();
        let path = writer.path().to_path_buf();
        let expected = "vulkan-example-gpu-1.2.3/20261124T081530Z_quick_1f2e3d4c.jsonl";
        assert_eq!(path, folder.path().join(expected));
        for (done, case) in CASES.iter().enumerate() {
            assert_eq!(load(&path).unwrap().rows.len(), done);
            writer.append(&example::row(case)).unwrap();
        }
        writer.finish(example::end(3, RunOutcome::Done)).unwrap();
        let file = load(&path).unwrap();
        assert_eq!((file.rows.len(), file.is_interrupted(), file.problems.len()), (3, false, 0));
        assert_eq!(file.wall_s(), 12.5);
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunWriter::create(folder.path(), example::header()).unwrap();
        let before = std::fs::read(first.path()).unwrap();
        let second = RunWriter::create(folder.path(), example::header()).unwrap();
        assert_ne!(first.path(), second.path());
        assert!(second.path().to_string_lossy().ends_with("_1f2e3d4c-2.jsonl"));
        assert_eq!(std::fs::read(first.path()).unwrap(), before);
    }

    #[test]
    fn a_suite_named_by_a_path_makes_no_folders() {
        let header = Header { suite: "../my suites/äöü".into(), run: "..".into(), ..example::header() };
        assert_eq!(file_stem(&header), "20261124T081530Z_my-suites_run");
    }

    #[test]
    fn a_disk_that_fills_up_keeps_the_rows_before_and_says_how_many() {
        let row = example::row(CASES[0]);
        let line = json_of(&row).len();
        for short_by in [1, 10, line / 2, line - 1] {
            let disk = Disk { bytes: vec![], room: 3 * line - short_by };
            let mut writer = RunWriter::over(disk, "full.jsonl".into());
            writer.append(&row).unwrap();
            writer.append(&row).unwrap();
            let error = writer.append(&row).unwrap_err();
            assert!(error.to_string().contains("2 earlier rows are saved"), "{error}");
            assert!(
                matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull)
            );
            assert_eq!(writer.sink.bytes.len(), 2 * line);
            // Someone makes room.
            writer.sink.room = 9 * line;
            writer.append(&row).unwrap();
            assert_eq!(writer.sink.bytes, json_of(&row).repeat(3).as_bytes());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_gives_an_error_and_no_panic() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let mut writer = RunWriter::over(file, "/dev/full".into());
        let error = writer.append(&example::row(CASES[0])).unwrap_err();
        assert!(matches!(&error, Error::Io { action: "write", .. }), "{error:?}");
        assert!(error.to_string().contains("no row was saved"), "{error}");
        assert!(writer.append(&example::row(CASES[0])).is_err());
        assert!(writer.finish(example::end(0, RunOutcome::Interrupted)).is_err());
    }

    #[test]
    fn a_number_that_json_cannot_hold_costs_the_numbers_and_not_the_case() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(folder.path(), example::header()).unwrap();
        let mut row = example::row(CASES[0]);
        row.timing.as_mut().unwrap().summary.mean = f64::NAN;
        writer.append(&row).unwrap();
        let file = load(writer.path()).unwrap();
        assert_eq!((&*file.rows[0].case, file.rows[0].status), (CASES[0], Status::Failed));
        assert!(file.rows[0].reason.as_ref().unwrap().contains("non-finite"));
    }

    /// A run with two rows, then `tail`, then resumed with a third row and closed.
    fn resumed(tail: &[u8]) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(folder.path(), example::header()).unwrap();
        let path = writer.path().to_path_buf();
        writer.append(&example::row(CASES[0])).unwrap();
        writer.append(&example::row(CASES[1])).unwrap();
        drop(writer);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&before, tail].concat()).unwrap();

        let (mut writer, file) = RunWriter::resume(&path, true).unwrap().unwrap();
        assert_eq!(file.rows.len(), 2);
        writer.append(&example::row(CASES[2])).unwrap();
        writer.finish(example::end(3, RunOutcome::Done)).unwrap();
        let after = std::fs::read(&path).unwrap();
        assert!(after.starts_with(&before), "finished rows stay byte for byte");
        let file = load(&path).unwrap();
        assert_eq!((file.rows.len(), &file.problems), (3, &vec![]));
        assert!(!file.is_interrupted());
    }

    #[test]
    fn resuming_cuts_a_row_torn_at_any_byte_and_keeps_the_rest() {
        let torn = json_of(&example::row(CASES[2]));
        for kept in (0..torn.len() - 1).step_by(37) {
            resumed(&torn.as_bytes()[..kept]);
        }
        resumed(&[0; 512]);
    }

    #[test]
    fn resuming_drops_the_closing_line() {
        let end = Record::End(example::end(2, RunOutcome::Interrupted));
        resumed((serde_json::to_string(&end).unwrap() + "\n").as_bytes());
        resumed((serde_json::to_string(&end).unwrap() + "\n\n{\"type\":\"ro").as_bytes());
    }

    #[test]
    fn resuming_completes_a_row_that_lacks_only_its_newline() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(folder.path(), example::header()).unwrap();
        let path = writer.path().to_path_buf();
        writer.append(&example::row(CASES[0])).unwrap();
        drop(writer);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, &before[..before.len() - 1]).unwrap();
        let (mut writer, file) = RunWriter::resume(&path, true).unwrap().unwrap();
        assert_eq!(file.rows.len(), 1);
        writer.append(&example::row(CASES[1])).unwrap();
        assert_eq!((load(&path).unwrap().rows.len(), load(&path).unwrap().problems.len()), (2, 0));
        assert!(std::fs::read(&path).unwrap().starts_with(&before));
    }

    #[test]
    fn a_file_that_is_being_written_is_not_resumed_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(folder.path(), example::header()).unwrap();
        let path = writer.path().to_path_buf();
        writer.append(&example::row(CASES[0])).unwrap();
        let busy = |finished| matches!(RunWriter::resume(&path, finished), Err(Error::Busy { .. }));
        assert!(busy(false) && busy(true));
        writer.append(&example::row(CASES[1])).unwrap();
        // What was refused has cut off nothing, and the end of the writer is the end of its lock.
        writer.finish(example::end(2, RunOutcome::Done)).unwrap();
        assert_eq!(load(&path).unwrap().rows.len(), 2);
        assert!(RunWriter::resume(&path, false).unwrap().is_none());
        assert!(!load(&path).unwrap().is_interrupted());
        assert!(RunWriter::resume(&path, true).unwrap().is_some());
    }

    #[test]
    fn a_file_that_is_changed_or_removed_meanwhile_is_an_error_and_no_lost_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(folder.path(), example::header()).unwrap();
        let path = writer.path().to_path_buf();
        writer.append(&example::row(CASES[0])).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let foreign = [&whole[..], b"x"].concat();
        std::fs::write(&path, &foreign).unwrap();
        let error = writer.append(&example::row(CASES[1])).unwrap_err().to_string();
        assert!(error.contains("something else changed it while this run wrote it"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), foreign, "what others wrote is not cut off");
        let mut writer = RunWriter::create(folder.path(), example::header()).unwrap();
        std::fs::remove_file(writer.path()).unwrap();
        let error = writer.append(&example::row(CASES[1])).unwrap_err().to_string();
        assert!(error.contains("it was removed while this run wrote it"), "{error}");
    }
}
