from celery.beat import Scheduler


class DatabaseScheduler(Scheduler):
    """The name under which Saleor's own keeps its schedule in the database; like it, this one writes no file."""
