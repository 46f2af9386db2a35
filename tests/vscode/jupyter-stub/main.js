// A controller on a real ipykernel, and the part of the Jupyter extension's public API that nbhoist uses.
const vscode = require("vscode");
const { spawn } = require("node:child_process");
const { createInterface } = require("node:readline");
const path = require("node:path");

class Kernel {
  language = "python";
  status = "idle";
  #waiting = new Map();
  #last = 0;

  constructor() {
    const child = spawn(process.env.NBHOIST_TEST_PYTHON, ["-u", path.join(__dirname, "kernel.py")], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const message = JSON.parse(line);
      this.#waiting.get(message.job)?.(message);
    });
  }

  #child;

  /** Calls back for each output; answers `{ok, count}`. */
  run(code, store, onOutput) {
    const job = (this.#last += 1);
    return new Promise((resolve) => {
      this.#waiting.set(job, (message) => (message.done ? resolve(message.done) : onOutput(message)));
      this.#child.stdin.write(`${JSON.stringify({ job, code, store })}\n`);
    });
  }

  async *executeCode(code) {
    const outputs = [];
    await this.run(code, false, ({ text }) => outputs.push(text));
    for (const text of outputs) {
      yield { items: [{ mime: "application/vnd.code.notebook.stdout", data: new TextEncoder().encode(text) }] };
    }
  }

  end() {
    this.#child.stdin.end();
  }
}

exports.activate = (context) => {
  const kernels = new Map();
  const controller = vscode.notebooks.createNotebookController("stub-python", "jupyter-notebook", "Stub Python");
  controller.supportedLanguages = ["python"];
  controller.supportsExecutionOrder = true;
  controller.executeHandler = async (cells, notebook) => {
    const key = notebook.uri.toString();
    if (!kernels.has(key)) kernels.set(key, new Kernel());
    for (const cell of cells) {
      const execution = controller.createNotebookCellExecution(cell);
      execution.start(Date.now());
      await execution.clearOutput();
      const done = await kernels.get(key).run(cell.document.getText(), true, ({ text }) => {
        void execution.appendOutput(new vscode.NotebookCellOutput([vscode.NotebookCellOutputItem.stdout(text)], { outputType: "stream" }));
      });
      execution.executionOrder = done.count;
      execution.end(done.ok, Date.now());
    }
  };
  // The editor lists kernels of this extension only through an interface that is not public.
  const select = () => vscode.commands.executeCommand("notebook.selectKernel", { id: "stub-python", extension: "ms-toolsai.jupyter" });
  context.subscriptions.push(vscode.commands.registerCommand("stub.select", select), controller, { dispose: () => kernels.forEach((kernel) => kernel.end()) });
  return { kernels: { getKernel: async (uri) => kernels.get(uri.toString()) } };
};
