//! Verdicts as Markdown for a pull request: changes first, the rest collapsed.

use super::super::markdown_text::{code, escape, table as markdown_table};
use super::table;
use super::view::{Verdicts, changed};
use portamark_analysis::{CaseVerdict, Verdict, clean};

fn rows(out: &mut String, cases: &[&CaseVerdict]) {
    let head = ["case", "verdict", "base", "new", "new/base", "interval"].map(String::from);
    let cells = |case: &&CaseVerdict| {
        let [_, base, new, ratio, interval, verdict] = table::cells(case);
        vec![code(&clean(&case.name())), escape(&verdict), base, new, ratio, interval]
    };
    markdown_table(out, &head, 2, cases.iter().map(cells));
}

impl Verdicts<'_> {
    /// Renders the verdicts as GitHub-flavoured Markdown.
    pub fn markdown(&self) -> String {
        let [counts, reading] = self.foot();
        let mut out = format!("## portamark compare\n\n**{}**\n\n", escape(&counts));
        for gate in self.gates {
            let stopped: Vec<String> = self.stopped(*gate).iter().map(|case| code(&case.name())).collect();
            let outcome =
                if stopped.is_empty() { "passed".into() } else { format!("failed: {}", stopped.join(", ")) };
            out += &format!("- gate `{gate}` {outcome}\n");
        }
        if !self.gates.is_empty() {
            out.push('\n');
        }
        for device in self.devices {
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
}
