//! `nbhoist plan`.

mod view;

use nbhoist_analyzer::After;
use nbhoist_analyzer::report::Plan;

use crate::args::PlanArgs;
use crate::error::{Exit, Failure};
use crate::terminal::Terminal;
use crate::{analysis, cells, input, json};

pub(crate) use view::plan as view;

pub(crate) fn plan(args: &PlanArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let input = input::read(&args.notebook)?;
    let settings = analysis::settings(&input.folder(), terminal.quiet)?;
    let block = cells::block(&args.block, &input.notebook).map_err(|failure| failure.at(input.name()))?;
    let analysis = analysis::analyze(&input, &settings);
    let name = input.name();
    let after = if args.interactive { After::Anything } else { After::FollowingCells };
    if let Some(cells) = block {
        let plan = analysis.plan(&cells, after);
        if terminal.is_json() {
            terminal.print_json(&json::plan(&name, &plan))?;
        } else {
            terminal.print(&view(&name, &input.notebook, &plan, terminal.verbose > 0))?;
        }
        return Ok(exit(&plan));
    }
    let plans = analysis.plans();
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

/// A block that must not move makes the command fail.
fn exit(plan: &Plan) -> Exit {
    if plan.refusal.is_some() { Exit::Findings } else { Exit::Success }
}
