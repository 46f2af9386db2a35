/**
 * Where outputs of a running cell go. An editor allows only the selected controller to write into a cell as it runs; where
 * another one is selected, the cell is replaced by one with the outputs, which keeps its id and gets a new URI.
 */

import * as vscode from "vscode";
import { cellOf } from "./cells";
import { copyOf, displayIdOf, joined, outputOf, streamItem } from "./outputs";
import type { CellReference, Output } from "./protocol";

/** How a cell looked before it ran. */
interface Before {
  outputs: vscode.NotebookCellOutput[];
  summary: vscode.NotebookCellExecutionSummary | undefined;
}

/** The outputs of a cell and how they change, the same for both ways of writing. */
export abstract class Sink {
  protected outputs: vscode.NotebookCellOutput[] = [];
  private clearNext = false;
  private readonly before: Before;

  protected constructor(cell: vscode.NotebookCell) {
    this.before = { outputs: [...cell.outputs], summary: cell.executionSummary };
  }

  append(output: Output, displayId: string | null): void {
    if (this.clearNext) {
      this.clear(false);
    }
    const last = this.outputs.at(-1);
    if (output.output_type === "stream" && last?.metadata?.["outputType"] === "stream") {
      const item = streamItem(output.name, joined(output.text));
      if (last.items[0]?.mime === item.mime) {
        last.items.push(item);
        this.extended(last, item);
        return;
      }
    }
    const added = outputOf(output, displayId);
    this.outputs.push(added);
    this.added(added);
  }

  /** Replaces what outputs of this name show. */
  update(output: Output, displayId: string): void {
    const next = outputOf(output, displayId);
    for (const shown of this.outputs.filter((candidate) => displayIdOf(candidate) === displayId)) {
      shown.items = next.items;
      this.updated(shown);
    }
  }

  /** With `wait` only when the next output comes, so that an animation does not flicker. */
  clear(wait: boolean): void {
    this.clearNext = wait;
    if (!wait) {
      this.outputs = [];
      this.replaced();
    }
  }

  /** Gives the cell back what it showed before. */
  async restore(): Promise<void> {
    this.outputs = this.before.outputs;
    this.replaced();
    await this.end(this.before.summary?.success, this.before.summary?.executionOrder, this.before.summary?.timing);
  }

  abstract started(): void;
  /** Times in milliseconds since the epoch. */
  abstract end(success: boolean | undefined, order: number | undefined, timing?: { startTime: number; endTime: number }): Promise<void>;

  protected abstract added(output: vscode.NotebookCellOutput): void;
  protected abstract extended(output: vscode.NotebookCellOutput, item: vscode.NotebookCellOutputItem): void;
  protected abstract updated(output: vscode.NotebookCellOutput): void;
  protected abstract replaced(): void;
}

/** Writes through an execution of our own controller. */
export class ExecutionSink extends Sink {
  private execution: vscode.NotebookCellExecution;
  private isStarted = false;
  private isEnded = false;
  private last: Promise<unknown> = Promise.resolve();
  /** What the editor was given for each output: copies, because ours grow while a write waits its turn. */
  private readonly given = new Map<vscode.NotebookCellOutput, vscode.NotebookCellOutput>();

  constructor(
    private readonly controller: vscode.NotebookController,
    private readonly cell: vscode.NotebookCell,
    private readonly onCancel: () => void,
  ) {
    super(cell);
    this.execution = this.create();
  }

  started(): void {
    if (!this.isStarted) {
      this.isStarted = true;
      this.execution.start(Date.now());
    }
    this.clear(false);
  }

  override async restore(): Promise<void> {
    if (this.isEnded) {
      // What has ended takes no more outputs; another execution does.
      this.execution = this.create();
      [this.isStarted, this.isEnded] = [false, false];
    }
    if (!this.isStarted) {
      this.isStarted = true;
      this.execution.start();
    }
    await super.restore();
  }

  async end(success: boolean | undefined, order: number | undefined, timing?: { startTime: number; endTime: number }): Promise<void> {
    if (this.isEnded) {
      return;
    }
    this.isEnded = true;
    if (!this.isStarted) {
      // One that waits in the queue may only be ended after it was started.
      this.execution.start();
    }
    this.execution.executionOrder = order;
    await this.last;
    this.execution.end(success, timing?.endTime ?? (success === undefined ? undefined : Date.now()));
  }

