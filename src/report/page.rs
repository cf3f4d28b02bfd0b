//! Everything that the page shows, as text: the template only places it.

use super::anchor::{Names, slug};
use super::plot::{Chart, Charts, Ink};
use super::portability::{self, PortabilityView};
use super::sensitivity::{self, SensitivityRow};
use super::variants::{self, VariantsView};
use super::vendor::{self, VendorRow};
use super::wording;
use crate::analysis::{CaseLine, Comparison, Device, Entry, Headline, Lead, caveats, clean, levels};
use crate::record::{Outcome, Row, RunFile, Status};
use crate::units;
use crate::workload::FAMILIES;
use serde::Serialize;
use std::collections::BTreeSet;

/// The whole page.
#[derive(Debug, Serialize)]
pub struct Page {
    title: String,
    facts: Vec<String>,
    version: &'static str,
    several: bool,
    devices: Vec<DeviceView>,
    families: Vec<FamilyView>,
    without_number: usize,
    ratios: Option<ChartView>,
    rooflines: Vec<ChartView>,
    gemm: Vec<ChartView>,
    attention: Vec<ChartView>,
    bandwidth: Vec<ChartView>,
    portability: Option<PortabilityView>,
    portability_charts: Vec<ChartView>,
    samples: Vec<ChartView>,
    vendor: Option<VendorView>,
    variants: Vec<VariantsView>,
    distributions: Vec<String>,
    sensitivity: Vec<SensitivityRow>,
}

