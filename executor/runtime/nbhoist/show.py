"""Shows what a cell puts out elsewhere as the output of the cell that waits here."""

import sys


def show(shell, frame):
    """Show one output frame."""
    op = frame["op"]
    if op == "stream":
        stream = sys.stderr if frame.get("name") == "stderr" else sys.stdout
        stream.write(frame.get("text") or "")
        stream.flush()
    elif op in ("display_data", "update_display_data"):
        more = {"update": True} if op == "update_display_data" else {}
        shell.display_pub.publish(frame["data"], frame.get("metadata") or {}, transient=frame.get("transient") or {}, **more)
    elif op == "execute_result":
        hook = shell.displayhook
        hook.start_displayhook()
        hook.write_output_prompt()
        hook.write_format_data(frame["data"], frame.get("metadata") or {})
        hook.finish_displayhook()
    elif op == "clear_output":
        shell.display_pub.clear_output(wait=bool(frame.get("wait")))
    elif op == "note":
        note(frame.get("text") or "")


def note(text):
    """A line of nbhoist's own, apart from what the cell prints."""
    sys.stderr.write("nbhoist: %s\n" % text)
    sys.stderr.flush()
