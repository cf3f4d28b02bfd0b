//! The report as GitHub-flavoured Markdown, e.g. for a pull request: tables, with charts as separate files.

use super::crowd::{CrowdLine, CrowdView};
use super::excerpt::{evenly_spaced, quotas};
use super::inspection::{all_cells, inspection_letters};
use super::markdown_text::{code, escape, table};
use super::page::family_title;
use super::plot::{Chart, Charts};
use super::sides::{SidesView, view};
use super::{sensitivity, variants, vendor, wording};
use portamark_analysis::{CaseLine, Comparison, Device, ReportModel, Study, above_bounds, caveats};
use portamark_inspect::Cell;
use portamark_model::units;
use portamark_model::workload::FAMILIES;

/// Maximum number of case keys listed under one reason; the HTML page lists more.
const KEYS_AT_MOST: usize = 12;

/// Maximum number of table cells with rates, so that the text stays short enough for web pages to render.
const CELLS_AT_MOST: usize = 1500;

/// Maximum number of reasons listed for one device.
const REASONS_AT_MOST: usize = 30;

/// Returns only the section on performance portability.
pub fn portability_markdown(study: &Study) -> String {
    let mut out = String::new();
    portability(&mut out, study);
    out
}

/// Renders the report as Markdown; `cells` are what compilers made of kernels for chips that are not in it.
pub fn render(model: &ReportModel, charts: &Charts, cells: &[Cell]) -> String {
    let comparison = &model.comparison;
    let mut out = String::from("# portamark report\n\n");
    let cells = all_cells(comparison, cells);
    if comparison.devices.is_empty() && comparison.imported.is_empty() {
        out += if cells.is_empty() { "No results.\n" } else { "" };
        out += &inspection_letters(&cells);
        return out;
    }
    if let Some(crowd) = &model.crowd {
        many(&mut out, &CrowdView::new(crowd));
    }
    for device in &comparison.devices {
        out += &format!("- {}\n", escape(&wording::one_look(device)));
    }
    out.push('\n');
    devices(&mut out, comparison);
    answer(&mut out, model);
    if let Some(sides) = &model.sides {
        judged(&mut out, &view(sides, comparison));
    }
    out += "## Charts\n\n";
    for chart in charts.all() {
        figure(&mut out, chart);
    }
    if let Some(study) = &model.study {
        portability(&mut out, study);
    }
    against_vendor(&mut out, model);
    out += &inspection_letters(&cells);
    for above in above_bounds(&comparison.devices, &cells) {
        out += &format!("- {}\n", escape(&above.words()));
    }
    several_variants(&mut out, comparison);
    distributions(&mut out, model);
    not_run(&mut out, comparison);
    out += METHOD;
    out
}

const METHOD: &str = "## Method\n\n\
Each result is compared with an oracle in double precision before it has a rate. Rates are the work of one \
execution over its median time, with the half-width of the 95 % rank interval of the median. A matrix product \
counts 2·M·N·K FLOP; attention counts 2·(d_qk + d_v) for each query head and each unmasked pair of query and \
key. Bytes are the compulsory traffic, and 1 GB/s is 10⁹ B/s. The share of the roof is the shortest time \
possible at the ceilings measured on the same device, divided by the median time.\n";

fn many(out: &mut String, crowd: &CrowdView) {
    out.push_str(&format!(
        "{}: {}.\n\nDevices are ordered by the geometric mean of their rates relative to the fastest device, over the cases \
         that at least one other device has; the order is a guide for reading, not a verdict. The first {} follow in full.\n\n",
        crowd.title,
        escape(&crowd.facts.join(" · ")),
        crowd.shown
    ));
    let head: Vec<String> = CrowdView::head().into_iter().map(String::from).collect();
    let cells = |line: &CrowdLine| line.cells().iter().map(|cell| escape(cell)).collect();
    table(out, &head, 2, crowd.lines.iter().map(cells));
}

