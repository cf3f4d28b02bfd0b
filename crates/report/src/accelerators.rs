//! The accelerator catalogue as text: a list with one line per accelerator, or the details of one with the
//! sources of its figures.

use super::table::style;
use comfy_table::{Cell, CellAlignment, Table};
use portamark_model::catalog::Accelerator;
use portamark_model::units;
use std::fmt::Write;

/// Peak throughput fields that the list shows, one column each.
const LISTED_PEAKS: [&str; 5] = ["fp32", "fp16", "bf16", "fp8", "int8"];

/// Returns a table with one line for each accelerator: published figures, trust in them, and the route by
/// which portamark reaches the accelerator.
pub fn list(accelerators: &[&Accelerator]) -> String {
    let mut table = Table::new();
    table.load_style(style(false));
    table.set_header(
        ["id", "memory", "bandwidth", "FP32", "FP16", "BF16", "FP8", "INT8", "power", "trust", "route"]
            .map(Cell::new),
    );
    for row in accelerators {
        let mut cells = vec![
            row.id.clone(),
            row.memory_gib.map_or_else(unknown, |size| format!("{size} GiB")),
            row.bandwidth_per_second().map_or_else(unknown, units::byte_rate),
        ];
        cells.extend(LISTED_PEAKS.map(|field| peak(row, field)));
        cells.push(row.board_power_w.map_or_else(unknown, |watts| format!("{watts} W")));
        let right = cells.into_iter().enumerate().map(|(place, text)| {
            let alignment = if place == 0 { CellAlignment::Left } else { CellAlignment::Right };
            Cell::new(text).set_alignment(alignment)
        });
        table.add_row(right.chain([Cell::new(&row.confidence), Cell::new(route(row))]));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    text += "\nPublished dense peaks, not measured here; `portamark catalog NAME` gives their sources.\n";
    text
}

/// Returns everything that the catalogue has on one accelerator, each figure with the numbers of its sources.
pub fn details(row: &Accelerator) -> String {
    let mut text = format!("{} ({})\n\n", row.full_name(), row.id);
    let year = row.launch_year.map_or(String::new(), |year| format!(", since {year}"));
    line(&mut text, "class", &format!("{}, sold {}{year}", row.class, market(row)), &[]);
    if let Some(package) = &row.part_of {
        line(&mut text, "part of", package, &[]);
    }
    if let Some(dies) = &row.dies {
        let shown = if dies.usual { "each usually shown" } else { "each sometimes shown" };
        line(
            &mut text,
            "dies",
            &format!("{} {}s, {shown} as a device of its own", dies.count, dies.name),
            &[],
        );
    }
    if !row.pci.is_empty() {
        line(&mut text, "PCI id", &row.pci.join(", "), &numbers(row, "pci"));
    }
    let figures = [
        (
            "memory",
            row.memory_gib.map(|size| {
                let kind = row.memory_type.as_deref().unwrap_or_default();
                format!("{size} GiB {kind}").trim_end().to_string()
            }),
        ),
        ("bandwidth", row.bandwidth_per_second().map(units::byte_rate)),
        ("power", row.board_power_w.map(|watts| format!("{watts} W"))),
        (
            "interconnect",
            row.interconnect_gbs.map(|giga| {
                let name = row.interconnect_name.as_deref().unwrap_or_default();
                format!("{} {name}", units::byte_rate(giga * 1e9)).trim_end().to_string()
            }),
        ),
    ];
    for (field, figure) in figures {
        if let Some(figure) = figure {
            line(&mut text, field, &figure, &numbers(row, field));
        }
    }
    for field in row.peak.keys() {
        line(&mut text, field, &format!("{} dense", peak(row, field)), &numbers(row, field));
    }
    for (label, fields) in [("unknown", &row.missing), ("not offered", &row.unsupported)] {
        if !fields.is_empty() {
            line(&mut text, label, &fields.join(", "), &[]);
        }
    }
    line(&mut text, "trust", &row.confidence, &[]);
    let _ = writeln!(text, "\n{}\n", row.note);
    text += "Reach\n";
    let reach = &row.reach;
    for (name, word) in
        [("Vulkan", &reach.vulkan), ("DX12", &reach.dx12), ("Metal", &reach.metal), ("WebGPU", &reach.webgpu)]
    {
        line(&mut text, name, &word.replace('_', " "), &[]);
    }
    line(
        &mut text,
        "PyTorch",
        &format!("device {}, plug-in {}", reach.torch_device, reach.torch_plugin),
        &[],
    );
    line(&mut text, "cards", &format!("listed by {}", reach.query_command), &[]);
    for route in &reach.routes {
        line(&mut text, "", route, &[]);
    }
    if !row.measured.is_empty() {
        text += "\nMeasured elsewhere\n";
        for measured in &row.measured {
            let _ = writeln!(
                text,
                "  {}: {} {} ({})",
                measured.what, measured.value, measured.unit, measured.source
            );
        }
    }
    if !row.sources.is_empty() {
        text += "\nSources\n";
    }
    for (number, source) in row.sources.iter().enumerate() {
        let _ = writeln!(text, "  [{}] {} ({})", number + 1, source.title, source.kind);
        if !source.url.is_empty() {
            let _ = writeln!(text, "      {}", source.url);
        }
    }
    text
}

fn line(text: &mut String, label: &str, value: &str, sources: &[usize]) {
    let sources: String = sources.iter().map(|number| format!(" [{number}]")).collect();
    let _ = writeln!(text, "  {label:<18} {value}{sources}");
}

/// Returns the numbers of the sources of the figure `field`, counted from 1.
fn numbers(row: &Accelerator, field: &str) -> Vec<usize> {
    let named = |fields: &[String]| fields.iter().any(|f| f == field);
    (1..).zip(&row.sources).filter(|(_, source)| named(&source.fields)).map(|(number, _)| number).collect()
}

fn unknown() -> String {
    "?".into()
}

fn peak(row: &Accelerator, field: &str) -> String {
    if row.unsupported.iter().any(|f| f == field) {
        return "none".into();
    }
    let rate = if field.starts_with("int") { units::op_rate } else { units::flop_rate };
    row.peak_per_second(field).map_or_else(unknown, rate)
}

fn market(row: &Accelerator) -> &str {
    match row.market.as_str() {
        "global" => "everywhere",
        "china" => "in China",
        other => other,
    }
}

/// Returns how portamark reaches the accelerator: through a GPU driver (Vulkan, Metal or DX12), or through an
/// executor for PyTorch.
fn route(row: &Accelerator) -> String {
    let reach = &row.reach;
    for (name, word) in [("Vulkan", &reach.vulkan), ("Metal", &reach.metal), ("DX12", &reach.dx12)] {
        match word.as_str() {
            "yes" => return name.into(),
            "expected" => return format!("{name}, expected"),
            _ => {}
        }
    }
    format!("PyTorch {}", reach.torch_device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::catalog::Catalog;

    fn row(name: &str) -> &'static Accelerator {
        Catalog::embedded().find(name).unwrap()
    }

    #[test]
    fn a_figure_stands_beside_its_sources_and_an_unknown_one_is_a_question() {
        let text = list(&[row("NVIDIA H20"), row("Ascend910B3")]);
        insta::assert_snapshot!(text);
        insta::assert_snapshot!(details(row("NVIDIA H20")));
    }

    #[test]
    fn what_no_gpu_driver_reaches_is_listed_with_the_route_that_does() {
        assert_eq!(route(row("Ascend910B3")), "PyTorch npu");
        assert_eq!(route(row("NVIDIA GeForce RTX 4090")), "Vulkan");
        assert_eq!(route(row("Apple M2 Ultra")), "Metal");
    }

    #[test]
    fn every_row_can_be_shown() {
        for row in &Catalog::embedded().accelerators {
            let text = details(row);
            let cited = row.peak.keys().all(|field| !numbers(row, field).is_empty());
            assert!(cited, "{}", row.id);
            assert!(text.contains(&row.note) && text.contains("[1]") != row.sources.is_empty(), "{text}");
        }
    }
}
