//! Stand-ins for cards that are not there.

/// What lets a driver of Mesa open a card that is not there: a library that is loaded before all others and answers in
/// place of the kernel's graphics driver (Mesa's drm-shim). Compiling is real, execution does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StandIn {
    /// File name of the library, in Debian's package `mesa-drm-shim`.
    pub library: &'static str,
    /// Environment variables, which also say which chip it stands in for.
    pub variables: &'static [(&'static str, &'static str)],
    /// File name of the driver's manifest, in Debian's package `mesa-vulkan-drivers`.
    pub manifest: &'static str,
}
