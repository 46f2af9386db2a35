//! Between the protocol's types and ours. Only this module, `deliver`, `reading` and `server` name the protocol's types.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::Arc;

use nbhoist_analyzer::finding::Severity;
use nbhoist_analyzer::notebook::Host;
use serde_json::{Value, json};
use tower_lsp_server::jsonrpc;
use tower_lsp_server::ls_types as lsp;

use crate::actions::Action;
use crate::document::{Edit, NotebookChange, OpenCell, OpenNotebook, OpenText, Splice, Uri};
use crate::encoding::{Encoding, Position, Span};
use crate::error::Fault;
use crate::methods::command;
use crate::options::Abilities;
use crate::problems::Problem;
use crate::snapshot::Snapshot;
use crate::status;

/// What every diagnostic says it comes from.
const SOURCE: &str = "nbhoist";

pub(crate) fn uri(uri: &lsp::Uri) -> Uri {
    Arc::from(uri.as_str())
}

/// `None` for what is no URI; it came from a client that takes it for one, so this is not reached.
pub(crate) fn lsp_uri(uri: &str) -> Option<lsp::Uri> {
    lsp::Uri::from_str(uri).ok()
}

pub(crate) fn position(position: lsp::Position) -> Position {
    Position { line: position.line, column: position.character }
}

pub(crate) fn lsp_position(position: Position) -> lsp::Position {
    lsp::Position { line: position.line, character: position.column }
}

pub(crate) fn range(span: Span) -> lsp::Range {
    lsp::Range { start: lsp_position(span.start), end: lsp_position(span.end) }
}

pub(crate) fn edits(changes: Vec<lsp::TextDocumentContentChangeEvent>) -> Vec<Edit> {
    let edit = |change: lsp::TextDocumentContentChangeEvent| Edit {
        range: change.range.map(|range| (position(range.start), position(range.end))),
        text: change.text,
    };
    changes.into_iter().map(edit).collect()
}

pub(crate) fn text(item: lsp::TextDocumentItem) -> (Uri, OpenText) {
    let open = OpenText { version: item.version, language: item.language_id, text: Arc::from(item.text) };
    (uri(&item.uri), open)
}

pub(crate) fn notebook(params: lsp::DidOpenNotebookDocumentParams) -> (Uri, OpenNotebook) {
    let open = OpenNotebook {
        cells: params.notebook_document.cells.iter().map(cell).collect(),
        texts: params.cell_text_documents.into_iter().map(text).collect(),
        ignored: ignored(params.notebook_document.metadata.as_ref()),
        host: host(params.notebook_document.metadata.as_ref()),
    };
    (uri(&params.notebook_document.uri), open)
}

