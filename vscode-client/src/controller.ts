/** A notebook controller on kernels that the server starts: all it takes is Python with ipykernel. */

import * as vscode from "vscode";
import type { Auto } from "./auto";
import { idOf, nameOf, notebookOf } from "./cells";
import type { Server } from "./client";
import { Job, type Jobs } from "./jobs";
import { type CellReference, command, type Finished, type Kernel, notice, request } from "./protocol";
import { ExecutionSink } from "./sink";
import { message } from "./words";

export const controllerId = "nbhoist-python";

export class Controller implements vscode.Disposable {
  private readonly controller: vscode.NotebookController;
  private readonly selected = new Set<vscode.NotebookDocument>();
  /** Cells of one notebook run one after the other, also those of several requests. */
  private readonly queues = new WeakMap<vscode.NotebookDocument, Promise<void>>();
  private readonly disposables: vscode.Disposable[] = [];

  constructor(
    private readonly server: Server,
    private readonly jobs: Jobs,
    private readonly auto: Auto,
  ) {
    this.controller = vscode.notebooks.createNotebookController(controllerId, "jupyter-notebook", "Python (nbhoist)");
    this.controller.supportedLanguages = ["python"];
    this.controller.supportsExecutionOrder = true;
    this.controller.description = "a kernel that nbhoist starts";
    this.controller.executeHandler = (cells, notebook) => this.execute(cells, notebook);
    this.controller.interruptHandler = (notebook) => this.server.request(request.interrupt, { notebook: nameOf(notebook) });
    this.disposables.push(
      this.controller,
      this.controller.onDidChangeSelectedNotebooks(({ notebook, selected }) => {
        if (selected) {
          this.selected.add(notebook);
        } else {
          this.selected.delete(notebook);
        }
      }),
      vscode.workspace.onDidCloseNotebookDocument((notebook) => this.close(notebook)),
    );
    server.on<Kernel>(notice.kernelStatus, (kernel) => this.tell(kernel));
  }

  isSelected(notebook: vscode.NotebookDocument): boolean {
    return this.selected.has(notebook);
  }

  sink(cell: vscode.NotebookCell, onCancel: () => void): ExecutionSink {
    return new ExecutionSink(this.controller, cell, onCancel);
  }

  /** A kernel that runs; where there is none, a new one. */
  async kernel(notebook: vscode.NotebookDocument): Promise<Kernel> {
    const name = nameOf(notebook);
    const kernel = await this.server.request<Kernel>(request.kernel, { notebook: name });
    const isUsable = kernel.state === "idle" || kernel.state === "busy";
    if (isUsable) {
      return kernel;
    }
    // Another interpreter may have been chosen in the Python extension meanwhile.
    await this.server.tellOptions();
    return this.server.request<Kernel>(request.startKernel, { notebook: name });
  }

  async restart(notebook: vscode.NotebookDocument): Promise<void> {
    await this.server.request(request.restart, { notebook: nameOf(notebook) });
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  /** A kernel that nobody can reach any more would keep its memory until the editor ends. */
  private close(notebook: vscode.NotebookDocument): void {
    if (this.selected.delete(notebook) && this.server.isRunning) {
      const ended = this.server.request(request.shutdownKernel, { notebook: nameOf(notebook) });
      void ended.catch((error: unknown) => this.server.log.warn(message(error)));
    }
  }

  private execute(cells: vscode.NotebookCell[], notebook: vscode.NotebookDocument): Promise<void> {
    const jobs = cells.map((cell) => this.prepare(cell, notebook));
    const before = this.queues.get(notebook) ?? Promise.resolve();
    const run = (): Promise<void> => this.runAll(jobs, notebook);
    const after = before.then(run, run);
    this.queues.set(notebook, after);
    return after;
  }

  /** The cell is shown as waiting at once. */
  private prepare(cell: vscode.NotebookCell, notebook: vscode.NotebookDocument): { job: Job; cell: vscode.NotebookCell; isCancelled: () => boolean } {
    let isCancelled = false;
    const stop = (): void => {
      isCancelled = true;
      void this.server.command(command.cancel, { job: job.name }).catch(() => undefined);
    };
    const job = new Job(notebook, "execute", (_, target) => this.sink(target, stop), () => undefined);
    const reference: CellReference = { number: cell.index + 1, uri: cell.document.uri.toString(), id: idOf(cell) ?? null };
    job.expect(cell, reference);
    return { job, cell, isCancelled: () => isCancelled };
  }

  /** Cells behind one that failed do not run, as everywhere in Jupyter. */
  private async runAll(jobs: { job: Job; cell: vscode.NotebookCell; isCancelled: () => boolean }[], notebook: vscode.NotebookDocument): Promise<void> {
    let problem: string | undefined;
    try {
      await this.kernel(notebook);
    } catch (error) {
      problem = message(error);
      void vscode.window.showErrorMessage(`nbhoist: ${problem}`);
    }
    let isStopped = problem !== undefined;
    for (const { job, cell, isCancelled } of jobs) {
      if (isStopped || isCancelled()) {
        job.abandon();
        continue;
      }
      const finished = (await this.elsewhere(job, cell, notebook)) ?? (await this.here(job, cell, notebook));
      if (finished.outcome === "error") {
        void vscode.window.showErrorMessage(`nbhoist: ${finished.message}`);
      }
      isStopped = finished.outcome !== "done";
    }
  }

  private async here(job: Job, cell: vscode.NotebookCell, notebook: vscode.NotebookDocument): Promise<Finished> {
    const parameters = { notebook: nameOf(notebook), cell: cell.document.uri.toString(), job: job.name, source: cell.document.getText() };
    const finished = await this.jobs.run(job, () => this.server.request(request.execute, parameters));
    if (finished.outcome === "done") {
      void this.auto.stayed(cell, finished.seconds);
    }
    return finished;
  }

  /** Runs a cell at another place, where the automatic mode is on and chooses one; nothing when it is to run here. */
  private async elsewhere(job: Job, cell: vscode.NotebookCell, notebook: vscode.NotebookDocument): Promise<Finished | undefined> {
    const decision = await this.auto.place(cell);
    if (!decision?.executor) {
      return undefined;
    }
    const { executor } = decision;
    const parameters = { notebook: nameOf(notebook), cells: [cell.document.uri.toString()], executor, job: job.name, undoable: true };
    const finished = await this.jobs.run(job, () => this.server.command(command.migrate, parameters));
    if (finished.outcome === "done") {
      this.auto.moved(cell, job, decision);
    }
    if (finished.outcome !== "error") {
      return finished;
    }
    // Nothing has changed in the kernel, and the user wanted the cell to run.
    void vscode.window.showWarningMessage(`nbhoist: the cell could not run on ${executor} and runs here: ${finished.message}`);
    return this.here(this.prepare(cell, notebook).job, cell, notebook);
  }

  private tell(kernel: Kernel): void {
    const notebook = notebookOf(kernel.notebook);
    if (kernel.state === "dead" && notebook && this.isSelected(notebook)) {
      void vscode.window.showWarningMessage("nbhoist: the kernel has died; its variables are gone. The next cell that you run starts a new one.");
    }
  }
}
