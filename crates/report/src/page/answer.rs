//! Summary table of the page: cases by family, with the result of each device.

use super::device::{RowAnchors, tone};
use crate::anchor::Names;
use crate::excerpt::{evenly_spaced, quotas};
use crate::plot::Ink;
use crate::wording;
use portamark_analysis::{CaseLine, Comparison, Lead, clean};
use portamark_model::units;
use portamark_model::workload::FAMILIES;
use portamark_results::Status;
use serde::Serialize;
use std::collections::HashMap;

/// Maximum number of cells in the summary table; browsers open larger pages slowly.
const MOST_CELLS: usize = 6000;

/// Summary table, with the numbers of cases that are not shown.
pub(super) struct Answer {
    pub families: Vec<FamilyView>,
    /// Number of cases without a rate on any device.
    pub without: usize,
    /// Number of cases that have a rate but are not shown for lack of room.
    pub left_out: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct FamilyView {
    pub anchor: String,
    pub title: &'static str,
    pub lines: Vec<LineView>,
}

#[derive(Debug, Serialize)]
pub(super) struct LineView {
    pub anchor: String,
    pub parameters: String,
    pub cells: Vec<CellView>,
    pub lead: LeadView,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct LeadView {
    text: String,
    device: Option<String>,
    dot: String,
}

#[derive(Debug, Serialize)]
pub(super) struct CellView {
    href: Option<String>,
    number: Option<String>,
    interval: String,
    share: String,
    leads: bool,
    status: &'static str,
    tone: &'static str,
}

/// Builds the table of cases with a rate on at least one device, by family. If there are too many, each
/// family shows a proportional number of its cases, evenly spaced.
pub(super) fn answer(
    comparison: &Comparison,
    leads: &HashMap<&str, Lead>,
    rows: &RowAnchors,
    names: &mut Names,
) -> Answer {
    let devices = comparison.devices.len();
    let measured = |line: &&CaseLine| {
        (0..devices).any(|device| comparison.entry(line, device).is_some_and(|entry| entry.rate.is_some()))
    };
    let (mut without, mut with): (usize, Vec<(&str, Vec<&CaseLine>)>) = (0, Vec::new());
    for family in FAMILIES {
        let of_family = |l: &&CaseLine| l.case.as_ref().map(|c| c.family()) == Some(*family);
        let (some, none): (Vec<_>, Vec<_>) = comparison.cases.iter().filter(of_family).partition(measured);
        without += none.len();
        if !some.is_empty() {
            with.push((family, some));
        }
    }
    let counts: Vec<usize> = with.iter().map(|(_, lines)| lines.len()).collect();
    let quotas = quotas(&counts, MOST_CELLS / devices.max(1));
    let left_out = counts.iter().sum::<usize>() - quotas.iter().sum::<usize>();
    let families = with.into_iter().zip(quotas).map(|((family, lines), quota)| {
        // Reserve the anchor of the family before those of its cases.
        let anchor = names.take(&format!("family {family}"));
        let shown = evenly_spaced(lines.len(), quota);
        let lines = shown
            .map(|place| line_view(comparison, lines[place], leads.get(lines[place].key), rows, names))
            .collect();
        FamilyView { anchor, title: family_title(family), lines }
    });
    let families = families.collect();
    Answer { families, without, left_out }
}

fn line_view(
    comparison: &Comparison,
    line: &CaseLine,
    lead: Option<&Lead>,
    rows: &RowAnchors,
    names: &mut Names,
) -> LineView {
    let cells = (0..comparison.devices.len()).map(|device| {
        let place = line.entries.get(device).copied().flatten();
        let entry = comparison.entry(line, device);
        let status = entry.map(|entry| entry.row.status);
        CellView {
            href: place.and_then(|place| Some(format!("#{}", rows[device][place].as_ref()?))),
            number: entry.and_then(|entry| entry.rate).as_ref().map(wording::rate),
            interval: entry.map_or_else(String::new, wording::interval_or_none),
            share: entry.map_or_else(String::new, wording::share_or_none),
            leads: lead.is_some_and(|lead| lead.is_clear() && lead.device == device),
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
        parameters: line.case.as_ref().map_or_else(|| clean(line.key), |case| case.parameters().to_string()),
        cells,
        lead: lead_view(comparison, lead),
    }
}

/// Returns the lead on a case: the ratio, and the name and colour of the fastest device if the lead is clear.
fn lead_view(comparison: &Comparison, lead: Option<&Lead>) -> LeadView {
    let Some(lead) = lead else { return LeadView { text: wording::NONE.into(), ..Default::default() } };
    let ratio = format!("×{}", units::significant(lead.ratio));
    if !lead.is_clear() {
        let text = format!("{}, {ratio}", wording::no_lead(&lead.verdict));
        return LeadView { text, ..Default::default() };
    }
    let device = Some(comparison.devices[lead.device].label.clone());
    LeadView { text: ratio, device, dot: Ink::Device(lead.device).background_class() }
}

/// Returns the title of a kernel family for readers.
pub fn family_title(family: &str) -> &'static str {
    match family {
        "stream" => "Memory bandwidth",
        "peak" => "Arithmetic peak",
        "latency" => "Memory latency",
        "launch" => "Kernel launch",
        "gemm" => "Matrix products",
        "moe" => "Mixtures of experts",
        "gemv" => "Matrix-vector products",
        "attention" => "Attention",
        "softmax" => "Softmax",
        "rmsnorm" => "RMS normalisation",
        "rope" => "Rotary embedding",
        "swiglu" => "SwiGLU",
        "gather" => "Embedding gather",
        "transpose" => "Transposition",
        "layer" => "Layers of models",
        _ => "Other work",
    }
}
