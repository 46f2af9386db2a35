/** What `nbhoist server` says beyond LSP, as docs/lsp-extensions.md has it. Seconds and bytes; null is unknown. */

export interface CellReference {
  number: number;
  uri: string;
  id: string | null;
}

export interface CellStatus {
  cell: CellReference;
  kind: "code" | "markdown" | "raw";
  text: string;
  tooltip: string;
  show: boolean;
  heavy: boolean;
  cost: { seconds: number | null } | null;
  block: string | null;
  migrated: Migrated | null;
}

export interface Migrated {
  job: string;
  executor: string;
  ok: boolean;
  seconds: number;
  shippedBytes: number;
  returnedBytes: number;
}

/** Cells are named by number, URI or id. */
export interface MigrateArguments {
  notebook: string;
  cells: (number | string)[];
  executor: string;
  job?: string;
  force?: boolean;
  undoable?: boolean;
}

export interface PlanAnswer {
  text: string;
  block: { cells: number[] };
}

export interface Executor {
  name: string;
  backend: string;
  description: string;
  usable: boolean;
  problem: string | null;
}

export interface Probe {
  python: string;
  processors: number | null;
  memory: number | null;
  start: number | null;
  latency: number | null;
}

export interface Kernel {
  notebook: string;
  state: "none" | "starting" | "idle" | "busy" | "dead";
  origin: "attached" | "started" | null;
  python: string | null;
}

interface OfJob {
  job: string;
  notebook: string;
}

export interface Progress extends OfJob {
  phase: "probe" | "connect" | "capture" | "transfer" | "run" | "return" | "restore";
  executor: string | null;
  bytes: { done: number; total: number | null } | null;
  cell: CellReference | null;
  message: string;
}

export interface CellState extends OfJob {
  cell: CellReference;
  state: "started" | "done";
  ok?: boolean;
  seconds?: number;
  executionCount?: number | null;
}

export type MimeBundle = Record<string, unknown>;

/** An output in the shape of nbformat 4. */
export type Output =
  | { output_type: "stream"; name: "stdout" | "stderr"; text: string | string[] }
  | { output_type: "display_data"; data: MimeBundle; metadata?: Record<string, unknown> }
  | { output_type: "execute_result"; data: MimeBundle; metadata?: Record<string, unknown>; execution_count: number | null }
  | { output_type: "error"; ename: string; evalue: string; traceback: string[] };

export interface OutputNotice extends OfJob {
  cell: CellReference;
  action: "append" | "update" | "clear";
  displayId: string | null;
  output: Output | null;
  wait: boolean;
}

export interface Finished extends OfJob {
  kind: "migrate" | "execute";
  executor: string | null;
  outcome: "done" | "failed" | "cancelled" | "error";
  message: string;
  seconds: number;
  failure: { cell: CellReference; ename: string; evalue: string; traceback: string[] } | null;
}

export interface ShowPlan {
  notebook: string;
  cells: number[];
  text: string;
}

/** Where a cell should run; `executor` is null for here. */
export interface Decision {
  executor: string | null;
  text: string;
  here: number | null;
  there: number | null;
}

/** Commands of `workspace/executeCommand`; the language client registers them with the editor under the same names. */
export const command = {
  migrate: "nbhoist.migrate",
  cancel: "nbhoist.cancel",
  plan: "nbhoist.plan",
  graph: "nbhoist.graph",
  attachKernel: "nbhoist.attachKernel",
} as const;

export const request = {
  cellStatus: "nbhoist/cellStatus",
  executors: "nbhoist/executors",
  probe: "nbhoist/probe",
  findKernel: "nbhoist/findKernel",
  startKernel: "nbhoist/startKernel",
  execute: "nbhoist/execute",
  interrupt: "nbhoist/interrupt",
  restart: "nbhoist/restart",
  shutdownKernel: "nbhoist/shutdownKernel",
  decide: "nbhoist/decide",
  undo: "nbhoist/undo",
  kernel: "nbhoist/kernel",
} as const;

export const notice = {
  cellExecuted: "nbhoist/cellExecuted",
  progress: "nbhoist/progress",
  cellState: "nbhoist/cellState",
  output: "nbhoist/output",
  finished: "nbhoist/finished",
  kernelStatus: "nbhoist/kernelStatus",
  statusChanged: "nbhoist/statusChanged",
  showPlan: "nbhoist/showPlan",
} as const;
