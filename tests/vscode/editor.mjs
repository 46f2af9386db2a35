// A real VS Code: its server, and a page of it in Chromium.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";

export const here = dirname(fileURLToPath(import.meta.url));
const cache = process.env.NBHOIST_VSCODE;
const { chromium } = createRequire(join(cache, "package.json"))("playwright-core");
const pictures = process.env.NBHOIST_PICTURES;

/** How long anything may take, milliseconds; the environment says it in seconds. Machines that run tests are slow and shared. */
const PATIENCE = Number(process.env.NBHOIST_PATIENCE ?? 120) * 1000;

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const userSettings = {
  "security.workspace.trust.enabled": false,
  "workbench.startupEditor": "none",
  "workbench.colorTheme": "Default Light Modern",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "window.commandCenter": false,
  "workbench.layoutControl.enabled": false,
  "workbench.activityBar.location": "hidden",
  "files.autoSave": "off",
  "notebook.output.scrolling": true,
  "editor.occurrencesHighlight": "off",
};

/** A folder that nobody has said to trust. */
const restricted = {
  "security.workspace.trust.enabled": true,
  "security.workspace.trust.startupPrompt": "never",
  "security.workspace.trust.banner": "never",
};

/** Free ports change hands, but not within milliseconds. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function run(args, environment) {
  const main = join(cache, "node_modules/code-server/lib/vscode/out/server-main.js");
  return spawn(process.execPath, [main, ...args], { env: environment, stdio: ["ignore", "pipe", "pipe"], detached: true });
}

export class Editor {
  /**
   * files: name -> contents, of the folder that is opened; extensions: vsix files;
   * environment: what the extension host sees; trusted: whether the folder is, without being asked.
   */
  static async open({ files, extensions, environment = {}, trusted = true, size = { width: 1280, height: 860 } }) {
    const editor = new Editor();
    editor.root = mkdtempSync(join(tmpdir(), "nbhoist-vscode-"));
    const [folder, user, data, installed] = ["work", "user", "data", "extensions"].map((name) => join(editor.root, name));
    editor.folder = folder;
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    mkdirSync(join(user, "User"), { recursive: true });
    writeFileSync(join(user, "User/settings.json"), JSON.stringify({ ...userSettings, ...(trusted ? {} : restricted) }));
    const places = ["--server-data-dir", data, "--user-data-dir", user, "--extensions-dir", installed, "--accept-server-license-terms"];
    // Nothing of this machine's configuration decides what is shown.
    const home = join(editor.root, "home");
    mkdirSync(home);
    const own = { HOME: home, XDG_CONFIG_HOME: join(home, ".config"), XDG_DATA_HOME: join(home, ".local/share"), XDG_CACHE_HOME: join(home, ".cache") };
    const whole = { ...process.env, ...own, ...environment };
    for (const extension of extensions) {
      await ended(run([...places, "--install-extension", extension, "--force"], whole));
    }
    const port = await freePort();
    const more = ["--host", "127.0.0.1", "--port", `${port}`, "--without-connection-token", "--telemetry-level", "off", ...(trusted ? ["--disable-workspace-trust"] : [])];
    editor.server = run([...places, ...more], whole);
    await said(editor.server, "Extension host agent listening on");
    const options = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags, viewport: size };
    editor.browser = await chromium.launchPersistentContext(join(editor.root, "browser"), options);
    editor.page = editor.browser.pages()[0] ?? (await editor.browser.newPage());
    editor.page.setDefaultTimeout(PATIENCE);
    await editor.page.goto(`http://127.0.0.1:${port}/?folder=${folder}`);
    await editor.page.locator(".explorer-viewlet .monaco-list-row").first().waitFor();
    return editor;
  }

  async close() {
    // What it looked like last, for whoever looks into a failure.
    await this.page?.screenshot({ path: join(cache, "last.png"), timeout: 10_000 }).catch(() => undefined);
    await this.browser?.close().catch(() => undefined);
    if (this.server?.exitCode === null) {
      const gone = new Promise((resolve) => this.server.once("exit", resolve));
      // The group: extension hosts, language servers and kernels go with it.
      process.kill(-this.server.pid, "SIGTERM");
      const late = setTimeout(() => process.kill(-this.server.pid, "SIGKILL"), 10_000);
      await gone;
      clearTimeout(late);
    }
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Opens a notebook from the explorer. Right after the start it would open as JSON, so it is tried again. */
  async openNotebook(name) {
    const cells = this.page.locator(".notebookOverlay .code-cell-row");
    for (let attempt = 1; ; attempt += 1) {
      await this.page.locator(".explorer-viewlet .monaco-list-row", { hasText: name }).dblclick();
      try {
        await cells.first().waitFor({ timeout: attempt < 4 ? 15_000 : PATIENCE });
        this.name = name;
        return await this.command("View: Close Primary Side Bar");
      } catch (error) {
        if (attempt === 4) throw error;
        await this.command("View: Close All Editors");
      }
    }
  }

  /** Runs a command by its title. */
  async command(title) {
    const input = this.page.locator(".quick-input-widget input").first();
    // Enter takes the row that has the focus, which is another one until the list has been filtered.
    const row = this.page.locator(".quick-input-widget .monaco-list-row.focused", { hasText: title }).first();
    // What opens late, such as a panel, takes the focus, and the list closes without it: then it is opened again.
    for (let attempt = 1; ; attempt += 1) {
      const patience = { timeout: attempt < 4 ? 10_000 : PATIENCE };
      await this.page.keyboard.press("F1");
      try {
        await input.fill(`>${title}`, patience);
        await row.waitFor(patience);
        break;
      } catch (error) {
        if (attempt === 4) throw error;
      }
    }
    await this.page.keyboard.press("Enter");
    // The widget may stay, with a list of the command's own.
    await row.waitFor({ state: "hidden" });
  }

  /** Focuses the cell whose text contains this, by keys as a person does, and answers its row. */
  async cell(text) {
    const { keyboard } = this.page;
    const source = (cell) => [cell.source].flat().join("");
    const index = this.onDisk().cells.findIndex((cell) => cell.cell_type === "code" && source(cell).includes(text));
    if (index < 0) throw new Error(`no cell with ${JSON.stringify(text)}`);
    // The row of a markdown cell has no height of its own, so it counts as hidden.
    const focused = (at) => this.page.locator(`.notebookOverlay .cell-list-container .monaco-list-row.focused[data-index="${at}"]`);
    for (const key of ["Escape", "Escape", "Control+Home"]) await keyboard.press(key);
    await focused(0).waitFor({ state: "attached" });
    for (let step = 1; step <= index; step += 1) {
      await keyboard.press("ArrowDown");
      await focused(step).waitFor({ state: "attached" });
    }
    await focused(index).locator(".view-line").first().waitFor();
    return this.page.locator(".notebookOverlay .cell-list-container .monaco-list-row.code-cell-row.focused");
  }

  /** Puts the cursor into the cell. */
  async enter(text) {
    const row = await this.cell(text);
    await this.page.keyboard.press("Enter");
    await row.locator(".monaco-editor.focused").first().waitFor();
    return row;
  }

  /** Runs the cell by its button; Ctrl+Enter is a key of the Jupyter extension. */
  async runCell(text) {
    const row = await this.cell(text);
    await row.locator(".run-button-container .action-label").first().click();
  }

  /** The notebook as it is saved; without cells while the editor writes it. */
  onDisk() {
    try {
      return JSON.parse(readFileSync(join(this.folder, this.name), "utf8"));
    } catch (error) {
      if (error instanceof SyntaxError) return { cells: [] };
      throw error;
    }
  }

  /** Saves until the notebook is as wanted: what a person finds tomorrow. */
  async until(what, isReached, patience = PATIENCE) {
    const end = Date.now() + patience;
    const tab = this.page.locator(".tabs-container .tab.active");
    const dirty = tab.and(this.page.locator(".dirty"));
    for (;;) {
      await this.page.keyboard.press("Control+s");
      // A key may be lost while the focus moves, so neither the save nor the next change is waited for without end.
      await dirty.waitFor({ state: "detached", timeout: 3000 }).catch(() => undefined);
      const { cells } = this.onDisk();
      const find = (id) => cells.find((cell) => cell.id === id);
      if (cells.length > 0 && isReached(find)) return find;
      if (Date.now() > end) {
        const seen = cells.filter((cell) => cell.cell_type === "code").map((cell) => [cell.id, cell.execution_count, textOf(cell).slice(-300)]);
        throw new Error(`${what} did not come about; cells: ${JSON.stringify(seen)}`);
      }
      await dirty.waitFor({ timeout: 1000 }).catch(() => undefined);
    }
  }

  /** Waits until something outside of the page is so. */
  async reached(what, isReached) {
    const end = Date.now() + PATIENCE;
    while (!isReached()) {
      if (Date.now() > end) throw new Error(`${what} did not come about`);
      await this.page.waitForTimeout(100);
    }
  }

  /** Keeps a picture for the README, of the window's part that these elements are in; nothing where none are asked for. */
  async picture(name, ...shown) {
    if (!pictures) return;
    const boxes = (await Promise.all(shown.map((element) => element.first().boundingBox()))).filter(Boolean);
    const { width, height } = this.page.viewportSize();
    const top = Math.max(0, Math.min(...boxes.map((box) => box.y)) - 28);
    const bottom = Math.min(height, Math.max(...boxes.map((box) => box.y + box.height)) + 28);
    const clip = boxes.length > 0 ? { x: 0, y: top, width, height: bottom - top } : undefined;
    await this.page.screenshot({ path: join(pictures, `${name}.png`), ...(clip ? { clip } : {}) });
  }

  /** The element in whichever frame has it: webviews are frames in frames. */
  async inFrames(selector) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      for (const frame of this.page.frames()) {
        const found = frame.locator(selector).first();
        if (await found.count().catch(() => 0)) return found;
      }
      if (Date.now() > end) throw new Error(`no frame has ${selector}`);
      await this.page.waitForTimeout(200);
    }
  }
}

