//! The files that the server offers. They are compiled into the program; no request reads from the disk.

use crate::generator;
use portamark_model::workload::DType;
use std::collections::BTreeMap;

/// One file that the server offers.
pub(super) struct Asset {
    /// Path of its URL.
    pub(super) path: &'static str,
    /// Media type, for the `Content-Type` header.
    pub(super) media: &'static str,
    /// Content of the file.
    pub(super) text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The HTML page.
pub(super) const PAGE: Asset =
    Asset { path: "/", media: "text/html; charset=utf-8", text: include_str!("../../browser/index.html") };

/// Style sheet and scripts that the page loads.
pub(super) const ASSETS: [Asset; 6] = [
    Asset {
        path: "/style.css",
        media: "text/css; charset=utf-8",
        text: include_str!("../../browser/style.css"),
    },
    Asset { path: "/page.js", media: SCRIPT, text: include_str!("../../browser/page.js") },
    Asset { path: "/adapter.js", media: SCRIPT, text: include_str!("../../browser/adapter.js") },
    Asset { path: "/executor.js", media: SCRIPT, text: include_str!("../../browser/executor.js") },
    Asset { path: "/numbers.js", media: SCRIPT, text: include_str!("../../browser/numbers.js") },
    Asset { path: "/requests.js", media: SCRIPT, text: include_str!("../../browser/requests.js") },
];

/// Path of the URL that serves the kernels that fill buffers, as JSON.
pub(super) const WRITERS: &str = "/writers.json";

/// Returns a JSON object that maps the name of each number format to the source of the kernel that fills a
/// buffer of it. The empty name maps to the kernel that writes the poison pattern.
pub(super) fn writers() -> String {
    let fills = DType::all().filter_map(|dtype| Some((dtype.name(), generator::fill(dtype)?)));
    let texts: BTreeMap<&str, String> = fills.chain([("", generator::POISON.to_owned())]).collect();
    serde_json::json!(texts).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_of_a_buffer_has_a_writer() {
        let texts: BTreeMap<String, String> = serde_json::from_str(&writers()).unwrap();
        let formats: Vec<&str> = texts.keys().map(String::as_str).collect();
        assert_eq!(formats, ["", "bf16", "e4m3", "f16", "f32", "i32", "i4", "i8"]);
        for text in texts.values() {
            assert!(text.contains("fn main("), "{text}");
        }
    }

    #[test]
    fn the_page_loads_what_is_served_and_holds_no_script_or_style_of_its_own() {
        for asset in &ASSETS {
            let name = asset.path.trim_start_matches('/');
            let named = ASSETS.iter().chain([&PAGE]).any(|other| other.text.contains(name));
            assert!(named, "{name} is not loaded");
        }
        let page = PAGE.text.to_lowercase();
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" on"), "{page}");
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!page.contains("http:") && !page.contains("https:"));
    }
}
