"""The part of a Kubernetes API server that kubectl needs to create a pod, run a program in it and delete it. A pod is a process here.

    python fake_kubernetes.py PORT TOKEN CERTIFICATE KEY

No real API server can be had from a package registry; what is tested with this one is the real kubectl and what we tell it.
"""

import asyncio
import json
import ssl
import sys
import uuid

from aiohttp import WSMsgType, web

PORT, TOKEN = int(sys.argv[1]), sys.argv[2]
PODS = "/api/v1/namespaces/{namespace}/pods"
pods = {}


@web.middleware
async def authenticate(request, handler):
    if request.headers.get("Authorization") != "Bearer " + TOKEN:
        return status(401, "Unauthorized", "Unauthorized")
    return await handler(request)


def status(code, reason, message):
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": message}
    return web.json_response(body, status=code)


async def version(_):
    return web.json_response({"major": "1", "minor": "32", "gitVersion": "v1.32.0", "platform": "linux/amd64"})


async def api(_):
    return web.json_response({"kind": "APIVersions", "versions": ["v1"]})


async def groups(_):
    return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})


async def resources(_):
    verbs = ["create", "delete", "get", "list", "watch"]
    names = [("pods", "Pod", verbs), ("pods/exec", "PodExecOptions", ["create", "get"])]
    listed = [
        {"name": name, "singularName": name.split("/")[0][:-1], "namespaced": True, "kind": kind, "verbs": can} for name, kind, can in names
    ]
    return web.json_response({"kind": "APIResourceList", "groupVersion": "v1", "resources": listed})


async def create(request):
    pod = await request.json()
    name = pod["metadata"]["name"]
    if name in pods:
        return status(409, "AlreadyExists", 'pods "%s" already exists' % name)
    pod["metadata"].update(uid=str(uuid.uuid4()), resourceVersion="1", namespace=request.match_info["namespace"])
    limits = pod["spec"]["containers"][0].get("resources", {}).get("limits", {})
    print("pod", name, json.dumps(limits), flush=True)
    container = {"name": pod["spec"]["containers"][0]["name"], "ready": True, "state": {"running": {}}}
    conditions = [{"type": "Ready", "status": "True"}]
    pod["status"] = {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}
    pods[name] = (pod, [])
    return web.json_response(pod, status=201)


async def get(request):
    name = request.match_info["name"]
    if name not in pods:
        return status(404, "NotFound", 'pods "%s" not found' % name)
    return web.json_response(pods[name][0])


async def listing(request):
    found = [pod for pod, _ in pods.values()]
    selector = request.query.get("fieldSelector", "")
    if selector.startswith("metadata.name="):
        found = [pod for pod in found if pod["metadata"]["name"] == selector.split("=", 1)[1]]
    if not request.query.get("watch"):
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": found})
    stream = web.StreamResponse()
    await stream.prepare(request)
    for pod in found:
        await stream.write(json.dumps({"type": "ADDED", "object": pod}).encode() + b"\n")
    await asyncio.sleep(2)
    return stream


async def delete(request):
    pod, processes = pods.pop(request.match_info["name"], (None, ()))
    if pod is None:
        return status(404, "NotFound", "no such pod")
    for process in processes:
        if process.returncode is None:
            process.kill()
    return web.json_response(pod)


async def execute(request):
    """`v5.channel.k8s.io`: the first byte of a message is the stream's number; 255 closes one."""
    socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io",), max_msg_size=0)
    await socket.prepare(request)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*request.query.getall("command"), stdin=pipe, stdout=pipe, stderr=pipe)
    pods[request.match_info["name"]][1].append(process)
    outputs = asyncio.gather(pump(process.stdout, socket, 1), pump(process.stderr, socket, 2))
    inputs = asyncio.create_task(feed(socket, process))
    await outputs
    code = await process.wait()
    said = {"metadata": {}, "status": "Success"}
    if code:
        causes = {"causes": [{"reason": "ExitCode", "message": str(code if code > 0 else 128 - code)}]}
        said = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "message": "exit code %d" % code, "details": causes}
    try:
        await socket.send_bytes(b"\x03" + json.dumps(said).encode())
    except ConnectionError:
        pass
    await socket.close()
    inputs.cancel()
    return socket


async def pump(stream, socket, number):
    while True:
        data = await stream.read(1 << 16)
        if not data:
            return
        try:
            await socket.send_bytes(bytes([number]) + data)
        except ConnectionError:
            return


async def feed(socket, process):
    """A connection that is lost closes the program's input, as a container's runtime does."""
    async for message in socket:
        if message.type == WSMsgType.BINARY and message.data[0] == 0:
            process.stdin.write(message.data[1:])
            await process.stdin.drain()
        elif message.type == WSMsgType.BINARY and message.data[0] == 255:
            break
    process.stdin.close()


application = web.Application(client_max_size=1 << 30, middlewares=[authenticate])
application.add_routes([
    web.get("/version", version), web.get("/api", api), web.get("/apis", groups), web.get("/api/v1", resources),
    web.post(PODS, create), web.get(PODS, listing), web.get(PODS + "/{name}", get), web.delete(PODS + "/{name}", delete),
    web.get(PODS + "/{name}/exec", execute),
])
# kubectl keeps a token to itself where the connection is not encrypted.
encryption = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
encryption.load_cert_chain(sys.argv[3], sys.argv[4])
web.run_app(application, host="127.0.0.1", port=PORT, print=None, ssl_context=encryption)
