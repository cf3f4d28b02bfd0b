//! Runs `inspect`.

use super::super::output::{note, print};
use super::super::selection::source_of;
use super::arguments::{Arguments, Form};
use super::cells::{Sweep, cells, foreign_cells};
use super::targets::{self, Opener, Wish, list, wishes};
use crate::error::{Error, Result};
use portamark_inspect::{Cell, Finding, Inspection, facts};
use portamark_kernels::{KernelSource, named};
use portamark_model::suite::{Pattern, Suite};
use portamark_model::workload::Case;
use portamark_report as report;
use portamark_results::replace_file;
use portamark_runner::{Foreign, Wanted, compiled};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Runs the command. Exits with code 1 if a kernel does not compile.
pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.target.iter().any(|name| name == "list") {
        return print(&list());
    }
    if !arguments.spirv.is_empty() {
        let (wishes, opener) = wishes(arguments)?;
        let cells = foreign_cells(&wishes, &opener, &foreign(arguments)?, arguments.timeout);
        return shown(arguments, cells, wishes.len());
    }
    let suite = suite(arguments)?;
    if arguments.diff.len() == 2 {
        return difference(arguments, &suite);
    }
    let (wishes, opener) = wishes(arguments)?;
    if arguments.asm {
        return assembly(arguments, &suite, &wishes, &opener);
    }
    let wanted = match (&arguments.variant, arguments.space) {
        (Some(text), _) => Wanted::Named(text.clone()),
        (None, true) => Wanted::Space,
        (None, false) => Wanted::Default,
    };
    let cells =
        cells(&wishes, &opener, &sweep(arguments, &suite, &wanted, &source_of(arguments.kernels.as_deref())));
    shown(arguments, cells, wishes.len())
}

/// Shows the cells; fails if any did not compile.
fn shown(arguments: &Arguments, cells: Vec<Cell>, targets: usize) -> Result<()> {
    write(arguments, &text(arguments, cells.clone(), targets)?)?;
    if let Some(path) = &arguments.report {
        let page = report::inspection_page(&cells).map_err(|error| Error::io("write", path, error))?;
        write_to(path, &page)?;
    }
    let failed = cells.iter().filter(|cell| cell.findings().contains(&Finding::Fails)).count();
    match (cells.is_empty(), failed) {
        (true, _) => Err(Error::usage("nothing was compiled")),
        (false, 0) => Ok(()),
        (false, count) => Err(Error::Gate(format!("kernels that do not compile: {count}"))),
    }
}

/// Most bytes of a file of SPIR-V.
const MOST_SPIRV: u64 = 64 << 20;

fn foreign(arguments: &Arguments) -> Result<Vec<Foreign>> {
    let read = |path: &PathBuf| {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| Error::io("read", path, error))?;
        file.take(MOST_SPIRV).read_to_end(&mut bytes).map_err(|error| Error::io("read", path, error))?;
        Ok(Foreign {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bytes,
            entry: arguments.entry.clone(),
            constants: arguments.spec.clone(),
            subgroup_size: arguments.subgroup_size,
        })
    };
    arguments.spirv.iter().map(read).collect()
}

/// Returns the cases: those of a suite, or one that is named by its key.
fn suite(arguments: &Arguments) -> Result<Suite> {
    let suite = match arguments.suite.parse::<Case>() {
        Ok(case) => Suite::new("one", vec![case]),
        // Words with a space that are no model are meant as a case: say what is wrong with it.
        Err(error) if arguments.suite.contains(' ') && !arguments.suite.contains(':') => {
            return Err(Error::usage(error.to_string()));
        }
        Err(_) => Suite::resolve(&arguments.suite)?,
    };
    let patterns = arguments.filter.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>()?;
    Ok(if patterns.is_empty() { suite } else { suite.filtered(&patterns)? })
}

fn sweep<'a>(
    arguments: &Arguments,
    suite: &'a Suite,
    wanted: &'a Wanted,
    source: &'a KernelSource,
) -> Sweep<'a> {
    let kept = if arguments.anew { None } else { kept() };
    Sweep { suite, wanted, source, kept, timeout: arguments.timeout }
}

/// Returns the folder of earlier facts, by the XDG Base Directory Specification; `None` without a home.
fn kept() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    Some(base.or_else(|| Some(set("HOME")?.join(".cache")))?.join("portamark/inspect"))
}

/// Width of the terminal; `None` if the text does not go to one.
fn width(arguments: &Arguments) -> Option<u16> {
    let to_terminal = arguments.output.is_none() && std::io::IsTerminal::is_terminal(&std::io::stdout());
    to_terminal.then(|| terminal_size::terminal_size().map_or(100, |(width, _)| width.0))
}

