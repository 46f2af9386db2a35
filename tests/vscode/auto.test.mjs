// The automatic mode with a kernel that nbhoist starts: a slow cell is pointed out once, then moved, and the move is taken back.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Editor, textOf } from "./editor.mjs";

const cells = {
  data: "import os, time\nrows = [1]\nhome = os.getpid()",
  slow: 'time.sleep(2)\nrows.append(2)\nprint("elsewhere", os.getpid() != home)',
  look: "print(rows)",
};

let editor;
let config;

before(async () => {
  config = mkdtempSync(join(tmpdir(), "nbhoist-config-"));
  mkdirSync(join(config, "nbhoist"));
  writeFileSync(join(config, "nbhoist", "nbhoist.toml"), "[executors.local]\nspeed = 20\n");
  const code = ([id, source]) => ({ cell_type: "code", id, metadata: {}, execution_count: null, outputs: [], source });
  const metadata = { kernelspec: { name: "python3", display_name: "Python 3", language: "python" }, language_info: { name: "python" } };
  const notebook = { nbformat: 4, nbformat_minor: 5, metadata, cells: Object.entries(cells).map(code) };
  const settings = { "nbhoist.python": process.env.NBHOIST_TEST_PYTHON, "nbhoist.heavySeconds": 1 };
  editor = await Editor.open({
    files: { "auto.ipynb": JSON.stringify(notebook), ".vscode/settings.json": JSON.stringify(settings) },
    extensions: [join(process.env.NBHOIST_VSCODE, "nbhoist.vsix")],
    environment: { NBHOIST_SERVER: process.env.NBHOIST_BIN, XDG_CONFIG_HOME: config },
  });
  await editor.openNotebook("auto.ipynb");
});

after(async () => {
  await editor?.close();
  rmSync(config, { recursive: true, force: true });
});

test("a slow cell is pointed out, moved the next time, and the move is taken back", async () => {
  const { page } = editor;
  await editor.runCell("rows = [1]");
  await editor.runCell("rows.append(2)");
  const asked = page.locator(".notification-toast", { hasText: /ran for 2\.\d s here and would take about .* on local/ });
  await asked.waitFor();
  const first = await editor.until("the run here", (cell) => cell("slow").execution_count !== null);
  assert.match(textOf(first("slow")), /elsewhere False/);
  await asked.hover();
  await asked.locator(".monaco-button", { hasText: "Move It Next Time" }).click();

  await editor.runCell("rows.append(2)");
  const moved = await editor.until("the run elsewhere", (cell) => /elsewhere True/.test(textOf(cell("slow"))) && cell("slow").execution_count !== null);
  assert.equal(moved("slow").execution_count, 3);
  await page.locator(".cell-status-item", { hasText: "undo" }).first().waitFor();

  await editor.command("nbhoist: Undo the Last Automatic Move");
  await editor.until("the outputs of before", (cell) => /elsewhere False/.test(textOf(cell("slow"))));
  await editor.runCell("print(rows)");
  const after = await editor.until("the look", (cell) => cell("look").outputs.length > 0);
  assert.equal(textOf(after("look")), "[1, 2]\n", "as it was before the move");
});