/** All text that a cell shows. */
export function textOf(cell) {
  const texts = cell.outputs.map((output) => output.text ?? output.data?.["text/plain"] ?? output.traceback ?? []);
  return texts.map((text) => (Array.isArray(text) ? text.join("") : text)).join("\n");
}

/** A server command that writes down what the editor and the server say to each other. */
export function tee(binary) {
  const folder = mkdtempSync(join(tmpdir(), "nbhoist-tee-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const script = join(folder, "nbhoist");
  writeFileSync(script, `#!${process.env.NBHOIST_TEST_PYTHON}\n${readFileSync(join(here, "tee.py"), "utf8")}`, { mode: 0o755 });
  return { command: script, environment: { NBHOIST_TEE_SERVER: binary, NBHOIST_TEE_LOG: join(folder, "traffic.jsonl") }, log: join(folder, "traffic.jsonl") };
}

function ended(child) {
  return new Promise((resolve, reject) => {
    let printed = "";
    child.stdout.on("data", (data) => (printed += data));
    child.stderr.on("data", (data) => (printed += data));
    child.once("exit", (code) => (code === 0 ? resolve(printed) : reject(new Error(printed))));
  });
}

function said(child, text) {
  return new Promise((resolve, reject) => {
    let printed = "";
    const look = (data) => {
      printed += data;
      if (printed.includes(text)) resolve();
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.once("exit", () => reject(new Error(`VS Code ended: ${printed}`)));
  });
}