/// `nbhoist.ignore` in metadata; VS Code puts nbformat's metadata under `metadata`, older versions under `custom`.
fn ignored(metadata: Option<&lsp::LSPObject>) -> Vec<String> {
    let own = metadata.and_then(|metadata| metadata.get("metadata").or_else(|| metadata.get("custom")?.get("metadata")));
    let own = own.and_then(|inner| inner.get("nbhoist")).or_else(|| metadata?.get("nbhoist"));
    let list = own.and_then(|own| own.get("ignore")).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Where the notebook last ran, as its metadata say.
fn host(metadata: Option<&lsp::LSPObject>) -> Host {
    let inner = metadata.and_then(|metadata| metadata.get("metadata").or_else(|| metadata.get("custom")?.get("metadata")));
    let get = |name: &str| inner.and_then(|inner| inner.get(name)).or_else(|| metadata?.get(name));
    let named = get("accelerator").and_then(Value::as_str).is_some_and(|name| matches!(name, "GPU" | "TPU"));
    let gpu = get("kaggle").and_then(|kaggle| kaggle.get("isGpuEnabled")).and_then(Value::as_bool);
    let version = get("language_info").and_then(|info| info.get("version")).and_then(Value::as_str);
    Host {
        accelerator: named || gpu == Some(true),
        hosted: get("colab").is_some(),
        batch: get("kaggle").is_some() || get("papermill").is_some(),
        python: version.map_or(0, Host::python_of),
    }
}

/// VS Code puts nbformat's metadata under `metadata.metadata` and the id beside it; older versions both under `metadata.custom`.
fn cell(cell: &lsp::NotebookCell) -> OpenCell {
    let metadata = cell.metadata.as_ref();
    let custom = metadata.and_then(|metadata| metadata.get("custom")).and_then(Value::as_object);
    let places = [metadata, custom];
    let id = places.into_iter().flatten().find_map(|place| place.get("id")?.as_str());
    let tags = places.into_iter().flatten().find_map(|place| {
        let inner = place.get("metadata").and_then(|inner| inner.get("tags"));
        inner.or_else(|| place.get("tags"))?.as_array()
    });
    OpenCell {
        uri: uri(&cell.document),
        markup: cell.kind == lsp::NotebookCellKind::MARKUP,
        id: id.filter(|id| !id.is_empty()).map(str::to_owned),
        tags: tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        ignored: ignored(metadata),
    }
}

pub(crate) fn change(change: lsp::NotebookDocumentChangeEvent) -> NotebookChange {
    let ignored = change.metadata.as_ref().map(|metadata| ignored(Some(metadata)));
    let Some(cells) = change.cells else { return NotebookChange { ignored, ..NotebookChange::default() } };
    let splice = cells.structure.map(|structure| Splice {
        start: structure.array.start as usize,
        deleted: structure.array.delete_count as usize,
        cells: structure.array.cells.iter().flatten().map(cell).collect(),
        opened: structure.did_open.into_iter().flatten().map(text).collect(),
        closed: structure.did_close.iter().flatten().map(|closed| uri(&closed.uri)).collect(),
    });
    let texts = cells.text_content.into_iter().flatten();
    NotebookChange {
        splice,
        ignored,
        data: cells.data.iter().flatten().map(cell).collect(),
        texts: texts.map(|content| (uri(&content.document.uri), content.document.version, edits(content.changes))).collect(),
    }
}

pub(crate) fn abilities(client: &lsp::ClientCapabilities) -> Abilities {
    let offered = client.general.as_ref().and_then(|general| general.position_encodings.as_ref());
    let words: Vec<Value> = offered.into_iter().flatten().filter_map(|kind| serde_json::to_value(kind).ok()).collect();
    let own = client.experimental.as_ref().and_then(|experimental| experimental.get("nbhoist"));
    let has = |key: &str| own.and_then(|own| own.get(key)).and_then(Value::as_bool).unwrap_or(false);
    let workspace = client.workspace.as_ref();
    let hints = workspace.and_then(|workspace| workspace.inlay_hint.as_ref()).and_then(|hints| hints.refresh_support);
    let lenses = workspace.and_then(|workspace| workspace.code_lens.as_ref()).and_then(|lenses| lenses.refresh_support);
    let diagnostics = workspace.and_then(|workspace| workspace.diagnostics.as_ref()).and_then(|pull| pull.refresh_support);
    Abilities {
        encoding: Encoding::choose(words.iter().filter_map(Value::as_str)),
        pull: client.text_document.as_ref().is_some_and(|documents| documents.diagnostic.is_some()),
        notebook_pull: has("notebookPull"),
        show_plan: has("showPlan"),
        kernel: has("kernel"),
        refresh_hints: hints.unwrap_or(false),
        refresh_lenses: lenses.unwrap_or(false),
        refresh_diagnostics: diagnostics.unwrap_or(false),
    }
}

pub(crate) fn capabilities(abilities: Abilities) -> lsp::ServerCapabilities {
    // The filter types of this version of the types crate write `notebook_type`; the plain string is right.
    let notebook = lsp::Notebook::String("jupyter-notebook".to_owned());
    let cells = vec![lsp::NotebookCellSelector { language: "*".to_owned() }];
    let selector = vec![lsp::NotebookSelector::ByNotebook { notebook, cells: Some(cells) }];
    let sync = lsp::TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(lsp::TextDocumentSyncKind::INCREMENTAL),
        save: Some(lsp::TextDocumentSyncSaveOptions::Supported(true)),
        ..lsp::TextDocumentSyncOptions::default()
    };
    let kinds = vec![lsp::CodeActionKind::QUICKFIX, lsp::CodeActionKind::REFACTOR];
    let actions = lsp::CodeActionOptions { code_action_kinds: Some(kinds), ..lsp::CodeActionOptions::default() };
    let commands = command::ALL.iter().map(|name| (*name).to_owned()).collect();
    let pull = lsp::DiagnosticOptions {
        identifier: Some(SOURCE.to_owned()),
        // An edit in one cell changes what is wrong in another.
        inter_file_dependencies: true,
        ..lsp::DiagnosticOptions::default()
    };
    lsp::ServerCapabilities {
        position_encoding: Some(lsp::PositionEncodingKind::new(abilities.encoding.as_str())),
        text_document_sync: Some(lsp::TextDocumentSyncCapability::Options(sync)),
        notebook_document_sync: Some(lsp::OneOf::Left(lsp::NotebookDocumentSyncOptions { notebook_selector: selector, save: Some(true) })),
        hover_provider: Some(lsp::HoverProviderCapability::Simple(true)),
        code_action_provider: Some(lsp::CodeActionProviderCapability::Options(actions)),
        code_lens_provider: Some(lsp::CodeLensOptions { resolve_provider: Some(false) }),
        execute_command_provider: Some(lsp::ExecuteCommandOptions { commands, ..lsp::ExecuteCommandOptions::default() }),
        inlay_hint_provider: Some(lsp::OneOf::Left(true)),
        diagnostic_provider: abilities.pull.then_some(lsp::DiagnosticServerCapabilities::Options(pull)),
        experimental: Some(json!({ "nbhoist": { "protocol": 1 } })),
        ..lsp::ServerCapabilities::default()
    }
}

