/** Moves a block: kernel, progress with Cancel, outputs, and what is said at the end. */

import * as vscode from "vscode";
import { cellOf, nameOf, notebookOf, reveal } from "./cells";
import type { Server } from "./client";
import type { Controller } from "./controller";
import { Job, type Jobs, type OpenSink } from "./jobs";
import { NoKernel, reachKernel, useOwnKernel } from "./kernels";
import { command, type Finished, type MigrateArguments, type PlanAnswer, type Progress } from "./protocol";
import { Edits, EditSink } from "./sink";
import { message, seconds } from "./words";

const steps: Progress["phase"][] = ["probe", "connect", "capture", "transfer", "run", "return", "restore"];

/** Jobs that took longer end with a message of their own; the others are seen to end. Seconds. */
const LONG = 20;

export class Migrator {
  private readonly edits = new WeakMap<vscode.NotebookDocument, Edits>();

  constructor(
    private readonly server: Server,
    private readonly jobs: Jobs,
    private readonly controller: Controller,
  ) {}

  /** Runs cells elsewhere. Never rejects: what goes wrong is told to the user. */
  async migrate(wanted: MigrateArguments): Promise<Finished | undefined> {
    const notebook = notebookOf(wanted.notebook);
    if (!notebook) {
      void vscode.window.showErrorMessage("nbhoist: only cells of an open notebook can be moved; open this one as a notebook.");
      return undefined;
    }
    if (!vscode.workspace.isTrusted) {
      void vscode.window.showErrorMessage("nbhoist: nothing is moved while this workspace is not trusted.");
      return undefined;
    }
    const options = { location: vscode.ProgressLocation.Notification, title: `nbhoist: ${wanted.executor}`, cancellable: true };
    try {
      const finished = await vscode.window.withProgress(options, (progress, token) => this.run(wanted, notebook, progress, token));
      void this.tell(finished, notebook);
      return finished;
    } catch (error) {
      void this.explain(error);
      return undefined;
    }
  }

  private async run(
    wanted: MigrateArguments,
    notebook: vscode.NotebookDocument,
    progress: vscode.Progress<{ message?: string }>,
    token: vscode.CancellationToken,
  ): Promise<Finished> {
    progress.report({ message: "looking for the kernel" });
    const clock = new Clock((text) => progress.report({ message: text }));
    let cancel = (): void => undefined;
    const open: OpenSink = (document, cell, reference) =>
      this.controller.isSelected(document) ? this.controller.sink(cell, () => cancel()) : new EditSink(document, cell, reference, this.editsOf(document));
    const job = new Job(notebook, "migrate", open, (step) => clock.show(step));
    cancel = () => void this.server.command(command.cancel, { job: job.name }).catch((error: unknown) => this.server.log.warn(message(error)));
    try {
      await reachKernel(notebook, this.server, this.controller);
      token.onCancellationRequested(() => {
        progress.report({ message: "stopping" });
        cancel();
      });
      if (token.isCancellationRequested) {
        throw new vscode.CancellationError();
      }
      return await this.jobs.run(job, () => this.server.command(command.migrate, { ...wanted, job: job.name }));
    } finally {
      clock.dispose();
    }
  }

  private editsOf(notebook: vscode.NotebookDocument): Edits {
    const known = this.edits.get(notebook) ?? new Edits();
    this.edits.set(notebook, known);
    return known;
  }

  /** A short job that went well needs no message: its cells carry a mark. */
  private async tell(finished: Finished, notebook: vscode.NotebookDocument): Promise<void> {
    const text = `nbhoist: ${finished.message}`;
    switch (finished.outcome) {
      case "done":
        if (finished.seconds > LONG) {
          void vscode.window.showInformationMessage(text);
        } else {
          vscode.window.setStatusBarMessage(`$(check) ${text}`, 8000);
        }
        return;
      case "cancelled":
        vscode.window.setStatusBarMessage(`$(circle-slash) ${text}`, 8000);
        return;
      case "failed": {
        const cell = finished.failure ? cellOf(notebook, finished.failure.cell) : undefined;
        const go = "Go to Cell";
        if ((await vscode.window.showWarningMessage(text, ...(cell ? [go] : []))) === go && cell) {
          await reveal(notebook, cell.index);
        }
        return;
      }
      case "error":
        await this.explain(new Error(finished.message));
    }
  }

  private async explain(error: unknown): Promise<void> {
    if (error instanceof vscode.CancellationError) {
      return;
    }
    if (error instanceof NoKernel) {
      const own = "Use a Kernel Started by nbhoist";
      if ((await vscode.window.showErrorMessage(`nbhoist: ${error.message}`, own)) === own) {
        await useOwnKernel();
      }
      return;
    }
    const logs = "Show Logs";
    if ((await vscode.window.showErrorMessage(`nbhoist: ${message(error)}`, logs)) === logs) {
      this.server.log.show();
    }
  }

  /** The plan of cells in words. */
  async explainCells(notebook: vscode.NotebookDocument, cells: string[]): Promise<void> {
    await this.server.command<PlanAnswer>(command.plan, { notebook: nameOf(notebook), cells, show: true });
  }
}

/** The step under way, with the time it has taken: a long run says nothing for minutes, and is alive. */
class Clock implements vscode.Disposable {
  private step: Progress | undefined;
  private began = Date.now();
  private readonly timer = setInterval(() => this.tick(), 1000);

  constructor(private readonly report: (text: string) => void) {}

  show(step: Progress): void {
    if (step.phase !== this.step?.phase) {
      this.began = Date.now();
    }
    this.step = step;
    this.tick();
  }

  dispose(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    if (!this.step) {
      return;
    }
    const passed = (Date.now() - this.began) / 1000;
    const time = passed >= 1 ? ` (${seconds(Math.floor(passed)).replace(".0", "")})` : "";
    this.report(`${steps.indexOf(this.step.phase) + 1}/${steps.length} ${this.step.phase}: ${this.step.message}${time}`);
  }
}
