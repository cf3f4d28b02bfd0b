//! Portability scores from a table of any programs on any platforms: results of other studies, and their
//! published examples.
//!
//! The columns are those of the P3 Analysis Library: `problem` (optional), `application`, `platform`, and
//! either `fom`, a figure of merit, or `efficiency`. For a given problem, an application does not support a
//! platform if it has no line for it, or if the figure there is empty, 0, `NA`, `NaN`, `inf` or a dash:
//! failed runs are written in each of these ways.
//!
//! Efficiencies are shares of 1, or percent if the name of the column or the figure itself says so: `efficiency (%)`,
//! `80.2%`. One above 200 % is refused, since it is a percentage that does not say that it is one.

use super::efficiency::Cell;
use super::portability::Score;
use portamark_model::plain_text::{clean, cut as shorten};
use portamark_stats::{Better, application_efficiency};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Efficiency above which a figure cannot be a share of what is achievable. Shares a little above 1 occur where the
/// reference is too low.
const HIGHEST: f64 = 2.0;

/// Most pairs of an application and a platform that are scored. A study has some hundreds; the pairs of a table whose
/// lines all differ in both grow with the square of its length.
const MOST_CELLS: usize = 500_000;

/// How the figures of a table were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figures {
    /// Figures of merit such as times: the lowest on a platform is the best.
    LowerIsBetter,
    /// Figures of merit such as rates: the highest on a platform is the best.
    HigherIsBetter,
    /// Efficiencies as shares of 1.
    Shares,
    /// Efficiencies in percent.
    Percent,
}

impl Figures {
    /// Returns how the figures were read, in words.
    pub fn words(self) -> &'static str {
        match self {
            Figures::LowerIsBetter => {
                "figures of merit: lower is better; efficiency is the lowest on the platform over the own"
            }
            Figures::HigherIsBetter => {
                "figures of merit: higher is better; efficiency is the own over the highest on the platform"
            }
            Figures::Shares => "efficiencies: shares of 1, as the table has them",
            Figures::Percent => "efficiencies: percent, as the table has them",
        }
    }
}

/// Score of one application on one problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableScore {
    /// Name of the problem; empty if the table has no such column.
    pub problem: String,
    /// Name of the application.
    pub application: String,
    /// How the figures were read; the same for all scores of a table.
    pub figures: Figures,
    /// Set H: the platforms of the problem, in table order.
    pub platforms: Vec<String>,
    /// One outcome per platform.
    pub cells: Vec<Cell>,
    /// Portability metrics over the platforms.
    pub score: Score,
}

/// One line of the table; a `figure` of `None` means not supported.
struct TableRecord {
    problem: String,
    application: String,
    platform: String,
    figure: Option<f64>,
}

/// Words for a run without a figure, in lower case.
const MISSING: [&str; 9] = ["", "-", "–", "na", "n/a", "nan", "none", "null", "inf"];

/// Returns the scores of the applications in `text`, a comma-separated table with a header line, in table
/// order. `better` says whether lower or higher figures of merit are better; `platforms` selects H, or all
/// platforms if it is empty.
///
/// A figure of merit is compared with the best of all applications on the same problem and platform.
///
/// # Errors
/// Returns a message, with the line number where there is one, if a column is missing, a figure is no number,
/// negative, or an efficiency above 200 %, an application appears twice on one platform and problem, or the table lacks a platform of
/// `platforms`.
pub fn score_table(text: &str, better: Better, platforms: &[String]) -> Result<Vec<TableScore>, String> {
    let (mut lines, figures) = read(text, better)?;
    let is_efficiency = matches!(figures, Figures::Shares | Figures::Percent);
    for platform in platforms {
        if !lines.iter().any(|line| line.platform == *platform) {
            return Err(format!("the table has no platform `{platform}`"));
        }
    }
    lines.retain(|line| platforms.is_empty() || platforms.contains(&line.platform));
    let mut by_problem: HashMap<&str, Vec<&TableRecord>> = HashMap::new();
    for line in &lines {
        by_problem.entry(&line.problem).or_default().push(line);
    }
    let mut scores: Vec<TableScore> = Vec::new();
    let mut room = MOST_CELLS;
    for problem in distinct(lines.iter().map(|line| &line.problem)) {
        let of_problem = &by_problem[problem.as_str()];
        let mut best_on: HashMap<&str, f64> = HashMap::new();
        let mut own_of: HashMap<(&str, &str), &TableRecord> = HashMap::new();
        for line in of_problem {
            own_of.insert((&line.application, &line.platform), line);
            if let Some(figure) = line.figure {
                let best = best_on.entry(&line.platform).or_insert(figure);
                *best = if better == Better::Lower { best.min(figure) } else { best.max(figure) };
            }
        }
        let mut on = distinct(of_problem.iter().map(|line| &line.platform));
        if !platforms.is_empty() {
            on = platforms.to_vec();
        }
        let applications = distinct(of_problem.iter().map(|line| &line.application));
        let cells = applications.len().saturating_mul(on.len());
        room = room.checked_sub(cells).ok_or_else(|| {
            format!(
                "each application on each platform of its problem makes more than {MOST_CELLS} pairs; split the table"
            )
        })?;
        for application in applications {
            let cell = |platform: &String| {
                let own = own_of.get(&(application.as_str(), platform.as_str()));
                let efficiency = own.and_then(|line| line.figure).and_then(|own| {
                    if is_efficiency {
                        return Some(own);
                    }
                    application_efficiency(own, *best_on.get(platform.as_str())?, better)
                });
                match efficiency {
                    Some(value) => Cell::Efficiency { value },
                    None => {
                        let reason =
                            if own.is_some() { "the table has no figure" } else { "the table has no line" };
                        Cell::Unsupported { status: "not supported", reason: reason.into() }
                    }
                }
            };
            let cells: Vec<Cell> = on.iter().map(cell).collect();
            let score = Score::of(&cells, None);
            let problem = problem.clone();
            scores.push(TableScore { problem, application, figures, platforms: on.clone(), cells, score });
        }
    }
    Ok(scores)
}

