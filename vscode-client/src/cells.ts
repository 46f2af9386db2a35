/** Finding notebooks and cells by what the server calls them. */

import * as vscode from "vscode";
import type { CellReference } from "./protocol";

/** The name of a notebook towards the server: as the language client writes URIs. */
export function nameOf(notebook: vscode.NotebookDocument): string {
  return notebook.uri.toString();
}

export function notebookOf(name: string): vscode.NotebookDocument | undefined {
  return vscode.workspace.notebookDocuments.find((notebook) => nameOf(notebook) === name);
}

/** nbformat's id, which stays while a cell is moved or replaced. Older files have none. */
export function idOf(cell: vscode.NotebookCell): string | undefined {
  const id: unknown = cell.metadata["id"];
  return typeof id === "string" && id !== "" ? id : undefined;
}

/** The cell that a notification is about, as it is now. */
export function cellOf(notebook: vscode.NotebookDocument, reference: CellReference): vscode.NotebookCell | undefined {
  const cells = notebook.getCells();
  const byUri = cells.find((cell) => cell.document.uri.toString() === reference.uri);
  // A copied cell can have the id of its original.
  if (reference.id === null || (byUri && idOf(byUri) === reference.id)) {
    return byUri;
  }
  return cells.find((cell) => idOf(cell) === reference.id) ?? byUri;
}

export async function reveal(notebook: vscode.NotebookDocument, index: number): Promise<void> {
  const range = new vscode.NotebookRange(index, index + 1);
  const shown = vscode.window.visibleNotebookEditors.find((editor) => editor.notebook === notebook);
  const editor = await vscode.window.showNotebookDocument(notebook, {
    selections: [range],
    ...(shown?.viewColumn === undefined ? {} : { viewColumn: shown.viewColumn }),
  });
  editor.revealRange(range, vscode.NotebookEditorRevealType.InCenterIfOutsideViewport);
}
