//! `portamark project`: its options, and the projections they ask for.

use super::super::output::{print, write_figure};
use super::given::{PerDevice, check_names, efficiencies, parse_efficiency, parse_power, parse_price, value};
use super::shortfall::{none_fits, none_is_estimated};
use super::target::{Target, Word, predicted, word};
use crate::cli::results::{choose_devices, load_files};
use crate::error::{Error, Result};
use portamark_analysis::{
    Candidate, Comparison, Criterion, EfficiencyRange, EfficiencySource, GivenEfficiencies, Power,
    kwh_per_million, price_per_million, rank,
};
use portamark_inspect::Cell;
use portamark_model::catalog::{Catalog, Model};
use portamark_model::error::Error as Library;
use portamark_model::suite::model::{Deployment, Pass, parse};
use portamark_model::units;
use portamark_report::{
    EnergyOfTokens, ModelOnDevice, RankedPass, Unranked, projections, ranking_chart, ranking_table,
};
use portamark_results::load_inspections;
use std::path::{Path, PathBuf};

/// Default folder of result files.
const DEFAULT_RESULTS: &str = "results/local";

/// Projects a model's time per layer and per token from measured rows, or predicts it for hardware you don't
/// have.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Model and how to run it: "llama-3.1-8b b1,8 c4096 tp2 q4_0 decode".
    model: String,
    /// Result files or folders of result files [default: results/local].
    #[arg(value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Select a device by its number in the files or part of its name. Can be repeated.
    #[arg(short, long, value_name = "NAME", conflicts_with_all = ["compare", "predict"])]
    device: Vec<String>,
    /// Rank devices and models in one table: devices of the files, accelerators of the catalogue (predicted),
    /// and more models, run in the same way.
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    compare: Vec<String>,
    /// Choose the criterion of the ranking.
    #[arg(long, value_enum, default_value_t = By::Speed, requires = "compare")]
    by: By,
    /// Predict for accelerators of the catalogue that you don't have, instead of projecting from results.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', conflicts_with = "compare")]
    predict: Vec<String>,
    /// Predict with the measured efficiencies of this device, one per class of kernel.
    #[arg(long, value_name = "DEVICE", conflicts_with = "efficiency")]
    like: Option<String>,
    /// Predict with this fraction of the published roof: 0.6, 0.4..0.7, or for a class of kernel gemv=0.6..0.8.
    #[arg(long, value_name = "PART", value_delimiter = ',', value_parser = parse_efficiency)]
    efficiency: Vec<(Option<&'static str>, EfficiencyRange)>,
    /// Bound the prediction by kernels as compilers made them: a file of `portamark inspect MODEL --format json -o FILE`. At
    /// best this fast, compiled and not measured.
    #[arg(long, value_name = "FILE", requires = "predict", conflicts_with_all = ["efficiency", "like"])]
    compiled: Option<PathBuf>,
    /// Set the price of a device, e.g. 2.0/h or h20=0.8/h, to get the cost per million tokens in the same currency.
    #[arg(long, value_name = "PRICE", value_delimiter = ',', value_parser = parse_price)]
    price: Vec<PerDevice>,
    /// Set the power of a device, e.g. 400W or h20=400W, to get the energy per million tokens [default: measured
    /// during its cases, or else the published board power, as an upper bound].
    #[arg(long, value_name = "WATTS", value_delimiter = ',', value_parser = parse_power)]
    power: Vec<PerDevice>,
    /// Set the number of draws for the confidence of the ranking.
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "compare")]
    draws: usize,
    /// Set the seed of the draws.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "compare")]
    seed: u64,
    /// Write the chart of the comparison to this SVG file.
    #[arg(short, long, value_name = "FILE.svg", requires = "compare")]
    output: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Criterion of a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// Tokens per second.
    Speed,
    /// Cost per million tokens.
    Price,
    /// Energy per million tokens.
    Energy,
}

