/** Items under each cell: what a heavy cell costs, and where a moved cell ran. */

import * as vscode from "vscode";
import type { Auto } from "./auto";
import { nameOf, notebookOf } from "./cells";
import type { Server } from "./client";
import type { Controller } from "./controller";
import { type CellStatus, notice, request } from "./protocol";
import { bytes, message, seconds } from "./words";

export class StatusItems implements vscode.NotebookCellStatusBarItemProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCellStatusBarItems = this.changed.event;
  /** By notebook; a promise, because the editor asks for all cells at once. */
  private readonly known = new Map<string, Promise<Map<string, CellStatus>>>();
  private readonly disposables: vscode.Disposable[];

  constructor(
    private readonly server: Server,
    private readonly auto: Auto,
    private readonly controller: Controller,
  ) {
    this.disposables = [
      this.changed,
      vscode.notebooks.registerNotebookCellStatusBarItemProvider("jupyter-notebook", this),
      vscode.workspace.onDidCloseNotebookDocument((notebook) => this.known.delete(nameOf(notebook))),
      auto.onDidChange(() => this.changed.fire()),
      server.onDidStart(() => this.forget()),
      server.onDidStop(() => this.forget()),
    ];
    server.on<{ notebook: string }>(notice.statusChanged, ({ notebook }) => {
      this.known.delete(notebook);
      if (notebookOf(notebook)) {
        this.changed.fire();
      }
    });
  }

  async provideCellStatusBarItems(cell: vscode.NotebookCell): Promise<vscode.NotebookCellStatusBarItem[]> {
    if (cell.kind !== vscode.NotebookCellKind.Code || !this.server.isRunning) {
      return [];
    }
    const status = (await this.of(cell.notebook)).get(cell.document.uri.toString());
    const more = await this.auto.items(cell, this.controller.isSelected(cell.notebook));
    return [...(status ? items(status) : []), ...more];
  }

  /** What is known of each cell, by the URI of its document. */
  of(notebook: vscode.NotebookDocument): Promise<Map<string, CellStatus>> {
    const name = nameOf(notebook);
    const known = this.known.get(name) ?? this.ask(name);
    this.known.set(name, known);
    return known;
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  private async ask(notebook: string): Promise<Map<string, CellStatus>> {
    try {
      const { cells } = await this.server.request<{ cells: CellStatus[] }>(request.cellStatus, { notebook });
      return new Map(cells.map((status) => [status.cell.uri, status]));
    } catch (error) {
      // It is asked again when the server says that something has changed.
      this.server.log.debug(`no status of ${notebook}: ${message(error)}`);
      return new Map();
    }
  }

  private forget(): void {
    this.known.clear();
    this.changed.fire();
  }
}

function items(status: CellStatus): vscode.NotebookCellStatusBarItem[] {
  const found: vscode.NotebookCellStatusBarItem[] = [];
  const add = (text: string, tooltip: string): void => {
    const item = new vscode.NotebookCellStatusBarItem(text, vscode.NotebookCellStatusBarAlignment.Left);
    item.tooltip = tooltip;
    found.push(item);
  };
  const time = status.cost?.seconds;
  if (status.heavy && typeof time === "number") {
    add(`$(flame) ~${seconds(time)}`, [status.text, status.tooltip].filter(Boolean).join("\n"));
  }
  if (status.migrated) {
    const { executor, ok, seconds: took, shippedBytes, returnedBytes } = status.migrated;
    const how = `${ok ? "$(cloud)" : "$(error)"} ${ok ? "ran" : "failed"} on ${executor} in ${seconds(took)}`;
    add(`${how} · ${bytes(shippedBytes)} out, ${bytes(returnedBytes)} back`, "The bytes are those of the whole block that this cell ran in.");
  }
  return found;
}
