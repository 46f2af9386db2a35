//! Commands and requests beyond LSP: reading their parameters, and answering them.

use std::path::Path;
use std::sync::Arc;

use nbhoist_analyzer::picture;
use nbhoist_executor::executors::probe;
use nbhoist_settings::Settings;
use serde_json::{Value, json};

use crate::document::{Source, Uri};
use crate::error::Fault;
use crate::methods::{command, request};
use crate::outbox::{Notice, Outgoing};
use crate::run::{self, Block, Here};
use crate::session::Session;
use crate::snapshot::Snapshot;
use crate::{blocks, json, jupyter, status};

impl Session {
    /// Answers a command.
    ///
    /// # Errors
    /// When it is not known, its argument makes no sense, or it fails.
    pub(crate) async fn command(self: &Arc<Self>, name: &str, argument: &Value) -> Result<Value, Fault> {
        match name {
            command::MIGRATE => self.migrate(argument).await,
            command::CANCEL => {
                let job = argument.get("job").and_then(Value::as_str).ok_or_else(|| Fault::parameter("job", "the name of a job"))?;
                Ok(json!({ "cancelled": self.jobs.cancel(job) }))
            }
            command::PLAN => self.plan(argument).await,
            command::GRAPH => self.graph(argument).await,
            command::ATTACH_KERNEL => {
                let file = argument.get("connectionFile").and_then(Value::as_str);
                let file = file.ok_or_else(|| Fault::parameter("connectionFile", "a path"))?;
                self.attach_kernel(&notebook(argument)?, Path::new(file)).await
            }
            other => Err(Fault::Parameters(format!("there is no command `{other}`"))),
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// When its parameters make no sense, or it fails.
    pub(crate) async fn request(self: &Arc<Self>, name: &str, params: &Value) -> Result<Value, Fault> {
        match name {
            request::CELL_STATUS => self.cell_status(&notebook(params)?).await,
            request::EXECUTORS => self.executors(params).await,
            request::PROBE => self.probe(params).await,
            request::FIND_KERNEL => self.find_kernel(&notebook(params)?, server(params)).await,
            request::START_KERNEL => {
                let python = params.get("python").and_then(Value::as_str).filter(|path| !path.is_empty());
                self.start_kernel(&notebook(params)?, python.map(Path::new)).await
            }
            request::EXECUTE => self.execute(params).await,
            request::INTERRUPT => {
                let slot = self.kernels.slot(&notebook(params)?);
                slot.interrupt();
                Ok(slot.describe())
            }
            request::RESTART => self.restart_kernel(&notebook(params)?).await,
            request::SHUTDOWN_KERNEL => Ok(self.shutdown_kernel(&notebook(params)?).await),
            request::DECIDE => self.decide(&notebook(params)?, params.get("cell").unwrap_or(&Value::Null)).await,
            request::UNDO => self.undo(&notebook(params)?).await,
            request::KERNEL => Ok(self.kernels.slot(&notebook(params)?).describe()),
            other => Err(Fault::Parameters(format!("there is no request `{other}`"))),
        }
    }

    /// Takes the report of an ordinary run. Waits for nothing: right behind the report the cell may go.
    pub(crate) fn cell_executed(self: &Arc<Self>, params: &Value) {
        let Ok(uri) = notebook(params) else { return };
        let time = |key: &str| params.get(key).and_then(Value::as_f64);
        let (Some(start), Some(end)) = (time("start"), time("end")) else { return };
        let ok = params.get("success").and_then(Value::as_bool).unwrap_or(false);
        let Some(source) = self.source(&uri) else { return };
        let cell = params.get("cell").and_then(|cell| source.cell(number(&source, cell)?));
        if let Some((cell, _)) = cell {
            self.note_run(&source, cell.number, &cell.source, (end - start) / 1000.0, ok);
        }
    }

    /// The job has its name and its place in the queue before anything is waited for: it can be cancelled from the first moment on, and
    /// nothing that was asked for later runs before it.
    async fn migrate(self: &Arc<Self>, argument: &Value) -> Result<Value, Fault> {
        let uri = notebook(argument)?;
        let executor = argument.get("executor").and_then(Value::as_str);
        let executor = executor.ok_or_else(|| Fault::parameter("executor", "the name of an executor"))?;
        let job = self.jobs.begin(job(argument))?;
        let name = job.name().to_owned();
        let ticket = self.kernels.slot(&uri).queue();
        let snapshot = self.snapshot(&uri).await?;
        let executor = snapshot.settings.drivable(executor).map_err(Fault::failed)?;
        let cells = cells(&snapshot, argument)?;
        let force = argument.get("force").and_then(Value::as_bool).unwrap_or(false);
        let undoable = argument.get("undoable").and_then(Value::as_bool).unwrap_or(false);
        let (known, block) = (Arc::clone(&snapshot), cells.clone());
        let (session, name_of_place) = (Arc::clone(self), executor.name.clone());
        let (plan, stay) = self
            .pool
            .run(move || {
                let stay = if let [cell] = block[..] { session.lives.stay(&known, cell, &name_of_place) } else { None };
                (known.plan(&block), stay)
            })
            .await?;
        self.begin_migration(Block { snapshot, cells, plan, executor, force, undoable, stay }, job, ticket)?;
        Ok(json!({ "job": name }))
    }

    async fn execute(self: &Arc<Self>, params: &Value) -> Result<Value, Fault> {
        let uri = notebook(params)?;
        let job = self.jobs.begin(job(params))?;
        let name = job.name().to_owned();
        let ticket = self.kernels.slot(&uri).queue();
        let snapshot = self.snapshot(&uri).await?;
        let cell = params.get("cell").and_then(|cell| number(&snapshot.source, cell));
        let cell = cell.ok_or_else(|| Fault::parameter("cell", "the URI or the number of a cell"))?;
        let own = || snapshot.source.cell(cell).map(|(cell, _)| cell.source.clone()).unwrap_or_default();
        let source = params.get("source").and_then(Value::as_str).map_or_else(own, str::to_owned);
        self.begin_execution(Here { snapshot, cell, source }, job, ticket);
        Ok(json!({ "job": name }))
    }

    async fn plan(self: &Arc<Self>, argument: &Value) -> Result<Value, Fault> {
        let uri = notebook(argument)?;
        let snapshot = self.snapshot(&uri).await?;
        let cells = cells(&snapshot, argument)?;
        let block = cells.clone();
        let (plan, text) = self
            .pool
            .run(move || {
                let plan = snapshot.plan(&block);
                let text = blocks::explain(&snapshot, &plan);
                (plan, text)
            })
            .await?;
        if argument.get("show").and_then(Value::as_bool).unwrap_or(false) {
            if self.abilities().show_plan {
                self.outbox.notice(Notice::ShowPlan, json!({ "notebook": &*uri, "cells": cells, "text": text }));
            } else {
                self.outbox.send(Outgoing::Message { bad: false, text: text.clone() });
            }
        }
        let mut value = json::plan(&uri, &plan);
        value["text"] = text.into();
        value["executor"] = argument.get("executor").cloned().unwrap_or_default();
        Ok(value)
    }

    async fn graph(self: &Arc<Self>, argument: &Value) -> Result<Value, Fault> {
        let uri = notebook(argument)?;
        let format = argument.get("format").and_then(Value::as_str).unwrap_or("json").to_owned();
        let snapshot = self.snapshot(&uri).await?;
        let drawn = move || {
            let costs = snapshot.costs();
            let picture = picture::Picture::new(&snapshot.source.notebook, &snapshot.analysis, &costs);
            if format == "json" {
                return Some(graph_json(&snapshot, &picture));
            }
            let title = snapshot.source.uri.rsplit('/').next().unwrap_or_default();
            let text = picture.render(picture::Format::from_word(&format)?, title);
            Some(json!({ "format": format, "text": text }))
        };
        let drawn = self.pool.run(drawn).await?;
        drawn.ok_or_else(|| Fault::parameter("format", "`json`, `svg`, `html`, `dot` or `mermaid`"))
    }

    async fn cell_status(self: &Arc<Self>, uri: &Uri) -> Result<Value, Fault> {
        let snapshot = self.snapshot(uri).await?;
        let session = Arc::clone(self);
        let hints = self.options().hints(&snapshot.settings);
        let all = move || {
            let costs = snapshot.costs();
            let measured = |number: u32| {
                let cost = costs.get(number as usize - 1).cloned().unwrap_or(nbhoist_analyzer::report::Cost::unknown());
                (cost, session.last_moved(&snapshot, number))
            };
            status::all(&snapshot, measured, hints)
        };
        Ok(self.pool.run(all).await?)
    }

    /// Where a cell last ran, when that was elsewhere.
    pub(crate) fn last_moved(&self, snapshot: &Snapshot, number: u32) -> Option<crate::cost::Moved> {
        let (cell, _) = snapshot.source.cell(number)?;
        self.measured().last_moved(&snapshot.source.uri, &status::key(&snapshot.source, number), &cell.source).cloned()
    }

    /// The settings of the notebook that a request names; of the user alone where it names none.
    async fn settings_of(self: &Arc<Self>, params: &Value) -> Result<Arc<Settings>, Fault> {
        let notebook = params.get("notebook").and_then(Value::as_str).unwrap_or_default().to_owned();
        let session = Arc::clone(self);
        Ok(self.pool.run(move || session.load_settings(&notebook)).await?)
    }

    async fn executors(self: &Arc<Self>, params: &Value) -> Result<Value, Fault> {
        let settings = self.settings_of(params).await?;
        let executors = settings.executors.values().map(|place| {
            let problem = place.drivable().err().map(|error| error.to_string());
            json!({
                "name": place.name,
                "backend": place.backend.as_str(),
                "description": place.describe(),
                "usable": problem.is_none(),
                "problem": problem,
            })
        });
        Ok(json!({ "executors": executors.collect::<Vec<_>>() }))
    }

    async fn probe(self: &Arc<Self>, params: &Value) -> Result<Value, Fault> {
        self.trusted()?;
        let name = params.get("executor").and_then(Value::as_str);
        let name = name.ok_or_else(|| Fault::parameter("executor", "the name of an executor"))?;
        let settings = self.settings_of(params).await?;
        let executor = settings.drivable(name).map_err(Fault::failed)?;
        let here = match &executor.python {
            Some(python) => python.clone(),
            None => run::python_here(self.options().python.as_deref()).await?,
        };
        let found = probe(&executor, &here).await.map_err(Fault::failed)?;
        if settings.history {
            let is_here = executor.backend == nbhoist_executor::executors::BackendConfig::Local;
            self.remembered.know((!is_here).then_some(name), &found.known());
        }
        Ok(json!({
            "executor": name,
            "python": found.python,
            "ipython": found.ipython,
            "packages": found.packages,
            "processors": found.processors,
            "memory": found.memory,
            "disk": found.disk,
            "start": found.start,
            "latency": found.latency,
            "bandwidth": found.bandwidth,
            "work": found.work,
            "speed": found.speed(),
        }))
    }
}

fn graph_json(snapshot: &Snapshot, picture: &picture::Picture) -> Value {
    let nodes = picture.nodes.iter().map(|node| {
        let id = snapshot.source.cell(node.cell).map(|(cell, place)| (place.uri.to_string(), cell.id.clone()));
        let (uri, id) = id.unwrap_or_default();
        json!({
            "number": node.cell,
            "uri": uri,
            "id": id,
            "title": node.title,
            "heading": node.heading,
            "layer": node.layer,
            "seconds": node.seconds,
            "heavy": node.heavy,
            "block": node.block,
            "defines": node.defines,
            "reads": node.reads,
        })
    });
    let edges = snapshot.analysis.edges().iter();
    let edges = edges.map(|edge| json!({ "from": edge.from, "to": edge.to, "names": edge.names, "kind": edge.kind.as_str() }));
    json!({ "format": "json", "nodes": nodes.collect::<Vec<_>>(), "edges": edges.collect::<Vec<_>>() })
}

/// The notebook that a request is about.
fn notebook(params: &Value) -> Result<Uri, Fault> {
    let uri = params.get("notebook").and_then(Value::as_str);
    uri.map(Arc::from).ok_or_else(|| Fault::parameter("notebook", "the URI of an open notebook"))
}

fn job(params: &Value) -> Option<String> {
    params.get("job").and_then(Value::as_str).map(str::to_owned)
}

fn server(params: &Value) -> Option<jupyter::Server> {
    let server = params.get("server").filter(|server| !server.is_null())?;
    let text = |key: &str| server.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(jupyter::Server { url: text("url")?, token: text("token").unwrap_or_default(), root: None })
}

/// The number of a cell that is given by its document's URI, its id or its number.
pub(crate) fn number(source: &Source, cell: &Value) -> Option<u32> {
    if let Some(number) = cell.as_u64() {
        let number = u32::try_from(number).ok()?;
        return source.cell(number).map(|(cell, _)| cell.number);
    }
    let name = cell.as_str()?;
    let by_uri = source.places.iter().position(|place| &*place.uri == name && !source.is_script);
    let by_id = || source.notebook.cells.iter().position(|cell| cell.id.as_deref() == Some(name));
    by_uri.or_else(by_id).map(|index| index as u32 + 1)
}

/// The code cells of a block, ascending.
fn cells(snapshot: &Snapshot, params: &Value) -> Result<Vec<u32>, Fault> {
    let wanted = || Fault::parameter("cells", "a list of URIs or numbers of cells of this notebook");
    let list = params.get("cells").and_then(Value::as_array).ok_or_else(wanted)?;
    let mut numbers = list.iter().map(|cell| number(&snapshot.source, cell).ok_or_else(wanted)).collect::<Result<Vec<_>, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    let cells = snapshot.runnable(numbers);
    if cells.is_empty() {
        return Err(Fault::Parameters("none of these cells holds code to run; choose others".to_owned()));
    }
    Ok(cells)
}