fn text(arguments: &Arguments, cells: Vec<Cell>, targets: usize) -> Result<String> {
    let width = width(arguments);
    Ok(match arguments.format {
        Form::Table if targets > 1 => report::inspection_matrix(&cells, width),
        Form::Table => report::inspection_table(&cells, width),
        Form::Md => report::inspection_markdown(&cells),
        Form::Json => {
            serde_json::to_string_pretty(&Inspection::new(cells)).expect("cells are plain data") + "\n"
        }
        Form::Csv => {
            let mut text = Vec::new();
            report::inspection_csv(&cells, &mut text)
                .map_err(|error| Error::io("write", Path::new("stdout"), error))?;
            String::from_utf8_lossy(&text).into_owned()
        }
    })
}

fn write(arguments: &Arguments, text: &str) -> Result<()> {
    match &arguments.output {
        None => print(text),
        Some(path) => write_to(path, text),
    }
}

fn write_to(path: &Path, text: &str) -> Result<()> {
    replace_file(path, |file| file.write_all(text.as_bytes()))?;
    note(&format!("wrote {}", path.display()));
    Ok(())
}

/// Returns the only case and the only target.
fn only<'a>(suite: &'a Suite, wishes: &'a [Wish]) -> Result<(&'a Case, &'a Wish)> {
    match (&suite.cases[..], wishes) {
        ([case], [wish]) => Ok((case, wish)),
        (cases, wishes) => Err(Error::usage_hint(
            format!(
                "this shows one case on one chip, and there are {} cases on {} chips",
                cases.len(),
                wishes.len()
            ),
            "e.g. inspect \"gemm f16.f32 m4096 n4096 k4096 nt\" --target navi31 --asm",
        )),
    }
}

fn assembly(arguments: &Arguments, suite: &Suite, wishes: &[Wish], opener: &Opener) -> Result<()> {
    let (case, wish) = only(suite, wishes)?;
    let mut target = opener.open(wish).map_err(Error::usage)?;
    let choice = named(case, &target.device, arguments.variant.as_deref().unwrap_or_default());
    let plan = choice.and_then(|choice| {
        choice.kernel.plan(case, &target.device, &choice.variant, &source_of(arguments.kernels.as_deref()))
    });
    let plan = plan.map_err(|error| Error::usage(error.to_string()))?;
    let variant = plan.variant.to_string();
    let steps = compiled(&mut target, plan, arguments.timeout)
        .map_err(|fault| Error::Gate(format!("{variant} does not compile: {fault}")))?;
    let mut text = String::new();
    for (number, step) in steps.iter().enumerate() {
        let facts = facts(target.compiler(), step, target.chip);
        let listing = step.executables.iter().max_by_key(|program| program.subgroup_size);
        let Some(listing) = listing.and_then(|program| target.compiler().listing(program)) else {
            return Err(Error::usage("this driver does not hand over its instructions"));
        };
        text += &format!("{case}, {variant}, dispatch {number}, {}\n", target.title);
        if let Some(hot) = &facts.hot_loop {
            text += &format!("hot loop: {}\n", hot.mix);
        }
        if let Some(ceiling) = facts.ceiling() {
            text += &format!("issue ceiling: {:.1} % of the {} peak\n", 100.0 * ceiling.share, ceiling.of);
        }
        text.push('\n');
        text += &report::marked_listing(listing, facts.hot_loop.as_ref());
        text.push('\n');
    }
    write(arguments, &text)
}

/// Two variants on one chip, or two chips.
fn difference(arguments: &Arguments, suite: &Suite) -> Result<()> {
    let [left, right] = [&arguments.diff[0], &arguments.diff[1]];
    let chips = (targets::named(left), targets::named(right));
    let mut pairs: Vec<(Cell, Cell)> = Vec::new();
    let source = source_of(arguments.kernels.as_deref());
    if let (Ok(left), Ok(right)) = chips {
        let mut both = arguments.clone();
        both.target = vec![left.name.into(), right.name.into()];
        let (wishes, opener) = wishes(&both)?;
        let all = cells(&wishes, &opener, &sweep(arguments, suite, &Wanted::Default, &source));
        let (left, right): (Vec<Cell>, Vec<Cell>) = all.into_iter().partition(|cell| cell.chip == left.name);
        pairs.extend(left.into_iter().zip(right));
    } else {
        let (wishes, opener) = wishes(arguments)?;
        let (_, wish) = only(suite, &wishes)?;
        let side = |text: &str| {
            let wanted = Wanted::Named(text.into());
            cells(std::slice::from_ref(wish), &opener, &sweep(arguments, suite, &wanted, &source))
        };
        pairs.extend(side(left).into_iter().zip(side(right)));
    }
    let texts: Vec<String> = pairs
        .iter()
        .map(|(left, right)| report::inspection_difference(left, right, width(arguments)))
        .collect();
    if texts.is_empty() {
        return Err(Error::usage("nothing was compiled"));
    }
    write(arguments, &texts.join("\n"))
}
