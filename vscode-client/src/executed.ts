/** Reports ordinary cell runs with their times, which LSP's `executionSummary` drops. */

import * as vscode from "vscode";
import { nameOf } from "./cells";
import type { Server } from "./client";
import { notice } from "./protocol";

/** Runs that the server did itself, known by the millisecond at which they ended. */
export class OwnRuns {
  private readonly ends = new Set<number>();

  add(endTime: number): void {
    this.ends.add(endTime);
  }

  take(endTime: number): boolean {
    return this.ends.delete(endTime);
  }
}

export function reportRuns(server: Server, own: OwnRuns): vscode.Disposable {
  return vscode.workspace.onDidChangeNotebookDocument(({ notebook, cellChanges }) => {
    for (const { cell, executionSummary } of cellChanges) {
      const timing = executionSummary?.timing;
      if (notebook.notebookType !== "jupyter-notebook" || executionSummary?.success === undefined || !timing?.endTime || own.take(timing.endTime)) {
        continue;
      }
      void server.notify(notice.cellExecuted, {
        notebook: nameOf(notebook),
        cell: cell.document.uri.toString(),
        start: timing.startTime,
        end: timing.endTime,
        success: executionSummary.success,
      });
    }
  });
}
