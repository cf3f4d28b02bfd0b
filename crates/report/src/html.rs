//! The HTML page: one self-contained file that loads nothing from the network. Its content security policy
//! names its only script, which sorts and filters tables, by hash, so that no other script can run.

use super::anchor::Names;
use super::inspection::InspectionView;
use super::page::Page;
use super::plot::{Charts, SCALE, page_rules};
use base64::prelude::{BASE64_STANDARD, Engine};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use portamark_analysis::ReportModel;
use portamark_inspect::Cell;
use portamark_model::plain_text::printable;
use sha2::{Digest, Sha256};

/// File names and texts of the templates. The names end in `.html`, which turns on HTML escaping.
const TEMPLATES: [(&str, &str); 4] = [
    ("compiled.html", include_str!("compiled.html")),
    ("head.html", include_str!("head.html")),
    ("inspection.html", include_str!("inspection.html")),
    ("report.html", include_str!("report.html")),
];

/// Style sheet of the page, without the colours of charts.
const STYLE: &str = include_str!("report.css");

/// Script of the page, which sorts and filters tables.
const SCRIPT: &str = include_str!("report.js");

/// Returns the source expression of [`SCRIPT`] for a content security policy.
fn script_hash() -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(SCRIPT)))
}

/// Renders the page of a report as HTML; `cells` are what compilers made of kernels for chips that are not in it.
pub fn render(model: &ReportModel, charts: &Charts, cells: &[Cell]) -> Result<String, minijinja::Error> {
    let page = Page::new(model, charts, cells);
    fill("report.html", page.title(), context! { page => Value::from(Serde(&page)) })
}

/// Returns a page that shows what compilers made of kernels: a matrix of cases and chips, and a table for each chip.
///
/// # Errors
/// Fails if the template does.
pub fn inspection_page(cells: &[Cell]) -> Result<String, std::io::Error> {
    let view = InspectionView::new(cells, &mut Names::default());
    let version = env!("CARGO_PKG_VERSION");
    fill("inspection.html", view.counts(), context! { view => Value::from(Serde(&view)), version })
        .map(|page| printable(&page).into_owned())
        .map_err(|error| std::io::Error::other(format!("{error:#}")))
}

