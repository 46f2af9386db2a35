// Makes the vsix for one platform, with the server's binary in it:
//   npm run package -- --server PATH [--target linux-x64] [--out FILE]
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({ options: { server: { type: "string" }, target: { type: "string" }, out: { type: "string" } } });
const target = values.target ?? `${process.platform}-${process.arch}`;
const binary = target.startsWith("win32") ? "nbhoist.exe" : "nbhoist";
const server = resolve(values.server ?? join(here, "../target/dist", binary));
const out = resolve(values.out ?? join(here, `nbhoist-${target}.vsix`));

const run = (program, ...args) => {
  const { status, error } = spawnSync(program, args, { cwd: here, stdio: "inherit" });
  if (status !== 0) {
    console.error(`${program} ${args.join(" ")} failed: ${error?.message ?? `exit code ${status}`}`);
    process.exit(1);
  }
};

rmSync(join(here, "server"), { recursive: true, force: true });
mkdirSync(join(here, "server"));
copyFileSync(server, join(here, "server", binary));
chmodSync(join(here, "server", binary), 0o755);
for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) {
  cpSync(join(here, "..", license), join(here, license));
}
mkdirSync(dirname(out), { recursive: true });
run(process.execPath, join(here, "node_modules/@vscode/vsce/vsce"), "package", "--no-dependencies", "--target", target, "--out", out);
