/** Shows plans, which the server writes in Markdown, in the editor's own preview. */

import * as vscode from "vscode";
import type { Server } from "./client";
import { notice, type ShowPlan } from "./protocol";

const scheme = "nbhoist-plan";

export function showPlans(server: Server): vscode.Disposable {
  const texts = new Map<string, string>();
  const changed = new vscode.EventEmitter<vscode.Uri>();
  server.on<ShowPlan>(notice.showPlan, ({ notebook, cells, text }) => {
    const name = vscode.Uri.parse(notebook).path.split("/").at(-1) ?? "notebook";
    const uri = vscode.Uri.from({ scheme, path: `/Plan for ${name}, cells ${cells.join(" ")}.md` });
    texts.set(uri.toString(), text);
    changed.fire(uri);
    void vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
  });
  return vscode.Disposable.from(
    changed,
    vscode.workspace.registerTextDocumentContentProvider(scheme, {
      onDidChange: changed.event,
      provideTextDocumentContent: (uri) => texts.get(uri.toString()) ?? "",
    }),
    vscode.workspace.onDidCloseTextDocument((document) => texts.delete(document.uri.toString())),
  );
}
