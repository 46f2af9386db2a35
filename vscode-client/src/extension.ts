/** Puts the parts together. */

import * as vscode from "vscode";
import { Auto } from "./auto";
import { nameOf } from "./cells";
import { Server } from "./client";
import { Controller } from "./controller";
import { reportRuns } from "./executed";
import { Executors } from "./executors";
import { GraphPanels } from "./graph";
import { Jobs } from "./jobs";
import { useOwnKernel } from "./kernels";
import { Migrator } from "./migrate";
import { showPlans } from "./plan";
import { command, type MigrateArguments } from "./protocol";
import { StatusItems } from "./status";
import { message } from "./words";

let running: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("nbhoist", { log: true });
  // Lenses and code actions name the server's command; the kernel and the progress are the editor's to see to.
  const server = new Server(context, log, (name, args) => {
    return name === command.migrate ? migrator.migrate(args[0] as MigrateArguments) : undefined;
  });
  const jobs = new Jobs(server);
  const auto = new Auto(server, context.workspaceState);
  const controller = new Controller(server, jobs, auto);
  const migrator = new Migrator(server, jobs, controller);
  const executors = new Executors(server);
  const graphs = new GraphPanels(server);
  const status = new StatusItems(server, auto, controller);
  context.subscriptions.push(log, server, auto, controller, graphs, status, showPlans(server), reportRuns(server, controller, auto), ...follow(server));

  const commands: Record<string, (target: Target) => Promise<unknown>> = {
    runElsewhere: async (target) => {
      const chosen = selection(target);
      const executor = chosen && (await executors.pick("Run selected cells elsewhere", nameOf(chosen.notebook)));
      return chosen && executor && migrator.migrate({ notebook: nameOf(chosen.notebook), cells: chosen.cells, executor });
    },
    explainCells: async (target) => {
      const chosen = selection(target);
      return chosen && migrator.explainCells(chosen.notebook, chosen.cells);
    },
    showGraph: async () => withNotebook((notebook) => graphs.show(notebook)),
    showExecutors: async () => executors.pick("Executors", vscode.window.activeNotebookEditor?.notebook.uri.toString()),
    useOwnKernel,
    undoMove: async () => withNotebook((notebook) => auto.undo(notebook)),
    restartKernel: async () => withNotebook((notebook) => controller.restart(notebook)),
    restartServer: async () => server.restart(),
    showLogs: async () => log.show(),
  };
  for (const [name, run] of Object.entries(commands)) {
    const guarded = (target: Target): Promise<unknown> =>
      run(target).catch((error: unknown) => void vscode.window.showErrorMessage(`nbhoist: ${message(error)}`));
    context.subscriptions.push(vscode.commands.registerCommand(`nbhoist.${name}`, guarded));
  }

  running = server;
  await server.restart();
}

export async function deactivate(): Promise<void> {
  await running?.stop();
}

/** Keeps the server's options as the settings, and the trust, are. */
function follow(server: Server): vscode.Disposable[] {
  return [
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("nbhoist.serverPath")) {
        void server.restart();
      } else if (change.affectsConfiguration("nbhoist")) {
        void server.tellOptions();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void server.tellOptions()),
  ];
}

/** A cell when the command comes from its toolbar, nothing from the palette. */
type Target = vscode.NotebookCell | { notebookEditor?: { notebookUri?: vscode.Uri } } | undefined;

interface Chosen {
  notebook: vscode.NotebookDocument;
  /** URIs of their documents. */
  cells: string[];
}

/** The cells that are selected; the one whose toolbar was used, when it is not among them. */
function selection(target: Target): Chosen | undefined {
  const editor = vscode.window.activeNotebookEditor;
  const clicked = target && "document" in target ? target : undefined;
  const notebook = clicked?.notebook ?? editor?.notebook;
  if (!notebook) {
    void vscode.window.showInformationMessage("nbhoist: open a notebook and select cells first.");
    return undefined;
  }
  const selected = editor?.notebook === notebook ? editor.selections.flatMap((range) => notebook.getCells(range)) : [];
  const cells = clicked && !selected.includes(clicked) ? [clicked] : selected;
  return { notebook, cells: cells.map((cell) => cell.document.uri.toString()) };
}

async function withNotebook(act: (notebook: vscode.NotebookDocument) => Promise<void>): Promise<void> {
  const notebook = vscode.window.activeNotebookEditor?.notebook;
  if (notebook) {
    await act(notebook);
  } else {
    void vscode.window.showInformationMessage("nbhoist: open a notebook first.");
  }
}
