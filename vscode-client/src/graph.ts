/** The dependency graph beside its notebook. A click on a node goes to the cell. */

import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { nameOf, notebookOf, reveal } from "./cells";
import type { Server } from "./client";
import { command, notice } from "./protocol";
import { message } from "./words";

export class GraphPanels implements vscode.Disposable {
  private readonly panels = new Map<string, vscode.WebviewPanel>();
  /** Counts drawings; which one each panel shows. */
  private turn = 0;
  private readonly shown = new WeakMap<vscode.WebviewPanel, number>();

  constructor(private readonly server: Server) {
    server.on<{ notebook: string }>(notice.statusChanged, ({ notebook }) => {
      const panel = this.panels.get(notebook);
      if (panel?.visible) {
        void this.draw(panel, notebook);
      }
    });
  }

  async show(notebook: vscode.NotebookDocument): Promise<void> {
    const name = nameOf(notebook);
    const known = this.panels.get(name);
    if (known) {
      known.reveal(undefined, true);
      return this.draw(known, name);
    }
    const title = `Graph of ${notebook.uri.path.split("/").at(-1)}`;
    const panel = vscode.window.createWebviewPanel("nbhoist.graph", title, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true }, {
      enableScripts: true,
      localResourceRoots: [],
    });
    this.panels.set(name, panel);
    panel.onDidDispose(() => this.panels.delete(name));
    panel.onDidChangeViewState(() => panel.visible && void this.draw(panel, name));
    panel.webview.onDidReceiveMessage(({ cell }: { cell: number }) => void goTo(name, cell));
    panel.webview.html = page(panel.webview);
    await this.draw(panel, name);
  }

  dispose(): void {
    for (const panel of this.panels.values()) {
      panel.dispose();
    }
  }

  private async draw(panel: vscode.WebviewPanel, notebook: string): Promise<void> {
    this.turn += 1;
    const turn = this.turn;
    try {
      const { text } = await this.server.command<{ text: string }>(command.graph, { notebook, format: "svg" });
      await this.post(panel, notebook, turn, { svg: text });
    } catch (error) {
      await this.post(panel, notebook, turn, { problem: message(error) });
    }
  }

  /** A panel may have been closed while its picture was drawn, and a later picture may have come first. */
  private async post(panel: vscode.WebviewPanel, notebook: string, turn: number, what: object): Promise<void> {
    if (this.panels.get(notebook) === panel && turn > (this.shown.get(panel) ?? 0)) {
      this.shown.set(panel, turn);
      await panel.webview.postMessage(what);
    }
  }
}

async function goTo(name: string, cell: number): Promise<void> {
  const notebook = notebookOf(name);
  if (notebook && Number.isInteger(cell) && cell >= 1 && cell <= notebook.cellCount) {
    await reveal(notebook, cell - 1);
  }
}

/** Nothing from outside, scripts by nonce only; the picture brings its styles along. */
function page(webview: vscode.Webview): string {
  const nonce = randomBytes(16).toString("base64url");
  const policy = `default-src 'none'; style-src ${webview.cspSource} 'unsafe-inline'; script-src 'nonce-${nonce}'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Dependency graph</title>
<style>body { margin: 0; padding: 0 } main { overflow: auto; height: 100vh } svg { display: block; margin: auto }</style>
</head>
<body>
<main id="picture">Drawing ...</main>
<script nonce="${nonce}">${script}</script>
</body>
</html>`;
}

/** The picture is parsed as SVG and not as a page, so that no text in it can become anything else. */
const script = `
const editor = acquireVsCodeApi();
const place = document.getElementById("picture");
addEventListener("message", ({ data }) => {
  if (data.problem) { place.textContent = data.problem; return; }
  const svg = new DOMParser().parseFromString(data.svg, "image/svg+xml").documentElement;
  place.replaceChildren(document.importNode(svg, true));
  fit();
  mark();
});
// As wide as the panel while it can be read; Ctrl and the wheel change that.
let zoom;
const scale = (width) => zoom ?? Math.min(1, Math.max(0.6, place.clientWidth / width));
const fit = () => {
  const svg = place.querySelector("svg");
  if (!svg) { return; }
  const { width, height } = svg.viewBox.baseVal;
  const middle = (place.scrollLeft + place.clientWidth / 2) / place.scrollWidth;
  svg.setAttribute("width", width * scale(width));
  svg.setAttribute("height", height * scale(width));
  place.scrollLeft = middle * place.scrollWidth - place.clientWidth / 2;
};
addEventListener("resize", fit);
addEventListener("wheel", (event) => {
  const svg = place.querySelector("svg");
  if (!event.ctrlKey || !svg) { return; }
  event.preventDefault();
  zoom = Math.min(3, Math.max(0.2, scale(svg.viewBox.baseVal.width) * (event.deltaY < 0 ? 1.1 : 1 / 1.1)));
  fit();
}, { passive: false });
const parts = () => [...place.querySelectorAll("[data-cell], [data-from]")];
const reach = (start, from, to) => {
  const edges = [...place.querySelectorAll("path[data-from]")];
  const found = new Set([start]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const { dataset } of edges) {
      if (found.has(dataset[from]) && !found.has(dataset[to])) { found.add(dataset[to]); grew = true; }
    }
  }
  return found;
};
let picked;
const mark = () => {
  const cell = picked;
  const before = reach(cell, "to", "from"), after = reach(cell, "from", "to");
  const both = (set, { from, to }) => set.has(from) && set.has(to);
  const kept = ({ dataset }) => dataset.cell ? before.has(dataset.cell) || after.has(dataset.cell) : both(before, dataset) || both(after, dataset);
  for (const part of parts()) {
    part.classList.toggle("faded", cell !== undefined && !kept(part));
    part.classList.toggle("picked", cell !== undefined && part.dataset.cell === cell);
  }
};
const pick = (cell) => {
  picked = cell;
  mark();
  if (cell !== undefined) { editor.postMessage({ cell: Number(cell) }); }
};
addEventListener("click", (event) => pick(event.target.closest("[data-cell]")?.dataset.cell));
addEventListener("keydown", (event) => {
  if (event.key === "Enter") { pick(event.target.closest("[data-cell]")?.dataset.cell); }
  if (event.key === "Escape") { pick(undefined); }
});
`;