fn devices(out: &mut String, comparison: &Comparison) {
    let head = ["device", "kind", "API and driver", "timer", "method", "started", "caveats"];
    let rows = comparison.devices.iter().map(|device| {
        let (header, told) = (device.header, &device.header.device);
        let kind = told.kind();
        let caveats = caveats(device);
        vec![
            escape(&device.label),
            kind,
            escape(&format!("{}, {} {}", told.api, told.driver, told.driver_version)),
            wording::timer(header.timer.chosen).into(),
            header.method.to_string(),
            escape(&header.started),
            if caveats.is_empty() { wording::NONE.into() } else { escape(&caveats.join("; ")) },
        ]
    });
    table(out, &head.map(String::from), head.len(), rows);
}

fn answer(out: &mut String, model: &ReportModel) {
    let comparison = &model.comparison;
    out.push_str("## The answer\n\nRate ± half-width of the 95 % interval (share of the measured roof).\n\n");
    let several = comparison.devices.len() > 1;
    if several {
        out.push_str(
            "Fastest is the device that the verdict on all processes of the two fastest calls faster; with fewer than five \
             processes of each, only a difference beyond a factor of 1.5 is told.\n\n",
        );
    }
    let mut head = vec!["case".to_string()];
    head.extend(comparison.devices.iter().map(|device| escape(&device.label)));
    head.extend(several.then(|| "fastest".to_string()));
    let of_family = |family: &str| -> Vec<&CaseLine> {
        let is = |line: &&CaseLine| line.case.as_ref().map(|case| case.family()) == Some(family);
        comparison.cases.iter().filter(is).collect()
    };
    let families: Vec<(&str, Vec<&CaseLine>)> =
        FAMILIES.iter().map(|family| (*family, of_family(family))).collect();
    let counts: Vec<usize> = families.iter().map(|(_, lines)| lines.len()).collect();
    let quotas = quotas(&counts, CELLS_AT_MOST / comparison.devices.len().max(1));
    for ((family, lines), quota) in families.iter().zip(quotas).filter(|(_, quota)| *quota > 0) {
        out.push_str(&format!("### {}\n\n", family_title(family)));
        if quota < lines.len() {
            out.push_str(&format!("{quota} of {} cases, evenly spaced.\n\n", lines.len()));
        }
        let rows = evenly_spaced(lines.len(), quota).map(|place| lines[place]).map(|line| {
            let mut row = vec![code(line.key)];
            row.extend((0..comparison.devices.len()).map(|device| cell(comparison, line, device)));
            if several {
                let lead = model.leads.get(line.key).map(|lead| wording::lead(comparison, lead));
                row.push(lead.map_or(wording::NONE.into(), |text| escape(&text)));
            }
            row
        });
        table(out, &head, 1, rows);
    }
}

fn judged(out: &mut String, view: &SidesView) {
    out.push_str(&format!("## Verdicts\n\n{}\n\n", escape(&view.text)));
    let shown = evenly_spaced(view.lines.len(), CELLS_AT_MOST / view.head.len());
    let cells = |[case, rest @ ..]: &[String; 6]| {
        std::iter::once(code(case)).chain(rest.iter().map(|cell| escape(cell))).collect()
    };
    table(out, &view.head, 1, shown.map(|place| cells(&view.lines[place])));
}

fn cell(comparison: &Comparison, line: &CaseLine, device: usize) -> String {
    let Some(entry) = comparison.entry(line, device) else { return wording::NONE.into() };
    let Some(rate) = &entry.rate else { return entry.row.status.name().into() };
    let mut text = wording::rate(rate);
    if let Some(half_width) = rate.half_width {
        text += &format!(" {}", wording::half_width(half_width));
    }
    if let Some(placement) = entry.placement {
        text += &format!(" ({})", units::percent(placement.fraction));
    }
    text
}

