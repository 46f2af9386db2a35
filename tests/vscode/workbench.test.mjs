// What the editor has around a notebook: a folder that is not trusted, the log, a restart of the server, the walkthrough; then trust.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Editor, tee } from "./editor.mjs";

let editor;
let traffic;

before(async () => {
  traffic = tee(process.env.NBHOIST_BIN);
  const code = (id, source) => ({ cell_type: "code", id, metadata: {}, execution_count: null, outputs: [], source });
  const metadata = { kernelspec: { name: "python3", display_name: "Python 3", language: "python" }, language_info: { name: "python" } };
  const cells = [code("data", "rows = [1, 2]"), code("heavy", "# nbhoist: block heavy\ntotal = sum(rows)")];
  editor = await Editor.open({
    files: { "plain.ipynb": JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells }) },
    extensions: [join(process.env.NBHOIST_VSCODE, "nbhoist.vsix")],
    environment: { NBHOIST_SERVER: traffic.command, ...traffic.environment },
    trusted: false,
  });
  await editor.openNotebook("plain.ipynb");
});

after(() => editor?.close());

/** The messages of this method that the editor sent, oldest first. */
function sent(method) {
  const lines = readFileSync(traffic.log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  return lines.filter(({ from, message }) => from === "client" && message.method === method).map(({ message }) => message.params);
}

const lens = () => editor.page.locator(".codelens-decoration", { hasText: "run block heavy on local" }).first();

test("a folder that is not trusted is analyzed, and nothing is moved out of it", async () => {
  const { page } = editor;
  await editor.enter("nbhoist: block heavy");
  await lens().waitFor();
  assert.equal(sent("initialize")[0].initializationOptions.trusted, false);
  await page.keyboard.press("Control+.");
  await page.locator(".action-widget .monaco-list-row", { hasText: /^Run cell 2 on local/ }).click();
  await page.locator(".notification-toast", { hasText: "nothing is moved while this workspace is not trusted" }).waitFor();
  assert.deepEqual(sent("workspace/executeCommand"), [], "the server was not even asked");
  await editor.command("Notifications: Clear All Notifications");
});

test("the log is shown when asked for, and after a restart the new server knows the notebook", async () => {
  const { page } = editor;
  await editor.command("nbhoist: Show Logs");
  // What is written there needs a native module that the installation of this test leaves out.
  const isShown = () => [...document.querySelectorAll(".part.panel select")].some((list) => list.selectedOptions[0]?.text === "nbhoist");
  // Frames, by which it would be asked otherwise, are not drawn while nothing moves.
  await page.waitForFunction(isShown, undefined, { polling: 200 });
  await editor.command("View: Hide Panel");
  await editor.command("nbhoist: Restart Server");
  const isKnown = () => sent("initialize").length === 2 && sent("notebookDocument/didOpen").length === 2;
  await editor.reached("a second server with the notebook", isKnown);
  assert.equal(sent("shutdown").length, 1, "the first one was ended in order");
  // What is asked from now on, the second one answers.
  await editor.enter("nbhoist: block heavy");
  await lens().waitFor();
  await page.keyboard.press("Control+.");
  await page.locator(".action-widget .monaco-list-row", { hasText: /^Run cell 2 on local/ }).waitFor();
  await page.keyboard.press("Escape");
});

test("trust is told to the server that runs", async () => {
  const { page } = editor;
  await editor.command("Workspaces: Manage Workspace Trust");
  await page.locator(".workspace-trust-editor .monaco-button", { hasText: /^Trust$/ }).first().click();
  const isTold = () => sent("workspace/didChangeConfiguration").at(-1)?.settings.nbhoist.trusted === true;
  await editor.reached("the trust", isTold);
});

test("the walkthrough opens with its steps", async () => {
  const { page } = editor;
  await editor.command("Welcome: Open Walkthrough...");
  const choice = page.locator(".quick-input-widget .monaco-list-row", { hasText: "Get started with nbhoist" });
  await choice.waitFor();
  await choice.click();
  const steps = page.locator(".gettingStartedContainer .getting-started-step .step-title");
  await steps.nth(3).waitFor();
  const titles = (await steps.allInnerTexts()).map((title) => title.trim());
  assert.deepEqual(titles, ["Open a notebook", "Have a kernel", "Run cells elsewhere", "Name the places you can use"]);
});