/// Runs the command: prints the projection of each pass on each device, or the ranking.
pub fn run(arguments: &Arguments) -> Result<()> {
    let text = arguments.model.strip_prefix("model:").unwrap_or(&arguments.model);
    let (model, deployment) = parse(text)?;
    let files = files(arguments);
    let runs = if files.is_empty() { Vec::new() } else { load_files(&files)? };
    let comparison = Comparison::new(&runs);
    let (targets, models) = choose(arguments, &comparison, model)?;
    check_names("--price", &arguments.price, &targets)?;
    check_names("--power", &arguments.power, &targets)?;
    let given = efficiencies(&arguments.efficiency);
    let cells = match &arguments.compiled {
        Some(path) => compiled_cells(path)?,
        None => Vec::new(),
    };
    let source = match &arguments.compiled {
        Some(_) => Some(EfficiencySource::Compiled(&cells)),
        None => source(arguments, &comparison, given.as_ref())?,
    };
    let mut found = Vec::new();
    for model in &models {
        let passes = deployment.passes(model)?;
        for target in &targets {
            for pass in &passes {
                let one = Projecting { target, model, deployment: &deployment, arguments };
                found.push(one.onto(pass, source)?);
            }
        }
    }
    if found.iter().all(|one| one.projection.parts.is_empty()) {
        let reasons = found.iter().flat_map(|one| &one.projection.missing);
        let first = reasons.clone().next().map_or(String::new(), |reason| format!(": {reason}"));
        return Err(Error::usage_hint(
            format!("no row can be used to project {}{first}", model.name),
            format!("`portamark run \"model:{text}\"` measures the cases that it needs"),
        ));
    }
    if arguments.compare.is_empty() {
        print(&if arguments.json { json(&found) } else { projections(&found) })?;
    } else {
        let passes = ranked_passes(&found, arguments)?;
        print(&if arguments.json { json(&passes) } else { ranking_table(&passes) })?;
        if let Some(path) = &arguments.output {
            write_chart(&passes, path)?;
        }
    }
    none_is_estimated(&found, &targets, text)?;
    none_fits(&found, &models, &deployment)
}

/// Reads what compilers made of kernels.
fn compiled_cells(path: &Path) -> Result<Vec<Cell>> {
    let cells = load_inspections(&[path.to_path_buf()])?.cells;
    if cells.is_empty() {
        return Err(Error::usage_hint(
            format!("{} holds no compiled kernels", path.display()),
            "`portamark inspect MODEL --target CHIP --format json -o FILE` writes them",
        ));
    }
    Ok(cells)
}

/// Returns the source of efficiencies for predictions, if one was given.
fn source<'c, 'a>(
    arguments: &Arguments,
    comparison: &'c Comparison<'a>,
    given: Option<&'c GivenEfficiencies>,
) -> Result<Option<EfficiencySource<'c, 'a>>> {
    let predicts = !(arguments.predict.is_empty() && arguments.compare.is_empty());
    if !predicts && (arguments.like.is_some() || given.is_some()) {
        return Err(Error::usage_hint(
            "--like and --efficiency apply to predictions only",
            "--predict NAME predicts for an accelerator of the catalogue, --compare A,B for several",
        ));
    }
    let Some(name) = &arguments.like else { return Ok(given.map(EfficiencySource::Given)) };
    let device = &comparison.devices[choose_devices(comparison, std::slice::from_ref(name))?[0]];
    if Target::Measured(device).accelerator().is_none_or(|row| row.bandwidth_gbs.is_none()) {
        return Err(Error::usage_hint(
            format!("no peak is published for {}, so it has no efficiency to apply", device.label),
            "take a device of `portamark catalog`, or give --efficiency 0.4..0.7",
        ));
    }
    Ok(Some(EfficiencySource::Like(device)))
}

fn json(found: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(found).expect("projections are plain data") + "\n"
}

