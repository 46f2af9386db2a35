/** Shows plans, which the server writes in Markdown, in the editor's own preview. */

import * as vscode from "vscode";
import type { Server } from "./client";
import { notice, type ShowPlan } from "./protocol";

const scheme = "nbhoist-plan";

/** How many plans can still be shown. */
const KEPT = 50;

export function showPlans(server: Server): vscode.Disposable {
  const texts = new Map<string, string>();
  const changed = new vscode.EventEmitter<vscode.Uri>();
  server.on<ShowPlan>(notice.showPlan, ({ notebook, cells, text }) => {
    const name = vscode.Uri.parse(notebook).path.split("/").at(-1) ?? "notebook";
    const uri = vscode.Uri.from({ scheme, path: `/Plan for ${name}, cells ${cells.join(" ")}.md` });
    // The editor closes the document while its preview is open, and asks again when the preview is shown again.
    texts.delete(uri.toString());
    texts.set(uri.toString(), text);
    for (const oldest of [...texts.keys()].slice(0, -KEPT)) {
      texts.delete(oldest);
    }
    changed.fire(uri);
    void vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
  });
  return vscode.Disposable.from(
    changed,
    vscode.workspace.registerTextDocumentContentProvider(scheme, {
      onDidChange: changed.event,
      provideTextDocumentContent: (uri) => texts.get(uri.toString()) ?? "",
    }),
  );
}
