/** Reports ordinary cell runs with their times, which LSP's `executionSummary` drops. */

import * as vscode from "vscode";
import type { Auto } from "./auto";
import { nameOf } from "./cells";
import type { Server } from "./client";
import type { Controller } from "./controller";
import { notice } from "./protocol";

/** What our own controller runs, the server runs, and knows. A cell that is replaced to show outputs changes no summary. */
export function reportRuns(server: Server, controller: Controller, auto: Auto): vscode.Disposable {
  // The editor tells the end of a run more than once.
  const reported = new WeakMap<vscode.NotebookCell, number>();
  return vscode.workspace.onDidChangeNotebookDocument(({ notebook, cellChanges }) => {
    if (notebook.notebookType !== "jupyter-notebook" || controller.isSelected(notebook)) {
      return;
    }
    for (const { cell, executionSummary } of cellChanges) {
      const timing = executionSummary?.timing;
      if (executionSummary?.success !== undefined && timing?.endTime && reported.get(cell) !== timing.startTime) {
        reported.set(cell, timing.startTime);
        void server.notify(notice.cellExecuted, {
          notebook: nameOf(notebook),
          cell: cell.document.uri.toString(),
          start: timing.startTime,
          end: timing.endTime,
          success: executionSummary.success,
        });
        if (executionSummary.success) {
          void auto.stayed(cell, (timing.endTime - timing.startTime) / 1000);
        }
      }
    }
  });
}
