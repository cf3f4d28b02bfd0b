//! Comparison of kernel variants of the same case: the cost of run-time checks, and the user's own kernels
//! against the built-in ones.

use super::device::{Device, Entry};
use super::rate::proven_seconds;
use portamark_model::variant::Variant;

/// Times of one variant of a case without and with run-time checks.
#[derive(Debug, Clone, PartialEq)]
pub struct CostOfChecks<'a> {
    /// Case key.
    pub case: &'a str,
    /// Variant without checks, as text.
    pub variant: String,
    /// Median seconds without checks.
    pub unchecked_s: f64,
    /// Median seconds with checks.
    pub checked_s: f64,
}

impl CostOfChecks<'_> {
    /// Returns the time with checks over that without; 1 if checks cost nothing.
    pub fn ratio(&self) -> f64 {
        self.checked_s / self.unchecked_s
    }
}

/// Times of a user's kernel and of the fastest built-in kernel for the same case.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnAgainstBuiltIn<'a> {
    /// Case key.
    pub case: &'a str,
    /// The user's variant, as text.
    pub own: String,
    /// Median seconds of the user's variant.
    pub own_s: f64,
    /// The built-in variant, as text.
    pub built_in: String,
    /// Median seconds of the built-in variant.
    pub built_in_s: f64,
}

fn timed<'d>(entry: &'d Entry<'_>) -> Option<(&'d Variant, f64)> {
    Some((&entry.row.kernel.as_ref()?.variant, proven_seconds(entry.row)?))
}

/// Returns every variant on `device` that was measured both without and with run-time checks, in case order.
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

/// Returns every user kernel on `device` with the fastest built-in kernel that has the same checks setting,
/// or with the fastest of any setting if there is none.
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
