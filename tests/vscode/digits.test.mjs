// The digits notebook, worked on in the editor with a kernel that nbhoist starts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Editor, here, tee, textOf } from "./editor.mjs";

const name = "digits.ipynb";
let editor;
let traffic;

/** The corpus notebook with a smaller search, so that it takes seconds, and cells to fail and to be stopped in. */
function notebook() {
  const whole = JSON.parse(readFileSync(join(here, "../../corpus", name), "utf8"));
  const change = (id, from, to) => {
    const cell = whole.cells.find((candidate) => candidate.id === id);
    const text = [cell.source].flat().join("");
    assert.ok(text.includes(from), `${id} has ${from}`);
    cell.source = text.replace(from, to);
  };
  change("settings", "COPIES = 5 ", "COPIES = 1 ");
  change("models", "(0.5, 2, 8) for gamma in (0.0005, 0.001, 0.002)", "(2, 8) for gamma in (0.001,)");
  change("curve", "(50, 100, 200, 400, 800, len(X))", "(50, 200, len(X))");
  const code = (id, source) => ({ cell_type: "code", id, metadata: {}, execution_count: null, outputs: [], source });
  whole.cells.push(
    code("slow", 'import time\n\nbest["C"] = -1\nfor step in range(600):\n    print("step", step)\n    time.sleep(0.1)'),
    code("unchanged", 'print("C is", best["C"], "and step" if "step" in globals() else "and no step")'),
    code("before-mistake", 'halves = [value / 2 for value in (2, 4)]\nprint("halves", halves)'),
    code("mistake", "quotient = halves[0] / (halves[1] - 2)"),
    code("after-mistake", "print(halves)"),
  );
  return JSON.stringify(whole);
}

before(async () => {
  traffic = tee(process.env.NBHOIST_BIN);
  const settings = { "nbhoist.python": process.env.NBHOIST_TEST_PYTHON, "nbhoist.heavySeconds": 1 };
  editor = await Editor.open({
    files: { [name]: notebook(), ".vscode/settings.json": JSON.stringify(settings) },
    extensions: [join(process.env.NBHOIST_VSCODE, "nbhoist.vsix")],
    environment: { NBHOIST_SERVER: traffic.command, ...traffic.environment },
  });
  await editor.openNotebook(name);
});

after(() => editor?.close());

test("cells run in a kernel that the server starts, and the marked block has a lens", async () => {
  const lens = editor.page.locator(".codelens-decoration", { hasText: "run block heavy on local" });
  await editor.enter("best, best_score");
  await lens.first().waitFor();
  await editor.command("Notebook: Execute Above Cells");
  const find = await editor.until("running all above", (cell) => cell("models").execution_count !== null);
  assert.match(textOf(find("models")), /training digits, 2 settings/);
  assert.ok(find("first-look").outputs.some((output) => output.data?.["image/png"]), "a figure is saved as a figure");
  assert.equal(find("load").outputs[0].output_type, "stream");
});

test("Ctrl+. moves the block, outputs arrive, and the next cell uses what came back", async () => {
  const { page } = editor;
  const row = await editor.enter("best, best_score");
  await page.keyboard.press("Control+.");
  const action = page.locator(".action-widget .monaco-list-row", { hasText: "Run block heavy (cells 18-20) on local" });
  await action.waitFor();
  await editor.picture("actions", row);
  await action.click();
  const toast = page.locator(".notification-toast", { hasText: "5/7 run" });
  await toast.waitFor();
  await editor.inFrames("text=/C=2 .*gamma/");
  await editor.picture("progress", row, toast);
  const find = await editor.until("the block", (cell) => cell("curve").execution_count !== null && cell("search").outputs.length > 0);
  assert.match(textOf(find("search")), /C=2 .*\n.*C=8 /);
  assert.match(textOf(find("final-fit")), /support vectors/);
  const order = ["search", "final-fit", "curve"].map((id) => find(id).execution_count);
  assert.deepEqual(order, [order[0], order[0] + 1, order[0] + 2], "the kernel counts them as its own");
  const last = await editor.cell("for size in");
  const mark = page.locator(".cell-status-item", { hasText: /ran on local in .* out, .* back/ });
  await mark.first().waitFor();
  await editor.picture("moved", page.locator(".code-cell-row", { has: mark }), last);

  await editor.runCell("bench.rows");
  const after = await editor.until("the leaderboard", (cell) => cell("leaderboard").outputs.length > 0);
  assert.match(textOf(after("leaderboard")), /3 neighbours[^]*C=2|C=2[^]*3 neighbours/, "rows of before and of elsewhere");
});

