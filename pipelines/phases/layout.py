"""Where everything lies under OUT."""

from typing import NamedTuple

from pipelines import storage


class Layout(NamedTuple):
    """Paths of one output tree."""

    out: str

    @property
    def work(self) -> str:
        """What a build needs only for itself; may be deleted, and is then made again."""
        return storage.join(self.out, "work")

    @property
    def plan(self) -> str:
        """The plan that the next phases take up."""
        return storage.join(self.work, "plan.json")

    @property
    def assembled(self) -> str:
        """Rejects of the assemble phase, shard by shard."""
        return storage.join(self.work, "assemble")

    @property
    def replies_url(self) -> str:
        """The reply store, unless the user names another."""
        return f"sqlite:///{storage.join(self.work, 'replies.sqlite')}"

    @property
    def rejects(self) -> str:
        """Every rejected record, a file a stage."""
        return storage.join(self.out, "rejects")
