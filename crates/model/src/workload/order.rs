//! Sort order of case keys.

use super::FAMILIES;
use std::cmp::Ordering;

/// Compares two case keys: first by family in the order of [`FAMILIES`], with unknown families last, then
/// by key, with each run of digits compared as a number.
pub fn compare_keys(a: &str, b: &str) -> Ordering {
    let family = |key: &str| {
        let word = key.split_whitespace().next().unwrap_or("");
        FAMILIES.iter().position(|family| *family == word).unwrap_or(FAMILIES.len())
    };
    family(a).cmp(&family(b)).then_with(|| natural_order(a, b))
}

fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let ((word_a, rest_a), (word_b, rest_b)) = (piece(left), piece(right));
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(word_a) && digits(word_b) {
            let (x, y) = (word_a.trim_start_matches('0'), word_b.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            word_a.cmp(word_b)
        };
        if order != Ordering::Equal {
            return order;
        }
        if rest_a.is_empty() || rest_b.is_empty() {
            // Keys that differ only in leading zeros are still different keys.
            return rest_a.len().cmp(&rest_b.len()).then_with(|| a.cmp(b));
        }
        (left, right) = (rest_a, rest_b);
    }
}

/// Splits `text` after its longest prefix that consists only of digits or contains none.
fn piece(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_families_and_numbers() {
        let mut keys = [
            "zzz",
            "gemm f32 m1024 n1 k1 nn",
            "gemm f32 m512 n1 k1 nn",
            "attention f32 b1 hq1 q4 d64",
            "gemm f16.f32 m2 n1 k1 nn",
            "stream f32 copy n1024",
            "",
            "99999999999999999999999999999",
        ];
        keys.sort_by(|a, b| compare_keys(a, b));
        assert_eq!(
            keys,
            [
                "stream f32 copy n1024",
                "gemm f16.f32 m2 n1 k1 nn",
                "gemm f32 m512 n1 k1 nn",
                "gemm f32 m1024 n1 k1 nn",
                "attention f32 b1 hq1 q4 d64",
                "",
                "99999999999999999999999999999",
                "zzz",
            ]
        );
    }
}
