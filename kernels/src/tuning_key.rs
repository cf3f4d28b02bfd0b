//! Keys of tuning tables: the operation, its sizes rounded to powers of two, and the alignment of its
//! extents.

use portamark_model::workload::{Case, Parameter};
use std::fmt;
use std::str::FromStr;

/// One word of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Word {
    /// A word without a size: the family, a format, a layout or a flag.
    Text(String),
    /// A size: its name and the exponent of the nearest power of two.
    Size(String, u32),
}

/// Key of a group of cases for which the same variant is likely to be the fastest: those with the same
/// words, the same sizes to the nearest power of two, and the same alignment.
///
/// The key depends only on the parameters of the case, so a new family needs no code here: words stay, and
/// sizes become powers of two. Its text form is, e.g., `gemm f32 m2^9 n2^9 k2^9 nn align16`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TuningKey {
    words: Vec<Word>,
    /// Alignment of every extent, in bytes: 16, 4 or 1.
    alignment: u32,
}

/// Smallest size that counts as an extent for the alignment. Smaller numbers are counts, such as heads or
/// batches, not runs of elements that vectors are loaded from.
const LEAST_EXTENT: u64 = 4;

/// Exponent of the power of two nearest to `number`, on a logarithmic scale.
fn bucket(number: u64) -> u32 {
    (number.max(1) as f64).log2().round() as u32
}

impl TuningKey {
    /// Returns the key of `case`.
    pub fn of(case: &Case) -> Self {
        let parameters = case.parameters();
        let word = |parameter| match parameter {
            Parameter::Size(name, value) => Word::Size(name.into(), bucket(value)),
            other => Word::Text(other.to_string()),
        };
        let words =
            [Word::Text(case.family().into())].into_iter().chain(parameters.iter().map(word)).collect();
        let bits = case.precision().input.bits();
        let extents = || parameters.sizes().map(|(_, number)| number).filter(|n| *n >= LEAST_EXTENT);
        let divides = |bytes: u64| extents().all(|n| n.saturating_mul(bits).is_multiple_of(8 * bytes));
        let alignment = [16, 4].into_iter().find(|bytes| divides(*bytes)).unwrap_or(1) as u32;
        TuningKey { words, alignment }
    }

    /// Distance of two keys: the sum of the differences of their exponents. `None` if operation, formats or
    /// alignment differ.
    pub fn distance(&self, other: &TuningKey) -> Option<u32> {
        if self.words.len() != other.words.len() || self.alignment != other.alignment {
            return None;
        }
        self.words.iter().zip(&other.words).try_fold(0u32, |sum, pair| match pair {
            (Word::Text(a), Word::Text(b)) if a == b => Some(sum),
            (Word::Size(a, x), Word::Size(b, y)) if a == b => Some(sum.saturating_add(x.abs_diff(*y))),
            _ => None,
        })
    }
}

impl fmt::Display for TuningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for word in &self.words {
            match word {
                Word::Text(text) => write!(f, "{text} ")?,
                Word::Size(name, power) => write!(f, "{name}2^{power} ")?,
            }
        }
        write!(f, "align{}", self.alignment)
    }
}

impl FromStr for TuningKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{text}` is not a key: {what}");
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let last = words.pop().and_then(|word| word.strip_prefix("align"));
        let alignment = match last {
            Some("16") => 16,
            Some("4") => 4,
            Some("1") => 1,
            _ => return Err(wrong("its last word is align16, align4 or align1")),
        };
        if words.is_empty() {
            return Err(wrong("it names no operation"));
        }
        let word = |word: &str| match word.split_once("2^") {
            Some((name, power)) => match power.parse() {
                Ok(power) if power < 64 && !name.is_empty() => Ok(Word::Size(name.into(), power)),
                _ => Err(wrong(&format!("`{word}` is no size"))),
            },
            None => Ok(Word::Text(word.into())),
        };
        Ok(TuningKey { words: words.into_iter().map(word).collect::<Result<_, _>>()?, alignment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(case: &str) -> String {
        TuningKey::of(&case.parse().unwrap()).to_string()
    }

    #[test]
    fn words_stay_and_sizes_become_powers_of_two() {
        assert_eq!(key("gemm f32 m512 n512 k512 nn"), "gemm f32 m2^9 n2^9 k2^9 nn align16");
        assert_eq!(key("gemm f16.f32 m1000 n1001 k1003 nt"), "gemm f16.f32 m2^10 n2^10 k2^10 nt align1");
        // 4 elements of f16 are 8 bytes.
        assert_eq!(key("gemm f16.f32 m12 n1 k1024 nt"), "gemm f16.f32 m2^4 n2^0 k2^10 nt align4");
        assert_eq!(
            key("attention f32 b1 hq8 hkv2 q1 kv8192 d96 causal"),
            "attention f32 b2^0 hq2^3 hkv2^1 q2^0 kv2^13 d2^7 causal align16"
        );
        assert_eq!(key("peak f16 fma c64 s128"), "peak f16 fma c2^6 s2^7 align16");
    }

    #[test]
    fn distance_is_between_sizes_of_one_operation() {
        let key = |case: &str| TuningKey::of(&case.parse().unwrap());
        let one = key("gemm f32 m512 n512 k512 nn");
        assert_eq!(one.distance(&one), Some(0));
        assert_eq!(one.distance(&key("gemm f32 m1024 n256 k512 nn")), Some(2));
        for other in
            ["gemm f32 m512 n512 k512 nt", "gemm f16 m512 n512 k512 nn", "gemm f32 m511 n512 k512 nn"]
        {
            assert_eq!(one.distance(&key(other)), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_key_says_why() {
        for (text, part) in [
            ("", "its last word"),
            ("gemm f32 m2^9", "its last word"),
            ("align16", "names no operation"),
            ("gemm m2^x align4", "`m2^x` is no size"),
            ("gemm 2^3 align4", "`2^3` is no size"),
        ] {
            let error = text.parse::<TuningKey>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_an_error(text in ".{0,60}") {
            if let Ok(key) = text.parse::<TuningKey>() {
                prop_assert_eq!(key.to_string().parse::<TuningKey>(), Ok(key));
            }
        }

        #[test]
        fn keys_of_cases_read_back(m in 1u64..70_000, n in 1u64..70_000, k in 1u64..70_000) {
            let case: Case = format!("gemm f16xq8_0.f32 m{m} n{n} k{} nt", k * 32).parse().unwrap();
            let key = TuningKey::of(&case);
            prop_assert_eq!(key.to_string().parse::<TuningKey>(), Ok(key));
        }
    }
}