test("a cell that was run and is heavy has a hint", async () => {
  const row = await editor.cell("ANGLES = ");
  const hint = editor.page.locator(".notebookOverlay .view-line", { hasText: /~[\d.]+\ss\s·\sneeds/ });
  await hint.first().waitFor();
  await editor.picture("hint", row);
});

test("cancelling in the middle leaves the kernel and the cell as they were", async () => {
  const { page } = editor;
  await editor.enter('best["C"] = -1');
  await page.keyboard.press("Control+.");
  await page.locator(".action-widget .monaco-list-row", { hasText: /^Run cell 27 on local/ }).click();
  const toast = page.locator(".notification-toast", { hasText: "nbhoist: local" });
  await toast.waitFor();
  await editor.inFrames("text=step 3");
  await toast.hover();
  await toast.locator(".monaco-button", { hasText: "Cancel" }).click();
  // The toast goes at once; the cells follow when the server has said that the job is over.
  await toast.waitFor({ state: "detached" });
  await editor.runCell("and no step");
  const isOver = (cell) => cell("unchanged").outputs.length > 0 && cell("slow").outputs.length === 0;
  const find = await editor.until("the look at the kernel, and the end of what a run that never was had printed", isOver);
  assert.match(textOf(find("unchanged")), /C is [28] and no step/);
  assert.equal(find("slow").execution_count, null);
});

test("a cell that fails elsewhere shows its traceback in its own cell, and what went before counts", async () => {
  const { page } = editor;
  await editor.enter("halves = [");
  await page.keyboard.press("Control+.");
  await page.locator(".action-widget .monaco-list-row", { hasText: /^Run cells 29-31 on local/ }).click();
  await page.locator(".notification-toast", { hasText: "cell 30 raised ZeroDivisionError" }).waitFor();
  const find = await editor.until("the traceback", (cell) => cell("mistake").outputs.length > 0);
  assert.equal(find("mistake").outputs[0].output_type, "error");
  assert.match(textOf(find("mistake")), /ZeroDivisionError/);
  assert.match(textOf(find("before-mistake")), /halves \[1.0, 2.0\]/);
  assert.deepEqual(find("after-mistake").outputs, []);
  await editor.command("Notifications: Clear All Notifications");
  await editor.runCell("print(halves)");
  const after = await editor.until("the local look", (cell) => cell("after-mistake").outputs.length > 0);
  assert.match(textOf(after("after-mistake")), /\[1.0, 2.0\]/);
});

test("the graph goes to the cell that is clicked", async () => {
  const { page } = editor;
  await editor.enter("print(halves)");
  await editor.command("nbhoist: Show Dependency Graph");
  const node = await editor.inFrames(".node[data-cell='18']");
  await node.click();
  const focused = page.locator(".notebookOverlay .code-cell-row.focused", { hasText: "best_score" });
  await focused.waitFor();
  await page.setViewportSize({ width: 1640, height: 860 });
  await editor.picture("graph");
  await editor.command("View: Close Other Editors in Group");
});

test("executors are listed with what was found there", async () => {
  const { page } = editor;
  await editor.command("nbhoist: Show Executors");
  await page.locator(".quick-input-widget .monaco-list-row", { hasText: /local[^]*Python 3\.\d+\.\d+ · \d+ processors?/ }).waitFor();
  await page.keyboard.press("Escape");
});

test("what the editor sent is as the server was told to expect it", () => {
  const said = readFileSync(traffic.log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const sent = said.filter(({ from }) => from === "client").map(({ message }) => message);
  const opened = sent.find(({ method }) => method === "notebookDocument/didOpen").params;
  assert.equal(opened.notebookDocument.cells.filter(({ kind }) => kind === 1).length, 5, "markdown cells come, too");
  assert.equal(opened.cellTextDocuments.length, opened.notebookDocument.cells.length);
  assert.ok(sent.some(({ method, params }) => method === "nbhoist/execute" && typeof params.source === "string"));
  assert.ok(!sent.some(({ method }) => method === "nbhoist/cellExecuted"), "what the server ran itself is not reported to it");
});
