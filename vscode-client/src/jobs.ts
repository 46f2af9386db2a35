/** Jobs of the server as the editor shows them: each cell's outputs go where they belong, the end is waited for. */

import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import { cellOf, nameOf } from "./cells";
import type { Server } from "./client";
import { type CellReference, type CellState, type Finished, notice, type OutputNotice, type Progress } from "./protocol";
import type { Sink } from "./sink";
import { message } from "./words";

/** Makes the place where a cell's outputs go. */
export type OpenSink = (notebook: vscode.NotebookDocument, cell: vscode.NotebookCell, reference: CellReference) => Sink;

export class Job {
  readonly name = randomUUID();
  /** By the URI that a cell had when the job began: the server names it so to the end, whatever the editor calls it by then. */
  private readonly sinks = new Map<string, { sink: Sink; state: "waiting" | "started" | "done" }>();
  private readonly settled: Promise<Finished>;
  private settle: (finished: Finished) => void = () => undefined;
  private last: Promise<void> = Promise.resolve();
  private isFinished = false;

  constructor(
    readonly notebook: vscode.NotebookDocument,
    readonly kind: Finished["kind"],
    private readonly openSink: OpenSink,
    private readonly onProgress: (progress: Progress) => void,
  ) {
    this.settled = new Promise((resolve) => (this.settle = resolve));
  }

  /** Fulfilled when the last output has been placed. */
  get finished(): Promise<Finished> {
    return this.settled;
  }

  /** Shows a cell as waiting, before the server says anything about it. */
  expect(cell: vscode.NotebookCell, reference: CellReference): void {
    this.sinks.set(reference.uri, { sink: this.openSink(this.notebook, cell, reference), state: "waiting" });
  }

  progress(progress: Progress): void {
    this.onProgress(progress);
  }

  cellState(change: CellState): void {
    const place = this.place(change.cell);
    if (!place) {
      return;
    }
    if (change.state === "started") {
      place.state = "started";
      place.sink.started();
    } else {
      place.state = "done";
      this.then(() => place.sink.end(change.ok, change.executionCount ?? undefined));
    }
  }

  output({ cell, action, displayId, output, wait }: OutputNotice): void {
    if (action === "update" && output && displayId !== null) {
      for (const { sink } of this.sinks.values()) {
        sink.update(output, displayId);
      }
    } else if (action === "append" && output) {
      this.place(cell)?.sink.append(output, displayId);
    } else if (action === "clear") {
      this.place(cell)?.sink.clear(wait);
    }
  }

  /** The kernel after a cancelled migration is as it was, so the cells are, too. What did not come to its end never is shown as if it had. */
  finish(finished: Finished): void {
    // A server that goes ends a job and the request that began it.
    if (this.isFinished) {
      return;
    }
    this.isFinished = true;
    const all = finished.kind === "migrate" && finished.outcome === "cancelled";
    for (const { sink, state } of this.sinks.values()) {
      if (state === "done" && !all) {
        continue;
      }
      const isWaiting = state === "waiting" || finished.kind === "migrate";
      this.then(() => (isWaiting ? sink.restore() : sink.end(false, undefined)));
    }
    this.then(async () => this.settle(finished));
  }

  /** Gives the cells back what they showed before. */
  async takeBack(): Promise<void> {
    for (const { sink } of this.sinks.values()) {
      this.then(() => sink.restore());
    }
    await this.last;
  }

  /** Ends a job that never began. */
  abandon(): void {
    for (const { sink } of this.sinks.values()) {
      this.then(() => sink.restore());
    }
  }

  private then(step: () => Promise<void>): void {
    this.last = this.last.then(step, step);
  }

  private place(reference: CellReference): { sink: Sink; state: "waiting" | "started" | "done" } | undefined {
    const known = this.sinks.get(reference.uri);
    if (known) {
      return known;
    }
    const cell = cellOf(this.notebook, reference);
    if (cell) {
      this.expect(cell, { ...reference });
    }
    return this.sinks.get(reference.uri);
  }
}

/** The jobs that run, by name. */
export class Jobs {
  private readonly running = new Map<string, Job>();

  constructor(server: Server) {
    server.on<Progress>(notice.progress, (params) => this.running.get(params.job)?.progress(params));
    server.on<CellState>(notice.cellState, (params) => this.running.get(params.job)?.cellState(params));
    server.on<OutputNotice>(notice.output, (params) => this.running.get(params.job)?.output(params));
    server.on<Finished>(notice.finished, (params) => this.running.get(params.job)?.finish(params));
    // A server that is gone finishes nothing any more.
    server.onDidStop(() => {
      for (const job of this.running.values()) {
        job.finish(broken(job, "the nbhoist server ended meanwhile; a kernel that runs elsewhere is as it was"));
      }
    });
  }

  /** Runs a job: `begin` asks the server for it. */
  async run(job: Job, begin: () => Promise<unknown>): Promise<Finished> {
    this.running.set(job.name, job);
    try {
      await begin().catch((error: unknown) => job.finish(broken(job, message(error))));
      return await job.finished;
    } finally {
      this.running.delete(job.name);
    }
  }
}

function broken(job: Job, why: string): Finished {
  const notebook = nameOf(job.notebook);
  return { job: job.name, notebook, kind: job.kind, executor: null, outcome: "error", message: why, seconds: 0, failure: null };
}
