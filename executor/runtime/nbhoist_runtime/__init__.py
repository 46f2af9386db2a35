"""The Python side of nbhoist: it carries state out of a live kernel, runs cells elsewhere and brings the results back.

The same package runs in the user's kernel (`kernel`) and in the worker (`worker`). `docs/worker-protocol.md` is the contract.
"""

PROTOCOL = 3