/// Fills in a template.
fn fill(name: &str, title: &str, values: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax?);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    let style = Value::from_safe_string(format!("{}\n{STYLE}", page_rules(SCALE)));
    let (script, script_hash) =
        (Value::from_safe_string(SCRIPT.into()), Value::from_safe_string(script_hash()));
    environment.get_template(name)?.render(context! { title, style, script, script_hash, ..values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::{compiled, fixture};
    use portamark_model::kernel_text::NoTexts;
    use portamark_results::RunFile;
    use std::collections::HashSet;

    fn page(runs: &[RunFile]) -> String {
        let model = ReportModel::new(runs, None, &NoTexts);
        render(&model, &Charts::new(&model), &[]).unwrap()
    }

    /// Returns the values of all attributes called `name`.
    fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
        let opening = format!(" {name}=\"");
        html.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn nothing_is_loaded_and_nothing_but_the_own_script_runs() {
        for runs in [fixture::three_devices(), fixture::hostile(), vec![fixture::variants()], Vec::new()] {
            let html = page(&runs);
            let own = format!("<script>{SCRIPT}</script>");
            assert_eq!((html.matches(&own).count(), html.to_lowercase().matches("<script").count()), (1, 1));
            let html = html.replace(&own, "");
            for tag in ["<link", "<img", "<iframe", "<object", "<base", "@import", "url("] {
                assert!(!html.contains(tag), "{tag}");
            }
            assert!(attributes(&html, "src").is_empty());
            assert!(attributes(&html, "href").iter().all(|href| href.starts_with('#')));
            let policy = format!(
                "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '{}'; \
                 base-uri 'none'; form-action 'none'\"",
                script_hash()
            );
            assert!(html.contains(&policy));
        }
    }

    fn with_cells(runs: &[RunFile], cells: &[Cell]) -> String {
        let model = ReportModel::new(runs, None, &NoTexts);
        render(&model, &Charts::new(&model), cells).unwrap()
    }

    #[test]
    fn compiled_kernels_are_a_page_and_a_section_and_no_name_of_a_driver_is_live() {
        let page_of = |cells: &[Cell]| inspection_page(cells).unwrap();
        let ordinary = compiled::cells();
        for html in
            [page_of(&ordinary), with_cells(&fixture::two_devices(), &ordinary), with_cells(&[], &ordinary)]
        {
            for part in [
                "id=\"compiled\"",
                "Compiled, not measured.",
                "id=\"chip-one\"",
                "class=\"m-spills\"",
                "registers: 120",
            ] {
                assert!(html.contains(part), "{part}");
            }
        }
        assert!(!with_cells(&fixture::two_devices(), &[]).contains("id=\"compiled\""));
        let hostile = compiled::hostile_cells();
        for html in [page_of(&hostile), with_cells(&fixture::hostile(), &hostile)] {
            let own = format!("<script>{SCRIPT}</script>");
            assert_eq!(html.matches(&own).count(), 1);
            let html = html.replace(&own, "");
            for live in ["<script", "</script", "\"'>|"] {
                assert!(!html.contains(live), "{live}");
            }
            assert!(!printable(&html).chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
            let ids = attributes(&html, "id");
            assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
            assert!(attributes(&html, "href").iter().all(|href| ids.contains(&&href[1..])));
        }
    }

    #[test]
    fn variants_of_one_case_and_the_cost_of_checks_have_a_section() {
        let html = page(&[fixture::variants()]);
        assert!(html.contains("Run-time checks on") && html.contains("×1.25"));
        assert!(html.contains("own&#x2f;mine"));
        assert!(!page(&fixture::two_devices()).contains("id=\"variants\""));
    }

    #[test]
    fn numbers_of_other_programs_have_a_section_with_a_chart_and_tables() {
        let html = page(&fixture::card_and_vendor());
        for part in [
            "id=\"chart-vendor\"",
            "id=\"vendor-ratios\"",
            "0.600 (0.5",
            "reduce n=1",
            "cuBLAS (nvbench 0.1.0)",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!page(&fixture::two_devices()).contains("id=\"vendor\""));
        let alone = page(&fixture::card_and_vendor()[1..]);
        assert!(alone.contains("<h1>Imported results</h1>") && alone.contains("Other imported numbers"));
    }

    #[test]
    fn names_of_devices_are_text_wherever_they_stand() {
        let html = page(&fixture::hostile()).replace(&format!("<script>{SCRIPT}</script>"), "");
        assert!(html.contains("&lt;script src=https:"), "the name is shown");
        assert!(!html.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
        // Neither the tag nor the closing quote in the device name takes effect as markup.
        for live in ["<script", "</script", "\"'>|", "\"'&gt;|"] {
            assert!(!html.contains(live), "{live}");
        }
    }

    #[test]
    fn every_identifier_is_unique_and_every_link_leads_somewhere() {
        let copy = vec![fixture::ok_row("stream f32 copy n1024", 1e-3)];
        let copy_alone = vec![fixture::file(fixture::h100_header(), copy)];
        for runs in [
            fixture::three_devices(),
            fixture::hostile(),
            copy_alone,
            vec![fixture::variants()],
            fixture::card_and_vendor(),
            fixture::card_and_vendor()[1..].to_vec(),
        ] {
            let html = page(&runs);
            let ids = attributes(&html, "id");
            let unique: HashSet<&str> = ids.iter().copied().collect();
            assert_eq!(ids.len(), unique.len());
            for href in attributes(&html, "href") {
                assert!(unique.contains(&href[1..]), "{href}");
            }
        }
    }

    #[test]
    fn the_page_says_what_was_compared_what_came_of_it_and_what_did_not_run() {
        let html = page(&fixture::two_devices());
        for part in [
            "HBM3\u{a0}·\u{a0}580.82.07 and llvmpipe\u{a0}·\u{a0}Mesa 22.3.6</h1>",
            "<span class=\"badge\">software driver</span>",
            "timer fell back to the host clock: device time is 0 for twice the work",
            "the last line is torn and was left out",
            "77.1 %",
            "the executor was killed by signal 11",
            "the device does not offer shader-f16",
            "entry point `main` is &lt;unknown&gt; &amp; lost",
            "not understood",
        ] {
            assert!(html.contains(part), "{part}");
        }
        // Folder names belong to the machine that made the report and are not shown.
        assert!(
            html.contains("made-up.jsonl")
                && !html.contains("results/made-up")
                && !html.contains("results&#x2f;")
        );
    }
}
