//! Verdicts for a pull request: what changed first, the rest folded away.

use super::super::markdown::{code, escape, table as markdown_table};
use super::table;
use super::view::{Verdicts, changed};
use portamark_analysis::{CaseVerdict, Verdict, clean};

/// GitHub-flavoured Markdown.
pub(super) fn render(verdicts: &Verdicts) -> String {
    let [counts, reading] = verdicts.foot();
    let mut out = format!("## portamark compare\n\n**{}**\n\n", escape(&counts));
    for gate in verdicts.gates {
        let stopped: Vec<String> = verdicts.stopped(*gate).iter().map(|case| code(&case.name())).collect();
        let outcome =
            if stopped.is_empty() { "passed".into() } else { format!("failed: {}", stopped.join(", ")) };
        out += &format!("- gate `{gate}` {outcome}\n");
    }
    if !verdicts.gates.is_empty() {
        out.push('\n');
    }
    for device in verdicts.devices {
        out += &format!("### {}\n\n", escape(&device.pair.label()));
        let is_news =
            |case: &&CaseVerdict| matches!(case.judgement.verdict, Verdict::Faster | Verdict::Slower);
        let (news, rest): (Vec<_>, Vec<_>) = device.cases.iter().partition(is_news);
        if !news.is_empty() {
            rows(&mut out, &news);
        }
        for line in changed(&device.cases) {
            out += &format!("- {}\n", escape(&line));
        }
        if !rest.is_empty() {
            let summary = escape(&super::verdict_counts(rest.iter().copied()));
            out += &format!("\n<details><summary>{summary}</summary>\n\n");
            rows(&mut out, &rest);
            out += "</details>\n\n";
        }
    }
    out + &format!("{}\n", escape(&reading))
}

fn rows(out: &mut String, cases: &[&CaseVerdict]) {
    let head = ["case", "verdict", "base", "new", "new/base", "interval"].map(String::from);
    let cells = |case: &&CaseVerdict| {
        let [_, base, new, ratio, interval, verdict] = table::cells(case);
        vec![code(&clean(&case.name())), escape(&verdict), base, new, ratio, interval]
    };
    markdown_table(out, &head, 2, cases.iter().map(cells));
}
