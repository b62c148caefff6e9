"""celery -A saleor --app=saleor.celeryconf:app worker | beat"""
import socket

from celery import Celery

from . import catalogue, settings

settings.check()
app = Celery("saleor", broker=settings.BROKER_URL)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    # a broker that has failed over is found again, by a worker and by a request alike
    broker_connection_retry=True,
    broker_connection_max_retries=None,
    broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 10, "socket_keepalive": True, "health_check_interval": 5},
    beat_schedule={"heartbeat": {"task": "heartbeat", "schedule": 10.0, "options": {"expires": 60}}},
    beat_max_loop_interval=10,
)


@app.task(name="deliver", autoretry_for=(Exception,), retry_backoff=1, retry_backoff_max=10, max_retries=None)
def deliver(order):
    """A game key for an order: exactly one, however often the message comes."""
    catalogue.deliver(order, socket.gethostname())


@app.task(name="heartbeat")
def heartbeat():
    """What celery-beat leaves in the table core_heartbeat every ten seconds."""
    catalogue.heartbeat(socket.gethostname())
