//! History of one case over all runs of a device, as a table and as JSON.

use super::columns::columns;
use portamark_analysis::{HistoryPoint, Series, Shift, clean};
use portamark_model::units;
use serde_json::{Value, json};

/// Returns a table for each series with one line for each run. Where the time changed, a line before the run
/// says by how much and what else changed.
pub fn history_table(case: &str, series: &[Series]) -> String {
    let mut out = format!("{}\n", clean(case));
    for one in series {
        out += &format!("\n{}\n\n", one.label);
        let head = ["started", "time", "processes", "driver", "portamark", "kernel"].map(String::from);
        let lines: Vec<[String; 6]> = [head].into_iter().chain(one.points.iter().map(cells)).collect();
        for (line, text) in columns(&lines, |column| [1, 2].contains(&column)).lines().enumerate() {
            // Line 0 is the heading, so the run at index `at` is on line `at` + 1.
            if let Some(shift) = one.shifts.iter().find(|shift| shift.at + 1 == line) {
                out += &format!("-- {}\n", words(shift));
            }
            out += &format!("{text}\n");
        }
        out += &match one.shifts.len() {
            0 => format!("no change among {} runs\n", one.points.len()),
            1 => format!("1 change among {} runs\n", one.points.len()),
            many => format!("{many} changes among {} runs\n", one.points.len()),
        };
    }
    out
}

fn cells(point: &HistoryPoint) -> [String; 6] {
    let header = &point.file.header;
    let kernel = point.rows.first().and_then(|row| row.kernel.as_ref());
    [
        clean(&header.started),
        units::seconds(point.seconds),
        point.rows.len().to_string(),
        clean(&header.device.driver_version),
        clean(&header.portamark),
        kernel.map_or("-".into(), |kernel| clean(&kernel.variant.to_string())),
    ]
}

/// Describes a change, e.g. `slower by 5.1 % (p = 2.1e-9): driver 1 -> 2`.
fn words(shift: &Shift) -> String {
    let word = if shift.ratio > 1.0 { "slower" } else { "faster" };
    let changes: Vec<String> =
        shift.changes.iter().map(|c| format!("{} {} -> {}", c.field, c.reference, c.new)).collect();
    let why = if changes.is_empty() { "nothing else changed".into() } else { clean(&changes.join("; ")) };
    let part = units::percent((shift.ratio - 1.0).abs());
    format!("{word} by {part} (p = {:.1e}): {why}", shift.p)
}

/// Returns the history of one case as a JSON document.
pub fn history_json(case: &str, series: &[Series]) -> String {
    let point = |point: &HistoryPoint| -> Value {
        let header = &point.file.header;
        let kernel = point.rows.first().and_then(|row| row.kernel.as_ref());
        json!({
            "run": header.run, "started": header.started, "seconds": point.seconds,
            "processes": point.rows.len(), "device": header.device.id,
            "driver": format!("{} {}", header.device.driver, header.device.driver_version),
            "portamark": header.portamark,
            "variant": kernel.map(|kernel| kernel.variant.to_string()),
            "kernel_sha256": kernel.map(|kernel| &kernel.sha256),
        })
    };
    let shift = |shift: &Shift| json!({ "at": shift.at, "ratio": shift.ratio, "p": shift.p, "changes": shift.changes });
    let one = |series: &Series| {
        json!({
            "device": series.label,
            "points": series.points.iter().map(point).collect::<Vec<Value>>(),
            "changes": series.shifts.iter().map(shift).collect::<Vec<Value>>(),
        })
    };
    let document = json!({
        "schema": 1, "case": case, "series": series.iter().map(one).collect::<Vec<Value>>()
    });
    serde_json::to_string_pretty(&document).expect("a history is plain data") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_analysis::histories;
    use portamark_fixtures::simulated;
    use portamark_results::RunFile;
    use portamark_stats::ChangePointRule;

    const KEY: &str = "gemm f32 m64 n512 k512 nn";

    fn runs() -> Vec<RunFile> {
        let run = |day: u32| {
            let seconds = if day < 7 { 1e-3 } else { 1.06e-3 };
            let mut file = simulated::run(&[(KEY.into(), seconds)], 3, 70 + u64::from(day));
            file.header.started = format!("2026-03-{day:02}T09:00:00Z");
            if day >= 7 {
                file.header.device.driver_version = "600.1\u{1b}[31m".into();
            }
            file
        };
        (1..14).map(run).collect()
    }

    #[test]
    fn the_history_of_a_case_is_as_shown() {
        let runs = runs();
        let series = histories(&runs, KEY, &ChangePointRule::default());
        let text = history_table(KEY, &series);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_document_has_every_point_and_the_place_of_the_change() {
        let runs = runs();
        let series = histories(&runs, KEY, &ChangePointRule::default());
        let document: Value = serde_json::from_str(&history_json(KEY, &series)).unwrap();
        let only = &document["series"][0];
        assert_eq!(only["points"].as_array().unwrap().len(), 13);
        assert_eq!((&only["changes"][0]["at"], &document["case"]), (&json!(6), &json!(KEY)));
        assert_eq!(only["changes"][0]["changes"][0]["field"], "driver");
        assert_eq!(only["points"][12]["processes"], 3);
    }
}
