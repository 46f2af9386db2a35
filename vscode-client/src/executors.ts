/** The places that can run a block, with what was found there. */

import * as vscode from "vscode";
import type { Server } from "./client";
import { type Executor, type Probe, request } from "./protocol";
import { bytes, message, seconds } from "./words";

/** Answers of probes stay good for this long, milliseconds. */
const FRESH = 5 * 60_000;

interface Item extends vscode.QuickPickItem {
  executor: Executor;
}

export class Executors {
  private readonly probes = new Map<string, { at: number; text: string }>();

  constructor(private readonly server: Server) {}

  /** Lets the user choose; every place is probed while the list is shown. */
  async pick(title: string, notebook: string | undefined): Promise<string | undefined> {
    const parameters = notebook === undefined ? {} : { notebook };
    const { executors } = await this.server.request<{ executors: Executor[] }>(request.executors, parameters);
    const list = vscode.window.createQuickPick<Item>();
    list.title = title;
    list.placeholder = "Where? Places are named in your own nbhoist.toml";
    list.matchOnDescription = true;
    const show = (): void => {
      const active = list.activeItems[0]?.executor.name;
      list.items = executors.map((executor) => this.item(executor));
      list.activeItems = list.items.filter((item) => item.executor.name === active);
    };
    show();
    void this.probeAll(executors.filter((executor) => executor.usable), parameters, list, show);
    return new Promise((resolve) => {
      list.onDidAccept(() => {
        const chosen = list.selectedItems[0]?.executor;
        if (chosen?.usable) {
          resolve(chosen.name);
          list.hide();
        }
      });
      list.onDidHide(() => {
        resolve(undefined);
        list.dispose();
      });
      list.show();
    });
  }

  private item(executor: Executor): Item {
    const probed = this.probes.get(executor.name)?.text ?? "asking ...";
    return {
      label: `$(${executor.usable ? "server" : "circle-slash"}) ${executor.name}`,
      description: executor.description,
      detail: executor.usable ? probed : (executor.problem ?? "cannot be used"),
      executor,
    };
  }

  private async probeAll(executors: Executor[], parameters: object, list: vscode.QuickPick<Item>, show: () => void): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      return;
    }
    list.busy = true;
    const stale = executors.filter(({ name }) => Date.now() - (this.probes.get(name)?.at ?? 0) > FRESH);
    await Promise.all(
      stale.map(async ({ name }) => {
        try {
          const probe = await this.server.request<Probe>(request.probe, { ...parameters, executor: name });
          this.probes.set(name, { at: Date.now(), text: described(probe) });
        } catch (error) {
          this.probes.set(name, { at: 0, text: `$(warning) ${message(error)}` });
        }
        show();
      }),
    );
    list.busy = false;
  }
}

function described(probe: Probe): string {
  const known = <T>(value: T | null, text: (value: T) => string): string[] => (value === null ? [] : [text(value)]);
  return [
    `Python ${probe.python}`,
    ...known(probe.processors, (count) => `${count} processor${count === 1 ? "" : "s"}`),
    ...known(probe.memory, (size) => bytes(size)),
    ...known(probe.start, (time) => `starts in ${seconds(time)}`),
    ...known(probe.latency, (time) => `${(time * 1000).toFixed(time < 0.01 ? 1 : 0)} ms away`),
  ].join(" · ");
}
