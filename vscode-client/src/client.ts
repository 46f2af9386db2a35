/** The connection to `nbhoist server`. */

import * as vscode from "vscode";
import { type Executable, LanguageClient, type LanguageClientOptions, State, type StaticFeature, TransportKind } from "vscode-languageclient/node";
import { findServer } from "./serverPath";
import { message } from "./words";

/** Commands of the server that the extension handles before the server does. */
export type Intercept = (command: string, args: unknown[]) => Promise<unknown> | undefined;

/** Starts, restarts and stops the server. Listeners and interceptors outlive a restart. */
export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private starting: Promise<void> = Promise.resolve();
  private readonly listeners: [string, (params: any) => void][] = [];
  private readonly settingFiles = vscode.workspace.createFileSystemWatcher("**/{nbhoist,pyproject}.toml");
  private readonly stopped = new vscode.EventEmitter<void>();
  private readonly started = new vscode.EventEmitter<void>();
  readonly onDidStop = this.stopped.event;
  readonly onDidStart = this.started.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly log: vscode.LogOutputChannel,
    private readonly intercept: Intercept,
  ) {}

  /** Listens to a notification of the server; to be called before the first start. */
  on<Params>(method: string, listener: (params: Params) => void): void {
    this.listeners.push([method, listener]);
  }

  get isRunning(): boolean {
    return this.client?.state === State.Running;
  }

  async request<Answer>(method: string, params: object): Promise<Answer> {
    return (await this.running()).sendRequest<Answer>(method, params);
  }

  async command<Answer>(name: string, argument: object): Promise<Answer> {
    return this.request("workspace/executeCommand", { command: name, arguments: [argument] });
  }

  async notify(method: string, params: object): Promise<void> {
    if (this.isRunning) {
      await this.client?.sendNotification(method, params);
    }
  }

  /** Tells the server the options as they are now; one that starts was given those of before. */
  async tellOptions(): Promise<void> {
    await this.starting;
    await this.notify("workspace/didChangeConfiguration", { settings: { nbhoist: await options() } });
  }

  /** Starts the server, in the place of one that runs. */
  restart(): Promise<void> {
    this.starting = this.starting.then(async () => {
      await this.stop();
      await this.start();
    });
    return this.starting;
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    // One that failed to start, or has died, cannot be stopped.
    await client?.stop().catch((error: unknown) => this.log.warn(message(error)));
    await client?.dispose().catch(() => undefined);
  }

  dispose(): void {
    void this.stop();
    this.settingFiles.dispose();
    this.stopped.dispose();
    this.started.dispose();
  }

  private async running(): Promise<LanguageClient> {
    await this.starting;
    if (this.client === undefined) {
      throw new Error('The nbhoist server does not run. "nbhoist: Show Logs" says why; "nbhoist: Restart Server" tries again.');
    }
    return this.client;
  }

  private async start(): Promise<void> {
    try {
      const found = await findServer(this.context);
      this.log.info(`nbhoist ${found.version} at ${found.path}, from ${found.from}`);
      const run: Executable = { command: found.path, args: ["server"], transport: TransportKind.stdio };
      const client = new LanguageClient("nbhoist", "nbhoist", { run, debug: run }, await this.clientOptions());
      client.registerFeature(abilities);
      for (const [method, listener] of this.listeners) {
        client.onNotification(method, listener);
      }
      client.onDidChangeState((change) => {
        if (change.newState === State.Stopped) {
          this.stopped.fire();
        } else if (change.newState === State.Running) {
          this.started.fire();
          // One that is started again after a crash is given the options of the first start.
          void this.tellOptions();
        }
      });
      this.client = client;
      await client.start();
    } catch (error) {
      await this.stop();
      this.log.error(message(error));
      void this.complain(message(error));
    }
  }

  private async complain(text: string): Promise<void> {
    const logs = "Show Logs";
    if ((await vscode.window.showErrorMessage(`nbhoist: ${text}`, logs)) === logs) {
      this.log.show();
    }
  }

  private async clientOptions(): Promise<LanguageClientOptions> {
    return {
      documentSelector: [
        { notebook: "jupyter-notebook", language: "python" },
        { scheme: "file", language: "python" },
      ],
      initializationOptions: await options(),
      outputChannel: this.log,
      synchronize: { fileEvents: this.settingFiles },
      middleware: {
        executeCommand: (name, args, next) => this.intercept(name, args) ?? next(name, args),
      },
    };
  }
}

/** The server may leave these things to this client. */
const abilities: StaticFeature = {
  fillClientCapabilities(capabilities) {
    capabilities.experimental = { ...(capabilities.experimental as object), nbhoist: { showPlan: true, kernel: true } };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};

async function options(): Promise<object> {
  const settings = vscode.workspace.getConfiguration("nbhoist");
  const chosen = <T>(name: string): T | undefined => {
    const found = settings.inspect<T>(name);
    // A default of ours must not win over what a configuration file says.
    return found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
  };
  return {
    hints: chosen<string>("hints"),
    heavySeconds: chosen<number>("heavySeconds") ?? undefined,
    python: settings.get<string>("python") || (await pythonOfEditor()),
    trusted: vscode.workspace.isTrusted,
  };
}

/** The interpreter that is chosen in the Python extension, where it is installed. */
async function pythonOfEditor(): Promise<string | undefined> {
  interface Python {
    environments?: { getActiveEnvironmentPath(): { path: string } };
  }
  const extension = vscode.extensions.getExtension<Python>("ms-python.python");
  if (!extension || !vscode.workspace.isTrusted) {
    return undefined;
  }
  try {
    const path = (await extension.activate()).environments?.getActiveEnvironmentPath().path;
    return path?.includes("python") ? path : undefined;
  } catch {
    return undefined;
  }
}
