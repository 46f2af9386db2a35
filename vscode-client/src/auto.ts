/** The automatic mode: cells that are done sooner elsewhere are moved, or one is told so once, and there is a way back. */

import * as vscode from "vscode";
import { idOf, nameOf } from "./cells";
import type { Server } from "./client";
import type { Job } from "./jobs";
import { type Decision, request } from "./protocol";
import { message, seconds } from "./words";

type Mode = "off" | "suggest" | "auto";

/** What the user chose for a cell; it holds in this workspace until the choice is taken back. */
type Choice = "move" | "stay";

/** What is said of a cell that took less than this is not worth an interruption, seconds; `nbhoist.heavySeconds` sets another bound. */
const HEAVY = 10;

const memory = "nbhoist.auto.cells";

export class Auto implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  /** Cells that something was said about since the editor started. */
  private readonly told = new Set<string>();
  /** The move that can be taken back, by notebook. */
  private readonly last = new Map<string, { job: Job; cell: vscode.NotebookCell }>();

  constructor(
    private readonly server: Server,
    private readonly state: vscode.Memento,
  ) {}

  /** Where a cell runs that is about to run in a kernel of ours; nothing when that is here. */
  async place(cell: vscode.NotebookCell): Promise<Decision | undefined> {
    this.last.delete(nameOf(cell.notebook));
    const choice = this.choice(cell);
    const mode = modeOf(cell.notebook);
    const may = mode === "auto" ? choice !== "stay" : mode === "suggest" && choice === "move";
    return may && vscode.workspace.isTrusted ? this.decide(cell) : undefined;
  }

  /** A cell was moved by itself. It is said once for each cell; the way back stands under the cell. */
  moved(cell: vscode.NotebookCell, job: Job, decision: Decision): void {
    this.last.set(nameOf(cell.notebook), { job, cell });
    this.changed.fire();
    if (this.isNew(cell)) {
      void this.tell(cell, `This cell ran on ${decision.executor}: ${decision.text}.`, ["Undo", "Always Run It Here"]);
    }
  }

  /** A cell ran here for so many seconds. Where it would have been done sooner elsewhere, that is said once. */
  async stayed(cell: vscode.NotebookCell, took: number): Promise<void> {
    this.changed.fire();
    const bound = vscode.workspace.getConfiguration("nbhoist").get<number | null>("heavySeconds") ?? HEAVY;
    if (modeOf(cell.notebook) === "off" || took < bound || this.choice(cell) !== undefined || !vscode.workspace.isTrusted) {
      return;
    }
    const decision = await this.decide(cell);
    if (decision?.executor && typeof decision.there === "number" && this.isNew(cell)) {
      const text = `This cell ran for ${seconds(took)} here and would take about ${seconds(decision.there)} on ${decision.executor}.`;
      await this.tell(cell, text, ["Move It Next Time", "Always Run It Here"]);
    }
  }

  /** Takes the last move of this notebook back: variables and outputs are as they were before the cell. */
  async undo(notebook: vscode.NotebookDocument): Promise<void> {
    const known = this.last.get(nameOf(notebook));
    if (!known) {
      throw new Error("There is no move to take back: it can be undone until the next cell runs.");
    }
    await this.server.request(request.undo, { notebook: nameOf(notebook) });
    this.last.delete(nameOf(notebook));
    await known.job.takeBack();
    this.changed.fire();
    vscode.window.setStatusBarMessage("$(discard) nbhoist: the kernel and the cell are as they were before it ran elsewhere", 8000);
  }

  /** Items under a cell: the way back, or, where another kernel's cells cannot be moved as they are started, the way there. */
  async items(cell: vscode.NotebookCell, isOurs: boolean): Promise<vscode.NotebookCellStatusBarItem[]> {
    if (this.last.get(nameOf(cell.notebook))?.cell === cell) {
      return [item("$(discard) undo", "Puts the kernel and this cell back as they were before it ran elsewhere.", "nbhoist.undoMove", [])];
    }
    if (isOurs || this.choice(cell) !== "move" || modeOf(cell.notebook) === "off") {
      return [];
    }
    const executor = (await this.decide(cell))?.executor;
    const wanted = { notebook: nameOf(cell.notebook), cells: [cell.document.uri.toString()], executor };
    return executor ? [item(`$(rocket) run on ${executor}`, "You asked for it to be moved the next time.", "nbhoist.migrate", [wanted])] : [];
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async decide(cell: vscode.NotebookCell): Promise<Decision | undefined> {
    try {
      const parameters = { notebook: nameOf(cell.notebook), cell: cell.document.uri.toString() };
      const decision = await this.server.request<Decision>(request.decide, parameters);
      return decision.executor ? decision : undefined;
    } catch (error) {
      // A cell that nothing is known of runs where it always ran.
      this.server.log.warn(`no decision: ${message(error)}`);
      return undefined;
    }
  }

  private async tell(cell: vscode.NotebookCell, text: string, actions: string[]): Promise<void> {
    const chosen = await vscode.window.showInformationMessage(`nbhoist: ${text}`, ...actions);
    if (chosen === "Undo") {
      await this.undo(cell.notebook).catch((error: unknown) => void vscode.window.showErrorMessage(`nbhoist: ${message(error)}`));
    } else if (chosen === "Always Run It Here") {
      await this.choose(cell, "stay");
    } else if (chosen === "Move It Next Time") {
      await this.choose(cell, "move");
    }
  }

  private isNew(cell: vscode.NotebookCell): boolean {
    const isNew = !this.told.has(keyOf(cell));
    this.told.add(keyOf(cell));
    return isNew;
  }

  private choice(cell: vscode.NotebookCell): Choice | undefined {
    return this.state.get<Record<string, Choice>>(memory, {})[keyOf(cell)];
  }

  private async choose(cell: vscode.NotebookCell, choice: Choice): Promise<void> {
    await this.state.update(memory, { ...this.state.get<Record<string, Choice>>(memory, {}), [keyOf(cell)]: choice });
    this.changed.fire();
  }
}

function modeOf(notebook: vscode.NotebookDocument): Mode {
  return vscode.workspace.getConfiguration("nbhoist", notebook.uri).get<Mode>("auto", "suggest");
}

/** A cell without an id of its own is known by its place. */
function keyOf(cell: vscode.NotebookCell): string {
  return `${nameOf(cell.notebook)}#${idOf(cell) ?? cell.index}`;
}

function item(text: string, tooltip: string, command: string, args: unknown[]): vscode.NotebookCellStatusBarItem {
  const made = new vscode.NotebookCellStatusBarItem(text, vscode.NotebookCellStatusBarAlignment.Left);
  made.tooltip = tooltip;
  made.command = { title: text, command, arguments: args };
  return made;
}
