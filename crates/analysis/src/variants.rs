//! Cases that were measured by several kernel variants: what run-time checks cost, and the user's
//! kernels against the built-in ones.

use super::comparison::{Device, Entry};
use super::rate::proven_seconds;
use portamark_model::variant::Variant;

/// A case by one variant without and with run-time checks.
#[derive(Debug, Clone, PartialEq)]
pub struct CostOfChecks<'a> {
    /// Key of the case.
    pub case: &'a str,
    /// Text of the variant without checks.
    pub variant: String,
    /// Median seconds without checks.
    pub unchecked_s: f64,
    /// Median seconds with checks.
    pub checked_s: f64,
}

impl CostOfChecks<'_> {
    /// Time with checks over that without.
    pub fn ratio(&self) -> f64 {
        self.checked_s / self.unchecked_s
    }
}

/// A user's kernel and the fastest built-in one of the same case.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnAgainstBuiltIn<'a> {
    /// Key of the case.
    pub case: &'a str,
    /// Text of the user's variant.
    pub own: String,
    /// Its median seconds.
    pub own_s: f64,
    /// Text of the built-in variant.
    pub built_in: String,
    /// Its median seconds.
    pub built_in_s: f64,
}

fn timed<'d>(entry: &'d Entry<'_>) -> Option<(&'d Variant, f64)> {
    Some((&entry.row.kernel.as_ref()?.variant, proven_seconds(entry.row)?))
}

/// Every variant of `device` that was measured without and with run-time checks, in the order of its
/// cases.
pub fn costs_of_checks<'a>(device: &Device<'a>) -> Vec<CostOfChecks<'a>> {
    let mut costs = Vec::new();
    for entry in device.all() {
        let Some((variant, unchecked_s)) = timed(entry).filter(|(variant, _)| !variant.checks) else {
            continue;
        };
        let twin = variant.clone().but(|it| it.checks = true);
        let of_twin = |other: &&Entry| {
            other.row.case == entry.row.case && timed(other).is_some_and(|(v, _)| *v == twin)
        };
        if let Some((_, checked_s)) = device.all().find(of_twin).and_then(timed) {
            let variant = super::clean(&variant.to_string());
            costs.push(CostOfChecks { case: &entry.row.case, variant, unchecked_s, checked_s });
        }
    }
    costs
}

/// Every kernel of the user's on `device` beside the fastest built-in one that has the same checks,
/// or any if there is none.
pub fn own_kernels<'a>(device: &Device<'a>) -> Vec<OwnAgainstBuiltIn<'a>> {
    let mut found = Vec::new();
    for entry in device.all() {
        let Some((own, own_s)) = timed(entry).filter(|(variant, _)| variant.is_own()) else {
            continue;
        };
        let others = device.all().filter(|other| other.row.case == entry.row.case).filter_map(timed);
        let best = others.filter(|(variant, _)| !variant.is_own()).min_by(|a, b| {
            (a.0.checks != own.checks, a.1).partial_cmp(&(b.0.checks != own.checks, b.1)).expect("finite")
        });
        if let Some((variant, built_in_s)) = best {
            let (own, built_in) = (super::clean(&own.to_string()), super::clean(&variant.to_string()));
            found.push(OwnAgainstBuiltIn { case: &entry.row.case, own, own_s, built_in, built_in_s });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Comparison;
    use portamark_fixtures::fixture;

    #[test]
    fn twins_that_differ_in_checks_alone_are_set_side_by_side() {
        let runs = [fixture::variants()];
        let comparison = Comparison::new(&runs);
        let costs = costs_of_checks(&comparison.devices[0]);
        assert_eq!(costs.len(), 1);
        assert_eq!((costs[0].case, costs[0].variant.as_str()), (fixture::MANY, "tiled bk16 bm64 bn64"));
        assert!((costs[0].ratio() - 1.25).abs() < 1e-3, "{costs:?}");
    }

    #[test]
    fn an_own_kernel_meets_the_fastest_built_in_one() {
        let runs = [fixture::variants()];
        let comparison = Comparison::new(&runs);
        let own = own_kernels(&comparison.devices[0]);
        assert_eq!(own.len(), 1);
        assert_eq!(
            (own[0].own.as_str(), own[0].built_in.as_str()),
            ("own/mine bk16 bm64 bn64", "tiled bk16 bm64 bn64")
        );
        assert!((own[0].own_s / own[0].built_in_s - 3.0).abs() < 1e-2, "{own:?}");
    }
}
