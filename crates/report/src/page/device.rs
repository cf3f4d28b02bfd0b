//! Section of the page on one device: its card, its rows, and the cases that did not run.

use crate::anchor::{Names, slug};
use crate::excerpt::evenly_spaced;
use crate::plot::Ink;
use crate::wording;
use portamark_analysis::{Device, Entry, Headline, caveats, clean, levels};
use portamark_model::units;
use portamark_results::{Row, RunFile, RunOutcome, Status};
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// Maximum number of reasons listed for a device, and of cases under each reason.
const MOST_REASONS: usize = 100;
const MOST_CASES: usize = 200;

/// Anchors of rows in the page, for each device in the order of its entries; `None` for rows that are not
/// shown.
pub(super) type RowAnchors = Vec<Vec<Option<String>>>;

/// Returns the anchors of the rows of `device`. If there are more than `most` rows, only that many get one,
/// evenly spaced.
pub(super) fn row_anchors(device: &Device, most: usize, names: &mut Names) -> Vec<Option<String>> {
    let mut anchors = vec![None; device.entries.len()];
    for place in evenly_spaced(anchors.len(), most) {
        let key = slug(&device.entries[place].row.case);
        anchors[place] = Some(names.take(&format!("row {} {key}", slug(&device.label))));
    }
    anchors
}

#[derive(Debug, Serialize)]
pub(super) struct DeviceView {
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
    rows_left_out: usize,
    not_run: Vec<NotRunView>,
    more_reasons: usize,
    unknown: Vec<(String, String)>,
    files: Vec<FileView>,
}

#[derive(Debug, Serialize)]
pub(super) struct HeadlineView {
    name: &'static str,
    number: String,
    unit: String,
    href: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct CeilingView {
    name: String,
    rate: String,
    case: String,
    href: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct FileView {
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
pub(super) struct NotRunView {
    anchor: String,
    status: &'static str,
    tone: &'static str,
    reason: String,
    count: usize,
    cases: Vec<(String, Option<String>)>,
    more: usize,
}

/// Returns the CSS class of a cell with `status`.
pub(super) fn tone(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        status if status.is_defect() => "defect",
        _ => "absent",
    }
}

/// Builds the view of the device at `index`. `anchor` is the anchor of its section, and `rows` are those of
/// its rows.
pub(super) fn device_view(
    index: usize,
    device: &Device,
    anchor: &str,
    rows: &[Option<String>],
) -> DeviceView {
    let header = device.header;
    let told = &header.device;
    let places: HashMap<&str, usize> =
        device.entries.iter().enumerate().map(|(at, entry)| (entry.row.case.as_str(), at)).collect();
    let href = |key: &str| Some(format!("#{}", rows[*places.get(key)?].as_ref()?));
    let headline = Headline::of(device).items().map(|(name, entry)| {
        let text = entry.map(wording::rate_or_none).unwrap_or_else(|| wording::NONE.into());
        let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
        let href = entry.and_then(|entry| href(&entry.row.case));
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
    let reasons = device.not_run();
    let more_reasons = reasons.len().saturating_sub(MOST_REASONS);
    let not_run = reasons.into_iter().take(MOST_REASONS).enumerate().map(|(number, group)| NotRunView {
        anchor: format!("{anchor}-not-run-{}", number + 1),
        status: group.status.name(),
        tone: tone(group.status),
        reason: group.reason,
        count: group.cases.len(),
        more: group.cases.len().saturating_sub(MOST_CASES),
        cases: group.cases.iter().take(MOST_CASES).map(|key| (clean(key), href(key))).collect(),
    });
    let shown = device.entries.iter().zip(rows).filter_map(|(entry, anchor)| Some((entry, anchor.as_ref()?)));
    DeviceView {
        anchor: anchor.into(),
        dot: Ink::Device(index).background_class(),
        label: device.label.clone(),
        name: clean(&told.name),
        software: told.is_software_driver(),
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
        rows: shown.map(|(entry, anchor)| row_view(entry, anchor)).collect(),
        rows_left_out: rows.iter().filter(|anchor| anchor.is_none()).count(),
        not_run: not_run.collect(),
        more_reasons,
        unknown: device
            .not_understood()
            .take(MOST_CASES)
            .map(|(key, why)| (clean(key), why.to_string()))
            .collect(),
        files: device.files.iter().map(|file| file_view(file)).collect(),
    }
}

/// Formats a map as `name=value, name=value`.
fn pairs<K: ToString>(map: &BTreeMap<K, String>) -> String {
    map.iter().map(|(k, v)| format!("{}={}", clean(&k.to_string()), clean(v))).collect::<Vec<_>>().join(", ")
}

fn device_facts(device: &Device) -> Vec<(&'static str, String)> {
    let header = device.header;
    let told = &header.device;
    let kind = told.kind();
    let mut timer = wording::timer(header.timer.chosen).to_string();
    if let Some(tick) = header.timer.tick_ns {
        timer += &format!(", tick {}", units::seconds(tick * 1e-9));
    }
    for finding in &header.timer.findings {
        timer += &format!("; {}", clean(finding));
    }
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
        ("Started", clean(&header.started)),
        ("Labels", pairs(&header.labels)),
        ("Options", pairs(&header.options)),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn file_view(file: &RunFile) -> FileView {
    let end = match &file.end {
        Some(end) if end.outcome == RunOutcome::Done => format!("complete, {}", units::seconds(end.wall_s)),
        Some(_) => "interrupted by the user".into(),
        None => "no end record: the run was interrupted".into(),
    };
    FileView {
        // Show only the file name: folders of the machine that makes the report are private.
        name: file.path.file_name().map_or("unnamed".into(), |name| clean(&name.to_string_lossy())),
        started: clean(&file.header.started),
        rows: file.rows.len(),
        end,
        problems: file.problems.iter().map(|problem| clean(problem)).collect(),
    }
}

fn row_view(entry: &Entry, anchor: &str) -> RowView {
    let row: &Row = entry.row;
    // Times of an unverified result mean nothing, so they are not shown.
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
