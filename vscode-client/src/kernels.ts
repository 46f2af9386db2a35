/** Sees to it that the server is attached to the kernel in which a notebook's variables are. */

import * as vscode from "vscode";
import { nameOf } from "./cells";
import type { Server } from "./client";
import { type Controller, controllerId } from "./controller";
import { command, type Kernel, request } from "./protocol";
import { message } from "./words";

/** The part of the Jupyter extension's public API that is used here. */
interface JupyterApi {
  kernels?: {
    getKernel(uri: vscode.Uri): Thenable<JupyterKernel | undefined>;
  };
}

interface JupyterKernel {
  language: string;
  executeCode(code: string, token: vscode.CancellationToken): AsyncIterable<{ items: { mime: string; data: Uint8Array }[] }>;
}

const jupyterId = "ms-toolsai.jupyter";

/** Asks the kernel for its own connection file. The marks tell the answer from whatever else is printed. */
const askFile = "print('<<' + __import__('ipykernel.connect').connect.get_connection_file() + '>>')";

/** Attaches the server to the notebook's kernel; explains what to do where there is none. */
export async function reachKernel(notebook: vscode.NotebookDocument, server: Server, controller: Controller): Promise<void> {
  if (controller.isSelected(notebook)) {
    await controller.kernel(notebook);
    return;
  }
  const file = await fileFromJupyter(notebook);
  if (file !== undefined) {
    await server.command<Kernel>(command.attachKernel, { notebook: nameOf(notebook), connectionFile: file });
    return;
  }
  try {
    await server.request<Kernel>(request.findKernel, { notebook: nameOf(notebook) });
  } catch (error) {
    server.log.info(`no session of a Jupyter server: ${message(error)}`);
    throw new NoKernel();
  }
}

export class NoKernel extends Error {
  constructor() {
    super("No kernel is known that holds this notebook's variables. Run the cells before the block first: with the kernel that you chose, or with one that nbhoist starts.");
  }
}

/** Selects our own controller for the notebook that is shown. */
export async function useOwnKernel(): Promise<void> {
  await vscode.commands.executeCommand("notebook.selectKernel", { id: controllerId, extension: "nbhoist.nbhoist" });
}

/** The connection file of the kernel that runs in the Jupyter extension; the user is asked for access by that extension. */
async function fileFromJupyter(notebook: vscode.NotebookDocument): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<JupyterApi>(jupyterId);
  const api = await extension?.activate();
  const kernel = await api?.kernels?.getKernel(notebook.uri);
  if (!kernel || kernel.language !== "python") {
    return undefined;
  }
  const source = new vscode.CancellationTokenSource();
  const timer = setTimeout(() => source.cancel(), 30_000);
  let printed = "";
  try {
    for await (const output of kernel.executeCode(askFile, source.token)) {
      printed += output.items.map((item) => Buffer.from(item.data).toString("utf8")).join("");
    }
  } finally {
    clearTimeout(timer);
    source.dispose();
  }
  const file = /<<(.+)>>/.exec(printed)?.[1];
  if (file === undefined) {
    throw new Error(`The kernel did not tell its connection file: ${printed.slice(0, 200) || "no answer within 30 s; it may be busy"}`);
  }
  return file;
}
