/** Finds the `nbhoist` command: setting, environment, PATH, then the one that came with the extension. */

import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";

const run = promisify(execFile);
const executable = process.platform === "win32" ? "nbhoist.exe" : "nbhoist";

export interface Server {
  path: string;
  version: string;
  /** Where it was found, for people. */
  from: string;
}

interface Candidate {
  path: string;
  from: string;
  /** The user named it: when it does not work, another one in its place would be a surprise. */
  named: boolean;
}

export async function findServer(context: vscode.ExtensionContext): Promise<Server> {
  const tried: string[] = [];
  for (const candidate of candidates(context)) {
    try {
      const version = await versionOf(candidate.path);
      return { path: candidate.path, version, from: candidate.from };
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
      if (candidate.named) {
        throw new Error(`${candidate.from} names ${candidate.path}, which does not run: ${reason}. Correct it, or remove it to use another nbhoist.`);
      }
      tried.push(`${candidate.path} (${candidate.from}): ${reason}`);
    }
  }
  const looked = tried.length > 0 ? ` Tried ${tried.join("; ")}.` : "";
  throw new Error(`No nbhoist command found.${looked} Install it with "pip install nbhoist", or set nbhoist.serverPath.`);
}

function* candidates(context: vscode.ExtensionContext): Generator<Candidate> {
  const setting = vscode.workspace.getConfiguration("nbhoist").get<string>("serverPath");
  if (setting) {
    yield { path: setting, from: "the setting nbhoist.serverPath", named: true };
  }
  const variable = process.env["NBHOIST_SERVER"];
  if (variable) {
    yield { path: variable, from: "the environment variable NBHOIST_SERVER", named: true };
  }
  for (const folder of (process.env["PATH"] ?? "").split(path.delimiter)) {
    // A relative entry would look into whatever folder is open.
    const file = path.join(folder, executable);
    if (path.isAbsolute(folder) && fs.existsSync(file)) {
      yield { path: file, from: "PATH", named: false };
    }
  }
  const bundled = context.asAbsolutePath(path.join("server", executable));
  if (fs.existsSync(bundled)) {
    yield { path: bundled, from: "the extension", named: false };
  }
}

/** `nbhoist 0.1.0` -> `0.1.0`. */
async function versionOf(file: string): Promise<string> {
  const { stdout } = await run(file, ["--version"], { timeout: 10_000 });
  const version = /^nbhoist (\S+)/.exec(stdout)?.[1];
  if (version === undefined) {
    throw new Error(`--version answers "${stdout.trim().slice(0, 60)}", so it is another program`);
  }
  return version;
}