pub(crate) fn diagnostic(problem: &Problem) -> lsp::Diagnostic {
    let related = problem.related.iter().filter_map(|(uri, span, message)| {
        let location = lsp::Location { uri: lsp_uri(uri)?, range: range(*span) };
        Some(lsp::DiagnosticRelatedInformation { location, message: message.clone() })
    });
    let related: Vec<_> = related.collect();
    lsp::Diagnostic {
        range: range(problem.span),
        severity: Some(match problem.severity {
            Severity::Error => lsp::DiagnosticSeverity::ERROR,
            Severity::Warning => lsp::DiagnosticSeverity::WARNING,
            Severity::Info => lsp::DiagnosticSeverity::INFORMATION,
        }),
        code: Some(lsp::NumberOrString::String(problem.code.to_owned())),
        code_description: problem.page.as_deref().and_then(lsp_uri).map(|href| lsp::CodeDescription { href }),
        source: Some(SOURCE.to_owned()),
        message: problem.message.clone(),
        related_information: (!related.is_empty()).then_some(related),
        tags: None,
        data: None,
    }
}

pub(crate) fn hover(text: String, span: Span) -> lsp::Hover {
    let markup = lsp::MarkupContent { kind: lsp::MarkupKind::Markdown, value: text };
    lsp::Hover { contents: lsp::HoverContents::Markup(markup), range: Some(range(span)) }
}

pub(crate) fn lens(place: Span, title: String, command: &str, argument: Value) -> lsp::CodeLens {
    let command = lsp::Command { title, command: command.to_owned(), arguments: Some(vec![argument]) };
    lsp::CodeLens { range: range(place), command: Some(command), data: None }
}

