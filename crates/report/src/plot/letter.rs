//! Letters for devices.

/// Returns the letter of device `number` of a comparison, counted from 0, or two letters from the 27th device
/// on: A … Z, AA, AB, …
pub fn letter(number: usize) -> String {
    let one = |n: usize| char::from(b'A' + (n % 26) as u8);
    match number / 26 {
        0 => one(number).into(),
        tens => [one((tens - 1) % 26), one(number)].iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_on_after_the_26th() {
        let letters = [0, 25, 26, 27, 51, 52, 675].map(letter);
        assert_eq!(letters, ["A", "Z", "AA", "AB", "AZ", "BA", "YZ"]);
    }
}
