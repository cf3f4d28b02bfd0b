//! Reading `m4096 n4096 tn` style parameters of a case key.

use super::dtype::{DType, Precision};

/// A cursor over the words of a case key after the family name.
pub struct Words<'a> {
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// Splits on white space.
    pub fn new(text: &'a str) -> Self {
        Words { words: text.split_whitespace().collect() }
    }

    /// Takes the first word.
    pub fn first(&mut self, what: &str) -> Result<&'a str, String> {
        if self.words.is_empty() { Err(format!("{what} is missing")) } else { Ok(self.words.remove(0)) }
    }

    /// Takes the first word as the formats of work that computes in f32: `f32`, `f16.f32` and so on.
    pub fn computed_in_f32(&mut self) -> Result<Precision, String> {
        let word = self.first("the format, e.g. f16.f32")?;
        let precision = Precision::parse(word).filter(|p| p.right == p.input && p.accumulate == DType::F32);
        precision.ok_or(format!("`{word}` is not a format like f32, f16.f32 or bf16.f32"))
    }

    /// Takes the first word as the format of elements that are moved and not changed.
    pub fn moved(&mut self) -> Result<Precision, String> {
        let word = self.first("the format, e.g. f16")?;
        let format = DType::parse(word).filter(|f| [DType::F32, DType::F16, DType::Bf16].contains(f));
        format.map(|f| Precision::of(f, f)).ok_or(format!("`{word}`: the formats are f32, f16 and bf16"))
    }

    /// Takes the word `<name><number>`; the number must be at least 1.
    pub fn number(&mut self, name: &str) -> Result<u64, String> {
        self.optional_number(name)?.ok_or_else(|| format!("{name}<number> is missing"))
    }

    /// Takes the word `<name><number>` if it is there.
    pub fn optional_number(&mut self, name: &str) -> Result<Option<u64>, String> {
        let found = self.words.iter().position(|word| {
            word.strip_prefix(name).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        let Some(at) = found else { return Ok(None) };
        let word = self.words.remove(at);
        let value: u64 = word[name.len()..].parse().map_err(|_| format!("`{word}` is not a number"))?;
        if value == 0 {
            return Err(format!("`{word}`: sizes start at 1"));
        }
        if value > u64::from(u32::MAX) {
            return Err(format!("`{word}`: sizes end at 2^32 - 1"));
        }
        Ok(Some(value))
    }

    /// Takes `word` if it is there.
    pub fn flag(&mut self, word: &str) -> bool {
        match self.words.iter().position(|w| *w == word) {
            Some(at) => {
                self.words.remove(at);
                true
            }
            None => false,
        }
    }

    /// Fails when a word was not understood.
    pub fn finish(self) -> Result<(), String> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(format!("`{word}` is not understood here")),
        }
    }
}
