//! Lines of a file with arbitrary content, with the position where each ends.

use std::io::{self, BufRead, Read};

/// Maximum length of a line in bytes. Longer lines are skipped, so that a broken file cannot exhaust memory;
/// a row of 100 000 samples takes about 2 MB.
pub(super) const LONGEST_LINE: u64 = 16 << 20;

/// Maximum size of a result file in bytes, thousands of times that of a run: nothing after it is read.
pub(super) const LARGEST_FILE: u64 = 1 << 30;

/// A line of a file before parsing.
pub(super) struct RawLine {
    /// Line number, from 1.
    pub(super) number: u64,
    /// Content without the newline; `None` if the line is too long.
    pub(super) bytes: Option<Vec<u8>>,
    /// Whether the line ends with a newline.
    pub(super) newline: bool,
    /// Position after the line, in bytes from the start of the file.
    pub(super) end: u64,
}

/// Reader of the lines of a file, each of bounded length.
pub(super) struct Lines<R> {
    reader: R,
    at: u64,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Creates a reader of the lines of `reader`.
    pub(super) fn of(reader: R) -> Self {
        Lines { reader, at: 0, number: 0 }
    }

    /// Returns the next line; `None` at the end. A first line that is too long ends the file: it is no header.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or is larger than [`LARGEST_FILE`].
    pub(super) fn next(&mut self) -> io::Result<Option<RawLine>> {
        if self.at > LARGEST_FILE {
            let limit = LARGEST_FILE >> 30;
            let message = format!("larger than {limit} GiB, the most that is read of a result file");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let mut bytes = Vec::new();
        let mut length = self.reader.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut bytes)? as u64;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        let mut newline = bytes.last() == Some(&b'\n');
        let whole = newline || length <= LONGEST_LINE;
        if newline {
            bytes.pop();
        } else if !whole {
            bytes.clear();
            let most = if self.number == 1 { 0 } else { LARGEST_FILE };
            let (skipped, ended) = skip_line(&mut self.reader, most)?;
            length += skipped;
            newline = ended;
        }
        self.at += length;
        Ok(Some(RawLine { number: self.number, bytes: whole.then_some(bytes), newline, end: self.at }))
    }
}

/// Reads up to and including the next newline, or until more than `most` bytes are read; returns the number of
/// bytes and whether there was a newline.
fn skip_line(reader: &mut impl BufRead, most: u64) -> io::Result<(u64, bool)> {
    let mut skipped = 0;
    loop {
        if skipped > most {
            return Ok((skipped, false));
        }
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok((skipped, false));
        }
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let used = newline.map_or(buffer.len(), |at| at + 1);
        reader.consume(used);
        skipped += used as u64;
        if newline.is_some() {
            return Ok((skipped, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, repeat};

    #[test]
    fn a_file_without_an_end_ends_with_its_first_line() {
        let mut lines = Lines::of(BufReader::new(repeat(0)));
        let first = lines.next().unwrap().unwrap();
        assert!(first.bytes.is_none() && !first.newline && first.end < 2 * LONGEST_LINE);
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let mut lines = Lines { reader: BufReader::new(repeat(b'\n')), at: LARGEST_FILE + 1, number: 7 };
        let error = lines.next().err().unwrap();
        assert!(error.to_string().starts_with("larger than 1 GiB"), "{error}");
    }
}
