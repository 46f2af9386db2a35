// A kernel that belongs to the Jupyter extension (a stand-in with its interface, around a real ipykernel): nbhoist asks for it, attaches, and puts
// outputs into cells that it may not write to while they run.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Editor, tee, textOf } from "./editor.mjs";

const cells = {
  data: "import time\nvalues = list(range(5))\ntime.sleep(1.2)\nprint(values)",
  heavy: '# nbhoist: block heavy\nfor value in values:\n    print("value", value)\n    time.sleep(0.5)\nvalues.append(99)\ntotal = sum(values)',
  result: 'print("total", total, values[-1])',
  broken: 'print("so far")\nvalues["x"]',
};

let editor;
let traffic;

before(async () => {
  traffic = tee(process.env.NBHOIST_BIN);
  const code = ([id, source]) => ({ cell_type: "code", id, metadata: {}, execution_count: null, outputs: [], source });
  // Without the language the editor saves no execution counts.
  const metadata = { kernelspec: { name: "python3", display_name: "Python 3", language: "python" }, language_info: { name: "python" } };
  const notebook = { nbformat: 4, nbformat_minor: 5, metadata, cells: Object.entries(cells).map(code) };
  editor = await Editor.open({
    files: { "other.ipynb": JSON.stringify(notebook), ".vscode/settings.json": JSON.stringify({ "nbhoist.heavySeconds": 1 }) },
    extensions: ["jupyter-stub.vsix", "nbhoist.vsix"].map((name) => join(process.env.NBHOIST_VSCODE, name)),
    environment: { NBHOIST_SERVER: traffic.command, ...traffic.environment, PATH: `${join(process.env.NBHOIST_TEST_PYTHON, "..")}:${process.env.PATH}` },
  });
  await editor.openNotebook("other.ipynb");
});

after(() => editor?.close());

function said(method) {
  const lines = readFileSync(traffic.log, "utf8").trim().split("\n").map((line) => JSON.parse(line).message);
  return lines.filter((message) => message.method === method).map(({ params }) => params);
}

test("a block moves out of the kernel of another extension", async () => {
  const { page } = editor;
  await editor.command("Stub: Select Its Kernel");
  await page.locator(".notebook-toolbar-right", { hasText: "Stub Python" }).waitFor();
  await editor.runCell("values = list");
  await editor.until("the first cell", (cell) => cell("data").execution_count === 1);
  const [run] = said("nbhoist/cellExecuted");
  assert.ok(run.success && run.end - run.start >= 1200, "an ordinary run is reported with its times");

  await editor.enter("nbhoist: block heavy");
  await page.keyboard.press("Control+.");
  await page.locator(".action-widget .monaco-list-row", { hasText: /^Run cell 2 on local/ }).click();
  await page.locator(".notification-toast", { hasText: "5/7 run" }).waitFor();
  await editor.inFrames("text=value 1");
  const find = await editor.until("the block", (cell) => cell("heavy").execution_count !== null);
  assert.equal(textOf(find("heavy")), "value 0\nvalue 1\nvalue 2\nvalue 3\nvalue 4\n", "a stream stays one output");
  assert.equal(find("heavy").outputs.length, 1);
  assert.equal([find("heavy").source].flat().join(""), cells.heavy);
  await page.locator(".cell-status-item", { hasText: "ran on local" }).first().waitFor();

  await editor.runCell("values[-1]");
  const after = await editor.until("the look at the kernel", (cell) => cell("result").outputs.length > 0);
  assert.match(textOf(after("result")), /total 109 99/);
  assert.equal(said("nbhoist/execute").length, 0, "nothing was run in a kernel of our own");
  const ordinary = said("nbhoist/cellExecuted");
  assert.equal(ordinary.length, 2, `what ran elsewhere is no ordinary run: ${JSON.stringify(ordinary)}`);
});

test("a failing cell of such a kernel keeps its traceback", async () => {
  const { page } = editor;
  await editor.enter("so far");
  await page.keyboard.press("Control+.");
  await page.locator(".action-widget .monaco-list-row", { hasText: /^Run cell 4 on local/ }).click();
  const find = await editor.until("the traceback", (cell) => cell("broken").outputs.length > 1);
  assert.match(textOf(find("broken")), /so far[^]*TypeError/);
});
