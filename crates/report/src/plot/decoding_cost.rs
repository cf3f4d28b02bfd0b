//! Chart of the cost of decoding over context length: one panel for each model, one line for each hardware.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawing, Point, draw};
use super::figure::{Absent, Chart, Figure};
use super::frame::{Frame, LINE, Layout, Name, draw_legend, legend_height};
use super::style::{Ink, Inside, Mark, Shape, TEXT};
use portamark_analysis::{DecodingCosts, ModelCost};
use portamark_model::units;

const TITLE: &str = "Cost per million decoded tokens over context length";

/// Maximum number of panels in a chart.
const MOST_PANELS: usize = 12;

/// Height of the plot area of a panel, in CSS pixels.
const HEIGHT: f64 = 150.0;

/// Room above a panel for its name, and below it for tick labels, in CSS pixels.
const ABOVE: f64 = 30.0;
const BELOW: f64 = 24.0;

/// Draws the chart of `found`. Lines go through the contexts of its costs.
pub fn decoding_cost(found: &DecodingCosts) -> Chart {
    let mut panels: Vec<Vec<&ModelCost>> = Vec::new();
    for cost in &found.costs {
        match panels.last_mut().filter(|panel| panel[0].model == cost.model) {
            Some(panel) => panel.push(cost),
            None => panels.push(vec![cost]),
        }
    }
    let more = panels.len().saturating_sub(MOST_PANELS);
    panels.truncate(MOST_PANELS);
    let hardware = found.hardware.len();
    let all = || panels.iter().flatten();
    let prices = all().flat_map(|cost| (0..hardware).map(|h| cost.together(h)).chain([cost.disaggregated]));
    let contexts = all().map(|cost| cost.context as f64);
    let axes = Axis::log(contexts, "").zip(Axis::log(prices, ""));
    let (x, y) = axes.ok_or_else(|| Absent::new(TITLE, "No model has a price on any hardware."))?;
    let mut caption =
        "Cost per 10⁶ tokens over context length, from published peaks and the given prices; modelled, \
                       not measured. Coloured: everything on one hardware. Bold line: attention and \
                       feed-forward network disaggregated, each on its cheapest hardware."
            .to_string();
    if more > 0 {
        caption += &format!(" {more} more models are in the table.");
    }
    let said: Vec<String> = panels
        .iter()
        .filter_map(|panel| {
            let (first, last) = (panel.first()?, panel.last()?);
            let price = units::significant;
            Some(format!(
                "{}: disaggregated {} at {} to {} at {}",
                first.model,
                price(first.disaggregated),
                first.context,
                price(last.disaggregated),
                last.context
            ))
        })
        .collect();
    let names: Vec<Name> = found
        .hardware
        .iter()
        .enumerate()
        .map(|(place, hardware)| (Ink::Device(place), hardware.name.clone()))
        .chain([(Ink::Strong, "disaggregated".to_string())])
        .map(|(ink, text)| Name { mark: Some(mark(ink)), text })
        .collect();
    Ok(Figure::new("decoding-cost", TITLE, caption, said.join(". "), |layout| {
        draw_panels(&panels, &names, (&x, &y), layout)
    }))
}

fn mark(ink: Ink) -> Mark {
    Mark { shape: Shape::Circle, inside: Inside::Full, ink }
}

fn draw_panels(
    panels: &[Vec<&ModelCost>],
    names: &[Name],
    (x, y): (&Axis, &Axis),
    layout: Layout,
) -> Drawing {
    let width = layout.width();
    let columns = match layout {
        Layout::Wide => panels.len().clamp(1, 3),
        Layout::Narrow => 1,
    };
    let (each, room) = (width / columns as f64, Frame::label_room(y));
    let top = legend_height(names, width) + LINE + 8.0;
    let rows = panels.len().div_ceil(columns);
    let height = top + rows as f64 * (ABOVE + HEIGHT + BELOW) + LINE;
    draw(width as u32, height.ceil() as u32, |canvas| {
        draw_legend(canvas, names, (0.0, 0.0), width);
        let below_legend = (0.0, top - 8.0 - LINE / 2.0);
        canvas.text(below_legend, "cost per 10⁶ decoded tokens", Anchor::Start, TEXT, Ink::Muted);
        canvas.text((width / 2.0, height - 10.0), "context length, tokens", Anchor::Middle, TEXT, Ink::Muted);
        for (place, panel) in panels.iter().enumerate() {
            let (row, column) = (place / columns, place % columns);
            let left = column as f64 * each + room;
            let above = top + row as f64 * (ABOVE + HEIGHT + BELOW) + ABOVE;
            let frame =
                Frame { left, top: above, right: (column + 1) as f64 * each - 14.0, bottom: above + HEIGHT };
            let kind = panel[0].kind.map_or(String::new(), |kind| format!(" · {}", kind.letters()));
            let titled = y.titled(format!("{}{kind}", panel[0].model));
            frame.draw_x(canvas, x);
            frame.draw_y(canvas, &titled, left);
            draw_lines(canvas, &frame, panel, (x, y));
        }
    })
}

fn draw_lines(canvas: &Canvas, frame: &Frame, panel: &[&ModelCost], (x, y): (&Axis, &Axis)) {
    let points = |price: &dyn Fn(&ModelCost) -> f64| -> Vec<Point> {
        panel.iter().map(|cost| frame.at(x, y, (cost.context as f64, price(cost)))).collect()
    };
    // Draw the line of disaggregated parts first, so that hardware that is as cheap on its own stays visible.
    canvas.line(&points(&|cost| cost.disaggregated), Ink::Strong, 4.5);
    for hardware in 0..panel[0].attention.len() {
        let line = points(&|cost| cost.together(hardware));
        canvas.line(&line, Ink::Device(hardware), 1.5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::{CacheFormat, Counting, PricedHardware, decoding_costs};
    use portamark_model::catalog::{Model, Models};

    fn costs(models: &[&Model]) -> DecodingCosts {
        let (contexts, hardware) = ([8192, 32768], PricedHardware::paper());
        decoding_costs(models, &contexts, Counting::Paper, CacheFormat::PAPER, hardware)
    }

    #[test]
    fn each_model_is_a_panel_with_a_line_for_each_hardware() {
        let models = Models::embedded();
        let figure =
            decoding_cost(&costs(&[models.find("Step-3").unwrap(), models.find("Kimi-K2").unwrap()]));
        let figure = figure.unwrap();
        assert!(
            figure.description.starts_with("Step-3: disaggregated 0.0550 at 8192 to 0.129 at 32768"),
            "{}",
            figure.description
        );
        let drawn = figure.inline();
        for name in ["H800", "910B", "disaggregated", "Kimi-K2 · MLA"] {
            assert!(drawn.contains(name), "{name}");
        }
    }

    #[test]
    fn many_models_are_cut_with_a_word_and_none_is_a_sentence() {
        let decoders: Vec<&Model> =
            Models::embedded().models.iter().filter(|model| model.decodes()).collect();
        let figure = decoding_cost(&costs(&decoders)).unwrap();
        assert!(figure.caption.contains(&format!("{} more models", decoders.len() - MOST_PANELS)));
        assert!(decoding_cost(&costs(&[])).is_err());
    }
}
