# Runs code in an ipykernel: a JSON object a line in, outputs and the end of each job out.
import json
import sys

from jupyter_client.manager import start_new_kernel

manager, client = start_new_kernel(kernel_name="python3")
for line in sys.stdin:
    asked = json.loads(line)

    def tell(**fields):
        print(json.dumps({"job": asked["job"], **fields}), flush=True)

    def output(message):
        content = message["content"]
        kind = message["header"]["msg_type"]
        if kind == "stream":
            tell(text=content["text"])
        elif kind == "error":
            tell(text="\n".join(content["traceback"]))
        elif kind in ("execute_result", "display_data"):
            tell(text=content["data"]["text/plain"])

    reply = client.execute_interactive(asked["code"], store_history=asked["store"], output_hook=output)["content"]
    tell(done={"ok": reply["status"] == "ok", "count": reply.get("execution_count")})
client.stop_channels()
manager.shutdown_kernel(now=True)
