// Records what a real VS Code sends to the server while a notebook is edited, as the fixtures of the server's replay test:
//   NBHOIST_BIN=PATH NBHOIST_TEST_PYTHON=PATH tests/vscode/run.sh CACHE tests/vscode/record.mjs
// A fixture has a message a line; its last line is the notebook as the editor saved it in the end.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Editor, here, tee } from "./editor.mjs";

const fixtures = join(here, "../../lsp/tests/fixtures");
const sources = ["# Title", "rows = [1, 2, 3]\nname = 'é😀'", "def double(x):\n    return 2 * x", "twice = [double(row) for row in rows]", "print(name, twice)"];
let editor;
let traffic;

function notebook(minor) {
  const cells = sources.map((source, index) => ({
    cell_type: index === 0 ? "markdown" : "code",
    ...(minor >= 5 ? { id: `cell-${index}` } : {}),
    metadata: {},
    ...(index === 0 ? {} : { execution_count: null, outputs: [] }),
    source,
  }));
  const metadata = { kernelspec: { name: "python3", display_name: "Python 3", language: "python" }, language_info: { name: "python" } };
  return JSON.stringify({ nbformat: 4, nbformat_minor: minor, metadata, cells });
}

/** Keys as a person presses them; a text between them is typed. */
async function press(...keys) {
  for (const key of keys) {
    await editor.page.keyboard.press(key);
    // The editor takes keys of commands apart from those of typing: what is pressed sooner may come to another cell.
    await editor.page.waitForTimeout(250);
  }
}

const type = (text) => editor.page.keyboard.type(text, { delay: 40 });

/** Types into a cell, at its end. */
async function append(cell, text) {
  await editor.enter(cell);
  await press("Control+End");
  await type(text);
  await press("Escape");
}

const sessions = {
  async edited() {
    await append("rows = [1", "\nextra = nowhere");
    await editor.enter("def double");
    await press("Control+Home", "End", "Enter");
    await type("if x is None:\nreturn 0");
    await press("Control+z", "Control+y", "Escape");
    await editor.enter("print(name");
    await press("Control+a", "Control+/", "Control+/", "Home");
    await type("print('😀é', name); ");
    await press("Shift+End", "Control+x", "Control+v", "Escape");
  },
  async moved() {
    await editor.cell("rows = [1");
    await press("Alt+ArrowDown", "Alt+ArrowDown", "Alt+ArrowDown", "Alt+ArrowUp");
    await saved((cells) => source(cells[3]).startsWith("rows = [1"));
    await editor.cell("print(name");
    await press("Alt+ArrowUp", "Alt+ArrowUp", "Alt+ArrowUp", "Alt+ArrowUp");
    await saved((cells) => source(cells[0]).startsWith("print(name"));
    await editor.cell("twice = ");
    await press("Shift+ArrowDown", "Alt+ArrowUp");
  },
  async replaced() {
    await editor.cell("twice = ");
    await press("m");
    await saved((cells) => cells[3].cell_type === "markdown");
    await press("Control+Home", "ArrowDown", "ArrowDown", "ArrowDown", "y");
    await saved((cells) => cells[3].cell_type === "code");
    await append("twice = ", "\nprint(nowhere)");
    await editor.enter("def double");
    await press("Control+Home", "ArrowDown");
    await editor.command("Notebook: Split Cell");
    await saved((cells) => cells.length === 6);
    await press("Escape");
    await editor.command("Notebook: Join With Next Cell");
    await saved((cells) => cells.length === 5);
  },
  async inserted() {
    await editor.cell("rows = [1");
    await editor.command("Notebook: Insert Code Cell Below");
    await type("late = rows + missing");
    await press("Escape");
    await editor.command("Notebook: Copy Cell Down");
    await saved((cells) => cells.length === 7);
    await editor.command("Notebook: Delete Cell");
    await saved((cells) => cells.length === 6);
    await append("print(name", "\nprint(late)");
  },
  async without_ids() {
    await append("rows = [1", "\nrows.append(nowhere)");
    await editor.cell("twice = ");
    await press("Alt+ArrowUp");
    await editor.command("Notebook: Insert Code Cell Above");
    await type("first = 1");
    await press("Escape");
  },
  async reverted() {
    await append("print(name", "\nprint(nowhere)");
    await editor.command("File: Revert File");
    await editor.command("View: Close Editor");
    await editor.page.locator(".notebookOverlay .code-cell-row").first().waitFor({ state: "hidden" });
    await editor.command("View: Show Explorer");
    await editor.openNotebook(editor.name);
    await append("print(name", "\nprint(missing)");
    await saved((cells) => source(cells[4]).endsWith("print(missing)"));
  },
};

const source = (cell) => [cell.source].flat().join("");

const saved = (isReached) => editor.until("what was done", () => isReached(editor.onDisk().cells));

before(async () => {
  traffic = tee(process.env.NBHOIST_BIN);
  const files = Object.fromEntries(Object.keys(sessions).map((name) => [`${name}.ipynb`, notebook(name === "without_ids" ? 4 : 5)]));
  editor = await Editor.open({
    files,
    extensions: [join(process.env.NBHOIST_VSCODE, "nbhoist.vsix")],
    environment: { NBHOIST_SERVER: traffic.command, ...traffic.environment },
  });
});

after(() => editor?.close());

for (const [name, act] of Object.entries(sessions)) {
  test(name, async () => {
    await editor.openNotebook(`${name}.ipynb`);
    await act();
    // What is typed last is on its way when the keys have been pressed; what is saved twice alike has arrived.
    await press("Control+s");
    let before;
    await saved((cells) => before === (before = JSON.stringify(cells)));
    await editor.command("View: Close All Editors");
    await editor.command("View: Show Explorer");
    write(name);
  });
}

/** Messages about this notebook, with nothing of this machine in them. */
function write(name) {
  const lines = readFileSync(traffic.log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const messages = lines.filter(({ from, message }) => from === "client" && message.method).map(({ message }) => message);
  const isSync = ({ method, params }) =>
    method.startsWith("notebookDocument/") && (params.notebookDocument.uri ?? "").endsWith(`/${name}.ipynb`);
  const kept = messages.filter(isSync);
  assert.ok(kept.length > 2, "the editor said something");
  const cells = editor.onDisk().cells.map((cell) => ({ kind: cell.cell_type, id: cell.id ?? null, source: source(cell) }));
  const whole = [...kept, { saved: cells }].map((message) => JSON.stringify(message)).join("\n");
  const neutral = whole.replaceAll(editor.folder, "/home/user/work").replaceAll(/127\.0\.0\.1(:|%3A|%3a)\d+/g, "127.0.0.1$18000");
  mkdirSync(fixtures, { recursive: true });
  writeFileSync(join(fixtures, `${name}.jsonl`), `${neutral}\n`);
}