/// Reads the given files, or the default folder, which may be missing for a prediction.
fn files(arguments: &Arguments) -> Vec<PathBuf> {
    let default = PathBuf::from(DEFAULT_RESULTS);
    let predicts = !(arguments.predict.is_empty() && arguments.compare.is_empty());
    match &arguments.results[..] {
        [] if predicts && arguments.like.is_none() && !default.exists() => Vec::new(),
        [] => vec![default],
        given => given.to_vec(),
    }
}

/// Returns the requested devices and models, each once, in the order given.
fn choose<'c, 'a>(
    arguments: &Arguments,
    comparison: &'c Comparison<'a>,
    model: &'static Model,
) -> Result<(Vec<Target<'c, 'a>>, Vec<&'static Model>)> {
    let (mut targets, mut models) = (Vec::new(), vec![model]);
    let all = || comparison.devices.iter().map(Target::Measured).collect::<Vec<_>>();
    if !arguments.predict.is_empty() {
        for name in &arguments.predict {
            targets.push(Target::Predicted(predicted(name)?));
        }
    } else if !arguments.compare.is_empty() {
        for text in &arguments.compare {
            match word(comparison, text)? {
                Word::Target(target) => targets.push(target),
                Word::Model(model) => models.push(model),
            }
        }
        if targets.is_empty() {
            targets = all();
        }
    } else if arguments.device.is_empty() {
        targets = all();
    } else {
        let chosen = choose_devices(comparison, &arguments.device).map_err(|error| {
            let predictable = arguments.device.iter().find_map(|name| Catalog::embedded().named(name));
            match (error, predictable) {
                (Error::Library(Library::Refused { message, hint: Some(hint) }), Some(row)) => {
                    Error::usage_hint(
                        message,
                        format!("{hint}; --predict {} predicts from published figures", row.id),
                    )
                }
                (error, _) => error,
            }
        })?;
        targets = chosen.into_iter().map(|device| Target::Measured(&comparison.devices[device])).collect();
    }
    let labels: Vec<(bool, String)> =
        targets.iter().map(|target| (matches!(target, Target::Predicted(_)), target.label())).collect();
    if let Some(again) = (1..labels.len()).find(|place| labels[..*place].contains(&labels[*place])) {
        return Err(Error::usage(format!("{} is named a second time", labels[again].1)));
    }
    if let Some(again) = (1..models.len()).find(|place| models[..*place].contains(&models[*place])) {
        return Err(Error::usage(format!("the model {} is named a second time", models[again].name)));
    }
    if targets.is_empty() {
        return Err(Error::usage_hint(
            "the result files contain no device",
            "`portamark run` measures one; --predict NAME needs none",
        ));
    }
    Ok((targets, models))
}

/// A model to project on a device.
struct Projecting<'p, 'c, 'a> {
    target: &'p Target<'c, 'a>,
    model: &'p Model,
    deployment: &'p Deployment,
    arguments: &'p Arguments,
}

impl Projecting<'_, '_, '_> {
    fn onto(&self, pass: &Pass, source: Option<EfficiencySource>) -> Result<ModelOnDevice> {
        let Projecting { target, model, deployment, arguments } = self;
        let projection = target.project(pass, source)?;
        let of_layers: Vec<&str> = pass.layer_parts(model).map(|part| part.name.as_str()).collect();
        let in_layers = projection.parts.iter().filter(|part| of_layers.contains(&part.name.as_str()));
        let layer_s = in_layers.map(|part| part.total_s()).sum::<f64>() / model.num_layers as f64;
        // All devices that share the model are paid for and draw power.
        let devices = deployment.tensor_parallel as f64;
        let price_per_hour = value(&arguments.price, target).map(|price| price * devices);
        let rate = projection.tokens_per_s;
        let power = Power::of(
            value(&arguments.power, target),
            target.measured_power(&projection),
            target.accelerator(),
        );
        let energy = power.zip(rate).map(|(power, rate)| EnergyOfTokens {
            kwh_per_million: kwh_per_million(power.watts * devices, rate),
            watts: power.watts * devices,
            basis: power.basis,
        });
        Ok(ModelOnDevice {
            device: target.label(),
            model: model.name.clone(),
            layers: model.num_layers,
            layer_s,
            memory: deployment.memory(model, pass.batch, pass.context)?,
            device_memory_bytes: target.memory_bytes(),
            price_per_hour,
            price_per_million: price_per_hour.zip(rate).map(|(hour, rate)| price_per_million(hour, rate)),
            energy,
            chain: target.chain(model, pass, &projection),
            projection,
        })
    }
}