fn distinct<'s>(names: impl Iterator<Item = &'s String>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(name.as_str())).cloned().collect()
}

/// Whether the name of a column says that it is in percent, and the name without that.
fn percent(name: &str) -> (bool, String) {
    let mut rest = name.to_string();
    for mark in ["%", "percent", "pct"] {
        rest = rest.replace(mark, " ");
    }
    let says_so = rest != name;
    let words = rest.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty() && *word != "in");
    (says_so, if says_so { words.collect::<Vec<_>>().join(" ") } else { name.into() })
}

/// Parses the efficiency in `text`; returns it as a share of 1, and whether it was in percent.
fn efficiency(text: &str, in_percent: bool) -> Option<(f64, bool)> {
    let (number, in_percent) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (text, in_percent),
    };
    let value: f64 = number.parse().ok()?;
    Some((if in_percent { value / 100.0 } else { value }, in_percent))
}

/// Parses the lines, and tells how their figures are to be read. `better` is that of figures of merit.
fn read(text: &str, better: Better) -> Result<(Vec<TableRecord>, Figures), String> {
    // The reader counts a line that ends in CR LF from its CR on, one too few.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let words = |error: csv::Error| error.to_string();
    let names: Vec<String> = reader.headers().map_err(words)?.iter().map(str::to_lowercase).collect();
    let column = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
    let needed = |known: &[&str]| {
        let has = names.join(", ");
        column(known).ok_or_else(|| format!("the table has no column `{}`; it has {has}", known[0]))
    };
    let application = needed(&["application", "app"])?;
    let platform = needed(&["platform"])?;
    let problem = column(&["problem"]);
    let is_efficiency = |name: &str| ["efficiency", "eff", "app eff", "arch eff"].contains(&name);
    let column_of = names.iter().position(|name| is_efficiency(&percent(name).1));
    let in_percent = column_of.is_some_and(|place| percent(&names[place]).0);
    let figure = match column_of {
        Some(place) => place,
        None => needed(&["fom"]).map_err(|_| "the table has neither a column `efficiency` nor `fom`")?,
    };
    let mut figures = match (column_of, better) {
        (Some(_), _) if in_percent => Figures::Percent,
        (Some(_), _) => Figures::Shares,
        (None, Better::Lower) => Figures::LowerIsBetter,
        (None, Better::Higher) => Figures::HigherIsBetter,
    };
    let mut lines: Vec<TableRecord> = Vec::new();
    let mut seen = HashSet::new();
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(words)?;
        let at = |place: usize| record.get(place).unwrap_or("").to_string();
        let number = record.position().map_or(number as u64 + 2, csv::Position::line);
        let text = at(figure);
        let missing = MISSING.contains(&text.to_lowercase().as_str());
        let shown = shorten(&clean(&text), 40);
        let no_number = || format!("line {number}: `{shown}` is no number");
        let value = if missing {
            0.0
        } else if column_of.is_some() {
            let (value, was_percent) = efficiency(&text, in_percent).ok_or_else(no_number)?;
            if was_percent {
                figures = Figures::Percent;
            }
            if value.is_finite() && value > HIGHEST {
                let column = &names[figure];
                return Err(if was_percent {
                    format!("line {number}: an efficiency of `{shown}` is above 200 %")
                } else {
                    format!(
                        "line {number}: an efficiency of `{shown}` is above 2, which no share of 1 is; if it is in percent, \
                         name the column `{column} (%)` or write `{shown}%`"
                    )
                });
            }
            value
        } else {
            text.parse().map_err(|_| no_number())?
        };
        if value < 0.0 {
            return Err(format!("line {number}: `{shown}` is negative"));
        }
        let line = TableRecord {
            problem: problem.map(at).unwrap_or_default(),
            application: at(application),
            platform: at(platform),
            figure: Some(value).filter(|value: &f64| value.is_finite() && *value > 0.0),
        };
        // A run counted twice would give its platform twice the weight.
        if !seen.insert((line.problem.clone(), line.application.clone(), line.platform.clone())) {
            let short = |name: &str| shorten(&clean(name), 80);
            let (application, platform) = (short(&line.application), short(&line.platform));
            return Err(format!("line {number}: `{application}` has a second line on `{platform}`"));
        }
        lines.push(line);
    }
    if lines.is_empty() { Err("the table has no line".into()) } else { Ok((lines, figures)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scores(text: &str, better: Better) -> Vec<TableScore> {
        score_table(text, better, &[]).unwrap()
    }

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-6)
    }

    fn values(score: &TableScore) -> Vec<Option<f64>> {
        score.cells.iter().map(Cell::value).collect()
    }

    #[test]
    fn a_long_table_takes_no_long_time_or_is_refused() {
        let table = |lines: usize, name: fn(usize) -> (usize, usize)| -> String {
            let line = |number| format!("x,a{},p{},1\n", name(number).0, name(number).1);
            format!("problem,application,platform,fom\n{}", (0..lines).map(line).collect::<String>())
        };
        let started = std::time::Instant::now();
        // 300 applications on 100 platforms; a search in all lines for each would compare 900 million.
        let found = score_table(&table(30_000, |n| (n / 100, n % 100)), Better::Lower, &[]).unwrap();
        assert_eq!((found.len(), found[299].cells.len()), (300, 100));
        assert!(found.iter().all(|score| score.score.pp == Some(1.0)));
        // 3000 applications, each on a platform of its own, are 9,000,000 pairs.
        let error = score_table(&table(3000, |n| (n, n)), Better::Lower, &[]).unwrap_err();
        assert!(error.contains("more than 500000 pairs"), "{error}");
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    /// Table lines of `application` on platforms 0, 1, … with these figures.
    fn lines(application: &str, figures: &[&str]) -> String {
        figures
            .iter()
            .enumerate()
            .map(|(place, figure)| format!("test,{application},{place},{figure}\n"))
            .collect()
    }

    #[test]
    fn the_figures_of_the_p3_library_give_its_efficiencies() {
        // test_efficiency.py: times, one of them missing, and rates.
        let head = "problem,application,platform,fom\n";
        let table = [
            head,
            &lines("best", &["25", "10", "12.5", "5", "1"]),
            &lines("dummy", &["25", "12.5", "25", "", "5"]),
        ]
        .concat();
        let found = scores(&table, Better::Lower);
        assert_eq!(values(&found[1]), [Some(1.0), Some(0.8), Some(0.5), None, Some(0.2)]);
        assert_eq!((found[1].score.pp, found[1].score.supported), (Some(0.0), 4));
        let table = [
            head,
            &lines("best", &["4", "10", "8", "20", "100"]),
            &lines("dummy", &["4", "8", "4", "0", "20"]),
        ]
        .concat();
        let found = scores(&table, Better::Higher);
        assert_eq!(values(&found[1]), [Some(1.0), Some(0.8), Some(0.5), None, Some(0.2)]);
        assert_eq!(found[0].score.pp, Some(1.0));
    }

    #[test]
    fn the_efficiencies_of_the_p3_library_give_its_scores() {
        // test_pp.py.
        let of = |figures: &[&str]| {
            scores(
                &["problem,application,platform,efficiency\n", &lines("a", figures)].concat(),
                Better::Lower,
            )[0]
            .score
            .pp
        };
        assert!(close(of(&["1", "0.8", "0.5", "1", "0.2"]), 0.487805));
        assert!(close(of(&["1"; 5]), 1.0) && close(of(&["0.2"]), 0.2));
        assert_eq!(of(&["1", "0.8", "0.5", "0", "0.2"]), Some(0.0));
    }

    #[test]
    fn the_synthetic_table_of_sewall_and_others_has_its_scores() {
        // P3HPC 2020, as in p3's plot_simple_cascade.py: ten platforms.
        let mut table = String::from("application,platform,efficiency\n");
        for place in 0..10 {
            let e = [
                ("Unportable", if place == 0 { 1.0 } else { 0.0 }),
                ("Single Target", if place == 0 { 1.0 } else { 0.1 }),
                ("Multi-Target", if place < 5 { 1.0 } else { 0.1 }),
                ("Consistent (30%)", 0.3),
                ("Consistent (70%)", 0.7),
                ("Inconsistent", f64::from(place + 1) / 10.0),
            ];
            for (application, e) in e {
                table += &format!("{application},{place},{e}\n");
            }
        }
        let found: Vec<(String, f64)> = scores(&table, Better::Lower)
            .into_iter()
            .map(|score| (score.application, (score.score.pp.unwrap() * 1e6).round() / 1e6))
            .collect();
        let expected = [0.0, 0.10989, 0.181818, 0.3, 0.7, 0.341417];
        assert_eq!(found.iter().map(|(_, pp)| *pp).collect::<Vec<_>>(), expected);
        assert_eq!(found[1].0, "Single Target");
    }

    #[test]
    fn a_platform_without_a_line_is_not_supported_and_platforms_can_be_chosen() {
        let table = "application,platform,fom\na,x,1\na,y,2\nb,x,4\n";
        let found = scores(table, Better::Lower);
        assert_eq!((values(&found[1]), found[1].score.pp), (vec![Some(0.25), None], Some(0.0)));
        let on_x = score_table(table, Better::Lower, &["x".into()]).unwrap();
        assert!(close(on_x[1].score.pp, 0.25) && on_x[1].platforms == ["x"]);
        assert!(score_table(table, Better::Lower, &["z".into()]).unwrap_err().contains("`z`"));
    }

    #[test]
    fn an_efficiency_above_1_counts_as_1_and_is_counted() {
        let found = scores("application,platform,efficiency\na,x,1.25\na,y,0.5\n", Better::Lower);
        assert!(close(found[0].score.pp, 2.0 / 3.0) && found[0].score.above_one == 1);
        assert_eq!(found[0].cells[0].value(), Some(1.25));
    }

    #[test]
    fn percentages_that_say_so_are_shares_and_others_are_refused() {
        // 2 / (1/0.8 + 1/0.4) = 0.5333.
        for (name, figures) in [
            ("efficiency (%)", ["80", "40"]),
            ("Efficiency [%]", ["80", "40%"]),
            ("eff_percent", ["80", "40"]),
            ("efficiency in %", ["80", "40"]),
            ("efficiency", ["80%", "40 %"]),
        ] {
            let table = format!("application,platform,{name}\na,x,{}\na,y,{}\n", figures[0], figures[1]);
            let found = scores(&table, Better::Lower);
            assert!(close(found[0].score.pp, 0.533333), "{name}: {:?}", found[0].score);
            assert_eq!(found[0].figures, Figures::Percent, "{name}");
        }
        let error =
            score_table("application,platform,efficiency\na,x,80.22\n", Better::Lower, &[]).unwrap_err();
        assert!(error.starts_with("line 2: an efficiency of `80.22` is above 2"), "{error}");
        assert!(error.ends_with("name the column `efficiency (%)` or write `80.22%`"), "{error}");
        let windows = "application,platform,efficiency\r\na,x,80.22\r\n";
        assert_eq!(score_table(windows, Better::Lower, &[]).unwrap_err(), error);
        let error =
            score_table("application,platform,efficiency (%)\na,x,8022\n", Better::Lower, &[]).unwrap_err();
        assert_eq!(error, "line 2: an efficiency of `8022` is above 200 %");
    }

    #[test]
    fn a_score_says_how_its_figures_were_read() {
        let of = |column: &str, better: Better| {
            scores(&format!("application,platform,{column}\na,x,1\n"), better)[0].figures
        };
        assert_eq!(of("fom", Better::Lower), Figures::LowerIsBetter);
        assert_eq!(of("fom", Better::Higher), Figures::HigherIsBetter);
        assert_eq!(of("efficiency", Better::Higher), Figures::Shares);
        assert!(Figures::HigherIsBetter.words().contains("higher is better"));
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for (table, part) in [
            ("", "no column `application`"),
            ("application,fom\n", "no column `platform`"),
            ("application,platform,time\n", "neither a column"),
            ("application,platform,fom\n", "no line"),
            ("application,platform,fom\na,x,fast\n", "line 2: `fast` is no number"),
            ("application,platform,fom\na,x,1\na,x,1\n", "line 3: `a` has a second line on `x`"),
            ("application,platform,fom\na,x,-1\n", "line 2: `-1` is negative"),
        ] {
            let error = score_table(table, Better::Lower, &[]).unwrap_err();
            assert!(error.contains(part), "{table:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(text in ".{0,200}") {
            let _ = score_table(&text, Better::Higher, &[]);
            let _ = score_table(&format!("application,platform,fom\n{text}"), Better::Lower, &[]);
        }
    }
}
