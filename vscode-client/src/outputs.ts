/** Outputs of nbformat 4 as the editor keeps them. */

import * as vscode from "vscode";
import type { MimeBundle, Output } from "./protocol";

const text = new TextEncoder();

/** An output with the name under which it may be replaced. Metadata is what the editor's own serializer expects. */
export function outputOf(output: Output, displayId: string | null): vscode.NotebookCellOutput {
  switch (output.output_type) {
    case "stream":
      return new vscode.NotebookCellOutput([streamItem(output.name, joined(output.text))], { outputType: "stream" });
    case "error":
      return new vscode.NotebookCellOutput(
        [vscode.NotebookCellOutputItem.error({ name: output.ename, message: output.evalue, stack: output.traceback.join("\n") })],
        { outputType: "error", originalError: output },
      );
    case "display_data":
    case "execute_result":
      return new vscode.NotebookCellOutput(items(output.data), {
        outputType: output.output_type,
        metadata: output.metadata ?? {},
        ...(output.output_type === "execute_result" ? { executionCount: output.execution_count } : {}),
        ...(displayId === null ? {} : { transient: { display_id: displayId } }),
      });
  }
}

export function streamItem(name: "stdout" | "stderr", chunk: string): vscode.NotebookCellOutputItem {
  return name === "stderr" ? vscode.NotebookCellOutputItem.stderr(chunk) : vscode.NotebookCellOutputItem.stdout(chunk);
}

export function displayIdOf(output: vscode.NotebookCellOutput): string | undefined {
  return (output.metadata?.["transient"] as { display_id?: string } | undefined)?.display_id;
}

/** A copy that can be given to the editor: items of an output are alternatives to it, so pieces of a stream become one. */
export function copyOf(output: vscode.NotebookCellOutput): vscode.NotebookCellOutput {
  const [first] = output.items;
  const isStream = first !== undefined && output.metadata?.["outputType"] === "stream";
  const items = isStream ? [new vscode.NotebookCellOutputItem(Buffer.concat(output.items.map((item) => item.data)), first.mime)] : [...output.items];
  return new vscode.NotebookCellOutput(items, output.metadata);
}

/** nbformat allows a text to be a list of lines. */
export function joined(value: string | string[]): string {
  return Array.isArray(value) ? value.join("") : value;
}

function items(bundle: MimeBundle): vscode.NotebookCellOutputItem[] {
  // The editor shows the first item that it can render, so the richest comes first.
  const mimes = Object.keys(bundle).sort((left, right) => rank(left) - rank(right));
  return mimes.map((mime) => new vscode.NotebookCellOutputItem(encoded(mime, bundle[mime]), mime));
}

function rank(mime: string): number {
  if (mime === "text/plain") return 4;
  if (mime === "text/markdown" || mime === "text/latex") return 3;
  if (mime.startsWith("image/")) return 2;
  return mime === "text/html" ? 1 : 0;
}

function encoded(mime: string, value: unknown): Uint8Array {
  const isText = typeof value === "string" || (Array.isArray(value) && value.every((line) => typeof line === "string"));
  if (!isText) {
    return text.encode(JSON.stringify(value));
  }
  const whole = joined(value as string | string[]);
  const binary = mime.startsWith("image/") && mime !== "image/svg+xml";
  return binary ? Buffer.from(whole, "base64") : text.encode(whole);
}