/// Ranks the projections of each pass.
fn ranked_passes(found: &[ModelOnDevice], arguments: &Arguments) -> Result<Vec<RankedPass>> {
    let criterion = match arguments.by {
        By::Speed => Criterion::Speed,
        By::Price => Criterion::Price,
        By::Energy => Criterion::Energy,
    };
    let mut passes: Vec<(&str, u64, u64)> = Vec::new();
    for one in found {
        let pass = (one.projection.phase.as_str(), one.projection.batch, one.projection.context);
        if !passes.contains(&pass) {
            passes.push(pass);
        }
    }
    let mut ranked_passes = Vec::new();
    for (phase, batch, context) in passes {
        let of_pass = |one: &&ModelOnDevice| {
            let projection = &one.projection;
            (projection.phase.as_str(), projection.batch, projection.context) == (phase, batch, context)
        };
        let (mut ranked, mut unranked) = (Vec::new(), Vec::new());
        for one in found.iter().filter(of_pass) {
            match no_place(one) {
                None => ranked.push(one.clone()),
                Some(reason) => {
                    unranked.push(Unranked { model: one.model.clone(), device: one.device.clone(), reason });
                }
            }
        }
        let first_on = |device: &str| ranked.iter().position(|one: &ModelOnDevice| one.device == device);
        let candidates: Vec<Candidate> = ranked
            .iter()
            .map(|one| {
                let device = first_on(&one.device).unwrap_or(0);
                let per_second = per_second(one, criterion)?;
                Ok(Candidate { projection: &one.projection, per_second, device })
            })
            .collect::<Result<_>>()?;
        let ranking = rank(&candidates, arguments.draws, arguments.seed);
        let phase = phase.to_string();
        ranked_passes.push(RankedPass { phase, batch, context, criterion, ranked, unranked, ranking });
    }
    Ok(ranked_passes)
}

/// Returns the value by which `criterion` ranks `one`.
fn per_second(one: &ModelOnDevice, criterion: Criterion) -> Result<f64> {
    let missing = |what: &str, flag: &str| {
        Error::usage_hint(
            format!("the {what} of {} is unknown, and the ranking needs it", one.device),
            format!("give it with {flag}"),
        )
    };
    match criterion {
        Criterion::Speed => Ok(1.0),
        Criterion::Price => one.price_per_hour.ok_or_else(|| missing("price", "--price NAME=2.0/h")),
        Criterion::Energy => {
            one.energy.map(|energy| energy.watts).ok_or_else(|| missing("power", "--power NAME=400W"))
        }
    }
}

/// Returns the reason why a projection cannot be ranked.
fn no_place(one: &ModelOnDevice) -> Option<String> {
    if let (Some(false), Some(has)) = (one.fits(), one.device_memory_bytes) {
        return Some(format!("needs {} and has {}", units::memory(one.memory.total()), units::memory(has)));
    }
    let missing = &one.projection.missing;
    let more = missing.len().saturating_sub(1);
    let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    match one.projection.tokens_per_s {
        Some(_) => None,
        None => {
            Some(missing.first().map_or("no estimate is given".into(), |reason| format!("{reason}{more}")))
        }
    }
}

fn write_chart(passes: &[RankedPass], path: &Path) -> Result<()> {
    let figure = ranking_chart(passes).map_err(|absent| Error::usage(format!("no chart: {}", absent.why)))?;
    write_figure(path, &figure.standalone())
}