  protected added(output: vscode.NotebookCellOutput): void {
    const copy = this.copy(output);
    this.queue(() => this.execution.appendOutput(copy));
  }

  protected extended(output: vscode.NotebookCellOutput, item: vscode.NotebookCellOutputItem): void {
    const copy = this.given.get(output);
    if (copy) {
      this.queue(() => this.execution.appendOutputItems([item], copy));
    }
  }

  protected updated(output: vscode.NotebookCellOutput): void {
    const copy = this.given.get(output);
    const items = [...output.items];
    if (copy) {
      this.queue(() => this.execution.replaceOutputItems(items, copy));
    }
  }

  protected replaced(): void {
    this.given.clear();
    const copies = this.outputs.map((output) => this.copy(output));
    this.queue(() => this.execution.replaceOutput(copies));
  }

  private copy(output: vscode.NotebookCellOutput): vscode.NotebookCellOutput {
    const copy = copyOf(output);
    this.given.set(output, copy);
    return copy;
  }

  private create(): vscode.NotebookCellExecution {
    const execution = this.controller.createNotebookCellExecution(this.cell);
    execution.token.onCancellationRequested(this.onCancel);
    return execution;
  }

  /** One after the other; a cell that was deleted meanwhile takes nothing, and that is fine. */
  private queue(write: () => Thenable<void>): void {
    if (this.isStarted) {
      this.last = this.last.then(write).then(undefined, () => undefined);
    }
  }
}

/** How often a cell is replaced while it runs, milliseconds: each time costs its undo history and its cursor. */
const BEAT = 1000;

/** Writes by replacing the cell. */
export class EditSink extends Sink {
  private isRunning = false;
  private hasWritten = false;
  private startTime = Date.now();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    cell: vscode.NotebookCell,
    private readonly reference: CellReference,
    private readonly edits: Edits,
  ) {
    super(cell);
  }

  started(): void {
    this.isRunning = true;
    this.startTime = Date.now();
    this.clear(false);
  }

  async end(success: boolean | undefined, order: number | undefined, timing?: { startTime: number; endTime: number }): Promise<void> {
    this.isRunning = false;
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.write({
      ...(order === undefined ? {} : { executionOrder: order }),
      ...(success === undefined ? {} : { success, timing: timing ?? { startTime: this.startTime, endTime: Date.now() } }),
    });
  }

  override async restore(): Promise<void> {
    if (this.isRunning || this.hasWritten) {
      await super.restore();
    }
  }

  protected added(): void {
    this.replaced();
  }

  protected extended(): void {
    this.replaced();
  }

  protected updated(): void {
    this.replaced();
  }

  protected replaced(): void {
    if (this.isRunning) {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        // The next one, or the end, writes all of it again.
        void this.write({}).catch(() => undefined);
      }, BEAT);
    }
  }

  private write(summary: vscode.NotebookCellExecutionSummary): Promise<void> {
    this.hasWritten = true;
    return this.edits.add(async () => {
      const cell = cellOf(this.notebook, this.reference);
      if (!cell) {
        return;
      }
      const data = new vscode.NotebookCellData(cell.kind, cell.document.getText(), cell.document.languageId);
      // Where the editor's own serializer looks for the count of a cell that did not run in place.
      data.metadata = { ...cell.metadata, execution_count: summary.executionOrder ?? null };
      data.outputs = this.outputs.map(copyOf);
      data.executionSummary = summary;
      const edit = new vscode.WorkspaceEdit();
      edit.set(this.notebook.uri, [vscode.NotebookEdit.replaceCells(new vscode.NotebookRange(cell.index, cell.index + 1), [data])]);
      await vscode.workspace.applyEdit(edit);
      if (this.reference.id === null) {
        this.reference.uri = this.notebook.cellAt(cell.index).document.uri.toString();
      }
    });
  }
}

/** Edits of one notebook, one after the other: each looks up where its cell is by then. */
export class Edits {
  private last: Promise<void> = Promise.resolve();

  add(edit: () => Promise<void>): Promise<void> {
    this.last = this.last.then(edit, edit);
    return this.last;
  }
}