#[derive(Debug, Serialize)]
struct VendorView {
    chart: ChartView,
    heads: [&'static str; 7],
    ratios: Vec<VendorRow>,
    other_heads: [&'static str; 5],
    others: Vec<VendorRow>,
}

#[derive(Debug, Serialize)]
struct DeviceView {
    anchor: String,
    dot: String,
    label: String,
    name: String,
    software: bool,
    one_look: String,
    headline: Vec<HeadlineView>,
    facts: Vec<(&'static str, String)>,
    counts: String,
    caveats: Vec<String>,
    ceilings: Vec<CeilingView>,
    rows: Vec<RowView>,
    not_run: Vec<NotRunView>,
    unknown: Vec<(String, String)>,
    files: Vec<FileView>,
}

#[derive(Debug, Serialize)]
struct HeadlineView {
    name: &'static str,
    number: String,
    unit: String,
    href: Option<String>,
}

#[derive(Debug, Serialize)]
struct CeilingView {
    name: String,
    rate: String,
    case: String,
    href: String,
}

#[derive(Debug, Serialize)]
struct FileView {
    name: String,
    started: String,
    rows: usize,
    end: String,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RowView {
    anchor: String,
    case: String,
    status: &'static str,
    tone: &'static str,
    rate: String,
    interval: String,
    time: String,
    share: String,
    published: String,
    binds: &'static str,
    kernel: String,
    sha: String,
    samples: String,
    stop: &'static str,
    timer: &'static str,
    worst: String,
    note: String,
}

#[derive(Debug, Serialize)]
struct NotRunView {
    anchor: String,
    status: &'static str,
    tone: &'static str,
    reason: String,
    cases: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct FamilyView {
    anchor: String,
    title: &'static str,
    lines: Vec<LineView>,
}

#[derive(Debug, Serialize)]
struct LineView {
    anchor: String,
    parameters: String,
    cells: Vec<CellView>,
    lead: LeadView,
}

#[derive(Debug, Default, Serialize)]
struct LeadView {
    text: String,
    device: Option<String>,
    dot: String,
}

#[derive(Debug, Serialize)]
struct CellView {
    href: Option<String>,
    number: Option<String>,
    interval: String,
    share: String,
    leads: bool,
    status: &'static str,
    tone: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct ChartView {
    anchor: String,
    title: String,
    svg: Option<String>,
    caption: String,
    why: String,
    links: Vec<(String, String)>,
}

/// The names of rows in the page: those of each device in the order of its entries.
type RowAnchors = Vec<Vec<String>>;

impl Page {
    /// The page of a comparison with its charts.
    pub fn new(comparison: &Comparison, charts: &Charts) -> Self {
        let mut names = Names::default();
        let devices: Vec<String> =
            comparison.devices.iter().map(|d| names.take(&format!("device {}", d.label))).collect();
        let mut row_anchor = |device: &Device, entry: &Entry| {
            names.take(&format!("row {} {}", slug(&device.label), slug(&entry.row.case)))
        };
        let rows: RowAnchors = comparison
            .devices
            .iter()
            .map(|device| device.entries.iter().map(|entry| row_anchor(device, entry)).collect())
            .collect();
        let (families, without_number) = families(comparison, &rows, &mut names);
        // A chart can lack the rows of one of its families.
        let rows_of = |shown: &[&str]| -> Vec<(String, String)> {
            let link = |family: &&str| {
                let anchor = format!("family-{family}");
                let there = families.iter().any(|view| view.anchor == anchor);
                there
                    .then(|| (format!("Rows: {}", family_title(family).to_lowercase()), format!("#{anchor}")))
            };
            shown.iter().filter_map(link).collect()
        };
        let rooflines = charts
            .rooflines
            .iter()
            .zip(comparison.devices.iter().zip(&devices))
            .map(|(chart, (device, anchor))| {
                let rows = ("All rows".to_string(), format!("#{anchor}-rows"));
                let ceilings = ("Ceilings".to_string(), format!("#{anchor}-ceilings"));
                chart_view(chart, &format!("roofline {}", device.label), vec![rows, ceilings])
            })
            .collect();
        Page {
            title: title(comparison),
            facts: facts(comparison),
            version: env!("CARGO_PKG_VERSION"),
            several: comparison.devices.len() > 1,
            devices: comparison
                .devices
                .iter()
                .enumerate()
                .map(|(index, device)| device_view(index, device, &devices[index], &rows[index]))
                .collect(),
            without_number,
            rooflines,
            ratios: charts.ratios.is_ok().then(|| chart_view(&charts.ratios, "ratios", Vec::new())),
            gemm: views(&charts.gemm, "gemm", &charts.heat_maps, rows_of(&["gemm"])),
            attention: [(&charts.attention, "attention"), (&charts.decode, "decode")]
                .map(|(chart, name)| chart_view(chart, name, rows_of(&["attention"])))
                .into(),
            bandwidth: [(&charts.bandwidth, "bandwidth"), (&charts.curve, "curve")]
                .map(|(chart, name)| chart_view(chart, name, rows_of(&["stream", "attention"])))
                .into(),
            portability: charts.study.as_ref().map(portability::view),
            portability_charts: [(&charts.cascade, "cascade"), (&charts.navigation, "navigation")]
                .map(|(chart, name)| chart_view(chart, name, Vec::new()))
                .into(),
            samples: views(&charts.errors, "errors", &charts.samples, Vec::new())
                .into_iter()
                .chain([chart_view(&charts.drift, "drift", Vec::new())])
                .collect(),
            families,
            vendor: charts.vendor.as_ref().map(|chart| VendorView {
                chart: chart_view(chart, "vendor", vec![("All ratios".into(), "#vendor-ratios".into())]),
                heads: vendor::RATIOS,
                ratios: vendor::ratios(comparison),
                other_heads: vendor::OTHERS,
                others: vendor::others(comparison),
            }),
            variants: variants::views(comparison),
            distributions: sensitivity::head(),
            sensitivity: sensitivity::rows(comparison),
        }
    }
}

fn title(comparison: &Comparison) -> String {
    let labels: Vec<&str> = comparison.devices.iter().map(|device| device.label.as_str()).collect();
    // A line must not begin or end with the dot of a label.
    let labels: Vec<String> = labels.iter().map(|label| label.replace(" · ", "\u{a0}·\u{a0}")).collect();
    match &labels[..] {
        [] if !comparison.imported.is_empty() => "Imported results".into(),
        [] => "No results".into(),
        [one] => one.clone(),
        [a, b] => format!("{a} and {b}"),
        [a, b, c] => format!("{a}, {b} and {c}"),
        _ => format!("{} devices", labels.len()),
    }
}

/// What was compared, in a few words each.
fn facts(comparison: &Comparison) -> Vec<String> {
    let headers = || comparison.devices.iter().flat_map(|device| device.files.iter().map(|f| &f.header));
    let list = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
    let rows: usize = comparison.devices.iter().map(|device| device.entries.len()).sum();
    let dates: BTreeSet<String> = headers().map(|h| clean(&h.started).chars().take(10).collect()).collect();
    let date = match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(only), _) => only.clone(),
        _ => return vec!["there is no row".into()],
    };
    let mut facts = vec![
        format!("{} cases, {rows} rows", comparison.cases.len()),
        format!("suite {}", list(headers().map(|h| clean(&h.suite)).collect())),
        format!("method {}", list(headers().map(|h| h.method.to_string()).collect())),
        format!("portamark {}", list(headers().map(|h| clean(&h.portamark)).collect())),
        date,
    ];
    facts.retain(|fact| !fact.ends_with(' '));
    facts
}

fn tone(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        status if status.is_defect() => "defect",
        _ => "absent",
    }
}

fn device_view(index: usize, device: &Device, anchor: &str, rows: &[String]) -> DeviceView {
    let header = device.header;
    let told = &header.device;
    let place = |key: &str| device.entries.iter().position(|entry| entry.row.case == key);
    let href = |key: &str| place(key).map_or(String::new(), |at| format!("#{}", rows[at]));
    let headline = Headline::of(device).items().map(|(name, entry)| {
        let text = entry.map(wording::rate_or_none).unwrap_or_else(|| wording::NONE.into());
        let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
        let href = entry.map(|entry| href(&entry.row.case));
        HeadlineView { name, number: number.into(), unit: unit.into(), href }
    });
    let ceilings = &device.ceilings;
    let memory = ceilings.memory.iter().map(|c| (c.op.name().to_string(), units::byte_rate(c.rate), &c.case));
    let rows_with_case = device.measured().map(|(entry, case, _)| (case, entry.row));
    let levels = levels(rows_with_case);
    let levels = levels.iter().map(|level| {
        let name = match level.bytes {
            (least, most) if least == most => format!("read of {}", units::bytes(most)),
            (least, most) => format!("read of {} to {}", units::bytes(least), units::bytes(most)),
        };
        (name, units::byte_rate(level.rate), &level.case)
    });
    let compute = ceilings.compute.iter().map(|c| (c.name(), wording::ceiling(c), &c.case));
    let not_run = device.not_run().into_iter().enumerate().map(|(number, group)| NotRunView {
        anchor: format!("{anchor}-not-run-{}", number + 1),
        status: group.status.name(),
        tone: tone(group.status),
        reason: group.reason,
        cases: group.cases.into_iter().map(|key| (clean(key), href(key))).collect(),
    });
    DeviceView {
        anchor: anchor.into(),
        dot: Ink::Device(index).background_class(),
        label: device.label.clone(),
        name: clean(&told.name),
        software: told.is_software(),
        one_look: wording::one_look(device),
        headline: headline.into_iter().collect(),
        facts: device_facts(device),
        counts: wording::counts(device),
        caveats: caveats(device),
        ceilings: memory
            .chain(levels)
            .chain(compute)
            .map(|(name, rate, case)| CeilingView { name, rate, case: clean(case), href: href(case) })
            .collect(),
        rows: device.entries.iter().zip(rows).map(|(entry, anchor)| row_view(entry, anchor)).collect(),
        not_run: not_run.collect(),
        unknown: device.not_understood().map(|(key, why)| (clean(key), why.to_string())).collect(),
        files: device.files.iter().map(|file| file_view(file)).collect(),
    }
}

fn device_facts(device: &Device) -> Vec<(&'static str, String)> {
    let header = device.header;
    let told = &header.device;
    let kind = if told.is_software() { "software driver".into() } else { told.device_type.to_string() };
    let mut timer = wording::timer(header.timer.chosen).to_string();
    if let Some(tick) = header.timer.tick_ns {
        timer += &format!(", tick {}", units::seconds(tick * 1e-9));
    }
    for finding in &header.timer.findings {
        timer += &format!("; {}", clean(finding));
    }
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(k, v)| format!("{}={}", clean(k), clean(v))).collect::<Vec<_>>().join(", ")
    };
    let mut facts = vec![
        ("Name", clean(&told.name)),
        ("Kind", kind),
        ("Published", wording::published(header)),
        ("API", clean(&told.api)),
        ("Driver", clean(&format!("{} {}", told.driver, told.driver_version))),
        ("Features", told.features.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        ("Timer", timer),
        ("Cache", wording::cache(header.cache.as_ref())),
        ("Clock", header.settled.as_ref().map(|settled| settled.describe()).unwrap_or_default()),
        ("Sensors", wording::sensors(device)),
        ("Executor", clean(&header.executor)),
        ("Platform", clean(&header.platform)),
        ("Method", format!("{}, seed {}", header.method, header.seed)),
        ("Begun", clean(&header.started)),
        ("Labels", pairs(&header.labels)),
        ("Options", pairs(&header.options)),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn file_view(file: &RunFile) -> FileView {
    let end = match &file.end {
        Some(end) if end.outcome == Outcome::Done => format!("complete, {}", units::seconds(end.wall_s)),
        Some(_) => "interrupted by the user".into(),
        None => "without an end: the run broke off".into(),
    };
    FileView {
        // The folder is of the machine that the report was made on and nobody else's business.
        name: file.path.file_name().map_or("unnamed".into(), |name| clean(&name.to_string_lossy())),
        started: clean(&file.header.started),
        rows: file.rows.len(),
        end,
        problems: file.problems.iter().map(|problem| clean(problem)).collect(),
    }
}

fn row_view(entry: &Entry, anchor: &str) -> RowView {
    let row: &Row = entry.row;
    // Without a proof the times of a row say nothing, so none of them is shown.
    let timing = row.timing.as_ref().filter(|_| entry.rate.is_some());
    let none = || wording::NONE.to_string();
    let worst = row.verification.as_ref().and_then(|proof| proof.worst_ratio);
    RowView {
        anchor: anchor.into(),
        case: clean(&row.case),
        status: row.status.name(),
        tone: tone(row.status),
        rate: wording::rate_or_none(entry),
        interval: wording::interval_or_none(entry),
        time: timing.map_or_else(none, |t| units::seconds(t.summary.median)),
        share: wording::share_or_none(entry),
        published: wording::published_share_or_none(entry),
        binds: entry.placement.map_or("", |placement| placement.binds.name()),
        kernel: wording::kernel_long(row),
        sha: row.kernel.as_ref().map_or_else(String::new, |k| clean(&k.sha256).chars().take(12).collect()),
        samples: timing.map_or_else(none, wording::samples),
        stop: timing.map_or(wording::NONE, |t| wording::stop(t.stop)),
        timer: timing.map_or(wording::NONE, |t| wording::timer(t.timer)),
        worst: worst.map_or_else(none, units::significant),
        note: wording::note(entry),
    }
}

/// The cases with a number on any device, by family, and how many have none.
fn families(comparison: &Comparison, rows: &RowAnchors, names: &mut Names) -> (Vec<FamilyView>, usize) {
    let mut without = 0;
    let mut families: Vec<FamilyView> = Vec::new();
    for family in FAMILIES {
        let mut lines = Vec::new();
        for line in comparison.cases.iter().filter(|l| l.case.as_ref().map(|c| c.family()) == Some(*family)) {
            let measured = |device| comparison.entry(line, device).is_some_and(|entry| entry.rate.is_some());
            if (0..comparison.devices.len()).any(measured) {
                lines.push(line_view(comparison, line, rows, names));
            } else {
                without += 1;
            }
        }
        if !lines.is_empty() {
            let anchor = names.take(&format!("family {family}"));
            families.push(FamilyView { anchor, title: family_title(family), lines });
        }
    }
    (families, without)
}

fn line_view(comparison: &Comparison, line: &CaseLine, rows: &RowAnchors, names: &mut Names) -> LineView {
    let lead = comparison.lead(line);
    let cells = (0..comparison.devices.len()).map(|device| {
        let place = line.entries.get(device).copied().flatten();
        let entry = comparison.entry(line, device);
        let status = entry.map(|entry| entry.row.status);
        CellView {
            href: place.map(|place| format!("#{}", rows[device][place])),
            number: entry.and_then(|entry| entry.rate).as_ref().map(wording::rate),
            interval: entry.map_or_else(String::new, wording::interval_or_none),
            share: entry.map_or_else(String::new, wording::share_or_none),
            leads: lead.is_some_and(|lead| lead.clear && lead.device == device),
            status: match status {
                None => "no row",
                Some(Status::Ok) => "no proof",
                Some(status) => status.name(),
            },
            tone: status.map_or("absent", tone),
        }
    });
    let cells = cells.collect();
    LineView {
        anchor: names.take(&format!("case {}", line.key)),
        parameters: line.case.as_ref().map_or_else(|| clean(line.key), |case| case.parameters()),
        cells,
        lead: lead_view(comparison, lead),
    }
}

/// The colour and name of the fastest, and by how much.
fn lead_view(comparison: &Comparison, lead: Option<Lead>) -> LeadView {
    let Some(lead) = lead else { return LeadView { text: wording::NONE.into(), ..Default::default() } };
    let ratio = format!("×{}", units::significant(lead.ratio));
    if !lead.clear {
        return LeadView { text: format!("too close, {ratio}"), ..Default::default() };
    }
    let device = Some(comparison.devices[lead.device].label.clone());
    LeadView { text: ratio, device, dot: Ink::Device(lead.device).background_class() }
}

/// What people call a family.
pub fn family_title(family: &str) -> &'static str {
    match family {
        "stream" => "Memory bandwidth",
        "peak" => "Arithmetic peak",
        "latency" => "Memory latency",
        "launch" => "Dispatches",
        "gemm" => "Matrix products",
        "moe" => "Mixtures of experts",
        "gemv" => "Matrix times vectors",
        "attention" => "Attention",
        "softmax" => "Softmax",
        "rmsnorm" => "RMS normalisation",
        "rope" => "Rotary embedding",
        "swiglu" => "SwiGLU",
        "gather" => "Row lookup",
        "transpose" => "Transposition",
        _ => "Other work",
    }
}

/// A chart, and one for each of several devices that there is data for.
fn views(chart: &Chart, name: &str, each: &[Chart], links: Vec<(String, String)>) -> Vec<ChartView> {
    let drawn =
        each.iter().filter_map(|chart| chart.as_ref().ok().map(|figure| (chart, figure.name.clone())));
    let each: Vec<ChartView> = drawn.map(|(chart, name)| chart_view(chart, &name, links.clone())).collect();
    [vec![chart_view(chart, name, links)], each].concat()
}

fn chart_view(chart: &Chart, anchor: &str, links: Vec<(String, String)>) -> ChartView {
    let anchor = format!("chart-{}", slug(anchor));
    match chart {
        Ok(figure) => ChartView {
            anchor,
            title: figure.title.clone(),
            svg: Some(figure.inline()),
            caption: figure.caption.clone(),
            why: String::new(),
            links,
        },
        Err(absent) => ChartView {
            anchor,
            title: absent.title.clone(),
            svg: None,
            caption: String::new(),
            why: absent.why.clone(),
            links: Vec::new(),
        },
    }
}
