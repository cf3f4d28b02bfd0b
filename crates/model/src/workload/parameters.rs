//! Parameters of a case, `f16.f32 m4096 n4096 k512 tn`, as formats, sizes and words, and their parser.

use super::dtype::{DType, Precision};
use std::fmt;

/// One parameter of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// Number formats of inputs and accumulator, e.g. `f16.f32`.
    Formats(Precision),
    /// Name and value of a size, e.g. `m4096`.
    Size(&'static str, u64),
    /// Word that selects an option: an operation, a layout or a flag.
    Word(&'static str),
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parameter::Formats(precision) => write!(f, "{precision}"),
            Parameter::Size(name, value) => write!(f, "{name}{value}"),
            Parameter::Word(word) => f.write_str(word),
        }
    }
}

/// Parameters of a case in the order of its key. Their text, separated by spaces, is the key without the
/// family.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parameters(Vec<Parameter>);

impl Parameters {
    /// Creates a list that starts with the formats.
    pub fn of(precision: Precision) -> Self {
        Parameters(vec![Parameter::Formats(precision)])
    }

    /// Appends the size `name`.
    #[must_use]
    pub fn size(mut self, name: &'static str, value: u64) -> Self {
        self.0.push(Parameter::Size(name, value));
        self
    }

    /// Appends the size `name` if `value` is not `None`.
    #[must_use]
    pub fn size_if(self, name: &'static str, value: Option<u64>) -> Self {
        if let Some(value) = value { self.size(name, value) } else { self }
    }

    /// Appends a word.
    #[must_use]
    pub fn word(mut self, word: &'static str) -> Self {
        self.0.push(Parameter::Word(word));
        self
    }

    /// Appends a word if `is_set`.
    #[must_use]
    pub fn flag(self, word: &'static str, is_set: bool) -> Self {
        if is_set { self.word(word) } else { self }
    }

    /// Appends the parameters of another case.
    #[must_use]
    pub fn and(mut self, other: Parameters) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the parameters one by one, in the order of the key.
    pub fn iter(&self) -> impl Iterator<Item = Parameter> + '_ {
        self.0.iter().copied()
    }

    /// Returns the names and values of the sizes, in the order of the key.
    pub fn sizes(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.iter().filter_map(|parameter| match parameter {
            Parameter::Size(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// Replaces the value of the size `name`; changes nothing if there is no such size.
    #[must_use]
    pub fn with_size(mut self, name: &str, value: u64) -> Self {
        for parameter in &mut self.0 {
            match parameter {
                Parameter::Size(known, old) if *known == name => *old = value,
                _ => {}
            }
        }
        self
    }

    /// Keeps only the parameters that `keep` accepts.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&Parameter) -> bool) -> Self {
        self.0.retain(keep);
        self
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, parameter) in self.0.iter().enumerate() {
            write!(f, "{}{parameter}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Largest number of elements of a tensor that can be counted. No device holds one of them, and everything that
/// is made of it stays far below 2⁶⁴: bytes, and the sums over all parts of a layer.
const MOST_ELEMENTS: u64 = 1 << 48;

/// Checks that the product of `sizes`, the number of elements of `tensor`, can be counted. Every family checks
/// its tensors while it parses, so that no later product of sizes overflows.
///
/// # Errors
/// Returns a message with the sizes if there are more than 2⁴⁸ elements.
pub(super) fn countable(tensor: &str, sizes: &[u64]) -> Result<(), String> {
    let product = sizes.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
    if product.is_some_and(|product| product <= MOST_ELEMENTS) {
        return Ok(());
    }
    let sizes = sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
    Err(format!("tensor {tensor} has {sizes} elements; at most 2^48 can be counted"))
}

/// Parser over the words of a case key after the family name.
pub struct Words<'a> {
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// Splits `text` at white space.
    pub fn new(text: &'a str) -> Self {
        Words { words: text.split_whitespace().collect() }
    }

    /// Takes the first word; `what` names it in the message if it is missing.
    pub fn first(&mut self, what: &str) -> Result<&'a str, String> {
        if self.words.is_empty() { Err(format!("{what} is missing")) } else { Ok(self.words.remove(0)) }
    }

    /// Takes the first word as the formats of a workload that computes in f32: `f32`, `f16.f32` and so on.
    pub fn computed_in_f32(&mut self) -> Result<Precision, String> {
        let word = self.first("the format, e.g. f16.f32")?;
        let precision = Precision::parse(word).filter(|p| p.right == p.input && p.accumulate == DType::F32);
        precision.ok_or(format!("`{word}` is not a format like f32, f16.f32 or bf16.f32"))
    }

    /// Takes the first word as the format of elements that are moved unchanged.
    pub fn moved(&mut self) -> Result<Precision, String> {
        let word = self.first("the format, e.g. f16")?;
        let format = DType::parse(word).filter(|f| [DType::F32, DType::F16, DType::Bf16].contains(f));
        format.map(|f| Precision::of(f, f)).ok_or(format!("`{word}`: the formats are f32, f16 and bf16"))
    }

    /// Takes the word `<name><number>`; the number must be at least 1.
    pub fn number(&mut self, name: &str) -> Result<u64, String> {
        self.optional_number(name)?.ok_or_else(|| format!("{name}<number> is missing"))
    }

    /// Takes the word `<name><number>`; `None` if it is absent.
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

    /// Takes `word` if it is present, and returns whether it was.
    pub fn flag(&mut self, word: &str) -> bool {
        match self.words.iter().position(|w| *w == word) {
            Some(at) => {
                self.words.remove(at);
                true
            }
            None => false,
        }
    }

    /// Fails if words are left over, because they were not understood.
    pub fn finish(self) -> Result<(), String> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(format!("`{word}` is not understood here")),
        }
    }
}