fn figure(out: &mut String, chart: &Chart) {
    match chart {
        Ok(figure) => {
            let alternative = escape(&format!("{}. {}", figure.title, figure.description));
            out.push_str(&format!("### {}\n\n", escape(&figure.title)));
            out.push_str(&format!("![{alternative}](charts/{}.svg)\n\n", figure.name));
            out.push_str(&format!("{}\n\n", escape(&figure.caption)));
        }
        Err(absent) => {
            out.push_str(&format!("{} is not shown. {}\n\n", escape(&absent.title), escape(&absent.why)));
        }
    }
}

/// Appends the letters of the devices, the scores, and the reasons for scores of 0.
fn portability(out: &mut String, study: &Study) {
    let view = super::portability::view(study);
    out.push_str(&format!("## Performance portability\n\nBy {}.\n\n", view.efficiency));
    for (letter, label) in &view.devices {
        out.push_str(&format!("- {letter}: {}\n", escape(label)));
    }
    out.push('\n');
    let escaped = |line: &Vec<String>| line.iter().map(|cell| escape(cell.trim())).collect();
    table(
        out,
        &view.family_head.iter().map(|word| escape(word)).collect::<Vec<_>>(),
        1,
        view.families.iter().map(escaped),
    );
    table(
        out,
        &view.case_head.iter().map(|word| escape(word)).collect::<Vec<_>>(),
        1,
        evenly_spaced(view.cases.len(), CELLS_AT_MOST / view.devices.len().max(1))
            .map(|place| &view.cases[place])
            .map(escaped),
    );
    for reason in view.reasons.iter().chain((!view.intervals.is_empty()).then_some(&view.intervals)) {
        out.push_str(&format!("- {}\n", escape(reason)));
    }
    out.push('\n');
}

fn against_vendor(out: &mut String, model: &ReportModel) {
    let tables = [
        (
            "Portable against vendor library",
            "Libraries that portamark ran itself are verified and timed by the same method. Numbers of other programs \
             are quoted as reported: not verified by the oracle, with their own handling of caches, clocks and \
             samples. Ratios are not tested for significance.",
            vendor::RATIOS.to_vec(),
            vendor::ratios(model),
        ),
        (
            "Other imported numbers",
            "Numbers that match no case of portamark, or a case not measured on that device, or that no such device can \
             reach.",
            vendor::OTHERS.to_vec(),
            vendor::others(model),
        ),
    ];
    for (title, text, head, rows) in tables.into_iter().filter(|(.., rows)| !rows.is_empty()) {
        out.push_str(&format!("## {title}\n\n{text}\n\n"));
        let head: Vec<String> = head.into_iter().map(String::from).collect();
        let cells = |row: vendor::VendorRow| {
            std::iter::once(code(&row.case)).chain(row.cells.iter().map(|cell| escape(cell))).collect()
        };
        table(out, &head, head.len(), rows.into_iter().map(cells));
    }
}

fn several_variants(out: &mut String, comparison: &Comparison) {
    let views = variants::views(comparison);
    if views.is_empty() {
        return;
    }
    out.push_str("## Kernel variants\n\nThe tables above have the fastest variant of each case.\n\n");
    for view in &views {
        out.push_str(&format!("**{}**\n\n", escape(&view.label)));
        let head = ["case", "kernel", "rate", "time"].map(String::from);
        let rows = view.rows.iter();
        let rows =
            rows.map(|row| vec![code(&row.case), escape(&row.kernel), row.rate.clone(), row.ratio.clone()]);
        table(out, &head, 2, rows);
    }
    if views.iter().all(|view| view.checks.is_empty()) {
        return;
    }
    out.push_str("## Run-time checks\n\nCost of the checks of bounds, loops and divisions.\n\n");
    for view in views.iter().filter(|view| !view.checks.is_empty()) {
        out.push_str(&format!("**{}**\n\n", escape(&view.label)));
        let head = ["case", "kernel", "unchecked", "checked", "ratio"].map(String::from);
        let cells = |row: &variants::ChecksRow| {
            vec![
                code(&row.case),
                escape(&row.kernel),
                row.unchecked.clone(),
                row.checked.clone(),
                row.ratio.clone(),
            ]
        };
        table(out, &head, 2, view.checks.iter().map(cells));
    }
}

