//! `nbhoist plan`.

mod view;

use nbhoist_analyzer::After;
use nbhoist_analyzer::report::{Because, Decision, Plan};
use nbhoist_settings::Settings;

use crate::analysis::Asked;
use crate::args::PlanArgs;
use crate::error::{Exit, Failure};
use crate::terminal::Terminal;
use crate::{analysis, cells, executors, input, json, remember};

pub(crate) use view::plan as view;

pub(crate) fn plan(args: &PlanArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let input = input::read(&args.notebook)?;
    let settings = analysis::settings(&input.folder(), terminal.quiet)?;
    let block = cells::block(&args.block, &input.notebook).map_err(|failure| failure.at(input.name()))?;
    let measurements = remember::measurements(&input, &settings);
    let analysis = analysis::analyze_for(&input, &settings, Asked { on: Some(&args.on), measurements, ..Asked::default() });
    let name = input.name();
    let after = if args.interactive { After::Anything } else { After::FollowingCells };
    if let Some(cells) = block {
        let mut plan = analysis.plan(&cells, after);
        choose(&mut plan, &args.on, &settings).map_err(|failure| failure.at(input.name()))?;
        if terminal.is_json() {
            terminal.print_json(&json::plan(&name, &plan))?;
        } else {
            terminal.print(&view(&name, &input.notebook, &plan, terminal.verbose > 0))?;
        }
        return Ok(exit(&plan));
    }
    let mut plans = analysis.plans();
    for plan in &mut plans {
        choose(plan, &args.on, &settings).map_err(|failure| failure.at(input.name()))?;
    }
    if terminal.is_json() {
        terminal.print_json(&json::plans(&name, &plans))?;
    } else if plans.is_empty() {
        terminal.print("No block of this notebook is known to be worth moving.\nName one with --cells, for example --cells 8-10.\n")?;
    } else {
        let shown: Vec<String> = plans.iter().map(|plan| view(&name, &input.notebook, plan, terminal.verbose > 0)).collect();
        terminal.print(&shown.join("\n"))?;
    }
    Ok(Exit::Success)
}

/// Puts the user's choice in the place of the plan's own. A refusal stands whatever was chosen.
fn choose(plan: &mut Plan, on: &str, settings: &Settings) -> Result<(), Failure> {
    if on == "auto" {
        return Ok(());
    }
    if on != "here" {
        executors::named(on, settings)?;
    }
    if plan.refusal.is_none() {
        let cell = plan.cells.first().copied().unwrap_or(1);
        // What the analysis thought of the place stays worth reading.
        let mut because = vec![Because { text: "chosen with --on".to_owned(), cell, start: 0, end: 0 }];
        because.append(&mut plan.decision.because);
        plan.decision = Decision { executor: on.to_owned(), gain: gain(plan, on), because };
    }
    Ok(())
}

/// A block that must not move makes the command fail.
fn exit(plan: &Plan) -> Exit {
    if plan.refusal.is_some() { Exit::Findings } else { Exit::Success }
}

/// How many times as fast as here a place is for the block, when both times are known.
fn gain(plan: &Plan, on: &str) -> Option<f64> {
    let total = |name: &str| {
        let estimate = plan.estimates.iter().find(|estimate| estimate.executor == name)?;
        [estimate.seconds, estimate.transfer_in, estimate.transfer_out, estimate.overhead].into_iter().sum::<Option<f64>>()
    };
    total("here").zip(total(on)).map(|(here, there)| here / there).filter(|gain| on != "here" && gain.is_finite())
}