pub(crate) fn hint(place: Position, text: String, tooltip: String) -> lsp::InlayHint {
    lsp::InlayHint {
        position: lsp_position(place),
        label: lsp::InlayHintLabel::String(text),
        kind: None,
        text_edits: None,
        tooltip: (!tooltip.is_empty()).then_some(lsp::InlayHintTooltip::String(tooltip)),
        padding_left: Some(true),
        padding_right: None,
        data: None,
    }
}

/// `notebook` in arguments is the notebook's URI.
pub(crate) fn action(snapshot: &Snapshot, action: Action) -> Option<lsp::CodeActionOrCommand> {
    let notebook = &*snapshot.source.uri;
    let plain = lsp::CodeAction::default();
    let action = match action {
        Action::Migrate { title, cells, executor, refused } => lsp::CodeAction {
            command: refused.is_none().then(|| lsp::Command {
                title: title.clone(),
                command: command::MIGRATE.to_owned(),
                arguments: Some(vec![json!({ "notebook": notebook, "cells": status::names(snapshot, &cells), "executor": executor })]),
            }),
            disabled: refused.map(|reason| lsp::CodeActionDisabled { reason }),
            kind: Some(lsp::CodeActionKind::from("refactor.nbhoist.migrate")),
            title,
            ..plain
        },
        Action::Explain { title, cells } => lsp::CodeAction {
            command: Some(lsp::Command {
                title: title.clone(),
                command: command::PLAN.to_owned(),
                arguments: Some(vec![json!({ "notebook": notebook, "cells": status::names(snapshot, &cells), "show": true })]),
            }),
            kind: Some(lsp::CodeActionKind::from("refactor.nbhoist.explain")),
            title,
            ..plain
        },
        Action::Fix { fix, problem } => {
            let mut changes: HashMap<lsp::Uri, Vec<lsp::TextEdit>> = HashMap::new();
            for (uri, span, text) in fix.edits {
                changes.entry(lsp_uri(&uri)?).or_default().push(lsp::TextEdit { range: range(span), new_text: text });
            }
            lsp::CodeAction {
                title: fix.title,
                is_preferred: fix.preferred.then_some(true),
                kind: Some(lsp::CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![diagnostic(&problem)]),
                edit: Some(lsp::WorkspaceEdit { changes: Some(changes), ..lsp::WorkspaceEdit::default() }),
                ..plain
            }
        }
    };
    Some(lsp::CodeActionOrCommand::CodeAction(action))
}

pub(crate) fn report(items: &[Problem], id: String, previous: Option<&str>) -> lsp::DocumentDiagnosticReportResult {
    let report = if previous == Some(&id) {
        lsp::DocumentDiagnosticReport::Unchanged(lsp::RelatedUnchangedDocumentDiagnosticReport {
            related_documents: None,
            unchanged_document_diagnostic_report: lsp::UnchangedDocumentDiagnosticReport { result_id: id },
        })
    } else {
        lsp::DocumentDiagnosticReport::Full(lsp::RelatedFullDocumentDiagnosticReport {
            related_documents: None,
            full_document_diagnostic_report: lsp::FullDocumentDiagnosticReport {
                result_id: Some(id),
                items: items.iter().map(diagnostic).collect(),
            },
        })
    };
    lsp::DocumentDiagnosticReportResult::Report(report)
}

impl From<Fault> for jsonrpc::Error {
    fn from(fault: Fault) -> Self {
        let code = match fault {
            Fault::NotOpen { .. } | Fault::Parameters(_) => jsonrpc::ErrorCode::InvalidParams,
            // `RequestFailed` of LSP 3.17.
            Fault::Failed(_) => jsonrpc::ErrorCode::ServerError(-32803),
            Fault::Panicked(_) => jsonrpc::ErrorCode::InternalError,
        };
        Self { code, message: fault.to_string().into(), data: None }
    }
}
