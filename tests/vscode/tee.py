# Stands between an editor and the server and writes down every message, one JSON object a line.
import json, os, subprocess, sys, threading

server = os.environ["NBHOIST_TEE_SERVER"]
if sys.argv[1:2] != ["server"]:
    sys.exit(subprocess.call([server, *sys.argv[1:]]))
log = open(os.environ["NBHOIST_TEE_LOG"], "a", encoding="utf-8")
lock = threading.Lock()


def pump(source, sink, who):
    while True:
        header = b""
        while not header.endswith(b"\r\n\r\n"):
            byte = source.read(1)
            if not byte:
                sink.close()
                return
            header += byte
        length = next(int(line[15:]) for line in header.decode().splitlines() if line.lower().startswith("content-length:"))
        body = source.read(length)
        with lock:
            log.write(json.dumps({"from": who, "message": json.loads(body)}, ensure_ascii=False) + "\n")
            log.flush()
        sink.write(header + body)
        sink.flush()


child = subprocess.Popen([server, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
threading.Thread(target=pump, args=(sys.stdin.buffer, child.stdin, "client"), daemon=True).start()
pump(child.stdout, sys.stdout.buffer, "server")
sys.exit(child.wait())
