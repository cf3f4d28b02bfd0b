//! Remarks that qualify the numbers of a row.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

macro_rules! tags {
    ($($(#[$doc:meta])* $tag:ident = $word:literal),* $(,)?) => {
        /// A remark that qualifies the numbers of a row. In files it is its word.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        #[non_exhaustive]
        pub enum Tag {
            $($(#[$doc])* $tag,)*
            /// A remark of another program or of a later version, in its words.
            Other(String),
        }

        impl Tag {
            /// Returns the word that files and tables have.
            pub fn word(&self) -> &str {
                match self {
                    $(Tag::$tag => $word,)*
                    Tag::Other(word) => word,
                }
            }
        }

        impl From<String> for Tag {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Tag::$tag,)*
                    _ => Tag::Other(word),
                }
            }
        }
    };
}

tags! {
    /// The device ran slower during the case than at the start of the run, by its sentinels.
    Throttled = "throttled",
    /// The samples have a trend.
    Drifting = "drifting",
    /// The confidence interval of the median is wide.
    Noisy = "noisy",
    /// The case ended so many executors that it is not tried again in this run.
    Quarantined = "quarantined",
    /// The caches held the data of the case when an execution began.
    Warm = "warm",
    /// The program that measured the row does not state the format of its accumulator.
    AccumulatorNotTold = "accumulator-not-told",
}

impl From<&str> for Tag {
    fn from(word: &str) -> Self {
        word.to_string().into()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.word().to_string()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl JsonSchema for Tag {
    fn schema_name() -> Cow<'static, str> {
        "Tag".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_files_and_unknown_ones_stay() {
        for (word, tag) in [("throttled", Tag::Throttled), ("of later", Tag::Other("of later".into()))] {
            assert_eq!(Tag::from(word), tag);
            let json = serde_json::to_string(&tag).unwrap();
            assert_eq!(json, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<Tag>(&json).unwrap(), tag);
        }
    }
}
