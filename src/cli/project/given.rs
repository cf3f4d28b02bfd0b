//! Prices, powers and efficiencies given on the command line of `project`.

use super::target::Target;
use crate::error::{Error, Result};
use portamark_analysis::{EfficiencyRange, GivenEfficiencies, KERNEL_CLASSES};
use portamark_model::possible::is_sensible;

/// A positive number for all devices, or for one device by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PerDevice {
    /// Name of the device; `None` for all others.
    name: Option<String>,
    value: f64,
}

fn per_device(text: &str, units: &[&str], what: &str) -> std::result::Result<PerDevice, String> {
    let (name, number) = match text.rsplit_once('=') {
        Some((name, number)) => (Some(name.trim().to_string()), number),
        None => (None, text),
    };
    let number = units.iter().find_map(|unit| number.strip_suffix(unit)).unwrap_or(number);
    let value = number.trim().parse::<f64>().ok().filter(|value| is_sensible(*value));
    let named = name.as_ref().is_none_or(|name| !name.is_empty());
    value.filter(|_| named).map(|value| PerDevice { name, value }).ok_or(format!("`{text}` is not a {what}"))
}

/// Parses `2.0/h`, plain `2.0`, or `h20=0.8/h`.
pub(super) fn parse_price(text: &str) -> std::result::Result<PerDevice, String> {
    per_device(text, &["/h"], "price per hour; write it as 2.0/h or h20=0.8/h")
}

/// Parses `400`, `400W`, or `h20=400W`.
pub(super) fn parse_power(text: &str) -> std::result::Result<PerDevice, String> {
    per_device(text, &["W", "w"], "power in watts; write it as 400W or h20=400W")
}

/// Parses `0.6`, `0.4..0.7`, `60%`, or `gemv=0.6..0.8`.
pub(super) fn parse_efficiency(
    text: &str,
) -> std::result::Result<(Option<&'static str>, EfficiencyRange), String> {
    let (class, range) = match text.split_once('=') {
        Some((class, range)) => {
            let known = KERNEL_CLASSES.into_iter().find(|known| *known == class.trim());
            let known = known.ok_or(format!(
                "`{class}` is not a kernel class; choose from {}",
                KERNEL_CLASSES.join(", ")
            ))?;
            (Some(known), range)
        }
        None => (None, text),
    };
    let part = |text: &str| {
        let (number, scale) = text.trim().strip_suffix('%').map_or((text, 1.0), |number| (number, 0.01));
        let part = number.trim().parse::<f64>().ok().map(|number| number * scale);
        part.filter(|part| is_sensible(*part) && *part <= 1.0)
            .ok_or(format!("`{text}` is not a fraction above 0 and up to 1; write 0.6, 60% or 0.4..0.7"))
    };
    let (lo, hi) = range.split_once("..").unwrap_or((range, range));
    let (lo, hi) = (part(lo)?, part(hi)?);
    if lo > hi {
        return Err(format!("`{range}` is descending; write the lower bound first"));
    }
    Ok((class, EfficiencyRange { lo, hi }))
}

/// Returns the given efficiencies, the last one for each class of kernel.
pub(super) fn efficiencies(given: &[(Option<&'static str>, EfficiencyRange)]) -> Option<GivenEfficiencies> {
    let mut found = GivenEfficiencies::default();
    for (class, range) in given {
        match class {
            Some(class) => found.classes.insert(0, (class, *range)),
            None => found.others = Some(*range),
        }
    }
    (!given.is_empty()).then_some(found)
}

/// Returns the value for `target`: by its name if given, else the one for all devices.
pub(super) fn value(given: &[PerDevice], target: &Target) -> Option<f64> {
    let own = given.iter().find(|one| one.name.as_ref().is_some_and(|name| target.is_called(name)));
    own.or_else(|| given.iter().find(|one| one.name.is_none())).map(|one| one.value)
}

/// Refuses a name in `flag` that matches none of `targets`.
pub(super) fn check_names(flag: &str, given: &[PerDevice], targets: &[Target]) -> Result<()> {
    let unused = given
        .iter()
        .filter_map(|one| one.name.as_ref())
        .find(|name| !targets.iter().any(|target| target.is_called(name)));
    unused.map_or(Ok(()), |name| {
        let all: Vec<String> = targets.iter().map(Target::label).collect();
        Err(Error::usage_hint(
            format!("`{name}` in {flag} matches none of the projected devices"),
            format!("these are {}", all.join("; ")),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::catalog::Catalog;

    #[test]
    fn prices_and_powers_are_of_all_devices_or_of_one() {
        let plain = |value| Ok(PerDevice { name: None, value });
        assert_eq!((parse_price("2.0/h"), parse_price("0.5")), (plain(2.0), plain(0.5)));
        assert_eq!(parse_price("h20=0.8/h"), Ok(PerDevice { name: Some("h20".into()), value: 0.8 }));
        assert_eq!(
            (parse_power("400W"), parse_power("h20=350")),
            (plain(400.0), Ok(PerDevice { name: Some("h20".into()), value: 350.0 }))
        );
        for wrong in ["", "free", "-1/h", "0/h", "inf/h", "1e308/h", "2/d", "=1", "h20="] {
            assert!(parse_price(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_price_of_a_name_comes_before_that_of_all_and_h20_is_no_h200() {
        let target = |id| Target::Predicted(Catalog::embedded().named(id).unwrap());
        let given = [parse_price("3").unwrap(), parse_price("h20=0.8").unwrap()];
        assert_eq!(value(&given, &target("nvidia-h20")), Some(0.8));
        assert_eq!(value(&given, &target("nvidia-h200")), Some(3.0));
        assert_eq!(value(&[], &target("nvidia-h20")), None);
        let error = check_names("--price", &given, &[target("nvidia-h200")]).unwrap_err();
        assert_eq!(error.to_string(), "`h20` in --price matches none of the projected devices");
    }

    #[test]
    fn efficiencies_are_parts_of_one_and_ascend() {
        let range = |lo, hi| EfficiencyRange { lo, hi };
        assert_eq!(parse_efficiency("0.4..0.7"), Ok((None, range(0.4, 0.7))));
        assert_eq!(parse_efficiency("60%"), Ok((None, range(0.6, 0.6))));
        assert_eq!(parse_efficiency("gemv=0.8..0.9"), Ok((Some("gemv"), range(0.8, 0.9))));
        for wrong in ["", "0", "1e-19", "1.1", "0.7..0.4", "conv=0.5", "x", "60"] {
            assert!(parse_efficiency(wrong).is_err(), "{wrong}");
        }
        assert_eq!(efficiencies(&[]), None);
    }
}
