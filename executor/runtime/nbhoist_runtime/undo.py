"""A log of how to take changes back."""


class UndoLog:
    """Steps are taken back in reverse order; a step that fails does not keep the others from being taken back."""

    def __init__(self):
        self._steps = []

    def add(self, step, *arguments):
        """Remember that `step(*arguments)` takes back what is done next."""
        self._steps.append((step, arguments))

    def roll_back(self):
        """Take everything back; returns the errors met."""
        errors = []
        while self._steps:
            step, arguments = self._steps.pop()
            try:
                step(*arguments)
            except Exception as error:
                errors.append(error)
        return errors