fn distributions(out: &mut String, model: &ReportModel) {
    let rows = sensitivity::rows(model);
    if rows.is_empty() {
        return;
    }
    out.push_str("## Input distributions\n\nThe same case with inputs from several distributions.\n\n");
    let head: Vec<String> =
        ["device", "case"].map(String::from).into_iter().chain(sensitivity::head()).collect();
    let cells = |row: sensitivity::SensitivityRow| {
        [escape(&row.device), code(&row.case)].into_iter().chain(row.cells).collect()
    };
    table(out, &head, 2, rows.into_iter().map(cells));
}

fn not_run(out: &mut String, comparison: &Comparison) {
    out.push_str("## Not run, with reasons\n\n");
    for device in &comparison.devices {
        out.push_str(&format!("**{}**: ", escape(&device.label)));
        reasons(out, device);
    }
}

fn reasons(out: &mut String, device: &Device) {
    let groups = device.not_run();
    if groups.is_empty() && device.not_understood().next().is_none() {
        out.push_str("every case ran.\n\n");
        return;
    }
    out.push_str("\n\n");
    let more = groups.len().saturating_sub(REASONS_AT_MOST);
    for group in groups.into_iter().take(REASONS_AT_MOST) {
        let mut keys: Vec<String> = group.cases.iter().take(KEYS_AT_MOST).map(|key| code(key)).collect();
        if group.cases.len() > KEYS_AT_MOST {
            keys.push(format!("and {} more", group.cases.len() - KEYS_AT_MOST));
        }
        out.push_str(&format!("- {}: {}. {}\n", group.status, escape(&group.reason), keys.join(", ")));
    }
    if more > 0 {
        out.push_str(&format!("- {more} more reasons in the result files\n"));
    }
    for (key, why) in device.not_understood().take(REASONS_AT_MOST) {
        out.push_str(&format!("- not understood: {}, {}\n", code(key), escape(why)));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;
    use portamark_model::kernel_text::NoTexts;

    fn markdown(runs: &[portamark_results::RunFile]) -> String {
        let model = ReportModel::new(runs, None, &NoTexts);
        render(&model, &Charts::new(&model), &[])
    }

    #[test]
    fn the_markdown_of_two_devices_is_as_shown() {
        insta::assert_snapshot!(markdown(&fixture::two_devices()));
    }

    #[test]
    fn several_variants_and_what_checks_cost_are_as_shown() {
        let text = markdown(&[fixture::variants()]);
        let from = text.find("## Kernel variants").unwrap();
        let to = text.find("## Method").unwrap();
        insta::assert_snapshot!(&text[from..to]);
    }

    #[test]
    fn numbers_of_other_programs_are_as_shown() {
        let text = markdown(&fixture::card_and_vendor());
        let from = text.find("\n## Portable against vendor library").unwrap();
        let to = text.find("## Not run").unwrap();
        insta::assert_snapshot!(&text[from..to]);
    }

    #[test]
    fn no_hostile_text_is_live_outside_code() {
        let text = markdown(&fixture::hostile());
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        // Every second piece between unescaped backticks is code.
        let text = text.replace("\\`", "");
        let outside: String = text.split('`').step_by(2).collect();
        for live in ["<", "://", "@", "\\|\\|"] {
            assert!(!outside.contains(live), "{live}: {outside}");
        }
        let links: Vec<&str> = outside.split("](").skip(1).collect();
        assert!(links.iter().all(|link| link.starts_with("charts/") || link.starts_with("https&#58;")));
    }

    #[test]
    fn no_files_are_said_to_be_none() {
        assert_eq!(markdown(&[]), "# portamark report\n\nNo results.\n");
    }
}
